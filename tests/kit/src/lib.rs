//! In-memory engines for tests and simulation.

mod catch_up;
mod log;
mod rows;

pub use catch_up::{CatchUpFailure, catch_up};
pub use log::{AppendFault, Disk, MemoryLog, Record, SealFault};
pub use rows::MemoryRows;
