use super::{MAX_PAYLOAD_BYTES, RecordError, StoredRecord};

/// Longest encrypted payload that stands in its record, and length of a fragment, in bytes.
pub(crate) const INLINE_BYTES: usize = 3 * 1024;

/// The fragments of an encrypted payload; none where it stands in its record.
pub(crate) fn fragments(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    beside_record(payload).chunks(INLINE_BYTES)
}

/// What of an encrypted payload lies beside its record: all or nothing.
pub(crate) fn beside_record(payload: &[u8]) -> &[u8] {
    if payload.len() > INLINE_BYTES {
        payload
    } else {
        &[]
    }
}

/// Gathers a record's encrypted payload out of the fragments that follow it.
pub(crate) struct Joiner {
    expected_len: usize,
    expected_fragments: u16,
    found_fragments: u16,
    bytes: Vec<u8>,
}

impl Joiner {
    pub(crate) fn new(record: &mut StoredRecord) -> Result<Self, RecordError> {
        // u32 to usize: at least 32 bits wherever this runs
        let expected_len = record.payload_len as usize;
        if expected_len > MAX_PAYLOAD_BYTES {
            return Err(RecordError::Fragments {
                expected: format!("at most {MAX_PAYLOAD_BYTES} bytes of payload"),
                found: expected_len.to_string(),
            });
        }
        let mut bytes = std::mem::take(&mut record.inline);
        bytes.reserve(expected_len.saturating_sub(bytes.len()));
        Ok(Self {
            expected_len,
            expected_fragments: record.fragments,
            found_fragments: 0,
            bytes,
        })
    }

    pub(crate) fn push(&mut self, number: u16, fragment: &[u8]) -> Result<(), RecordError> {
        if number != self.found_fragments || number >= self.expected_fragments {
            return Err(RecordError::Fragments {
                expected: format!(
                    "fragment {} of {}",
                    self.found_fragments, self.expected_fragments
                ),
                found: format!("fragment {number}"),
            });
        }
        self.found_fragments += 1;
        self.bytes.extend_from_slice(fragment);
        Ok(())
    }

    pub(crate) const fn awaited(&self) -> Option<u16> {
        if self.found_fragments < self.expected_fragments {
            Some(self.found_fragments)
        } else {
            None
        }
    }

    /// The whole encrypted payload.
    pub(crate) fn finish(self) -> Result<Vec<u8>, RecordError> {
        if let Some(missing) = self.awaited() {
            return Err(RecordError::Fragments {
                expected: format!("{} fragments", self.expected_fragments),
                found: format!("none with number {missing}"),
            });
        }
        if self.bytes.len() != self.expected_len {
            return Err(RecordError::Fragments {
                expected: format!("a payload of {} bytes", self.expected_len),
                found: format!("{}", self.bytes.len()),
            });
        }
        Ok(self.bytes)
    }
}
