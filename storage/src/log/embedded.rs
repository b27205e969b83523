use std::path::Path;
use std::sync::Arc;

use everlog_domain::envelope::Envelope;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest, Sealed, chain};
use everlog_domain::ports::{AppendFailure, Log, ReadFailure, SealFailure, Subject};
use parking_lot::Mutex;

use super::append::Appender;
use super::disk::DiskGauge;
use super::engine::{EngineFailure, LogEngine};
use super::read::Reader;
use super::segment::Location;
use super::watermark::Watermark;
use crate::folder_lock::FolderLock;
use crate::keys::KeyStore;
use crate::record::{self, Binding, MAX_PAYLOAD_BYTES};

/// The log of a data folder.
pub struct EmbeddedLog {
    engine: LogEngine,
    keys: Arc<KeyStore>,
    appender: Mutex<Appender>,
    /// The folder is ours as long as anybody holds the log.
    _lock: Arc<FolderLock>,
}

impl EmbeddedLog {
    pub(crate) fn open(
        folder: &Path,
        index: &Path,
        keys: Arc<KeyStore>,
        watermark: Watermark,
        low_water_bytes: u64,
        lock: Arc<FolderLock>,
    ) -> Result<Self, EngineFailure> {
        Ok(Self {
            engine: LogEngine::open(folder, index)?,
            keys,
            appender: Mutex::new(Appender::new(
                watermark,
                DiskGauge::new(folder, low_water_bytes),
            )),
            _lock: lock,
        })
    }

    pub(crate) const fn keys(&self) -> &Arc<KeyStore> {
        &self.keys
    }

    /// Where the next batch will lie.
    pub(crate) fn end(&self) -> Location {
        self.engine.end()
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.engine, &self.keys)
    }
}

impl Log for EmbeddedLog {
    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure> {
        let failed = |reason: String| SealFailure::Keys { reason };
        let plain = record::encode_payload(event).map_err(|error| failed(error.to_string()))?;
        let too_large = |found| SealFailure::TooLarge {
            found,
            limit: MAX_PAYLOAD_BYTES,
        };
        if plain.len() > MAX_PAYLOAD_BYTES {
            return Err(too_large(plain.len()));
        }
        let subjects = self.keys.of_subject(uid, subject);
        let subjects = subjects.map_err(|error| failed(error.to_string()))?;
        let nonce = record::fresh_nonce().map_err(|error| failed(error.to_string()))?;
        let kind = event.kind();
        let binding = Binding {
            uid,
            kind,
            version: kind.current_version(),
        };
        let bytes = record::seal_with_nonce(&subjects.key, nonce, binding, &plain)
            .ok_or_else(|| too_large(plain.len()))?;
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(too_large(bytes.len()));
        }
        Ok(Sealed {
            hash: Hash::of_bytes(&bytes),
            bytes,
            key: subjects.id,
        })
    }

    fn append(&self, batch: &Batch) -> Result<(), AppendFailure> {
        let mut appender = self.appender.lock();
        let number = self.head().next();
        appender.append(&self.engine, &self.keys, number, batch)
    }

    fn head(&self) -> CommitNumber {
        self.engine.head()
    }

    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.reader().sequence(project, from, limit)
    }

    fn envelopes(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Envelope>, ReadFailure> {
        self.reader().envelopes(project, from, limit)
    }

    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.reader().places(project, offsets)
    }

    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure> {
        let pages = self.reader().manifests(after, limit)?;
        Ok(pages.into_iter().map(|page| page.manifest).collect())
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        let bytes = self.engine.bytes_of(project);
        bytes.map_err(|failure| ReadFailure::Engine {
            reason: failure.to_string(),
        })
    }

    fn hash_at(&self, project: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        let envelope = self.reader().envelope(project, offset)?;
        Ok(chain::link(&envelope))
    }
}
