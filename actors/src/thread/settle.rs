//! What became of an append: answer, or decide again.

use everlog_domain::log::{Conflict, Ticket};
use everlog_domain::ports::{Log, RowsView};

use super::actor::{ThreadActor, ThreadShellState};
use super::asked::Asked;
use super::overlay::Overlay;
use crate::committer::Outcome;
use crate::earlier::repeated;
use crate::request::{Granted, Refused};

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
                distrust(overlay, &refused);
                self.refused(state, append.asked, refused).await;
            }
        }
        state.start_again_if_spoilt();
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

/// Takes in what a refusal says of the actor's states.
fn distrust(overlay: &mut Overlay, refused: &Outcome) {
    match refused {
        // Neither who asks, nor a wish granted before, nor the disk moved the stream.
        Outcome::Conflict(Conflict::Access { .. } | Conflict::Duplicate { .. })
        | Outcome::DiskFull => overlay.void_ahead(),
        // It was decided on top of what was refused before it, and that is why.
        Outcome::Conflict(Conflict::Position { .. }) if overlay.is_spoilt() => overlay.void_ahead(),
        Outcome::Conflict(
            Conflict::Position { .. } | Conflict::Stale { .. } | Conflict::Inactive { .. },
        )
        | Outcome::Stopped
        | Outcome::Committed { .. } => overlay.doubt(),
    }
}

impl ThreadShellState {
    fn decide_again(&mut self, mut asked: Box<Asked>) {
        if asked.try_again() {
            self.again.push_back(asked);
        } else {
            asked.turn_away();
        }
    }

    /// The committer took nothing more: what went ahead for this append is void.
    pub(super) fn take_back(&mut self, ticket: Ticket) {
        let Some(overlay) = self.overlay.as_mut() else {
            return;
        };
        let append = overlay.settle(ticket);
        overlay.void_ahead();
        if let Some(append) = append {
            append.asked.answer(Err(Refused::Stopped));
        }
        self.start_again_if_spoilt();
    }

    /// Once everything has settled, goes back to the committed state, or drops it where it may be
    /// old, and puts what was refused back in front, in its old order.
    fn start_again_if_spoilt(&mut self) {
        let Some(overlay) = self.overlay.as_mut() else {
            return;
        };
        if !overlay.is_spoilt() || !overlay.is_settled() {
            return;
        }
        if !overlay.mend() {
            self.overlay = None;
        }
        while let Some(asked) = self.again.pop_back() {
            self.waiting.push_front(asked);
        }
    }
}
