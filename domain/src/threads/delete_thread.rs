//! End a thread.

use super::{Facts, ThreadDeleted, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ThreadId;

/// Ends the thread. Its history stays in the log, under this life of its id.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteThread {
    /// Which.
    pub thread: ThreadId,
}

impl DeleteThread {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        state.authorised(facts.caller, Action::Delete)?;
        Ok(vec![
            ThreadDeleted {
                thread: self.thread,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::ThreadCommand;
    use crate::threads::given::{
        created, denials, given, guest, key, member, opened, owner, stranger, thread_id, viewer,
    };

    fn delete() -> ThreadCommand {
        ThreadCommand::Delete(DeleteThread {
            thread: thread_id(),
        })
    }

    #[test]
    fn it_takes_the_delete_permission() {
        let lacks = || ThreadRefusal::Forbidden {
            action: Action::Delete,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), lacks()),
            (member(), lacks()),
        ];
        denials(&[created()], &delete(), table);
    }

    #[test]
    fn what_is_gone_is_not_found_by_anybody() {
        let thread = || {
            given([created()])
                .when(&owner(), delete())
                .then(ThreadDeleted {
                    thread: thread_id(),
                })
        };
        for caller in [owner(), member(), key()] {
            thread()
                .when(&caller, delete())
                .refused(ThreadRefusal::NotFound);
        }
    }

    #[test]
    fn the_last_life_leaves_its_head_for_the_next_append() {
        let thread = given([created(), opened("i1")])
            .when(&key(), delete())
            .then_granted();
        let head = thread.state().head().unwrap();
        assert_eq!((head.incarnation.0, head.position.0), (1, 3));
    }
}
