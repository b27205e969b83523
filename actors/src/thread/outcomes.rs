//! Outcomes on their way from the committer to an actor.

use std::sync::Arc;

use everlog_domain::log::Ticket;
use parking_lot::Mutex;

use crate::committer::Outcome;

/// What became of an actor's appends and was not looked at yet. A batch brings several to a busy
/// thread, and one message for all of them costs the committer's thread less than one for each.
/// No more wait here than are in flight.
#[derive(Clone, Default)]
pub(super) struct Outcomes(Arc<Mutex<Vec<(Ticket, Outcome)>>>);

impl Outcomes {
    /// Puts one in. Answers whether it is the first, so that the actor must be told.
    pub(super) fn put(&self, ticket: Ticket, outcome: Outcome) -> bool {
        let mut outcomes = self.0.lock();
        outcomes.push((ticket, outcome));
        outcomes.len() == 1
    }

    /// Takes them all, in order.
    pub(super) fn take(&self) -> Vec<(Ticket, Outcome)> {
        std::mem::take(&mut *self.0.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_those_that_wait_is_told_of() {
        let outcomes = Outcomes::default();
        let put = |ticket| outcomes.put(Ticket(ticket), Outcome::DiskFull);
        assert_eq!([put(1), put(2), put(3)], [true, false, false]);
        let taken: Vec<Ticket> = outcomes.take().into_iter().map(|(t, _)| t).collect();
        assert_eq!(taken, [Ticket(1), Ticket(2), Ticket(3)]);
        assert!(put(4), "nobody was told of it");
    }
}
