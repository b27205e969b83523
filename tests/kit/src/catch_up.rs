//! Brings rows up to a log, as a restart does.

use std::sync::Arc;

use everlog_domain::ids::CommitNumber;
use everlog_domain::log::Manifest;
use everlog_domain::ports::{Log, ReadFailure, Rows, RowsFailure};
use std::fmt;

/// Why the rows could not be brought up to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatchUpFailure {
    /// The log does not read.
    Log(ReadFailure),
    /// The rows do not take it.
    Rows(RowsFailure),
}

impl fmt::Display for CatchUpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(failure) => failure.fmt(f),
            Self::Rows(failure) => failure.fmt(f),
        }
    }
}

/// Projects every batch that the rows do not have. Answers with the commit that they reach.
pub fn catch_up(log: &dyn Log, rows: &dyn Rows) -> Result<CommitNumber, CatchUpFailure> {
    loop {
        let pages = log.manifests(rows.reached(), 64);
        let pages = pages.map_err(CatchUpFailure::Log)?;
        if pages.is_empty() {
            return Ok(rows.reached());
        }
        for page in pages {
            project(log, rows, &page)?;
        }
    }
}

fn project(log: &dyn Log, rows: &dyn Rows, page: &Manifest) -> Result<(), CatchUpFailure> {
    let mut events = Vec::new();
    for entry in &page.entries {
        let count = entry.last.0.saturating_sub(entry.first.0) + 1;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let read = log.read(entry.project, entry.first, count);
        events.extend(read.map_err(CatchUpFailure::Log)?.into_iter().map(Arc::new));
    }
    let projected = rows.project(page, &events);
    projected.map(drop).map_err(CatchUpFailure::Rows)
}
