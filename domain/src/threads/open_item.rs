//! Begin an item that is being written.

use super::bounds::{MAX_OPEN_ITEMS, MAX_OPEN_ITEMS_OF_AN_AUTHOR};
use super::item::{Author, NewItem};
use super::{Facts, ItemOpened, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;

/// Begins an item to which deltas are appended until it is finished or abandoned.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenItem {
    /// The item's beginning.
    pub item: NewItem,
}

impl OpenItem {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        if facts.item_exists || thread.open.contains_key(&self.item.id) {
            return Err(ThreadRefusal::ItemAlreadyExists);
        }
        if thread.open.len() >= MAX_OPEN_ITEMS {
            return Err(ThreadRefusal::TooManyOpenItems);
        }
        self.item.check()?;
        facts.check_parent(&self.item)?;
        let author = Author::of(facts.caller, self.item.author.as_ref())?;
        let of_author = thread.open.values().filter(|open| open.author == author);
        if of_author.count() >= MAX_OPEN_ITEMS_OF_AN_AUTHOR {
            return Err(ThreadRefusal::TooManyOpenItemsOfAuthor);
        }
        let NewItem {
            id,
            role,
            parts,
            metadata,
            tokens: _,
            author: _,
            parent,
            mentions,
        } = self.item;
        let mentions = facts.mentioning(thread, &author).anew(mentions)?;
        Ok(vec![
            ItemOpened {
                item: id,
                author,
                role,
                parts,
                metadata,
                parent: parent.or_else(|| thread.next_parent()),
                mentions,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::given::{
        author, created, denials, given, guest, item_id, key, member, new_item, opened, owner,
        person, stranger, text, viewer,
    };
    use crate::threads::{AbandonItem, ItemRole, MAX_PARTS, Metadata, ThreadCommand};

    fn open(id: &str) -> ThreadCommand {
        ThreadCommand::Open(OpenItem { item: new_item(id) })
    }

    #[test]
    fn it_takes_the_create_permission() {
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (
                viewer(),
                ThreadRefusal::Forbidden {
                    action: Action::Create,
                },
            ),
        ];
        denials(&[created()], &open("i1"), table);
    }

    #[test]
    fn an_id_is_used_once_in_a_thread() {
        given([created()])
            .with_that_item()
            .when(&member(), open("i1"))
            .refused(ThreadRefusal::ItemAlreadyExists);
        given([created(), opened("i1")])
            .when(&member(), open("i1"))
            .refused(ThreadRefusal::ItemAlreadyExists);
    }

    #[test]
    fn only_a_key_speaks_for_somebody_else() {
        let named = OpenItem {
            item: NewItem {
                author: Some(person("owner")),
                ..new_item("i1")
            },
        };
        given([created()])
            .when(&member(), ThreadCommand::Open(named))
            .refused(ThreadRefusal::AuthorNotOwn);
    }

    #[test]
    fn content_is_bounded_from_the_start() {
        let large = OpenItem {
            item: NewItem {
                parts: vec![text(""); MAX_PARTS + 1],
                ..new_item("i1")
            },
        };
        given([created()])
            .when(&member(), ThreadCommand::Open(large))
            .refused(ThreadRefusal::TooManyParts {
                found: MAX_PARTS + 1,
            });
    }

    #[test]
    fn open_items_are_bounded_until_one_is_closed() {
        let many = (0..MAX_OPEN_ITEMS).map(|n| opened(&format!("i{n}")));
        let full = || given([created()]).and(many.clone());
        for caller in [member(), owner(), key()] {
            full()
                .when(&caller, open("one-more"))
                .refused(ThreadRefusal::TooManyOpenItems);
        }
        let abandon = AbandonItem {
            item: item_id("i0"),
            reason: None,
        };
        full()
            .when(&member(), ThreadCommand::Abandon(abandon))
            .then_granted()
            .when(&owner(), open("one-more"))
            .then_granted();
    }

    #[test]
    fn an_author_leaves_room_for_others() {
        let many = (0..MAX_OPEN_ITEMS_OF_AN_AUTHOR).map(|n| opened(&format!("i{n}")));
        let busy = || given([created()]).and(many.clone());
        let by_key = |author| {
            ThreadCommand::Open(OpenItem {
                item: NewItem {
                    author: Some(person(author)),
                    ..new_item("one-more")
                },
            })
        };
        for (caller, command) in [(member(), open("one-more")), (key(), by_key("member"))] {
            busy()
                .when(&caller, command)
                .refused(ThreadRefusal::TooManyOpenItemsOfAuthor);
        }
        for (caller, command) in [(owner(), open("one-more")), (key(), by_key("viewer"))] {
            busy().when(&caller, command).then_granted();
        }
        let abandon = AbandonItem {
            item: item_id("i0"),
            reason: None,
        };
        busy()
            .when(&member(), ThreadCommand::Abandon(abandon))
            .then_granted()
            .when(&member(), open("one-more"))
            .then_granted();
    }

    #[test]
    fn it_begins_with_what_was_sent() {
        let opened = ItemOpened {
            item: item_id("i1"),
            author: author("user:member"),
            role: ItemRole::User,
            parts: vec![text("hello")],
            metadata: Metadata::default(),
            parent: None,
            mentions: None,
        };
        given([created()]).when(&member(), open("i1")).then(opened);
    }
}
