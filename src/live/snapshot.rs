//! What is there when a subscription begins: one page, bounded in rows and in bytes.

use everlog_domain::access::{Caller, Privilege};
use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{RowsFailure, RowsView, Visibility};
use everlog_domain::query::{Cursor, Direction, Filter, OrderBy, Query, Total};
use everlog_domain::tables::system::{items, threads};
use everlog_domain::tables::{Row, system};
use everlog_domain::value::Value;

use super::life::Life;
use super::resource::Part;
use super::shown::{Shown, ThreadLife};
use crate::http::{DeltaBudget, ItemAnswer, ThreadAnswer, with_deltas};

/// Most rows of a snapshot.
pub(super) const MAX_ROWS: u32 = 100;
/// Bytes of items after which a snapshot of items ends.
const ITEM_BYTES: usize = 1024 * 1024;
/// Items that are read at once, each of up to a mebibyte.
const SLICE: u32 = 10;

/// The content of a snapshot.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The inner text of an object.
    pub(super) fields: String,
    /// The lives of threads that it shows something of.
    pub(super) shows: Vec<Life>,
}

/// Reads what is there.
pub(super) fn read(
    view: &dyn RowsView,
    caller: &Caller,
    shown: &Shown,
    limit: u32,
    thread: Option<&Row>,
) -> Result<Snapshot, RowsFailure> {
    match shown {
        Shown::Threads(query) => threads(view, caller, query, limit),
        Shown::Items(_) => Ok(Snapshot {
            fields: r#""items":[],"more":false"#.to_owned(),
            shows: Vec::new(),
        }),
        Shown::Thread(life) => {
            let items = newest_items(view, caller.project, life, limit)?;
            let texts = items.texts.join(",");
            let more = items.more;
            let thread = match (life.part, thread) {
                (Part::Whole, Some(row)) => {
                    format!(r#""thread":{},"#, json(&ThreadAnswer::of_row(row)))
                }
                _ => String::new(),
            };
            Ok(Snapshot {
                fields: format!(r#"{thread}"items":[{texts}],"more":{more}"#),
                shows: vec![life.life(caller.project)],
            })
        }
    }
}

fn threads(
    view: &dyn RowsView,
    caller: &Caller,
    query: &Query,
    limit: u32,
) -> Result<Snapshot, RowsFailure> {
    let one_more = Query {
        limit: limit + 1,
        total: Total::Skipped,
        ..query.clone()
    };
    let visibility = match caller.privilege {
        Privilege::Key => Visibility::All,
        Privilege::Ordinary => Visibility::Roles(&caller.roles),
    };
    let rows = match view.list(caller.project, threads::TABLE, &one_more, visibility) {
        // large ones end it early
        Err(RowsFailure::PageTooLarge { .. }) if limit > 0 => {
            return threads(view, caller, query, limit / 2);
        }
        page => page?.rows,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    let page = || rows.iter().take(limit);
    let texts: Vec<String> = page().map(|row| json(&ThreadAnswer::of_row(row))).collect();
    Ok(Snapshot {
        fields: format!(r#""threads":[{}],"more":{more}"#, texts.join(",")),
        shows: page()
            .map(|row| Life::of_row(caller.project, row))
            .collect(),
    })
}

struct Items {
    /// Oldest first.
    texts: Vec<String>,
    /// Whether there are older ones.
    more: bool,
}

/// The newest items with what has been written of open ones.
fn newest_items(
    view: &dyn RowsView,
    project: ProjectNumber,
    life: &ThreadLife,
    limit: u32,
) -> Result<Items, RowsFailure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut texts = Vec::new();
    let mut bytes = 0;
    let mut budget = DeltaBudget::default();
    let mut query = newest_first(life);
    let more = 'all: loop {
        let rows = match view.list(project, items::TABLE, &query, Visibility::All) {
            Err(RowsFailure::PageTooLarge { .. }) if query.limit > 1 => {
                query.limit = 1;
                continue;
            }
            page => page?.rows,
        };
        let slice = rows.len();
        for row in rows {
            if texts.len() >= limit || bytes >= ITEM_BYTES {
                break 'all true;
            }
            query.cursor =
                system::table(items::TABLE).map(|table| Cursor::After(table.key_of(&row)));
            let row = match with_deltas(view, project, row, &mut budget) {
                // The first item's deltas fit always; what is left is read where it is asked for.
                Err(RowsFailure::TooExpensive { .. }) => break 'all true,
                row => row?,
            };
            let text = json(&ItemAnswer::of_row(&row));
            bytes += text.len();
            texts.push(text);
        }
        if slice < usize::try_from(query.limit).unwrap_or(usize::MAX) {
            break false;
        }
    };
    texts.reverse();
    Ok(Items { texts, more })
}

fn newest_first(life: &ThreadLife) -> Query {
    Query {
        filters: vec![
            Filter::equal(items::THREAD, life.thread.as_str()),
            Filter::equal(items::INCARNATION, Value::counter(life.incarnation.0)),
        ],
        order: vec![OrderBy {
            column: items::POSITION,
            direction: Direction::Descending,
        }],
        limit: SLICE,
        total: Total::Skipped,
        ..Query::default()
    }
}

fn json<T: serde::Serialize>(answer: &T) -> String {
    // Answers have string keys only, so there is always a text.
    serde_json::to_string(answer).unwrap_or_default()
}
