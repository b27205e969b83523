use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_128;

/// The files of a database folder, held in memory, so that a test can damage one copy after
/// another of a database that was written once.
#[derive(Clone)]
pub(super) struct Image {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Image {
    pub(super) fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        each_file(folder, &mut |path| {
            let name = path.strip_prefix(folder).unwrap().to_path_buf();
            files.insert(name, fs::read(path).unwrap());
        });
        Self { files }
    }

    pub(super) fn file(&self, name: &str) -> &[u8] {
        &self.files[Path::new(name)]
    }

    /// The one file of that folder; for tables, whose numbers are the engine's business.
    pub(super) fn only_file_in(&self, folder: &str) -> String {
        let mut inside = self
            .files
            .keys()
            .filter(|name| name.parent() == Some(Path::new(folder)));
        let only = inside.next().unwrap().to_str().unwrap().to_owned();
        assert_eq!(inside.next(), None, "more than one file in {folder}");
        only
    }

    pub(super) fn with(&self, name: &str, bytes: Vec<u8>) -> Self {
        let mut changed = self.clone();
        changed.files.insert(PathBuf::from(name), bytes);
        changed
    }

    pub(super) fn edited(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = self.file(name).to_vec();
        edit(&mut bytes);
        self.with(name, bytes)
    }

    pub(super) fn without(&self, name: &str) -> Self {
        let mut changed = self.clone();
        let before = changed.files.len();
        changed.files.retain(|path, _| !path.starts_with(name));
        assert_ne!(changed.files.len(), before, "no {name}");
        changed
    }

    /// Writes the files into a new folder.
    pub(super) fn placed(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, visit);
        } else {
            visit(&path);
        }
    }
}

/// Looks at the folder and asserts that looking changed no file in it.
#[track_caller]
pub(super) fn unchanged<T>(folder: &Path, look: impl FnOnce(&Path) -> T) -> T {
    let before = fingerprints(folder);
    let seen = look(folder);
    assert_eq!(fingerprints(folder), before, "the scan changed a file");
    seen
}

fn fingerprints(folder: &Path) -> BTreeMap<PathBuf, (usize, u128)> {
    let mut prints = BTreeMap::new();
    each_file(folder, &mut |path| {
        let bytes = fs::read(path).unwrap();
        prints.insert(path.to_path_buf(), (bytes.len(), xxh3_128(&bytes)));
    });
    prints
}
