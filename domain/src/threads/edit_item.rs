//! Change an item that is complete.

use super::item::{Part, check_parts, part_bytes};
use super::mention::mention_bytes;
use super::{Facts, ItemEdited, Mentions, Metadata, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Changes what an item says. What is absent stays.
#[derive(Debug, Clone, PartialEq)]
pub struct EditItem {
    /// Which.
    pub item: ItemId,
    /// Its content in place of what it said.
    pub parts: Option<Vec<Part>>,
    /// Metadata in place of what it had.
    pub metadata: Option<Metadata>,
    /// Tokens that it counts.
    pub tokens: Option<u32>,
    /// Whom it mentions in place of whom it did.
    pub mentions: Option<Mentions>,
}

impl EditItem {
    /// Bytes that it brings, roughly.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.parts.iter().flatten().map(part_bytes);
        let mentions = self.mentions.as_ref().map_or(0, mention_bytes);
        parts.sum::<usize>() + self.metadata.as_ref().map_or(0, Metadata::bytes) + mentions
    }

    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        let posted = facts.changeable(thread)?;
        if thread.open.contains_key(&self.item) {
            return Err(ThreadRefusal::ItemStillOpen);
        }
        let mentions = match self.mentions {
            Some(named) => facts.mentions_instead(thread, named)?,
            None => None,
        };
        let others = self.parts.is_some() || self.metadata.is_some() || self.tokens.is_some();
        if !others && mentions.is_none() {
            return Ok(Vec::new());
        }
        check_parts(self.parts.as_deref().unwrap_or_default())?;
        let edited = ItemEdited {
            item: self.item,
            opened: posted.position,
            parts: self.parts,
            metadata: self.metadata,
            tokens: self.tokens,
            mentions,
        };
        Ok(vec![edited.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        agent, created, deleted, denials, given, guest, item_id, key, member, metadata, opened,
        owner, posted, stranger, text, viewer,
    };
    use crate::threads::{MAX_ITEM_BYTES, ThreadCommand};

    fn edit(parts: Option<Vec<Part>>) -> ThreadCommand {
        ThreadCommand::Edit(EditItem {
            item: item_id("i1"),
            parts,
            metadata: None,
            tokens: None,
            mentions: None,
        })
    }

    fn say(words: &str) -> ThreadCommand {
        edit(Some(vec![text(words)]))
    }

    fn edited(words: &str) -> ItemEdited {
        ItemEdited {
            item: item_id("i1"),
            opened: Position(2),
            parts: Some(vec![text(words)]),
            metadata: None,
            tokens: None,
            mentions: None,
        }
    }

    #[test]
    fn only_its_author_or_who_may_update_the_thread_changes_it() {
        let forbidden = ThreadRefusal::Forbidden {
            action: Action::Create,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), forbidden),
            (member(), ThreadRefusal::NotTheAuthor),
        ];
        denials(&[created(), posted("i1", "user:owner")], &say("no"), table);
        let absent = [(key(), ThreadRefusal::NotFound)];
        denials(&[], &say("no"), absent);
        for caller in [member(), owner(), key()] {
            given([created(), posted("i1", "user:member")])
                .when(&caller, say("better"))
                .then(edited("better"));
        }
        let of_agent = posted("i1", &agent("tutor").to_string());
        given([created(), of_agent])
            .when(&member(), say("no"))
            .refused(ThreadRefusal::NotTheAuthor);
    }

    #[test]
    fn what_a_guest_wrote_is_no_guests_own() {
        let mut access = crate::threads::given::access();
        access.permissions =
            crate::threads::given::permissions(&["read(\"any\")", "create(\"any\")"]);
        let open = crate::threads::ThreadPermissionsChanged { access };
        let history = [created(), posted("i1", "guest"), open.into()];
        let not_own = [(guest(), ThreadRefusal::NotTheAuthor)];
        denials(&history, &say("no"), not_own);
    }

    #[test]
    fn what_is_not_there_or_not_complete_is_not_changed() {
        given([created()])
            .when(&member(), say("no"))
            .refused(ThreadRefusal::ItemNotFound);
        given([created(), opened("i1")])
            .when(&member(), say("no"))
            .refused(ThreadRefusal::ItemStillOpen);
        given([created(), posted("i1", "user:member"), deleted("i1", 2)])
            .when(&member(), say("no"))
            .refused(ThreadRefusal::ItemNotFound);
    }

    #[test]
    fn what_is_absent_stays() {
        given([created(), posted("i1", "user:member")])
            .when(&member(), edit(None))
            .then_nothing();
        let command = EditItem {
            item: item_id("i1"),
            parts: None,
            metadata: Some(metadata()),
            tokens: Some(7),
            mentions: None,
        };
        given([created(), posted("i1", "user:member")])
            .when(&member(), ThreadCommand::Edit(command))
            .then(ItemEdited {
                item: item_id("i1"),
                opened: Position(2),
                parts: None,
                metadata: Some(metadata()),
                tokens: Some(7),
                mentions: None,
            });
    }

    #[test]
    fn content_is_bounded() {
        let large = "x".repeat(MAX_ITEM_BYTES + 1);
        given([created(), posted("i1", "user:member")])
            .when(&member(), say(&large))
            .refused(ThreadRefusal::ItemTooLarge {
                found: MAX_ITEM_BYTES + 1,
            });
    }
}
