use thiserror::Error;

use crate::keys::{
    KeysFailure, MasterKey, MasterKeyRefused, MasterKeySource, adopt_next, prepare_next,
};
use crate::open::{OpenRefused, Options, open_keys, require};

/// Why the master key was not changed. The old one holds.
#[derive(Debug, Error)]
pub enum RotationFailure {
    /// The folder does not open.
    #[error(transparent)]
    Open(#[from] OpenRefused),
    /// The new key cannot be kept.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyRefused),
    /// A key could not be wrapped anew.
    #[error("the key store: {0}")]
    Keys(#[from] KeysFailure),
}

/// Wraps every key of the store anew, in one atomic batch, while no server runs. Afterwards only
/// the new master key opens the folder; where the old one lies in the folder, the new one takes its
/// place. Answers with how many keys were wrapped.
pub fn rotate_master(options: &Options, new: &MasterKey) -> Result<u64, RotationFailure> {
    require(options)?;
    let opened = open_keys(options)?;
    let in_folder = matches!(options.master_key, MasterKeySource::InFolder);
    if in_folder {
        prepare_next(&options.data, new)?;
    }
    let wrapped = opened.keys.rewrap(&opened.master, new)?;
    if in_folder {
        adopt_next(&options.data)?;
    }
    Ok(wrapped)
}
