//! What reading the files of a log costs by itself.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};

/// Bytes of one read.
const READ_BYTES: usize = 1 << 20;

/// The segments of a log, in order.
pub(crate) fn segments(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// What a sequential read took.
pub(crate) struct Sequential {
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

/// Reads the files one after the other, as the kernel likes it best.
pub(crate) fn read(files: &[PathBuf]) -> Result<Sequential> {
    forget(files)?;
    let mut buffer = vec![0; READ_BYTES];
    let (begun, mut bytes) = (Instant::now(), 0);
    for file in files {
        let mut file = File::open(file)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => bytes += read as u64,
            }
        }
    }
    Ok(Sequential {
        bytes,
        elapsed: begun.elapsed(),
    })
}

/// Lets the kernel forget what it holds of the files.
pub(crate) fn forget(files: &[PathBuf]) -> Result<()> {
    for file in files {
        let file = File::open(file)?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_again_after_it_was_forgotten() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for (name, bytes) in [("b", READ_BYTES + 7), ("a", 5)] {
            fs::write(folder.path().join(name), vec![1; bytes])?;
        }
        let files = segments(folder.path())?;
        assert!(files.is_sorted() && files.len() == 2);
        assert_eq!(read(&files)?.bytes, READ_BYTES as u64 + 12);
        forget(&files)?;
        assert_eq!(read(&files)?.bytes, READ_BYTES as u64 + 12);
        Ok(())
    }
}
