//! Keys of the keyspace `events`: project (u64) ‖ offset (u64), and for fragments ‖ number (u16,
//! from 0), all big-endian, so that a project's events lie together in their order, each followed
//! by its fragments.

use std::ops::RangeInclusive;

use everlog_domain::ids::{Offset, ProjectNumber};

const RECORD_BYTES: usize = 16;

/// Where an event lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) project: ProjectNumber,
    pub(crate) offset: Offset,
}

/// A key of the keyspace `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKey {
    Record(Place),
    Fragment(Place, u16),
}

impl Place {
    pub(crate) const fn new(project: ProjectNumber, offset: Offset) -> Self {
        Self { project, offset }
    }

    pub(crate) fn record_key(self) -> [u8; RECORD_BYTES] {
        (u128::from(self.project.0) << 64 | u128::from(self.offset.0)).to_be_bytes()
    }

    pub(crate) fn fragment_key(self, fragment: u16) -> [u8; RECORD_BYTES + 2] {
        let mut key = [0; RECORD_BYTES + 2];
        let (record, number) = key.split_at_mut(RECORD_BYTES);
        record.copy_from_slice(&self.record_key());
        number.copy_from_slice(&fragment.to_be_bytes());
        key
    }
}

impl EventKey {
    /// `None` where the bytes are no key that this release writes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (record, rest) = bytes.split_first_chunk::<RECORD_BYTES>()?;
        let (project, offset) = record.split_first_chunk::<8>()?;
        let place = Place {
            project: ProjectNumber(u64::from_be_bytes(*project)),
            offset: Offset(u64::from_be_bytes(*offset.first_chunk()?)),
        };
        match rest {
            [] => Some(Self::Record(place)),
            &[high, low] => Some(Self::Fragment(place, u16::from_be_bytes([high, low]))),
            _ => None,
        }
    }
}

/// Every key of a project from an offset to another, fragments included.
pub(crate) fn project_range(
    project: ProjectNumber,
    from: Offset,
    to: Offset,
) -> RangeInclusive<Vec<u8>> {
    let first = Place::new(project, from).record_key().to_vec();
    let last = Place::new(project, to).fragment_key(u16::MAX).to_vec();
    first..=last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_in_the_order_of_offsets_with_fragments_behind_their_record() {
        let place = |project, offset| Place::new(ProjectNumber(project), Offset(offset));
        let ordered: [Vec<u8>; 6] = [
            place(1, 1).record_key().into(),
            place(1, 1).fragment_key(0).into(),
            place(1, 1).fragment_key(256).into(),
            place(1, 2).record_key().into(),
            place(1, 256).record_key().into(),
            place(2, 1).record_key().into(),
        ];
        assert!(ordered.is_sorted());
        assert_eq!(
            EventKey::parse(&ordered[2]),
            Some(EventKey::Fragment(place(1, 1), 256))
        );
        assert_eq!(
            EventKey::parse(&ordered[5]),
            Some(EventKey::Record(place(2, 1)))
        );
        for length in [0, 8, 15, 17, 19] {
            assert_eq!(EventKey::parse(&vec![0; length]), None, "{length} bytes");
        }
    }
}
