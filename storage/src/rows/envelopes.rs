//! What the projection keeps of envelopes: the stream index ([`super::runs`]), the heads of
//! projects, and the idempotency scopes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber, ProjectUid, Scope};
use everlog_domain::log::{Manifest, ManifestEntry, ProjectHead};
use everlog_domain::ports::RowsFailure;
use everlog_domain::time::Time;

use super::range::KeyRange;
use super::store::{Reader, Writes, damaged, engine};
use super::{layout, runs};

/// Scopes of days past that one batch may remove.
const FORGOTTEN_PER_BATCH: usize = 1_024;

/// Writes what the envelopes of a batch say.
pub(super) fn write(
    reader: &Reader,
    manifest: &Manifest,
    events: &[Arc<Recorded>],
    writes: &mut Writes,
) -> Result<(), RowsFailure> {
    write_heads(reader, manifest, events, writes)?;
    runs::write(events, writes);
    let mut granted: HashSet<(ProjectNumber, Scope)> = HashSet::new();
    for recorded in events {
        let envelope = &recorded.envelope;
        // All events of an append bear its wish; the first is the answer.
        if let Some(wish) = envelope.idempotency
            && granted.insert((envelope.project, wish.scope))
        {
            let key = layout::scope(envelope.time.day(), envelope.project, &wish.scope);
            writes.put(key, encode_grant(envelope.offset, wish.body));
        }
    }
    Ok(())
}

fn encode_grant(offset: Offset, body: Hash) -> Vec<u8> {
    let mut value = offset.0.to_be_bytes().to_vec();
    value.extend_from_slice(body.as_bytes());
    value
}

/// The first event that answered a wish, and the hash of the body.
pub(super) fn read_grant(
    reader: &Reader,
    project: ProjectNumber,
    scope: &Scope,
    now: Time,
) -> Result<Option<(Offset, Hash)>, RowsFailure> {
    // The log's clock may be ahead: it never runs backwards, the machine's may.
    let head = read_head(reader, project)?.map_or(Time(0), |head| head.time);
    let today = now.max(head).day();
    for day in [today - 1, today] {
        let key = layout::scope(day, project, scope);
        if let Some(value) = reader.get(&key)? {
            let grant = decode_grant(&value);
            let grant = grant.ok_or_else(|| damaged(&key, "the bytes are not a granted wish"))?;
            return Ok(Some(grant));
        }
    }
    Ok(None)
}

fn decode_grant(value: &[u8]) -> Option<(Offset, Hash)> {
    let (offset, body) = value.split_first_chunk::<8>()?;
    let body = Hash::from_bytes(body.try_into().ok()?);
    Some((Offset(u64::from_be_bytes(*offset)), body))
}

/// Removes scopes of days past, a slice at a time: today and yesterday stay, by the clock of the
/// log. Answers whether none is left.
pub(super) fn forget_scopes(
    reader: &Reader,
    today: i64,
    writes: &mut Writes,
) -> Result<bool, RowsFailure> {
    let old = KeyRange::under(layout::scopes()).ending(Some(layout::day(today - 1)));
    for (found, entry) in reader.range(&old).enumerate() {
        if found == FORGOTTEN_PER_BATCH {
            return Ok(false);
        }
        let (key, _) = entry?;
        writes.remove(key);
    }
    Ok(true)
}

fn write_heads(
    reader: &Reader,
    manifest: &Manifest,
    events: &[Arc<Recorded>],
    writes: &mut Writes,
) -> Result<(), RowsFailure> {
    let mut projects: BTreeMap<ProjectNumber, Vec<&Envelope>> = BTreeMap::new();
    for recorded in events {
        let envelope = &recorded.envelope;
        projects.entry(envelope.project).or_default().push(envelope);
    }
    if projects.len() != manifest.entries.len() {
        let (expected, found) = (manifest.entries.len(), projects.len());
        return Err(engine(&format_args!(
            "commit {}: expected events of {expected} projects, found {found}",
            manifest.commit
        )));
    }
    for entry in &manifest.entries {
        let envelopes = projects.remove(&entry.project).unwrap_or_default();
        let before = read_head(reader, entry.project)?;
        let before = before.unwrap_or_else(|| ProjectHead::empty(entry.uid));
        let head = advance(before, entry, &envelopes)?;
        writes.put(layout::head(entry.project), encode_head(&head));
    }
    Ok(())
}

/// The head after a batch, which must hold exactly the events that its manifest says.
fn advance(
    before: ProjectHead,
    entry: &ManifestEntry,
    envelopes: &[&Envelope],
) -> Result<ProjectHead, RowsFailure> {
    let mut head = ProjectHead {
        uid: entry.uid,
        hash: entry.head,
        ..before
    };
    for envelope in envelopes {
        if envelope.offset != head.offset.next() {
            return Err(unexpected(entry, head.offset.next(), envelope.offset));
        }
        head.offset = envelope.offset;
        head.time = envelope.time;
        head.move_epochs(envelope.kind);
    }
    if entry.first != before.offset.next() {
        return Err(unexpected(entry, before.offset.next(), entry.first));
    }
    if entry.last != head.offset {
        return Err(unexpected(entry, entry.last, head.offset));
    }
    Ok(head)
}

fn unexpected(entry: &ManifestEntry, expected: Offset, found: Offset) -> RowsFailure {
    let project = entry.project;
    engine(&format_args!(
        "project {project}: expected offset {expected}, found {found}"
    ))
}

/// The head of a project.
pub(super) fn read_head(
    reader: &Reader,
    project: ProjectNumber,
) -> Result<Option<ProjectHead>, RowsFailure> {
    let key = layout::head(project);
    let Some(value) = reader.get(&key)? else {
        return Ok(None);
    };
    let head = decode_head(&value);
    let head = head.ok_or_else(|| damaged(&key, "the bytes are not the head of a project"))?;
    Ok(Some(head))
}

fn encode_head(head: &ProjectHead) -> Vec<u8> {
    let ProjectHead {
        uid,
        offset,
        hash,
        access_epoch,
        caller_epoch,
        time,
    } = head;
    let mut value = uid.0.to_vec();
    value.extend_from_slice(&offset.0.to_be_bytes());
    value.extend_from_slice(hash.as_bytes());
    value.extend_from_slice(&access_epoch.0.to_be_bytes());
    value.extend_from_slice(&caller_epoch.0.to_be_bytes());
    value.extend_from_slice(&time.0.to_be_bytes());
    value
}

fn decode_head(value: &[u8]) -> Option<ProjectHead> {
    let (uid, rest) = value.split_first_chunk::<16>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let (access_epoch, rest) = rest.split_first_chunk::<8>()?;
    let (caller_epoch, time) = rest.split_first_chunk::<8>()?;
    Some(ProjectHead {
        uid: ProjectUid(*uid),
        offset: Offset(u64::from_be_bytes(*offset)),
        hash: Hash::from_bytes(*hash),
        access_epoch: Offset(u64::from_be_bytes(*access_epoch)),
        caller_epoch: Offset(u64::from_be_bytes(*caller_epoch)),
        time: Time(i64::from_be_bytes(time.try_into().ok()?)),
    })
}
