//! Give up an item that is being written.

use super::{Facts, ItemAbandoned, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Gives the item up. What was written stays readable, marked as abandoned.
#[derive(Debug, Clone, PartialEq)]
pub struct AbandonItem {
    /// Which.
    pub item: ItemId,
    /// Why, for people.
    pub reason: Option<String>,
}

impl AbandonItem {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        let progress = thread.item_in_progress(facts.caller, &self.item)?;
        let written = facts.written.ok_or(ThreadRefusal::ItemNotOpen)?;
        let abandoned = ItemAbandoned {
            opened: progress.opened,
            parts: written.parts.clone(),
            reason: self.reason,
            item: self.item,
        };
        Ok(vec![abandoned.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::ThreadCommand;
    use crate::threads::given::{
        created, denials, given, item_id, key, member, opened, owner, stranger, text, viewer,
    };

    fn abandon() -> ThreadCommand {
        ThreadCommand::Abandon(AbandonItem {
            item: item_id("i1"),
            reason: Some("the model went away".into()),
        })
    }

    #[test]
    fn only_its_author_or_who_may_update_the_thread_gives_it_up() {
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (
                viewer(),
                ThreadRefusal::Forbidden {
                    action: Action::Create,
                },
            ),
        ];
        denials(&[created(), opened("i1")], &abandon(), table);
        for caller in [member(), owner(), key()] {
            given([created(), opened("i1")])
                .when(&caller, abandon())
                .then_granted();
        }
    }

    #[test]
    fn an_item_is_given_up_once() {
        given([created(), opened("i1")])
            .when(&member(), abandon())
            .then_granted()
            .when(&member(), abandon())
            .refused(ThreadRefusal::ItemNotOpen);
    }

    #[test]
    fn what_was_written_stays_with_the_reason() {
        let abandoned = ItemAbandoned {
            item: item_id("i1"),
            opened: Position(2),
            parts: vec![text("so ")],
            reason: Some("the model went away".into()),
        };
        given([created(), opened("i1")])
            .when(&member(), abandon())
            .then(abandoned);
    }
}
