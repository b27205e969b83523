//! Who holds the keys of unique indexes.
//!
//! The first row that takes a key keeps it until it goes or takes another. A later row with the
//! same key is put all the same, without that entry: what is in the log has happened, and a
//! projection that refused it could never be opened again. It stays without the entry, also after
//! the key is free, until it takes a key anew. Every event is looked at in its turn, so a rebuild
//! comes to the same holders.
//!
//! A row that is left out is marked as such: an index that leaves rows out leads to its holders,
//! but no list may be read along it.
//!
//! Where it was decided before the log that no two rows share a key, nobody looks: the last row
//! that takes a key holds it, and a row that goes frees its key whoever holds it.

use std::collections::HashMap;

use everlog_domain::ports::RowsFailure;
use everlog_domain::tables::{Index, Row, Uniqueness};

use super::entries::{Place, holds, same_entry};
use super::purges::Purges;
use super::store::{Reader, Writes};
use super::{clash, layout};

/// The keys that a batch asks for or moves, as it leaves them.
pub(super) struct UniqueKeys<'a> {
    reader: &'a Reader,
    /// By the key of the index entry: the primary key of the row that holds it.
    holders: HashMap<Vec<u8>, Option<Vec<u8>>>,
    /// Marks of rows that an index leaves out: set, or taken away.
    left_out: HashMap<Vec<u8>, bool>,
}

impl<'a> UniqueKeys<'a> {
    pub(super) fn new(reader: &'a Reader) -> Self {
        Self {
            reader,
            holders: HashMap::new(),
            left_out: HashMap::new(),
        }
    }

    /// A row becomes another one, or begins, or ends.
    pub(super) fn turn(
        &mut self,
        place: &Place<'_>,
        old: Option<&Row>,
        new: Option<&Row>,
        purges: &Purges,
    ) -> Result<(), RowsFailure> {
        let indexes = place.schema.indexes.iter();
        for index in indexes.filter(|index| index.uniqueness != Uniqueness::Shared) {
            let old = old.filter(|row| holds(index, row));
            let new = new.filter(|row| holds(index, row));
            if let (Some(old), Some(new)) = (old, new)
                && same_entry(index, old, new)
            {
                continue;
            }
            if let Some(old) = old {
                self.let_go(place, index, old)?;
            }
            if let Some(new) = new {
                self.take(place, index, new, purges)?;
            }
        }
        Ok(())
    }

    fn let_go(&mut self, place: &Place<'_>, index: &Index, row: &Row) -> Result<(), RowsFailure> {
        let key = place.index_key(index, row);
        let is_free = index.uniqueness == Uniqueness::Decided
            || self.holder(&key)?.as_deref() == Some(place.primary());
        if is_free {
            self.holders.insert(key, None);
        } else {
            self.left_out.insert(place.left_out_key(index), false);
        }
        Ok(())
    }

    fn take(
        &mut self,
        place: &Place<'_>,
        index: &Index,
        row: &Row,
        purges: &Purges,
    ) -> Result<(), RowsFailure> {
        let key = place.index_key(index, row);
        let lives = |holder: &Vec<u8>| {
            !purges.cover(&layout::row_at(place.project, place.schema.number, holder))
        };
        let is_taken =
            index.uniqueness == Uniqueness::Unique && self.holder(&key)?.filter(lives).is_some();
        if is_taken {
            clash::unique_key_taken(place, index);
            self.left_out.insert(place.left_out_key(index), true);
        } else {
            self.holders.insert(key, Some(place.primary().to_vec()));
        }
        Ok(())
    }

    fn holder(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowsFailure> {
        match self.holders.get(key) {
            Some(holder) => Ok(holder.clone()),
            None => Ok(self.reader.get(key)?.map(|holder| holder.to_vec())),
        }
    }

    /// Writes what changed.
    pub(super) fn write(self, writes: &mut Writes) {
        for (key, holder) in self.holders {
            match holder {
                Some(primary) => writes.put(key, primary),
                None => writes.remove(key),
            }
        }
        for (key, left_out) in self.left_out {
            if left_out {
                writes.put(key, Vec::new());
            } else {
                writes.remove(key);
            }
        }
    }
}
