//! Record format 1. The archived structs mirror the domain's and are the format: they never
//! change. rkyv's layout features (little endian, 32-bit pointers, unaligned) are part of it.

use everlog_domain::access::Principal;
use everlog_domain::envelope::{DataKeyId, Envelope, EventKind, Idempotency, Stream, StreamKind};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, Position, ProjectNumber, ProjectUid};
use everlog_domain::time::Time;
use rkyv::rancor;
use rkyv::with::{InlineAsBox, Map};

use super::field::Known;
use super::{FORMAT_1, INLINE_BYTES, RecordError, StoredRecord, fragments};

#[derive(rkyv::Archive, rkyv::Serialize)]
struct RecordV1<'a> {
    project: u64,
    uid: [u8; 16],
    offset: u64,
    stream_kind: u8,
    #[rkyv(with = InlineAsBox)]
    stream_id: &'a str,
    incarnation: u64,
    position: u64,
    kind: u16,
    version: u16,
    /// Microseconds since 1970.
    time: i64,
    #[rkyv(with = InlineAsBox)]
    principal: &'a str,
    #[rkyv(with = Map<InlineAsBox>)]
    on_behalf_of: Option<&'a str>,
    cause: Option<u64>,
    wish: Option<WishV1>,
    key: u64,
    previous: [u8; 32],
    payload_hash: [u8; 32],
    payload_len: u32,
    fragments: u16,
    #[rkyv(with = InlineAsBox)]
    payload: &'a [u8],
}

#[derive(rkyv::Archive, rkyv::Serialize)]
struct WishV1 {
    scope: [u8; 32],
    body: [u8; 32],
}

pub(super) fn encode(envelope: &Envelope, payload: &[u8]) -> Result<Vec<u8>, RecordError> {
    let too_long = |_| RecordError::Fragments {
        expected: format!("at most {} bytes of payload", super::MAX_PAYLOAD_BYTES),
        found: format!("{}", payload.len()),
    };
    let principal = envelope.principal.to_string();
    let on_behalf_of = envelope.on_behalf_of.as_ref().map(ToString::to_string);
    let record = RecordV1 {
        project: envelope.project.0,
        uid: envelope.uid.0,
        offset: envelope.offset.0,
        stream_kind: envelope.stream.kind as u8,
        stream_id: &envelope.stream.id,
        incarnation: envelope.incarnation.0,
        position: envelope.position.0,
        kind: envelope.kind.number(),
        version: envelope.version,
        time: envelope.time.0,
        principal: &principal,
        on_behalf_of: on_behalf_of.as_deref(),
        cause: envelope.cause.map(|cause| cause.0),
        wish: envelope.idempotency.map(|wish| WishV1 {
            scope: *wish.scope.as_bytes(),
            body: *wish.body.as_bytes(),
        }),
        key: envelope.key.0,
        previous: *envelope.previous.as_bytes(),
        payload_hash: *envelope.payload_hash.as_bytes(),
        payload_len: u32::try_from(payload.len()).map_err(too_long)?,
        fragments: u16::try_from(fragments(payload).count()).map_err(too_long)?,
        payload: if payload.len() <= INLINE_BYTES {
            payload
        } else {
            &[]
        },
    };
    let mut bytes = Vec::with_capacity(512 + record.payload.len());
    bytes.push(FORMAT_1);
    rkyv::api::high::to_bytes_in::<_, rancor::Error>(&record, bytes)
        .map_err(|error| archive(&error))
}

fn archive(error: &rancor::Error) -> RecordError {
    RecordError::Archive {
        reason: error.to_string(),
    }
}

pub(super) fn decode(archived: &[u8]) -> Result<StoredRecord, RecordError> {
    let record = rkyv::access::<ArchivedRecordV1<'_>, rancor::Error>(archived)
        .map_err(|error| archive(&error))?;
    Ok(StoredRecord {
        envelope: envelope(record)?,
        inline: record.payload.to_vec(),
        payload_len: record.payload_len.to_native(),
        fragments: record.fragments.to_native(),
    })
}

fn envelope(record: &ArchivedRecordV1<'_>) -> Result<Envelope, RecordError> {
    let principal = |text: &str| Principal::parse(text).known("principal", text);
    Ok(Envelope {
        project: ProjectNumber(record.project.to_native()),
        uid: ProjectUid(record.uid),
        offset: Offset(record.offset.to_native()),
        stream: Stream::new(
            StreamKind::from_number(record.stream_kind)
                .known("kind of stream", record.stream_kind)?,
            &record.stream_id,
        ),
        incarnation: Offset(record.incarnation.to_native()),
        position: Position(record.position.to_native()),
        kind: EventKind::from_number(record.kind.to_native())
            .known("kind of event", record.kind.to_native())?,
        version: record.version.to_native(),
        time: Time(record.time.to_native()),
        principal: principal(&record.principal)?,
        on_behalf_of: record
            .on_behalf_of
            .as_ref()
            .map(|text| principal(text))
            .transpose()?,
        cause: record.cause.as_ref().map(|cause| Offset(cause.to_native())),
        idempotency: record.wish.as_ref().map(|wish| Idempotency {
            scope: Hash::from_bytes(wish.scope),
            body: Hash::from_bytes(wish.body),
        }),
        key: DataKeyId(record.key.to_native()),
        previous: Hash::from_bytes(record.previous),
        payload_hash: Hash::from_bytes(record.payload_hash),
    })
}
