use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::damage::ScanDamage;

/// Bytes read at a time.
pub(super) const CHUNK: usize = 1 << 20;

/// A file, opened for reading only and seen through a window, so that memory stays bounded by the
/// largest piece that is asked for at once.
pub(super) struct FileWindow {
    file: File,
    path: PathBuf,
    len: u64,
    /// Where in the file `buffer` begins.
    start: u64,
    buffer: Vec<u8>,
}

impl FileWindow {
    pub(super) fn open(path: &Path) -> Result<Self, ScanDamage> {
        let unreadable = |error| ScanDamage::io(path, error);
        let file = File::open(path).map_err(unreadable)?;
        let len = file.metadata().map_err(unreadable)?.len();
        Ok(Self {
            file,
            path: path.to_path_buf(),
            len,
            start: 0,
            buffer: Vec::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Exactly `len` bytes at `at`; `None` where the file ends before.
    pub(super) fn bytes(&mut self, at: u64, len: usize) -> Result<Option<&[u8]>, ScanDamage> {
        let fits = at
            .checked_add(len as u64)
            .is_some_and(|end| end <= self.len);
        if !fits {
            return Ok(None);
        }
        if self.held(at, len).is_none() {
            self.load(at, len)?;
        }
        Ok(self.held(at, len))
    }

    /// At most [`CHUNK`] bytes at `at`, empty only at `until` or the end of the file.
    pub(super) fn chunk(&mut self, at: u64, until: u64) -> Result<&[u8], ScanDamage> {
        let rest = until.min(self.len).saturating_sub(at);
        let len = usize::try_from(rest).unwrap_or(CHUNK).min(CHUNK);
        Ok(self.bytes(at, len)?.unwrap_or_default())
    }

    /// Feeds the bytes `from .. until` to a hash, a chunk at a time.
    pub(super) fn hash(&mut self, from: u64, until: u64) -> Result<Xxh3, ScanDamage> {
        let mut hash = Xxh3::new();
        let mut at = from;
        while at < until {
            let chunk = self.chunk(at, until)?;
            if chunk.is_empty() {
                break;
            }
            hash.update(chunk);
            at += chunk.len() as u64;
        }
        Ok(hash)
    }

    fn held(&self, at: u64, len: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.buffer.get(from..from.checked_add(len)?)
    }

    fn load(&mut self, at: u64, len: usize) -> Result<(), ScanDamage> {
        let rest = usize::try_from(self.len - at).unwrap_or(usize::MAX);
        self.buffer.resize(rest.min(len.max(CHUNK)), 0);
        // one huge value must not keep its memory for the rest of the file
        self.buffer.shrink_to(CHUNK);
        self.start = at;
        let read = self.file.read_exact_at(&mut self.buffer, at);
        read.map_err(|error| {
            self.buffer.clear();
            ScanDamage::io(&self.path, error)
        })
    }
}
