use everlog_domain::access::Principal;
use everlog_domain::envelope::{DataKeyId, Idempotency, Stream, StreamKind};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Position, ProjectNumber, ProjectUid, UserId};
use everlog_domain::time::Time;
use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        Just(Principal::Guest),
        Just(Principal::System),
        "[A-Za-z0-9][A-Za-z0-9._-]{0,35}"
            .prop_map(|id| Principal::User(UserId::parse(&id).unwrap())),
    ]
}

prop_compose! {
    fn envelopes()(
        numbers in any::<[u64; 6]>(),
        uid in any::<[u8; 16]>(),
        id in "\\PC{0,60}",
        stream_kind in 1..=4_u8,
        kind in 0..EventKind::ALL.len(),
        version in any::<u16>(),
        time in any::<i64>(),
        principal in principal(),
        on_behalf_of in proptest::option::of(self::principal()),
        cause in proptest::option::of(any::<u64>()),
        wish in proptest::option::of((hash(), hash())),
        previous in hash(),
        payload_hash in hash(),
    ) -> Envelope {
        Envelope {
            project: ProjectNumber(numbers[0]),
            uid: ProjectUid(uid),
            offset: Offset(numbers[1]),
            stream: Stream::new(StreamKind::from_number(stream_kind).unwrap(), &id),
            incarnation: Offset(numbers[2]),
            position: Position(numbers[3]),
            kind: EventKind::ALL[kind],
            version,
            time: Time(time),
            principal,
            on_behalf_of,
            cause: cause.map(Offset),
            idempotency: wish.map(|(scope, body)| Idempotency { scope, body }),
            key: DataKeyId(numbers[4]),
            previous,
            payload_hash,
        }
    }
}

/// A record as the engine would hand it back, at any alignment.
fn decode_unaligned(bytes: &[u8]) -> Vec<Result<StoredRecord, RecordError>> {
    let shifted = |shift: usize| {
        let moved = [vec![0; shift], bytes.to_vec()].concat();
        decode(&moved[shift..])
    };
    (0..8).map(shifted).collect()
}

proptest! {
    #[test]
    fn records_come_back_at_any_alignment(
        envelope in envelopes(),
        payload in proptest::collection::vec(any::<u8>(), 0..9_000),
    ) {
        let bytes = encode(&envelope, &payload).unwrap();
        let is_inline = payload.len() <= INLINE_BYTES;
        prop_assert!(bytes.len() < 4096, "a record stays below a page: {}", bytes.len());
        for read in decode_unaligned(&bytes) {
            let mut stored = read.unwrap();
            prop_assert_eq!(&stored.envelope, &envelope);
            prop_assert_eq!(stored.inline.len(), if is_inline { payload.len() } else { 0 });
            let mut joiner = Joiner::new(&mut stored).unwrap();
            for (number, fragment) in (0..).zip(fragments(&payload)) {
                joiner.push(number, fragment).unwrap();
            }
            prop_assert_eq!(joiner.finish().unwrap(), payload.clone());
        }
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), format in 0..3_u8) {
        let _ = decode(&bytes);
        let _ = decode(&[vec![format], bytes.clone()].concat());
        let _ = decode_manifest(everlog_domain::ids::CommitNumber(1), &bytes);
        for &kind in EventKind::ALL {
            let _ = decode_payload(kind, 1, &bytes);
        }
    }

    #[test]
    fn damaged_records_never_panic(
        envelope in envelopes(),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = encode(&envelope, &payload).unwrap();
        let at = at.index(bytes.len());
        // cut, it must not read as the same record
        let cut = decode(&bytes[..at]).ok().map(|stored| (stored.envelope, stored.inline));
        prop_assert_ne!(cut, Some((envelope, payload)));
        bytes[at] ^= flip;
        if let Ok(mut stored) = decode(&bytes) {
            let _ = Joiner::new(&mut stored).map(Joiner::finish);
        }
    }

    #[test]
    fn payloads_open_only_with_their_key_and_binding(
        plain in proptest::collection::vec(any::<u8>(), 0..300),
        nonce in any::<[u8; NONCE_BYTES]>(),
        at in any::<prop::sample::Index>(),
    ) {
        let key = DataKey::new(KEY);
        let binding = Binding { uid: ProjectUid([1; 16]), kind: EventKind::ItemPosted, version: 1 };
        let sealed = seal_with_nonce(&key, nonce, binding, &plain).unwrap();
        prop_assert_eq!(open(&key, binding, &sealed), Some(plain));
        let others = [
            Binding { uid: ProjectUid([2; 16]), ..binding },
            Binding { kind: EventKind::ItemOpened, ..binding },
            Binding { version: 2, ..binding },
        ];
        for other in others {
            prop_assert_eq!(open(&key, other, &sealed), None);
        }
        prop_assert_eq!(open(&DataKey::new([8; 32]), binding, &sealed), None);
        let mut flipped = sealed.clone();
        flipped[at.index(sealed.len())] ^= 1;
        prop_assert_eq!(open(&key, binding, &flipped), None);
        prop_assert_eq!(open(&key, binding, &sealed[..at.index(sealed.len())]), None);
    }
}

#[test]
fn unknown_formats_and_fields_are_named() {
    let envelope = sample::envelope(EventKind::ItemPosted, Hash::default());
    let bytes = encode(&envelope, b"payload").unwrap();
    assert_eq!(decode(&[]), Err(RecordError::Empty));
    let mut newer = bytes.clone();
    newer[0] = 2;
    assert_eq!(decode(&newer), Err(RecordError::Format { found: 2 }));
    let text = "user:user-1";
    let at = bytes
        .windows(text.len())
        .position(|part| part == text.as_bytes())
        .unwrap();
    let mut strange = bytes.clone();
    strange[at..][..4].copy_from_slice(b"demi");
    let expected = RecordError::Field {
        field: "principal",
        found: "demi:user-1".to_owned(),
    };
    assert_eq!(decode(&strange), Err(expected));
}

#[test]
fn fragments_that_are_missing_or_out_of_order_are_noticed() {
    let payload = vec![1; 3 * INLINE_BYTES];
    let envelope = sample::envelope(EventKind::ItemPosted, Hash::of_bytes(&payload));
    let bytes = encode(&envelope, &payload).unwrap();
    let parts: Vec<&[u8]> = fragments(&payload).collect();
    assert_eq!(parts.len(), 3);
    let joined = |pushes: &[(u16, &[u8])]| {
        let mut joiner = Joiner::new(&mut decode(&bytes).unwrap())?;
        for (number, fragment) in pushes {
            joiner.push(*number, fragment)?;
        }
        joiner.finish()
    };
    let wrong: [&[(u16, &[u8])]; 5] = [
        &[],
        &[(0, parts[0]), (1, parts[1])],
        &[(0, parts[0]), (2, parts[2]), (1, parts[1])],
        &[(0, parts[0]), (1, parts[1]), (2, &parts[2][1..])],
        &[(0, parts[0]), (1, parts[1]), (2, parts[2]), (3, parts[2])],
    ];
    for pushes in wrong {
        assert!(joined(pushes).is_err(), "{} fragments", pushes.len());
    }
    assert_eq!(
        joined(&[(0, parts[0]), (1, parts[1]), (2, parts[2])]),
        Ok(payload)
    );
}
