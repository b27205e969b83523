//! The face of the process's actors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use everlog_domain::access::{Caller, Privilege};
use everlog_domain::envelope::Idempotency;
use everlog_domain::ids::{CONSOLE, CommitNumber, Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::ports::{Log, Rows, RowsFailure};
use everlog_domain::projects::{ProjectRefusal, Quotas};
use everlog_domain::time::Time;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::activator::Activator;
use crate::admission::Admission;
use crate::committer::{Committer, Parts};
use crate::directory::Directory;
use crate::live::Hub;
use crate::options::NodeOptions;
use crate::project::{ProjectAsked, ProjectMessage, ProjectWorld};
use crate::quotas::WriteQuotas;
use crate::reads::Reads;
use crate::registry::Registry;
use crate::request::{Granted, Halt, ProjectCommand, ProjectRequest, Refused, ThreadRequest};
use crate::supervisor::Tree;
use crate::thread::{Asked, ThreadMessage, ThreadWorld};

/// Why a node did not start.
#[derive(Debug, Error)]
pub enum StartFailure {
    /// The rows are behind the log: they must be caught up before actors start.
    #[error("the rows are at commit {rows}, the log at {log}: catch the rows up first")]
    RowsBehind {
        /// Where the rows are.
        rows: CommitNumber,
        /// Where the log is.
        log: CommitNumber,
    },
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] RowsFailure),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Threads(#[from] std::io::Error),
    /// The root of the supervision tree could not be started.
    #[error("the supervisor could not be started: {0}")]
    Supervisor(String),
}

/// The committer, the actors, the reads and the live hub of a process.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Node")
    }
}

struct Inner {
    log: Arc<dyn Log>,
    rows: Arc<dyn Rows>,
    committer: Committer,
    directory: Arc<Directory>,
    admission: Admission,
    quotas: WriteQuotas,
    reads: Reads,
    hub: Hub,
    threads: Arc<ThreadWorld>,
    projects: Arc<ProjectWorld>,
    tree: Tree,
    stopping: AtomicBool,
}

impl Node {
    /// Starts the committer and the root of the supervision tree. The console's project has no
    /// event before its first user: until then its uid is the one in the options. Must run inside
    /// a tokio runtime.
    pub async fn start(
        log: Arc<dyn Log>,
        rows: Arc<dyn Rows>,
        options: NodeOptions,
    ) -> Result<Self, StartFailure> {
        if rows.reached() != log.head() {
            return Err(StartFailure::RowsBehind {
                rows: rows.reached(),
                log: log.head(),
            });
        }
        let console = rows
            .view()
            .project_head(CONSOLE)?
            .map_or(options.console_uid, |head| head.uid);
        let directory = Arc::new(Directory::new(Arc::clone(&rows), console));
        let hub = Hub::new(options.hub);
        let reads = |waiting| Reads::new(Arc::clone(&log), Arc::clone(&rows), &options, waiting);
        // Places of their own: lists of one tenant must not keep the actors of another waiting. For
        // whoever has a permit to write there is always room: nobody holds more than half of this.
        let actor_reads = reads(2 * options.writes);
        let reads = reads(options.reads_waiting);
        let parts = Parts {
            log: Arc::clone(&log),
            rows: Arc::clone(&rows),
            directory: Arc::clone(&directory),
            hub: hub.clone(),
        };
        let committer = Committer::start(parts, &options)?;
        let activator = Activator::new(
            committer.clone(),
            Arc::clone(&directory),
            actor_reads.clone(),
        );
        let threads = Arc::new(ThreadWorld {
            committer: committer.clone(),
            log: Arc::clone(&log),
            reads: actor_reads.clone(),
            registry: Registry::new(),
            idle: options.idle,
            idle_actors: options.idle_actors,
            activator: activator.clone(),
            tickets: AtomicU64::new(0),
        });
        let projects = Arc::new(ProjectWorld {
            log: Arc::clone(&log),
            reads: actor_reads,
            directory: Arc::clone(&directory),
            activator,
            registry: Registry::new(),
            idle: options.idle,
        });
        let tree = Tree::new(Arc::clone(&threads), Arc::clone(&projects)).await;
        let tree = tree.map_err(|error| StartFailure::Supervisor(error.to_string()))?;
        let node = Self(Arc::new(Inner {
            admission: Admission::new(&options),
            quotas: WriteQuotas::new(Arc::clone(&directory), Arc::clone(&log)),
            log,
            rows,
            committer,
            directory,
            reads,
            hub,
            threads,
            projects,
            tree,
            stopping: AtomicBool::new(false),
        }));
        Ok(node)
    }

    /// Grants or refuses a wish about a thread.
    pub async fn thread(&self, request: ThreadRequest) -> Result<Granted, Refused> {
        self.check_running()?;
        self.0.quotas.check(&request.caller)?;
        let key = (request.caller.project, request.thread.clone());
        let permit = self.0.admission.permit(key.0, request.command.bytes())?;
        let uid = self.0.directory.uid(key.0)?.ok_or(Refused::NoSuchProject)?;
        let (reply, answer) = oneshot::channel();
        let asked = Box::new(Asked::new(request, reply, permit));
        let registry = &self.0.threads.registry;
        let spawn = || self.0.tree.thread(&key, uid);
        let sent = registry.send(&key, ThreadMessage::Ask(asked), spawn);
        sent.map_err(|_| Refused::Stopped)?;
        answer.await.map_err(|_| Refused::Unknown)?
    }

    /// Grants or refuses a wish about a project's people or keys, or about projects.
    pub async fn project(&self, request: ProjectRequest) -> Result<Granted, Refused> {
        self.check_running()?;
        self.0.quotas.check(&request.caller)?;
        let project = request.caller.project;
        let bytes = request.command.bytes();
        let permit = self.0.admission.permit(project, bytes)?;
        let (reply, answer) = oneshot::channel();
        let asked = Box::new(ProjectAsked {
            request,
            reply,
            permit,
        });
        let registry = &self.0.projects.registry;
        let spawn = || self.0.tree.project(project);
        let sent = registry.send(&project, ProjectMessage::Ask(asked), spawn);
        sent.map_err(|_| Refused::Stopped)?;
        answer.await.map_err(|_| Refused::Unknown)?
    }

    /// The number of a project by its id.
    pub fn project_number(&self, id: &ProjectId) -> Result<Option<ProjectNumber>, Refused> {
        Ok(self.0.directory.number(id)?)
    }

    /// What a project may use at most.
    pub fn quotas(&self, project: ProjectNumber) -> Result<Quotas, Refused> {
        Ok(self.0.directory.quotas(project)?)
    }

    /// Makes a project, or finds it if it exists. For set-up, as the server itself.
    pub async fn ensure_project(
        &self,
        id: &ProjectId,
        name: &str,
        uid: ProjectUid,
        now: Time,
    ) -> Result<ProjectNumber, Refused> {
        if let Some(number) = self.project_number(id)? {
            return Ok(number);
        }
        let command = ProjectCommand::CreateProject {
            project: id.clone(),
            name: name.to_owned(),
            uid,
        };
        let caller = self.system(CONSOLE);
        let request = ProjectRequest {
            caller,
            command,
            wish: None::<Idempotency>,
            now,
        };
        match self.project(request).await {
            Ok(_) | Err(Refused::Project(ProjectRefusal::ProjectExists)) => {}
            Err(refused) => return Err(refused),
        }
        self.project_number(id)?.ok_or(Refused::NoSuchProject)
    }

    /// The server itself as a caller.
    #[must_use]
    pub fn system(&self, project: ProjectNumber) -> Caller {
        let mut caller = Caller::guest(project, self.caller_epoch(project));
        caller.principal = everlog_domain::access::Principal::System;
        caller.scopes = everlog_domain::access::Scopes::all();
        caller.privilege = Privilege::Key;
        caller
    }

    /// Which projects there are, and which have a rule of retention.
    pub(crate) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Reads, bounded.
    #[must_use]
    pub fn reads(&self) -> &Reads {
        &self.0.reads
    }

    /// Live subscriptions.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.0.log
    }

    /// The offset of the newest visible event that took from a caller of a project what it was
    /// authenticated by. Read it before the rows that a caller is authenticated by.
    #[must_use]
    pub fn caller_epoch(&self, project: ProjectNumber) -> Offset {
        self.0.directory.caller_epoch(project)
    }

    /// The offset of the newest visible event that changed anybody's access in a project.
    #[must_use]
    pub fn access_epoch(&self, project: ProjectNumber) -> Offset {
        self.0.directory.access_epoch(project)
    }

    /// The newest visible commit.
    #[must_use]
    pub fn reached(&self) -> CommitNumber {
        self.0.rows.reached()
    }

    /// How many thread and project actors are in memory.
    #[must_use]
    pub fn actors(&self) -> usize {
        self.0.threads.registry.len() + self.0.projects.registry.len()
    }

    /// Resolves when the node can go on no longer: the process must then stop.
    pub async fn halted(&self) -> Halt {
        self.0.committer.halted().await
    }

    /// Takes no more requests, commits what is under way, and stops the actors.
    pub async fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.committer.drain().await;
        self.0.tree.stop().await;
        self.0.reads.stop().await;
        self.0.threads.reads.stop().await;
    }

    fn check_running(&self) -> Result<(), Refused> {
        if self.0.stopping.load(Ordering::SeqCst) {
            Err(Refused::Stopped)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
