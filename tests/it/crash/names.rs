//! The names in a folder as the power-loss model sees them: what is certainly on the disk, and what may be.

use std::collections::BTreeMap;

use super::fate::Fate;

/// A file or a folder, whatever it is called; 0 is the watched folder itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) usize);

pub(super) const ROOT: NodeId = NodeId(0);

/// A name in a folder.
type Slot = (NodeId, String);
pub(super) type Entries = BTreeMap<Slot, NodeId>;

/// Changes of names survive or are lost one by one and whole: a rename never leaves both names or none. A change is
/// lost with any earlier one that it builds on (the same name, the same file, the folder that it lies in); changes
/// that have nothing to do with one another may survive out of order, which ext4's journal would not even allow.
#[derive(Clone, Default)]
pub(super) struct Names {
    live: Entries,
    durable: Entries,
    pending: Vec<Change>,
}

#[derive(Clone)]
struct Change {
    place: u64,
    subject: NodeId,
    edits: Vec<(Slot, Option<NodeId>)>,
}

impl Change {
    fn builds_on(&self, earlier: &Self) -> bool {
        let same_slot = |slot: &Slot| earlier.edits.iter().any(|(other, _)| other == slot);
        self.subject == earlier.subject
            || self
                .edits
                .iter()
                .any(|(slot, _)| same_slot(slot) || slot.0 == earlier.subject)
            || earlier.edits.iter().any(|(slot, _)| slot.0 == self.subject)
    }

    fn concerns(&self, node: NodeId) -> bool {
        self.subject == node || self.edits.iter().any(|(slot, _)| slot.0 == node)
    }

    fn apply(&self, entries: &mut Entries) {
        for (slot, node) in &self.edits {
            match node {
                Some(node) => entries.insert(slot.clone(), *node),
                None => entries.remove(slot),
            };
        }
    }
}

impl Names {
    pub(super) fn create(&mut self, place: u64, path: &str, node: NodeId) {
        let slot = self.slot(path);
        self.change(Change {
            place,
            subject: node,
            edits: vec![(slot, Some(node))],
        });
    }

    pub(super) fn rename(&mut self, place: u64, from: &str, to: &str) {
        let (from, to) = (self.slot(from), self.slot(to));
        let node = self.node_in(&from);
        // two names of one file: POSIX says that rename then does nothing
        if self.live.get(&to) != Some(&node) {
            self.change(Change {
                place,
                subject: node,
                edits: vec![(from, None), (to, Some(node))],
            });
        }
    }

    pub(super) fn link(&mut self, place: u64, from: &str, to: &str) {
        let (from, to) = (self.slot(from), self.slot(to));
        let node = self.node_in(&from);
        self.change(Change {
            place,
            subject: node,
            edits: vec![(to, Some(node))],
        });
    }

    pub(super) fn remove(&mut self, place: u64, path: &str) {
        let slot = self.slot(path);
        let node = self.node_in(&slot);
        self.change(Change {
            place,
            subject: node,
            edits: vec![(slot, None)],
        });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    fn slot(&self, path: &str) -> Slot {
        let mut folder = ROOT;
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            folder = self.node_in(&(folder, part.to_owned()));
        }
        (folder, name.to_owned())
    }

    fn node_in(&self, slot: &Slot) -> NodeId {
        *self
            .live
            .get(slot)
            .unwrap_or_else(|| panic!("the trace names {slot:?}, which it never made"))
    }

    /// A sync of a folder settles the names in it; a sync of a file, as on ext4, also the names that it has. Both take
    /// what they build on with them.
    pub(super) fn sync(&mut self, node: NodeId, place: u64) {
        let mut settled: Vec<Change> = Vec::new();
        for index in (0..self.pending.len()).rev() {
            let change = &self.pending[index];
            let wanted = change.place < place && change.concerns(node);
            if wanted || settled.iter().any(|later| later.builds_on(change)) {
                settled.push(self.pending.remove(index));
            }
        }
        for change in settled.iter().rev() {
            change.apply(&mut self.durable);
        }
    }

    pub(super) fn sync_all(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.live);
    }

    pub(super) fn survive(&self, fate: &mut Fate) -> Entries {
        let mut entries = self.durable.clone();
        let mut lost: Vec<&Change> = Vec::new();
        for change in &self.pending {
            if lost.iter().any(|earlier| change.builds_on(earlier)) || fate.version(1) == 0 {
                lost.push(change);
            } else {
                change.apply(&mut entries);
            }
        }
        entries
    }
}
