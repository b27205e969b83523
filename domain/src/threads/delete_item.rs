//! Delete an item.

use super::{Facts, ItemDeleted, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Takes away what an item says. Its place stays, so that what follows it still does.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteItem {
    /// Which.
    pub item: ItemId,
}

impl DeleteItem {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        let posted = facts.changeable(thread)?;
        let deleted = ItemDeleted {
            was_open: thread.open.contains_key(&self.item),
            opened: posted.position,
            item: self.item,
        };
        Ok(vec![deleted.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        created, deleted, denials, given, guest, item_id, key, member, opened, owner, posted,
        stranger, viewer,
    };
    use crate::threads::{AppendDelta, Delta, ThreadCommand};

    fn delete() -> ThreadCommand {
        ThreadCommand::DeleteItem(DeleteItem {
            item: item_id("i1"),
        })
    }

    #[test]
    fn only_its_author_or_who_may_update_the_thread_deletes_it() {
        let forbidden = ThreadRefusal::Forbidden {
            action: Action::Create,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), forbidden),
            (member(), ThreadRefusal::NotTheAuthor),
        ];
        denials(&[created(), posted("i1", "user:owner")], &delete(), table);
        for caller in [member(), owner(), key()] {
            given([created(), posted("i1", "user:member")])
                .when(&caller, delete())
                .then(deleted("i1", 2));
        }
    }

    #[test]
    fn an_item_is_deleted_once() {
        given([created()])
            .when(&member(), delete())
            .refused(ThreadRefusal::ItemNotFound);
        given([created(), posted("i1", "user:member")])
            .when(&member(), delete())
            .then_granted()
            .when(&member(), delete())
            .refused(ThreadRefusal::ItemNotFound);
    }

    #[test]
    fn one_that_is_being_written_ends() {
        let append = AppendDelta {
            item: item_id("i1"),
            deltas: vec![Delta::Text {
                part: 0,
                text: "!".into(),
            }],
        };
        let gone = ItemDeleted {
            item: item_id("i1"),
            opened: Position(2),
            was_open: true,
        };
        given([created(), opened("i1")])
            .when(&member(), delete())
            .then(gone)
            .when(&member(), ThreadCommand::Append(append))
            .refused(ThreadRefusal::ItemNotOpen);
    }
}
