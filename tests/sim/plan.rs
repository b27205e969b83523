//! What a seed decides: how many lives the process has, and what befalls it in each.

use std::time::Duration;

use everlog_domain::time::{DAY_US, Time};
use everlog_kit::{AppendFault, SealFault};

use super::chance::Chance;

/// How a life of the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is stopped when everybody has been answered.
    Stop,
    /// It is gone just before this call of an engine, counted from the start.
    Crash { call: u64 },
    /// The log fails at this append.
    Log { append: u64, fault: AppendFault },
    /// The rows fail at this batch.
    Rows { batch: u64 },
}

/// What a restart finds of the rows, which nobody syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsLeft {
    /// All that was projected.
    Whole,
    /// An earlier batch.
    Behind,
    /// Nothing.
    Lost,
}

/// One life of the process.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) end: End,
    /// Appends that find the disk full.
    pub(super) full: Vec<u64>,
    /// Seals that fail or make their actor panic.
    pub(super) seals: Vec<(u64, SealFault)>,
    /// What the arbiter remembers.
    pub(super) remembered: usize,
    /// How long an idle actor stays.
    pub(super) idle: Duration,
    /// How many clients share each identity: what they ask for is under way at once.
    pub(super) hands: usize,
    /// Longest pause of a client between two wishes, in milliseconds.
    pub(super) pause: u64,
    /// Wishes of each client.
    pub(super) wishes: u64,
    pub(super) rows_left: RowsLeft,
}

/// What a seed decides.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) lives: Vec<Life>,
    /// When the first life begins. Often just before midnight, where the buckets of idempotency
    /// keys meet.
    pub(super) begins: Time,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "plan");
        let lives = 1 + chance.below(3);
        let mut lives: Vec<Life> = (0..lives).map(|_| life(&mut chance)).collect();
        // The last one is quiet: every wish that was left without an answer is sent again.
        lives.push(Life {
            end: End::Stop,
            full: Vec::new(),
            seals: Vec::new(),
            wishes: 2,
            ..life(&mut chance)
        });
        let days = 20_000 + i64::try_from(chance.below(1_000)).unwrap_or(0);
        let before_midnight = i64::try_from(chance.below(40_000)).unwrap_or(0);
        Self {
            lives,
            begins: Time(days * DAY_US - before_midnight),
        }
    }
}

fn life(chance: &mut Chance) -> Life {
    let end = match chance.below(10) {
        0..=1 => End::Stop,
        2..=6 => End::Crash {
            call: 1 + chance.below(3_000),
        },
        7 => End::Rows {
            batch: 1 + chance.below(100),
        },
        _ => End::Log {
            append: 1 + chance.below(150),
            fault: chance.pick(&[AppendFault::BrokenBefore, AppendFault::BrokenAfter]),
        },
    };
    let full_from = 1 + chance.below(100);
    let full = if chance.one_in(3) {
        (full_from..=full_from + chance.below(4)).collect()
    } else {
        Vec::new()
    };
    let seal = |chance: &mut Chance| {
        let fault = chance.pick(&[SealFault::Panic, SealFault::Panic, SealFault::Keys]);
        (1 + chance.below(400), fault)
    };
    let seals = if chance.one_in(2) {
        (0..1 + chance.below(5)).map(|_| seal(chance)).collect()
    } else {
        Vec::new()
    };
    Life {
        end,
        full,
        seals,
        remembered: chance.pick(&[0, 2, 6, 40, 1_000]),
        idle: Duration::from_millis(chance.pick(&[1, 5, 40, 60_000])),
        hands: chance.pick(&[1, 2, 3]),
        pause: chance.pick(&[0, 0, 1, 20]),
        wishes: 8 + chance.below(24),
        rows_left: chance.pick(&[
            RowsLeft::Whole,
            RowsLeft::Whole,
            RowsLeft::Behind,
            RowsLeft::Lost,
        ]),
    }
}
