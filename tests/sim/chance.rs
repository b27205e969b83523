//! Chance from a seed: the same seed and purpose, the same numbers.

use everlog_domain::hash::Hash;
use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A source of chance. Each purpose has its own, so that one more draw in one place does not
/// change every other place.
pub(super) struct Chance(TestRng);

impl Chance {
    pub(super) fn of(seed: u64, purpose: &str) -> Self {
        let seed = Hash::of(&[&seed.to_be_bytes(), purpose.as_bytes()]);
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, seed.as_bytes()))
    }

    /// A number from 0 to `bound` - 1.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(0..bound)
    }

    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())].clone()
    }
}
