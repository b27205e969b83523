use std::os::unix::fs::FileExt;

use everlog_domain::event::Event;
use everlog_domain::ids::{CommitNumber, ItemId, Offset, Position, ProjectNumber};
use everlog_domain::ports::{AppendFailure, Log, ReadFailure, SealFailure, Subject};
use everlog_domain::threads::{
    Delta, ItemFinished, MAX_ITEM_BYTES, MAX_PARTS, Metadata, Part, ThreadEvent,
};
use proptest::prelude::*;

use crate::conformance::batches::{Batches, Post, posted, uid};
use crate::conformance::log::keeps_every_promise;
use crate::fixture::{Image, SEGMENT, append, options, reopen, written};
use crate::open::{Options, open_log};
use crate::record::{self, MAX_PAYLOAD_BYTES};

const ONE: ProjectNumber = ProjectNumber(1);
const TWO: ProjectNumber = ProjectNumber(2);

#[test]
fn the_embedded_log_keeps_every_promise() {
    keeps_every_promise(|promise| {
        let folder = tempfile::tempdir().unwrap();
        let log = reopen(folder.path()).unwrap();
        promise(&*log);
    });
}

/// The stand-in that the actors are tested with must not promise more than the log does.
#[test]
fn the_log_in_memory_keeps_every_promise() {
    keeps_every_promise(|promise| promise(&everlog_kit::MemoryLog::new()));
}

#[test]
fn a_payload_beyond_the_bound_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    let large = posted(&"a".repeat(MAX_PAYLOAD_BYTES));
    let refused = log.seal(uid(ONE), &Subject::Project, &large);
    assert!(matches!(refused, Err(SealFailure::TooLarge { .. })));
}

#[test]
fn a_disk_below_its_mark_refuses_and_nothing_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let all = Options {
        low_water_bytes: u64::MAX,
        ..options(folder.path())
    };
    let log = open_log(&all).unwrap();
    let batch = Batches::new().next(&*log, &[Post::new(1, "text")]);
    for _ in 0..3 {
        assert_eq!(log.append(&batch), Err(AppendFailure::Full));
    }
    assert_eq!(log.head(), CommitNumber(0));
    drop(log);
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut Batches::new(), "text");
}

#[test]
fn a_broken_log_takes_nothing_until_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    let mut batches = Batches::new();
    let first = batches.next(&*log, &[Post::new(1, "first")]);
    let second = batches.next(&*log, &[Post::new(1, "second")]);
    let out_of_turn = log.append(&second);
    assert!(matches!(out_of_turn, Err(AppendFailure::Broken { .. })));
    assert!(matches!(
        log.append(&first),
        Err(AppendFailure::Broken { .. })
    ));
    drop(log);
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut Batches::new(), "first");
}

#[test]
fn what_people_wrote_stands_nowhere_in_the_folder() {
    let canary = "the canary sings at noon";
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut Batches::new(), canary);
    drop(log);
    let image = Image::of(folder.path());
    for name in image.names() {
        let bytes = image.file(name.to_str().unwrap());
        let found = bytes
            .windows(canary.len())
            .any(|part| part == canary.as_bytes());
        assert!(!found, "{}", name.display());
    }
}

/// Each byte of an event is read with its checksum, and each batch by the place that the index says.
#[test]
fn events_that_do_not_read_are_damage_within_a_sequence() {
    let folder = written(6);
    let log = reopen(folder.path()).unwrap();
    let batches = Image::of(folder.path()).batches();
    let segment = folder.path().join(SEGMENT);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(segment)
        .unwrap();
    // the last bytes of a batch are of its last event, which is of project 2
    file.write_all_at(b"?", batches[3].end as u64 - 9).unwrap();
    for from in 1..=4 {
        let failure = log.read(TWO, Offset(from), 10).unwrap_err();
        let ReadFailure::Damaged {
            project, offset, ..
        } = failure
        else {
            panic!("expected damage, found {failure}")
        };
        assert_eq!((project, offset), (TWO, Offset(4)), "from {from}");
    }
    assert_eq!(log.read(TWO, Offset(5), 10).unwrap().len(), 2);
    assert_eq!(log.read(ONE, Offset(1), 10).unwrap().len(), 6);
    file.write_all_at(b"?", batches[2].start as u64 + 30)
        .unwrap();
    let failure = log.read(ONE, Offset(1), 10).unwrap_err();
    assert!(
        matches!(failure, ReadFailure::Damaged { offset, .. } if offset == Offset(3)),
        "{failure}"
    );
}

/// The index is derived: without it, or with a wrong one, everything is found all the same.
#[test]
fn a_log_without_its_index_makes_it_again() {
    let folder = written(600);
    let index = folder.path().join("index");
    let other = written(700);
    let damages: [&dyn Fn(); 4] = [
        &|| std::fs::remove_dir_all(&index).unwrap(),
        &|| std::fs::write(index.join("version"), b"rubble").unwrap(),
        &|| std::fs::write(index.join("0.jnl"), b"rubble").unwrap(),
        &|| {
            std::fs::remove_dir_all(&index).unwrap();
            std::fs::rename(other.path().join("index"), &index).unwrap();
            std::fs::remove_file(index.join("0.jnl")).unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        let log = reopen(folder.path()).unwrap();
        assert_eq!(log.head(), CommitNumber(600), "damage {number}");
        for project in [ONE, TWO] {
            let events = log.read(project, Offset(1), 1_000).unwrap();
            assert_eq!(events.len(), 600, "damage {number}");
        }
        let pages = log.manifests(CommitNumber(123), 1_000).unwrap();
        assert_eq!(pages.len(), 477, "damage {number}");
        assert_eq!(pages[0].commit, CommitNumber(124), "damage {number}");
    }
}

/// An item whose JSON is much longer in a record than as text.
fn short_numbers(count: usize) -> Part {
    let data = serde_json::Value::from(vec![0.5; count]);
    let name = "numbers".into();
    Part::Data { name, data }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (0_u8..10).prop_map(|tenths| (f64::from(tenths) / 2.0).into()),
        "\\PC{0,40}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map("[a-z]{0,6}", inner, 0..8)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn part() -> impl Strategy<Value = Part> {
    let name = || "[a-z]{0,9}".prop_map(|name| name.as_str().into());
    prop_oneof![
        "\\PC{0,60}".prop_map(|text| Part::Text { text }),
        (name(), json()).prop_map(|(name, data)| Part::Data { name, data }),
        (name(), json(), any::<bool>()).prop_map(|(call_id, result, is_error)| Part::ToolResult {
            call_id,
            result,
            is_error
        }),
        (name(), name(), json()).prop_map(|(call_id, name, arguments)| Part::ToolCall {
            call_id,
            name,
            arguments
        }),
    ]
}

fn finished(parts: Vec<Part>) -> Event {
    Event::Thread(ThreadEvent::ItemFinished(ItemFinished {
        item: ItemId::from_seed(b"item"),
        opened: Position(1),
        parts,
        metadata: Metadata::default(),
        tokens: None,
        mentions: None,
    }))
}

fn counted(parts: &[Part]) -> usize {
    let bytes = parts
        .iter()
        .map(|part| Delta::Part { part: part.clone() }.bytes());
    bytes.sum()
}

/// Names of fields and the item's id, for the item and for each of its parts.
const FIELDS: usize = 128;

proptest! {
    /// So an item that stays below its bound can be finished and abandoned: the bound and its
    /// metadata are well below that of a record.
    #[test]
    fn a_record_takes_no_more_than_what_is_counted(parts in prop::collection::vec(part(), 0..8)) {
        let fields = FIELDS * (1 + parts.len());
        let counted = counted(&parts);
        let stored = record::encode_payload(&finished(parts)).unwrap().len();
        prop_assert!(stored <= counted + fields, "{stored} bytes stored, {counted} counted");
    }
}

#[test]
fn the_largest_item_is_sealed() {
    const { assert!(MAX_ITEM_BYTES + FIELDS * (1 + MAX_PARTS) + 64 * 1024 < MAX_PAYLOAD_BYTES) };
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    let mut numbers = MAX_ITEM_BYTES / 4;
    while counted(&[short_numbers(numbers)]) > MAX_ITEM_BYTES {
        numbers -= 1_000;
    }
    let largest = finished(vec![short_numbers(numbers)]);
    log.seal(uid(ONE), &Subject::Project, &largest).unwrap();
    let by_text_alone = finished(vec![short_numbers(MAX_ITEM_BYTES / 4)]);
    assert!(
        log.seal(uid(ONE), &Subject::Project, &by_text_alone)
            .is_err()
    );
}
