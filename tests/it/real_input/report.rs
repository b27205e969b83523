//! What the test says of itself, on the real standard error: the harness shows what a passing test prints to nobody.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use super::agreement::{Agreement, Witness};
use super::importer::Import;
use super::logged::Logged;

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

/// Said at once, and to `make test`, which names in its last line what did not run.
pub(super) fn report_skip(missing: &str) {
    let line = format!("SKIPPED real input: there is no {missing}");
    say(&line);
    if let Some(log) = std::env::var_os("SKIPPED_LOG") {
        let mut log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .expect("the log of skipped checks can be written");
        writeln!(log, "{line}").expect("the log of skipped checks can be written");
    }
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("standard error can be written");
}
