//! What facts about threads do to rows. [`super::stored`] reads them back.

use super::cells::{
    access_cells, access_row, item_key, item_row, json, life, parent, thread_id, tokens,
};
use super::event::{
    BranchSwitched, ItemAbandoned, ItemDeleted, ItemDelta, ItemEdited, ItemFinished, ItemOpened,
    ItemPosted, ItemReactionAdded, ItemReactionRemoved, ItemsExpired, ThreadCreated, ThreadEvent,
    ThreadRead, ThreadUpdated,
};
use super::fork_rows::{forked_life, item_copied, keep_item, thread_forked};
use super::mention_rows::{mentioned, named};
use super::withheld::Withheld;
use super::{
    Author, ItemStatus, Mentioned, Metadata, Parent, Part, Reaction, ReactionCounts, ThreadAccess,
};
use crate::envelope::{Envelope, EventKind};
use crate::ids::Position;
use crate::tables::system::{
    branches, deltas, ended_threads, expirations, item_versions, items, mentions, open_items, pins,
    reactions, receipts, thread_access, threads,
};
use crate::tables::{RowChange, RowPlace, TableNumber};
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &ThreadEvent) -> Vec<RowChange> {
    match event {
        ThreadEvent::ThreadCreated(event) => thread_created(envelope, event),
        ThreadEvent::ThreadUpdated(event) => thread_updated(envelope, event),
        ThreadEvent::ThreadPermissionsChanged(event) => access_changed(envelope, &event.access),
        ThreadEvent::ParticipantAdded(event) => access_changed(envelope, &event.access),
        ThreadEvent::ParticipantRemoved(event) => access_changed(envelope, &event.access),
        ThreadEvent::ThreadDeleted(_) => thread_deleted(envelope),
        ThreadEvent::ItemPosted(event) => item_posted(envelope, event),
        ThreadEvent::ItemOpened(event) => item_opened(envelope, event),
        ThreadEvent::ItemDelta(event) => item_delta(envelope, event),
        ThreadEvent::ItemFinished(event) => item_finished(envelope, event),
        ThreadEvent::ItemAbandoned(event) => item_abandoned(envelope, event),
        ThreadEvent::ItemEdited(event) => item_edited(envelope, event),
        ThreadEvent::ItemDeleted(event) => item_deleted(envelope, event),
        ThreadEvent::BranchSwitched(event) => branch_switched(envelope, event),
        ThreadEvent::ThreadRead(event) => thread_read(envelope, event),
        ThreadEvent::ItemReactionAdded(event) => reaction_added(envelope, event),
        ThreadEvent::ItemReactionRemoved(event) => reaction_removed(envelope, event),
        ThreadEvent::ItemPinned(event) => item_pinned(envelope, event.opened),
        ThreadEvent::ItemUnpinned(event) => item_unpinned(envelope, event.opened),
        ThreadEvent::ThreadForked(event) => thread_forked(envelope, event),
        ThreadEvent::ItemCopied(event) => item_copied(envelope, event),
        ThreadEvent::ItemsExpired(event) => items_expired(envelope, event),
    }
}

/// What a fact about an item that has expired did to the row of its thread. The item's own rows are
/// gone, so that a past without them is what is left.
pub(crate) fn changes_withheld(envelope: &Envelope, withheld: &Withheld) -> Vec<RowChange> {
    let mut changes = match withheld.kind {
        EventKind::ItemPosted | EventKind::ItemOpened => {
            new_item(envelope, withheld.parent.as_ref())
        }
        EventKind::ItemFinished | EventKind::ItemAbandoned => vec![touch_thread(envelope)],
        _ => Vec::new(),
    };
    changes.retain(
        |change| matches!(change, RowChange::Update { table, .. } if *table == threads::TABLE),
    );
    changes
}

fn thread_created(envelope: &Envelope, event: &ThreadCreated) -> Vec<RowChange> {
    let name = event.name.as_ref().map(|name| name.as_str());
    let mut row = vec![Value::Null; threads::READERS + 1];
    row[threads::ID] = thread_id(envelope);
    row[threads::SEQUENCE] = Value::counter(envelope.offset.0);
    row[threads::CREATED_AT] = envelope.time.into();
    row[threads::UPDATED_AT] = envelope.time.into();
    row[threads::LAST_ITEM_AT] = envelope.time.into();
    row[threads::NAME] = name.into();
    row[threads::METADATA] = Value::Json(event.metadata.to_json());
    row[threads::TEMPLATE] = event
        .template
        .as_ref()
        .map_or(Value::Null, |id| Value::text(id.as_str()));
    for (place, value) in access_cells(&event.access) {
        row[place] = value;
    }
    vec![
        RowChange::Insert {
            table: threads::TABLE,
            row,
        },
        access_row(envelope, &event.access),
    ]
}

fn update_thread(envelope: &Envelope, mut set: Vec<(usize, Value)>) -> RowChange {
    set.push((threads::UPDATED_AT, envelope.time.into()));
    RowChange::Update {
        table: threads::TABLE,
        key: vec![thread_id(envelope)],
        set,
    }
}

fn thread_updated(envelope: &Envelope, event: &ThreadUpdated) -> Vec<RowChange> {
    let name = event
        .name
        .as_ref()
        .map(|name| (threads::NAME, Value::text(name.as_str())));
    let metadata = event
        .metadata
        .as_ref()
        .map(|m| (threads::METADATA, Value::Json(m.to_json())));
    vec![update_thread(
        envelope,
        name.into_iter().chain(metadata).collect(),
    )]
}

fn access_changed(envelope: &Envelope, access: &ThreadAccess) -> Vec<RowChange> {
    vec![
        update_thread(envelope, access_cells(access).into()),
        access_row(envelope, access),
    ]
}

/// The thread's row goes at once; what only it leads to may go later.
fn thread_deleted(envelope: &Envelope) -> Vec<RowChange> {
    let delete = RowChange::Delete {
        table: threads::TABLE,
        key: vec![thread_id(envelope)],
    };
    let own = [
        open_items::TABLE,
        deltas::TABLE,
        thread_access::TABLE,
        reactions::TABLE,
        pins::TABLE,
        receipts::TABLE,
        mentions::TABLE,
    ];
    // Forks go on with them. What the thread itself shares is told by a small row, which stays for its
    // past.
    let shared = [items::TABLE, branches::TABLE, item_versions::TABLE];
    let purge = |unless: Option<RowPlace>| {
        move |table: TableNumber| RowChange::Purge {
            table,
            prefix: life(envelope).into(),
            unless: unless.clone(),
        }
    };
    let own = own.map(purge(None));
    let shared = shared.map(purge(Some(forked_life(envelope))));
    let [thread, incarnation] = life(envelope);
    let ended = RowChange::Insert {
        table: ended_threads::TABLE,
        row: vec![envelope.time.into(), thread, incarnation],
    };
    let changes = [delete, ended].into_iter();
    changes.chain(own).chain(shared).collect()
}

/// Only an item that is somewhere else than right after the one before it ends what a switch began:
/// the first one after a switch is.
fn new_item(envelope: &Envelope, parent: Option<&Parent>) -> Vec<RowChange> {
    let Some(parent) = parent else {
        return vec![touch_thread(envelope)];
    };
    let set = vec![
        (threads::LAST_ITEM_AT, envelope.time.into()),
        (threads::ACTIVE_ITEM, Value::Null),
    ];
    vec![
        RowChange::Insert {
            table: branches::TABLE,
            row: branch(envelope, parent, envelope.position),
        },
        RowChange::Update {
            table: threads::TABLE,
            key: vec![thread_id(envelope)],
            set,
        },
    ]
}

fn branch_switched(envelope: &Envelope, event: &BranchSwitched) -> Vec<RowChange> {
    let active = Value::text(event.item.as_str());
    vec![update_thread(
        envelope,
        vec![(threads::ACTIVE_ITEM, active)],
    )]
}

fn item_edited(envelope: &Envelope, event: &ItemEdited) -> Vec<RowChange> {
    let mut set = vec![
        (items::UPDATED_AT, envelope.time.into()),
        (items::EDITED_AT, envelope.time.into()),
    ];
    if let Some(parts) = &event.parts {
        set.push((items::PARTS, json(parts)));
    }
    if let Some(metadata) = &event.metadata {
        set.push((items::METADATA, Value::Json(metadata.to_json())));
    }
    if event.tokens.is_some() {
        set.push((items::TOKENS, tokens(event.tokens)));
    }
    let mentions = event.mentions.as_ref();
    set.extend(mentions.map(|mentioned| (items::MENTIONS, named(mentioned))));
    let update = RowChange::Update {
        table: items::TABLE,
        key: item_key(envelope, event.opened),
        set,
    };
    let key = item_key(envelope, event.opened);
    let mentions = mentioned(&key, envelope.offset, mentions);
    let changes = [keep_item(envelope, event.opened), update];
    changes.into_iter().chain(mentions).collect()
}

/// Its row stays without what it said: what follows it still does.
fn item_deleted(envelope: &Envelope, event: &ItemDeleted) -> Vec<RowChange> {
    let key = item_key(envelope, event.opened);
    let nothing: &[Part] = &[];
    let mut set = closed(envelope, ItemStatus::Deleted, nothing);
    set.push((items::METADATA, Value::Json(Metadata::default().to_json())));
    set.push((items::TOKENS, Value::Null));
    set.push((items::REACTIONS, Value::Null));
    set.push((items::PINNED_AT, Value::Null));
    set.push((items::MENTIONS, Value::Null));
    let update = RowChange::Update {
        table: items::TABLE,
        key: key.clone(),
        set,
    };
    let unpinned = RowChange::Delete {
        table: pins::TABLE,
        key: key.clone(),
    };
    let unmarked = RowChange::Purge {
        table: reactions::TABLE,
        prefix: key.clone(),
        unless: None,
    };
    let keep = keep_item(envelope, event.opened);
    let unmentioned = RowChange::Purge {
        table: mentions::TABLE,
        prefix: key.clone(),
        unless: None,
    };
    let mut changes = vec![keep, update, unpinned, unmarked, unmentioned];
    if event.was_open {
        changes.extend(no_more_open(key));
    }
    changes
}

/// What items leave that have expired: nothing but that they did. Whatever leads to an item's row goes
/// here, and nowhere else.
fn items_expired(envelope: &Envelope, event: &ItemsExpired) -> Vec<RowChange> {
    let mut changes = Vec::with_capacity(3 * event.items.len() + 3);
    for gone in &event.items {
        let key = item_key(envelope, gone.opened);
        changes.extend([items::TABLE, pins::TABLE].map(|table| RowChange::Delete {
            table,
            key: key.clone(),
        }));
        // what it was before belongs to it, for forks too
        changes.extend(
            [reactions::TABLE, item_versions::TABLE, mentions::TABLE].map(|table| {
                RowChange::Purge {
                    table,
                    prefix: key.clone(),
                    unless: None,
                }
            }),
        );
        if let Some(parent) = &gone.parent {
            changes.push(RowChange::Delete {
                table: branches::TABLE,
                key: branch(envelope, parent, gone.opened),
            });
        }
    }
    if event.ends_branch {
        changes.push(update_thread(
            envelope,
            vec![(threads::ACTIVE_ITEM, Value::Null)],
        ));
    }
    let mut row = life(envelope).to_vec();
    let table = expirations::TABLE;
    // It takes the place of the one before it.
    let key = row.clone();
    row.push(json(&event.expired));
    changes.push(RowChange::Delete { table, key });
    changes.push(RowChange::Insert { table, row });
    changes
}

fn branch(envelope: &Envelope, parent: &Parent, opened: Position) -> Vec<Value> {
    let [thread, incarnation] = life(envelope);
    let parent = Value::text(parent.as_str());
    vec![thread, incarnation, parent, Value::counter(opened.0)]
}

fn thread_read(envelope: &Envelope, event: &ThreadRead) -> Vec<RowChange> {
    let [thread, incarnation] = life(envelope);
    let row = vec![
        thread,
        incarnation,
        Value::text(event.by.as_str()),
        Value::counter(event.opened.0),
        Value::text(event.item.as_str()),
        envelope.time.into(),
    ];
    // There may be an earlier one, which this one takes the place of.
    let key = row[..=receipts::BY].to_vec();
    vec![
        RowChange::Delete {
            table: receipts::TABLE,
            key,
        },
        RowChange::Insert {
            table: receipts::TABLE,
            row,
        },
    ]
}

fn reaction_added(envelope: &Envelope, event: &ItemReactionAdded) -> Vec<RowChange> {
    let mut row = reaction_key(envelope, event.opened, &event.by, &event.reaction);
    row.push(envelope.time.into());
    vec![
        RowChange::Insert {
            table: reactions::TABLE,
            row,
        },
        reacted(envelope, event.opened, &event.counts),
    ]
}

fn reaction_removed(envelope: &Envelope, event: &ItemReactionRemoved) -> Vec<RowChange> {
    vec![
        RowChange::Delete {
            table: reactions::TABLE,
            key: reaction_key(envelope, event.opened, &event.by, &event.reaction),
        },
        reacted(envelope, event.opened, &event.counts),
    ]
}

fn reaction_key(
    envelope: &Envelope,
    opened: Position,
    by: &Author,
    reaction: &Reaction,
) -> Vec<Value> {
    let mut key = item_key(envelope, opened);
    key.extend([by.as_str(), reaction.as_str()].map(Value::text));
    key
}

fn reacted(envelope: &Envelope, opened: Position, counts: &ReactionCounts) -> RowChange {
    RowChange::Update {
        table: items::TABLE,
        key: item_key(envelope, opened),
        set: vec![(items::REACTIONS, json(counts))],
    }
}

fn item_pinned(envelope: &Envelope, opened: Position) -> Vec<RowChange> {
    vec![
        RowChange::Insert {
            table: pins::TABLE,
            row: item_key(envelope, opened),
        },
        pinned_at(envelope, opened, envelope.time.into()),
    ]
}

fn item_unpinned(envelope: &Envelope, opened: Position) -> Vec<RowChange> {
    vec![
        RowChange::Delete {
            table: pins::TABLE,
            key: item_key(envelope, opened),
        },
        pinned_at(envelope, opened, Value::Null),
    ]
}

fn pinned_at(envelope: &Envelope, opened: Position, at: Value) -> RowChange {
    RowChange::Update {
        table: items::TABLE,
        key: item_key(envelope, opened),
        set: vec![(items::PINNED_AT, at)],
    }
}

/// What an item leaves that is not being written any more.
fn no_more_open(key: Vec<Value>) -> [RowChange; 2] {
    [
        RowChange::Delete {
            table: open_items::TABLE,
            key: key.clone(),
        },
        RowChange::Purge {
            table: deltas::TABLE,
            prefix: key,
            unless: None,
        },
    ]
}

fn touch_thread(envelope: &Envelope) -> RowChange {
    let set = vec![(threads::LAST_ITEM_AT, envelope.time.into())];
    RowChange::Update {
        table: threads::TABLE,
        key: vec![thread_id(envelope)],
        set,
    }
}

fn item_posted(envelope: &Envelope, event: &ItemPosted) -> Vec<RowChange> {
    let mut row = item_row(envelope, ItemStatus::Finished);
    row[items::ID] = Value::text(event.item.as_str());
    row[items::AUTHOR] = Value::text(event.author.as_str());
    row[items::ROLE] = Value::text(event.role.name());
    row[items::PARTS] = json(&event.parts);
    row[items::METADATA] = Value::Json(event.metadata.to_json());
    row[items::TOKENS] = tokens(event.tokens);
    row[items::PARENT] = parent(event.parent.as_ref());
    row[items::MENTIONS] = event.mentions.as_ref().map_or(Value::Null, named);
    let insert = RowChange::Insert {
        table: items::TABLE,
        row,
    };
    let mut changes = new_item(envelope, event.parent.as_ref());
    changes.insert(0, insert);
    changes.extend(mentioned_anew(envelope, event.mentions.as_ref()));
    changes
}

fn mentioned_anew(envelope: &Envelope, event: Option<&Mentioned>) -> Vec<RowChange> {
    let key = item_key(envelope, envelope.position);
    mentioned(&key, envelope.offset, event)
}

fn item_opened(envelope: &Envelope, event: &ItemOpened) -> Vec<RowChange> {
    let mut row = item_row(envelope, ItemStatus::Open);
    row[items::ID] = Value::text(event.item.as_str());
    row[items::AUTHOR] = Value::text(event.author.as_str());
    row[items::ROLE] = Value::text(event.role.name());
    row[items::PARTS] = json(&event.parts);
    row[items::METADATA] = Value::Json(event.metadata.to_json());
    row[items::PARENT] = parent(event.parent.as_ref());
    row[items::MENTIONS] = event.mentions.as_ref().map_or(Value::Null, named);
    let [thread, incarnation] = life(envelope);
    let position = Value::counter(envelope.position.0);
    let open = vec![
        thread,
        incarnation,
        position,
        Value::text(event.item.as_str()),
    ];
    let mut changes = vec![
        RowChange::Insert {
            table: items::TABLE,
            row,
        },
        RowChange::Insert {
            table: open_items::TABLE,
            row: open,
        },
    ];
    changes.extend(new_item(envelope, event.parent.as_ref()));
    changes.extend(mentioned_anew(envelope, event.mentions.as_ref()));
    changes
}

fn item_delta(envelope: &Envelope, event: &ItemDelta) -> Vec<RowChange> {
    let [thread, incarnation] = life(envelope);
    let mut row = vec![Value::Null; deltas::DELTA + 1];
    row[deltas::THREAD] = thread;
    row[deltas::INCARNATION] = incarnation;
    row[deltas::ITEM_POSITION] = Value::counter(event.opened.0);
    row[deltas::POSITION] = Value::counter(envelope.position.0);
    row[deltas::DELTA] = json(&event.deltas);
    vec![RowChange::Insert {
        table: deltas::TABLE,
        row,
    }]
}

fn item_finished(envelope: &Envelope, event: &ItemFinished) -> Vec<RowChange> {
    let mut set = closed(envelope, ItemStatus::Finished, &event.parts);
    set.push((items::METADATA, Value::Json(event.metadata.to_json())));
    set.push((items::TOKENS, tokens(event.tokens)));
    let mentions = event.mentions.as_ref();
    set.extend(mentions.map(|mentioned| (items::MENTIONS, named(mentioned))));
    let key = item_key(envelope, event.opened);
    let mut changes = close_item(envelope, event.opened, set);
    changes.extend(mentioned(&key, envelope.offset, mentions));
    changes
}

fn item_abandoned(envelope: &Envelope, event: &ItemAbandoned) -> Vec<RowChange> {
    close_item(
        envelope,
        event.opened,
        closed(envelope, ItemStatus::Abandoned, &event.parts),
    )
}

fn closed(envelope: &Envelope, status: ItemStatus, parts: &[Part]) -> Vec<(usize, Value)> {
    vec![
        (items::STATUS, Value::text(status.name())),
        (items::UPDATED_AT, envelope.time.into()),
        (items::PARTS, json(&parts)),
    ]
}

fn close_item(envelope: &Envelope, opened: Position, set: Vec<(usize, Value)>) -> Vec<RowChange> {
    let key = item_key(envelope, opened);
    let update = RowChange::Update {
        table: items::TABLE,
        key: key.clone(),
        set,
    };
    let [delete, purge] = no_more_open(key);
    vec![update, delete, purge, touch_thread(envelope)]
}
