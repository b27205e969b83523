use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a reading of the free space holds.
const HOLDS: Duration = Duration::from_millis(250);

/// Tells when the disk is so full that writes must be refused before the engine fails.
pub(super) struct DiskGauge {
    folder: PathBuf,
    low_water_bytes: u64,
    reading: Option<Reading>,
}

struct Reading {
    at: Instant,
    low: bool,
}

impl DiskGauge {
    pub(super) fn new(folder: &Path, low_water_bytes: u64) -> Self {
        Self {
            folder: folder.to_path_buf(),
            low_water_bytes,
            reading: None,
        }
    }

    /// Whether less than the low-water mark is free for this user. Where the system does not
    /// tell, writes go on: the engine will say if one fails.
    pub(super) fn is_low(&mut self) -> bool {
        let now = Instant::now();
        if let Some(reading) = &self.reading
            && now.duration_since(reading.at) < HOLDS
        {
            return reading.low;
        }
        let low = self.read();
        self.reading = Some(Reading { at: now, low });
        low
    }

    fn read(&self) -> bool {
        if self.low_water_bytes == 0 {
            return false;
        }
        match rustix::fs::statvfs(&self.folder) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize) < self.low_water_bytes,
            Err(error) => {
                tracing::warn!(%error, "the free space of the disk cannot be read");
                false
            }
        }
    }
}
