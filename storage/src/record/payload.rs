//! Payloads as MessagePack with the names of fields.

use everlog_domain::envelope::EventKind;
use everlog_domain::event::Event;
use serde::de::{Deserializer, Visitor};

use super::upcast::upcast;

/// The payload of an event in the current version of its kind.
pub(crate) fn encode_payload(event: &Event) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    event.serialize_payload(&mut serializer)?;
    Ok(bytes)
}

/// Reads a payload of any released version.
pub(crate) fn decode_payload(kind: EventKind, version: u16, bytes: &[u8]) -> Result<Event, String> {
    let current = upcast(kind, version, bytes)?;
    Event::deserialize_payload(kind, || MessagePack(&current)).map_err(|error| error.to_string())
}

/// A payload that can be read more than once. Payloads are structs, written as maps, and a map
/// says itself what it is, so one way in is enough.
struct MessagePack<'de>(&'de [u8]);

impl<'de> Deserializer<'de> for MessagePack<'de> {
    type Error = rmp_serde::decode::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        rmp_serde::Deserializer::from_read_ref(self.0).deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
