//! What can happen to one file: a cut, zeros, a flipped bit, the file gone.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use proptest::prelude::RngExt;

use super::fate::random;
use super::image::{FileImage, PAGE};
use super::segment::{START_BYTES, batch_starts};

#[derive(Clone, Debug)]
pub(super) enum Harm {
    Cut { at: u64 },
    Zeroed { at: u64, length: usize },
    Flipped { at: u64, bit: u8 },
    Gone,
}

impl Harm {
    pub(super) fn inflict(&self, path: &Path) -> std::io::Result<()> {
        let open =
            || -> std::io::Result<File> { OpenOptions::new().read(true).write(true).open(path) };
        match *self {
            Self::Cut { at } => open()?.set_len(at),
            Self::Zeroed { at, length } => open()?.write_all_at(&vec![0; length], at),
            Self::Flipped { at, bit } => {
                let file = open()?;
                let mut byte = [0];
                file.read_exact_at(&mut byte, at)?;
                file.write_all_at(&[byte[0] ^ (1 << bit)], at)
            }
            Self::Gone => std::fs::remove_file(path),
        }
    }
}

/// Evenly over the part that holds data: zeros are reserved beyond the last batch.
pub(super) fn cuts(file: &FileImage, places: u64) -> Vec<Harm> {
    let end = used(file);
    let places = places.min(end);
    (0..places)
        .map(|place| Harm::Cut {
            at: end * place / places,
        })
        .collect()
}

fn used(file: &FileImage) -> u64 {
    let last = file.pages.last_key_value();
    last.map_or(file.size, |(number, bytes)| {
        let inside = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |place| place + 1);
        number * PAGE as u64 + inside as u64
    })
}

pub(super) fn flips(file: &FileImage, number: u64, seed: u64) -> Vec<Harm> {
    let mut random = random(seed);
    let end = used(file);
    (0..number)
        .map(|_| Harm::Flipped {
            at: random.random_range(0..end),
            bit: random.random_range(0..8),
        })
        .collect()
}

pub(super) fn zeroed_starts(path: &str, file: &FileImage) -> Vec<Harm> {
    if !path.ends_with(".segment") {
        return Vec::new();
    }
    batch_starts(&file.bytes(used(file)))
        .into_iter()
        .map(|at| Harm::Zeroed {
            at: at as u64,
            length: START_BYTES,
        })
        .collect()
}
