//! What somebody could do who can write into the data folder and has all of its keys: edits with
//! valid checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::chain;
use everlog_domain::ports::{Log, ReadFailure};

use crate::checkpoint::{self, Checkpoints};
use crate::conformance::batches::posted;
use crate::fixture::options;
use crate::log::{EmbeddedLog, FrameBuffer, SealedRecord, SegmentWriter, create_first};
use crate::open::{INDEX, LOG, WATERMARK, open_unjudged};
use crate::record::{self, Binding, NONCE_BYTES, Place, StoredManifest, encode_manifest};

/// A folder whose log is opened without a question asked.
pub(super) struct Forger {
    data: PathBuf,
}

/// A batch, taken out of its frame.
struct Forged {
    page: StoredManifest,
    records: Vec<SealedRecord>,
}

impl Forger {
    pub(super) fn of(data: &Path) -> Self {
        let data = data.to_path_buf();
        Self { data }
    }

    fn log(&self) -> EmbeddedLog {
        open_unjudged(&options(&self.data)).unwrap()
    }

    /// As a server reads.
    pub(super) fn read(&self, from: Place, limit: usize) -> Result<Vec<Recorded>, ReadFailure> {
        self.log().read(from.project, from.offset, limit)
    }

    fn batches(&self) -> Vec<Forged> {
        let log = self.log();
        let pages = log.reader().manifests(CommitNumber(0), 1_000).unwrap();
        let of_page = |page: StoredManifest| {
            let entries = page.manifest.entries.iter();
            let records = entries.flat_map(|entry| {
                let count = usize::try_from(entry.events()).unwrap();
                let records = log.reader().records(entry.project, entry.first);
                records.take(count).map(Result::unwrap).collect::<Vec<_>>()
            });
            let records = records.collect();
            Forged { page, records }
        };
        pages.into_iter().map(of_page).collect()
    }

    /// Writes the log anew, so that nothing in the folder tells of the edits but the chain.
    fn put_back(&self, batches: &[Forged]) {
        let log = self.data.join(LOG);
        fs::remove_dir_all(&log).unwrap();
        fs::remove_dir_all(self.data.join(INDEX)).unwrap();
        create_first(&log).unwrap();
        let mut writer = SegmentWriter::open(&log, CommitNumber(1), 24).unwrap();
        let mut frame = FrameBuffer::default();
        for Forged { page, records } in batches {
            frame.begin(
                &encode_manifest(&page.manifest, page.key_batches),
                records.len(),
            );
            for SealedRecord { envelope, payload } in records {
                let record = record::encode(envelope, payload).unwrap();
                frame.push(&record, record::beside_record(payload)).unwrap();
            }
            let commit = page.manifest.commit;
            writer
                .append(commit, frame.finish(commit).unwrap())
                .unwrap();
        }
    }

    fn edit(&self, place: Place, edit: impl FnOnce(&mut SealedRecord)) {
        let mut batches = self.batches();
        edit(record_at(&mut batches, place));
        self.put_back(&batches);
    }

    pub(super) fn edit_envelope(&self, place: Place, edit: impl FnOnce(&mut Envelope)) {
        self.edit(place, |record| edit(&mut record.envelope));
    }

    /// Another text, encrypted with the right key, its hash in the envelope.
    pub(super) fn edit_payload(&self, place: Place, text: &str) {
        let mut batches = self.batches();
        self.reseal(record_at(&mut batches, place), text);
        self.put_back(&batches);
    }

    /// A flipped bit of ciphertext.
    pub(super) fn flip_payload(&self, place: Place) {
        self.edit(place, |record| record.payload[20] ^= 1);
    }

    fn reseal(&self, record: &mut SealedRecord, text: &str) {
        let envelope = &mut record.envelope;
        let key = self.log().keys().by_id(envelope.key).unwrap().unwrap();
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

    pub(super) fn remove_batch(&self, commit: CommitNumber) {
        let mut batches = self.batches();
        batches.retain(|batch| batch.page.manifest.commit != commit);
        self.put_back(&batches);
    }

    /// An event taken out, its batch's page as it was.
    pub(super) fn remove_event(&self, place: Place) {
        let mut batches = self.batches();
        for batch in &mut batches {
            batch.records.retain(|record| place_of(record) != place);
        }
        self.put_back(&batches);
    }

    /// An event a second time, named by no page.
    pub(super) fn slip_in(&self, place: Place) {
        let mut batches = self.batches();
        let again = |batch: &mut Forged| {
            let found = batch
                .records
                .iter()
                .find(|record| place_of(record) == place);
            let again = found.map(|found| SealedRecord {
                envelope: found.envelope.clone(),
                payload: found.payload.clone(),
            });
            batch.records.extend(again);
        };
        batches.iter_mut().for_each(again);
        self.put_back(&batches);
    }

    /// The newest batches, as if they had never been.
    pub(super) fn remove_tail(&self, batches: usize) {
        let mut left = self.batches();
        left.truncate(left.len() - batches);
        self.put_back(&left);
        fs::remove_file(self.data.join(WATERMARK)).unwrap();
    }

    /// One payload changed, and everything after it linked anew: envelopes, pages, the watermark,
    /// and checkpoints of the folder's own, signed with its key.
    pub(super) fn chain_anew(&self, place: Place, text: &str) {
        let mut batches = self.batches();
        self.reseal(record_at(&mut batches, place), text);
        link_anew(&mut batches, place.project);
        self.put_back(&batches);
        fs::remove_file(self.data.join(WATERMARK)).unwrap();
        let own = self.data.join(checkpoint::FOLDER);
        if own.exists() {
            fs::remove_dir_all(&own).unwrap();
            let log = Arc::new(self.log());
            Checkpoints::new(log, own, None).write().unwrap();
        }
    }
}

fn place_of(record: &SealedRecord) -> Place {
    Place::new(record.envelope.project, record.envelope.offset)
}

fn record_at(batches: &mut [Forged], place: Place) -> &mut SealedRecord {
    let mut records = batches.iter_mut().flat_map(|batch| &mut batch.records);
    records.find(|record| place_of(record) == place).unwrap()
}

fn link_anew(batches: &mut [Forged], project: ProjectNumber) {
    let mut previous = None;
    for Forged { page, records } in batches {
        let of_project = records
            .iter_mut()
            .filter(|record| record.envelope.project == project);
        for record in of_project {
            record.envelope.previous = previous.unwrap_or(record.envelope.previous);
            previous = Some(chain::link(&record.envelope));
        }
        let entries = page.manifest.entries.iter_mut();
        for entry in entries.filter(|entry| entry.project == project) {
            entry.head = previous.unwrap_or(entry.head);
        }
    }
}
