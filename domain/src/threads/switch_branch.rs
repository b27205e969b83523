//! Go on somewhere else in the tree of items.

use super::{BranchSwitched, Facts, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Has the next item that names no other place follow this one.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchBranch {
    /// The item at the end of the branch.
    pub item: ItemId,
}

impl SwitchBranch {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        facts.item.ok_or(ThreadRefusal::ItemNotFound)?;
        if thread.continues.as_ref() == Some(&self.item) {
            return Ok(Vec::new());
        }
        Ok(vec![BranchSwitched { item: self.item }.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::given::{
        created, denials, given, item_id, member, new_item, posted, stranger, viewer,
    };
    use crate::threads::{ItemPosted, Parent, PostItem, ThreadCommand};

    fn switch(item: &str) -> ThreadCommand {
        ThreadCommand::Switch(SwitchBranch {
            item: item_id(item),
        })
    }

    fn post(id: &str, parent: Option<Parent>) -> ThreadCommand {
        let mut item = new_item(id);
        item.parent = parent;
        ThreadCommand::Post(PostItem { item })
    }

    fn switched(item: &str) -> BranchSwitched {
        BranchSwitched {
            item: item_id(item),
        }
    }

    fn parent_of(event: &ThreadEvent) -> Option<Parent> {
        match event {
            ThreadEvent::ItemPosted(ItemPosted { parent, .. }) => parent.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_takes_the_create_permission() {
        let forbidden = ThreadRefusal::Forbidden {
            action: Action::Create,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (viewer(), forbidden),
            (member(), ThreadRefusal::ItemNotFound),
        ];
        denials(&[created()], &switch("i1"), table);
    }

    #[test]
    fn the_next_item_goes_on_where_it_was_switched_to_and_the_one_after_it_follows() {
        let thread = given([
            created(),
            posted("i1", "user:owner"),
            posted("i2", "user:owner"),
        ])
        .when(&member(), switch("i1"))
        .then(switched("i1"));
        let first = thread.when(&member(), post("i3", None));
        assert_eq!(
            parent_of(first.only_event()),
            Some(Parent::Item(item_id("i1")))
        );
        let second = first.then_granted().when(&member(), post("i4", None));
        assert_eq!(parent_of(second.only_event()), None);
    }

    #[test]
    fn an_item_that_names_its_place_goes_there() {
        let thread = given([
            created(),
            posted("i1", "user:owner"),
            posted("i2", "user:owner"),
        ])
        .when(&member(), switch("i1"))
        .then(switched("i1"));
        let named = thread.when(&member(), post("i3", Some(Parent::Beginning)));
        assert_eq!(parent_of(named.only_event()), Some(Parent::Beginning));
        let next = named.then_granted().when(&member(), post("i4", None));
        assert_eq!(
            parent_of(next.only_event()),
            None,
            "the branch was left with it"
        );
    }

    #[test]
    fn to_switch_twice_is_to_switch_once() {
        given([created(), posted("i1", "user:owner")])
            .when(&member(), switch("i1"))
            .then(switched("i1"))
            .when(&member(), switch("i1"))
            .then_nothing();
    }
}
