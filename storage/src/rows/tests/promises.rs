//! Both engines keep every promise of the port.

use everlog_kit::MemoryRows;

use crate::conformance::rows::keeps_every_promise;
use crate::rows::{Bounds, FjallRows};

#[test]
fn rows_in_fjall() {
    keeps_every_promise(|promise| {
        let folder = tempfile::tempdir().unwrap();
        promise(&FjallRows::open(folder.path()).unwrap());
    });
}

#[test]
fn rows_in_fjall_that_give_up_on_indexes_early() {
    let bounds = Bounds {
        few_postings: 0,
        patience: 1,
        ..Bounds::default()
    };
    keeps_every_promise(|promise| {
        let folder = tempfile::tempdir().unwrap();
        promise(&FjallRows::open(folder.path()).unwrap().bounded(bounds));
    });
}

#[test]
fn rows_in_memory() {
    keeps_every_promise(|promise| promise(&MemoryRows::new()));
}
