//! What a subscription shows: its resource, bound to what it stands for.

use everlog_domain::envelope::{EventKind, Stream};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::Position;
use everlog_domain::ids::{Offset, ProjectNumber, ThreadId};
use everlog_domain::query::{Filter, Query};
use everlog_domain::tables::system::items;
use everlog_domain::tables::{Row, RowChange};
use everlog_domain::threads::{
    ItemAbandoned, ItemDeleted, ItemDelta, ItemEdited, ItemFinished, ItemPinned, ItemReactionAdded,
    ItemReactionRemoved, ItemUnpinned, ThreadEvent,
};
use everlog_domain::value::Value;

use super::life::Life;
use super::resource::Part;

/// What a subscription shows.
#[derive(Debug, Clone)]
pub(super) enum Shown {
    /// One life of a thread: a thread made anew under the same id is another.
    Thread(ThreadLife),
    /// Rows of threads that match.
    Threads(Query),
    /// Items that match.
    Items(ItemFilters),
}

/// One life of a thread, or its items alone.
#[derive(Debug, Clone)]
pub(super) struct ThreadLife {
    pub(super) thread: ThreadId,
    pub(super) incarnation: Offset,
    pub(super) part: Part,
}

impl ThreadLife {
    /// The life, in its project.
    pub(super) fn life(&self, project: ProjectNumber) -> Life {
        Life {
            project,
            stream: Stream::thread(&self.thread),
            incarnation: self.incarnation,
        }
    }

    /// Whether events of a kind are shown.
    pub(super) const fn shows(&self, kind: EventKind) -> bool {
        match self.part {
            Part::Whole => !matches!(kind, EventKind::ThreadDeleted | EventKind::ItemCopied),
            Part::Items => is_of_item(kind) || matches!(kind, EventKind::ItemsExpired),
        }
    }
}

/// Whether an event of a kind may let somebody see a thread with items that are there already, or end
/// that.
pub(super) const fn opens_thread(kind: EventKind) -> bool {
    kind.changes_access() || matches!(kind, EventKind::ThreadForked)
}

/// Whether events of a kind are about an item. A fork's copy of one tells nobody anything new.
pub(super) const fn is_of_item(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::ItemPosted
            | EventKind::ItemOpened
            | EventKind::ItemDelta
            | EventKind::ItemFinished
            | EventKind::ItemAbandoned
            | EventKind::ItemEdited
            | EventKind::ItemDeleted
            | EventKind::ItemReactionAdded
            | EventKind::ItemReactionRemoved
            | EventKind::ItemPinned
            | EventKind::ItemUnpinned
    )
}

/// Filters over columns of items that never change, so that an item matches for ever or never.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemFilters(Vec<Filter>);

/// Where the row of an event's item is found.
pub(super) enum ItemRow {
    /// The event brings it.
    Brought(Row),
    /// Under this primary key.
    Stored([Value; 3]),
}

/// The columns of items that never change.
const CONSTANT: [usize; 6] = [
    items::THREAD,
    items::ID,
    items::POSITION,
    items::CREATED_AT,
    items::AUTHOR,
    items::ROLE,
];

impl ItemFilters {
    /// Accepts filters; the place of the first column that may change, if one does.
    pub(super) fn new(filters: Vec<Filter>) -> Result<Self, usize> {
        let mut columns = filters.iter().flat_map(columns);
        match columns.find(|column| !CONSTANT.contains(column)) {
            Some(column) => Err(column),
            None => Ok(Self(filters)),
        }
    }

    /// Whether every item matches.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an item's row matches.
    pub(super) fn match_row(&self, row: &[Value]) -> bool {
        self.0.iter().all(|filter| filter.matches(row))
    }

    /// Whether items of a thread may match: what is asked of the thread alone.
    pub(super) fn may_match_thread(&self, id: &str) -> bool {
        let mut row = vec![Value::Null; items::OFFSET + 1];
        if let Some(cell) = row.get_mut(items::THREAD) {
            *cell = Value::text(id);
        }
        let of_thread = |filter: &&Filter| {
            columns(filter)
                .iter()
                .all(|column| *column == items::THREAD)
        };
        self.0
            .iter()
            .filter(of_thread)
            .all(|filter| filter.matches(&row))
    }
}

fn columns(filter: &Filter) -> Vec<usize> {
    match filter {
        Filter::Compare { column, .. } => vec![*column],
        Filter::And(filters) | Filter::Or(filters) => filters.iter().flat_map(columns).collect(),
    }
}

impl ItemRow {
    /// Of the item that an event is about; nothing if it is about none.
    pub(super) fn of(recorded: &Recorded) -> Option<Self> {
        let Event::Thread(event) = &recorded.event else {
            return None;
        };
        match event {
            ThreadEvent::ItemPosted(_) | ThreadEvent::ItemOpened(_) => {
                inserted(recorded).map(Self::Brought)
            }
            ThreadEvent::ItemDelta(ItemDelta { opened, .. })
            | ThreadEvent::ItemFinished(ItemFinished { opened, .. })
            | ThreadEvent::ItemAbandoned(ItemAbandoned { opened, .. })
            | ThreadEvent::ItemEdited(ItemEdited { opened, .. })
            | ThreadEvent::ItemDeleted(ItemDeleted { opened, .. })
            | ThreadEvent::ItemReactionAdded(ItemReactionAdded { opened, .. })
            | ThreadEvent::ItemReactionRemoved(ItemReactionRemoved { opened, .. })
            | ThreadEvent::ItemPinned(ItemPinned { opened, .. })
            | ThreadEvent::ItemUnpinned(ItemUnpinned { opened, .. }) => {
                Some(Self::Stored(key(recorded, *opened)))
            }
            _ => None,
        }
    }
}

fn inserted(recorded: &Recorded) -> Option<Row> {
    recorded
        .row_changes()
        .into_iter()
        .find_map(|change| match change {
            RowChange::Insert { table, row } if table == items::TABLE => Some(row),
            _ => None,
        })
}

fn key(recorded: &Recorded, opened: Position) -> [Value; 3] {
    let envelope = &recorded.envelope;
    [
        Value::Text(envelope.stream.id.clone()),
        Value::counter(envelope.incarnation.0),
        Value::counter(opened.0),
    ]
}
