//! Let items go whose time is over.

use std::collections::BTreeSet;

use super::event::{ExpiredItem, ItemsExpired};
use super::{Facts, Parent, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Principal;
use crate::ids::{ItemId, Offset, Position};
use crate::retention::Retention;
use crate::time::Time;

/// Most items that one fact lets go.
pub const MAX_EXPIRED_AT_ONCE: usize = 200;

/// Lets the oldest items of a life of a thread go, as far as the project's rule says so. The server
/// itself asks for it, nobody else.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpireItems {
    /// The rule.
    pub rule: Retention,
    /// Offset of the event that set the rule: the cause.
    pub cause: Offset,
    /// The life of the thread that was looked at.
    pub incarnation: Offset,
    /// Its oldest items, from the first one on without a gap.
    pub oldest: Vec<OldItem>,
    /// The first of the newest items that the rule's count lets stay, if there are more than that.
    pub stays_from: Option<Position>,
    /// When it was looked at.
    pub now: Time,
}

/// What is known of an item whose time may be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldItem {
    /// Its id.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
    /// When that was.
    pub created_at: Time,
    /// What it follows, if that is not the item before it.
    pub parent: Option<Parent>,
}

impl ExpireItems {
    /// An item that is being written stays until it is not any more. What was looked at may be old by
    /// now: another life of the thread, or what has expired since, is passed over.
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        if facts.caller.principal != Principal::System {
            return Err(ThreadRefusal::NotFound);
        }
        let ThreadState::Live(thread) = state else {
            return Ok(Vec::new());
        };
        if thread.head.incarnation != self.incarnation {
            return Ok(Vec::new());
        }
        let mut expired = thread.expired.clone();
        let mut items = Vec::new();
        // the older the nearer to its end, so the first that stays ends it
        let over = self.oldest.iter().take_while(|item| self.is_over(item));
        for old in over.filter(|old| !thread.expired.holds(old.opened)) {
            if items.len() >= MAX_EXPIRED_AT_ONCE {
                break;
            }
            expired.through = expired.through.max(old.opened);
            if thread.open.contains_key(&old.item) {
                expired.kept.insert(old.opened);
                continue;
            }
            expired.kept.remove(&old.opened);
            items.push(ExpiredItem {
                item: old.item.clone(),
                opened: old.opened,
                parent: old.parent.clone(),
            });
        }
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let gone: BTreeSet<&ItemId> = items.iter().map(|gone| &gone.item).collect();
        let continues = thread.continues.as_ref();
        let ends_branch = continues.is_some_and(|item| gone.contains(item));
        let event = ItemsExpired {
            expired,
            items,
            ends_branch,
        };
        Ok(vec![event.into()])
    }

    /// Bytes that it brings, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.oldest.len() * size_of::<OldItem>()
    }

    fn is_over(&self, old: &OldItem) -> bool {
        self.rule.is_too_old(old.created_at, self.now)
            || self.stays_from.is_some_and(|first| old.opened < first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Caller;
    use crate::threads::given::{
        created, given, guest, item_id, key, member, metadata, opened, owner, posted, stranger,
        viewer,
    };
    use crate::threads::{
        BranchSwitched, Expired, FinishItem, ItemFinished, SwitchBranch, ThreadCommand,
        ThreadDeleted,
    };

    const DAY: i64 = 86_400;

    fn server() -> Caller {
        Caller {
            principal: Principal::System,
            ..key()
        }
    }

    /// An item that came about at a position, so many days after the beginning.
    fn old(id: &str, opened: u64, day: i64) -> OldItem {
        OldItem {
            item: item_id(id),
            opened: Position(opened),
            created_at: Time(0).plus_seconds(day * DAY),
            parent: None,
        }
    }

    /// A sweep under a rule of ten days, so many days after the beginning.
    fn sweep(day: i64, oldest: Vec<OldItem>) -> ExpireItems {
        ExpireItems {
            rule: Retention::new(Some(10 * DAY.unsigned_abs()), None).unwrap(),
            cause: Offset(9),
            incarnation: Offset(1),
            oldest,
            stays_from: None,
            now: Time(0).plus_seconds(day * DAY),
        }
    }

    fn expire(command: ExpireItems) -> ThreadCommand {
        ThreadCommand::Expire(command)
    }

    fn gone(through: u64, kept: &[u64], items: &[(&str, u64)]) -> ItemsExpired {
        let item = |&(id, opened): &(&str, u64)| ExpiredItem {
            item: item_id(id),
            opened: Position(opened),
            parent: None,
        };
        ItemsExpired {
            expired: Expired {
                through: Position(through),
                kept: kept.iter().copied().map(Position).collect(),
            },
            items: items.iter().map(item).collect(),
            ends_branch: false,
        }
    }

    fn three() -> [ThreadEvent; 4] {
        [
            created(),
            posted("i1", "user:owner"),
            posted("i2", "user:member"),
            posted("i3", "user:owner"),
        ]
    }

    fn of_three() -> Vec<OldItem> {
        vec![old("i1", 2, 0), old("i2", 3, 1), old("i3", 4, 2)]
    }

    #[test]
    fn nobody_but_the_server_lets_items_go() {
        for caller in [stranger(), guest(), viewer(), member(), owner(), key()] {
            given(three())
                .when(&caller, expire(sweep(100, of_three())))
                .refused(ThreadRefusal::NotFound);
        }
    }

    #[test]
    fn what_has_the_age_goes_and_what_is_younger_stays() {
        for (day, expected) in [
            (10, gone(2, &[], &[("i1", 2)])),
            (11, gone(3, &[], &[("i1", 2), ("i2", 3)])),
            (99, gone(4, &[], &[("i1", 2), ("i2", 3), ("i3", 4)])),
        ] {
            given(three())
                .when(&server(), expire(sweep(day, of_three())))
                .then(expected);
        }
        given(three())
            .when(&server(), expire(sweep(9, of_three())))
            .then_nothing();
    }

    #[test]
    fn what_is_beyond_the_count_goes_whatever_its_age() {
        let sweep = ExpireItems {
            rule: Retention::new(None, Some(1)).unwrap(),
            stays_from: Some(Position(4)),
            ..sweep(0, of_three())
        };
        given(three())
            .when(&server(), expire(sweep))
            .then(gone(3, &[], &[("i1", 2), ("i2", 3)]));
    }

    #[test]
    fn what_has_expired_does_so_once() {
        given(three())
            .when(&server(), expire(sweep(11, of_three())))
            .then_granted()
            .when(&server(), expire(sweep(11, of_three())))
            .then_nothing();
        given(three())
            .when(&server(), expire(sweep(11, of_three())))
            .then_granted()
            .when(&server(), expire(sweep(12, of_three())))
            .then(gone(4, &[], &[("i3", 4)]));
    }

    #[test]
    fn one_that_is_being_written_stays_until_it_is_finished() {
        let history = [created(), opened("i1"), posted("i2", "user:owner")];
        let seen = || vec![old("i1", 2, 0), old("i2", 3, 0)];
        let thread = given(history)
            .when(&server(), expire(sweep(10, seen())))
            .then(gone(3, &[2], &[("i2", 3)]));
        let thread = thread.and([finished()]);
        thread
            .when(&server(), expire(sweep(10, vec![old("i1", 2, 0)])))
            .then(gone(3, &[], &[("i1", 2)]));
    }

    #[test]
    fn where_nothing_else_goes_an_open_item_is_no_event() {
        given([created(), opened("i1")])
            .when(&server(), expire(sweep(99, vec![old("i1", 2, 0)])))
            .then_nothing();
    }

    #[test]
    fn another_life_and_a_deleted_thread_are_passed_over() {
        let of_another = ExpireItems {
            incarnation: Offset(7),
            ..sweep(99, of_three())
        };
        given(three())
            .when(&server(), expire(of_another))
            .then_nothing();
        let end = ThreadDeleted {
            thread: crate::threads::given::thread_id(),
        };
        given(three())
            .and([end.into()])
            .when(&server(), expire(sweep(99, of_three())))
            .then_nothing();
    }

    #[test]
    fn the_branch_that_ended_with_it_goes_on_nowhere() {
        let switched = BranchSwitched {
            item: item_id("i1"),
        };
        let thread = given(three()).and([switched.into()]);
        let expected = ItemsExpired {
            ends_branch: true,
            ..gone(2, &[], &[("i1", 2)])
        };
        let thread = thread
            .when(&server(), expire(sweep(10, of_three())))
            .then(expected);
        let ThreadState::Live(live) = thread.state() else {
            panic!("the thread is gone");
        };
        assert_eq!(live.continues, None);
        thread
            .when(
                &member(),
                ThreadCommand::Switch(SwitchBranch {
                    item: item_id("i1"),
                }),
            )
            .refused(ThreadRefusal::ItemNotFound);
    }

    #[test]
    fn one_fact_lets_so_many_go_and_the_next_one_goes_on() {
        let many = |from: u64| -> Vec<OldItem> {
            let items = from..=u64::try_from(MAX_EXPIRED_AT_ONCE).unwrap() + 51;
            items.map(|at| old(&format!("i{at}"), at, 0)).collect()
        };
        let first = given(three()).when(&server(), expire(sweep(50, many(2))));
        let ThreadEvent::ItemsExpired(event) = first.only_event() else {
            panic!("expected an expiry");
        };
        assert_eq!(event.items.len(), MAX_EXPIRED_AT_ONCE);
        let next = first
            .then_granted()
            .when(&server(), expire(sweep(50, many(2))));
        let ThreadEvent::ItemsExpired(event) = next.only_event() else {
            panic!("expected an expiry");
        };
        assert_eq!(event.items.len(), 50);
    }

    #[test]
    fn nothing_can_be_done_to_what_has_expired() {
        let thread = given([
            created(),
            opened("i1"),
            finished(),
            posted("i2", "user:owner"),
        ])
        .when(&server(), expire(sweep(10, vec![old("i1", 2, 0)])))
        .then_granted();
        let finish = FinishItem {
            item: item_id("i1"),
            tokens: None,
            metadata: None,
            mentions: None,
        };
        thread
            .when(&member(), ThreadCommand::Finish(finish))
            .refused(ThreadRefusal::ItemNotOpen);
    }

    fn finished() -> ThreadEvent {
        ItemFinished {
            item: item_id("i1"),
            opened: Position(2),
            parts: Vec::new(),
            metadata: metadata(),
            tokens: None,
            mentions: None,
        }
        .into()
    }
}
