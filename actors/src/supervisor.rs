//! The supervision tree: node → project → its project actor and thread actors.
//!
//! A child that fails is not restarted at once: its supervisor takes it out of the registry, and
//! the next request for it spawns a fresh one, which loads what is durable. The default handler of
//! ractor would stop the parent on any child's exit.

use std::sync::{Arc, Weak};
use std::time::Duration;

use everlog_domain::ids::{ProjectNumber, ProjectUid};
use ractor::{
    Actor, ActorCell, ActorProcessingErr, ActorRef, ActorRuntime, SpawnErr, SupervisionEvent,
};

use crate::branches::{Branches, Membership};
use crate::project::{ProjectActor, ProjectMessage, ProjectWorld};
use crate::thread::{ThreadActor, ThreadKey, ThreadMessage, ThreadWorld};

/// How long a stop waits for the actors of one project.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The tree of a node's actors.
pub(crate) struct Tree {
    root: ActorCell,
    branches: Arc<Branches>,
    threads: Arc<ThreadWorld>,
    projects: Arc<ProjectWorld>,
}

impl Tree {
    /// A tree with nothing but its root.
    pub(crate) async fn new(
        threads: Arc<ThreadWorld>,
        projects: Arc<ProjectWorld>,
    ) -> Result<Self, SpawnErr> {
        let (root, _) = ActorRuntime::spawn(None, NodeSupervisor, ()).await?;
        Ok(Self {
            root: root.get_cell(),
            branches: Arc::default(),
            threads,
            projects,
        })
    }

    /// Spawns a thread actor under its project's supervisor.
    pub(crate) fn thread(
        &self,
        key: &ThreadKey,
        uid: ProjectUid,
    ) -> Option<ActorRef<ThreadMessage>> {
        self.spawn(key.0, |membership| ThreadActor {
            world: Arc::clone(&self.threads),
            key: key.clone(),
            uid,
            _membership: membership,
        })
    }

    /// Spawns a project actor under its project's supervisor.
    pub(crate) fn project(&self, project: ProjectNumber) -> Option<ActorRef<ProjectMessage>> {
        self.spawn(project, |membership| ProjectActor {
            world: Arc::clone(&self.projects),
            project,
            _membership: membership,
        })
    }

    fn spawn<A: Actor<Arguments = ()>>(
        &self,
        project: ProjectNumber,
        actor: impl FnOnce(Membership) -> A,
    ) -> Option<ActorRef<A::Msg>> {
        let supervisor = || self.supervisor();
        let (membership, supervisor) = self.branches.join(project, supervisor)?;
        spawn_under(supervisor, actor(membership))
    }

    fn supervisor(&self) -> Option<ActorCell> {
        let supervisor = ProjectSupervisor {
            threads: Arc::downgrade(&self.threads),
            projects: Arc::downgrade(&self.projects),
        };
        let spawned = spawn_under(self.root.clone(), supervisor);
        spawned.map(|supervisor| supervisor.get_cell())
    }

    /// Spawns no more actors, waits until each has worked off its mailbox, and stops them.
    pub(crate) async fn stop(&self) {
        for supervisor in self.branches.close() {
            // Draining, unlike stopping, does not overtake the answers in the mailboxes.
            supervisor.drain_children_and_wait(Some(STOP_WITHIN)).await;
            supervisor.stop(None);
        }
        self.root.stop(None);
    }

    /// How many projects have actors.
    #[cfg(test)]
    pub(crate) fn projects_in_memory(&self) -> usize {
        self.branches.len()
    }
}

fn spawn_under<A: Actor<Arguments = ()>>(
    supervisor: ActorCell,
    actor: A,
) -> Option<ActorRef<A::Msg>> {
    let spawned = ActorRuntime::spawn_linked_instant(None, actor, (), supervisor);
    spawned.ok().map(|(actor, _)| actor)
}

/// A supervisor has nothing to be told.
enum Never {}

/// Supervises the projects' supervisors.
struct NodeSupervisor;

impl Actor for NodeSupervisor {
    type Msg = Never;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Never>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Never>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(actor, error) = event {
            report(&actor, &error);
        }
        Ok(())
    }
}

/// Supervises a project's actors. It may end a little later than its node, whose engines it must
/// not hold.
struct ProjectSupervisor {
    threads: Weak<ThreadWorld>,
    projects: Weak<ProjectWorld>,
}

impl Actor for ProjectSupervisor {
    type Msg = Never;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Never>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Never>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(actor, error) = event {
            report(&actor, &error);
            if let Some(threads) = self.threads.upgrade() {
                threads.registry.forget(actor.get_id());
            }
            if let Some(projects) = self.projects.upgrade() {
                projects.registry.forget(actor.get_id());
            }
        }
        Ok(())
    }
}

fn report(actor: &ActorCell, error: &ActorProcessingErr) {
    metrics::counter!("everlog_actor_failures_total").increment(1);
    tracing::error!(actor = %actor.get_id(), %error, "an actor failed");
}
