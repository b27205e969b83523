//! Which life of a thread an event or a row belongs to: a thread that is made again under an old id
//! is another one.

use everlog_domain::envelope::{Envelope, Stream, StreamKind};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;

/// One life of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Life {
    pub(super) project: ProjectNumber,
    pub(super) stream: Stream,
    pub(super) incarnation: Offset,
}

impl Life {
    /// The life that an event belongs to.
    pub(super) fn of(envelope: &Envelope) -> Self {
        Self {
            project: envelope.project,
            stream: envelope.stream.clone(),
            incarnation: envelope.incarnation,
        }
    }

    /// The life that a thread's row stands for.
    pub(super) fn of_row(project: ProjectNumber, row: &[Value]) -> Self {
        let id = cell(row, threads::ID).as_text().unwrap_or_default();
        Self {
            project,
            stream: Stream::new(StreamKind::Thread, id),
            incarnation: incarnation(row),
        }
    }
}

/// A cell of a row.
pub(super) fn cell(row: &[Value], place: usize) -> &Value {
    row.get(place).unwrap_or(&Value::Null)
}

/// Offset of the creation that a thread's row goes back to.
pub(super) fn incarnation(row: &[Value]) -> Offset {
    let number = cell(row, threads::SEQUENCE).as_int();
    Offset(
        number
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0),
    )
}
