//! Reads threads and open items back from rows. What [`super::rows`] writes, this reads.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{
    Author, Delta, Expired, ItemCopied, ItemInProgress, ItemRole, ItemStatus, Mention, Mentions,
    Metadata, OldItem, Parent, Part, ParticipantId, PostedItem, Shares, Thread, ThreadAccess,
    ThreadName, Written,
};
use crate::access::Permissions;
use crate::envelope::Head;
use crate::ids::{ItemId, Position};
use crate::tables::system::{deltas, expirations, forks, items, mentions, threads};
use crate::value::Value;

fn read<T: DeserializeOwned>(row: &[Value], place: usize) -> Option<T> {
    match row.get(place)? {
        Value::Json(json) => T::deserialize(json).ok(),
        _ => None,
    }
}

/// Who may do what, from a thread's row; nothing if the row is damaged.
#[must_use]
pub fn access_of(row: &[Value]) -> Option<ThreadAccess> {
    let texts = row.get(threads::PERMISSIONS)?.as_list();
    let texts: Option<Vec<&str>> = texts.iter().map(Value::as_text).collect();
    Some(ThreadAccess {
        permissions: Permissions::from_stored(&texts?).ok()?,
        participants: read(row, threads::PARTICIPANTS)?,
    })
}

/// A thread without its open items and without what has expired of it, from its row; nothing if the row is damaged.
#[must_use]
pub fn thread_of(row: &[Value], head: Head) -> Option<Thread> {
    let name = row.get(threads::NAME)?;
    let name = match name.as_text() {
        Some(text) => Some(ThreadName::parse(text)?),
        None => None,
    };
    Some(Thread {
        head,
        access: access_of(row)?,
        name,
        metadata: read::<Metadata>(row, threads::METADATA)?,
        open: BTreeMap::new(),
        continues: continues(row)?,
        expired: Expired::default(),
    })
}

/// The item that the next one follows: absent, or an id; nothing if that does not read.
fn continues(row: &[Value]) -> Option<Option<ItemId>> {
    match row.get(threads::ACTIVE_ITEM)?.as_text() {
        None => Some(None),
        Some(id) => ItemId::parse(id).ok().map(Some),
    }
}

/// What a decision needs to know of an item, from its row; nothing if the row is damaged.
#[must_use]
pub fn posted_of(item: &[Value]) -> Option<PostedItem> {
    let position = u64::try_from(item.get(items::POSITION)?.as_int()?).ok()?;
    Some(PostedItem {
        position: Position(position),
        author: Author::from_stored(item.get(items::AUTHOR)?.as_text()?),
        status: ItemStatus::parse(item.get(items::STATUS)?.as_text()?)?,
        mentions: mentions_of(item)?,
    })
}

/// Whether a row of an item is shared: its thread is a fork that has it from its source, so it came
/// before the fork began.
#[must_use]
pub fn is_shared(item: &[Value]) -> bool {
    let number = |place: usize| item.get(place).and_then(Value::as_int);
    match (number(items::OFFSET), number(items::INCARNATION)) {
        (Some(offset), Some(incarnation)) => offset < incarnation,
        _ => false,
    }
}

/// An item whole, from its row, as a fork takes it for itself; nothing if the row is damaged.
#[must_use]
pub fn copied_of(item: &[Value]) -> Option<ItemCopied> {
    let cell = |place: usize| item.get(place);
    let text = |place: usize| cell(place)?.as_text();
    let position = u64::try_from(cell(items::POSITION)?.as_int()?).ok()?;
    let parent = match text(items::PARENT) {
        None => None,
        Some(parent) => Some(Parent::parse(parent)?),
    };
    let tokens = match cell(items::TOKENS)?.as_int() {
        None => None,
        Some(tokens) => Some(u32::try_from(tokens).ok()?),
    };
    Some(ItemCopied {
        item: ItemId::parse(text(items::ID)?).ok()?,
        opened: Position(position),
        author: Author::from_stored(text(items::AUTHOR)?),
        role: ItemRole::parse(text(items::ROLE)?)?,
        status: ItemStatus::parse(text(items::STATUS)?)?,
        parts: read(item, items::PARTS)?,
        metadata: read(item, items::METADATA)?,
        tokens,
        parent,
        mentions: mentions_of(item)?,
        created_at: cell(items::CREATED_AT)?.as_time()?,
        updated_at: cell(items::UPDATED_AT)?.as_time()?,
        edited_at: cell(items::EDITED_AT)?.as_time(),
    })
}

/// What a fork shares with its source, from its row; nothing if the row is damaged.
#[must_use]
pub fn shares_of(fork: &[Value]) -> Option<Shares> {
    read(fork, forks::SHARES)
}

/// Which items have expired, from the row that says so; nothing if the row is damaged.
#[must_use]
pub fn expired_of(row: &[Value]) -> Option<Expired> {
    read(row, expirations::EXPIRED)
}

/// What a sweep needs to know of an item, from its row; nothing if the row is damaged.
#[must_use]
pub fn old_item_of(item: &[Value]) -> Option<OldItem> {
    let opened = u64::try_from(item.get(items::POSITION)?.as_int()?).ok()?;
    let parent = match item.get(items::PARENT)?.as_text() {
        Some(text) => Some(Parent::parse(text)?),
        None => None,
    };
    Some(OldItem {
        item: ItemId::parse(item.get(items::ID)?.as_text()?).ok()?,
        opened: Position(opened),
        created_at: item.get(items::CREATED_AT)?.as_time()?,
        parent,
    })
}

/// Whom an item mentions, from its row; nothing if the row is damaged.
fn mentions_of(item: &[Value]) -> Option<Mentions> {
    let texts = item.get(items::MENTIONS)?.as_list();
    let mention = |text: &Value| Mention::parse(text.as_text()?);
    texts.iter().map(mention).collect()
}

/// Who is mentioned, from the row that says so; nothing if the row is damaged.
#[must_use]
pub fn reached_of(mention: &[Value]) -> Option<ParticipantId> {
    ParticipantId::parse(mention.get(mentions::MENTIONED)?.as_text()?)
}

/// How far an open item had got when it was opened, from its row; nothing if the row is damaged.
#[must_use]
pub fn open_item_of(item: &[Value]) -> Option<(ItemId, ItemInProgress)> {
    let id = ItemId::parse(item.get(items::ID)?.as_text()?).ok()?;
    let opened = u64::try_from(item.get(items::POSITION)?.as_int()?).ok()?;
    let author = Author::from_stored(item.get(items::AUTHOR)?.as_text()?);
    let parts: Vec<Part> = read(item, items::PARTS)?;
    let progress = ItemInProgress::begin(Position(opened), author, &parts);
    Some((id, progress))
}

/// Takes the row of an append into an open item; nothing if the row is damaged.
#[must_use]
pub fn append_of(progress: &mut ItemInProgress, appended: &[Value]) -> Option<()> {
    progress.append(&read::<Vec<Delta>>(appended, deltas::DELTA)?);
    Some(())
}

/// What an open item said when it was opened, from its row; nothing if the row is damaged.
#[must_use]
pub fn written_of(item: &[Value]) -> Option<Written> {
    Some(Written {
        parts: read(item, items::PARTS)?,
        metadata: read(item, items::METADATA)?,
    })
}

/// Takes the row of an append into what was written; nothing if the row is damaged.
#[must_use]
pub fn write_on(written: &mut Written, appended: &[Value]) -> Option<()> {
    for delta in read::<Vec<Delta>>(appended, deltas::DELTA)? {
        delta.apply(&mut written.parts);
    }
    Some(())
}
