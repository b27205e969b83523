//! The log as it is read for somebody: without what items said that have expired.
//!
//! Every read that is answered goes through [`crate::Reads`], which hands out this log, so that no
//! transport can show more than another. Whoever makes rows from the log reads it whole.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use everlog_domain::envelope::{Envelope, StreamKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest, Sealed};
use everlog_domain::ports::{
    AppendFailure, Log, ReadFailure, Rows, RowsFailure, RowsView, SealFailure, Subject, expired_in,
};
use everlog_domain::threads::Expired;
use parking_lot::Mutex;

/// See the module's description. Lasts for one read.
pub(crate) struct Disclosed {
    log: Arc<dyn Log>,
    rows: Arc<dyn Rows>,
    known: Mutex<Known>,
}

/// What has expired, as far as it was looked up.
#[derive(Default)]
struct Known {
    view: Option<Box<dyn RowsView>>,
    /// Of lives of threads. As many as the read meets, which is bounded.
    lives: HashMap<(ProjectNumber, CompactString, Offset), Expired>,
}

impl Disclosed {
    pub(crate) fn new(log: Arc<dyn Log>, rows: Arc<dyn Rows>) -> Self {
        Self {
            log,
            rows,
            known: Mutex::default(),
        }
    }

    /// The view is taken after whoever reads took its own: it knows of as much, or of more.
    fn withhold(&self, mut events: Vec<Recorded>) -> Result<Vec<Recorded>, ReadFailure> {
        let mut known = self.known.lock();
        for recorded in &mut events {
            let of_thread = recorded.envelope.stream.kind == StreamKind::Thread;
            if !of_thread || !matches!(recorded.event, Event::Thread(_)) {
                continue;
            }
            let expired = known.expired(self.rows.as_ref(), &recorded.envelope);
            let expired = expired.map_err(|failure| ReadFailure::Engine {
                reason: failure.to_string(),
            })?;
            recorded.withhold(expired);
        }
        Ok(events)
    }
}

impl Known {
    fn expired(&mut self, rows: &dyn Rows, of: &Envelope) -> Result<&Expired, RowsFailure> {
        let life = (of.project, of.stream.id.clone(), of.incarnation);
        if !self.lives.contains_key(&life) {
            let view = self.view.get_or_insert_with(|| rows.view());
            let expired = expired_in(view.as_ref(), of.project, &of.stream.id, of.incarnation)?;
            self.lives.insert(life.clone(), expired);
        }
        Ok(self.lives.entry(life).or_default())
    }
}

impl Log for Disclosed {
    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.withhold(self.log.read(project, from, limit)?)
    }

    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.withhold(self.log.read_at(project, offsets)?)
    }

    fn envelopes(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Envelope>, ReadFailure> {
        self.log.envelopes(project, from, limit)
    }

    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure> {
        self.log.seal(uid, subject, event)
    }

    fn append(&self, batch: &Batch) -> Result<(), AppendFailure> {
        self.log.append(batch)
    }

    fn head(&self) -> CommitNumber {
        self.log.head()
    }

    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure> {
        self.log.manifests(after, limit)
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        self.log.stored_bytes(project)
    }

    fn hash_at(&self, project: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        self.log.hash_at(project, offset)
    }
}
