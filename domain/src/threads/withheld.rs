//! What stays of facts about items that have expired.

use super::event::ThreadEvent;
use super::expired::Expired;
use super::parent::Parent;
use crate::envelope::EventKind;
use crate::ids::Position;

/// What stays of a fact about an item that has expired: that there was one, and where the item
/// stood. Who and when is in the envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    pub(crate) kind: EventKind,
    pub(super) opened: Position,
    pub(super) parent: Option<Parent>,
}

impl Withheld {
    /// What stays of a fact at a position, if it is about an item that has expired.
    #[must_use]
    pub fn of(expired: &Expired, position: Position, event: &ThreadEvent) -> Option<Self> {
        let opened = item_of(position, event).filter(|opened| expired.holds(*opened))?;
        Some(Self {
            kind: event.kind(),
            opened,
            parent: parent_of(event).cloned(),
        })
    }

    /// Position of the event that posted or opened the item.
    #[must_use]
    pub const fn opened(&self) -> Position {
        self.opened
    }
}

/// The item that a fact at a position tells something of: the position of the event that posted or
/// opened it. None of what only names items.
#[must_use]
pub const fn item_of(position: Position, event: &ThreadEvent) -> Option<Position> {
    match event {
        ThreadEvent::ItemPosted(_) | ThreadEvent::ItemOpened(_) => Some(position),
        ThreadEvent::ItemDelta(event) => Some(event.opened),
        ThreadEvent::ItemFinished(event) => Some(event.opened),
        ThreadEvent::ItemAbandoned(event) => Some(event.opened),
        ThreadEvent::ItemEdited(event) => Some(event.opened),
        ThreadEvent::ItemDeleted(event) => Some(event.opened),
        ThreadEvent::ItemReactionAdded(event) => Some(event.opened),
        ThreadEvent::ItemReactionRemoved(event) => Some(event.opened),
        ThreadEvent::ItemPinned(event) => Some(event.opened),
        ThreadEvent::ItemUnpinned(event) => Some(event.opened),
        ThreadEvent::ItemCopied(event) => Some(event.opened),
        ThreadEvent::ThreadCreated(_)
        | ThreadEvent::ThreadForked(_)
        | ThreadEvent::ThreadUpdated(_)
        | ThreadEvent::ThreadPermissionsChanged(_)
        | ThreadEvent::ParticipantAdded(_)
        | ThreadEvent::ParticipantRemoved(_)
        | ThreadEvent::ThreadDeleted(_)
        | ThreadEvent::BranchSwitched(_)
        | ThreadEvent::ThreadRead(_)
        | ThreadEvent::ItemsExpired(_) => None,
    }
}

const fn parent_of(event: &ThreadEvent) -> Option<&Parent> {
    match event {
        ThreadEvent::ItemPosted(posted) => posted.parent.as_ref(),
        ThreadEvent::ItemOpened(opened) => opened.parent.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::ItemPosted;
    use crate::threads::given::{created, deleted, opened, posted};

    fn expired() -> Expired {
        Expired {
            through: Position(5),
            kept: [Position(3)].into(),
        }
    }

    #[test]
    fn what_is_about_an_item_that_has_expired_is_withheld() {
        let posted = posted("i1", "user:owner");
        for (position, is) in [(2, true), (3, false), (5, true), (6, false)] {
            let of = |event: &ThreadEvent| Withheld::of(&expired(), Position(position), event);
            assert_eq!(of(&posted).is_some(), is, "posted at {position}");
            assert_eq!(of(&opened("i1")).is_some(), is, "opened at {position}");
            assert_eq!(of(&created()), None, "a thread stays");
        }
        for (opened, is) in [(2, true), (3, false), (6, false)] {
            let event = deleted("i1", opened);
            let withheld = Withheld::of(&expired(), Position(9), &event);
            assert_eq!(withheld.is_some(), is, "of the item at {opened}");
        }
        assert_eq!(
            Withheld::of(&Expired::default(), Position(1), &posted),
            None
        );
    }

    #[test]
    fn where_the_item_stood_is_known_still() {
        let ThreadEvent::ItemPosted(first) = posted("i1", "user:owner") else {
            panic!("an item was posted");
        };
        let parent = Some(Parent::Beginning);
        let reply = ItemPosted {
            parent: parent.clone(),
            ..first
        };
        let withheld = Withheld::of(&expired(), Position(4), &reply.into());
        let kind = EventKind::ItemPosted;
        let opened = Position(4);
        assert_eq!(
            withheld,
            Some(Withheld {
                kind,
                opened,
                parent
            })
        );
    }
}
