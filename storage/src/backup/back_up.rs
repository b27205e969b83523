use std::fs::{self, File};
use std::io;
use std::path::Path;

use everlog_domain::ids::CommitNumber;
use everlog_domain::time::Time;

use super::batch::{WholeBatch, unreadable};
use super::contents::Contents;
use super::failure::BackupFailure;
use super::keys_copy::carried_keys;
use super::{keys_file, source};
use crate::folder_lock::{FolderLock, NotOwned};
use crate::log::{Location, SegmentWriter, Segments, create_first, cut_after, list_segments};
use crate::offline::{Broken, Chains, Step};
use crate::open::{KEYS, LOG, sync_tree};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// Its newest batch.
    pub commit: CommitNumber,
    /// When its newest event happened; nothing of an empty log.
    pub time: Option<Time>,
    /// Batches that this run has added.
    pub added: u64,
    /// Events in all.
    pub events: u64,
    /// Projects in all.
    pub projects: usize,
    /// Keys that were written into the file for them, where one was named.
    pub keys: Option<usize>,
}

/// Copies what is new of a folder's log behind what a backup has already, whether or not a server
/// writes to it. Afterwards the backup holds everything that was acknowledged when this began. With
/// `keys`, the wrapped keys of the store go into that file, which is written anew.
///
/// # Errors
/// Where the log or the backup is not as it was written, or a file fails. The backup that was there
/// before is as it was.
pub fn back_up(
    data: &Path,
    to: &Path,
    keys: Option<&Path>,
    progress: &mut dyn FnMut(Step),
) -> Result<BackupReport, BackupFailure> {
    let newest = source::newest(data)?;
    let _lock = prepare(to)?;
    keys.map_or(Ok(()), |keys| expect_outside(keys, to))?;
    let known = known(to)?;
    let mut copy = Copy::begin(data, to, known)?;
    let before = copy.contents.commit;
    copy.run(newest, progress)?;
    let log = to.join(LOG);
    sync_tree(&log).map_err(|error| BackupFailure::io(&log, error))?;
    let contents = copy.contents;
    // the keys first: what a backup needs is there before the backup says that it holds it
    let keys = keys.map(|path| {
        let aside = path.with_added_extension("copying");
        let carried = carried_keys(&data.join(KEYS), &aside, contents.key_batches)?;
        keys_file::write(path, &carried).map_err(|error| BackupFailure::io(path, error))?;
        Ok::<_, BackupFailure>(carried.keys.len())
    });
    let keys = keys.transpose()?;
    let written = contents.write(to);
    written.map_err(|error| BackupFailure::io(to, error))?;
    Ok(BackupReport {
        commit: contents.commit,
        time: (contents.events > 0).then_some(contents.time),
        added: contents.commit.0 - before.0,
        events: contents.events,
        projects: contents.heads.len(),
        keys,
    })
}

/// Makes the folder, if there is none, and owns it.
fn prepare(to: &Path) -> Result<FolderLock, BackupFailure> {
    make(to).map_err(|error| BackupFailure::io(to, error))?;
    FolderLock::take(to).map_err(|error| match error {
        NotOwned::Locked => BackupFailure::UnderWay {
            to: to.to_path_buf(),
        },
        NotOwned::File(error) => BackupFailure::io(to, error),
    })
}

fn make(to: &Path) -> io::Result<()> {
    if to.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Whoever has the backup must not have the keys with it: their destruction is what erases.
fn expect_outside(keys: &Path, to: &Path) -> Result<(), BackupFailure> {
    let folder = keys
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let whole = |path: &Path| {
        let found = path.canonicalize();
        found.map_err(|error| BackupFailure::io(path, error))
    };
    if !whole(folder.unwrap_or(Path::new(".")))?.starts_with(whole(to)?) {
        return Ok(());
    }
    Err(BackupFailure::Keys {
        reason: format!(
            "{} lies in the backup: name a file elsewhere",
            keys.display()
        ),
    })
}

/// What the folder holds already. An empty one is marked as a backup before anything else.
fn known(to: &Path) -> Result<Contents, BackupFailure> {
    let other = |reason: String| BackupFailure::OtherBackup {
        to: to.to_path_buf(),
        reason,
    };
    if let Some(known) = Contents::read(to).map_err(other)? {
        return Ok(known);
    }
    let entries = fs::read_dir(to).map_err(|error| BackupFailure::io(to, error))?;
    for entry in entries {
        let name = entry
            .map_err(|error| BackupFailure::io(to, error))?
            .file_name();
        // what a first run that was cut short leaves
        if name != "lock" && name != "backup.new" {
            return Err(other(format!("it holds {:?}", name.to_string_lossy())));
        }
    }
    let empty = Contents::empty(Location::beginning(CommitNumber(1)));
    let marked = empty.write(to);
    marked.map_err(|error| BackupFailure::io(to, error))?;
    Ok(empty)
}

/// A copy under way.
struct Copy {
    source: Segments,
    next: Location,
    writer: SegmentWriter,
    chains: Chains,
    contents: Contents,
    log: std::path::PathBuf,
}

impl Copy {
    fn begin(data: &Path, to: &Path, contents: Contents) -> Result<Self, BackupFailure> {
        let source = Segments::of(&data.join(LOG));
        let next = source::after(data, to, &source, &contents)?;
        let log = to.join(LOG);
        let writer = writer(&log, contents.end).map_err(|error| BackupFailure::io(&log, error))?;
        Ok(Self {
            source,
            next,
            writer,
            chains: contents.chains(),
            contents,
            log,
        })
    }

    fn run(
        &mut self,
        newest: CommitNumber,
        progress: &mut dyn FnMut(Step),
    ) -> Result<(), BackupFailure> {
        let first = self.contents.commit.0;
        while self.next.commit <= newest {
            self.batch().map_err(|failure| match failure {
                Failure::Broken(broken) => BackupFailure::Damaged {
                    project: broken.project,
                    offset: broken.offset,
                    reason: broken.reason,
                },
                Failure::Io(error) => BackupFailure::io(&self.log, error),
            })?;
            progress(Step::Batches {
                done: self.contents.commit.0 - first,
                total: newest.0 - first,
            });
        }
        self.contents.set_heads(&self.chains);
        Ok(())
    }

    fn batch(&mut self) -> Result<(), Failure> {
        let frame = match self.source.whole_frame(self.next) {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                let missing = self.source.missing(self.next);
                return Err(unreadable(&self.chains, &self.chains, &missing).into());
            }
            Err(error) => return Err(unreadable(&self.chains, &self.chains, &error).into()),
        };
        let batch = WholeBatch::of(frame, &self.chains)?;
        let mut time = self.contents.time;
        batch.follow(&mut self.chains, &mut |record| {
            time = time.max(record.envelope.time);
            Ok(())
        })?;
        let commit = batch.page.manifest.commit;
        let end = self.writer.put(commit, &batch.frame.bytes)?;
        let contents = &mut self.contents;
        (contents.commit, contents.time, contents.end) = (commit, time, end);
        contents.events += batch.page.manifest.events();
        contents.key_batches = batch.page.key_batches;
        self.next = batch.frame.next();
        Ok(())
    }
}

/// The log of a backup, without what a run that was cut short has left behind its end.
fn writer(log: &Path, end: Location) -> io::Result<SegmentWriter> {
    let listed = match log.exists() {
        true => list_segments(log).map_err(io::Error::other)?,
        false => Vec::new(),
    };
    let last = listed.iter().find(|segment| segment.first == end.segment);
    match last {
        Some(segment) if segment.path.metadata()?.len() >= end.position => {
            cut_after(log, &segment.path, end.position).map_err(io::Error::other)?;
        }
        None if end.commit == CommitNumber(1) => create_first(log)?,
        _ => {
            let reason = format!("batch {} is missing or cut short", end.commit.0 - 1);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
    }
    SegmentWriter::open(log, end.segment, end.position)
}

enum Failure {
    Broken(Broken),
    Io(io::Error),
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
