//! The oracle's part about mentions: whom an item mentions, and who was told.

use std::collections::{BTreeMap, BTreeSet};

use everlog_domain::threads::{Mention, Mentioned, Mentions, ParticipantId};

/// Whom an item mentions, and who was told.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    named: Mentions,
    people: BTreeSet<ParticipantId>,
}

impl Told {
    /// Whether the item mentions it.
    pub(super) fn names(&self, mention: &Mention) -> bool {
        self.named.contains(mention)
    }

    /// An event tells of everybody who is to be told, once, and of nobody else.
    pub(super) fn take<R>(
        &mut self,
        event: &Mentioned,
        participants: &BTreeMap<ParticipantId, R>,
        author: &str,
    ) -> Result<(), String> {
        let mut expected = self.people.clone();
        let kept = |mention: &Mention| self.names(mention) && event.named.contains(mention);
        let all_stay = kept(&Mention::Everyone);
        expected.retain(|id| all_stay || kept(&Mention::Participant(id.clone())));
        for mention in event.named.difference(&self.named) {
            match mention {
                Mention::Everyone => expected.extend(participants.keys().cloned()),
                Mention::Participant(id) => drop(expected.insert(id.clone())),
            }
        }
        expected.retain(|id| id.to_string() != author);
        let twice = event.reached.intersection(&self.people).next();
        let never = event.released.difference(&self.people).next();
        let stay = self.people.difference(&event.released);
        let people: BTreeSet<_> = stay.chain(&event.reached).cloned().collect();
        if twice.is_some() || never.is_some() || people != expected {
            return Err(format!(
                "of {self:?} expected {expected:?}, the event says {event:?}"
            ));
        }
        self.people = people;
        self.named = event.named.clone();
        Ok(())
    }
}
