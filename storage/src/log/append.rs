use everlog_domain::ids::CommitNumber;
use everlog_domain::log::{Batch, CommittedEvent};
use everlog_domain::ports::AppendFailure;
use fjall::OwnedWriteBatch;

use super::disk::DiskGauge;
use super::engine::LogEngine;
use super::watermark::{Mark, Watermark};
use crate::keys::KeyStore;
use crate::record::{self, Place};

/// Writes batches, one at a time, until one fails.
pub(super) struct Appender {
    watermark: Watermark,
    disk: DiskGauge,
    /// Why the log takes nothing any more. What a failed sync left on the disk is unknown, and
    /// another sync that succeeds would not tell.
    broken: Option<String>,
}

impl Appender {
    pub(super) const fn new(watermark: Watermark, disk: DiskGauge) -> Self {
        Self {
            watermark,
            disk,
            broken: None,
        }
    }

    /// Order: the keys that the batch needs are durable before the batch is, and the batch before
    /// its witness says so.
    pub(super) fn append(
        &mut self,
        engine: &LogEngine,
        keys: &KeyStore,
        number: CommitNumber,
        batch: &Batch,
    ) -> Result<(), AppendFailure> {
        if let Some(reason) = &self.broken {
            return Err(AppendFailure::Broken {
                reason: reason.clone(),
            });
        }
        if self.disk.is_low() {
            return Err(AppendFailure::Full);
        }
        let written = check_number(number, batch).and_then(|()| write(engine, keys, batch));
        let key_batches = written.map_err(|reason| self.break_with(reason))?;
        let mark = Mark::of(&batch.manifest, key_batches);
        if let Err(error) = self.watermark.write(&mark) {
            // the batch is durable all the same; an old witness only sees less
            tracing::warn!(%error, "the watermark cannot be written");
        }
        Ok(())
    }

    fn break_with(&mut self, reason: String) -> AppendFailure {
        tracing::error!(reason, "the log failed and takes nothing until a restart");
        self.broken = Some(reason.clone());
        AppendFailure::Broken { reason }
    }
}

fn check_number(expected: CommitNumber, batch: &Batch) -> Result<(), String> {
    let found = batch.manifest.commit;
    if found == expected {
        return Ok(());
    }
    Err(format!("expected batch {expected}, found batch {found}"))
}

fn write(engine: &LogEngine, keys: &KeyStore, batch: &Batch) -> Result<u64, String> {
    let needed = batch.events.iter().map(|event| event.sealed.key);
    let key_batches = keys
        .make_durable(needed)
        .map_err(|error| format!("the key store: {error}"))?;
    let mut entries = engine.batch(batch.events.len() + 1);
    for event in &batch.events {
        insert(engine, &mut entries, event).map_err(|error| error.to_string())?;
    }
    entries.insert(
        &engine.manifests,
        batch.manifest.commit.0.to_be_bytes(),
        record::encode_manifest(&batch.manifest, key_batches),
    );
    entries.commit().map_err(|error| error.to_string())?;
    Ok(key_batches)
}

fn insert(
    engine: &LogEngine,
    entries: &mut OwnedWriteBatch,
    event: &CommittedEvent,
) -> Result<(), record::RecordError> {
    let envelope = &event.recorded.envelope;
    let place = Place::new(envelope.project, envelope.offset);
    let payload = &event.sealed.bytes;
    let record = record::encode(envelope, payload)?;
    entries.insert(&engine.events, place.record_key(), record);
    for (number, fragment) in (0..).zip(record::fragments(payload)) {
        entries.insert(&engine.events, place.fragment_key(number), fragment);
    }
    Ok(())
}
