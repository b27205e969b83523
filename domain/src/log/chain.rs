//! The hash chain of a project: hash = SHA-256(previous ‖ canonical envelope ‖ payload hash),
//! with the hash of the project's random uid before the first event.
//!
//! The canonical envelope is fixed here, not by the engine's record format: every field in the
//! order below, numbers as 8 bytes big-endian, text with its length before it. An absent text is
//! the empty one, an absent cause the number 0, which no event has. The project's number is left
//! out, so that a project can move.

use crate::envelope::Envelope;
use crate::hash::Hash;
use crate::ids::ProjectUid;

const DOMAIN: &[u8] = b"everlog chain v1";

/// The `previous` of a project's first event.
#[must_use]
pub fn genesis(uid: ProjectUid) -> Hash {
    Hash::of(&[DOMAIN, &uid.0])
}

/// An event's hash. `envelope.previous` and `envelope.payload_hash` are part of it.
#[must_use]
pub fn link(envelope: &Envelope) -> Hash {
    let mut canonical = Vec::with_capacity(256);
    canonical.extend_from_slice(DOMAIN);
    canonical.extend_from_slice(envelope.previous.as_bytes());
    write_canonical(&mut canonical, envelope);
    canonical.extend_from_slice(envelope.payload_hash.as_bytes());
    Hash::of_bytes(&canonical)
}

fn write_canonical(out: &mut Vec<u8>, envelope: &Envelope) {
    // Destructured in full: a new field must be thought about here.
    let Envelope {
        project: _,
        uid,
        offset,
        stream,
        incarnation,
        position,
        kind,
        version,
        time,
        principal,
        on_behalf_of,
        cause,
        idempotency,
        key,
        previous: _,
        payload_hash: _,
    } = envelope;
    out.extend_from_slice(&uid.0);
    number(out, offset.0);
    number(out, stream.kind as u64);
    text(out, stream.id.as_bytes());
    number(out, incarnation.0);
    number(out, position.0);
    number(out, u64::from(kind.number()));
    number(out, u64::from(*version));
    out.extend_from_slice(&time.0.to_be_bytes());
    text(out, principal.to_string().as_bytes());
    text(
        out,
        on_behalf_of
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
            .as_bytes(),
    );
    number(out, cause.map_or(0, |offset| offset.0));
    match idempotency {
        Some(wish) => {
            text(out, wish.scope.as_bytes());
            text(out, wish.body.as_bytes());
        }
        None => {
            text(out, b"");
            text(out, b"");
        }
    }
    number(out, key.0);
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
