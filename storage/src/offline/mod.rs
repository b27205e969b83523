//! What is done to a data folder while no server runs: prove it, mend a copy of it, read its log.

mod chains;
mod copy;
mod cut_journals;
mod cut_log;
mod provable;
mod read;
mod repair;
mod report;
mod rotate;
mod sightings;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use chains::{Broken, Chains, Link};
pub use read::OfflineLog;
pub use repair::{LostHistory, RepairFailure, RepairReport, repair};
pub use report::{Finding, Step, VerifyFailure, VerifyReport};
pub use rotate::{RotationFailure, rotate_master};
pub use verify::verify;
