use std::io;
use std::path::PathBuf;

use everlog_domain::envelope::DataKeyId;
use thiserror::Error;

/// Why a master key cannot be used.
#[derive(Debug, Error)]
pub enum MasterKeyRefused {
    /// It is not written as one.
    #[error(
        "a master key has 64 hexadecimal digits (32 bytes), found {found} characters that are not that"
    )]
    Malformed {
        /// How many characters were found. The text itself is a secret.
        found: usize,
    },
    /// Its file cannot be read or written.
    #[error("the master key at {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The key store exists, the key that it was made with does not.
    #[error(
        "{} is missing, but the folder has keys that it wraps: put it back, or name it by file or environment",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// No randomness to make one.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// Why the key store does not do what it was asked.
#[derive(Debug, Error)]
pub enum KeysFailure {
    /// The master key is another one than the store was made with.
    #[error(
        "the master key does not open the key store: give the key that this folder was made with, or that it was last rotated to"
    )]
    WrongMasterKey,
    /// The engine failed.
    #[error("the engine failed: {0}")]
    Engine(#[from] fjall::Error),
    /// A stored key does not read.
    #[error("data key {:016x}: {reason}", key.0)]
    Damaged {
        /// Which.
        key: DataKeyId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something that every store has is missing.
    #[error("the key store has batches, but no {missing}")]
    Incomplete {
        /// What.
        missing: &'static str,
    },
    /// No randomness to make a key.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}
