//! F: what one durable write costs on this file system at this moment.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::latency::Latencies;

/// Bytes of the probe's file, written once before so that no sync has to allocate a block.
const FILE_BYTES: usize = 8 << 20;

/// Syncs in one reading of F.
const SYNCS: usize = 100;

/// Writes a payload and syncs it, over and over, in a file of its own.
///
/// The blocks are there already and the size never changes: a sync can cost no less, so a mark in
/// multiples of F is as strict as it can be.
#[derive(Debug)]
pub(crate) struct SyncProbe {
    file: File,
    payload: Vec<u8>,
    written: usize,
}

impl SyncProbe {
    /// Makes the probe's file in `folder`; each write has `payload_bytes`.
    pub(crate) fn create(folder: &Path, payload_bytes: usize) -> Result<Self> {
        let path = folder.join("sync-probe");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("{}: the sync probe's file", path.display()))?;
        file.write_all(&vec![0; FILE_BYTES])?;
        file.sync_all()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self {
            file,
            payload: vec![0x5a; payload_bytes],
            written: 0,
        })
    }

    /// The median of some syncs made now. It blocks: call it while nothing else is measured.
    pub(crate) fn measure(&mut self) -> Result<Duration> {
        let mut latencies = Latencies::new()?;
        for _ in 0..SYNCS {
            latencies.record(self.time_once()?);
        }
        Ok(latencies.p50())
    }

    /// One write and sync, timed. It blocks.
    pub(crate) fn time_once(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        self.sync_once()?;
        Ok(begun.elapsed())
    }

    fn sync_once(&mut self) -> Result<()> {
        if self.written + self.payload.len() > FILE_BYTES {
            self.file.seek(SeekFrom::Start(0))?;
            self.written = 0;
        }
        self.file.write_all(&self.payload)?;
        self.file.sync_data()?;
        self.written += self.payload.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_takes_time_and_the_file_never_grows() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut probe = SyncProbe::create(folder.path(), FILE_BYTES / 3)?;
        for _ in 0..5 {
            probe.sync_once()?;
        }
        assert!(probe.measure()? > Duration::ZERO);
        assert_eq!(probe.file.metadata()?.len(), u64::try_from(FILE_BYTES)?);
        Ok(())
    }
}
