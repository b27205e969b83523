//! Say how far one has read.

use super::{Author, Facts, ThreadEvent, ThreadRead, ThreadRefusal, ThreadState};
use crate::access::{Action, Principal};
use crate::ids::ItemId;

/// Has the caller have read the thread up to an item. Whoever has read further stays there.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkRead {
    /// The last item that was read.
    pub item: ItemId,
}

impl MarkRead {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        state.authorised(facts.caller, Action::Read)?;
        if facts.caller.principal == Principal::Guest {
            return Err(ThreadRefusal::Nameless);
        }
        let opened = facts.item.ok_or(ThreadRefusal::ItemNotFound)?.position;
        let marks = facts.marks.ok_or(ThreadRefusal::ItemNotFound)?;
        if marks.read_to.is_some_and(|read| read >= opened) {
            return Ok(Vec::new());
        }
        let read = ThreadRead {
            by: Author::principal(&facts.caller.principal),
            item: self.item,
            opened,
        };
        Ok(vec![read.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        author, created, denials, given, guest, item_id, key, posted, stranger, viewer,
    };
    use crate::threads::{Marks, ThreadCommand, ThreadPermissionsChanged};

    fn read() -> ThreadCommand {
        ThreadCommand::MarkRead(MarkRead {
            item: item_id("i1"),
        })
    }

    fn read_to(position: u64) -> Marks {
        Marks {
            read_to: Some(Position(position)),
            ..Marks::default()
        }
    }

    #[test]
    fn who_may_read_the_thread_and_has_a_name_says_how_far() {
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
        ];
        denials(&[created(), posted("i1", "user:owner")], &read(), table);
        let mut access = crate::threads::given::access();
        access.permissions = crate::threads::given::permissions(&["read(\"any\")"]);
        let open = ThreadPermissionsChanged { access };
        let history = [created(), posted("i1", "user:owner"), open.into()];
        denials(&history, &read(), [(guest(), ThreadRefusal::Nameless)]);
        denials(
            &[created()],
            &read(),
            [(key(), ThreadRefusal::ItemNotFound)],
        );
    }

    #[test]
    fn nobody_goes_back() {
        let thread = |marks| given([created(), posted("i1", "user:owner")]).with_marks(marks);
        for marks in [Marks::default(), read_to(1)] {
            thread(marks).when(&viewer(), read()).then(ThreadRead {
                by: author("user:viewer"),
                item: item_id("i1"),
                opened: Position(2),
            });
        }
        for marks in [read_to(2), read_to(9)] {
            thread(marks).when(&viewer(), read()).then_nothing();
        }
    }
}
