//! A log that goes on, beside the one that it will replace.
//!
//! A new folder gets the sealed segments by another link, the newest one as a copy, and the frames
//! that are to come. Nobody looks at it until it has changed places with the log, in one step; so
//! whatever ends the work before, the log is as it was.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;
use everlog_domain::log::{Manifest, ManifestEntry};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::log::{FrameBuffer, Location, Mark, SegmentWriter, list_segments};
use crate::open::sync_tree;
use crate::record::{StoredManifest, encode_manifest};

/// See the module's description. It is removed when it is dropped, whichever of both it holds then.
pub(super) struct StagedLog {
    log: PathBuf,
    staged: PathBuf,
    writer: SegmentWriter,
    buffer: FrameBuffer,
    commit: CommitNumber,
    /// Batches of the key store that its new batches need.
    key_batches: u64,
    newest: Option<StoredManifest>,
}

/// An event in the form of a frame.
pub(super) struct FramedEvent {
    pub(super) record: Vec<u8>,
    pub(super) beside: Vec<u8>,
}

impl StagedLog {
    /// Goes on with a log that nobody writes to, from its end on.
    pub(super) fn begin(log: &Path, end: Location, key_batches: u64) -> io::Result<Self> {
        let staged = log.with_extension("importing");
        remove(&staged)?;
        fs::create_dir(&staged)?;
        let copied = copy(log, &staged, end);
        let writer = copied.and_then(|()| SegmentWriter::open(&staged, end.segment, end.position));
        if writer.is_err() {
            remove(&staged)?;
        }
        Ok(Self {
            log: log.to_path_buf(),
            staged,
            writer: writer?,
            buffer: FrameBuffer::default(),
            commit: CommitNumber(end.commit.0.saturating_sub(1)),
            key_batches,
            newest: None,
        })
    }

    /// Where it is being made.
    pub(super) fn path(&self) -> &Path {
        &self.staged
    }

    /// The newest batch.
    pub(super) const fn commit(&self) -> CommitNumber {
        self.commit
    }

    /// Writes the next batch: events of one project.
    pub(super) fn put(&mut self, entry: ManifestEntry, events: &[FramedEvent]) -> io::Result<()> {
        let commit = self.commit.next();
        let manifest = Manifest {
            commit,
            entries: vec![entry],
        };
        let page = encode_manifest(&manifest, self.key_batches);
        self.buffer.begin(&page, events.len());
        for FramedEvent { record, beside } in events {
            let pushed = self.buffer.push(record, beside);
            pushed.map_err(io::Error::other)?;
        }
        let frame = self.buffer.finish(commit).map_err(io::Error::other)?;
        self.writer.put(commit, frame)?;
        self.commit = commit;
        self.newest = Some(StoredManifest {
            manifest,
            key_batches: self.key_batches,
        });
        Ok(())
    }

    /// Takes the log's place, durably. Answers with what the watermark says of it.
    pub(super) fn take_place(self) -> io::Result<Option<Mark>> {
        sync_tree(&self.staged)?;
        renameat_with(CWD, &self.staged, CWD, &self.log, RenameFlags::EXCHANGE)?;
        if let Some(data) = self.log.parent() {
            File::open(data)?.sync_all()?;
        }
        let newest = self.newest.as_ref();
        Ok(newest.map(|page| Mark::of(&page.manifest, page.key_batches)))
    }
}

impl Drop for StagedLog {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.staged) {
            let folder = self.staged.display();
            tracing::warn!(%folder, %error, "what an import has left cannot be removed: remove it");
        }
    }
}

/// The segments without what lies behind the end.
fn copy(log: &Path, staged: &Path, end: Location) -> io::Result<()> {
    for segment in list_segments(log).map_err(io::Error::other)? {
        let name = segment.path.file_name().unwrap_or_default();
        let copy = staged.join(name);
        if segment.first == end.segment {
            fs::copy(&segment.path, &copy)?;
            File::options()
                .write(true)
                .open(&copy)?
                .set_len(end.position)?;
        } else {
            fs::hard_link(&segment.path, &copy)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
