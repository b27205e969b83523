//! The stream index: runs of a life's events that one batch brought, each under its first position.
//!
//! A busy thread has several events in a batch, and one write for them costs what it would for
//! one. A run is 10 bytes an event: offset u64 and kind u16, big-endian.

use std::collections::HashMap;
use std::sync::Arc;

use everlog_domain::envelope::{EventKind, Stream};
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, Position, ProjectNumber};
use everlog_domain::ports::{RowsFailure, StreamEntry};

use super::layout;
use super::range::KeyRange;
use super::store::{Reader, Writes, damaged};

const OFFSET: usize = 8;
const ENTRY: usize = OFFSET + 2;

/// A run that is being written.
struct Open {
    first: Position,
    next: Position,
    bytes: Vec<u8>,
}

/// Writes the runs of a batch.
pub(super) fn write(events: &[Arc<Recorded>], writes: &mut Writes) {
    let mut runs: HashMap<(ProjectNumber, &Stream, Offset), Open> = HashMap::new();
    for recorded in events {
        let envelope = &recorded.envelope;
        let life = (envelope.project, &envelope.stream, envelope.incarnation);
        let run = runs
            .entry(life)
            .or_insert_with(|| Open::at(envelope.position));
        if run.next != envelope.position {
            let ended = std::mem::replace(run, Open::at(envelope.position));
            ended.write(life, writes);
        }
        run.push(envelope.offset, envelope.kind);
    }
    for (life, run) in runs {
        run.write(life, writes);
    }
}

impl Open {
    const fn at(first: Position) -> Self {
        Self {
            first,
            next: first,
            bytes: Vec::new(),
        }
    }

    fn push(&mut self, offset: Offset, kind: EventKind) {
        self.bytes.extend_from_slice(&offset.0.to_be_bytes());
        self.bytes.extend_from_slice(&kind.number().to_be_bytes());
        self.next = self.next.next();
    }

    fn write(
        self,
        (project, stream, incarnation): (ProjectNumber, &Stream, Offset),
        writes: &mut Writes,
    ) {
        let life = layout::life(project, stream, incarnation);
        writes.put(layout::run(life, self.first), self.bytes);
    }
}

/// A run that was read: at least one entry.
pub(super) struct Run {
    pub(super) incarnation: Offset,
    pub(super) first: StreamEntry,
    pub(super) last: StreamEntry,
    pub(super) entries: Vec<StreamEntry>,
}

/// A run from its key and value.
pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Run, RowsFailure> {
    let run = layout::place_of(key).and_then(|(incarnation, first)| {
        let entries = entries(first, value)?;
        Some(Run {
            incarnation,
            first: *entries.first()?,
            last: *entries.last()?,
            entries,
        })
    });
    run.ok_or_else(|| damaged(key, "the bytes are not a run of the stream index"))
}

fn entries(first: Position, value: &[u8]) -> Option<Vec<StreamEntry>> {
    let positions = (first.0..).map(Position);
    let entries = positions.zip(value.chunks(ENTRY)).map(|(position, bytes)| {
        let (offset, kind) = bytes.split_first_chunk::<OFFSET>()?;
        let kind = u16::from_be_bytes(kind.try_into().ok()?);
        Some(StreamEntry {
            position,
            offset: Offset(u64::from_be_bytes(*offset)),
            kind: EventKind::from_number(kind)?,
        })
    });
    entries.collect()
}

/// The newest run whose key begins with this: of a stream, or of one of its lives.
pub(super) fn newest(reader: &Reader, under: Vec<u8>) -> Result<Option<Run>, RowsFailure> {
    let mut runs = reader.range(&KeyRange::under(under));
    let newest = runs.next_back().transpose()?;
    newest.map(|(key, value)| read(&key, &value)).transpose()
}

/// Where the run begins that has the first event after an offset, if `newest` is not over by then.
/// Positions have no gaps and rise with offsets, so it is found by halving.
pub(super) fn first_after(
    reader: &Reader,
    life: &[u8],
    newest: &Run,
    after: Offset,
) -> Result<Position, RowsFailure> {
    // not always 1: a fork goes on where its source was
    let oldest = reader.range(&KeyRange::under(life.to_vec())).next();
    let (key, value) = oldest.unwrap_or_else(|| Err(damaged(life, "a life has no run")))?;
    let oldest = read(&key, &value)?;
    let (mut low, mut high) = (oldest.first.position.0, newest.last.position.0);
    loop {
        let middle = low + (high - low) / 2;
        let run = run_at(reader, life, Position(middle))?;
        if run.last.offset <= after {
            low = run.last.position.0 + 1;
        } else if run.first.offset > after && run.first.position.0 > low {
            high = run.first.position.0;
        } else {
            return Ok(run.first.position);
        }
    }
}

/// The run that holds a position.
fn run_at(reader: &Reader, life: &[u8], position: Position) -> Result<Run, RowsFailure> {
    let key = layout::run(life.to_vec(), position);
    let up_to =
        KeyRange::under(life.to_vec()).ending(Some(layout::run(life.to_vec(), position.next())));
    let found = reader.range(&up_to).next_back().transpose()?;
    let run = found.map(|(key, value)| read(&key, &value)).transpose()?;
    run.filter(|run| run.last.position >= position)
        .ok_or_else(|| damaged(&key, "a run of the stream index is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_run_are_damage() {
        let stream = Stream::new(everlog_domain::envelope::StreamKind::Thread, "t");
        let life = layout::life(ProjectNumber(1), &stream, Offset(3));
        let key = layout::run(life, Position(7));
        let mut open = Open::at(Position(7));
        open.push(Offset(9), EventKind::ItemPosted);
        open.push(Offset(11), EventKind::ItemDelta);
        let run = read(&key, &open.bytes).unwrap();
        assert_eq!(run.incarnation, Offset(3));
        let places: Vec<(u64, u64)> = run
            .entries
            .iter()
            .map(|entry| (entry.position.0, entry.offset.0))
            .collect();
        assert_eq!(places, [(7, 9), (8, 11)]);
        assert_eq!((run.first, run.last), (run.entries[0], run.entries[1]));
        for end in (0..open.bytes.len()).filter(|end| *end != ENTRY) {
            assert!(read(&key, &open.bytes[..end]).is_err(), "cut at {end}");
        }
        let unknown = [&open.bytes[..ENTRY - 1], &[0xFF]].concat();
        assert!(read(&key, &unknown).is_err());
    }
}
