//! Gives the arbiter the heads of the projects that are written to.

use std::collections::HashSet;
use std::sync::Arc;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::log::ProjectHead;
use parking_lot::Mutex;

use crate::committer::Committer;
use crate::directory::Directory;
use crate::reads::Reads;
use crate::request::Refused;

/// Projects remembered as active before all are forgotten; activating again is harmless.
const REMEMBERED: usize = 100_000;

/// See the module's description.
#[derive(Clone)]
pub(crate) struct Activator {
    pub(crate) committer: Committer,
    pub(crate) directory: Arc<Directory>,
    pub(crate) reads: Reads,
    active: Arc<Mutex<HashSet<ProjectNumber>>>,
}

impl Activator {
    pub(crate) fn new(committer: Committer, directory: Arc<Directory>, reads: Reads) -> Self {
        Self {
            committer,
            directory,
            reads,
            active: Arc::default(),
        }
    }

    /// Makes sure that the arbiter knows the project's head before the appends that follow.
    pub(crate) async fn activate(&self, project: ProjectNumber) -> Result<(), Refused> {
        if self.active.lock().contains(&project) {
            return Ok(());
        }
        let directory = Arc::clone(&self.directory);
        let read = move |view: &dyn everlog_domain::ports::RowsView,
                         _: &dyn everlog_domain::ports::Log| {
            let head = match view.project_head(project)? {
                Some(head) => Some(head),
                None => directory.uid(project)?.map(ProjectHead::empty),
            };
            Ok::<_, Refused>(head.map(|head| (head, view.commit())))
        };
        let (head, as_of) = self
            .reads
            .run(project, read)
            .await??
            .ok_or(Refused::NoSuchProject)?;
        self.committer.activate(project, head, as_of);
        let mut active = self.active.lock();
        if active.len() >= REMEMBERED {
            active.clear();
        }
        active.insert(project);
        Ok(())
    }

    /// The arbiter has forgotten the project: it is activated again with the next append.
    pub(crate) fn forget(&self, project: ProjectNumber) {
        self.active.lock().remove(&project);
    }
}
