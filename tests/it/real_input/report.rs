//! What the test says of itself.

use std::time::Duration;

use super::agreement::{Agreement, Witness};
use super::importer::Import;
use super::logged::Logged;
use crate::said::say;

pub(super) struct Outcome<'a> {
    pub(super) kills: u32,
    pub(super) import: &'a Import,
    pub(super) logged: &'a Logged,
    pub(super) witnesses: &'a [Witness],
    pub(super) agreement: &'a Agreement,
    pub(super) time: Duration,
}

pub(super) fn report(outcome: &Outcome<'_>) {
    let Outcome {
        kills,
        import,
        logged,
        witnesses,
        agreement,
        time,
    } = outcome;
    let Agreement {
        lost,
        twice,
        faults,
    } = agreement;
    let interrupted: usize = import.lives.interrupted_by_kills().iter().sum();
    let connections = witnesses.iter().map(|witness| witness.report.connections);
    say(&format!(
        "real input: {} threads, {} items, {kills} kills, {} subscribers: {lost} lost, {twice} twice, {} otherwise wrong",
        logged.threads_created,
        logged.items.items(),
        witnesses.len(),
        faults.len() - lost - twice
    ));
    say(&format!(
        "real input: {interrupted} writes were on their way when it was killed, {} connections of writers broke without a \
         kill, subscribers connected {} times; {} s",
        import.lives.broken(),
        connections.sum::<usize>(),
        time.as_secs()
    ));
}
