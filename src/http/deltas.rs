//! What has been written of open items: their deltas are rows of their own until they are finished.

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{RowsFailure, RowsView, each_page};
use everlog_domain::query::MAX_PAGE_BYTES;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{deltas, items};
use everlog_domain::threads::{Delta, ItemStatus, MAX_APPENDS, Part};
use everlog_domain::value::Value;
use serde_json::Value as Json;

use super::cells::{cell, json, text};

/// How many rows of deltas one answer may still read. It begins with as many as an item can have,
/// so that every item can be read alone.
#[derive(Debug)]
pub struct DeltaBudget {
    left: usize,
}

impl Default for DeltaBudget {
    fn default() -> Self {
        Self { left: MAX_APPENDS }
    }
}

impl DeltaBudget {
    fn spend(&mut self, rows: usize) -> Result<(), RowsFailure> {
        let left = self.left.checked_sub(rows);
        let limit = MAX_APPENDS as u64;
        let looked_at = limit + 1;
        self.left = left.ok_or(RowsFailure::TooExpensive { looked_at, limit })?;
        Ok(())
    }
}

/// The item's row with what has been written so far, if it is open.
pub fn with_deltas(
    view: &dyn RowsView,
    project: ProjectNumber,
    mut row: Row,
    budget: &mut DeltaBudget,
) -> Result<Row, RowsFailure> {
    if cell(&row, items::STATUS).as_text() != Some(ItemStatus::Open.name()) {
        return Ok(row);
    }
    let life = [items::THREAD, items::INCARNATION, items::POSITION];
    let prefix = life.map(|place| cell(&row, place).clone());
    let mut parts: Vec<Part> = read(json(&row, items::PARTS), &row);
    each_page(view, project, deltas::TABLE, &prefix, |page| {
        budget.spend(page.len())?;
        for stored in page {
            let appended: Vec<Delta> = read(json(stored, deltas::DELTA), &row);
            appended.iter().for_each(|delta| delta.apply(&mut parts));
        }
        Ok(())
    })?;
    if let (Some(cell), Ok(parts)) = (row.get_mut(items::PARTS), serde_json::to_value(&parts)) {
        *cell = Value::Json(parts);
    }
    Ok(row)
}

/// A page of items with what has been written of the open ones, which counts to the page's bound.
pub(super) fn page_with_deltas(
    view: &dyn RowsView,
    project: ProjectNumber,
    rows: Vec<Row>,
) -> Result<Vec<Row>, RowsFailure> {
    let mut budget = DeltaBudget::default();
    let mut bytes = 0;
    let mut whole = Vec::with_capacity(rows.len());
    for row in rows {
        let row = with_deltas(view, project, row, &mut budget)?;
        bytes += row.iter().map(Value::memory_bytes).sum::<usize>();
        if !whole.is_empty() && bytes > MAX_PAGE_BYTES {
            let limit = MAX_PAGE_BYTES;
            return Err(RowsFailure::PageTooLarge { limit });
        }
        whole.push(row);
    }
    Ok(whole)
}

/// Stored content as its type; what does not read is left out, and the log of the server says so.
fn read<T: serde::de::DeserializeOwned>(json: &Json, item: &[Value]) -> Vec<T> {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| {
        let (thread, item) = (text(item, items::THREAD), text(item, items::ID));
        tracing::error!(%error, thread, item, "an item has content that does not read");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use everlog_actors::{CommitterMode, IdOrigin, Node, NodeOptions, ThreadRequest};
    use everlog_domain::ids::{CONSOLE, ItemId, ProjectUid, ThreadId};
    use everlog_domain::threads::{
        AppendDelta, CreateThread, ItemRole, Metadata, NewItem, OpenItem, ThreadCommand,
    };
    use everlog_kit::{MemoryLog, MemoryRows};

    use super::*;

    async fn node() -> Node {
        let options = NodeOptions {
            committer: CommitterMode::Inline,
            ..NodeOptions::new(ProjectUid([1; 16]))
        };
        let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(MemoryRows::new()));
        Node::start(log, rows, options).await.unwrap()
    }

    async fn ask(node: &Node, command: ThreadCommand) {
        let request = ThreadRequest {
            caller: node.system(CONSOLE),
            thread: ThreadId::parse("t").unwrap(),
            command,
            item_id: IdOrigin::Chosen,
            wish: None,
            now: crate::clock::now(),
        };
        node.thread(request).await.unwrap();
    }

    /// A thread with an open item of a text, to which three appends were made.
    async fn write(node: &Node) {
        let thread = CreateThread {
            thread: ThreadId::parse("t").unwrap(),
            name: None,
            metadata: Metadata::default(),
            permissions: None,
            participants: Vec::new(),
            template: None,
        };
        ask(node, ThreadCommand::Create(thread)).await;
        let id = ItemId::parse("i").unwrap();
        let item = NewItem {
            id: id.clone(),
            role: ItemRole::Assistant,
            parts: vec![Part::Text {
                text: String::new(),
            }],
            metadata: Metadata::default(),
            tokens: None,
            author: None,
            parent: None,
            mentions: everlog_domain::threads::Mentions::new(),
        };
        ask(node, ThreadCommand::Open(OpenItem { item })).await;
        for text in ["a", "b", "c"] {
            let deltas = vec![Delta::Text {
                part: 0,
                text: text.to_owned(),
            }];
            let item = id.clone();
            ask(node, ThreadCommand::Append(AppendDelta { item, deltas })).await;
        }
    }

    #[tokio::test]
    async fn one_budget_is_spent_by_all_the_items_of_an_answer() {
        let node = node().await;
        write(&node).await;
        let read = node.reads().run(CONSOLE, |view, _| {
            let rows = view.scan(CONSOLE, items::TABLE, &["t".into()], None, 9)?;
            let mut budget = DeltaBudget { left: 5 };
            let mut read = || with_deltas(view, CONSOLE, rows[0].clone(), &mut budget);
            Ok::<_, RowsFailure>((read()?, read()))
        });
        let (first, second) = read.await.unwrap().unwrap();
        assert_eq!(json(&first, items::PARTS)[0]["text"], "abc");
        assert!(
            matches!(second, Err(RowsFailure::TooExpensive { .. })),
            "{second:?}"
        );
    }
}
