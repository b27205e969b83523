use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use everlog_domain::event::Event;
use everlog_domain::ids::{CONSOLE, CommitNumber, Offset, ProjectId, ProjectNumber};
use everlog_domain::ports::ReadFailure;
use everlog_domain::projects::{ProjectCreated, ProjectEvent};

use super::batch::WholeBatch;
use super::failure::BackupFailure;
use super::keys_copy::carried_keys;
use super::project_file::{Header, ProjectFileWriter};
use super::source;
use super::transfer_failure::ExportFailure;
use crate::keys::{FirstStart, OpenedKeys, TransferKey};
use crate::log::{Location, SealedRecord, Segments, damaged, page_of, read_mark, split_event};
use crate::offline::{Broken, Link, Step};
use crate::open::{KEYS, LOG, Options, WATERMARK};
use crate::record::{Place, StoredManifest};

const OWNER_ONLY: u32 = 0o600;

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The data folder, whether or not a server writes to it, and its master key.
    pub folder: Options,
    /// The project.
    pub project: ProjectId,
    /// The new file.
    pub to: PathBuf,
    /// What wraps the project's keys in it.
    pub transfer_key: TransferKey,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// The newest event.
    pub last: Offset,
    /// Data keys.
    pub keys: usize,
}

/// Writes a project into a file: its events as they are in the log, with their hashes, and the
/// keys of their payloads, wrapped by the transfer key. Everything that was acknowledged when this
/// began is in it, and every event is proved on the way. There is a file only if all went well.
///
/// # Errors
/// Where there is no such project, its log or its keys are not as they were written, or a file
/// fails.
pub fn export_project(
    options: &ExportOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<ExportReport, ExportFailure> {
    let to = &options.to;
    if options.project.as_str() == "console" {
        return Err(ExportFailure::Console);
    }
    if to.symlink_metadata().is_ok() {
        return Err(ExportFailure::Exists { to: to.clone() });
    }
    let new = to.with_added_extension("exporting");
    let written = write(options, &new, progress).and_then(|report| {
        place(&new, to).map_err(|error| ExportFailure::io(to, error))?;
        Ok(report)
    });
    if written.is_err() {
        // the failure that is told is the one that matters
        let _left = fs::remove_file(&new);
    }
    written
}

fn write(
    options: &ExportOptions,
    new: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<ExportReport, ExportFailure> {
    let data = &options.folder.data;
    let newest = source::newest(data)?;
    let path = data.join(WATERMARK);
    let mark = read_mark(&path).map_err(|error| ExportFailure::io(&path, error))?;
    let aside = options.to.with_added_extension("keys");
    let needed = mark.map_or(0, |mark| mark.key_batches);
    let carried = carried_keys(&data.join(KEYS), &aside, needed)?;
    let master = options.folder.master_key.load(data, FirstStart::No)?;
    carried.check(&master)?;
    let keys = OpenedKeys::new(&carried.keys, &master);
    let log = data.join(LOG);
    let mut export = Export {
        options,
        source: Segments::of(&log),
        keys: &keys,
        new,
        found: None,
    };
    let start = source::start(&export.source, &log)?;
    // An imported project's events lie before its creation in the control plane.
    export.run((start, newest), Pass::Looking, progress)?;
    export.run((start, newest), Pass::Taking, progress)?;
    export.finish()
}

/// An export under way.
struct Export<'a> {
    options: &'a ExportOptions,
    source: Segments,
    keys: &'a OpenedKeys<'a>,
    new: &'a Path,
    found: Option<Found>,
}

/// What a passage over the log is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// To find the project in the control plane.
    Looking,
    /// To take its events.
    Taking,
}

/// The project, once the control plane has told its number.
struct Found {
    number: ProjectNumber,
    link: Link,
    file: ProjectFileWriter,
    keys: usize,
}

impl Export<'_> {
    fn run(
        &mut self,
        (mut at, newest): (Location, CommitNumber),
        pass: Pass,
        progress: &mut dyn FnMut(Step),
    ) -> Result<(), ExportFailure> {
        while at.commit <= newest && !(pass == Pass::Looking && self.found.is_some()) {
            let (place, head) = self.source.frame_at(at).map_err(|e| self.unreadable(&e))?;
            let head = head.ok_or_else(|| self.unreadable(&self.source.missing(at)))?;
            let page = page_of(&head).map_err(|error| self.unreadable(&error))?;
            if self.concerns(&page) {
                self.batch(place, page, pass)?;
            }
            at = place.after(head.bytes);
            progress(Step::Batches {
                done: place.commit.0,
                total: newest.0,
            });
        }
        Ok(())
    }

    /// Whether a batch has something of the project, or may tell its number.
    fn concerns(&self, page: &StoredManifest) -> bool {
        let wanted = self.found.as_ref().map_or(CONSOLE, |found| found.number);
        let mut entries = page.manifest.entries.iter();
        entries.any(|entry| entry.project == wanted)
    }

    fn batch(
        &mut self,
        at: Location,
        page: StoredManifest,
        pass: Pass,
    ) -> Result<(), ExportFailure> {
        let frame = self.source.whole_frame(at);
        let frame = frame.map_err(|error| self.unreadable(&error))?;
        let frame = frame.ok_or_else(|| self.unreadable(&self.source.missing(at)))?;
        let batch = WholeBatch { frame, page };
        for (entry, first) in batch.entries() {
            for (offset, n) in (entry.first.0..=entry.last.0).map(Offset).zip(first..) {
                let bytes = batch.frame.event(n).unwrap_or_default();
                let place = Place::new(entry.project, offset);
                let taken = match (pass, &self.found) {
                    (Pass::Looking, None) if entry.project == CONSOLE => self.look(place, bytes),
                    (Pass::Taking, Some(found)) if entry.project == found.number => {
                        self.event(place, bytes)
                    }
                    _ => continue,
                };
                taken?;
            }
        }
        Ok(())
    }

    /// Looks for the project in an event of the control plane.
    fn look(&mut self, place: Place, bytes: &[u8]) -> Result<(), ExportFailure> {
        let record = sealed(place, bytes).map_err(of_log)?;
        let opened = record.open(self.keys);
        let opened = opened.map_err(|failure| broken(place, failure));
        match opened.map_err(of_log)?.event {
            Event::Project(ProjectEvent::ProjectCreated(created))
                if created.project == self.options.project =>
            {
                self.begin(created)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, created: ProjectCreated) -> Result<(), ExportFailure> {
        let ProjectCreated {
            project,
            name,
            number,
            uid,
        } = created;
        let transfer_key = &self.options.transfer_key;
        let keys = self.keys.of_project(uid, transfer_key.wrapping())?;
        let header = Header {
            project,
            name,
            uid,
            number,
        };
        let written = || {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true);
            let file = options.mode(OWNER_ONLY).open(self.new)?;
            let mut file = ProjectFileWriter::begin(file, &header)?;
            keys.iter().try_for_each(|key| file.key(key))?;
            Ok(file)
        };
        let file = written().map_err(|error| ExportFailure::io(self.new, error))?;
        self.found = Some(Found {
            number,
            link: Link::genesis(uid),
            file,
            keys: keys.len(),
        });
        Ok(())
    }

    /// Takes an event of the project.
    fn event(&mut self, place: Place, bytes: &[u8]) -> Result<(), ExportFailure> {
        let Some(found) = &mut self.found else {
            return Ok(());
        };
        let expected = found.link.offset.next();
        if place.offset != expected {
            return Err(of_log(Broken {
                project: place.project,
                offset: expected,
                reason: format!("expected the next event, found offset {}", place.offset),
            }));
        }
        let record = sealed(place, bytes).map_err(of_log)?;
        found.link = found.link.next(&record.envelope).map_err(of_log)?;
        let opened = record.open(self.keys);
        opened.map_err(|failure| of_log(broken(place, failure)))?;
        let written = found.file.event(bytes);
        written.map_err(|error| ExportFailure::io(self.new, error))
    }

    fn finish(self) -> Result<ExportReport, ExportFailure> {
        let found = self.found.ok_or_else(|| ExportFailure::NoProject {
            project: self.options.project.clone(),
        })?;
        let report = ExportReport {
            last: found.link.offset,
            keys: found.keys,
        };
        let finished = found.file.finish(found.link, &self.options.transfer_key);
        finished.map_err(|error| ExportFailure::io(self.new, error))?;
        Ok(report)
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> ExportFailure {
        let found = self.found.as_ref();
        of_log(Broken {
            project: found.map_or(CONSOLE, |found| found.number),
            offset: found.map_or(Offset(1), |found| found.link.offset.next()),
            reason: error.to_string(),
        })
    }
}

fn broken(place: Place, failure: ReadFailure) -> Broken {
    Broken::of(place.project, place.offset, failure)
}

fn of_log(broken: Broken) -> ExportFailure {
    ExportFailure::Log(BackupFailure::Damaged {
        project: broken.project,
        offset: broken.offset,
        reason: broken.reason,
    })
}

fn sealed(place: Place, bytes: &[u8]) -> Result<SealedRecord, Broken> {
    let split = split_event(bytes).ok_or_else(|| damaged(place, "its bytes are no event"));
    let read = split.and_then(|(record, beside)| SealedRecord::read(place, record, beside));
    read.map_err(|failure| broken(place, failure))
}

fn place(new: &Path, to: &Path) -> io::Result<()> {
    fs::rename(new, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
