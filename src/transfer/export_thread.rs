//! A thread of an export, read piece by piece.

use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::ports::RowsView;
use everlog_domain::query::{Query, Total};
use everlog_domain::tables::system::{items, receipts};
use everlog_domain::threads::ThreadRefusal;
use everlog_domain::value::Value;

use super::lines_out::{Line, receipt};
use crate::error::{ApiError, ErrorType};
use crate::http::{ItemAnswer, ThreadAnswer};
use crate::past::{ItemCursor, ItemsThen, Past};

/// Items of a piece.
const ITEMS: u32 = 100;
/// Receipts of a piece.
const RECEIPTS: usize = 1_000;

/// How far a thread has come.
pub(super) struct ThreadExport {
    pub(super) thread: ThreadId,
    /// Whether receipts come as well: rows of today tell nothing of an earlier moment.
    with_receipts: bool,
    stage: Stage,
}

enum Stage {
    /// Nothing of it has come, or what comes before this item.
    Due {
        after: Option<ItemId>,
    },
    /// Its line has come, and its items up to this one.
    Items {
        items: Box<ItemsThen>,
        after: Option<String>,
    },
    /// And its receipts up to this key.
    Receipts {
        prefix: [Value; 2],
        after: Option<Vec<Value>>,
    },
    Done,
}

/// Lines that came, by what they tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Came {
    pub(super) threads: u64,
    pub(super) items: u64,
    pub(super) receipts: u64,
}

/// Some lines.
pub(super) struct Piece {
    pub(super) lines: Vec<u8>,
    pub(super) came: Came,
}

impl ThreadExport {
    /// A thread from its beginning, or from behind an item on.
    pub(super) const fn new(thread: ThreadId, after: Option<ItemId>, with_receipts: bool) -> Self {
        Self {
            thread,
            with_receipts,
            stage: Stage::Due { after },
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// The next piece. Nothing has moved where it fails.
    pub(super) fn read(&mut self, view: &dyn RowsView, past: &Past<'_>) -> Result<Piece, ApiError> {
        match &self.stage {
            Stage::Due { after } => {
                let after = after.as_ref().map(|item| item.as_str().to_owned());
                self.begin(past, after)
            }
            Stage::Items { items, after } => {
                let (piece, last) = self.items(past, items, after.as_deref())?;
                self.stage = match (last, std::mem::replace(&mut self.stage, Stage::Done)) {
                    (Some(last), Stage::Items { items, .. }) => Stage::Items {
                        items,
                        after: Some(last),
                    },
                    (_, Stage::Items { items, .. }) if self.with_receipts => Stage::Receipts {
                        prefix: items.thread.prefix(),
                        after: None,
                    },
                    (_, _) => Stage::Done,
                };
                Ok(piece)
            }
            Stage::Receipts { prefix, after } => {
                let (piece, last) = receipts_of(view, past, prefix, after.as_deref())?;
                self.stage = match last {
                    Some(last) => Stage::Receipts {
                        prefix: prefix.clone(),
                        after: Some(last),
                    },
                    None => Stage::Done,
                };
                Ok(piece)
            }
            Stage::Done => Ok(Piece::empty()),
        }
    }

    fn begin(&mut self, past: &Past<'_>, after: Option<String>) -> Result<Piece, ApiError> {
        let thread = past.thread(&self.thread)?;
        let mut piece = Piece::empty();
        // where it goes on behind an item, the thread's own line has come before
        if after.is_none() {
            Line::Thread(ThreadAnswer::of_row(&thread.row)).write(&mut piece.lines)?;
            piece.came.threads = 1;
        }
        let items = Box::new(past.items(thread)?);
        self.stage = Stage::Items { items, after };
        Ok(piece)
    }

    /// A page of items, and the last of them if there may be more.
    fn items(
        &self,
        past: &Past<'_>,
        then: &ItemsThen,
        after: Option<&str>,
    ) -> Result<(Piece, Option<String>), ApiError> {
        let mut limit = ITEMS;
        let rows = loop {
            let query = Query {
                limit,
                total: Total::Skipped,
                ..Query::default()
            };
            match past.list_items(then, &query, after.map(ItemCursor::After)) {
                Ok(page) => break page.rows,
                // large ones: fewer at once, down to one, which is never too much
                Err(error) if error.kind() == ErrorType::QueryTooExpensive && limit > 1 => {
                    limit /= 2;
                }
                Err(error) => return Err(error),
            }
        };
        let mut piece = Piece::empty();
        for row in &rows {
            Line::Item(ItemAnswer::of_row(row)).write(&mut piece.lines)?;
        }
        piece.came.items = rows.len() as u64;
        let is_full = u32::try_from(rows.len()) == Ok(limit);
        let last = rows.last().filter(|_| is_full);
        let id = last.and_then(|row| row.get(items::ID)?.as_text());
        Ok((piece, id.map(str::to_owned)))
    }
}

fn receipts_of(
    view: &dyn RowsView,
    past: &Past<'_>,
    prefix: &[Value; 2],
    after: Option<&[Value]>,
) -> Result<(Piece, Option<Vec<Value>>), ApiError> {
    let rows = view.scan(past.project(), receipts::TABLE, prefix, after, RECEIPTS)?;
    let mut piece = Piece::empty();
    for row in &rows {
        receipt(row).write(&mut piece.lines)?;
    }
    piece.came.receipts = rows.len() as u64;
    let last = rows.last().filter(|_| rows.len() == RECEIPTS);
    let key = last.and_then(|row| row.get(receipts::BY).cloned());
    let key = key.map(|by| prefix.iter().cloned().chain([by]).collect());
    Ok((piece, key))
}

impl Piece {
    fn empty() -> Self {
        Self {
            lines: Vec::new(),
            came: Came::default(),
        }
    }
}

/// Whether a thread is not there for whoever asks.
pub(super) fn is_gone(error: &ApiError) -> bool {
    error.kind() == ApiError::from(ThreadRefusal::NotFound).kind()
}
