//! Power failures: a server's writes are recorded, cut at any point, and the folder that a disk could then hold is opened.

use tokio::runtime::Runtime;

use super::fate::Fate;
use super::load::Amount;
use super::outage::{Outage, Recorded, examine_all, outages, record};
use super::reopen::examine;
use super::segment::BATCH;
use super::settings;
use super::trace::{Operation, Trace};

/// The recorded run of most outages.
const RUN: Amount = Amount {
    writes: 1_000,
    large: 0.15,
};
/// Enough for a segment of the log to be sealed and the next one to be made.
const RUN_WITH_A_SEAL: Amount = Amount {
    writes: 900,
    large: 0.6,
};
const SHORT_RUN: Amount = Amount {
    writes: 150,
    large: 0.3,
};

/// Outages that one recording is cut by.
const OF_ONE_RUN: u64 = 100;

#[test]
fn power_loss_seeds() {
    let first = settings::seed("EVERLOG_POWER_LOSS_SEED");
    let end = first + seeds();
    for begin in (first..end).step_by(OF_ONE_RUN as usize) {
        let Some(recorded) = record(begin, RUN, None) else {
            return;
        };
        recorded.recording.assert_complete(recorded.before.clone());
        let seeds = begin..end.min(begin + OF_ONE_RUN);
        assert_nothing_lost(&recorded, outages(seeds, &recorded.weak_places()));
    }
}

/// A full segment is sealed and the next one made and named, while batches go on.
#[test]
fn power_loss_while_a_segment_is_sealed() {
    let first = settings::seed("EVERLOG_POWER_LOSS_SEED");
    let Some(recorded) = record(first, RUN_WITH_A_SEAL, None) else {
        return;
    };
    recorded.recording.assert_complete(recorded.before.clone());
    let sealed = second_segment(&recorded.recording.trace())
        .expect("a segment was full while it was recorded");
    let after = |places: Vec<u64>| {
        places
            .into_iter()
            .filter(|place| *place >= sealed)
            .collect()
    };
    let places = recorded.weak_places().map(after);
    assert_nothing_lost(
        &recorded,
        outages(first..first + seeds().div_ceil(10), &places),
    );
}

fn seeds() -> u64 {
    settings::number("EVERLOG_POWER_LOSS_SEEDS", 100)
}

fn assert_nothing_lost(recorded: &Recorded, outages: Vec<Outage>) {
    let number = outages.len();
    let failures = examine_all(recorded, outages);
    assert!(
        failures.is_empty(),
        "{} of {number} outages:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!(
        "{number} outages, {} acknowledged writes, nothing lost",
        recorded.ledger.acknowledged()
    );
}

/// The place in the trace where the first segment is about to be sealed, and the second to be made.
fn second_segment(trace: &Trace) -> Option<u64> {
    let mut records = trace.records();
    let made = records.find(|record| {
        matches!(record.operation, Operation::Create { path, .. } if is_second_segment(path))
    });
    made.map(|record| record.ends.saturating_sub(SEALING))
}

/// Bytes of the trace that the sealing of a segment takes at most.
const SEALING: u64 = 4 * 1024;

/// A segment is made under another name, and renamed when it has its header.
fn is_second_segment(path: &str) -> bool {
    path.starts_with("log/") && path.ends_with(".new")
}

/// Not a test of the server but of the one above: without the syncs of the log it must fail.
#[test]
fn without_the_logs_sync_power_loss_loses_acknowledged_writes() {
    let first = settings::seed("EVERLOG_POWER_LOSS_SEED");
    let Some(recorded) = record(first, SHORT_RUN, Some("log/")) else {
        return;
    };
    let acknowledgements = [recorded.ledger.positions()];
    let outages = outages(first..first + 12, &acknowledgements);
    let losing: Vec<Outage> = outages.into_iter().map(Outage::losing_all).collect();
    let failures = examine_all(&recorded, losing);
    assert_eq!(failures.len(), 12, "not all were noticed: {failures:#?}");
}

/// Everything of the largest batch reached the disk but one page, which no acknowledgement rests on.
#[test]
fn a_torn_large_batch_that_nobody_was_told_of_opens() {
    let seed = settings::seed("EVERLOG_POWER_LOSS_SEED");
    let Some(recorded) = record(seed, SHORT_RUN, None) else {
        return;
    };
    let trace = recorded.recording.trace();
    let cut = before_the_largest_sync(&trace);
    let mut disk = recorded.before.clone();
    trace
        .records()
        .take_while(|record| record.ends <= cut)
        .for_each(|record| disk.apply(&record));
    let runtime = Runtime::new().expect("a runtime");
    for others in 0.. {
        let mut fate = Fate::all_but(others);
        let image = disk.survive(&mut fate);
        if fate.spared() {
            assert!(others > 5, "the batch has only {others} pages");
            break;
        }
        let found = examine(&runtime, &image, recorded.ledger.at(cut));
        assert_eq!(found, Ok(()), "without change {others} of those at {cut}");
    }
}

/// Where the sync begins that has most bytes of the log to settle.
fn before_the_largest_sync(trace: &Trace) -> u64 {
    let mut written = (0, 0);
    let mut largest = (0, 0);
    for record in trace.records() {
        match record.operation {
            Operation::Write { inode, data, .. } if data.starts_with(BATCH) => {
                written = (inode, data.len());
            }
            Operation::SyncBegin { inode } if inode == written.0 => {
                largest = largest.max((written.1, record.ends));
            }
            _ => {}
        }
    }
    largest.1
}
