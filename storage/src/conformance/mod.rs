//! What every engine of a port must do, as functions that each engine's own tests call. A failed
//! promise is a failed assertion.

pub mod batches;
pub mod history;
pub mod log;
pub mod rows;
