//! Damage of what lies on the disk: named, and mended by making the rows again.

use std::fs;
use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;
use everlog_domain::ports::{Rows, RowsFailure, Visibility};
use everlog_domain::query::{Direction, OrderBy, Query};
use everlog_domain::tables::system::{items, threads};
use everlog_kit::MemoryLog;

use super::remaking::{ONE, long_thread, quiet};
use crate::conformance::history::{History, events};
use crate::conformance::rows::{dump, project_all};
use crate::rows::{FjallRows, OpenFailure, catch_up, is_marked_damaged, rebuild, unmark_damaged};

/// Changes bytes of the newest journal.
fn spoil_journal(folder: &Path, at: usize) {
    let mut journals: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jnl"))
        .collect();
    journals.sort();
    let journal = journals.last().unwrap();
    let mut bytes = fs::read(journal).unwrap();
    bytes[at] ^= 0x55;
    fs::write(journal, bytes).unwrap();
}

/// fjall seals a journal by beginning the next one.
fn seal_journal(folder: &Path) {
    fs::write(folder.join("1.jnl"), []).unwrap();
}

/// A log of twenty batches, with a thread each.
fn twenty_threads() -> MemoryLog {
    let log = MemoryLog::new();
    let mut history = History::into_log(&log);
    for number in 0..20 {
        history.create_thread(1, &format!("t{number}"), None, &["any"]);
        history.commit();
    }
    log
}

/// What a power loss leaves of a journal that is not synced.
#[test]
fn a_hole_in_the_newest_journal_costs_the_batches_after_it_and_nothing_else() {
    let log = twenty_threads();
    let folder = tempfile::tempdir().unwrap();
    let rows = rebuild(folder.path(), &log, &mut quiet).unwrap();
    let expected = dump(&*rows.view(), ONE);
    drop(rows);
    let journal = fs::read(folder.path().join("0.jnl")).unwrap();
    let written = journal.iter().rposition(|byte| *byte != 0).unwrap();
    spoil_journal(folder.path(), written / 2);
    let rows = FjallRows::open(folder.path()).unwrap();
    let reached = rows.reached();
    assert!(
        reached > CommitNumber(3),
        "what is before the hole stays: {reached}"
    );
    assert!(reached < CommitNumber(20), "{reached}");
    catch_up(&rows, &log, &mut quiet).unwrap();
    assert_eq!(dump(&*rows.view(), ONE), expected);
}

#[test]
fn a_damaged_projection_is_refused_and_made_again() {
    let log = twenty_threads();
    let folder = tempfile::tempdir().unwrap();
    let rows = rebuild(folder.path(), &log, &mut quiet).unwrap();
    let expected = dump(&*rows.view(), ONE);
    drop(rows);
    spoil_journal(folder.path(), 600);
    seal_journal(folder.path());
    let refused = FjallRows::open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenFailure::Damaged { .. }), "{refused}");
    assert!(refused.calls_for_rebuild());
    let rows = rebuild(folder.path(), &log, &mut quiet).unwrap();
    assert_eq!(dump(&*rows.view(), ONE), expected);
}

#[test]
fn an_index_that_leads_nowhere_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let rows = FjallRows::open(folder.path()).unwrap();
    let mut history = History::new();
    long_thread(&mut history, 3);
    project_all(&rows, &history);
    rows.lose_row(ONE, threads::TABLE, &["long".into()]);
    let by_name = Query {
        order: vec![OrderBy {
            column: threads::NAME,
            direction: Direction::Ascending,
        }],
        ..Query::default()
    };
    let refused = rows
        .view()
        .list(ONE, threads::TABLE, &by_name, Visibility::All);
    assert!(
        matches!(refused, Err(RowsFailure::Damaged { .. })),
        "{refused:?}"
    );
}

/// Changes a byte in each of the first blocks of each table that was flushed: those of the rows.
fn spoil_tables(folder: &Path) {
    let tables = tables(folder);
    assert!(!tables.is_empty(), "rows were flushed");
    for table in tables {
        let mut bytes = fs::read(&table).unwrap();
        let rows = bytes.len() / 2;
        for byte in bytes[60..rows].iter_mut().step_by(256) {
            *byte ^= 1;
        }
        fs::write(table, bytes).unwrap();
    }
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    let paths = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let keyspaces = paths(&folder.join("keyspaces"));
    // Number 0 is the engine's own.
    let rows = keyspaces.iter().filter(|path| !path.ends_with("0"));
    rows.flat_map(|path| paths(&path.join("tables"))).collect()
}

/// Rows in a folder inside of another, since what is found of them is remembered beside it.
fn flushed(folder: &Path, log: &MemoryLog) -> FjallRows {
    let rows = rebuild(folder, log, &mut quiet).unwrap();
    rows.store().flush();
    rows
}

#[test]
fn a_flipped_bit_in_a_table_is_found_at_the_next_opening() {
    let log = twenty_threads();
    let folder = tempfile::tempdir().unwrap();
    drop(flushed(folder.path(), &log));
    FjallRows::open(folder.path()).expect("sound rows open");
    spoil_tables(folder.path());
    let refused = FjallRows::open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenFailure::Damaged { .. }), "{refused}");
}

#[test]
fn a_bit_that_flips_while_rows_are_in_use_is_remembered() {
    let log = MemoryLog::new();
    // Opening reads the first blocks, which then stay in memory.
    let mut history = History::into_log(&log);
    long_thread(&mut history, 900);
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("rows");
    drop(flushed(&folder, &log));
    let rows = FjallRows::open(&folder).unwrap();
    spoil_tables(&folder);
    let list = || {
        rows.view()
            .list(ONE, items::TABLE, &Query::default(), Visibility::All)
    };
    assert!(!is_marked_damaged(&folder));
    let refused = list().unwrap_err();
    assert!(matches!(refused, RowsFailure::Damaged { .. }), "{refused}");
    assert!(is_marked_damaged(&folder));

    history.post(1, "other", "later");
    history.commit();
    let batch = history.batches.last().unwrap();
    let halted = rows.project(&batch.manifest, &events(batch)).unwrap_err();
    assert_eq!(halted, refused, "nothing is built upon damage");
    unmark_damaged(&folder).unwrap();
    assert!(!is_marked_damaged(&folder));
    unmark_damaged(&folder).expect("no mark is none to remove");
}
