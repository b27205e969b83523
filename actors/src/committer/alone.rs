//! A committer without actors before it.

use std::sync::Arc;

use everlog_domain::event::Recorded;
use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Append, ProjectHead};
use everlog_domain::ports::{Log, Rows};
use tokio::sync::oneshot;

use super::intake::{Outcome, Submission};
use super::start::{Committer, Parts};
use crate::directory::Directory;
use crate::live::Hub;
use crate::options::NodeOptions;
use crate::request::Refused;

/// The committer of a node by itself, for load generators that ask what the log takes. Nobody
/// authorises, and nothing bounds what waits.
pub struct CommitterAlone(Committer);

impl CommitterAlone {
    /// Starts it. The rows must have reached the log's head.
    pub fn start(
        log: Arc<dyn Log>,
        rows: Arc<dyn Rows>,
        options: &NodeOptions,
    ) -> std::io::Result<Self> {
        let directory = Arc::new(Directory::new(Arc::clone(&rows), options.console_uid));
        let parts = Parts {
            log,
            rows,
            directory,
            hub: Hub::new(options.hub),
        };
        Committer::start(parts, options).map(Self)
    }

    /// Gives a project's head as of a commit, ahead of its first append.
    pub fn activate(&self, project: ProjectNumber, head: ProjectHead, as_of: CommitNumber) {
        self.0.activate(project, head, as_of);
    }

    /// Appends, and waits until the events are durable and projected.
    pub async fn append(&self, append: Append) -> Result<Vec<Arc<Recorded>>, Refused> {
        let (sender, outcome) = oneshot::channel();
        // Whoever gave up waiting needs no answer.
        let answer = Box::new(move |outcome| drop(sender.send(outcome)));
        let submitted = self.0.submit(Submission { append, answer });
        submitted.map_err(|_| Refused::Stopped)?;
        match outcome.await {
            Ok(Outcome::Committed { events, .. }) => Ok(events),
            Ok(Outcome::Conflict(conflict)) => Err(Refused::Failed {
                reason: conflict.to_string(),
            }),
            Ok(Outcome::DiskFull) => Err(Refused::DiskFull),
            Ok(Outcome::Stopped) | Err(_) => Err(Refused::Unknown),
        }
    }

    /// Commits what waits, and stops.
    pub async fn stop(&self) {
        self.0.drain().await;
    }
}
