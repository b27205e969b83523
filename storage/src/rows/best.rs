//! The best of many, in memory for few.

use std::cmp::Ordering;

/// Keeps the first `keep` in the order of `compare` out of any number that are offered.
pub(super) struct Best<T, C> {
    kept: Vec<T>,
    keep: usize,
    compare: C,
}

impl<T, C: Fn(&T, &T) -> Ordering> Best<T, C> {
    pub(super) const fn new(keep: usize, compare: C) -> Self {
        Self {
            kept: Vec::new(),
            keep,
            compare,
        }
    }

    pub(super) fn offer(&mut self, candidate: T) {
        self.kept.push(candidate);
        // Cutting at twice the number makes the cost of a cut as small as that of the pushes.
        if self.kept.len() > self.keep * 2 + 64 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.kept.sort_unstable_by(&self.compare);
        self.kept.truncate(self.keep);
    }

    pub(super) fn sorted(mut self) -> Vec<T> {
        self.cut();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_are_kept(numbers in prop::collection::vec(any::<u16>(), 0..400), keep in 0_usize..50) {
            let mut best = Best::new(keep, Ord::cmp);
            for number in &numbers {
                best.offer(*number);
            }
            let mut expected = numbers;
            expected.sort_unstable();
            expected.truncate(keep);
            prop_assert_eq!(best.sorted(), expected);
        }
    }
}
