use std::collections::BTreeMap;
use std::path::Path;

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};

use super::recent::RecentBatch;
use crate::derived::{DerivedFailure, newest_in_journals, open_derived};
use crate::log::segment::Location;
use crate::scan::ScanDamage;

const KEYSPACE: &str = "index";
/// The smallest that fjall takes. What lies in the journal is read again at every start.
const JOURNAL_BYTES: u64 = 64 << 20;
const MEMTABLE_BYTES: u64 = 8 << 20;
const CACHE_BYTES: u64 = 16 << 20;

/// Then project (u64) and first offset (u64): where the batch lies.
const PLACES: u8 = 1;
/// Then commit (u64): where the batch lies, for some.
const COMMITS: u8 = 2;
/// Where the first batch lies that is not in here.
const REACHED: [u8; 1] = [3];
/// Then project (u64): bytes of its events (u64) in the batches that are in here.
const BYTES: u8 = 4;
/// What of this is there, so that an index of an earlier form is made anew.
const FORM: [u8; 1] = [5];
const THIS_FORM: [u8; 1] = [2];
/// Of so many batches one can be found by its commit.
const COMMITS_APART: u64 = 32;

const PLACE_BYTES: usize = 17;
const COMMIT_BYTES: usize = 9;
const LOCATION_BYTES: usize = 24;

/// What the database knows of a project's bytes.
pub(super) struct StoredBytes {
    pub(super) bytes: u64,
    /// The first batch that is not counted.
    pub(super) until: CommitNumber,
}

/// The database of the index.
pub(super) struct IndexStore {
    database: Database,
    keyspace: Keyspace,
}

impl IndexStore {
    pub(super) fn open(folder: &Path) -> Result<Self, DerivedFailure> {
        open_derived(folder, || {
            let database = Database::builder(folder)
                .cache_size(CACHE_BYTES)
                .max_journaling_size(JOURNAL_BYTES)
                .worker_threads(1)
                .open()?;
            let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
            let keyspace = database.keyspace(KEYSPACE, options)?;
            Ok(Self { database, keyspace })
        })?
        .of_this_form()
    }

    fn of_this_form(self) -> Result<Self, DerivedFailure> {
        let of_engine = |error: fjall::Error| DerivedFailure::Engine {
            reason: error.to_string(),
        };
        let form = self.keyspace.get(FORM).map_err(of_engine)?;
        if form.is_some_and(|form| *form == THIS_FORM) {
            return Ok(self);
        }
        if self.reached().map_err(of_engine)?.is_some() {
            return Err(DerivedFailure::Damaged {
                reason: "it has the form of another version of everlog".to_owned(),
            });
        }
        let written = self.keyspace.insert(FORM, THIS_FORM);
        written.map_err(of_engine)?;
        Ok(self)
    }

    /// Enters batches, all or none. Synced once a segment: what a power loss takes is little then.
    pub(super) fn write(&self, batches: &[RecentBatch]) -> fjall::Result<()> {
        let mut write = self.database.batch().durability(Some(PersistMode::Buffer));
        let mut sync = false;
        let mut bytes: BTreeMap<ProjectNumber, u64> = BTreeMap::new();
        for RecentBatch { at, next, parts } in batches {
            let location = encode(*at);
            for part in parts {
                write.insert(&self.keyspace, place(part.project, part.first), location);
                *bytes.entry(part.project).or_default() += part.bytes;
            }
            let begins_segment = at.commit == at.segment;
            if begins_segment || at.commit.0.is_multiple_of(COMMITS_APART) {
                write.insert(&self.keyspace, commit(at.commit), location);
            }
            sync |= begins_segment;
            write.insert(&self.keyspace, REACHED, encode(*next));
        }
        for (project, more) in bytes {
            let all = self.stored_bytes(project)? + more;
            write.insert(&self.keyspace, bytes_key(project), all.to_be_bytes());
        }
        write.commit()?;
        if sync {
            self.database.persist(PersistMode::SyncData)?;
        }
        Ok(())
    }

    pub(super) fn reached(&self) -> fjall::Result<Option<Location>> {
        let reached = self.keyspace.get(REACHED)?;
        Ok(reached.and_then(|value| decode(&value)))
    }

    /// Bytes of a project's events, and the first batch that they are not counted of.
    pub(super) fn bytes_of(&self, project: ProjectNumber) -> fjall::Result<StoredBytes> {
        // Of one moment: a batch that is written in between would count twice.
        let snapshot = self.database.snapshot();
        let reached = snapshot.get(&self.keyspace, REACHED)?;
        let reached = reached.and_then(|value| decode(&value));
        let bytes = snapshot.get(&self.keyspace, bytes_key(project))?;
        Ok(StoredBytes {
            bytes: number(bytes.as_deref()),
            until: reached.map_or(CommitNumber(0), |next| next.commit),
        })
    }

    fn stored_bytes(&self, project: ProjectNumber) -> fjall::Result<u64> {
        let bytes = self.keyspace.get(bytes_key(project))?;
        Ok(number(bytes.as_deref()))
    }

    pub(super) fn floor(
        &self,
        project: ProjectNumber,
        offset: Offset,
    ) -> fjall::Result<Option<Location>> {
        let range = place(project, Offset(0))..=place(project, offset);
        self.last(range)
    }

    pub(super) fn after(
        &self,
        project: ProjectNumber,
        offset: Offset,
    ) -> fjall::Result<Option<Location>> {
        let range = place(project, offset.next())..=place(project, Offset(u64::MAX));
        let Some(found) = self.keyspace.range(range).next() else {
            return Ok(None);
        };
        Ok(decode(&found.value()?))
    }

    pub(super) fn near(&self, at: CommitNumber) -> fjall::Result<Option<Location>> {
        self.last(commit(CommitNumber(0))..=commit(at))
    }

    fn last<const N: usize>(
        &self,
        range: std::ops::RangeInclusive<[u8; N]>,
    ) -> fjall::Result<Option<Location>> {
        let Some(found) = self.keyspace.range(range).next_back() else {
            return Ok(None);
        };
        Ok(decode(&found.value()?))
    }
}

/// Where the first batch lies that the index does not know, without opening its database: a
/// witness of what the log had. Nothing if the journals do not tell.
pub(crate) fn peek_reached(folder: &Path) -> Result<Option<CommitNumber>, ScanDamage> {
    newest_in_journals(folder, &REACHED, |value| {
        decode(value).map(|next| next.commit)
    })
}

fn place(project: ProjectNumber, first: Offset) -> [u8; PLACE_BYTES] {
    let mut key = [PLACES; PLACE_BYTES];
    key[1..9].copy_from_slice(&project.0.to_be_bytes());
    key[9..].copy_from_slice(&first.0.to_be_bytes());
    key
}

fn number(value: Option<&[u8]>) -> u64 {
    let value = value.and_then(|value| <[u8; 8]>::try_from(value).ok());
    value.map_or(0, u64::from_be_bytes)
}

fn bytes_key(project: ProjectNumber) -> [u8; COMMIT_BYTES] {
    let mut key = [BYTES; COMMIT_BYTES];
    key[1..].copy_from_slice(&project.0.to_be_bytes());
    key
}

fn commit(commit: CommitNumber) -> [u8; COMMIT_BYTES] {
    let mut key = [COMMITS; COMMIT_BYTES];
    key[1..].copy_from_slice(&commit.0.to_be_bytes());
    key
}

fn encode(at: Location) -> [u8; LOCATION_BYTES] {
    let mut value = [0; LOCATION_BYTES];
    value[..8].copy_from_slice(&at.commit.0.to_be_bytes());
    value[8..16].copy_from_slice(&at.segment.0.to_be_bytes());
    value[16..].copy_from_slice(&at.position.to_be_bytes());
    value
}

fn decode(value: &[u8]) -> Option<Location> {
    let (numbers, rest) = value.as_chunks::<8>();
    let [commit, segment, position] = *numbers.first_chunk::<3>()?;
    rest.is_empty().then_some(Location {
        commit: CommitNumber(u64::from_be_bytes(commit)),
        segment: CommitNumber(u64::from_be_bytes(segment)),
        position: u64::from_be_bytes(position),
    })
}
