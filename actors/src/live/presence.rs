//! Somebody who is there.

use std::sync::Arc;

use compact_str::CompactString;

use super::signals::Moment;
use super::topic::Topic;
use super::waker::{Slot, Waker};

/// Somebody's presence in a topic. Dropped, it ends.
#[derive(Debug)]
pub struct Presence {
    topic: Arc<Topic>,
    principal: CompactString,
    listener: u64,
    seen: u64,
}

impl Presence {
    pub(super) fn begin(topic: Arc<Topic>, principal: &str, waker: &Waker, slot: Slot) -> Self {
        let principal = CompactString::new(principal);
        let listener = topic.signals.enter(&principal, waker, slot);
        Self {
            topic,
            principal,
            listener,
            seen: 0,
        }
    }

    /// The newest moment, if it was not looked at before.
    #[must_use]
    pub fn look(&mut self) -> Option<Arc<Moment>> {
        let moment = self.topic.signals.after(self.seen)?;
        self.seen = moment.number;
        Some(moment)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.topic.signals.leave(&self.principal, self.listener);
    }
}

#[cfg(test)]
mod tests {
    use everlog_domain::ids::ProjectNumber;
    use everlog_domain::time::Time;

    use super::*;
    use crate::live::signals::{MOST_NAMED, MOST_TYPING};

    fn topic() -> Arc<Topic> {
        Arc::new(Topic::new(ProjectNumber(2)))
    }

    fn slot() -> Slot {
        Slot::new(3).unwrap()
    }

    fn comes(topic: &Arc<Topic>, principal: &str) -> (Presence, Waker) {
        let waker = Waker::new();
        let presence = Presence::begin(Arc::clone(topic), principal, &waker, slot());
        (presence, waker)
    }

    fn names(moment: &Moment) -> (Vec<&str>, Vec<&str>) {
        let present = moment.present.iter().map(CompactString::as_str);
        let typing = moment.typing.iter().map(|(id, _)| id.as_str());
        (present.collect(), typing.collect())
    }

    #[test]
    fn the_newest_moment_is_seen_once() {
        let topic = topic();
        let (mut ada, waker) = comes(&topic, "user:ada");
        assert_eq!(names(&ada.look().unwrap()), (vec!["user:ada"], vec![]));
        assert_eq!(ada.look(), None);
        let _ = waker.take();
        let (bob, _) = comes(&topic, "user:bob");
        topic.signals.types("user:bob", Some(Time(9)), Time(1));
        assert_eq!(waker.take().slots().collect::<Vec<_>>(), [slot()]);
        let seen = ada.look().unwrap();
        assert_eq!(
            names(&seen),
            (vec!["user:ada", "user:bob"], vec!["user:bob"])
        );
        drop(bob);
        assert_eq!(names(&ada.look().unwrap()), (vec!["user:ada"], vec![]));
    }

    #[test]
    fn a_principal_with_two_tabs_is_there_once_and_until_the_last_is_closed() {
        let topic = topic();
        let (mut ada, _) = comes(&topic, "user:ada");
        let (one, _) = comes(&topic, "user:bob");
        let (two, _) = comes(&topic, "user:bob");
        assert_eq!(ada.look().unwrap().present_total, 2);
        drop(one);
        assert_eq!(ada.look(), None);
        drop(two);
        assert_eq!(ada.look().unwrap().present_total, 1);
    }

    #[test]
    fn typing_ends_by_itself_and_by_word() {
        let topic = topic();
        let (mut ada, _) = comes(&topic, "user:ada");
        topic.signals.types("user:bob", Some(Time(5)), Time(1));
        topic.signals.types("user:eve", Some(Time(9)), Time(5));
        let seen = ada.look().unwrap();
        assert_eq!(seen.typing, [("user:eve".into(), Time(9))]);
        topic.signals.types("user:eve", None, Time(6));
        assert_eq!(ada.look().unwrap().typing, []);
        topic.signals.types("user:eve", None, Time(6));
        assert_eq!(ada.look(), None, "nothing has changed");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let topic = topic();
        topic.signals.types("user:ada", Some(Time(9)), Time(1));
        assert_eq!(topic.signals.after(0), None, "nobody listens");
        let all: Vec<_> = (0..MOST_NAMED + 5)
            .map(|number| comes(&topic, &format!("user:{number}")))
            .collect();
        for number in 0..MOST_TYPING + 5 {
            let principal = format!("user:{number}");
            topic.signals.types(&principal, Some(Time(9)), Time(1));
        }
        let (mut ada, _) = comes(&topic, "user:ada");
        let seen = ada.look().unwrap();
        assert_eq!(seen.present.len(), MOST_NAMED);
        assert_eq!(seen.present_total, all.len() + 1);
        assert_eq!(seen.typing.len(), MOST_TYPING);
    }
}
