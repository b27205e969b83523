//! The log port in memory: what was appended is durable, nothing else is. Faults are asked for.

mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use everlog_domain::envelope::{DataKeyId, Envelope, EventKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest, Sealed};
use everlog_domain::ports::{AppendFailure, Log, ReadFailure, SealFailure, Subject};
use parking_lot::Mutex;

pub use faults::{AppendFault, SealFault};
use faults::{Faults, Injected};

/// Largest payload, in bytes: beyond everything that the rules let through.
const LARGEST_PAYLOAD: usize = 4 * 1024 * 1024;

/// A log in memory. See the module's description.
#[derive(Default)]
pub struct MemoryLog {
    disk: Mutex<Disk>,
    faults: Mutex<Faults>,
}

/// What survives the process.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    manifests: Vec<Manifest>,
    /// In the order of offsets, from 1.
    records: BTreeMap<ProjectNumber, Vec<Arc<Record>>>,
    keys: BTreeMap<(ProjectUid, Subject), DataKeyId>,
}

/// A record as an engine stores it: the payload only as sealed bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Who, when, where.
    pub envelope: Envelope,
    /// The sealed payload.
    pub sealed: Sealed,
    /// The event's own hash, the next one's `previous`.
    pub hash: Hash,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A log that finds this on its disk.
    #[must_use]
    pub fn open(disk: Disk) -> Self {
        Self {
            disk: Mutex::new(disk),
            faults: Mutex::default(),
        }
    }

    /// What a crash at this moment leaves.
    #[must_use]
    pub fn disk(&self) -> Disk {
        self.disk.lock().clone()
    }

    /// A project's newest offset.
    #[must_use]
    pub fn newest(&self, project: ProjectNumber) -> Offset {
        Offset(self.disk.lock().records(project).len() as u64)
    }

    /// The `nth` append from now on (1 is the next) fails like this.
    pub fn fail_append(&self, nth: u64, fault: AppendFault) {
        self.faults.lock().append_at(nth, fault);
    }

    /// The `nth` seal from now on (1 is the next) fails like this.
    pub fn fail_seal(&self, nth: u64, fault: SealFault) {
        self.faults.lock().seal_at(nth, fault);
    }

    /// Whether an append failed in a way after which the process must stop.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.faults.lock().is_broken()
    }

    /// Appends that came after one had failed: a failed sync was tried again.
    #[must_use]
    pub fn appends_after_broken(&self) -> u64 {
        self.faults.lock().appends_after_broken()
    }
}

impl Log for MemoryLog {
    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure> {
        self.faults.lock().next_seal()?;
        let bytes = encode(event)?;
        let mut disk = self.disk.lock();
        let fresh = DataKeyId(disk.keys.len() as u64 + 1);
        let key = *disk.keys.entry((uid, subject.clone())).or_insert(fresh);
        Ok(Sealed {
            hash: Hash::of_bytes(&bytes),
            bytes,
            key,
        })
    }

    fn append(&self, batch: &Batch) -> Result<(), AppendFailure> {
        let injected = self.faults.lock().next_append()?;
        let mut disk = self.disk.lock();
        let expected = disk.head().next();
        if batch.manifest.commit != expected {
            return Err(AppendFailure::Broken {
                reason: format!(
                    "expected commit {expected}, found {}",
                    batch.manifest.commit
                ),
            });
        }
        disk.write(batch);
        match injected {
            Injected::Nothing => Ok(()),
            Injected::BrokenAfter => Err(AppendFailure::Broken {
                reason: "the sync failed, as asked for".to_owned(),
            }),
        }
    }

    fn head(&self) -> CommitNumber {
        self.disk.lock().head()
    }

    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        let skipped = place(from).unwrap_or(0);
        let disk = self.disk.lock();
        let chosen = disk.records(project).iter().skip(skipped).take(limit);
        let chosen: Vec<Arc<Record>> = chosen.cloned().collect();
        drop(disk);
        chosen.iter().map(|record| record.decode()).collect()
    }

    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        let disk = self.disk.lock();
        let records = offsets.iter().map(|&offset| disk.record(project, offset));
        records.map(|record| record?.decode()).collect()
    }

    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure> {
        let disk = self.disk.lock();
        let later = disk.manifests.iter().filter(|page| page.commit > after);
        Ok(later.take(limit).cloned().collect())
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        let disk = self.disk.lock();
        let records = disk.records(project).iter();
        Ok(records.map(|record| record.sealed.bytes.len() as u64).sum())
    }

    fn hash_at(&self, project: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        Ok(self.disk.lock().record(project, offset)?.hash)
    }
}

impl Disk {
    /// The newest batch.
    #[must_use]
    pub fn head(&self) -> CommitNumber {
        self.manifests
            .last()
            .map_or(CommitNumber(0), |page| page.commit)
    }

    /// Contents pages, in order.
    #[must_use]
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Projects that have an event.
    pub fn projects(&self) -> impl Iterator<Item = ProjectNumber> {
        self.records.keys().copied()
    }

    /// A project's records, in the order in which they were written.
    #[must_use]
    pub fn records(&self, project: ProjectNumber) -> &[Arc<Record>] {
        self.records.get(&project).map_or(&[], Vec::as_slice)
    }

    fn record(&self, project: ProjectNumber, offset: Offset) -> Result<&Arc<Record>, ReadFailure> {
        let record = place(offset).and_then(|place| self.records(project).get(place));
        record.ok_or_else(|| damaged(project, offset, "there is no record"))
    }

    fn write(&mut self, batch: &Batch) {
        self.manifests.push(batch.manifest.clone());
        for event in &batch.events {
            let record = Record {
                envelope: event.recorded.envelope.clone(),
                sealed: event.sealed.clone(),
                hash: event.hash,
            };
            let project = record.envelope.project;
            self.records
                .entry(project)
                .or_default()
                .push(Arc::new(record));
        }
    }
}

impl Record {
    /// The event, read back from its sealed payload.
    pub fn decode(&self) -> Result<Recorded, ReadFailure> {
        let event = decode(self.envelope.kind, &self.sealed.bytes).map_err(|error| {
            damaged(
                self.envelope.project,
                self.envelope.offset,
                &error.to_string(),
            )
        })?;
        Ok(Recorded {
            envelope: self.envelope.clone(),
            event,
        })
    }
}

fn encode(event: &Event) -> Result<Vec<u8>, SealFailure> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    let written = event.serialize_payload(&mut serializer);
    written.map_err(|error| SealFailure::Keys {
        reason: error.to_string(),
    })?;
    if bytes.len() > LARGEST_PAYLOAD {
        return Err(SealFailure::TooLarge {
            found: bytes.len(),
            limit: LARGEST_PAYLOAD,
        });
    }
    Ok(bytes)
}

/// JSON stands in for the record's own encoding and for encryption: what counts here is that an
/// event comes back from bytes alone.
fn decode(kind: EventKind, bytes: &[u8]) -> Result<Event, serde_json::Error> {
    let json: serde_json::Value = serde_json::from_slice(bytes)?;
    Event::deserialize_payload(kind, || &json)
}

/// The index of an offset, which counts from 1.
fn place(offset: Offset) -> Option<usize> {
    usize::try_from(offset.0.checked_sub(1)?).ok()
}

fn damaged(project: ProjectNumber, offset: Offset, reason: &str) -> ReadFailure {
    ReadFailure::Damaged {
        project,
        offset,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
