//! A request on its way through the actor.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::admission::Permit;
use crate::request::{Granted, Refused, ThreadRequest};

/// How often one request is decided again before it is turned away.
const MOST_ATTEMPTS: u32 = 8;

/// A request with whom to answer and the permit under which it came.
pub(crate) struct Asked {
    pub(super) request: ThreadRequest,
    reply: oneshot::Sender<Result<Granted, Refused>>,
    permit: Permit,
    /// Bytes that the permit holds for what the request's fact repeats.
    repeats: usize,
    /// How often it was sent back.
    attempts: u32,
}

impl Asked {
    pub(crate) const fn new(
        request: ThreadRequest,
        reply: oneshot::Sender<Result<Granted, Refused>>,
        permit: Permit,
    ) -> Self {
        Self {
            request,
            reply,
            permit,
            repeats: 0,
            attempts: 0,
        }
    }

    /// Has the permit hold the bytes of what the fact repeats: once, however often the request is
    /// decided.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Refused> {
        if let Some(more @ 1..) = bytes.checked_sub(self.repeats) {
            self.permit.grow(more)?;
            self.repeats = bytes;
        }
        Ok(())
    }

    /// Counts that it was sent back. Answers whether it may be decided again.
    pub(super) const fn try_again(&mut self) -> bool {
        self.attempts += 1;
        self.attempts < MOST_ATTEMPTS
    }

    /// Answers. Whoever asked may have gone.
    pub(super) fn answer(self: Box<Self>, result: Result<Granted, Refused>) {
        drop(self.reply.send(result));
        drop(self.permit);
    }

    /// Turns it away: it was sent back too often.
    pub(super) fn turn_away(self: Box<Self>) {
        self.answer(Err(Refused::Busy {
            retry_after: Duration::from_secs(1),
        }));
    }
}

#[cfg(test)]
mod tests {
    use everlog_domain::access::Caller;
    use everlog_domain::ids::{Offset, ProjectNumber, ProjectUid, ThreadId};
    use everlog_domain::threads::{DeleteThread, ThreadCommand};
    use everlog_domain::time::Time;

    use super::*;
    use crate::admission::Admission;
    use crate::options::NodeOptions;
    use crate::request::IdOrigin;

    const PROJECT: ProjectNumber = ProjectNumber(2);
    const KIB: usize = 1024;

    #[test]
    fn what_a_fact_repeats_is_held_once_however_often_it_is_decided() {
        let admission = Admission::new(&NodeOptions {
            write_bytes: 128 * KIB,
            ..NodeOptions::new(ProjectUid([1; 16]))
        });
        let (reply, _answer) = oneshot::channel();
        let request = ThreadRequest {
            caller: Caller::guest(PROJECT, Offset(0)),
            thread: ThreadId::from_seed(b"thread"),
            command: ThreadCommand::Delete(DeleteThread {
                thread: ThreadId::from_seed(b"thread"),
            }),
            item_id: IdOrigin::Random,
            wish: None,
            now: Time(0),
        };
        let permit = admission.permit(PROJECT, 1).unwrap();
        let mut asked = Asked::new(request, reply, permit);
        // The project has 64 blocks, of which the request took one.
        while asked.try_again() {
            asked.hold(30 * KIB - 1).unwrap();
        }
        assert!(admission.permit(PROJECT, 32 * KIB).is_ok());
        asked.hold(50 * KIB).unwrap();
        assert!(admission.permit(PROJECT, 32 * KIB).is_err(), "it grew");
        assert!(asked.hold(200 * KIB).is_err());
    }
}
