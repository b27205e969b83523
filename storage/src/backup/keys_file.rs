//! The keys that go with a backup, in a file of their own: text, a line a key, all of them wrapped
//! by the master key as in the store, and at the end the SHA-256 of what stands before.
//!
//! ```text
//! everlog keys 1
//! batches 3
//! signing 8f0c…                  the wrapped key that signs checkpoints
//! key 00f3a1… current 01a7…      id; whether its subject still gets it; the stored key
//! sha256 5b1e…
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use everlog_domain::envelope::DataKeyId;
use everlog_domain::hash::Hash;

use crate::keys::{CarriedKey, CarriedKeys};

const TITLE: &str = "everlog keys 1";
const CURRENT: &str = "current";
const FORMER: &str = "former";
const OWNER_ONLY: u32 = 0o600;

/// Whole or not at all, durable, and readable by its owner only.
pub(super) fn write(path: &Path, keys: &CarriedKeys) -> io::Result<()> {
    let new = path.with_added_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ONLY)
        .open(&new)?;
    file.write_all(format(keys).as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn format(keys: &CarriedKeys) -> String {
    let mut lines = vec![
        TITLE.to_owned(),
        format!("batches {}", keys.batches),
        format!("signing {}", hex::encode(&keys.signing)),
    ];
    lines.extend(keys.keys.iter().map(|key| {
        let standing = if key.is_current { CURRENT } else { FORMER };
        let (id, stored) = (key.id.0, hex::encode(&key.stored));
        format!("key {id:016x} {standing} {stored}")
    }));
    let body = lines.join("\n") + "\n";
    let checksum = Hash::of_bytes(body.as_bytes());
    format!("{body}sha256 {checksum}\n")
}

/// # Errors
/// What is wrong with it, as a sentence.
pub(super) fn read(path: &Path) -> Result<CarriedKeys, String> {
    parse(&fs::read_to_string(path).map_err(|error| error.to_string())?)
}

fn parse(text: &str) -> Result<CarriedKeys, String> {
    if !text.starts_with(TITLE) {
        return Err(format!("expected \"{TITLE}\" at its beginning"));
    }
    let damaged = || "it is damaged: its last line is not the SHA-256 of those before".to_owned();
    let (body, checksum) = text
        .strip_suffix('\n')
        .and_then(|text| text.rsplit_once('\n'))
        .ok_or_else(damaged)?;
    let whole = Hash::of_bytes(format!("{body}\n").as_bytes());
    if checksum.strip_prefix("sha256 ") != Some(whole.to_string().as_str()) {
        return Err(damaged());
    }
    let mut lines = body.lines().skip(1);
    let mut after = |name: &str| lines.next().and_then(|line| line.strip_prefix(name));
    let batches = after("batches ").and_then(|text| text.parse().ok());
    let signing = after("signing ").and_then(|text| hex::decode(text).ok());
    let keys: Option<Vec<_>> = lines.map(key).collect();
    match (batches, signing, keys) {
        (Some(batches), Some(signing), Some(keys)) => Ok(CarriedKeys {
            batches,
            signing,
            keys,
        }),
        _ => Err("a line of it is not in the form that this release knows".to_owned()),
    }
}

fn key(line: &str) -> Option<CarriedKey> {
    let mut words = line.strip_prefix("key ")?.splitn(3, ' ');
    let id = u64::from_str_radix(words.next()?, 16).ok()?;
    let is_current = match words.next()? {
        CURRENT => true,
        FORMER => false,
        _ => return None,
    };
    Some(CarriedKey {
        id: DataKeyId(id),
        is_current,
        stored: hex::decode(words.next()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> CarriedKeys {
        let key = |id, is_current| CarriedKey {
            id: DataKeyId(id),
            is_current,
            stored: vec![1, 2, u8::try_from(id).unwrap()],
        };
        CarriedKeys {
            batches: 7,
            signing: vec![9; 60],
            keys: vec![key(3, true), key(200, false)],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&format(&keys())), Ok(keys()));
    }

    #[test]
    fn a_file_with_another_bit_or_cut_short_is_none() {
        let text = format(&keys());
        for at in 0..text.len() {
            assert!(parse(&text[..at]).is_err(), "cut at {at}");
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1;
            let flipped = String::from_utf8(flipped).unwrap();
            assert!(parse(&flipped).is_err(), "flipped at {at}");
        }
    }
}
