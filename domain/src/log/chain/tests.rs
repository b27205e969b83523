//! The chain's form is for ever, and every field but the project's number is part of it.

use super::{genesis, link};
use crate::access::Principal;
use crate::envelope::{DataKeyId, Envelope, EventKind, Idempotency, Stream, StreamKind};
use crate::hash::Hash;
use crate::ids::{KeyId, Offset, Position, ProjectNumber, ProjectUid, UserId};
use crate::time::Time;

const UID: ProjectUid = ProjectUid([7; 16]);

// Computed apart from this program, from the description at the head of the module.
const GENESIS: &str = "bd3b036094db8977804303676f57da117edbf0175c8212ed8393152753d30197";
const FULL: &str = "5a1511bf13f3ea129307a5f53bbbcab5cec4bd184b3ed614a3fdc2638ea383d6";
const BARE: &str = "75eb67b5a679544ab72710816eb1f76f4ae163ec31fd36656648a7eb0ca55b79";

fn envelope() -> Envelope {
    Envelope {
        project: ProjectNumber(2),
        uid: UID,
        offset: Offset(5),
        stream: Stream {
            kind: StreamKind::Thread,
            id: "t1".into(),
        },
        incarnation: Offset(3),
        position: Position(2),
        kind: EventKind::ItemPosted,
        version: 1,
        time: Time(1_700_000_000_000_000),
        principal: Principal::Key(KeyId::parse("k1").unwrap()),
        on_behalf_of: Some(Principal::User(UserId::parse("u1").unwrap())),
        cause: Some(Offset(4)),
        idempotency: Some(Idempotency {
            scope: Hash::from_bytes([1; 32]),
            body: Hash::from_bytes([2; 32]),
        }),
        key: DataKeyId(9),
        previous: Hash::from_bytes([3; 32]),
        payload_hash: Hash::from_bytes([4; 32]),
    }
}

#[test]
fn links_have_the_published_form() {
    assert_eq!(genesis(UID).to_string(), GENESIS);
    assert_eq!(link(&envelope()).to_string(), FULL);
    let bare = Envelope {
        on_behalf_of: None,
        cause: None,
        idempotency: None,
        ..envelope()
    };
    assert_eq!(link(&bare).to_string(), BARE);
}

#[test]
fn a_project_can_move_to_another_number() {
    let moved = Envelope {
        project: ProjectNumber(77),
        ..envelope()
    };
    assert_eq!(link(&moved), link(&envelope()));
}

#[test]
fn every_other_field_changes_the_link() {
    let edits: [fn(&mut Envelope); 21] = [
        |_| {},
        |e| e.uid.0[15] ^= 1,
        |e| e.offset.0 += 1,
        |e| e.stream.kind = StreamKind::User,
        |e| e.stream.id = "t".into(),
        |e| e.stream.id = "t1x".into(),
        |e| e.incarnation.0 += 1,
        |e| e.position.0 += 1,
        |e| e.kind = EventKind::ItemOpened,
        |e| e.version += 1,
        |e| e.time.0 += 1,
        |e| e.principal = Principal::System,
        |e| e.principal = Principal::User(UserId::parse("k1").unwrap()),
        |e| e.on_behalf_of = None,
        |e| e.cause = None,
        |e| e.cause = Some(Offset(6)),
        |e| e.idempotency = None,
        |e| e.idempotency.as_mut().unwrap().body = Hash::default(),
        |e| e.key.0 += 1,
        |e| e.previous = Hash::default(),
        |e| e.payload_hash = Hash::default(),
    ];
    let mut links = std::collections::BTreeSet::new();
    for (number, edit) in edits.iter().enumerate() {
        let mut edited = envelope();
        edit(&mut edited);
        assert!(links.insert(link(&edited)), "edit {number} changes nothing");
    }
}

#[test]
fn fields_do_not_run_together() {
    let with = |stream: &str, user: &str| Envelope {
        stream: Stream {
            kind: StreamKind::Thread,
            id: stream.into(),
        },
        principal: Principal::User(UserId::parse(user).unwrap()),
        ..envelope()
    };
    assert_ne!(link(&with("ab", "c")), link(&with("a", "bc")));
}
