//! The supervision tree: node → project → its project actor and thread actors.
//!
//! A child that fails is not restarted at once: it is dropped from the registry, and the next
//! request for it spawns a fresh one, which loads what is durable. The default handler of ractor
//! would stop the parent on any child's exit.

use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::project::{ProjectActor, ProjectMessage, ProjectWorld};
use crate::thread::{ThreadActor, ThreadKey, ThreadMessage, ThreadWorld};

/// A supervisor has nothing to be told.
pub(crate) enum Never {}

/// Supervises the project supervisors, or a project's actors.
pub(crate) struct Supervisor {
    pub(crate) of: &'static str,
}

impl Actor for Supervisor {
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
            metrics::counter!("everlog_actor_failures_total").increment(1);
            tracing::error!(of = self.of, actor = %actor.get_id(), %error, "an actor failed");
        }
        Ok(())
    }
}

/// Spawns a thread actor under its project's supervisor.
pub(crate) fn spawn_thread(
    world: &Arc<ThreadWorld>,
    key: &ThreadKey,
    uid: everlog_domain::ids::ProjectUid,
    supervisor: ActorCell,
) -> Option<ActorRef<ThreadMessage>> {
    let actor = ThreadActor {
        world: Arc::clone(world),
        key: key.clone(),
        uid,
    };
    let spawned = ractor::ActorRuntime::spawn_linked_instant(None, actor, (), supervisor);
    spawned.ok().map(|(actor, _)| actor)
}

/// Spawns a project actor under its project's supervisor.
pub(crate) fn spawn_project(
    world: &Arc<ProjectWorld>,
    project: everlog_domain::ids::ProjectNumber,
    supervisor: ActorCell,
) -> Option<ActorRef<ProjectMessage>> {
    let actor = ProjectActor {
        world: Arc::clone(world),
        project,
    };
    let spawned = ractor::ActorRuntime::spawn_linked_instant(None, actor, (), supervisor);
    spawned.ok().map(|(actor, _)| actor)
}
