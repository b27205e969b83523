//! Pin an item, or unpin it.

use super::marks::MAX_PINS;
use super::{Facts, ItemPinned, ItemUnpinned, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Has an item be pinned in its thread, or not.
#[derive(Debug, Clone, PartialEq)]
pub struct PinItem {
    /// Which.
    pub item: ItemId,
    /// Whether it is to be pinned.
    pub pinned: bool,
}

impl PinItem {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        state.authorised(facts.caller, Action::Update)?;
        let opened = facts.item.ok_or(ThreadRefusal::ItemNotFound)?.position;
        let marks = facts.marks.ok_or(ThreadRefusal::ItemNotFound)?;
        let item = self.item;
        match (self.pinned, marks.pinned) {
            (true, false) if marks.pins >= MAX_PINS => Err(ThreadRefusal::TooManyPins),
            (true, false) => Ok(vec![ItemPinned { item, opened }.into()]),
            (false, true) => Ok(vec![ItemUnpinned { item, opened }.into()]),
            (true, true) | (false, false) => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        created, denials, given, item_id, key, member, owner, posted, stranger, viewer,
    };
    use crate::threads::{Marks, ThreadCommand};

    fn pin(pinned: bool) -> ThreadCommand {
        ThreadCommand::Pin(PinItem {
            item: item_id("i1"),
            pinned,
        })
    }

    fn marks(pinned: bool, pins: usize) -> Marks {
        Marks {
            pinned,
            pins,
            ..Marks::default()
        }
    }

    #[test]
    fn who_may_update_the_thread_pins() {
        let forbidden = ThreadRefusal::Forbidden {
            action: Action::Update,
        };
        for pinned in [true, false] {
            let table = [
                (stranger(), ThreadRefusal::NotFound),
                (viewer(), forbidden.clone()),
                (member(), forbidden.clone()),
            ];
            denials(
                &[created(), posted("i1", "user:member")],
                &pin(pinned),
                table,
            );
            let nowhere = [(key(), ThreadRefusal::ItemNotFound)];
            denials(&[created()], &pin(pinned), nowhere);
        }
    }

    #[test]
    fn an_item_is_pinned_once_and_a_thread_has_so_many() {
        let (item, opened) = (item_id("i1"), Position(2));
        let thread = |marks| given([created(), posted("i1", "user:member")]).with_marks(marks);
        thread(marks(false, 99))
            .when(&owner(), pin(true))
            .then(ItemPinned {
                item: item.clone(),
                opened,
            });
        thread(marks(true, 100))
            .when(&owner(), pin(true))
            .then_nothing();
        thread(marks(false, 0))
            .when(&owner(), pin(false))
            .then_nothing();
        thread(marks(true, 1))
            .when(&owner(), pin(false))
            .then(ItemUnpinned { item, opened });
        thread(marks(false, MAX_PINS))
            .when(&owner(), pin(true))
            .refused(ThreadRefusal::TooManyPins);
    }
}
