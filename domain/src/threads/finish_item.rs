//! Complete an item that is being written.

use super::{Facts, ItemFinished, Mentions, Metadata, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Completes the item with what has been written.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishItem {
    /// Which.
    pub item: ItemId,
    /// Tokens that it counts, if known.
    pub tokens: Option<u32>,
    /// Metadata in place of what it was opened with.
    pub metadata: Option<Metadata>,
    /// Whom it mentions in place of whom it did.
    pub mentions: Option<Mentions>,
}

impl FinishItem {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        let progress = thread.item_in_progress(facts.caller, &self.item)?;
        let written = facts.written.ok_or(ThreadRefusal::ItemNotOpen)?;
        let mentions = match self.mentions {
            Some(named) => facts.mentions_instead(thread, named)?,
            None => None,
        };
        let finished = ItemFinished {
            opened: progress.opened,
            parts: written.parts.clone(),
            metadata: self.metadata.unwrap_or_else(|| written.metadata.clone()),
            tokens: self.tokens,
            mentions,
            item: self.item,
        };
        Ok(vec![finished.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        created, denials, given, item_id, key, member, metadata, opened, owner, stranger, text,
        viewer,
    };
    use crate::threads::{AppendDelta, Delta, ThreadCommand};

    fn finish() -> FinishItem {
        FinishItem {
            item: item_id("i1"),
            tokens: Some(7),
            metadata: None,
            mentions: None,
        }
    }

    #[test]
    fn only_its_author_or_who_may_update_the_thread_finishes_it() {
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (
                viewer(),
                ThreadRefusal::Forbidden {
                    action: Action::Create,
                },
            ),
        ];
        let command = ThreadCommand::Finish(finish());
        denials(&[created(), opened("i1")], &command, table);
        for caller in [member(), owner(), key()] {
            given([created(), opened("i1")])
                .when(&caller, command.clone())
                .then_granted();
        }
    }

    #[test]
    fn an_item_is_finished_once() {
        let command = ThreadCommand::Finish(finish());
        given([created()])
            .when(&member(), command.clone())
            .refused(ThreadRefusal::ItemNotOpen);
        given([created(), opened("i1")])
            .when(&member(), command.clone())
            .then_granted()
            .when(&member(), command)
            .refused(ThreadRefusal::ItemNotOpen);
    }

    #[test]
    fn the_fact_holds_the_whole_item_so_that_deltas_may_go() {
        let append = AppendDelta {
            item: item_id("i1"),
            deltas: vec![Delta::Text {
                part: 0,
                text: "it is".into(),
            }],
        };
        let finished = ItemFinished {
            item: item_id("i1"),
            opened: Position(2),
            parts: vec![text("so it is")],
            metadata: metadata(),
            tokens: Some(7),
            mentions: None,
        };
        given([created(), opened("i1")])
            .when(&member(), ThreadCommand::Append(append))
            .then_granted()
            .when(&member(), ThreadCommand::Finish(finish()))
            .then(finished);
    }

    #[test]
    fn metadata_may_be_replaced_at_the_end() {
        let command = FinishItem {
            metadata: Some(Metadata::default()),
            ..finish()
        };
        let finished = ItemFinished {
            item: item_id("i1"),
            opened: Position(2),
            parts: vec![text("so ")],
            metadata: Metadata::default(),
            tokens: Some(7),
            mentions: None,
        };
        given([created(), opened("i1")])
            .when(&member(), ThreadCommand::Finish(command))
            .then(finished);
    }
}
