//! Post a whole item.

use super::item::{Author, NewItem};
use super::{Facts, ItemPosted, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;

/// Posts a whole item at the end of the thread.
#[derive(Debug, Clone, PartialEq)]
pub struct PostItem {
    /// The item.
    pub item: NewItem,
}

impl PostItem {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        if facts.item_exists || thread.open.contains_key(&self.item.id) {
            return Err(ThreadRefusal::ItemAlreadyExists);
        }
        self.item.check()?;
        facts.check_parent(&self.item)?;
        let author = Author::of(facts.caller, self.item.author.as_ref())?;
        let NewItem {
            id,
            role,
            parts,
            metadata,
            tokens,
            author: _,
            parent,
            mentions,
        } = self.item;
        let mentions = facts.mentioning(thread, &author).anew(mentions)?;
        Ok(vec![
            ItemPosted {
                item: id,
                author,
                role,
                parts,
                metadata,
                tokens,
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
        agent, author, created, deleted, denials, given, guest, item_id, key, member, new_item,
        opened, owner, person, posted as an_item, stranger, text, viewer,
    };
    use crate::threads::{
        Delta, ItemRole, MAX_ITEM_BYTES, MAX_PARTS, Metadata, Parent, Part, ThreadCommand,
    };
    use serde_json::json;

    fn post(item: NewItem) -> ThreadCommand {
        ThreadCommand::Post(PostItem { item })
    }

    fn with_parts(parts: Vec<Part>) -> ThreadCommand {
        post(NewItem {
            parts,
            ..new_item("i1")
        })
    }

    fn written_by(id: crate::threads::ParticipantId) -> ThreadCommand {
        post(NewItem {
            author: Some(id),
            ..new_item("i1")
        })
    }

    fn posted(author_text: &str) -> ItemPosted {
        ItemPosted {
            item: item_id("i1"),
            author: author(author_text),
            role: ItemRole::User,
            parts: vec![text("hello")],
            metadata: Metadata::default(),
            tokens: None,
            parent: None,
            mentions: None,
        }
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
        denials(&[created()], &post(new_item("i1")), table);
        denials(
            &[],
            &post(new_item("i1")),
            [(key(), ThreadRefusal::NotFound)],
        );
    }

    #[test]
    fn an_id_is_used_once_in_a_thread() {
        given([created()])
            .with_that_item()
            .when(&member(), post(new_item("i1")))
            .refused(ThreadRefusal::ItemAlreadyExists);
        given([created(), opened("i1")])
            .when(&owner(), post(new_item("i1")))
            .refused(ThreadRefusal::ItemAlreadyExists);
    }

    #[test]
    fn only_a_key_speaks_for_somebody_else() {
        for named in [person("owner"), agent("member")] {
            given([created()])
                .when(&member(), written_by(named))
                .refused(ThreadRefusal::AuthorNotOwn);
        }
        given([created()])
            .when(&member(), written_by(person("member")))
            .then(posted("user:member"));
        given([created()])
            .when(&key(), written_by(agent("tutor")))
            .then(posted("agent:tutor"));
    }

    #[test]
    fn content_is_bounded() {
        let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
        let data = |data| Part::Data {
            name: "chart".into(),
            data,
        };
        let table = [
            (
                vec![text(""); MAX_PARTS + 1],
                ThreadRefusal::TooManyParts {
                    found: MAX_PARTS + 1,
                },
            ),
            (
                vec![text(&"x".repeat(MAX_ITEM_BYTES)), text("y")],
                ThreadRefusal::ItemTooLarge {
                    found: MAX_ITEM_BYTES + 1,
                },
            ),
            (
                vec![data(deep)],
                ThreadRefusal::Json(crate::threads::InvalidMetadata::TooDeep),
            ),
        ];
        for (parts, refusal) in table {
            given([created()])
                .when(&member(), with_parts(parts))
                .refused(refusal);
        }
        let largest = vec![text(&"x".repeat(MAX_ITEM_BYTES))];
        given([created()])
            .when(&member(), with_parts(largest))
            .then_granted();
    }

    #[test]
    fn what_an_item_follows_must_be_there() {
        let follows = |parent| {
            post(NewItem {
                parent: Some(parent),
                ..new_item("i2")
            })
        };
        let after = || follows(Parent::Item(item_id("i1")));
        given([created()])
            .when(&member(), after())
            .refused(ThreadRefusal::ParentNotFound);
        given([created(), an_item("i1", "user:owner"), deleted("i1", 2)])
            .when(&member(), after())
            .refused(ThreadRefusal::ParentNotFound);
        for command in [after(), follows(Parent::Beginning)] {
            given([created(), an_item("i1", "user:owner")])
                .when(&member(), command)
                .then_granted();
        }
    }

    #[test]
    fn an_item_is_posted_under_the_callers_name() {
        given([created()])
            .when(&member(), post(new_item("i1")))
            .then(posted("user:member"));
        given([created()])
            .when(&key(), post(new_item("i1")))
            .then(posted("key:key"));
    }

    #[test]
    fn a_posted_item_is_whole_and_takes_no_deltas() {
        let append = crate::threads::AppendDelta {
            item: item_id("i1"),
            deltas: vec![Delta::Text {
                part: 0,
                text: "!".into(),
            }],
        };
        given([created()])
            .when(&member(), post(new_item("i1")))
            .then_granted()
            .when(&member(), ThreadCommand::Append(append))
            .refused(ThreadRefusal::ItemNotOpen);
    }
}
