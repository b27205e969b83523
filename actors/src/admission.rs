//! Permits before mailboxes: ractor's mailboxes have no bound, so what may enter them has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::options::NodeOptions;
use crate::request::Refused;

/// Bytes are counted in blocks of this size, since a semaphore counts up to 2^32.
const BLOCK: usize = 1024;
/// Projects remembered before those without writes under way are forgotten.
const REMEMBERED: usize = 10_000;

/// Hands out permits. Full is an answer, never a wait.
#[derive(Debug)]
pub(crate) struct Admission {
    writes: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    per_project: usize,
    projects: Mutex<HashMap<ProjectNumber, Arc<Semaphore>>>,
}

/// The right to have one write under way. Kept until it is answered.
#[derive(Debug)]
pub(crate) struct Permit {
    _held: [OwnedSemaphorePermit; 3],
}

impl Admission {
    pub(crate) fn new(options: &NodeOptions) -> Self {
        Self {
            writes: Arc::new(Semaphore::new(options.writes)),
            bytes: Arc::new(Semaphore::new(options.write_bytes / BLOCK)),
            per_project: options.writes_per_project,
            projects: Mutex::new(HashMap::new()),
        }
    }

    /// A permit for a write of about so many bytes.
    pub(crate) fn permit(&self, project: ProjectNumber, bytes: usize) -> Result<Permit, Refused> {
        let blocks = u32::try_from(bytes / BLOCK + 1).unwrap_or(u32::MAX);
        let own = self.project(project);
        let acquire = || -> Result<Permit, tokio::sync::TryAcquireError> {
            let project = own.try_acquire_owned()?;
            let write = Arc::clone(&self.writes).try_acquire_owned()?;
            let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(blocks)?;
            Ok(Permit {
                _held: [project, write, bytes],
            })
        };
        acquire().map_err(|_| {
            metrics::counter!("everlog_writes_turned_away_total").increment(1);
            Refused::Busy {
                retry_after: Duration::from_secs(1),
            }
        })
    }

    fn project(&self, project: ProjectNumber) -> Arc<Semaphore> {
        let mut projects = self.projects.lock();
        if projects.len() > REMEMBERED {
            projects.retain(|_, permits| permits.available_permits() < self.per_project);
        }
        let fresh = || Arc::new(Semaphore::new(self.per_project));
        Arc::clone(projects.entry(project).or_insert_with(fresh))
    }
}
