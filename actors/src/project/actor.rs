//! One command at a time: load, decide, append, wait, answer. What limits it is the hashing of
//! passwords at the edge, not the wait for a commit.

use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Append, Basis, Conflict, Draft, Expected};
use everlog_domain::ports::{Log, RowsView};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::plan::{Plan, plan};
use crate::activator::Activator;
use crate::admission::Permit;
use crate::branches::Membership;
use crate::committer::{Outcome, Submission};
use crate::directory::Directory;
use crate::earlier::granted_before;
use crate::reads::Reads;
use crate::registry::Registry;
use crate::request::{Granted, ProjectRequest, Refused};

/// How often one request is decided again before it is turned away.
const MOST_ATTEMPTS: u32 = 8;

/// What all project actors of a node share.
pub(crate) struct ProjectWorld {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) reads: Reads,
    pub(crate) directory: Arc<Directory>,
    pub(crate) activator: Activator,
    pub(crate) registry: Registry<ProjectNumber, ProjectMessage>,
    pub(crate) idle: Duration,
}

/// A request with whom to answer and the permit under which it came.
pub(crate) struct ProjectAsked {
    pub(crate) request: ProjectRequest,
    pub(crate) reply: oneshot::Sender<Result<Granted, Refused>>,
    pub(crate) permit: Permit,
}

/// The mailbox.
pub(crate) enum ProjectMessage {
    Ask(Box<ProjectAsked>),
    CheckIdle,
    /// Behind everything that was sent before the actor left the registry.
    Leave,
}

/// The actor of one project.
pub(crate) struct ProjectActor {
    pub(crate) world: Arc<ProjectWorld>,
    pub(crate) project: ProjectNumber,
    pub(crate) _membership: Membership,
}

impl Actor for ProjectActor {
    type Msg = ProjectMessage;
    type State = Instant;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_after(self.world.idle, || ProjectMessage::CheckIdle);
        Ok(Instant::now())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        used: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ProjectMessage::Ask(asked) => {
                *used = Instant::now();
                let ProjectAsked {
                    request,
                    reply,
                    permit,
                } = *asked;
                let result = self.grant(request).await;
                drop(reply.send(result)); // whoever asked may have gone
                drop(permit);
            }
            ProjectMessage::CheckIdle if used.elapsed() >= self.world.idle => {
                self.world.registry.remove(&self.project, myself.get_id());
                drop(myself.send_message(ProjectMessage::Leave));
            }
            ProjectMessage::CheckIdle => {
                myself.send_after(self.world.idle, || ProjectMessage::CheckIdle);
            }
            ProjectMessage::Leave => myself.stop(None),
        }
        Ok(())
    }
}

impl ProjectActor {
    async fn grant(&self, request: ProjectRequest) -> Result<Granted, Refused> {
        let mut as_of = CommitNumber(0);
        for _ in 0..MOST_ATTEMPTS {
            self.world.activator.activate(self.project).await?;
            self.world.activator.committer.visible(as_of).await;
            let plan = match self.plan(&request).await? {
                Planned::Repeated(granted) => return Ok(granted),
                Planned::Fresh(plan) if plan.events.is_empty() => return Ok(nothing_changes()),
                Planned::Fresh(plan) => plan,
            };
            match self.append(&request, plan).await? {
                Outcome::Committed { events, .. } => {
                    return Ok(Granted {
                        events,
                        repeated: false,
                    });
                }
                Outcome::Conflict(Conflict::Access { .. }) => return Err(Refused::AccessMoved),
                Outcome::Conflict(Conflict::Stale { horizon, .. }) => as_of = horizon,
                Outcome::Conflict(Conflict::Inactive { project }) => {
                    self.world.activator.forget(project)
                }
                // A duplicate is visible by now, so the next plan finds and answers it.
                Outcome::Conflict(Conflict::Position { .. } | Conflict::Duplicate { .. }) => {}
                Outcome::DiskFull => return Err(Refused::DiskFull),
                Outcome::Stopped => return Err(Refused::Unknown),
            }
        }
        Err(Refused::Busy {
            retry_after: Duration::from_secs(1),
        })
    }

    async fn plan(&self, request: &ProjectRequest) -> Result<Planned, Refused> {
        let (project, wish, now) = (self.project, request.wish, request.now);
        let command = request.command.clone();
        let read = move |view: &dyn RowsView, log: &dyn Log| match granted_before(
            view,
            log,
            project,
            wish.as_ref(),
            now,
        )? {
            Some(granted) => Ok(Planned::Repeated(granted)),
            None => plan(view, project, command).map(Planned::Fresh),
        };
        self.world.reads.run(project, read).await?
    }

    async fn append(&self, request: &ProjectRequest, plan: Plan) -> Result<Outcome, Refused> {
        let uid = self
            .world
            .directory
            .uid(self.project)?
            .ok_or(Refused::NoSuchProject)?;
        let Plan {
            stream,
            head,
            as_of,
            subject,
            claims,
            events,
        } = plan;
        let seal = |event: everlog_domain::event::Event| {
            let sealed = self.world.log.seal(uid, &subject, &event)?;
            Ok(Draft {
                stream: stream.clone(),
                event,
                sealed,
            })
        };
        let drafts = events
            .into_iter()
            .map(seal)
            .collect::<Result<Vec<_>, Refused>>()?;
        let append = Append {
            project: self.project,
            ticket: None,
            expected: vec![Expected {
                stream: stream.clone(),
                head,
                basis: Basis::Durable,
            }],
            as_of,
            claims,
            access_epoch: Some(request.caller.access_epoch),
            idempotency: request.wish,
            principal: request.caller.principal.clone(),
            on_behalf_of: request.caller.on_behalf_of.clone(),
            cause: request.command.cause(),
            time: request.now,
            drafts,
        };
        let (sender, receiver) = oneshot::channel();
        let answer = Box::new(move |outcome| drop(sender.send(outcome)));
        let submission = Submission { append, answer };
        self.world
            .activator
            .committer
            .submit(submission)
            .map_err(|_| Refused::Stopped)?;
        receiver.await.map_err(|_| Refused::Unknown)
    }
}

const fn nothing_changes() -> Granted {
    Granted {
        events: Vec::new(),
        repeated: false,
    }
}

enum Planned {
    Repeated(Granted),
    Fresh(Plan),
}
