//! Purges that are not finished.

use std::collections::BTreeSet;
use std::ops::Bound;

use everlog_domain::ports::RowsFailure;

use super::layout;
use super::range::KeyRange;
use super::store::Reader;

/// What the keys of rows begin with that are still there and must not be seen. No member begins
/// another, so that the one that could cover a key is the last one up to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Purges {
    prefixes: BTreeSet<Vec<u8>>,
}

impl Purges {
    pub(super) fn load(reader: &Reader) -> Result<Self, RowsFailure> {
        let mut prefixes = BTreeSet::new();
        for entry in reader.range(&KeyRange::under(layout::purges())) {
            let (key, _) = entry?;
            prefixes.insert(layout::purged_rows(&key).to_vec());
        }
        Ok(Self { prefixes })
    }

    /// Whether a row's key is purged.
    pub(super) fn cover(&self, row_key: &[u8]) -> bool {
        let up_to = (Bound::Unbounded, Bound::Included(row_key));
        let mut below = self.prefixes.range::<[u8], _>(up_to);
        let last = below.next_back();
        last.is_some_and(|prefix| row_key.starts_with(prefix))
    }

    /// Adds a purge; answers with those that it includes.
    pub(super) fn add(&mut self, prefix: &[u8]) -> Vec<Vec<u8>> {
        if self.cover(prefix) {
            return Vec::new();
        }
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let above = self.prefixes.range::<[u8], _>(from);
        let included: Vec<Vec<u8>> = above
            .take_while(|other| other.starts_with(prefix))
            .cloned()
            .collect();
        for other in &included {
            self.prefixes.remove(other);
        }
        self.prefixes.insert(prefix.to_vec());
        included
    }

    pub(super) fn remove(&mut self, prefix: &[u8]) {
        self.prefixes.remove(prefix);
    }

    pub(super) fn contains(&self, prefix: &[u8]) -> bool {
        self.prefixes.contains(prefix)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.prefixes.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_covered_if_it_begins_with_a_member(
            added in prop::collection::vec("[ab]{0,3}", 0..6), key in "[ab]{0,4}",
        ) {
            let mut purges = Purges::default();
            for prefix in &added {
                purges.add(prefix.as_bytes());
            }
            let expected = added.iter().any(|prefix| key.starts_with(prefix));
            prop_assert_eq!(purges.cover(key.as_bytes()), expected);
        }
    }

    #[test]
    fn a_wider_purge_includes_narrower_ones() {
        let mut purges = Purges::default();
        purges.add(b"ab");
        purges.add(b"ac");
        assert_eq!(purges.add(b"a"), [b"ab".to_vec(), b"ac".to_vec()]);
        assert!(purges.add(b"ad").is_empty() && !purges.contains(b"ad"));
    }
}
