//! What the domain asks of engines. Every engine of a port passes the port's conformance suite.

mod log;
mod rows;

pub use log::{AppendFailure, Log, ReadFailure, SealFailure, Subject};
pub use rows::{
    Page, Projected, RowDelta, Rows, RowsFailure, RowsView, StreamBack, StreamEntry, StreamRange,
    Visibility, each_page, expired_in,
};
