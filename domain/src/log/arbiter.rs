//! The arbiter: admits appends in order, or says what has moved under them.
//!
//! It is the pure half of the committer. It holds the heads of active projects and streams and
//! the recent idempotency scopes, and never reads the disk. What it has forgotten is covered by a
//! horizon: an append whose knowledge is older than the newest thing forgotten is sent back to
//! load again, so forgetting is always safe.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use super::batch::{Batch, CommittedEvent, Manifest, ManifestEntry};
use super::{Append, Basis, Claim, Expected, Ticket, chain};
use crate::envelope::{Envelope, EventKind, Head, Idempotency, Stream};
use crate::event::{Event, Recorded};
use crate::hash::Hash;
use crate::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid, Scope};
use crate::time::Time;

/// How far a project has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectHead {
    /// The project's identity.
    pub uid: ProjectUid,
    /// Newest offset, 0 before the first event.
    pub offset: Offset,
    /// Hash of the newest event, or the genesis.
    pub hash: Hash,
    /// Offset of the newest event that changed anybody's access.
    pub access_epoch: Offset,
    /// Offset of the newest event that took from a caller what it was authenticated by.
    pub caller_epoch: Offset,
    /// Time of the newest event.
    pub time: Time,
}

impl ProjectHead {
    /// The head of a project without events.
    #[must_use]
    pub fn empty(uid: ProjectUid) -> Self {
        Self {
            uid,
            offset: Offset(0),
            hash: chain::genesis(uid),
            access_epoch: Offset(0),
            caller_epoch: Offset(0),
            time: Time(0),
        }
    }

    /// Takes in an event of this kind at the head's offset.
    pub const fn move_epochs(&mut self, kind: EventKind) {
        if kind.changes_access() {
            self.access_epoch = self.offset;
        }
        if kind.revokes_callers() {
            self.caller_epoch = self.offset;
        }
    }
}

/// Why an append was refused. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Conflict {
    /// The stream has moved: load and decide again.
    #[error("stream {stream} is at {found:?}, the decision expected {expected:?}")]
    Position {
        /// Which stream.
        stream: Stream,
        /// What the append believed.
        expected: Option<Head>,
        /// What is so; nothing if that is not remembered.
        found: Option<Head>,
    },
    /// A caller lost what it was authenticated by: authenticate and authorise again.
    #[error("a caller was revoked at offset {found}, this one was authorised at {expected}")]
    Access {
        /// The epoch that the append named.
        expected: Offset,
        /// Offset of the newest revocation.
        found: Offset,
    },
    /// The wish has been granted already.
    #[error("this wish was granted at offset {first}")]
    Duplicate {
        /// Offset of the first event that answered it.
        first: Offset,
        /// Hash of the body that was sent then.
        body: Hash,
    },
    /// The append's knowledge is older than what the arbiter remembers: load and decide again.
    #[error("knowledge as of commit {as_of} is older than the horizon {horizon}")]
    Stale {
        /// The append's knowledge.
        as_of: CommitNumber,
        /// The newest commit of which something was forgotten.
        horizon: CommitNumber,
    },
    /// The project was not activated.
    #[error("project {project} is not active")]
    Inactive {
        /// Which.
        project: ProjectNumber,
    },
}

#[derive(Debug, Clone, Copy)]
struct Known<T> {
    value: T,
    commit: CommitNumber,
}

/// A stream's head, and the append that led to it.
#[derive(Debug, Clone, Copy)]
struct Led {
    head: Head,
    by: Option<Ticket>,
}

/// See the module's description.
#[derive(Debug)]
pub struct Arbiter {
    commit: CommitNumber,
    projects: HashMap<ProjectNumber, Known<ProjectHead>>,
    projects_horizon: CommitNumber,
    streams: HashMap<(ProjectNumber, Stream), Known<Led>>,
    streams_horizon: CommitNumber,
    scopes: HashMap<(ProjectNumber, Scope), Known<(Offset, Hash)>>,
    scopes_horizon: CommitNumber,
    claims: HashMap<(ProjectNumber, Claim), Known<()>>,
    claims_horizon: CommitNumber,
    remembered: usize,
}

impl Arbiter {
    /// Projects, streams, scopes and claims, of each so many, that are remembered before the older half is
    /// forgotten, unless [`Arbiter::remembering`] says otherwise.
    pub const REMEMBERED: usize = 200_000;

    /// An arbiter that continues after `head`, the newest commit in the log.
    #[must_use]
    pub fn new(head: CommitNumber) -> Self {
        Self {
            commit: head,
            projects: HashMap::new(),
            projects_horizon: head,
            streams: HashMap::new(),
            streams_horizon: head,
            scopes: HashMap::new(),
            scopes_horizon: head,
            claims: HashMap::new(),
            claims_horizon: head,
            remembered: Self::REMEMBERED,
        }
    }

    /// The same with another memory: tests want to see it forget.
    #[must_use]
    pub const fn remembering(mut self, entries: usize) -> Self {
        self.remembered = entries;
        self
    }

    /// Takes a project's head as it stood at `as_of`. What the arbiter knows already is newer.
    pub fn activate(
        &mut self,
        project: ProjectNumber,
        head: ProjectHead,
        as_of: CommitNumber,
    ) -> Result<(), Conflict> {
        if self.projects.contains_key(&project) {
            return Ok(());
        }
        fresh(as_of, self.projects_horizon)?;
        self.projects.insert(
            project,
            Known {
                value: head,
                commit: as_of,
            },
        );
        Ok(())
    }

    /// Begins the next batch.
    #[must_use]
    pub fn begin(&mut self) -> OpenBatch {
        self.forget();
        self.commit = self.commit.next();
        OpenBatch {
            commit: self.commit,
            events: Vec::new(),
            entries: HashMap::new(),
        }
    }

    /// Takes back a batch into which nothing was admitted.
    pub fn cancel(&mut self, batch: &OpenBatch) {
        debug_assert!(
            batch.events.is_empty(),
            "only an empty batch can be cancelled"
        );
        self.commit = CommitNumber(batch.commit.0.saturating_sub(1));
    }

    /// Takes back a batch that the log refused before writing anything of it (a full disk). What
    /// the batch had moved is forgotten, so whoever knew of it must load again.
    pub fn rescind(&mut self, batch: &Batch) {
        let rescinded = batch.manifest.commit;
        self.commit = CommitNumber(rescinded.0.saturating_sub(1));
        let horizon = self.commit;
        self.projects.retain(|_, known| known.commit < rescinded);
        self.streams.retain(|_, known| known.commit < rescinded);
        self.scopes.retain(|_, known| known.commit < rescinded);
        self.claims.retain(|_, known| known.commit < rescinded);
        self.projects_horizon = self.projects_horizon.max(horizon);
        self.streams_horizon = self.streams_horizon.max(horizon);
        self.scopes_horizon = self.scopes_horizon.max(horizon);
        self.claims_horizon = self.claims_horizon.max(horizon);
    }

    /// Admits an append into the batch: all of its events or none. Returns their offsets.
    ///
    /// Order: duplicate before position, so that a retry is told of its first success and not of
    /// the position which that success moved.
    pub fn admit(
        &mut self,
        batch: &mut OpenBatch,
        append: Append,
    ) -> Result<Vec<Offset>, Conflict> {
        let project = append.project;
        let head = self
            .projects
            .get(&project)
            .ok_or(Conflict::Inactive { project })?
            .value;
        self.check_scope(&append)?;
        check_epoch(&append, &head)?;
        self.check_claims(&append)?;
        for expected in &append.expected {
            self.check_position(project, expected, append.as_of)?;
        }
        Ok(self.write(batch, append, head))
    }

    fn check_scope(&self, append: &Append) -> Result<(), Conflict> {
        let Some(wish) = append.idempotency else {
            return Ok(());
        };
        match self.scopes.get(&(append.project, wish.scope)) {
            Some(known) => {
                let (first, body) = known.value;
                Err(Conflict::Duplicate { first, body })
            }
            None => fresh(append.as_of, self.scopes_horizon),
        }
    }

    /// Whoever claimed a name after the append's knowledge may hold it now.
    fn check_claims(&self, append: &Append) -> Result<(), Conflict> {
        for claim in &append.claims {
            let known = self.claims.get(&(append.project, *claim));
            let horizon = known.map_or(self.claims_horizon, |known| known.commit);
            fresh(append.as_of, horizon)?;
        }
        Ok(())
    }

    fn check_position(
        &self,
        project: ProjectNumber,
        expected: &Expected,
        as_of: CommitNumber,
    ) -> Result<(), Conflict> {
        let known = self.streams.get(&(project, expected.stream.clone()));
        let known = known.map(|known| known.value);
        let holds = match (expected.basis, known) {
            (Basis::Durable, None) => return fresh(as_of, self.streams_horizon),
            (Basis::Durable, Some(led)) => Some(led.head) == expected.head,
            // What is in flight is remembered, unless it was refused or taken back.
            (Basis::InFlight(_), None) => false,
            (Basis::InFlight(ticket), Some(led)) => {
                Some(led.head) == expected.head && led.by == Some(ticket)
            }
        };
        if holds {
            return Ok(());
        }
        Err(Conflict::Position {
            stream: expected.stream.clone(),
            expected: expected.head,
            found: known.map(|led| led.head),
        })
    }

    fn write(
        &mut self,
        batch: &mut OpenBatch,
        append: Append,
        mut head: ProjectHead,
    ) -> Vec<Offset> {
        let project = append.project;
        let mut heads = self.led_to(&append);
        let mut offsets = Vec::with_capacity(append.drafts.len());
        head.time = head.time.max(append.time);
        for draft in append.drafts {
            head.offset = head.offset.next();
            let kind = draft.event.kind();
            let stream_head = match heads.get(&draft.stream) {
                Some(led) if !kind.creates_stream() => Head {
                    position: led.head.position.next(),
                    ..led.head
                },
                _ => Head {
                    incarnation: head.offset,
                    position: draft.event.first_position(),
                },
            };
            let led = Led {
                head: stream_head,
                by: append.ticket,
            };
            heads.insert(draft.stream.clone(), led);
            let envelope = Envelope {
                project,
                uid: head.uid,
                offset: head.offset,
                stream: draft.stream,
                incarnation: stream_head.incarnation,
                position: stream_head.position,
                kind,
                version: kind.current_version(),
                time: head.time,
                principal: append.principal.clone(),
                on_behalf_of: append.on_behalf_of.clone(),
                cause: append.cause,
                idempotency: append.idempotency,
                key: draft.sealed.key,
                previous: head.hash,
                payload_hash: draft.sealed.hash,
            };
            head.hash = chain::link(&envelope);
            head.move_epochs(kind);
            offsets.push(head.offset);
            batch.push(envelope, draft.event, draft.sealed, head.hash);
        }
        for claim in append.claims {
            let claimed = Known {
                value: (),
                commit: batch.commit,
            };
            self.claims.insert((project, claim), claimed);
        }
        self.remember(
            batch.commit,
            project,
            head,
            heads,
            append.idempotency,
            &offsets,
        );
        offsets
    }

    /// The heads that an append rests on.
    fn led_to(&self, append: &Append) -> HashMap<Stream, Led> {
        let led = |expected: &Expected| {
            let stream = expected.stream.clone();
            let known = self.streams.get(&(append.project, stream.clone()));
            let by = known.and_then(|known| known.value.by);
            let head = expected.head?;
            Some((stream, Led { head, by }))
        };
        append.expected.iter().filter_map(led).collect()
    }

    fn remember(
        &mut self,
        commit: CommitNumber,
        project: ProjectNumber,
        head: ProjectHead,
        heads: HashMap<Stream, Led>,
        wish: Option<Idempotency>,
        offsets: &[Offset],
    ) {
        self.projects.insert(
            project,
            Known {
                value: head,
                commit,
            },
        );
        for (stream, value) in heads {
            self.streams
                .insert((project, stream), Known { value, commit });
        }
        if let (Some(wish), Some(&first)) = (wish, offsets.first()) {
            let value = (first, wish.body);
            self.scopes
                .insert((project, wish.scope), Known { value, commit });
        }
    }

    fn forget(&mut self) {
        let bound = self.remembered;
        forget_older_half(&mut self.projects, &mut self.projects_horizon, bound);
        forget_older_half(&mut self.streams, &mut self.streams_horizon, bound);
        forget_older_half(&mut self.scopes, &mut self.scopes_horizon, bound);
        forget_older_half(&mut self.claims, &mut self.claims_horizon, bound);
    }
}

fn check_epoch(append: &Append, head: &ProjectHead) -> Result<(), Conflict> {
    match append.access_epoch {
        Some(expected) if expected < head.caller_epoch => Err(Conflict::Access {
            expected,
            found: head.caller_epoch,
        }),
        _ => Ok(()),
    }
}

fn fresh(as_of: CommitNumber, horizon: CommitNumber) -> Result<(), Conflict> {
    if as_of < horizon {
        return Err(Conflict::Stale { as_of, horizon });
    }
    Ok(())
}

fn forget_older_half<K: Eq + std::hash::Hash, T>(
    known: &mut HashMap<K, Known<T>>,
    horizon: &mut CommitNumber,
    bound: usize,
) {
    if known.len() <= bound {
        return;
    }
    let mut commits: Vec<CommitNumber> = known.values().map(|known| known.commit).collect();
    let middle = commits.len() / 2;
    let (_, &mut median, _) = commits.select_nth_unstable(middle);
    known.retain(|_, known| known.commit > median);
    *horizon = (*horizon).max(median);
}

/// A batch that is being filled.
#[derive(Debug)]
pub struct OpenBatch {
    commit: CommitNumber,
    events: Vec<CommittedEvent>,
    entries: HashMap<ProjectNumber, ManifestEntry>,
}

impl OpenBatch {
    fn push(&mut self, envelope: Envelope, event: Event, sealed: super::Sealed, hash: Hash) {
        let fresh = ManifestEntry {
            project: envelope.project,
            uid: envelope.uid,
            first: envelope.offset,
            last: envelope.offset,
            head: hash,
        };
        let entry = self.entries.entry(envelope.project).or_insert(fresh);
        entry.last = envelope.offset;
        entry.head = hash;
        let recorded = Arc::new(Recorded { envelope, event });
        self.events.push(CommittedEvent {
            recorded,
            sealed,
            hash,
        });
    }

    /// Events admitted so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing was admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Closes the batch.
    #[must_use]
    pub fn seal(self) -> Batch {
        let mut entries: Vec<ManifestEntry> = self.entries.into_values().collect();
        entries.sort_unstable_by_key(|entry| entry.project);
        Batch {
            manifest: Manifest {
                commit: self.commit,
                entries,
            },
            events: self.events,
        }
    }
}

#[cfg(test)]
mod tests;
