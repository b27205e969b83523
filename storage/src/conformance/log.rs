//! What every [`Log`] must do.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use std::sync::atomic::{AtomicBool, Ordering};

use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::{Batch, chain};
use everlog_domain::ports::{Log, ReadFailure, Subject};

use super::batches::{Batches, Post, posted, uid};

const ONE: ProjectNumber = ProjectNumber(1);
const TWO: ProjectNumber = ProjectNumber(2);
const NOBODY: ProjectNumber = ProjectNumber(3);

/// A promise by name, and what tries it on an empty log.
pub type Promise = (&'static str, fn(&dyn Log));

/// Every promise. Each needs an empty log of its own.
pub const PROMISES: &[Promise] = &[
    ("an empty log has nothing", an_empty_log_has_nothing),
    (
        "a batch out of turn is refused",
        a_batch_out_of_turn_is_refused,
    ),
    (
        "what does not exist is damage",
        what_does_not_exist_is_damage,
    ),
    ("what was written comes back", what_was_written_comes_back),
    ("reads are bounded", reads_are_bounded),
    ("places come back in order", places_come_back_in_order),
    ("pages follow one another", pages_follow_one_another),
    ("large payloads come back", large_payloads_come_back),
    ("seals have their hash", seals_have_their_hash),
    ("bytes are counted by project", bytes_are_counted_by_project),
    ("readers see whole batches", readers_see_whole_batches),
    (
        "the tail reads while large events are written",
        the_tail_reads_while_large_events_are_written,
    ),
];

/// Tries every promise, each on an empty log of its own that `with_empty_log` hands to it.
pub fn keeps_every_promise(mut with_empty_log: impl FnMut(fn(&dyn Log))) {
    for (_, promise) in PROMISES {
        with_empty_log(*promise);
    }
}

/// A log without batches has head 0, no events, no pages.
pub fn an_empty_log_has_nothing(log: &dyn Log) {
    assert_eq!(log.head(), CommitNumber(0));
    assert_eq!(log.read(ONE, Offset(1), 10), Ok(Vec::new()));
    assert_eq!(log.read_at(ONE, &[]), Ok(Vec::new()));
    assert_eq!(log.manifests(CommitNumber(0), 10), Ok(Vec::new()));
}

/// A batch whose number is not the next one leaves no trace.
pub fn a_batch_out_of_turn_is_refused(log: &dyn Log) {
    let mut batches = Batches::new();
    let first = batches.next(log, &[Post::new(1, "first")]);
    let second = batches.next(log, &[Post::new(1, "second")]);
    log.append(&first).expect("the first batch is written");
    let third = batches.next(log, &[Post::new(1, "third")]);
    assert!(log.append(&third).is_err(), "batch 3 cannot follow batch 1");
    assert_eq!(log.head(), CommitNumber(1));
    assert_eq!(texts(log, ONE), ["first"]);
    drop(second);
}

/// What a project's events take grows with each of them, by their payloads at least, and is nobody
/// else's.
pub fn bytes_are_counted_by_project(log: &dyn Log) {
    let bytes = |project| log.stored_bytes(project).expect("a sound log counts");
    assert_eq!(bytes(ONE), 0);
    let large = "a".repeat(5_000);
    write(log, &[&[Post::new(1, "a"), Post::new(2, &large)]]);
    let (one, two) = (bytes(ONE), bytes(TWO));
    assert!(one > 0 && two > 5_000 && one < two, "{one} and {two} bytes");
    assert_eq!(bytes(NOBODY), 0);
}

/// An offset that is asked for by name and is not there is damage at that offset.
pub fn what_does_not_exist_is_damage(log: &dyn Log) {
    write(log, &[&[Post::new(1, "a"), Post::new(1, "b")]]);
    assert_damaged(
        log.read_at(ONE, &[Offset(2), Offset(3)]).err().as_ref(),
        ONE,
        Offset(3),
    );
    assert_damaged(
        log.read_at(NOBODY, &[Offset(1)]).err().as_ref(),
        NOBODY,
        Offset(1),
    );
    assert_damaged(log.hash_at(ONE, Offset(3)).err().as_ref(), ONE, Offset(3));
}

/// Events come back as they were written, in order, linked, and the hashes are those of the chain.
pub fn what_was_written_comes_back(log: &dyn Log) {
    let written = write(
        log,
        &[
            &[Post::new(1, "a"), Post::new(2, "x"), Post::new(1, "b")],
            &[Post::new(2, "y")],
            &[Post::new(1, "c")],
        ],
    );
    assert_eq!(log.head(), CommitNumber(3));
    for project in [ONE, TWO] {
        let expected: Vec<Recorded> = recorded(&written, project);
        let found = log
            .read(project, Offset(1), 100)
            .expect("a sound log reads");
        assert_eq!(found, expected);
        let mut link = chain::genesis(uid(project));
        for event in &found {
            assert_eq!(event.envelope.previous, link);
            link = chain::link(&event.envelope);
            assert_eq!(log.hash_at(project, event.envelope.offset), Ok(link));
        }
    }
}

/// No more events than asked for, from the place asked for; none past the end.
pub fn reads_are_bounded(log: &dyn Log) {
    let posts: Vec<Post> = (0..10).map(|n| Post::new(1, &n.to_string())).collect();
    let written = write(log, &[&posts, &[Post::new(2, "other")]]);
    let all = recorded(&written, ONE);
    for from in 1..=12_u64 {
        for limit in [0, 1, 3, 100] {
            let expected: Vec<Recorded> = all
                .iter()
                .filter(|event| event.envelope.offset.0 >= from)
                .take(limit)
                .cloned()
                .collect();
            let envelopes = expected.iter().map(|event| event.envelope.clone());
            let envelopes: Vec<_> = envelopes.collect();
            assert_eq!(log.envelopes(ONE, Offset(from), limit), Ok(envelopes));
            assert_eq!(log.read(ONE, Offset(from), limit), Ok(expected));
        }
    }
}

/// Events by ascending offsets, in runs and alone.
pub fn places_come_back_in_order(log: &dyn Log) {
    let posts: Vec<Post> = (0..20).map(|n| Post::new(1, &n.to_string())).collect();
    let written = write(log, &[&posts[..7], &posts[7..]]);
    let all = recorded(&written, ONE);
    for offsets in [
        vec![1],
        vec![20],
        vec![2, 3, 4, 9, 15, 16, 20],
        (1..=20).collect(),
    ] {
        let offsets: Vec<Offset> = offsets.into_iter().map(Offset).collect();
        let found = log.read_at(ONE, &offsets).expect("all of them exist");
        let expected: Vec<Recorded> = all
            .iter()
            .filter(|event| offsets.contains(&event.envelope.offset))
            .cloned()
            .collect();
        assert_eq!(found, expected);
    }
}

/// Contents pages come back as they were written, after any commit, bounded.
pub fn pages_follow_one_another(log: &dyn Log) {
    let posts: Vec<Vec<Post>> = (0..6)
        .map(|n| vec![Post::new(1 + n % 2, "a"), Post::new(1, "b")])
        .collect();
    let posts: Vec<&[Post]> = posts.iter().map(Vec::as_slice).collect();
    let written = write(log, &posts);
    for after in 0..=7_u64 {
        for limit in [0, 1, 4, 100] {
            let expected: Vec<_> = written
                .iter()
                .map(|batch| batch.manifest.clone())
                .filter(|manifest| manifest.commit.0 > after)
                .take(limit)
                .collect();
            assert_eq!(log.manifests(CommitNumber(after), limit), Ok(expected));
        }
    }
}

/// Payloads far beyond any block, page or fragment.
pub fn large_payloads_come_back(log: &dyn Log) {
    let sizes = [3_000, 3_072, 4_096, 6_144, 70_000, 1_000_000];
    let posts: Vec<Post> = sizes
        .iter()
        .map(|&size| Post::new(1, &"0123456789".repeat(size / 10)))
        .collect();
    let written = write(log, &[&posts[..3], &posts[3..], &[Post::new(1, "last")]]);
    let found = log.read(ONE, Offset(1), 100).expect("a sound log reads");
    assert!(
        found == recorded(&written, ONE),
        "large payloads must come back unchanged"
    );
    let last = log.read_at(ONE, &[Offset(2), Offset(7)]);
    assert_eq!(last.expect("both exist").len(), 2);
}

/// A sealed payload's hash is that of its bytes, and a subject keeps its key.
pub fn seals_have_their_hash(log: &dyn Log) {
    let thread = Subject::Thread("t".into());
    let seal = |subject: &Subject| {
        log.seal(uid(ONE), subject, &posted("a secret"))
            .expect("a small payload is sealed")
    };
    let first = seal(&thread);
    assert_eq!(first.hash, Hash::of_bytes(&first.bytes));
    assert_eq!(first.key, seal(&thread).key);
}

/// A reader beside the writer sees all of a batch or nothing, and never more than the head.
pub fn readers_see_whole_batches(log: &dyn Log) {
    const BATCHES: usize = 50;
    const EVENTS: usize = 7;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let before = log.head().0;
                let events = log.read(ONE, Offset(1), 1_000).expect("a sound log reads");
                assert_eq!(events.len() % EVENTS, 0, "part of a batch was seen");
                assert!(events.len() as u64 >= before * EVENTS as u64);
            }
        });
        let mut batches = Batches::new();
        for number in 0..BATCHES {
            let posts: Vec<Post> = (0..EVENTS)
                .map(|event| Post::new(1, &format!("{number}.{event}")))
                .collect();
            let batch = batches.next(log, &posts);
            let written = log.append(&batch);
            if written.is_err() {
                done.store(true, Ordering::Release);
            }
            written.expect("a batch in turn is written");
        }
        done.store(true, Ordering::Release);
    });
}

/// A reader at the tail, beside a writer of payloads that no engine stores in one piece, finds the
/// newest events or not yet: never damage, never part of a batch.
pub fn the_tail_reads_while_large_events_are_written(log: &dyn Log) {
    const EVENTS: u64 = 3;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let from = Offset((log.head().0 * EVENTS).saturating_sub(4).max(1));
                    let events = log.read(ONE, from, 64).expect("the tail is sound");
                    let last = events.last().map_or(0, |event| event.envelope.offset.0);
                    assert_eq!(last % EVENTS, 0, "part of a batch was seen");
                }
            });
        }
        let mut batches = Batches::new();
        for number in 0..40 {
            let text = format!("{number} ").repeat(30_000);
            let posts = [
                Post::new(1, &text),
                Post::new(1, "small"),
                Post::new(1, &text),
            ];
            let batch = batches.next(log, &posts);
            let written = log.append(&batch);
            if written.is_err() {
                done.store(true, Ordering::Release);
            }
            written.expect("a batch in turn is written");
        }
        done.store(true, Ordering::Release);
    });
}

fn write(log: &dyn Log, batches: &[&[Post]]) -> Vec<Batch> {
    let mut maker = Batches::new();
    batches
        .iter()
        .map(|posts| {
            let batch = maker.next(log, posts);
            log.append(&batch).expect("a batch in turn is written");
            batch
        })
        .collect()
}

fn recorded(batches: &[Batch], project: ProjectNumber) -> Vec<Recorded> {
    batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| Recorded::clone(&event.recorded))
        .filter(|event| event.envelope.project == project)
        .collect()
}

fn texts(log: &dyn Log, project: ProjectNumber) -> Vec<String> {
    let events = log
        .read(project, Offset(1), 1_000)
        .expect("a sound log reads");
    let text = |event: &Recorded| {
        serde_json::to_value(&event.event)
            .ok()
            .and_then(|json| Some(json["parts"][0]["text"].as_str()?.to_owned()))
    };
    events.iter().filter_map(text).collect()
}

fn assert_damaged(failure: Option<&ReadFailure>, project: ProjectNumber, offset: Offset) {
    let found = match failure {
        Some(ReadFailure::Damaged {
            project, offset, ..
        }) => Some((*project, *offset)),
        Some(ReadFailure::KeyMissing { .. } | ReadFailure::Engine { .. }) | None => None,
    };
    assert_eq!(found, Some((project, offset)), "{failure:?}");
}
