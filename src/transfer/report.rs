//! What an import has done.

use serde::Serialize;

use crate::error::{ApiError, ErrorBody};

/// Lines that were not taken and are named one by one; more are counted.
const NAMED: usize = 100;
/// Longest reason, in characters: a client's own text may stand in it.
const REASON: usize = 400;

/// Counts, and which lines were not taken.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Lines that were looked at.
    pub(super) lines: u64,
    pub(super) threads: Taken,
    pub(super) items: Taken,
    /// What cannot be said in somebody else's name.
    pub(super) skipped: Skipped,
    rejected: u64,
    rejected_lines: Vec<Rejected>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Taken {
    pub(super) accepted: u64,
    /// Those that were there already.
    pub(super) existing: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Skipped {
    pub(super) reactions: u64,
    pub(super) receipts: u64,
}

#[derive(Debug, Serialize)]
struct Rejected {
    line: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
}

/// A line of the answer while the import goes on.
#[derive(Serialize)]
struct Progress {
    progress: Counts,
}

#[derive(Serialize)]
struct Counts {
    lines: u64,
    threads: Taken,
    items: Taken,
    rejected: u64,
}

/// The last line of the answer.
#[derive(Serialize)]
struct Last<'a> {
    report: Whole<'a>,
}

#[derive(Serialize)]
struct Whole<'a> {
    /// Whether the file's last line came, so that nothing of it was cut off.
    complete: bool,
    #[serde(flatten)]
    report: &'a Report,
    /// Why it ended before its end. Send the file again.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody<'a>>,
}

impl Report {
    /// Notes a line that was not taken.
    pub(super) fn reject(&mut self, line: u64, error: &ApiError) {
        self.rejected += 1;
        if self.rejected_lines.len() < NAMED {
            self.rejected_lines.push(Rejected {
                line,
                kind: error.kind().name(),
                message: error.body().message.chars().take(REASON).collect(),
            });
        }
    }

    /// How far it has come, as a line.
    pub(super) fn progress(&self) -> Vec<u8> {
        line(&Progress {
            progress: Counts {
                lines: self.lines,
                threads: self.threads,
                items: self.items,
                rejected: self.rejected,
            },
        })
    }

    /// All of it, as the last line.
    pub(super) fn last(&self, complete: bool, error: Option<&ApiError>) -> Vec<u8> {
        line(&Last {
            report: Whole {
                complete,
                report: self,
                error: error.map(ApiError::body),
            },
        })
    }
}

fn line(value: &impl Serialize) -> Vec<u8> {
    // string keys only, so that it can be written
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
