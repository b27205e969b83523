use std::sync::Arc;

use everlog_domain::access::Principal;
use everlog_domain::envelope::{DataKeyId, Envelope, Stream, StreamKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::identity::{IdentityEvent, SessionDeleted};
use everlog_domain::ids::{
    ItemId, Offset, Position, ProjectNumber, ProjectUid, SessionId, ThreadId, UserId,
};
use everlog_domain::ports::{Projected, RowDelta};
use everlog_domain::tables::system::threads;
use everlog_domain::threads::{
    Delta, ItemDelta, ItemsExpired, ThreadAccess, ThreadEvent, ThreadPermissionsChanged,
};
use everlog_domain::time::Time;
use everlog_domain::value::Value;
use proptest::prelude::*;

use super::{Access, Form, Hub, HubBounds, Interest, Read, SLOTS, Slot, Waker, Watch};

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

/// A change of who may read a thread: nobody by name. Its row has the thread's id alone.
fn permit(offset: u64, in_thread: &str) -> Projected {
    let access = ThreadAccess::default();
    let event = ThreadEvent::from(ThreadPermissionsChanged { access });
    let row = Arc::new(vec![Value::text(in_thread)]);
    Projected {
        deltas: vec![RowDelta {
            table: threads::TABLE,
            before: Some(Arc::clone(&row)),
            after: Some(row),
        }],
        ..projected(
            PROJECT,
            offset,
            Stream::thread(&thread(in_thread)),
            Event::Thread(event),
        )
    }
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

/// Items of a thread up to a position have expired.
fn expire(offset: u64, in_thread: &str, through: u64) -> Projected {
    let expired = serde_json::json!({ "through": through, "kept": [] });
    let event = ItemsExpired {
        expired: serde_json::from_value(expired).unwrap(),
        items: Vec::new(),
        ends_branch: false,
    };
    let stream = Stream::thread(&thread(in_thread));
    let event = Event::Thread(ThreadEvent::from(event));
    projected(PROJECT, offset, stream, event)
}

#[test]
fn what_has_expired_is_in_no_ring_any_more() {
    let hub = Hub::default();
    let waker = Waker::new();
    let own = hub.watch(Interest::Thread(PROJECT, thread("a")), &waker, slot(0));
    let whole = hub.watch(Interest::Project(PROJECT), &waker, slot(1));
    // deltas of the item at position 1
    hub.publish(&[
        delta(PROJECT, 2, "a", "x"),
        permit(3, "a"),
        delta(PROJECT, 4, "b", "of another thread"),
    ]);
    assert_eq!(offsets(&whole, 0), Some(vec![2, 3, 4]));
    hub.publish(&[expire(5, "a", 1)]);
    for watch in [&own, &whole] {
        assert_eq!(offsets(watch, 0), None, "the log tells what is left of it");
        assert_eq!(offsets(watch, 1), None);
    }
    assert_eq!(offsets(&own, 2), Some(vec![3, 5]));
    assert_eq!(offsets(&whole, 2), Some(vec![3, 4, 5]));
    hub.publish(&[delta(PROJECT, 6, "b", "y"), expire(7, "a", 2)]);
    assert_eq!(
        offsets(&whole, 2),
        Some(vec![3, 4, 5, 6, 7]),
        "there was nothing"
    );
}

fn offsets(watch: &Watch, after: u64) -> Option<Vec<u64>> {
    match watch.read(Offset(after), usize::MAX, usize::MAX) {
        Read::Events(events) => Some(events.iter().map(|event| event.offset().0).collect()),
        Read::Behind => None,
    }
}

fn marked(waker: &Waker) -> (Vec<u16>, bool) {
    let marks = waker.take();
    (marks.slots().map(Slot::number).collect(), marks.callers)
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
    assert_eq!((hub.bytes(), hub.rings(), hub.watches()), (0, 1, 1));
    let other = hub.watch(Interest::Thread(PROJECT, thread("a")), &waker, slot(1));
    assert_eq!((hub.rings(), hub.watches()), (1, 2));
    drop((watch, other));
    assert_eq!((hub.rings(), hub.watches()), (0, 0));
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

/// A thread's watch in a project.
fn watch_thread(hub: &Hub, project: ProjectNumber, name: &str) -> Watch {
    let interest = Interest::Thread(project, thread(name));
    hub.watch(interest, &Waker::new(), slot(0))
}

#[test]
fn bytes_are_bounded_in_one_ring_and_in_all() {
    let large = "x".repeat(10_000);
    let bounds = HubBounds {
        ring_events: 100,
        ring_bytes: 50_000,
        bytes: 180_000,
    };
    let hub = Hub::new(bounds);
    let watches: Vec<Watch> = (0..8)
        .map(|n| watch_thread(&hub, ProjectNumber(10 + n % 4), &format!("t{n}")))
        .collect();
    for offset in 1..=160u64 {
        let (project, name) = (ProjectNumber(10 + offset % 4), format!("t{}", offset % 8));
        hub.publish(&[delta(project, offset, &name, &large)]);
        assert!(hub.bytes() <= bounds.bytes, "{}", hub.bytes());
    }
    // Each has what it was shown last, and says that it had more.
    for (number, watch) in watches.iter().enumerate() {
        assert_eq!(offsets(watch, 0), None, "t{number}");
        assert!(
            offsets(watch, 152).is_some_and(|newest| newest.len() == 1),
            "t{number}"
        );
    }
    drop(watches);
    assert_eq!(hub.bytes(), 0);
}

#[test]
fn what_is_idle_makes_room_for_what_is_written() {
    let large = "x".repeat(10_000);
    let bounds = HubBounds {
        ring_events: 100,
        ring_bytes: 100_000,
        bytes: 200_000,
    };
    let hub = Hub::new(bounds);
    let idle: Vec<Watch> = (0..10)
        .map(|n| watch_thread(&hub, ProjectNumber(10 + n), "idle"))
        .collect();
    for project in 10..20 {
        hub.publish(&[delta(ProjectNumber(project), 1, "idle", &large)]);
    }
    let active = watch_thread(&hub, PROJECT, "active");
    for offset in 1..=30 {
        hub.publish(&[delta(PROJECT, offset, "active", &large)]);
    }
    let kept = idle.iter().filter(|watch| offsets(watch, 0).is_some());
    assert!(kept.count() < idle.len(), "the oldest of the idle gave way");
    assert_eq!(offsets(&active, 27), Some(vec![28, 29, 30]));
}

#[test]
fn a_project_holds_half_at_most() {
    let large = "x".repeat(10_000);
    let bounds = HubBounds {
        ring_events: 100,
        ring_bytes: 100_000,
        bytes: 200_000,
    };
    let hub = Hub::new(bounds);
    let bystander = watch_thread(&hub, OTHER, "t");
    hub.publish(&[delta(OTHER, 1, "t", &large)]);
    let own = hub.bytes();
    let greedy: Vec<Watch> = (0..20)
        .map(|n| watch_thread(&hub, PROJECT, &format!("t{n}")))
        .collect();
    for offset in 1..=100 {
        hub.publish(&[delta(PROJECT, offset, &format!("t{}", offset % 20), &large)]);
        assert!(hub.bytes() <= bounds.bytes / 2 + own);
    }
    assert_eq!(offsets(&bystander, 0), Some(vec![1]));
    drop(greedy);
    assert_eq!(hub.bytes(), own);
}

#[test]
fn a_table_is_woken_by_its_rows_alone() {
    let hub = Hub::default();
    let waker = Waker::new();
    let rows = hub.watch(Interest::Table(PROJECT, threads::TABLE), &waker, slot(5));
    hub.publish(&[delta(PROJECT, 1, "a", "x"), sign_out(PROJECT, 2)]);
    assert_eq!(marked(&waker), (vec![], false));
    hub.publish(&[permit(3, "a"), delta(PROJECT, 4, "a", "x")]);
    assert_eq!(marked(&waker), (vec![5], false));
    assert_eq!(offsets(&rows, 0), Some(vec![3]));
}

#[test]
fn changes_of_access_are_known_by_thread_and_before_their_events() {
    let hub = Hub::default();
    let waker = Waker::new();
    let one = hub.watch(Interest::Thread(PROJECT, thread("a")), &waker, slot(0));
    let all = hub.watch(Interest::Project(PROJECT), &waker, slot(1));
    let life = Offset(1);
    hub.tell_access(&[permit(5, "a"), delta(PROJECT, 6, "a", "x"), permit(7, "b")]);
    assert_eq!(marked(&waker), (vec![], false), "who watches is not woken");
    let row = |name: &str| Access::Changed(Some(Arc::new(vec![Value::text(name)])));
    assert_eq!(one.access_after("a", life, Offset(4)), row("a"));
    assert_eq!(one.access_after("a", life, Offset(5)), Access::Unchanged);
    assert_eq!(one.access_after("b", life, Offset(0)), Access::Unchanged);
    assert_eq!(all.access_after("a", life, Offset(4)), row("a"));
    assert_eq!(all.access_after("b", life, Offset(6)), row("b"));
    assert_eq!(all.access_after("c", life, Offset(0)), Access::Unchanged);
    let other_life = Offset(2);
    assert_eq!(
        all.access_after("a", other_life, Offset(4)),
        Access::Unchanged
    );
}

#[test]
fn changes_of_access_that_are_forgotten_are_unknown() {
    let hub = Hub::default();
    let all = hub.watch(Interest::Project(PROJECT), &Waker::new(), slot(0));
    for offset in 1..=100 {
        hub.tell_access(&[permit(offset, &format!("t{offset}"))]);
    }
    let life = Offset(1);
    assert_eq!(all.access_after("t1", life, Offset(0)), Access::Unknown);
    assert_eq!(all.access_after("t1", life, Offset(50)), Access::Unchanged);
    assert!(matches!(
        all.access_after("t99", life, Offset(0)),
        Access::Changed(Some(_))
    ));
    // One thread's changes push out no other's.
    for offset in 101..=1_000 {
        hub.tell_access(&[permit(offset, "t99")]);
    }
    assert!(matches!(
        all.access_after("t98", life, Offset(0)),
        Access::Changed(Some(_))
    ));
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
fn a_revoked_caller_wakes_those_of_its_project() {
    let hub = Hub::default();
    let (own, other) = (Waker::new(), Waker::new());
    let _own = hub.watch_callers(PROJECT, &own);
    let _other = hub.watch_callers(OTHER, &other);
    hub.publish(&[permit(1, "a")]);
    assert_eq!(
        marked(&own),
        (vec![], false),
        "a thread's access is no caller's"
    );
    hub.publish(&[sign_out(PROJECT, 2)]);
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
