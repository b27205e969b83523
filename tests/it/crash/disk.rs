//! The model of a disk under the watched folder: the trace goes in, and what a power failure leaves comes out.
//!
//! What it takes as certain:
//! - After a sync of a file: its bytes and its size as they were when the sync began, and, as on ext4, its names.
//! - After a sync of a folder: the names in it as they were when the sync began.
//! - A write through `O_DSYNC`: its pages, when it has returned.
//!
//! All else is up to fate. Of the changes since then each 4 KiB page takes any version that it had, each file any size
//! that it had, each change of a name happens whole or not at all; page by page, file by file, name by name. Sizes may
//! grow without the bytes (which then read as zeros), bytes may reach the disk without the size, and a rename may survive
//! without the bytes of the file that it names. That is at least as harsh as ext4 with `data=ordered`, where journalled
//! changes keep their order and a size grows only with its data. What a disk cannot do is left out: bytes that nobody
//! wrote, half a page, half a rename, the loss of what a sync confirmed.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::content::Content;
use super::fate::Fate;
use super::image::{Entry, Image};
use super::names::{Entries, Names, NodeId, ROOT};
use super::trace::{Operation, Record};

#[derive(Clone)]
pub(super) struct Disk {
    nodes: Vec<Node>,
    by_inode: HashMap<u64, NodeId>,
    names: Names,
}

#[derive(Clone)]
enum Node {
    Folder,
    File(Content),
}

impl Disk {
    /// A folder with all that it holds durable, before the traced process starts.
    pub(super) fn durable(folder: &Path) -> std::io::Result<Self> {
        let image = Image::read(folder)?;
        let root_inode = std::fs::metadata(folder)?.ino();
        let mut disk = Self::empty(root_inode);
        for (path, entry) in &image.entries {
            let inode = std::fs::metadata(folder.join(path))?.ino();
            let node = match entry {
                Entry::Folder => Node::Folder,
                Entry::File(file) => Node::File(Content::durable(file)),
            };
            disk.create(0, inode, path, node);
        }
        disk.names.sync_all();
        Ok(disk)
    }

    pub(super) fn empty(root_inode: u64) -> Self {
        Self {
            nodes: vec![Node::Folder],
            by_inode: HashMap::from([(root_inode, ROOT)]),
            names: Names::default(),
        }
    }

    pub(super) fn apply(&mut self, record: &Record<'_>) {
        let place = record.begins;
        match record.operation {
            Operation::Create { inode, path } => {
                self.create(place, inode, path, Node::File(Content::default()))
            }
            Operation::MakeFolder { inode, path } => self.create(place, inode, path, Node::Folder),
            Operation::Write {
                inode,
                offset,
                data,
                durable,
            } => {
                let content = self.content(inode);
                content.write(place, offset, data);
                if durable {
                    content.sync_range(offset, data);
                }
            }
            Operation::Resize { inode, size } => self.content(inode).resize(place, size),
            Operation::Zero {
                inode,
                offset,
                length,
            } => self.content(inode).zero(place, offset, length),
            Operation::Rename { from, to } => self.names.rename(place, from, to),
            Operation::Link { from, to } => self.names.link(place, from, to),
            Operation::Remove { path } => self.names.remove(place, path),
            Operation::SyncBegin { .. } | Operation::SyncFailed { .. } => {}
            Operation::SyncEnd { inode, begun } => self.sync(inode, begun),
        }
    }

    fn create(&mut self, place: u64, inode: u64, path: &str, node: Node) {
        let id = NodeId(self.nodes.len());
        self.nodes.push(node);
        // the file system gives an inode's number again once its file is gone
        self.by_inode.insert(inode, id);
        self.names.create(place, path, id);
    }

    fn sync(&mut self, inode: u64, begun: u64) {
        let id = self.id(inode);
        if let Node::File(content) = &mut self.nodes[id.0] {
            content.sync(begun);
        }
        self.names.sync(id, begun);
    }

    fn id(&self, inode: u64) -> NodeId {
        *self
            .by_inode
            .get(&inode)
            .unwrap_or_else(|| panic!("the trace uses inode {inode}, which it never made"))
    }

    fn content(&mut self, inode: u64) -> &mut Content {
        let id = self.id(inode);
        match &mut self.nodes[id.0] {
            Node::File(content) => content,
            Node::Folder => panic!("the trace writes to the folder with inode {inode}"),
        }
    }

    /// The folder as it is found after the power failed here.
    pub(super) fn survive(&self, fate: &mut Fate) -> Image {
        let mut names: BTreeMap<NodeId, Vec<(String, NodeId)>> = BTreeMap::new();
        let entries: Entries = self.names.survive(fate);
        for ((folder, name), node) in entries {
            names.entry(folder).or_default().push((name, node));
        }
        let mut image = Image::default();
        let mut folders = vec![(String::new(), ROOT)];
        while let Some((prefix, folder)) = folders.pop() {
            for (name, id) in names.remove(&folder).unwrap_or_default() {
                let path = format!("{prefix}{name}");
                let entry = match &self.nodes[id.0] {
                    Node::File(content) => Entry::File(content.survive(fate)),
                    Node::Folder => {
                        folders.push((format!("{path}/"), id));
                        Entry::Folder
                    }
                };
                image.entries.insert(path, entry);
            }
        }
        image
    }
}
