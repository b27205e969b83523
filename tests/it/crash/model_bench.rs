//! Random work on files, done to the power-loss model and, beside it, to the simplest thing that can hold files.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::disk::Disk;
use super::fate::Fate;
use super::image::{Entry, Image, PAGE};
use super::trace::{Operation, Record};

pub(super) const NAMES: [&str; 4] = ["a", "b", "sub/a", "sub/b"];
pub(super) const LARGEST: u64 = 5 * PAGE as u64;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(usize),
    Write {
        name: usize,
        offset: u64,
        length: usize,
        byte: u8,
    },
    Resize {
        name: usize,
        size: u64,
    },
    Rename(usize, usize),
    Remove(usize),
    SyncFile(usize),
    SyncFolders,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        3 => name().prop_map(Step::Create),
        8 => (name(), 0..LARGEST, 1..2 * PAGE, 1..=255_u8)
            .prop_map(|(name, offset, length, byte)| Step::Write { name, offset, length, byte }),
        2 => (name(), 0..LARGEST).prop_map(|(name, size)| Step::Resize { name, size }),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => name().prop_map(Step::Remove),
        2 => name().prop_map(Step::SyncFile),
        1 => Just(Step::SyncFolders),
    ]
}

/// The model beside the simplest thing that can hold files.
pub(super) struct Bench {
    disk: Disk,
    place: u64,
    next_inode: u64,
    pub(super) files: BTreeMap<&'static str, (u64, Vec<u8>)>,
    /// Every page that any file ever had, by hole-free content.
    pub(super) seen: HashSet<Vec<u8>>,
}

const ROOT_INODE: u64 = 1 << 40;
const SUB_INODE: u64 = ROOT_INODE + 1;

impl Bench {
    pub(super) fn new() -> Self {
        let disk = Disk::empty(ROOT_INODE);
        let mut bench = Self {
            disk,
            place: 0,
            next_inode: 1,
            files: BTreeMap::new(),
            seen: HashSet::new(),
        };
        bench.apply(Operation::MakeFolder {
            inode: SUB_INODE,
            path: "sub",
        });
        bench.sync(ROOT_INODE);
        bench
    }

    pub(super) fn apply(&mut self, operation: Operation<'_>) -> u64 {
        self.place += 1;
        self.disk.apply(&Record {
            begins: self.place,
            ends: self.place + 1,
            operation,
        });
        self.place
    }

    fn sync(&mut self, inode: u64) {
        let begun = self.apply(Operation::SyncBegin { inode });
        self.apply(Operation::SyncEnd { inode, begun });
    }

    pub(super) fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        let known = |files: &BTreeMap<_, _>, name: usize| files.contains_key(NAMES[name]);
        match *step {
            Step::Create(name) if !known(&self.files, name) => {
                let inode = self.next_inode;
                self.next_inode += 1;
                self.files.insert(NAMES[name], (inode, Vec::new()));
                self.apply(Operation::Create {
                    inode,
                    path: NAMES[name],
                });
            }
            Step::Write {
                name,
                offset,
                length,
                byte,
            } if known(&self.files, name) => {
                let data = vec![byte; length];
                let (inode, bytes) = self.files.get_mut(NAMES[name]).expect("known");
                let (inode, start) = (*inode, offset as usize);
                bytes.resize(bytes.len().max(start + length), 0);
                bytes[start..start + length].copy_from_slice(&data);
                self.apply(Operation::Write {
                    inode,
                    offset,
                    data: &data,
                    durable: false,
                });
            }
            Step::Resize { name, size } if known(&self.files, name) => {
                let (inode, bytes) = self.files.get_mut(NAMES[name]).expect("known");
                bytes.resize(size as usize, 0);
                let inode = *inode;
                self.apply(Operation::Resize { inode, size });
            }
            Step::Rename(from, to) if known(&self.files, from) && from != to => {
                let file = self.files.remove(NAMES[from]).expect("known");
                self.files.insert(NAMES[to], file);
                self.apply(Operation::Rename {
                    from: NAMES[from],
                    to: NAMES[to],
                });
            }
            Step::Remove(name) if known(&self.files, name) => {
                self.files.remove(NAMES[name]);
                self.apply(Operation::Remove { path: NAMES[name] });
            }
            Step::SyncFile(name) if known(&self.files, name) => {
                self.sync(self.files[NAMES[name]].0)
            }
            Step::SyncFolders => {
                self.sync(ROOT_INODE);
                self.sync(SUB_INODE);
            }
            _ => {}
        }
        for page in self
            .files
            .values()
            .flat_map(|(_, bytes)| bytes.chunks(PAGE))
        {
            let mut page = page.to_vec();
            page.resize(PAGE, 0);
            self.seen.insert(page);
        }
    }

    pub(super) fn sync_all(&mut self) {
        let inodes: Vec<u64> = self.files.values().map(|(inode, _)| *inode).collect();
        for inode in inodes {
            self.sync(inode);
        }
        self.step(&Step::SyncFolders);
    }

    pub(super) fn live(&self) -> BTreeMap<String, Vec<u8>> {
        self.files
            .iter()
            .map(|(name, (_, bytes))| ((*name).to_owned(), bytes.clone()))
            .collect()
    }

    pub(super) fn survivors(&self, mut fate: Fate) -> BTreeMap<String, Vec<u8>> {
        files_of(&self.disk.survive(&mut fate))
    }
}

fn files_of(image: &Image) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (path, entry) in &image.entries {
        if let Entry::File(file) = entry {
            files.insert(path.clone(), file.bytes(file.size));
        }
    }
    files
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..60)
}
