//! What somebody could do who can write into the data folder and has all of its keys: edits through
//! the engine, with valid checksums.

use std::path::Path;

use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::chain;
use everlog_domain::ports::{Log, ReadFailure};

use crate::checkpoint::{self, Checkpoints};
use crate::conformance::batches::posted;
use crate::fixture::options;
use crate::log::{EmbeddedLog, SealedRecord};
use crate::offline::provable::rewrite;
use crate::open::{LOG, WATERMARK, open_unjudged};
use crate::record::{
    self, Binding, NONCE_BYTES, Place, StoredManifest, encode_manifest, project_range,
};

/// A folder's engines, opened without a question asked.
pub(super) struct Forger {
    log: EmbeddedLog,
}

impl Forger {
    pub(super) fn of(data: &Path) -> Self {
        let log = open_unjudged(&options(data)).unwrap();
        Self { log }
    }

    fn record(&self, place: Place) -> SealedRecord {
        let mut records = self.log.reader().records(place.project, place.offset);
        records.next().unwrap().unwrap()
    }

    /// As a server reads.
    pub(super) fn read(&self, from: Place, limit: usize) -> Result<Vec<Recorded>, ReadFailure> {
        self.log.read(from.project, from.offset, limit)
    }

    fn put(&self, record: &SealedRecord) {
        let place = Place::new(record.envelope.project, record.envelope.offset);
        let bytes = record::encode(&record.envelope, &record.payload).unwrap();
        let mut batch = self.log.engine().batch(1);
        batch.insert(&self.log.engine().events, place.record_key(), bytes);
        batch.commit().unwrap();
    }

    pub(super) fn edit_envelope(&self, place: Place, edit: impl FnOnce(&mut Envelope)) {
        let mut record = self.record(place);
        edit(&mut record.envelope);
        self.put(&record);
    }

    /// Another text, encrypted with the right key, its hash in the envelope.
    pub(super) fn edit_payload(&self, place: Place, text: &str) {
        let mut record = self.record(place);
        self.reseal(&mut record, text);
        self.put(&record);
    }

    /// A flipped bit of ciphertext.
    pub(super) fn flip_payload(&self, place: Place) {
        let mut record = self.record(place);
        record.payload[20] ^= 1;
        self.put(&record);
    }

    fn reseal(&self, record: &mut SealedRecord, text: &str) {
        let envelope = &mut record.envelope;
        let key = self.log.keys().by_id(envelope.key).unwrap().unwrap();
        let binding = Binding {
            uid: envelope.uid,
            kind: envelope.kind,
            version: envelope.version,
        };
        let plain = record::encode_payload(&posted(text)).unwrap();
        let nonce = [9; NONCE_BYTES];
        record.payload = record::seal_with_nonce(&key, nonce, binding, &plain).unwrap();
        envelope.payload_hash = Hash::of_bytes(&record.payload);
    }

    fn pages(&self) -> Vec<StoredManifest> {
        self.log.reader().manifests(CommitNumber(0), 1_000).unwrap()
    }

    pub(super) fn remove_page(&self, commit: CommitNumber) {
        let mut batch = self.log.engine().batch(1);
        batch.remove(&self.log.engine().manifests, commit.0.to_be_bytes());
        batch.commit().unwrap();
    }

    pub(super) fn remove_event(&self, place: Place) {
        let mut batch = self.log.engine().batch(1);
        batch.remove(&self.log.engine().events, place.record_key());
        batch.commit().unwrap();
    }

    /// An event after the last, named by no page.
    pub(super) fn slip_in(&self, place: Place) {
        let mut record = self.record(place);
        let end = self.log.head().0;
        record.envelope.offset = Offset(end + 1);
        self.put(&record);
    }

    /// The newest batches, as if they had never been.
    pub(super) fn remove_tail(self, data: &Path, batches: usize) {
        for page in self.pages().iter().rev().take(batches) {
            self.remove_page(page.manifest.commit);
            for entry in &page.manifest.entries {
                for offset in entry.first.0..=entry.last.0 {
                    self.remove_event(Place::new(entry.project, Offset(offset)));
                }
            }
        }
        std::fs::remove_file(data.join(WATERMARK)).unwrap();
    }

    /// One payload changed, and everything after it linked anew: envelopes, pages, the watermark,
    /// and checkpoints of the folder's own, signed with its key.
    pub(super) fn chain_anew(self, data: &Path, place: Place, text: &str) {
        let project = place.project;
        let mut hashes = Vec::new();
        let mut previous = None;
        let count = self.log.head().0;
        for offset in 1..=count {
            let mut record = self.record(Place::new(project, Offset(offset)));
            record.envelope.previous = previous.unwrap_or(record.envelope.previous);
            if offset == place.offset.0 {
                self.reseal(&mut record, text);
            }
            let hash = chain::link(&record.envelope);
            self.put(&record);
            hashes.push(hash);
            previous = Some(hash);
        }
        self.rewrite_pages(project, &hashes);
        let forger = self.in_a_fresh_database(data);
        let own = data.join(checkpoint::FOLDER);
        if own.exists() {
            std::fs::remove_dir_all(&own).unwrap();
            let log = std::sync::Arc::new(forger.log);
            Checkpoints::new(log, own, None).write().unwrap();
        }
    }

    /// So that the journals do not tell of the edits, nor the watermark.
    fn in_a_fresh_database(self, data: &Path) -> Self {
        let fresh = data.join("fresh");
        rewrite(&self.log, self.log.head(), &fresh, &mut |_| {}).unwrap();
        drop(self);
        std::fs::remove_dir_all(data.join(LOG)).unwrap();
        std::fs::rename(fresh, data.join(LOG)).unwrap();
        std::fs::remove_file(data.join(WATERMARK)).unwrap();
        Self::of(data)
    }

    fn rewrite_pages(&self, project: ProjectNumber, hashes: &[Hash]) {
        let engine = self.log.engine();
        let mut batch = engine.batch(hashes.len());
        for mut page in self.pages() {
            for entry in &mut page.manifest.entries {
                if entry.project == project {
                    entry.head = hashes[usize::try_from(entry.last.0).unwrap() - 1];
                }
            }
            let bytes = encode_manifest(&page.manifest, page.key_batches);
            batch.insert(
                &engine.manifests,
                page.manifest.commit.0.to_be_bytes(),
                bytes,
            );
        }
        batch.commit().unwrap();
    }

    /// Whether the engine holds anything of a project from an offset on.
    pub(super) fn holds(&self, place: Place) -> bool {
        let range = project_range(place.project, place.offset, Offset(u64::MAX));
        self.log.engine().events.range(range).next().is_some()
    }
}
