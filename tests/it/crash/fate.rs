//! What becomes of unsynced changes when the power fails, chosen by a seed.

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Random numbers that a seed reproduces.
pub(crate) fn random(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

pub(super) enum Fate {
    KeepAll,
    DropAll,
    /// Each change survives whole with this chance, else some older version of it does.
    Chance {
        kept: f64,
        random: Box<TestRng>,
    },
    /// Everything survives but the change that is asked about after so many others.
    AllBut {
        others: usize,
        asked: usize,
    },
}

impl Fate {
    /// The extremes are worth as much as the middle: nothing but one page lost is what tears a batch, nothing but one
    /// page kept is what leaves a stranger behind the end.
    pub(super) fn from_seed(seed: u64) -> Self {
        let mut random = Box::new(random(seed));
        match random.random_range(0..8) {
            0 => Self::DropAll,
            1 => Self::KeepAll,
            2 => Self::Chance { kept: 0.99, random },
            3 => Self::Chance { kept: 0.9, random },
            4 => Self::Chance { kept: 0.03, random },
            _ => Self::Chance {
                kept: random.random_range(0.1..0.9),
                random,
            },
        }
    }

    /// Each change in turn alone: 0 loses the first, and so on until a [`Fate::spared`] is left.
    pub(super) fn all_but(others: usize) -> Self {
        Self::AllBut { others, asked: 0 }
    }

    /// Whether fewer changes came up than were to survive first, so that nothing was lost.
    pub(super) fn spared(&self) -> bool {
        matches!(self, Self::AllBut { others, asked } if asked <= others)
    }

    /// Which of 0 (durable) to `newest` is found after the failure.
    pub(super) fn version(&mut self, newest: usize) -> usize {
        match self {
            _ if newest == 0 => 0,
            Self::KeepAll => newest,
            Self::DropAll => 0,
            Self::AllBut { others, asked } => {
                *asked += 1;
                if *asked == *others + 1 { 0 } else { newest }
            }
            Self::Chance { kept, random } => {
                if random.random_bool(*kept) {
                    newest
                } else {
                    random.random_range(0..newest)
                }
            }
        }
    }
}
