//! Data folders for tests.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::{ProjectHead, chain};
use everlog_domain::ports::Log;
use everlog_domain::time::Time;
use tempfile::TempDir;

use crate::conformance::batches::{Batches, Post, uid};
use crate::keys::MasterKeySource;
use crate::log::{Depth, EmbeddedLog, scan};
use crate::open::{LOG, OpenRefused, Options, open_log};

/// The first file of the log.
pub(crate) const SEGMENT: &str = "log/00000000000000000001.segment";

pub(crate) fn options(data: &Path) -> Options {
    Options {
        data: data.to_path_buf(),
        master_key: MasterKeySource::InFolder,
        checkpoint_dir: None,
        low_water_bytes: 0,
    }
}

pub(crate) fn reopen(data: &Path) -> Result<Arc<EmbeddedLog>, OpenRefused> {
    open_log(&options(data))
}

/// A folder with so many batches, each with an event of project 1 and one of project 2.
pub(crate) fn written(batches: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    let mut maker = Batches::new();
    for number in 0..batches {
        append(&log, &mut maker, &format!("text {number}"));
    }
    folder
}

pub(crate) fn append(log: &EmbeddedLog, maker: &mut Batches, text: &str) {
    let batch = maker.next(log, &[Post::new(1, text), Post::new(2, text)]);
    log.append(&batch).unwrap();
}

/// Batches that go on where a folder made by [`written`] ends.
pub(crate) fn continued(log: &EmbeddedLog) -> Batches {
    let commit = log.head();
    let heads = [ProjectNumber(1), ProjectNumber(2)].map(|project| {
        let offset = Offset(commit.0);
        let uid = uid(project);
        let hash = match commit {
            CommitNumber(0) => chain::genesis(uid),
            _ => log.hash_at(project, offset).unwrap(),
        };
        let head = ProjectHead {
            offset,
            hash,
            access_epoch: Offset(0),
            caller_epoch: Offset(0),
            time: Time(0),
            uid,
        };
        (project, head)
    });
    Batches::after(commit, &heads)
}

/// Batches that go on with any log, about projects that have events in it.
pub(crate) fn going_on(log: &EmbeddedLog, projects: [u64; 2]) -> Batches {
    let pages = log.manifests(CommitNumber(0), 10_000).unwrap();
    let heads = projects.map(ProjectNumber).map(|project| {
        let mut entries = pages.iter().flat_map(|page| &page.entries);
        let newest = entries.rfind(|entry| entry.project == project);
        let newest = newest.unwrap();
        let head = ProjectHead {
            offset: newest.last,
            hash: newest.head,
            ..ProjectHead::empty(newest.uid)
        };
        (project, head)
    });
    Batches::after(log.head(), &heads)
}

/// The files of a folder in memory, so that one copy after another can be damaged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Image {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Image {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        each_file(folder, &mut |path| {
            let name = path.strip_prefix(folder).unwrap().to_path_buf();
            files.insert(name, fs::read(path).unwrap());
        });
        Self { files }
    }

    /// A folder with so many batches whose files end where their batches do: a start cuts off the
    /// zeros that fjall reserves, and those of the log are cut off here.
    pub(crate) fn written(batches: u64) -> Self {
        let folder = written(batches);
        drop(reopen(folder.path()).unwrap());
        Self::of(folder.path()).without_reserve()
    }

    /// Without the zeros behind the log's last batch.
    pub(crate) fn without_reserve(&self) -> Self {
        let end = self.batches().last().map(|batch| batch.end);
        match end {
            Some(end) => self.edited(SEGMENT, |bytes| bytes.truncate(end)),
            None => self.clone(),
        }
    }

    /// Where the batches of the log's first segment lie.
    pub(crate) fn batches(&self) -> Vec<Range<usize>> {
        let folder = self.placed();
        let mut batches = Vec::new();
        scan(&folder.path().join(LOG), Depth::Whole, &mut |frame| {
            let start = usize::try_from(frame.position).unwrap();
            batches.push(start..start + usize::try_from(frame.head.bytes).unwrap());
        })
        .unwrap();
        batches
    }

    pub(crate) fn placed(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    pub(crate) fn file(&self, name: &str) -> &[u8] {
        &self.files[Path::new(name)]
    }

    pub(crate) fn edited(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut image = self.clone();
        edit(image.files.get_mut(Path::new(name)).unwrap());
        image
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut image = self.clone();
        image.files.retain(|path, _| !path.starts_with(name));
        assert_ne!(image.files.len(), self.files.len(), "no {name}");
        image
    }

    pub(crate) fn with(&self, name: &str, bytes: &[u8]) -> Self {
        let mut image = self.clone();
        image.files.insert(PathBuf::from(name), bytes.to_vec());
        image
    }
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_file(&path, visit),
            false => visit(&path),
        }
    }
}
