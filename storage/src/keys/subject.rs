//! How subjects and their keys are stored.

use everlog_domain::envelope::DataKeyId;
use everlog_domain::ids::ProjectUid;
use everlog_domain::ports::Subject;

use super::KeysFailure;
use super::wrap::{WRAPPED_BYTES, Wrapper};
use crate::record::DataKey;

const FORMAT_1: u8 = 1;

/// A subject of a project: uid (16) ‖ sort (u8) ‖ id. The key in the keyspace `subjects`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SubjectKey(Box<[u8]>);

impl SubjectKey {
    pub(super) fn new(uid: ProjectUid, subject: &Subject) -> Self {
        let (sort, id) = match subject {
            Subject::Project => (1, ""),
            Subject::User(id) => (2, id.as_str()),
            Subject::Thread(id) => (3, id.as_str()),
        };
        let mut bytes = Vec::with_capacity(17 + id.len());
        bytes.extend_from_slice(&uid.0);
        bytes.push(sort);
        bytes.extend_from_slice(id.as_bytes());
        Self(bytes.into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is one of this project's.
    pub(super) fn is_of(&self, uid: ProjectUid) -> bool {
        self.0.starts_with(&uid.0)
    }

    fn purpose(&self, id: DataKeyId) -> Vec<u8> {
        [
            b"everlog data key v1".as_slice(),
            &id.0.to_be_bytes(),
            &self.0,
        ]
        .concat()
    }
}

/// A data key as the keyspace `keys` holds it: format ‖ wrapped key ‖ subject.
pub(super) struct StoredKey {
    pub(super) subject: SubjectKey,
    pub(super) key: DataKey,
}

impl StoredKey {
    pub(super) fn encode(&self, id: DataKeyId, wrapper: &Wrapper) -> Result<Vec<u8>, KeysFailure> {
        let wrapped = wrapper.wrap(&self.key, &self.subject.purpose(id))?;
        Ok([&[FORMAT_1], wrapped.as_slice(), &self.subject.0].concat())
    }

    pub(super) fn decode(
        id: DataKeyId,
        bytes: &[u8],
        wrapper: &Wrapper,
    ) -> Result<Self, KeysFailure> {
        let damaged = |reason| KeysFailure::Damaged { key: id, reason };
        let (&format, rest) = bytes.split_first().ok_or(damaged("it is empty"))?;
        if format != FORMAT_1 {
            return Err(damaged("it is of a format that this release does not know"));
        }
        let parts = rest.split_at_checked(WRAPPED_BYTES);
        let (wrapped, subject) = parts.ok_or(damaged("it is too short"))?;
        let subject = SubjectKey(subject.into());
        let key = wrapper.unwrap(wrapped, &subject.purpose(id));
        let key = key.ok_or(damaged("it does not unwrap: its bytes were changed"))?;
        Ok(Self { subject, key })
    }
}
