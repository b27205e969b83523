//! Which projects have a supervisor in memory. It comes with the first actor of its project and
//! goes with the last, so that a project that nobody writes to costs nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;
use ractor::ActorCell;

/// The supervisors by project.
#[derive(Default)]
pub(crate) struct Branches(Mutex<State>);

#[derive(Default)]
struct State {
    branches: HashMap<ProjectNumber, Branch>,
    closed: bool,
}

struct Branch {
    supervisor: ActorCell,
    /// Those that it has or is about to get.
    actors: usize,
}

/// An actor's place under the supervisor of its project. The actor holds it as long as it lives.
pub(crate) struct Membership {
    of: Arc<Branches>,
    project: ProjectNumber,
}

impl Branches {
    /// A place for one more actor under its project's supervisor, which is spawned if it is not
    /// there. Nothing once closed.
    pub(crate) fn join(
        self: &Arc<Self>,
        project: ProjectNumber,
        spawn: impl FnOnce() -> Option<ActorCell>,
    ) -> Option<(Membership, ActorCell)> {
        let mut state = self.0.lock();
        if state.closed {
            return None;
        }
        let branch = match state.branches.entry(project) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Branch {
                supervisor: spawn()?,
                actors: 0,
            }),
        };
        branch.actors += 1;
        let membership = Membership {
            of: Arc::clone(self),
            project,
        };
        Some((membership, branch.supervisor.clone()))
    }

    /// Lets no more actors join. Answers the supervisors.
    pub(crate) fn close(&self) -> Vec<ActorCell> {
        let mut state = self.0.lock();
        state.closed = true;
        let branches = state.branches.drain();
        branches.map(|(_, branch)| branch.supervisor).collect()
    }

    /// How many projects have a supervisor.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().branches.len()
    }

    fn leave(&self, project: ProjectNumber) {
        let mut state = self.0.lock();
        let Entry::Occupied(mut branch) = state.branches.entry(project) else {
            return; // closed meanwhile
        };
        branch.get_mut().actors -= 1;
        if branch.get().actors == 0 {
            // Behind what its actors told it as they ended, which stopping would overtake. An error
            // says that it has ended already.
            drop(branch.remove().supervisor.drain());
        }
    }
}

#[cfg(test)]
impl Membership {
    /// For an actor without a supervisor.
    pub(crate) fn of_nobody() -> Self {
        Self {
            of: Arc::default(),
            project: everlog_domain::ids::CONSOLE,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.of.leave(self.project);
    }
}
