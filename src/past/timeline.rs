//! At which moments a caller might read a thread.

use everlog_domain::access::Privilege;
use everlog_domain::ids::Offset;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::thread_access;
use everlog_domain::value::Value;

use super::events::{Life, Past};
use crate::error::ApiError;

/// Rows that are read at once.
const AT_ONCE: usize = 256;

/// The moments at which it changed whether a caller might read a life of a thread.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    always: bool,
    changes: Vec<(Offset, bool)>,
}

impl Timeline {
    /// Whether the caller might read it after the event at an offset.
    pub(super) fn at(&self, offset: Offset) -> bool {
        let later = self
            .changes
            .partition_point(|(change, _)| *change <= offset);
        let last = later.checked_sub(1).and_then(|last| self.changes.get(last));
        self.always || last.is_some_and(|(_, may)| *may)
    }

    /// Whether the caller might read it before the event at an offset.
    pub(super) fn before(&self, offset: Offset) -> bool {
        self.at(Offset(offset.0.saturating_sub(1)))
    }
}

impl Past<'_> {
    /// When the caller might read a life that goes on. A key sees everything at all times, and of a
    /// life that is over only keys see anything.
    pub(super) fn timeline(&self, life: &Life) -> Result<Timeline, ApiError> {
        let mut timeline = Timeline::default();
        if self.caller.privilege == Privilege::Key {
            timeline.always = true;
            return Ok(timeline);
        }
        let prefix = [
            Value::Text(life.stream.id.clone()),
            Value::counter(life.incarnation.0),
        ];
        let mut after: Option<Vec<Value>> = None;
        loop {
            let rows = self.view.scan(
                self.project(),
                thread_access::TABLE,
                &prefix,
                after.as_deref(),
                AT_ONCE,
            )?;
            self.spent.entries(&self.bounds, rows.len())?;
            timeline.changes.extend(rows.iter().map(|row| {
                let readers = row.get(thread_access::READERS);
                let may = readers.is_some_and(|readers| self.caller.may_read(readers));
                (offset(row), may)
            }));
            match rows.last() {
                Some(last) if rows.len() == AT_ONCE => {
                    let mut key = prefix.to_vec();
                    key.push(Value::counter(offset(last).0));
                    after = Some(key);
                }
                _ => return Ok(timeline),
            }
        }
    }
}

fn offset(row: &Row) -> Offset {
    let number = row.get(thread_access::OFFSET).and_then(Value::as_int);
    Offset(
        number
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0),
    )
}
