//! What became of an append: answer, or decide again.

use std::time::Duration;

use everlog_domain::log::{Conflict, Ticket};
use everlog_domain::ports::{Log, RowsView};

use super::actor::{Asked, ThreadActor, ThreadShellState};
use crate::committer::Outcome;
use crate::earlier::repeated;
use crate::request::{Granted, Refused};

/// How often one request is decided again before it is turned away.
pub(super) const MOST_ATTEMPTS: u32 = 8;

impl ThreadActor {
    pub(super) async fn settle(
        &self,
        state: &mut ThreadShellState,
        ticket: Ticket,
        outcome: Outcome,
    ) {
        let Some(overlay) = state.overlay.as_mut() else {
            return;
        };
        let Some(append) = overlay.settle(ticket) else {
            return;
        };
        match outcome {
            Outcome::Committed { events, commit } => {
                overlay.commit(&events, commit);
                append.asked.answer(Ok(Granted {
                    events,
                    repeated: false,
                }));
            }
            refused => {
                overlay.spoil();
                self.refused(state, append.asked, refused).await;
            }
        }
        start_again_if_spoilt(state);
    }

    async fn refused(&self, state: &mut ThreadShellState, asked: Box<Asked>, outcome: Outcome) {
        match outcome {
            Outcome::Conflict(Conflict::Access { .. }) => asked.answer(Err(Refused::AccessMoved)),
            Outcome::Conflict(Conflict::Duplicate { first, body }) => {
                let granted = self.earlier_answer(&asked, (first, body)).await;
                asked.answer(granted);
            }
            Outcome::Conflict(Conflict::Stale { horizon, .. }) => {
                state.load_as_of = state.load_as_of.max(horizon);
                state.decide_again(asked);
            }
            Outcome::Conflict(Conflict::Inactive { project }) => {
                self.world.activator.forget(project);
                state.decide_again(asked);
            }
            Outcome::Conflict(Conflict::Position { .. }) => state.decide_again(asked),
            Outcome::DiskFull => asked.answer(Err(Refused::DiskFull)),
            Outcome::Stopped | Outcome::Committed { .. } => asked.answer(Err(Refused::Unknown)),
        }
    }

    async fn earlier_answer(
        &self,
        asked: &Asked,
        first: (everlog_domain::ids::Offset, everlog_domain::hash::Hash),
    ) -> Result<Granted, Refused> {
        let Some(wish) = asked.request.wish else {
            return Err(Refused::Unknown);
        };
        let project = self.key.0;
        let read = move |_: &dyn RowsView, log: &dyn Log| repeated(log, project, &wish, first);
        self.world.reads.run(project, read).await?
    }
}

pub(super) const fn busy() -> Refused {
    Refused::Busy {
        retry_after: Duration::from_secs(1),
    }
}

impl ThreadShellState {
    fn decide_again(&mut self, mut asked: Box<Asked>) {
        asked.attempts += 1;
        if asked.attempts >= MOST_ATTEMPTS {
            return asked.answer(Err(busy()));
        }
        self.again.push_back(asked);
    }
}

/// Once everything has settled, drops the spoilt state and puts what was refused back in front, in
/// its old order.
fn start_again_if_spoilt(state: &mut ThreadShellState) {
    if !state
        .overlay
        .as_ref()
        .is_some_and(|overlay| overlay.is_spoilt() && overlay.is_settled())
    {
        return;
    }
    state.overlay = None;
    while let Some(asked) = state.again.pop_back() {
        state.waiting.push_front(asked);
    }
}
