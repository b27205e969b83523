use std::io;
use std::path::{Path, PathBuf};

/// A file of a database folder that is not as fjall left it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {defect}", file.display())]
pub struct ScanDamage {
    /// The damaged file; for [`Defect::Missing`] the one that should be there.
    pub file: PathBuf,
    /// What is wrong with it.
    pub defect: Defect,
}

/// What is wrong with a file. Positions and lengths are in bytes.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// The operating system could not read it.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is not there, but something that was found says that it must be.
    #[error("is missing")]
    Missing,
    /// Its name is none that fjall gives; fjall would refuse or panic on it.
    #[error("does not belong in this folder: expected {expected}; move it away")]
    Stray {
        /// What fjall keeps in the folder.
        expected: &'static str,
    },
    /// It is longer or shorter than its own contents say.
    #[error("is {found} bytes long, expected {expected}")]
    Length {
        /// Bytes by its own table of contents or by its fixed form.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// A part of it has another checksum than the one stored for it.
    #[error("{part} at byte {at}: expected checksum {expected:032x}, found {found:032x}")]
    Checksum {
        /// The part that was hashed.
        part: &'static str,
        /// Where the part begins.
        at: u64,
        /// The stored checksum (XXH3, 128 bits, or the low 32 bits of it for block headers).
        expected: u128,
        /// The checksum of the bytes.
        found: u128,
    },
    /// A part of it is not in the form that fjall writes.
    #[error("{part} at byte {at} cannot be read: not in the form that fjall 3.1 writes")]
    Malformed {
        /// The part that was parsed.
        part: &'static str,
        /// Where the part begins.
        at: u64,
    },
    /// It is whole, but of a format that this release does not know.
    #[error("{part}: expected {expected}, found {found}; use the release that wrote this folder")]
    Unsupported {
        /// The number that was compared.
        part: &'static str,
        /// The one supported value.
        expected: u64,
        /// The value in the file.
        found: u64,
    },
    /// It is whole, but another file than its name says.
    #[error("holds the table {found}, expected {expected}")]
    WrongTable {
        /// The number in its name.
        expected: u64,
        /// The number inside.
        found: u64,
    },
}

impl ScanDamage {
    pub(crate) fn new(file: &Path, defect: Defect) -> Self {
        Self {
            file: file.to_path_buf(),
            defect,
        }
    }

    /// An error of the operating system; a file that is not there is [`Defect::Missing`].
    pub(crate) fn io(file: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(file, Defect::Missing),
            _ => Self::new(file, Defect::Unreadable(error)),
        }
    }

    pub(super) fn malformed(file: &Path, part: &'static str, at: u64) -> Self {
        Self::new(file, Defect::Malformed { part, at })
    }
}
