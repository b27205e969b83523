//! The key store: one data key for each subject, wrapped by the master key, in a database of its
//! own outside log and backups. Destroying a data key erases what it encrypted, everywhere.

mod cache;
mod carry;
mod failure;
mod master;
mod rotate;
mod store;
mod subject;
#[cfg(test)]
mod tests;
mod transfer;
mod wrap;

pub(crate) use carry::{CarriedKey, CarriedKeys};
pub use failure::{KeysFailure, MasterKeyRefused};
pub(crate) use master::{FirstStart, adopt_next, complete_rotation, prepare_next};
pub use master::{MasterKey, MasterKeySource};
pub(crate) use rotate::recover_rotation;
pub(crate) use store::{BATCHES, KeyStore};
pub use transfer::TransferKey;
pub(crate) use transfer::{DataKeys, OpenedKeys};
