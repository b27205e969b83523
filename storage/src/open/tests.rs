use std::fs;
use std::path::Path;

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::ports::{Log, Rows};

use super::*;
use crate::fixture::{Image, SEGMENT, append, continued, options, reopen, written};

const BATCHES: u64 = 12;
const KEYS_JOURNAL: &str = "keys/0.jnl";

/// Opens what was placed. A refusal must have changed nothing.
#[track_caller]
fn opened(image: &Image) -> Result<u64, OpenRefused> {
    let folder = image.placed();
    match reopen(folder.path()) {
        Ok(log) => {
            let events = log.read(ProjectNumber(1), Offset(1), 1_000).unwrap();
            assert_eq!(events.len() as u64, log.head().0);
            Ok(log.head().0)
        }
        Err(refused) => {
            // the lock file itself is how a folder is owned
            let after = Image::of(folder.path()).with("lock", b"");
            assert!(after == image.with("lock", b""), "{refused} changed a file");
            Err(refused)
        }
    }
}

/// A refusal that names the first project and some offset.
#[track_caller]
fn assert_placed(refused: &OpenRefused) {
    let text = refused.to_string();
    match refused {
        OpenRefused::Damaged {
            lost_from: Some(lost),
            ..
        } => assert!(lost.project.0 >= 1 && lost.offset.0 >= 1, "{text}"),
        other => panic!("expected damage with a place, found {other}"),
    }
    assert!(
        text.contains("project") && text.contains("offset"),
        "{text}"
    );
}

#[test]
fn a_second_owner_is_refused() {
    let folder = written(1);
    let _first = reopen(folder.path()).unwrap();
    let second = reopen(folder.path());
    assert!(matches!(second.err(), Some(OpenRefused::Locked { .. })));
}

#[test]
fn folders_that_are_not_ours_or_newer_are_refused() {
    let sound = Image::written(2);
    let newer = sound.with("format", b"everlog data format 2\n");
    assert!(matches!(
        opened(&newer),
        Err(OpenRefused::Newer { found: 2, .. })
    ));
    for text in [
        "",
        "everlog data format 1",
        "everlog data format 0\n",
        "something\n",
        "\0\0",
    ] {
        let other = sound.with("format", text.as_bytes());
        assert!(
            matches!(opened(&other), Err(OpenRefused::Format { .. })),
            "{text:?}"
        );
    }
    let lost = sound.without("format");
    assert!(matches!(opened(&lost), Err(OpenRefused::Stranger { .. })));
}

#[test]
fn the_master_key_must_be_the_right_one() {
    let sound = Image::written(2);
    let other = sound.with("master.key", "ab".repeat(32).as_bytes());
    let folder = other.placed();
    let refused = reopen(folder.path()).err();
    assert!(
        matches!(
            refused,
            Some(OpenRefused::Keys(crate::keys::KeysFailure::WrongMasterKey))
        ),
        "{refused:?}"
    );
    let broken = sound.with("master.key", b"not a key");
    assert!(matches!(opened(&broken), Err(OpenRefused::MasterKey(_))));
    let missing = sound.without("master.key");
    assert!(matches!(opened(&missing), Err(OpenRefused::MasterKey(_))));
}

#[test]
fn a_log_or_its_keys_that_are_gone_are_missed() {
    let sound = Image::written(BATCHES);
    for name in ["log", SEGMENT] {
        assert_placed(&opened(&sound.without(name)).unwrap_err());
    }
    for name in ["keys", KEYS_JOURNAL] {
        let refused = opened(&sound.without(name)).unwrap_err();
        assert!(
            matches!(refused, OpenRefused::KeysDamaged { .. }),
            "{name}: {refused}"
        );
    }
}

#[test]
fn a_log_cut_anywhere_is_refused_where_somebody_was_told() {
    let sound = Image::written(BATCHES);
    let whole = sound.file(SEGMENT).len();
    for place in 0..50 {
        let at = whole * place / 50;
        let cut = sound.edited(SEGMENT, |bytes| bytes.truncate(at));
        assert_placed(&opened(&cut).unwrap_err());
    }
}

#[test]
fn keys_cut_anywhere_are_refused_where_the_log_needs_them() {
    let sound = Image::written(BATCHES);
    let whole = sound.file(KEYS_JOURNAL).len();
    for place in 0..50 {
        let at = whole * place / 50;
        let cut = sound.edited(KEYS_JOURNAL, |bytes| bytes.truncate(at));
        let refused = opened(&cut).unwrap_err();
        assert!(
            matches!(refused, OpenRefused::KeysDamaged { .. }),
            "cut at {at}: {refused}"
        );
    }
}

#[test]
fn batches_without_a_start_are_refused_where_they_are() {
    let sound = Image::written(BATCHES);
    for (index, batch) in sound.batches().iter().enumerate() {
        let zeroed = sound.edited(SEGMENT, |bytes| {
            bytes[batch.start..][..13].fill(0);
        });
        let refused = opened(&zeroed).unwrap_err();
        assert_placed(&refused);
        let OpenRefused::Damaged {
            lost_from: Some(lost),
            ..
        } = refused
        else {
            unreachable!("it was just asserted")
        };
        // each batch has one event of project 1
        assert_eq!(lost.offset.0, index as u64 + 1);
    }
}

#[test]
fn flipped_bits_never_open_with_less() {
    let sound = Image::written(BATCHES);
    for name in [SEGMENT, "watermark"] {
        let length = sound.file(name).len();
        for at in (0..length).step_by(length / 60) {
            let flipped = sound.edited(name, |bytes| bytes[at] ^= 0x20);
            match opened(&flipped) {
                Ok(head) => assert_eq!(head, BATCHES, "{name}, byte {at}"),
                Err(refused) => assert_placed(&refused),
            }
        }
    }
}

/// Nobody was told of the last batch: the watermark is written after its sync.
#[test]
fn a_torn_batch_that_nobody_was_told_of_is_rolled_back() {
    let folder = written(BATCHES - 1);
    let told = fs::read(folder.path().join(WATERMARK)).unwrap();
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut continued(&log), &"large ".repeat(5_000));
    drop(log);
    drop(reopen(folder.path()).unwrap());
    let untold = Image::of(folder.path()).with(WATERMARK, &told);
    // the index would tell of it: it is written at the stop
    let untold = untold.without("index").without_reserve();
    let last = untold.batches().last().unwrap().start;
    let whole = untold.file(SEGMENT).len();
    assert!(whole - last > 30_000, "the last batch is large");
    for at in (last..whole).step_by(1_000) {
        let cut = untold.edited(SEGMENT, |bytes| bytes.truncate(at));
        assert_eq!(opened(&cut).unwrap(), BATCHES - 1, "cut at {at}");
        let page = at / 4096 * 4096;
        let hole = untold.edited(SEGMENT, |bytes| {
            let from = page.max(last);
            let to = (page + 4096).min(whole);
            bytes[from..to].fill(0);
        });
        assert_eq!(opened(&hole).unwrap(), BATCHES - 1, "hole at {page}");
    }
    assert_eq!(opened(&untold).unwrap(), BATCHES);
}

#[test]
fn what_copies_and_crashes_leave_out_is_put_back() {
    let sound = Image::written(BATCHES);
    for name in ["lock", "keys/lock", "watermark", "index", "index/lock"] {
        assert_eq!(
            opened(&sound.without(name)).unwrap(),
            BATCHES,
            "without {name}"
        );
    }
}

#[test]
fn a_first_start_that_was_cut_short_begins_again() {
    let sound = Image::written(0);
    for name in ["log", "keys", "watermark"] {
        let cut_short = sound.without(name);
        let folder = cut_short.with("log.new/rest", b"").placed();
        let log = reopen(folder.path()).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert_eq!(log.head(), CommitNumber(0));
        append(&log, &mut continued(&log), "first");
    }
}

#[test]
fn what_was_written_is_there_after_reopening_and_goes_on() {
    let folder = written(9);
    for round in 0..3 {
        let opened = open(&options(folder.path())).unwrap();
        assert_eq!(opened.log.head(), CommitNumber(9 + round));
        append(&opened.log, &mut continued(&opened.log), "more");
        let events = opened.log.read(ProjectNumber(1), Offset(1), 100).unwrap();
        assert_eq!(events.len() as u64, 10 + round);
    }
}

#[test]
fn damaged_rows_are_made_anew_and_nothing_of_them_stays() {
    let folder = written(BATCHES);
    drop(open(&options(folder.path())).unwrap());
    let tables = folder.path().join("projections/keyspaces/1/current");
    fs::write(tables, b"rubble").unwrap();
    let opened = open(&options(folder.path())).unwrap();
    assert_eq!(opened.rows.reached(), CommitNumber(BATCHES));
    assert!(!folder.path().join("projections.damaged").exists());
}

#[test]
fn names_of_files_are_those_that_are_documented() {
    let image = Image::written(1);
    let mut top: Vec<String> = image
        .names()
        .filter_map(|name| name.iter().next())
        .map(|part| Path::new(part).display().to_string())
        .collect();
    top.dedup();
    assert_eq!(
        top,
        [
            "format",
            "index",
            "keys",
            "lock",
            "log",
            "master.key",
            "watermark"
        ]
    );
}
