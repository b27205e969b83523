//! Put a reaction on an item, or take it away.

use super::marks::{
    MAX_DIFFERENT_REACTIONS, MAX_REACTIONS, MAX_REACTIONS_OF_AN_AUTHOR, Reaction, ReactionCounts,
};
use super::{
    Author, Facts, ItemReactionAdded, ItemReactionRemoved, ThreadEvent, ThreadRefusal, ThreadState,
};
use crate::access::{Action, Principal};
use crate::ids::ItemId;

/// Has the caller's reaction stand on an item, or not.
#[derive(Debug, Clone, PartialEq)]
pub struct React {
    /// Which item.
    pub item: ItemId,
    /// The reaction.
    pub reaction: Reaction,
    /// Whether it is to stand there.
    pub stands: bool,
}

impl React {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        state.authorised(facts.caller, Action::Create)?;
        if facts.caller.principal == Principal::Guest {
            return Err(ThreadRefusal::Nameless);
        }
        let item = facts.item.ok_or(ThreadRefusal::ItemNotFound)?;
        let marks = facts.marks.ok_or(ThreadRefusal::ItemNotFound)?;
        if marks.own.contains(&self.reaction) == self.stands {
            return Ok(Vec::new());
        }
        let by = Author::principal(&facts.caller.principal);
        let mut counts = marks.reactions.clone();
        if !self.stands {
            lower(&mut counts, &self.reaction);
            let removed = ItemReactionRemoved {
                item: self.item,
                opened: item.position,
                reaction: self.reaction,
                by,
                counts,
            };
            return Ok(vec![removed.into()]);
        }
        let all: u32 = counts.values().sum();
        let is_new = !counts.contains_key(&self.reaction);
        if marks.own.len() >= MAX_REACTIONS_OF_AN_AUTHOR
            || (is_new && counts.len() >= MAX_DIFFERENT_REACTIONS)
            || usize::try_from(all).is_ok_and(|all| all >= MAX_REACTIONS)
        {
            return Err(ThreadRefusal::TooManyReactions);
        }
        *counts.entry(self.reaction.clone()).or_default() += 1;
        let added = ItemReactionAdded {
            item: self.item,
            opened: item.position,
            reaction: self.reaction,
            by,
            counts,
        };
        Ok(vec![added.into()])
    }
}

fn lower(counts: &mut ReactionCounts, reaction: &Reaction) {
    let Some(count) = counts.get_mut(reaction) else {
        return;
    };
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(reaction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        author, created, deleted, denials, given, guest, item_id, key, member, posted, stranger,
        viewer,
    };
    use crate::threads::{Marks, ThreadCommand};

    fn thumb() -> Reaction {
        Reaction::parse("👍").unwrap()
    }

    fn react(stands: bool) -> ThreadCommand {
        ThreadCommand::React(React {
            item: item_id("i1"),
            reaction: thumb(),
            stands,
        })
    }

    fn counts(count: u32) -> ReactionCounts {
        [(thumb(), count)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn marks(count: u32, own: bool) -> Marks {
        Marks {
            reactions: counts(count),
            own: own.then(thumb).into_iter().collect(),
            ..Marks::default()
        }
    }

    #[test]
    fn who_may_post_reacts_to_an_item_that_is_there() {
        let forbidden = ThreadRefusal::Forbidden {
            action: Action::Create,
        };
        let history = [created(), posted("i1", "user:owner")];
        for stands in [true, false] {
            let table = [
                (stranger(), ThreadRefusal::NotFound),
                (guest(), ThreadRefusal::NotFound),
                (viewer(), forbidden.clone()),
            ];
            denials(&history, &react(stands), table);
            let gone = [created(), posted("i1", "user:owner"), deleted("i1", 2)];
            for history in [&history[..1], &gone[..]] {
                let nowhere = [(key(), ThreadRefusal::ItemNotFound)];
                denials(history, &react(stands), nowhere);
            }
        }
    }

    #[test]
    fn a_reaction_of_somebody_stands_once() {
        let history = || [created(), posted("i1", "user:owner")];
        given(history())
            .with_marks(marks(3, false))
            .when(&member(), react(true))
            .then(ItemReactionAdded {
                item: item_id("i1"),
                opened: Position(2),
                reaction: thumb(),
                by: author("user:member"),
                counts: counts(4),
            });
        given(history())
            .with_marks(marks(3, true))
            .when(&member(), react(true))
            .then_nothing();
        for before in [3, 1] {
            given(history())
                .with_marks(marks(before, true))
                .when(&member(), react(false))
                .then(ItemReactionRemoved {
                    item: item_id("i1"),
                    opened: Position(2),
                    reaction: thumb(),
                    by: author("user:member"),
                    counts: counts(before - 1),
                });
        }
        given(history())
            .with_marks(marks(3, false))
            .when(&member(), react(false))
            .then_nothing();
    }

    #[test]
    fn reactions_are_bounded() {
        let most = u32::try_from(MAX_REACTIONS).unwrap();
        let many = (0..MAX_REACTIONS_OF_AN_AUTHOR)
            .map(|number| Reaction::parse(&number.to_string()).unwrap());
        let own = Marks {
            own: many.collect(),
            ..Marks::default()
        };
        let different = (0..MAX_DIFFERENT_REACTIONS)
            .map(|number| (Reaction::parse(&number.to_string()).unwrap(), 1));
        let different = Marks {
            reactions: different.collect(),
            ..Marks::default()
        };
        for marks in [marks(most, false), own, different] {
            given([created(), posted("i1", "user:owner")])
                .with_marks(marks)
                .when(&member(), react(true))
                .refused(ThreadRefusal::TooManyReactions);
        }
    }
}
