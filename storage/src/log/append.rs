use everlog_domain::ids::CommitNumber;
use everlog_domain::log::Batch;
use everlog_domain::ports::AppendFailure;

use super::disk::DiskGauge;
use super::engine::LogEngine;
use super::watermark::{Mark, Watermark};
use crate::keys::KeyStore;

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
    let written = engine.append(batch, key_batches);
    written.map_err(|error| error.to_string())?;
    Ok(key_batches)
}
