use std::path::{Path, PathBuf};
use std::sync::Arc;

use everlog_domain::access::Principal;
use everlog_domain::envelope::{Envelope, Stream, StreamKind};
use everlog_domain::event::Event;
use everlog_domain::ids::{CONSOLE, Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::log::{Append, Arbiter, Draft, ManifestEntry, ProjectHead, Sealed, chain};
use everlog_domain::ports::{Log, ReadFailure, SealFailure, Subject};
use everlog_domain::projects::{CreateProject, ProjectCreated, ProjectEvent};
use everlog_domain::time::Time;

use super::project_file::{Header, NotBegun, ProjectFile};
use super::staged_log::{FramedEvent, StagedLog};
use super::transfer_failure::ImportFailure;
use crate::keys::{OpenedKeys, TransferKey};
use crate::log::{EmbeddedLog, SealedRecord, Watermark, damaged, split_event};
use crate::offline::{Broken, Link, OfflineLog, Step};
use crate::open::{LOG, Options, WATERMARK, open_log_held, require};
use crate::record::{self, Place, RecordError, beside_record};

/// Events, and bytes of them, with which a batch is full.
const BATCH_EVENTS: usize = 1_024;
const BATCH_BYTES: usize = 1 << 20;

/// What to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The data folder, which no server has open.
    pub folder: Options,
    /// The file of the project.
    pub file: PathBuf,
    /// What the export was made with.
    pub transfer_key: TransferKey,
    /// When the control plane says that the project was made here.
    pub now: Time,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// The project.
    pub project: ProjectId,
    /// Its number here.
    pub number: ProjectNumber,
    /// The newest event.
    pub last: Offset,
    /// Data keys.
    pub keys: usize,
}

/// Takes a project into a data folder: its events as they were, at the offsets that they had, with
/// the hashes that they had; only the number that they bear is the one that is free here. Every
/// event is proved and decrypted on the way, and all of it appears in one step, or nothing.
///
/// # Errors
/// Where the file or the data folder is not as it must be, or the project is here already. Then the
/// data folder is as it was.
pub fn import_project(
    options: &ImportOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<ImportReport, ImportFailure> {
    let file = begin(&options.file, &options.transfer_key)?;
    let data = &options.folder.data;
    require(&options.folder)?;
    let (log, _lock) = open_log_held(&options.folder)?;
    let console = Console::read(&log, &file.header)?;
    let created = console.creation(&log, &file.header)?;
    let keys = Arc::clone(log.keys());
    let end = log.end();
    // the log is closed before another one takes its place; the lock is kept
    drop(log);
    let wrapping = options.transfer_key.wrapping();
    keys.check_adoptable(&file.keys, wrapping, file.header.uid)?;
    keys.make_durable(std::iter::once(created.sealed.key))?;
    let key_batches = keys.batches_with(file.keys.len());
    let path = data.join(LOG);
    let io = |error| ImportFailure::io(&path, error);
    let staged = StagedLog::begin(&path, end, key_batches).map_err(io)?;
    let mut import = Import {
        link: Link::genesis(file.header.uid),
        header: file.header.clone(),
        number: console.next,
        staged,
        pending: Pending::default(),
    };
    let carried = file.keys.clone();
    import.events(file, &OpenedKeys::new(&carried, wrapping), progress)?;
    import.creation(&console, created, options.now)?;
    keys.adopt(&carried, wrapping)?;
    let report = import.report(carried.len());
    let mark = import.staged.take_place().map_err(io)?;
    if let Some(mark) = mark {
        let path = data.join(WATERMARK);
        let written = Watermark::open(&path).and_then(|watermark| watermark.write(&mark));
        if let Err(error) = written {
            // the batches are durable all the same; an old witness only sees less
            tracing::warn!(%error, "the watermark cannot be written");
        }
    }
    Ok(report)
}

fn begin(path: &Path, key: &TransferKey) -> Result<ProjectFile, ImportFailure> {
    let owned = || path.to_path_buf();
    ProjectFile::open(path, key).map_err(|not| match not {
        NotBegun::NoFile(reason) => ImportFailure::NoFile {
            path: owned(),
            reason,
        },
        NotBegun::Cut { project, last } => ImportFailure::Damaged {
            project,
            offset: last.next(),
            reason: "the file is cut off, or its end was changed".to_owned(),
        },
        NotBegun::WrongKey => ImportFailure::WrongTransferKey { path: owned() },
        NotBegun::Io(error) => ImportFailure::io(path, error),
    })
}

/// The control plane of the folder, as the import finds it.
struct Console {
    head: ProjectHead,
    /// The number of the next project.
    next: ProjectNumber,
}

/// That the project is here, ready for the log.
struct Creation {
    stream: Stream,
    event: Event,
    sealed: Sealed,
}

impl Console {
    /// Refuses a project that is here already.
    fn read(log: &Arc<EmbeddedLog>, header: &Header) -> Result<Self, ImportFailure> {
        let mut newest: Option<Envelope> = None;
        let mut highest = CONSOLE;
        let log = OfflineLog::over(Arc::clone(log));
        for recorded in log.events(CONSOLE, Offset(1)) {
            let recorded = recorded?;
            if let Event::Project(ProjectEvent::ProjectCreated(known)) = recorded.event {
                if known.uid == header.uid {
                    let project = known.project;
                    return Err(ImportFailure::SameProject { project });
                }
                if known.project == header.project {
                    let project = known.project;
                    return Err(ImportFailure::ProjectExists { project });
                }
                highest = highest.max(known.number);
            }
            newest = Some(recorded.envelope);
        }
        let head = match newest {
            Some(newest) => ProjectHead {
                offset: newest.offset,
                hash: chain::link(&newest),
                time: newest.time,
                ..ProjectHead::empty(newest.uid)
            },
            None => ProjectHead::empty(random_uid()?),
        };
        Ok(Self {
            head,
            next: highest.next(),
        })
    }

    fn creation(&self, log: &EmbeddedLog, header: &Header) -> Result<Creation, ImportFailure> {
        let stream = Stream::new(StreamKind::Project, header.project.as_str());
        let project = ProjectCreated {
            project: header.project.clone(),
            name: header.name.clone(),
            number: self.next,
            uid: header.uid,
        };
        let event = CreateProject { project }.decide(false);
        let event = event.ok().and_then(|events| events.into_iter().next());
        let event = Event::from(event.ok_or_else(|| ImportFailure::ProjectExists {
            project: header.project.clone(),
        })?);
        let sealed = log.seal(self.head.uid, &Subject::Project, &event);
        let sealed = sealed.map_err(|failure| engine(&failure))?;
        Ok(Creation {
            stream,
            event,
            sealed,
        })
    }
}

fn random_uid() -> Result<ProjectUid, ImportFailure> {
    let mut uid = [0; 16];
    let filled = getrandom::fill(&mut uid);
    filled.map_err(|error| ImportFailure::Keys(error.into()))?;
    Ok(ProjectUid(uid))
}

fn engine(failure: &SealFailure) -> ImportFailure {
    let reason = failure.to_string();
    ImportFailure::Read(ReadFailure::Engine { reason })
}

/// An import under way.
struct Import {
    header: Header,
    number: ProjectNumber,
    link: Link,
    staged: StagedLog,
    pending: Pending,
}

/// Events of the next batch.
#[derive(Default)]
struct Pending {
    events: Vec<FramedEvent>,
    bytes: usize,
}

impl Import {
    fn events(
        &mut self,
        mut file: ProjectFile,
        keys: &OpenedKeys<'_>,
        progress: &mut dyn FnMut(Step),
    ) -> Result<(), ImportFailure> {
        while let Some(bytes) = file.event().map_err(|reason| self.damaged(reason))? {
            self.event(&bytes, keys)
                .map_err(|broken| ImportFailure::Damaged {
                    project: self.header.project.clone(),
                    offset: broken.offset,
                    reason: broken.reason,
                })?;
            if self.pending.is_full() {
                self.put()?;
            }
            let (done, total) = file.progress();
            progress(Step::Files { done, total });
        }
        self.put()?;
        file.check(self.link).map_err(|reason| self.damaged(reason))
    }

    /// Proves an event, and takes it as it was but for the number.
    fn event(&mut self, bytes: &[u8], keys: &OpenedKeys<'_>) -> Result<(), Broken> {
        let place = Place::new(self.header.number, self.link.offset.next());
        let broken = |failure| Broken::of(place.project, place.offset, failure);
        let split = split_event(bytes).ok_or_else(|| damaged(place, "its bytes are no event"));
        let read = split.and_then(|(record, beside)| SealedRecord::read(place, record, beside));
        let read = read.map_err(broken)?;
        self.link = self.link.next(&read.envelope)?;
        let envelope = Envelope {
            project: self.number,
            ..read.envelope.clone()
        };
        let record = record::encode(&envelope, &read.payload);
        let of_record = |error: RecordError| damaged(place, error.to_string());
        self.pending.push(FramedEvent {
            record: record.map_err(of_record).map_err(broken)?,
            beside: beside_record(&read.payload).to_vec(),
        });
        read.open(keys).map(drop).map_err(broken)
    }

    /// Writes the events that wait.
    fn put(&mut self) -> Result<(), ImportFailure> {
        let Pending { events, .. } = std::mem::take(&mut self.pending);
        if events.is_empty() {
            return Ok(());
        }
        let entry = ManifestEntry {
            project: self.number,
            uid: self.link.uid,
            first: Offset(self.link.offset.0 + 1 - events.len() as u64),
            last: self.link.offset,
            head: self.link.hash,
        };
        self.write(entry, &events)
    }

    /// Writes that the project is here: the last batch.
    fn creation(
        &mut self,
        console: &Console,
        created: Creation,
        now: Time,
    ) -> Result<(), ImportFailure> {
        let as_of = self.staged.commit();
        let mut arbiter = Arbiter::new(as_of);
        let mut open = arbiter.begin();
        let append = Append {
            project: CONSOLE,
            ticket: None,
            expected: Vec::new(),
            as_of,
            claims: Vec::new(),
            access_epoch: None,
            idempotency: None,
            principal: Principal::System,
            on_behalf_of: None,
            cause: None,
            time: now,
            drafts: vec![Draft {
                stream: created.stream,
                event: created.event,
                sealed: created.sealed,
            }],
        };
        let admitted = arbiter
            .activate(CONSOLE, console.head, as_of)
            .and_then(|()| arbiter.admit(&mut open, append));
        admitted.map_err(|conflict| {
            let reason = conflict.to_string();
            ImportFailure::Read(ReadFailure::Engine { reason })
        })?;
        let batch = open.seal();
        let events = batch.events.iter().map(|event| {
            let payload = &event.sealed.bytes;
            let record = record::encode(&event.recorded.envelope, payload)?;
            Ok(FramedEvent {
                record,
                beside: beside_record(payload).to_vec(),
            })
        });
        let events: Result<Vec<_>, RecordError> = events.collect();
        let events = events.map_err(|error| self.io(std::io::Error::other(error)))?;
        for entry in batch.manifest.entries {
            self.write(entry, &events)?;
        }
        Ok(())
    }

    fn write(&mut self, entry: ManifestEntry, events: &[FramedEvent]) -> Result<(), ImportFailure> {
        let put = self.staged.put(entry, events);
        put.map_err(|error| self.io(error))
    }

    fn report(&self, keys: usize) -> ImportReport {
        ImportReport {
            project: self.header.project.clone(),
            number: self.number,
            last: self.link.offset,
            keys,
        }
    }

    /// What is wrong from the next event on.
    fn damaged(&self, reason: String) -> ImportFailure {
        ImportFailure::Damaged {
            project: self.header.project.clone(),
            offset: self.link.offset.next(),
            reason,
        }
    }

    fn io(&self, error: std::io::Error) -> ImportFailure {
        ImportFailure::io(self.staged.path(), error)
    }
}

impl Pending {
    fn push(&mut self, event: FramedEvent) {
        self.bytes += event.record.len() + event.beside.len();
        self.events.push(event);
    }

    const fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }
}
