//! The engines behind the domain's ports: the log with its data keys, the rows, and what opens,
//! checks and mends a data folder.
//!
//! Start at [`open()`]: it takes a data folder and answers with the engines, or with the reason
//! why the folder must not be opened.

mod backup;
mod checkpoint;
pub mod conformance;
mod derived;
#[cfg(test)]
mod fixture;
mod folder_lock;
mod keys;
mod log;
mod offline;
mod open;
mod record;
pub mod rows;
pub mod scan;
mod take;

pub use backup::{
    BackupFailure, BackupReport, ExportFailure, ExportOptions, ExportReport, ImportFailure,
    ImportOptions, ImportReport, Point, RestoreFailure, RestoreOptions, RestoreReport, back_up,
    export_project, import_project, restore,
};
pub use checkpoint::{CheckpointFailure, Checkpoints};
pub use keys::{KeysFailure, MasterKey, MasterKeyRefused, MasterKeySource, TransferKey};
pub use log::EmbeddedLog;
pub use offline::{
    Finding, LostHistory, OfflineLog, RepairFailure, RepairReport, RotationFailure, Step,
    VerifyFailure, VerifyReport, repair, rotate_master, verify,
};
pub use open::{LostFrom, OpenRefused, Opened, Options, open};
pub use record::MAX_PAYLOAD_BYTES;
