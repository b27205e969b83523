//! The power-loss model by itself: what it may lose, and what it may not.

use std::collections::HashSet;

use proptest::prelude::*;

use super::fate::Fate;
use super::image::PAGE;
use super::model_bench::{Bench, LARGEST, NAMES, Step, steps};
use super::trace::Operation;

proptest! {
    #[test]
    fn with_everything_kept_the_disk_is_what_the_process_saw(steps in steps()) {
        let mut bench = Bench::new();
        bench.run(&steps);
        prop_assert_eq!(bench.survivors(Fate::KeepAll), bench.live());
    }

    #[test]
    fn after_a_sync_of_everything_no_fate_changes_anything(steps in steps(), seed: u64) {
        let mut bench = Bench::new();
        bench.run(&steps);
        bench.sync_all();
        prop_assert_eq!(bench.survivors(Fate::from_seed(seed)), bench.live());
    }

    #[test]
    fn a_synced_file_survives_what_is_done_to_others(before in steps(), after in steps(), name in 0..NAMES.len(), seed: u64) {
        let mut bench = Bench::new();
        bench.run(&before);
        bench.step(&Step::Create(name));
        bench.step(&Step::SyncFile(name));
        let untouched = |step: &Step| !matches!(*step,
            Step::Write { name: n, .. } | Step::Resize { name: n, .. } | Step::Remove(n) if n == name)
            && !matches!(*step, Step::Rename(from, to) if from == name || to == name);
        bench.run(&after.into_iter().filter(untouched).collect::<Vec<_>>());
        let (survivors, live) = (bench.survivors(Fate::from_seed(seed)), bench.live());
        prop_assert_eq!(survivors.get(NAMES[name]), live.get(NAMES[name]));
    }

    #[test]
    fn what_came_after_a_sync_began_is_not_settled_by_it(steps in steps(), byte in 1..=255_u8) {
        let mut bench = Bench::new();
        bench.run(&steps);
        bench.step(&Step::Create(0));
        bench.sync_all();
        let synced = bench.live();
        let inode = bench.files["a"].0;
        let begun = bench.apply(Operation::SyncBegin { inode });
        bench.step(&Step::Write { name: 0, offset: 100, length: 3 * PAGE, byte });
        bench.apply(Operation::SyncEnd { inode, begun });
        prop_assert_eq!(bench.survivors(Fate::DropAll), synced);
    }

    #[test]
    fn no_page_holds_bytes_that_it_never_had(steps in steps(), seed: u64) {
        let mut bench = Bench::new();
        bench.run(&steps);
        for bytes in bench.survivors(Fate::from_seed(seed)).values() {
            for page in bytes.chunks(PAGE).filter(|page| page.iter().any(|byte| *byte != 0)) {
                let cut_by_the_end = |seen: &Vec<u8>| &seen[..page.len()] == page;
                prop_assert!(bench.seen.iter().any(cut_by_the_end), "an invented page of {} bytes", page.len());
            }
        }
    }

    #[test]
    fn a_rename_happens_whole_or_not_at_all(steps in steps(), seed: u64) {
        let mut bench = Bench::new();
        bench.run(&steps);
        bench.step(&Step::Remove(3));
        bench.step(&Step::Create(0));
        bench.sync_all();
        bench.step(&Step::Rename(0, 3));
        let survivors = bench.survivors(Fate::from_seed(seed));
        prop_assert!(survivors.contains_key(NAMES[0]) != survivors.contains_key(NAMES[3]));
    }
}

#[test]
fn unsynced_pages_fall_one_by_one() {
    let mut bench = Bench::new();
    bench.run(&[
        Step::Create(0),
        Step::Resize {
            name: 0,
            size: LARGEST,
        },
    ]);
    bench.sync_all();
    bench.run(&[Step::Write {
        name: 0,
        offset: 0,
        length: 2 * PAGE,
        byte: 7,
    }]);
    let outcomes: HashSet<(bool, bool)> = (0..200)
        .map(|seed| {
            let bytes = &bench.survivors(Fate::from_seed(seed))["a"];
            (bytes[0] == 7, bytes[PAGE] == 7)
        })
        .collect();
    assert_eq!(
        outcomes.len(),
        4,
        "each of the four subsets comes up: {outcomes:?}"
    );
}
