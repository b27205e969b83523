//! A disk that fails under a running server: a sync that says EIO, a write for which there is no room. The process ends,
//! does not try again, and a restart holds every acknowledged write, whatever of the unsynced the disk kept.

use std::collections::BTreeMap;

use proptest::prelude::RngExt;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::client::Client;
use super::disk::Disk;
use super::fate::{Fate, random};
use super::image::Image;
use super::ledger::Ledger;
use super::load::Load;
use super::recording::{Fault, Recording};
use super::reopen::examine;
use super::server::Server;
use super::settings;
use super::trace::Operation;

/// The log failed while serving: docs/operations.md.
const HALTED: i32 = 70;
/// Lives that end in a fault, in each test.
const LIVES: u64 = 3;

#[test]
fn a_failed_sync_ends_the_process_and_is_not_tried_again() {
    let first = settings::seed("EVERLOG_FAILING_DISK_SEED");
    for seed in first..first + LIVES {
        // more than a start and the making of the load's threads take
        let after = random(seed).random_range(40..150);
        let Some(failed) = fail(seed, Fault::Syncs { after }) else {
            return;
        };
        let syncs: Vec<usize> = failed.syncs_from_the_failure_on().into_values().collect();
        assert_eq!(syncs, [1], "seed {seed}: one file's, and that was the last");
        failed.examine_what_may_be_left(seed);
    }
}

#[test]
fn a_write_that_finds_the_disk_full_ends_the_process() {
    let first = settings::seed("EVERLOG_FAILING_DISK_SEED");
    for seed in first..first + LIVES {
        let after_bytes = random(seed).random_range(200_000..1_000_000);
        let Some(failed) = fail(seed, Fault::Full { after_bytes }) else {
            return;
        };
        failed.examine_what_may_be_left(seed);
    }
}

/// What a server left that its disk failed.
struct Failed {
    recording: Recording,
    before: Disk,
    ledger: Ledger,
    /// As the kernel shows the folder while the power is on.
    found: Image,
    _folder: TempDir,
}

/// A server under load until its disk fails; `None` without the shim.
fn fail(seed: u64, fault: Fault) -> Option<Failed> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a data folder");
    let before = Disk::durable(&data).expect("an empty folder can be read");
    let recording = Recording::of(&data, &folder.path().join("trace"))?.failing(fault);
    let server = Server::start(&data, Some(&recording)).expect("the fault comes after the start");
    let client = Client::new(&server.announcement);
    let mut load = Load::new(seed, 0.2);
    let mut code = None;
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(load.run(&client, &recording.length(), 1, || {
        code = Some(server.ended());
        std::future::ready(())
    }));
    let code = code.expect("the load was cut short").code();
    assert_eq!(code, Some(HALTED), "seed {seed}, {fault:?}");
    Some(Failed {
        recording,
        before,
        ledger: load.ledger(),
        found: Image::read(&data).expect("the folder can be read"),
        _folder: folder,
    })
}

impl Failed {
    /// The files whose sync failed, each with the number of its syncs from there on.
    fn syncs_from_the_failure_on(&self) -> BTreeMap<u64, usize> {
        let mut failed = BTreeMap::new();
        for record in self.recording.trace().records() {
            match record.operation {
                Operation::SyncFailed { inode } => *failed.entry(inode).or_default() += 1,
                Operation::SyncBegin { inode } => {
                    failed.entry(inode).and_modify(|syncs| *syncs += 1);
                }
                _ => {}
            }
        }
        failed
    }

    /// After a failed sync the kernel may hold pages for clean that never reached the disk: a restart sees them, until the
    /// power fails.
    fn examine_what_may_be_left(&self, seed: u64) {
        let mut disk = self.before.clone();
        let trace = self.recording.trace();
        trace.records().for_each(|record| disk.apply(&record));
        let runtime = Runtime::new().expect("a runtime");
        let lost = [
            disk.survive(&mut Fate::DropAll),
            disk.survive(&mut Fate::from_seed(seed)),
        ];
        for image in lost.iter().chain([&self.found]) {
            let found = examine(&runtime, image, self.ledger.clone());
            assert_eq!(found, Ok(()), "seed {seed}");
        }
    }
}
