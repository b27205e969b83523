use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::written::{FIRST, Pair, Seen, Written};
use crate::scan::{Evidence, Standing, Tail};

/// Batches of distinct keys, one to four pairs each, some values over a page.
fn batches() -> impl Strategy<Value = Vec<Vec<Pair>>> {
    let value = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 4000..9000)];
    let pairs = btree_map(vec(any::<u8>(), 1..24), value, 1..24);
    (pairs, 1..=4_usize).prop_map(|(pairs, size)| {
        let pairs: Vec<_> = pairs.into_iter().collect();
        pairs.chunks(size).map(<[Pair]>::to_vec).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The whole batches are those that end before the cut, wherever it falls.
    #[test]
    fn whole_batches_are_those_before_the_cut(batches in batches(), cuts in vec(any::<prop::sample::Index>(), 16)) {
        let written = Written::new(batches);
        for cut in cuts {
            let len = cut.index(written.image.file(FIRST).len() + 1);
            let (seen, _folder) = Seen::of_image(&written.image.edited(FIRST, |bytes| bytes.truncate(len)));
            prop_assert_eq!(seen.pairs(Standing::InSequence), written.before(len as u64));
            prop_assert!(seen.scan.damage().is_none());
            prop_assert_eq!(seen.scan.torn().is_some(), seen.scan.journals[0].whole_until != len as u64);
        }
    }

    /// A page of zeros anywhere costs the batches that it touches, and what is left tells which.
    #[test]
    fn a_zeroed_page_costs_what_it_touches(batches in batches(), holes in vec(any::<prop::sample::Index>(), 16)) {
        let written = Written::new(batches);
        let len = written.image.file(FIRST).len();
        for hole in holes {
            let from = hole.index(len);
            let until = len.min(from + 4096);
            let image = written.image.edited(FIRST, |bytes| bytes[from..until].fill(0));
            let (seen, _folder) = Seen::of_image(&image);
            let unharmed = |index: &usize| {
                let range = &written.ranges[*index];
                let bytes = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                image.file(FIRST)[bytes.clone()] == written.image.file(FIRST)[bytes]
            };
            let first_lost = (0..written.batches.len()).find(|index| !unharmed(index)).unwrap();
            let later = (first_lost..written.batches.len()).find(unharmed);
            prop_assert_eq!(seen.pairs(Standing::InSequence), &written.batches[..first_lost]);
            match (seen.scan.journals[0].tail, later) {
                (Tail::Damaged(damage), Some(later)) => {
                    prop_assert_eq!(damage.at, written.ranges[first_lost].start);
                    let found = matches!(damage.evidence, Evidence::WholeBatch { at, .. } if at == written.ranges[later].start);
                    prop_assert!(found, "{:?}", damage);
                    prop_assert_eq!(seen.pairs(Standing::AfterDamage), &written.batches[later..]);
                }
                (Tail::Torn { at, .. }, None) => prop_assert_eq!(at, written.ranges[first_lost].start),
                // nothing is left of the last batches but zeros
                (Tail::Clean, None) => prop_assert!(from as u64 <= written.ranges[first_lost].start),
                (tail, later) => prop_assert!(false, "{:?}, next unharmed {:?}", tail, later),
            }
        }
    }
}
