//! Which life of a thread a moment has, and who may read it.

use everlog_domain::access::Caller;
use everlog_domain::envelope::{Head, Stream};
use everlog_domain::ids::{Offset, Position, ThreadId};
use everlog_domain::ports::StreamRange;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::threads;
use everlog_domain::threads::ThreadRefusal;
use everlog_domain::value::Value;

use super::HISTORY_SCOPE;
use super::events::{Life, Past};
use crate::error::ApiError;

/// A thread at a moment, which the caller may read.
#[derive(Debug, Clone)]
pub(crate) struct ThreadThen {
    pub(super) life: Life,
    /// Its row then.
    pub(crate) row: Row,
    /// Whether this life goes on.
    pub(super) living: bool,
    /// The newest position that it has today.
    pub(super) newest: Position,
}

impl ThreadThen {
    /// The first two values of the primary keys of what belongs to this life of it.
    pub(crate) fn prefix(&self) -> [Value; 2] {
        [
            Value::Text(self.life.stream.id.clone()),
            Value::counter(self.life.incarnation.0),
        ]
    }
}

impl Past<'_> {
    /// The thread at this moment, if the caller may read it today and might then. Any other is not
    /// found, so that nobody learns which ids exist, or did.
    pub(crate) fn thread(&self, thread: &ThreadId) -> Result<ThreadThen, ApiError> {
        self.find(thread)?
            .ok_or_else(|| ThreadRefusal::NotFound.into())
    }

    /// Whether the caller may read today what the thread was at this moment.
    pub(crate) fn is_readable_today(&self, thread: &ThreadId) -> Result<bool, ApiError> {
        Ok(self.life(thread)?.is_some())
    }

    fn find(&self, thread: &ThreadId) -> Result<Option<ThreadThen>, ApiError> {
        let Some((life, head, today)) = self.life(thread)? else {
            return Ok(None);
        };
        let living = today.is_some();
        let row = self.thread_row(&life, head.position, today)?;
        let row = row.filter(|row| may_read(self.caller, row));
        Ok(row.map(|row| ThreadThen {
            life,
            row,
            living,
            newest: head.position,
        }))
    }

    /// The newest life that had begun at this moment, with its head and its row of today, if the
    /// caller may read it today.
    pub(super) fn life(
        &self,
        thread: &ThreadId,
    ) -> Result<Option<(Life, Head, Option<Row>)>, ApiError> {
        let stream = Stream::thread(thread);
        let head = self.view.stream_head_at(self.project(), &stream, self.at)?;
        let Some(head) = head else { return Ok(None) };
        let life = Life {
            stream,
            incarnation: head.incarnation,
        };
        let today = self.row_today(&life)?;
        let allowed = match &today {
            Some(row) => may_read(self.caller, row),
            None => self.caller.scopes.contains(HISTORY_SCOPE),
        };
        Ok(allowed.then_some((life, head, today)))
    }

    /// Today's row of a life, if it goes on. An id that was taken again is another's.
    pub(super) fn row_today(&self, life: &Life) -> Result<Option<Row>, ApiError> {
        let key = [Value::Text(life.stream.id.clone())];
        let row = self.view.get(self.project(), threads::TABLE, &key)?;
        let begun = Value::counter(life.incarnation.0);
        Ok(row.filter(|row| row.get(threads::SEQUENCE) == Some(&begun)))
    }

    /// The newest position that a thread had at an offset.
    pub(super) fn position_at(
        &self,
        life: &Life,
        newest: Position,
        at: Offset,
    ) -> Result<Position, ApiError> {
        let next = StreamRange {
            stream: life.stream.clone(),
            incarnation: life.incarnation,
            after: at,
            limit: 1,
        };
        let next = self.view.stream(self.project(), &next)?;
        let next = next.first().map(|entry| entry.position.0.saturating_sub(1));
        Ok(next.map_or(newest, Position))
    }
}

/// Whether a row of a thread lets the caller read it.
pub(super) fn may_read(caller: &Caller, row: &[Value]) -> bool {
    row.get(threads::READERS)
        .is_some_and(|readers| caller.may_read(readers))
}
