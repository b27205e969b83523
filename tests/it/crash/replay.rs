//! What a data folder holds, and the rows that a replay of its log up to some offsets makes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use everlog_domain::event::Recorded;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::{Manifest, ManifestEntry};
use everlog_domain::ports::{Log, Rows};
use everlog_kit::MemoryRows;
use everlog_storage::conformance::rows::dump;
use everlog_storage::{MasterKeySource, OfflineLog, Options};

/// The rows of each project as canonical lines.
type Dump = BTreeMap<ProjectNumber, Vec<String>>;

/// A log in memory.
pub(super) struct Replay {
    pub(super) pages: Vec<Manifest>,
    pub(super) events: BTreeMap<ProjectNumber, Vec<Arc<Recorded>>>,
}

/// How a folder that has its master key in it is opened.
pub(super) fn options(data: &Path) -> Options {
    Options {
        data: data.to_path_buf(),
        master_key: MasterKeySource::InFolder,
        checkpoint_dir: None,
        low_water_bytes: 0,
    }
}

impl Replay {
    pub(super) fn of(data: &Path) -> Self {
        let offline = OfflineLog::open(&options(data)).expect("the folder opens");
        Self::of_log(&*offline.log())
    }

    fn of_log(log: &dyn Log) -> Self {
        let pages = log
            .manifests(CommitNumber(0), usize::MAX)
            .expect("the pages read");
        let mut events = BTreeMap::new();
        for project in pages.iter().flat_map(|page| &page.entries) {
            events.entry(project.project).or_insert_with(|| {
                let read = log.read(project.project, Offset(1), usize::MAX);
                let read = read.expect("the events read");
                read.into_iter().map(Arc::new).collect::<Vec<_>>()
            });
        }
        Self { pages, events }
    }

    /// The newest offset of each project.
    pub(super) fn ends(&self) -> BTreeMap<ProjectNumber, Offset> {
        let events = self.events.iter();
        events
            .map(|(project, events)| (*project, Offset(events.len() as u64)))
            .collect()
    }

    /// The events of a project up to an offset.
    pub(super) fn until(&self, project: ProjectNumber, end: Offset) -> &[Arc<Recorded>] {
        &self.events[&project][..end.0 as usize]
    }

    /// The rows after a replay of each project up to its end, and of no other project.
    pub(super) fn rows(&self, ends: &BTreeMap<ProjectNumber, Offset>) -> Dump {
        let rows = MemoryRows::new();
        for page in &self.pages {
            let entries: Vec<_> = page
                .entries
                .iter()
                .filter_map(|entry| cut(entry, ends))
                .collect();
            let events: Vec<_> = entries
                .iter()
                .flat_map(|entry| {
                    self.until(entry.project, entry.last)[entry.first.0 as usize - 1..].to_vec()
                })
                .collect();
            let commit = rows.reached().next();
            rows.project(&Manifest { commit, entries }, &events)
                .expect("the rows take every event");
        }
        dumped(&rows, ends)
    }
}

fn cut(entry: &ManifestEntry, ends: &BTreeMap<ProjectNumber, Offset>) -> Option<ManifestEntry> {
    let last = entry.last.min(*ends.get(&entry.project)?);
    (entry.first <= last).then_some(ManifestEntry { last, ..*entry })
}

/// Opens a folder as a server does, and reads all of its rows and events.
pub(super) fn opened(data: &Path) -> (Replay, Dump) {
    let opened = everlog_storage::open(&options(data)).expect("the folder opens");
    let replay = Replay::of_log(&*opened.log);
    let rows = dumped(&*opened.rows, &replay.ends());
    (replay, rows)
}

fn dumped(rows: &dyn Rows, projects: &BTreeMap<ProjectNumber, Offset>) -> Dump {
    let view = rows.view();
    let of_project = |project: &ProjectNumber| (*project, dump(&*view, *project));
    projects.keys().map(of_project).collect()
}
