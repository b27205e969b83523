//! Simulation of the real actors over engines in memory: clients, restarts and faults from a seed,
//! a small model as oracle, and promises that are checked all along.
//!
//! A seed decides everything, so a failure prints its seed and repeats. Seeds that once failed are
//! kept in `seeds.txt`. `EVERLOG_SIM_SEEDS=5000` runs more, `EVERLOG_SIM_SEED=17` runs one.

mod chance;
mod client;
mod follower;
mod invariants;
mod ledger;
mod machine;
mod model;
mod model_thread;
mod plan;
mod run;
mod tally;
mod told;
mod verdict;
mod wishes;

use std::fmt::Write as _;

use run::Outcome;
use tally::Tally;

/// Seeds of an ordinary run.
const SEEDS: u64 = 200;

/// A number from the environment; one that does not read must not pass for none.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Runs a seed; a breach saves the whole trace and says where.
fn check(seed: u64) -> Result<Outcome, String> {
    let outcome = run::run(seed);
    if outcome.breaches.is_empty() {
        return Ok(outcome);
    }
    let mut report = format!("seed {seed} breaks:\n");
    for breach in outcome.breaches.iter().take(8) {
        let _ = writeln!(report, "  {}: {}", breach.invariant, breach.detail);
    }
    let path = std::env::temp_dir().join(format!("everlog-sim-{seed}.txt"));
    let saved = std::fs::write(&path, outcome.lines.join("\n"));
    let _ = writeln!(report, "  trace: {} ({saved:?})", path.display());
    let _ = writeln!(report, "  again: EVERLOG_SIM_SEED={seed} cargo test sim::");
    Err(report)
}

/// Runs seeds; answers how often what happened.
fn check_all(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for seed in seeds {
        match check(seed) {
            Ok(outcome) => tally.add(&outcome.tally),
            Err(report) => failures.push(report),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    tally
}

#[test]
fn seeds_that_once_failed_hold() {
    let saved = include_str!("seeds.txt").lines();
    check_all(saved.filter_map(|line| line.split_whitespace().next()?.parse().ok()));
}

#[test]
fn every_seed_holds() {
    if let Some(seed) = number("EVERLOG_SIM_SEED") {
        check_all(std::iter::once(seed));
        return;
    }
    let seeds = number("EVERLOG_SIM_SEEDS").unwrap_or(SEEDS);
    let tally = check_all(1..=seeds);
    if seeds >= SEEDS {
        assert_eq!(tally.missing(), Vec::<&str>::new(), "{tally:#?}");
    }
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [3, 4, 5] {
        assert_eq!(run::run(seed).lines, run::run(seed).lines, "seed {seed}");
    }
}
