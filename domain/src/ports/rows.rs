//! The row port: the projection that lists, looks up and filters.

use std::sync::Arc;

use thiserror::Error;

use crate::access::RoleSet;
use crate::envelope::{EventKind, Head, Stream};
use crate::event::Recorded;
use crate::hash::Hash;
use crate::ids::{CommitNumber, Offset, Position, ProjectNumber, Scope};
use crate::log::{Manifest, ProjectHead};
use crate::query::Query;
use crate::tables::system::expirations;
use crate::tables::{Row, TableNumber, system};
use crate::threads::Expired;
use crate::threads::stored::expired_of;
use crate::time::Time;
use crate::value::Value;

/// Why rows could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowsFailure {
    /// The query's cursor names no row.
    #[error("the cursor names no row")]
    CursorNotFound,
    /// The query would look at more rows than a request may.
    #[error(
        "the query looked at {looked_at} rows, a request may look at {limit}: add an equality filter on an indexed column"
    )]
    TooExpensive {
        /// Rows that were looked at.
        looked_at: u64,
        /// The bound.
        limit: u64,
    },
    /// The page's rows take more memory than a page may.
    #[error("the page takes more than {limit} bytes of memory: ask for fewer rows")]
    PageTooLarge {
        /// The bound.
        limit: usize,
    },
    /// Stored bytes do not read: damage of the projection, which is rebuilt from the log.
    #[error("table {table}, key {key}: {reason}")]
    Damaged {
        /// The table's number.
        table: u32,
        /// The key in hexadecimal.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The engine failed.
    #[error("the rows failed: {reason}")]
    Engine {
        /// What it said.
        reason: String,
    },
}

/// Which rows of a table with readers a caller sees.
#[derive(Debug, Clone, Copy)]
pub enum Visibility<'a> {
    /// All of them: a key, or a container that was authorised already.
    All,
    /// Those that one of the roles may read.
    Roles(&'a RoleSet),
}

/// A list's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Rows that match, counted up to the query language's bound; 0 if not counted.
    pub total: u64,
    /// The page, always in the query's order (also with a cursor before).
    pub rows: Vec<Row>,
}

/// A row before and after an event, where it changed: what live subscriptions need in order to
/// tell enter from change from leave.
#[derive(Debug, Clone, PartialEq)]
pub struct RowDelta {
    /// The table.
    pub table: TableNumber,
    /// The row before, if there was one.
    pub before: Option<Arc<Row>>,
    /// The row after, if there is one.
    pub after: Option<Arc<Row>>,
}

/// An event with what it did to rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Projected {
    /// The event.
    pub recorded: Arc<Recorded>,
    /// Changes of rows, in order. Only of tables with readers.
    pub deltas: Vec<RowDelta>,
}

/// A place in the stream index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEntry {
    /// Position in the stream's life.
    pub position: Position,
    /// Offset in the project's log.
    pub offset: Offset,
    /// The event's kind.
    pub kind: EventKind,
}

/// Part of a stream's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRange {
    /// The stream.
    pub stream: Stream,
    /// Which of its lives.
    pub incarnation: Offset,
    /// Only entries after this offset of the log.
    pub after: Offset,
    /// At most so many.
    pub limit: usize,
}

/// Part of a stream's life, read backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamBack {
    /// The stream.
    pub stream: Stream,
    /// Which of its lives.
    pub incarnation: Offset,
    /// Only entries before this position.
    pub before: Position,
    /// At most so many.
    pub limit: usize,
}

/// The row projection.
///
/// An engine MUST apply a batch atomically together with its commit number, in order, once: a
/// batch that it has is passed over. Beside rows it keeps, from the envelopes, the stream index,
/// the project heads and the idempotency scopes (by day of the envelope's time; a day is kept for
/// at least 24 hours after it ends).
///
/// Events that clash with a row are no failure, since they have happened: an insert over a row
/// leaves the first one as it is, and of rows with one unique key the first keeps it until it goes
/// or takes another.
pub trait Rows: Send + Sync + 'static {
    /// Brings the projection from the commit before to this one. `events` are those of the batch,
    /// in order. Answers with what changed.
    fn project(
        &self,
        manifest: &Manifest,
        events: &[Arc<Recorded>],
    ) -> Result<Vec<Projected>, RowsFailure>;

    /// The commit that the projection has reached.
    fn reached(&self) -> CommitNumber;

    /// A view that does not change while later batches arrive.
    fn view(&self) -> Box<dyn RowsView>;
}

/// A consistent view of the projection at a commit.
pub trait RowsView: Send {
    /// The commit of the view.
    fn commit(&self) -> CommitNumber;

    /// A row by primary key.
    fn get(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Row>, RowsFailure>;

    /// The row that an index of a table leads to, the first if there are several. `values` are
    /// those of all columns of the index.
    fn find(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        index: u16,
        values: &[Value],
    ) -> Result<Option<Row>, RowsFailure>;

    /// Rows whose primary key begins with `prefix` and lies after `after` (a whole key), in order,
    /// at most `limit`.
    fn scan(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        prefix: &[Value],
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, RowsFailure>;

    /// A list. Refused where its rows take more than
    /// [`MAX_PAGE_BYTES`](crate::query::MAX_PAGE_BYTES), before they are all read; a page of one
    /// row never is.
    fn list(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        query: &Query,
        visibility: Visibility<'_>,
    ) -> Result<Page, RowsFailure>;

    /// The head of a stream's newest life.
    fn stream_head(
        &self,
        project: ProjectNumber,
        stream: &Stream,
    ) -> Result<Option<Head>, RowsFailure>;

    /// Entries of the stream index, in order.
    fn stream(
        &self,
        project: ProjectNumber,
        range: &StreamRange,
    ) -> Result<Vec<StreamEntry>, RowsFailure>;

    /// The lives of a stream that were under way at an offset of the log or began after it, by their
    /// incarnations, in order, at most `limit`. The first may have ended before the offset.
    fn lives(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Offset>, RowsFailure>;

    /// The newest life of a stream that began at an offset of the log or before it, with the newest
    /// event that it has today.
    fn stream_head_at(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        at: Offset,
    ) -> Result<Option<Head>, RowsFailure>;

    /// Entries of the stream index before a position, the newest first.
    fn stream_back(
        &self,
        project: ProjectNumber,
        range: &StreamBack,
    ) -> Result<Vec<StreamEntry>, RowsFailure>;

    /// The head of a project, if it has an event.
    fn project_head(&self, project: ProjectNumber) -> Result<Option<ProjectHead>, RowsFailure>;

    /// The first event that answered a wish, and the hash of the body sent then.
    fn granted(
        &self,
        project: ProjectNumber,
        scope: &Scope,
        now: Time,
    ) -> Result<Option<(Offset, Hash)>, RowsFailure>;

    /// Every row of every table of a project in canonical order, each as one line of JSON text
    /// `[table, cells]`: the same for the same log, whatever way the projection came about.
    fn dump(&self, project: ProjectNumber, line: &mut dyn FnMut(&str)) -> Result<(), RowsFailure>;
}

/// Rows that [`each_page`] reads at once.
const ROWS_AT_ONCE: usize = 1_000;

/// Goes through the rows of a system table whose primary key begins with `prefix`, in order, a page
/// at a time: there may be more than memory should hold.
pub fn each_page(
    view: &dyn RowsView,
    project: ProjectNumber,
    table: TableNumber,
    prefix: &[Value],
    mut take: impl FnMut(&[Row]) -> Result<(), RowsFailure>,
) -> Result<(), RowsFailure> {
    let schema = system::table(table).ok_or_else(|| RowsFailure::Engine {
        reason: format!("there is no table {}", table.0),
    })?;
    let mut after: Option<Vec<Value>> = None;
    loop {
        let page = view.scan(project, table, prefix, after.as_deref(), ROWS_AT_ONCE)?;
        take(&page)?;
        match page.last() {
            Some(last) if page.len() == ROWS_AT_ONCE => after = Some(schema.key_of(last)),
            _ => return Ok(()),
        }
    }
}

/// Which items of a life of a thread have expired, also if the thread is gone.
pub fn expired_in(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &str,
    incarnation: Offset,
) -> Result<Expired, RowsFailure> {
    let key = [Value::text(thread), Value::counter(incarnation.0)];
    let Some(row) = view.get(project, expirations::TABLE, &key)? else {
        return Ok(Expired::default());
    };
    expired_of(&row).ok_or_else(|| RowsFailure::Damaged {
        table: expirations::TABLE.0,
        key: thread.to_owned(),
        reason: "what has expired of the thread does not read".to_owned(),
    })
}
