use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::MasterKeyRefused;

const FILE: &str = "master.key";
const NEXT_FILE: &str = "master.key.next";
const OWNER_ONLY: u32 = 0o600;

/// The 256-bit key that wraps all data keys, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// It was given, say by the environment.
    Given(MasterKey),
    /// A file with 64 hexadecimal digits.
    File(PathBuf),
    /// `master.key` in the data folder, made at the first start with a warning: whoever copies the
    /// folder has the key as well.
    InFolder,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Reads 64 hexadecimal digits, with white space around them.
    pub fn parse(text: &str) -> Result<Self, MasterKeyRefused> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| {
            MasterKeyRefused::Malformed {
                found: text.chars().count(),
            }
        })?;
        Ok(Self(bytes))
    }

    /// A new random key.
    pub fn generate() -> Result<Self, MasterKeyRefused> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(MasterKeyRefused::Randomness)?;
        Ok(Self(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The form that [`MasterKey::parse`] reads.
    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }
}

/// Whether a key may be made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstStart {
    Yes,
    No,
}

impl MasterKeySource {
    /// The key, made if this is the first start and nobody gave one.
    pub(crate) fn load(
        &self,
        data: &Path,
        first_start: FirstStart,
    ) -> Result<MasterKey, MasterKeyRefused> {
        match self {
            Self::Given(key) => Ok(key.clone()),
            Self::File(path) => read(path),
            Self::InFolder => {
                let path = data.join(FILE);
                match (path.exists(), first_start) {
                    (true, _) => read(&path),
                    (false, FirstStart::No) => Err(MasterKeyRefused::Missing { path }),
                    (false, FirstStart::Yes) => make(&path),
                }
            }
        }
    }
}

pub(super) fn read(path: &Path) -> Result<MasterKey, MasterKeyRefused> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    MasterKey::parse(&text.map_err(|error| file(path, error))?)
}

fn make(path: &Path) -> Result<MasterKey, MasterKeyRefused> {
    let key = MasterKey::generate()?;
    replace(path, &key).map_err(|error| file(path, error))?;
    tracing::warn!(
        path = %path.display(),
        "made a master key beside the data that it protects: keep a copy elsewhere, and give it by file or environment"
    );
    Ok(key)
}

/// Durable and whole, or as it was before.
pub(super) fn replace(path: &Path, key: &MasterKey) -> io::Result<()> {
    let next = path.with_added_extension("next");
    write_new(&next, key)?;
    finish(&next, path)
}

fn write_new(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    file.write_all(key.to_hex().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn finish(next: &Path, path: &Path) -> io::Result<()> {
    fs::rename(next, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The two halves of a rotation of the key in the folder: the next key is durable before the
/// store is rewrapped, and takes its place afterwards. A crash in between leaves both files, of
/// which one opens the store.
pub(crate) fn prepare_next(data: &Path, key: &MasterKey) -> Result<(), MasterKeyRefused> {
    let next = data.join(NEXT_FILE);
    let synced = write_new(&next, key).and_then(|()| File::open(data)?.sync_all());
    synced.map_err(|error| file(&next, error))
}

/// See [`prepare_next`].
pub(crate) fn adopt_next(data: &Path) -> Result<(), MasterKeyRefused> {
    let path = data.join(FILE);
    finish(&data.join(NEXT_FILE), &path).map_err(|error| file(&path, error))
}

/// The key of a rotation that was cut short, where there is one.
pub(crate) fn next_in_folder(data: &Path) -> Option<MasterKey> {
    read(&data.join(NEXT_FILE)).ok()
}

/// Completes a rotation that was cut short after the store was rewrapped.
pub(crate) fn complete_rotation(data: &Path) -> Result<(), MasterKeyRefused> {
    tracing::warn!(
        "a rotation of the master key was cut short; its key opens the store and is kept"
    );
    adopt_next(data)
}

pub(super) fn file(path: &Path, error: io::Error) -> MasterKeyRefused {
    MasterKeyRefused::File {
        path: path.to_path_buf(),
        error,
    }
}
