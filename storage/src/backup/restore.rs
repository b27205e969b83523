use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use everlog_domain::event::Event;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CONSOLE, CommitNumber, Offset, ProjectId, ProjectUid};
use everlog_domain::projects::ProjectEvent;
use everlog_domain::time::Time;

use super::batch::{Hashes, WholeBatch, unreadable};
use super::contents::Contents;
use super::cut::Cut;
pub use super::cut::Point;
use super::failure::RestoreFailure;
use super::keys_file;
use super::rewrite::NewLog;
use crate::checkpoint::read_folder;
use crate::keys::{CarriedKeys, FirstStart, KeyStore, MasterKey, MasterKeySource};
use crate::log::{Location, Segments, Watermark};
use crate::offline::{Broken, Chains, Step};
use crate::open::{KEYS, LOG, WATERMARK, mark_format, sync_tree};

/// What to restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// The backup's folder.
    pub from: PathBuf,
    /// The new data folder.
    pub to: PathBuf,
    /// The file of the wrapped keys.
    pub keys: PathBuf,
    /// Where the master key comes from; it is no part of a backup.
    pub master_key: MasterKeySource,
    /// A folder of signed checkpoints that the backup is held against.
    pub checkpoint_dir: Option<PathBuf>,
    /// A project: the one that is restored, and whose offset [`Point::Offset`] names.
    pub project: Option<ProjectId>,
    /// Whether the other projects are restored as well, where one is named.
    pub with_others: bool,
    /// Up to where.
    pub point: Point,
}

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreReport {
    /// The newest batch.
    pub commit: CommitNumber,
    /// When its newest event happened.
    pub time: Time,
    /// Events in all.
    pub events: u64,
    /// Projects that have events, the control plane included.
    pub projects: usize,
    /// Whether the last batch was written anew with its first events only.
    pub cut_within_batch: bool,
    /// Projects that the control plane names and whose events were left out, or do not lie before
    /// the point: they are there, and empty.
    pub empty: usize,
}

/// Makes a data folder out of a backup. Every batch up to the point is proved on the way, as
/// [`crate::verify`] proves it. The folder appears whole or not at all; its projections are made at
/// its first start.
///
/// # Errors
/// Where the backup, its keys or the point are not as they must be. Then there is no folder.
pub fn restore(
    options: &RestoreOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<RestoreReport, RestoreFailure> {
    let to = &options.to;
    if to.symlink_metadata().is_ok() {
        return Err(RestoreFailure::Exists { to: to.clone() });
    }
    let contents = contents(&options.from)?;
    check_point(options.point, &contents)?;
    let (keys, master) = keys(options, &contents)?;
    let unfinished = to.with_added_extension("restoring");
    remove(&unfinished).map_err(|error| RestoreFailure::io(&unfinished, error))?;
    let made = make(&unfinished, options, &contents, (&keys, &master), progress);
    let placed = made.and_then(|report| {
        place(&unfinished, to).map_err(|error| RestoreFailure::io(to, error))?;
        Ok(report)
    });
    if placed.is_err() {
        // the failure that is told is the one that matters
        let _left = remove(&unfinished);
    }
    placed
}

fn contents(from: &Path) -> Result<Contents, RestoreFailure> {
    let none = |reason: String| RestoreFailure::NoBackup {
        from: from.to_path_buf(),
        reason,
    };
    let contents = Contents::read(from).map_err(none)?;
    contents.ok_or_else(|| none("it has no file \"backup\"".to_owned()))
}

fn check_point(point: Point, contents: &Contents) -> Result<(), RestoreFailure> {
    match point {
        _ if contents.commit == CommitNumber(0) => Err(RestoreFailure::Nothing),
        Point::Commit(CommitNumber(0)) | Point::Offset(Offset(0)) => Err(RestoreFailure::Nothing),
        Point::Commit(asked) if asked > contents.commit => Err(RestoreFailure::CommitBeyond {
            commit: contents.commit,
            asked,
        }),
        Point::Newest | Point::Commit(_) | Point::Time(_) | Point::Offset(_) => Ok(()),
    }
}

fn keys(
    options: &RestoreOptions,
    contents: &Contents,
) -> Result<(CarriedKeys, MasterKey), RestoreFailure> {
    let path = &options.keys;
    let keys = keys_file::read(path).map_err(|reason| RestoreFailure::KeysFile {
        path: path.clone(),
        reason,
    })?;
    if keys.batches < contents.key_batches {
        return Err(RestoreFailure::KeysTooOld {
            path: path.clone(),
            found: keys.batches,
            needed: contents.key_batches,
        });
    }
    let master = match &options.master_key {
        MasterKeySource::InFolder => return Err(RestoreFailure::MasterKeyNotGiven),
        given => given.load(&options.from, FirstStart::No)?,
    };
    Ok((keys, master))
}

fn make(
    folder: &Path,
    options: &RestoreOptions,
    contents: &Contents,
    (keys, master): (&CarriedKeys, &MasterKey),
    progress: &mut dyn FnMut(Step),
) -> Result<RestoreReport, RestoreFailure> {
    let io = |error| RestoreFailure::io(folder, error);
    fs::create_dir_all(folder).map_err(io)?;
    let store = folder.join(KEYS);
    keys.place(&store, master)?;
    let store = KeyStore::open(&store, master)?;
    let log = NewLog::create(&folder.join(LOG)).map_err(io)?;
    let mut reading = Reading::begin(options, contents, &store, log)?;
    let report = reading.run(progress)?;
    if let Some(mark) = reading.log.mark() {
        let watermark = Watermark::open(&folder.join(WATERMARK)).map_err(io)?;
        watermark.write(&mark).map_err(io)?;
    }
    drop(reading);
    drop(store);
    mark_format(folder).map_err(io)?;
    sync_tree(folder).map_err(io)?;
    Ok(report)
}

fn place(unfinished: &Path, to: &Path) -> io::Result<()> {
    fs::rename(unfinished, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A backup that is being read.
struct Reading<'a> {
    options: &'a RestoreOptions,
    contents: &'a Contents,
    store: &'a KeyStore,
    source: Segments,
    next: Location,
    chains: Chains,
    cut: Cut,
    /// By project and offset, what checkpoints saw there.
    seen: HashMap<(ProjectUid, Offset), Hash>,
    /// Projects that the control plane names.
    named: usize,
    /// Whether the one that was asked for is among them, or is the control plane itself.
    is_named: bool,
    time: Time,
    log: NewLog,
}

/// What a batch says of itself.
#[derive(Default)]
struct Told {
    times: Vec<Time>,
    created: Vec<(ProjectId, everlog_domain::ids::ProjectNumber, Offset)>,
}

impl<'a> Reading<'a> {
    fn begin(
        options: &'a RestoreOptions,
        contents: &'a Contents,
        store: &'a KeyStore,
        log: NewLog,
    ) -> Result<Self, RestoreFailure> {
        let is_console = |id: &&ProjectId| id.as_str() == "console";
        Ok(Self {
            options,
            contents,
            store,
            source: Segments::of(&options.from.join(LOG)),
            next: Location::beginning(CommitNumber(1)),
            chains: Chains::default(),
            cut: Cut {
                point: options.point,
                project: options.project.as_ref().filter(is_console).map(|_| CONSOLE),
                alone: options.project.is_some() && !options.with_others,
            },
            seen: seen(options, store)?,
            named: 0,
            is_named: options.project.as_ref().is_some_and(|id| is_console(&id)),
            time: Time(0),
            log,
        })
    }

    fn run(&mut self, progress: &mut dyn FnMut(Step)) -> Result<RestoreReport, RestoreFailure> {
        let total = self.contents.commit;
        let mut cut_within_batch = false;
        let mut ended = false;
        while !ended && self.next.commit <= total {
            let batch = self.read().map_err(damaged)?;
            let told = self.follow(&batch).map_err(damaged)?;
            let page = &batch.page.manifest;
            let kept = self.cut.of(page.commit, &page.entries, &told.0.times);
            ended = kept.is_last;
            cut_within_batch |= kept.is_last && !kept.is_whole && self.is_cut(&batch, &kept);
            let written = self.log.write(&batch, &kept, &told.1);
            written.map_err(|error| RestoreFailure::io(&self.options.to, error))?;
            self.note(&batch, &kept, &told.0);
            self.next = batch.frame.next();
            progress(Step::Batches {
                done: page.commit.0,
                total: total.0,
            });
        }
        if !ended {
            self.check_heads().map_err(damaged)?;
        }
        self.check_reached(ended)?;
        Ok(RestoreReport {
            commit: self.log.commit(),
            time: self.time,
            events: self.log.events(),
            projects: self.log.projects(),
            cut_within_batch,
            empty: (self.named + 1).saturating_sub(self.log.projects()),
        })
    }

    fn read(&self) -> Result<WholeBatch, Broken> {
        let expected = self.contents.chains();
        let unreadable = |error| unreadable(&self.chains, &expected, &error);
        let frame = self.source.whole_frame(self.next).map_err(unreadable)?;
        let missing = || unreadable(self.source.missing(self.next));
        WholeBatch::of(frame.ok_or_else(missing)?, &self.chains)
    }

    fn follow(&mut self, batch: &WholeBatch) -> Result<(Told, Hashes), Broken> {
        let mut told = Told::default();
        let store = self.store;
        let hashes = batch.follow(&mut self.chains, &mut |record| {
            let recorded = record.open(store)?;
            told.times.push(recorded.envelope.time);
            if let Event::Project(ProjectEvent::ProjectCreated(created)) = recorded.event {
                let offset = recorded.envelope.offset;
                told.created.push((created.project, created.number, offset));
            }
            Ok(())
        })?;
        for (entry, _) in batch.entries() {
            for offset in (entry.first.0..=entry.last.0).map(Offset) {
                let seen = self.seen.get(&(entry.uid, offset));
                if seen.is_some_and(|seen| hashes.get(&(entry.project, offset)) != Some(seen)) {
                    return Err(Broken {
                        project: entry.project,
                        offset,
                        reason: "a checkpoint saw another event here".to_owned(),
                    });
                }
            }
        }
        // the project's first event comes later, so its number is known in time
        let wanted = self.options.project.as_ref();
        let found = told.created.iter().find(|(id, ..)| Some(id) == wanted);
        if let Some((_, number, _)) = found {
            self.cut.project = self.cut.project.or(Some(*number));
        }
        Ok((told, hashes))
    }

    /// Whether a project that is restored lacks some of its events in this batch.
    fn is_cut(&self, batch: &WholeBatch, kept: &super::cut::Kept) -> bool {
        let entries = &batch.page.manifest.entries;
        kept.parts.iter().any(|part| {
            let entry = entries.get(part.entry);
            entry.is_some_and(|entry| part.events < entry.events())
        })
    }

    fn note(&mut self, batch: &WholeBatch, kept: &super::cut::Kept, told: &Told) {
        for part in &kept.parts {
            let Some((entry, first)) = batch.entries().nth(part.entry) else {
                continue;
            };
            let count = usize::try_from(part.events).unwrap_or(usize::MAX);
            let times = told.times.iter().skip(first).take(count);
            self.time = times.fold(self.time, |newest, time| newest.max(*time));
            if entry.project == CONSOLE {
                let last = Offset(entry.first.0 + part.events - 1);
                let created = told.created.iter().filter(|(.., offset)| *offset <= last);
                for (id, ..) in created {
                    self.named += 1;
                    self.is_named |= Some(id) == self.options.project.as_ref();
                }
            }
        }
    }

    /// The chains end where the backup says that they do.
    fn check_heads(&self) -> Result<(), Broken> {
        for (project, end) in &self.contents.heads {
            let found = self.chains.get(*project);
            if found != Some(*end) {
                return Err(Broken {
                    project: *project,
                    offset: end.offset,
                    reason: "the backup says that it ends with another event".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn check_reached(&self, ended: bool) -> Result<(), RestoreFailure> {
        if let Some(project) = &self.options.project {
            let known = self.cut.project.filter(|_| self.is_named);
            let number = known.ok_or_else(|| RestoreFailure::NoProject {
                project: project.clone(),
            })?;
            if let Point::Offset(asked) = self.options.point
                && !ended
            {
                let link = self.chains.get(number);
                return Err(RestoreFailure::OffsetBeyond {
                    project: project.clone(),
                    last: link.map_or(Offset(0), |link| link.offset),
                    asked,
                });
            }
        }
        match self.log.events() {
            0 => Err(RestoreFailure::Nothing),
            _ => Ok(()),
        }
    }
}

/// What the checkpoints outside say, of those that this store has signed.
fn seen(
    options: &RestoreOptions,
    store: &KeyStore,
) -> Result<HashMap<(ProjectUid, Offset), Hash>, RestoreFailure> {
    let Some(folder) = &options.checkpoint_dir else {
        return Ok(HashMap::new());
    };
    let notes = read_folder(folder, &store.signing().verifying_key());
    let notes = notes.map_err(|error| RestoreFailure::io(folder, error))?;
    let notes = notes.into_iter().filter_map(|found| found.note.ok());
    Ok(notes
        .map(|note| ((note.uid, note.offset), note.head))
        .collect())
}

fn damaged(broken: Broken) -> RestoreFailure {
    RestoreFailure::Damaged {
        project: broken.project,
        offset: broken.offset,
        reason: broken.reason,
    }
}
