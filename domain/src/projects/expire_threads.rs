//! Let go of what was said in threads that are over.

use super::{EndedThread, ProjectEvent, Retention, ThreadsExpired};
use crate::ids::{Offset, ProjectId};
use crate::time::Time;

/// Most threads that one fact lets go.
pub const MAX_THREADS_EXPIRED_AT_ONCE: usize = 100;

/// Lets go of what was said in threads that ended long enough ago: there is no thread any more that
/// could let its items go. The server itself asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpireThreads {
    /// Which project.
    pub project: ProjectId,
    /// The rule.
    pub rule: Retention,
    /// Offset of the event that set the rule: the cause.
    pub cause: Offset,
    /// Threads that have ended, those first that did so first.
    pub ended: Vec<EndedThread>,
    /// When it was looked at.
    pub now: Time,
}

impl ExpireThreads {
    /// `waits`: whether a thread has not been let go yet. Every item of a thread is older than its end,
    /// so by the end's age the age of all is over.
    #[must_use]
    pub fn decide(self, waits: impl Fn(&EndedThread) -> bool) -> Vec<ProjectEvent> {
        let over = |ended: &EndedThread| self.rule.is_too_old(ended.ended_at, self.now);
        let mut threads = self.ended;
        threads.retain(|ended| over(ended) && waits(ended));
        threads.truncate(MAX_THREADS_EXPIRED_AT_ONCE);
        match threads.is_empty() {
            true => Vec::new(),
            false => vec![ThreadsExpired { threads }.into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ThreadId;

    fn ended(number: u64) -> EndedThread {
        EndedThread {
            thread: ThreadId::parse(&format!("t{number}")).unwrap(),
            incarnation: Offset(number),
            ended_at: Time(0).plus_seconds(i64::try_from(number).unwrap()),
        }
    }

    fn expire(numbers: impl IntoIterator<Item = u64>, now: i64) -> ExpireThreads {
        ExpireThreads {
            project: ProjectId::parse("shop").unwrap(),
            rule: Retention::new(Some(60), None).unwrap(),
            cause: Offset(1),
            ended: numbers.into_iter().map(ended).collect(),
            now: Time(0).plus_seconds(now),
        }
    }

    #[test]
    fn what_ended_long_enough_ago_goes_once() {
        let decided = expire([1, 2, 3], 62).decide(|thread| *thread != ended(1));
        let threads = vec![ended(2)];
        assert_eq!(decided, [ThreadsExpired { threads }.into()]);
        assert_eq!(expire([1, 2, 3], 60).decide(|_| true), []);
        assert_eq!(expire([1, 2, 3], 99).decide(|_| false), []);
    }

    #[test]
    fn without_an_age_threads_that_are_over_stay() {
        let counted = ExpireThreads {
            rule: Retention::new(None, Some(1)).unwrap(),
            ..expire([1], 99)
        };
        assert_eq!(counted.decide(|_| true), []);
    }

    #[test]
    fn one_fact_lets_so_many_go() {
        let decided = expire(0..500, 10_000).decide(|_| true);
        let [ProjectEvent::ThreadsExpired(event)] = &decided[..] else {
            panic!("expected one event, found {decided:?}");
        };
        assert_eq!(event.threads.len(), MAX_THREADS_EXPIRED_AT_ONCE);
    }
}
