//! The log port.

use compact_str::CompactString;
use thiserror::Error;

use crate::envelope::Envelope;
use crate::event::{Event, Recorded};
use crate::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use crate::log::{Batch, Manifest, Sealed};

/// Whose key encrypts a payload. Destroying the key erases everything about the subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The project itself.
    Project,
    /// A person.
    User(CompactString),
    /// A thread.
    Thread(CompactString),
}

/// Why a payload could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealFailure {
    /// Larger than a record may be.
    #[error("the payload has {found} bytes, a record holds at most {limit}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// The key store failed.
    #[error("the key store failed: {reason}")]
    Keys {
        /// What it said.
        reason: String,
    },
}

/// Why a batch is not in the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AppendFailure {
    /// Below the low-water mark of disk: nothing was written, later batches may succeed.
    #[error("the disk is below its low-water mark")]
    Full,
    /// A write or sync failed: what is on the disk is unknown until a restart reads it. The
    /// process must stop; the sync must never be tried again.
    #[error("the log failed: {reason}")]
    Broken {
        /// What the engine said.
        reason: String,
    },
}

/// Why events could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadFailure {
    /// A record is missing or does not read: damage, with its place.
    #[error("project {project}: the record at offset {offset} is damaged: {reason}")]
    Damaged {
        /// Which project.
        project: ProjectNumber,
        /// Which offset.
        offset: Offset,
        /// What is wrong with it.
        reason: String,
    },
    /// The record is sound, but the data key of its payload is gone: what it said is erased, or the
    /// key store lost it.
    #[error("project {}: the payload at offset {} cannot be read: data key {:016x} is missing", envelope.project, envelope.offset, envelope.key.0)]
    KeyMissing {
        /// What is known without the payload.
        envelope: Box<Envelope>,
    },
    /// The engine failed.
    #[error("the log cannot be read: {reason}")]
    Engine {
        /// What it said.
        reason: String,
    },
}

/// An append-only log of batches.
///
/// An engine MUST make [`Log::append`] atomic, and durable when it returns `Ok`. It MUST show a
/// batch to readers only once it is durable. It MUST keep batches in the order of their numbers,
/// and MUST answer with damage where a record is missing, never with fewer events.
pub trait Log: Send + Sync + 'static {
    /// Encodes and encrypts a payload under the subject's data key, which is made on first use and
    /// is durable before the first batch that needs it. Called on the appender's thread.
    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure>;

    /// Writes a batch and syncs it. The batch's number MUST be the one after [`Log::head`].
    fn append(&self, batch: &Batch) -> Result<(), AppendFailure>;

    /// The newest durable batch.
    fn head(&self) -> CommitNumber;

    /// Events of a project from an offset on, at most `limit`; empty past the end.
    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure>;

    /// Envelopes of a project's events from an offset on, at most `limit`; empty past the end. An
    /// engine that can leave the payloads closed is much faster at it than at [`Log::read`].
    fn envelopes(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Envelope>, ReadFailure> {
        let events = self.read(project, from, limit)?;
        Ok(events
            .into_iter()
            .map(|recorded| recorded.envelope)
            .collect())
    }

    /// Events at ascending offsets, all of which exist.
    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure>;

    /// Contents pages after a commit, at most `limit`, in order.
    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure>;

    /// Bytes that the project's durable events take, encrypted and with all that surrounds them.
    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure>;

    /// The hash of the event at an offset, as the next event names it.
    fn hash_at(
        &self,
        project: ProjectNumber,
        offset: Offset,
    ) -> Result<crate::hash::Hash, ReadFailure>;
}
