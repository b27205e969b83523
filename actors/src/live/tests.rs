use std::sync::Arc;

use everlog_domain::access::Principal;
use everlog_domain::envelope::{DataKeyId, Envelope, Stream, StreamKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::identity::{IdentityEvent, SessionDeleted};
use everlog_domain::ids::{
    ItemId, Offset, Position, ProjectNumber, ProjectUid, SessionId, ThreadId, UserId,
};
use everlog_domain::ports::Projected;
use everlog_domain::threads::{Delta, ItemDelta, ThreadEvent};
use everlog_domain::time::Time;
use proptest::prelude::*;

use super::{Form, Hub, HubBounds, Interest, Read, SLOTS, Slot, Waker, Watch};

const PROJECT: ProjectNumber = ProjectNumber(7);
const OTHER: ProjectNumber = ProjectNumber(8);

fn thread(name: &str) -> ThreadId {
    ThreadId::parse(name).unwrap()
}

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn projected(project: ProjectNumber, offset: u64, stream: Stream, event: Event) -> Projected {
    let envelope = Envelope {
        project,
        uid: ProjectUid([0; 16]),
        offset: Offset(offset),
        stream,
        incarnation: Offset(1),
        position: Position(offset),
        kind: event.kind(),
        version: 1,
        time: Time(0),
        principal: Principal::System,
        on_behalf_of: None,
        cause: None,
        idempotency: None,
        key: DataKeyId(0),
        previous: Hash::of(&[]),
        payload_hash: Hash::of(&[]),
    };
    Projected {
        recorded: Arc::new(Recorded { envelope, event }),
        deltas: Vec::new(),
    }
}

fn delta(project: ProjectNumber, offset: u64, in_thread: &str, text: &str) -> Projected {
    let event = ItemDelta {
        item: ItemId::parse("i").unwrap(),
        opened: Position(1),
        deltas: vec![Delta::Text {
            part: 0,
            text: text.to_owned(),
        }],
    };
    let stream = Stream::thread(&thread(in_thread));
    projected(
        project,
        offset,
        stream,
        Event::Thread(ThreadEvent::from(event)),
    )
}

fn sign_out(project: ProjectNumber, offset: u64) -> Projected {
    let user = UserId::parse("u").unwrap();
    let event = SessionDeleted {
        session: SessionId::parse("s").unwrap(),
        user,
    };
    let stream = Stream::new(StreamKind::User, "u");
    projected(
        project,
        offset,
        stream,
        Event::Identity(IdentityEvent::from(event)),
    )
}

fn offsets(watch: &Watch, after: u64) -> Option<Vec<u64>> {
    match watch.read(Offset(after), usize::MAX, usize::MAX) {
        Read::Events(events) => Some(events.iter().map(|event| event.offset().0).collect()),
        Read::Behind => None,
    }
}

fn marked(waker: &Waker) -> (Vec<u16>, bool) {
    let marks = waker.take();
    (marks.slots().map(Slot::number).collect(), marks.access)
}

#[test]
fn what_nobody_watches_leaves_nothing() {
    let hub = Hub::default();
    let waker = Waker::new();
    let watch = hub.watch(Interest::Thread(PROJECT, thread("a")), &waker, slot(0));
    hub.publish(&[
        delta(PROJECT, 1, "b", "x"),
        delta(OTHER, 1, "a", "x"),
        sign_out(PROJECT, 2),
    ]);
    assert_eq!(offsets(&watch, 0), Some(vec![]));
    assert_eq!(marked(&waker), (vec![], false));
    assert_eq!((hub.bytes(), hub.rings()), (0, 1));
    drop(watch);
    assert_eq!(hub.rings(), 0);
}

#[test]
fn each_watch_sees_its_part_in_order() {
    let hub = Hub::default();
    let waker = Waker::new();
    let one = hub.watch(Interest::Thread(PROJECT, thread("a")), &waker, slot(3));
    let all = hub.watch(Interest::Project(PROJECT), &waker, slot(SLOTS - 1));
    hub.publish(&[
        delta(PROJECT, 5, "a", "x"),
        delta(PROJECT, 6, "b", "x"),
        sign_out(PROJECT, 7),
    ]);
    hub.publish(&[delta(PROJECT, 8, "a", "x")]);
    assert_eq!(offsets(&one, 0), Some(vec![5, 8]));
    assert_eq!(offsets(&one, 5), Some(vec![8]));
    assert_eq!(offsets(&all, 5), Some(vec![6, 7, 8]));
    assert_eq!(marked(&waker), (vec![3, SLOTS - 1], false));
    assert_eq!(marked(&waker), (vec![], false), "marks are taken once");
}

#[test]
fn a_ring_drops_its_oldest_and_says_so() {
    let hub = Hub::new(HubBounds {
        ring_events: 2,
        ..HubBounds::default()
    });
    let watch = hub.watch(Interest::Project(PROJECT), &Waker::new(), slot(0));
    hub.publish(&[1, 2, 3, 4].map(|offset| delta(PROJECT, offset, "a", "x")));
    assert_eq!(offsets(&watch, 0), None);
    assert_eq!(offsets(&watch, 1), None);
    assert_eq!(offsets(&watch, 2), Some(vec![3, 4]));
    assert_eq!(offsets(&watch, 4), Some(vec![]));
}

#[test]
fn bytes_are_bounded_in_one_ring_and_in_all() {
    let large = "x".repeat(10_000);
    let bounds = HubBounds {
        ring_events: 100,
        ring_bytes: 50_000,
        bytes: 60_000,
    };
    let hub = Hub::new(bounds);
    let waker = Waker::new();
    let watches: Vec<Watch> = (0..4u16)
        .map(|n| {
            hub.watch(
                Interest::Thread(PROJECT, thread(&format!("t{n}"))),
                &waker,
                slot(n),
            )
        })
        .collect();
    for offset in 1..=40u64 {
        hub.publish(&[delta(PROJECT, offset, &format!("t{}", offset % 4), &large)]);
        assert!(
            hub.bytes() <= bounds.bytes + bounds.ring_bytes,
            "{}",
            hub.bytes()
        );
    }
    // The ring that found no room keeps nothing, and says so.
    assert!(watches.iter().any(|watch| offsets(watch, 0).is_none()));
    drop(watches);
    assert_eq!(hub.bytes(), 0);
}

#[test]
fn a_read_is_bounded_but_never_stuck() {
    let hub = Hub::default();
    let watch = hub.watch(Interest::Project(PROJECT), &Waker::new(), slot(0));
    let large = "x".repeat(10_000);
    hub.publish(&[1, 2, 3].map(|offset| delta(PROJECT, offset, "a", &large)));
    for (limit, bytes, expected) in [(2, usize::MAX, 2), (3, 1, 1), (3, 50_000, 2)] {
        let Read::Events(events) = watch.read(Offset(0), limit, bytes) else {
            panic!("behind")
        };
        assert_eq!(events.len(), expected, "{limit} events, {bytes} bytes");
    }
}

#[test]
fn access_wakes_the_project_and_no_other() {
    let hub = Hub::default();
    let (own, other) = (Waker::new(), Waker::new());
    let _own = hub.watch_access(PROJECT, &own);
    let _other = hub.watch_access(OTHER, &other);
    hub.publish(&[sign_out(PROJECT, 1)]);
    assert_eq!(marked(&own), (vec![], true));
    assert_eq!(marked(&other), (vec![], false));
}

#[test]
fn texts_are_made_once() {
    let event = super::Published::new(delta(PROJECT, 1, "a", "x"));
    assert_eq!(event.text(Form::Whole, |_| "whole".to_owned()), "whole");
    assert_eq!(event.text(Form::Whole, |_| panic!("made twice")), "whole");
    assert_eq!(event.text(Form::Row, |_| "row".to_owned()), "row");
}

#[test]
fn slots_are_bounded() {
    assert_eq!(Slot::new(SLOTS), None);
    assert_eq!(Slot::new(SLOTS - 1).map(Slot::number), Some(SLOTS - 1));
}

#[tokio::test]
async fn a_mark_before_the_wait_is_not_lost() {
    let waker = Waker::new();
    waker.mark(slot(9));
    waker.mark(slot(9));
    waker.woken().await;
    assert_eq!(marked(&waker), (vec![9], false));
    let waiting = tokio::spawn({
        let waker = waker.clone();
        async move { waker.woken().await }
    });
    waker.mark(slot(2));
    waiting.await.unwrap();
}

proptest! {
    /// Whatever the bounds: who reads from where it stands sees every event once, in order, or is
    /// told that it is behind.
    #[test]
    fn nothing_is_missing_in_between(
        ring_events in 1usize..6,
        reads in prop::collection::vec((1u64..4, 1usize..4), 1..40),
    ) {
        let hub = Hub::new(HubBounds { ring_events, ..HubBounds::default() });
        let watch = hub.watch(Interest::Project(PROJECT), &Waker::new(), slot(0));
        let (mut head, mut reached) = (0, 0);
        for (published, limit) in reads {
            for _ in 0..published {
                head += 1;
                hub.publish(&[delta(PROJECT, head, "a", "x")]);
            }
            match watch.read(Offset(reached), limit, usize::MAX) {
                Read::Behind => {
                    prop_assert!(head - reached > ring_events as u64);
                    reached = head;
                }
                Read::Events(events) => {
                    let seen: Vec<u64> = events.iter().map(|event| event.offset().0).collect();
                    let last = head.min(reached + limit as u64);
                    prop_assert_eq!(seen, (reached + 1..=last).collect::<Vec<_>>());
                    reached = last;
                }
            }
        }
    }
}
