//! An export as a stream: pieces of one moment, each read when the one before is taken.
//!
//! The rows of that moment are held, so nothing that happens meanwhile is in it. What the caller
//! may read is another matter: it is looked at anew before each piece, as of that instant.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use everlog_actors::{HeldView, ReadTurn, Refused};
use everlog_domain::ids::{ItemId, Offset, ThreadId};
use everlog_domain::ports::RowsView;
use everlog_domain::query::{Cursor, Query, Total};
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::export_thread::{Came, Piece, ThreadExport, is_gone};
use super::lines_out::{Line, VERSION, broken};
use crate::error::{ApiError, ErrorType};
use crate::http::{Edge, Visitor};
use crate::live::Place;
use crate::log::{Standing, busy};
use crate::past::{At, Past};

/// The scope that exports.
const SCOPE: &str = "threads.read";
/// Threads that are listed at once.
const THREADS: u32 = 100;
/// How long an export may take: as long does the engine keep what it needs.
const WITHIN: Duration = Duration::from_secs(60 * 60);
/// How often a piece is tried while the readers are busy.
const TRIES: u32 = 200;
/// How long to wait between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// What is exported.
pub(super) enum Which {
    /// Every thread that the caller may read, from a place on.
    All(Option<After>),
    One(ThreadId),
}

/// How far an earlier download came.
pub(super) struct After {
    pub(super) thread: ThreadId,
    /// The last item of it that came; nothing if all of it did.
    pub(super) item: Option<ItemId>,
}

/// See the module's description.
pub(super) struct ExportStream {
    edge: Arc<Edge>,
    standing: Standing,
    view: Option<HeldView>,
    at: Offset,
    /// Whether the moment is the one of the held rows.
    is_now: bool,
    first_line: Due,
    list: List,
    queue: VecDeque<ThreadId>,
    current: Option<ThreadExport>,
    came: Came,
    withdrawn: u64,
    end: Instant,
    stopping: CancellationToken,
    _place: Place,
}

#[derive(PartialEq, Eq)]
enum Due {
    Yes,
    No,
}

/// How far the threads have been listed.
enum List {
    /// Up to this one.
    After(Option<ThreadId>),
    Whole,
    /// The last line has been said.
    Over,
}

impl ExportStream {
    /// # Errors
    /// Where the moment or the thread is none, or somebody may not read it.
    pub(super) async fn begin(
        edge: &Arc<Edge>,
        visitor: Visitor,
        which: Which,
        at: Option<At>,
        place: Place,
    ) -> Result<Self, ApiError> {
        let mut export = Self {
            standing: Standing::new(edge, visitor, SCOPE),
            edge: Arc::clone(edge),
            view: None,
            at: Offset(0),
            is_now: at.is_none(),
            first_line: Due::Yes,
            list: List::After(None),
            queue: VecDeque::new(),
            current: None,
            came: Came::default(),
            withdrawn: 0,
            end: Instant::now() + WITHIN,
            stopping: edge.stopping.begun.clone(),
            _place: place,
        };
        export.resolve(at).await?;
        match which {
            Which::One(thread) => {
                let named = thread.clone();
                let there = export.read(move |_, past| past.thread(&named).map(drop));
                there.await?;
                export.queue.push_back(thread);
                export.list = List::Whole;
            }
            Which::All(None) => {}
            Which::All(Some(After { thread, item })) => {
                export.list = List::After(Some(thread.clone()));
                let rest = |item| ThreadExport::new(thread, Some(item), export.is_now);
                export.current = item.map(rest);
            }
        }
        Ok(export)
    }

    /// Finds the moment, and holds the rows of now.
    async fn resolve(&mut self, at: Option<At>) -> Result<(), ApiError> {
        let now = crate::clock::now();
        let project = self.standing.visitor().caller().project;
        let turn = self.turn().await?;
        let reads = self.edge.node.reads().clone();
        let found = reads.run_held(turn, &mut self.view, move |view, log| match at {
            Some(at) => at.resolve(view, log, project, now),
            None => {
                let head = view.project_head(project)?;
                Ok(head.map_or(Offset(0), |head| head.offset))
            }
        });
        self.at = found.await??;
        Ok(())
    }

    /// The newest event of the moment.
    pub(super) const fn at(&self) -> Offset {
        self.at
    }

    /// Some lines; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        match self.step().await {
            Ok(lines) => lines,
            Err(error) => {
                self.finish();
                error.log();
                Some(broken(&error))
            }
        }
    }

    fn finish(&mut self) {
        self.list = List::Over;
        self.current = None;
        self.queue.clear();
        self.view = None;
    }

    async fn step(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        loop {
            if matches!(self.list, List::Over) {
                return Ok(None);
            }
            self.check().await?;
            if std::mem::replace(&mut self.first_line, Due::No) == Due::Yes {
                return self.first().map(Some);
            }
            if let Some(thread) = self.current.take() {
                if let Some(lines) = self.thread(thread).await? {
                    return Ok(Some(lines));
                }
            } else if let Some(thread) = self.queue.pop_front() {
                self.current = Some(ThreadExport::new(thread, None, self.is_now));
            } else if let List::After(after) = &self.list {
                let after = after.clone();
                self.list(after).await?;
            } else {
                let line = self.last();
                self.finish();
                return line.map(Some);
            }
        }
    }

    fn first(&self) -> Result<Vec<u8>, ApiError> {
        let project = self.standing.visitor().caller().project;
        let mut line = Vec::new();
        Line::Export {
            version: VERSION,
            at: &self.edge.cursors.encode(project, self.at),
            exported_at: crate::clock::now().to_string(),
        }
        .write(&mut line)?;
        Ok(line)
    }

    fn last(&self) -> Result<Vec<u8>, ApiError> {
        let Came {
            threads,
            items,
            receipts,
        } = self.came;
        let mut line = Vec::new();
        Line::End {
            threads,
            items,
            receipts,
            withdrawn: self.withdrawn,
        }
        .write(&mut line)?;
        Ok(line)
    }

    /// Whether it may go on at all.
    async fn check(&mut self) -> Result<(), ApiError> {
        if self.stopping.is_cancelled() {
            let message = "the server is stopping: go on at the next one";
            return Err(ApiError::new(ErrorType::ServerStopping, message));
        }
        if Instant::now() > self.end {
            let message = "the export took more than an hour: go on with `at` and `after`";
            return Err(ApiError::new(ErrorType::RequestTimeout, message));
        }
        // a credential that ends by itself moves nothing, so it is looked at each time
        self.standing.look_again().await
    }

    /// The next piece of a thread, unless it is gone.
    async fn thread(&mut self, mut export: ThreadExport) -> Result<Option<Vec<u8>>, ApiError> {
        let id = export.thread.clone();
        let read = self.read(move |view, past| {
            let piece = export.read(view, past);
            piece.map(|piece| (export, piece))
        });
        let (export, piece) = match read.await {
            Ok(read) => read,
            // somebody lost it between the list and here
            Err(error) if is_gone(&error) => return self.withdraw(&id).map(Some),
            Err(error) => return Err(error),
        };
        // after the reading, so that nothing is waited for between this and what goes out
        if !self.is_readable(&id).await? {
            return self.withdraw(&id).map(Some);
        }
        let Piece { lines, came } = piece;
        self.came.threads += came.threads;
        self.came.items += came.items;
        self.came.receipts += came.receipts;
        if !export.is_done() {
            self.current = Some(export);
        }
        Ok((!lines.is_empty()).then_some(lines))
    }

    fn withdraw(&mut self, thread: &ThreadId) -> Result<Vec<u8>, ApiError> {
        self.withdrawn += 1;
        let mut line = Vec::new();
        let thread_id = thread.as_str();
        Line::Withdrawn { thread_id }.write(&mut line)?;
        Ok(line)
    }

    async fn list(&mut self, after: Option<ThreadId>) -> Result<(), ApiError> {
        let read = self.read(move |_, past| {
            let query = Query {
                limit: THREADS,
                cursor: after.map(|id| Cursor::After(vec![Value::text(id.as_str())])),
                total: Total::Skipped,
                ..Query::default()
            };
            let page = past.threads(&query)?;
            let id = |row: &Vec<Value>| ThreadId::parse(row.get(threads::ID)?.as_text()?).ok();
            Ok(page.rows.iter().filter_map(id).collect::<VecDeque<_>>())
        });
        let found = read.await?;
        self.list = match found.back() {
            Some(last) => List::After(Some(last.clone())),
            None => List::Whole,
        };
        self.queue = found;
        Ok(())
    }

    /// Whether the caller may read a thread of the moment now.
    async fn is_readable(&mut self, thread: &ThreadId) -> Result<bool, ApiError> {
        loop {
            let caller = self.standing.visitor().caller().clone();
            let (at, thread) = (self.at, thread.clone());
            let turn = self.turn().await?;
            // rows of this instant, not those that are held
            let mut now = None;
            let reads = self.edge.node.reads();
            let read = reads.run_held(turn, &mut now, move |view, log| {
                Past::new(view, log, &caller, at).is_readable_today(&thread)
            });
            let readable = read.await??;
            if self.standing.holds() {
                return Ok(readable);
            }
            self.standing.look_again().await?;
        }
    }

    /// Reads the moment.
    async fn read<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&dyn RowsView, &Past<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let caller = self.standing.visitor().caller().clone();
        let at = self.at;
        let turn = self.turn().await?;
        let reads = self.edge.node.reads().clone();
        let read = reads.run_held(turn, &mut self.view, move |view, log| {
            read(view, &Past::new(view, log, &caller, at))
        });
        read.await?
    }

    /// Waits for the project's turn, also while the readers are busy.
    async fn turn(&mut self) -> Result<ReadTurn, ApiError> {
        let project = self.standing.visitor().caller().project;
        for _ in 0..TRIES {
            match self.edge.node.reads().turn(project).await {
                Ok(turn) => return Ok(turn),
                Err(Refused::Busy { .. }) => sleep(BETWEEN_TRIES).await,
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(busy())
    }
}
