//! Say how long a project keeps the items of its threads.

use super::{ProjectEvent, Retention, RetentionSet};
use crate::ids::ProjectId;

/// Replaces a project's rule. One without bounds takes it away.
#[derive(Debug, Clone, PartialEq)]
pub struct SetRetention {
    /// Which project.
    pub project: ProjectId,
    /// What holds from here on.
    pub retention: Retention,
}

impl SetRetention {
    /// `now`: what holds so far. No event where nothing changes.
    #[must_use]
    pub fn decide(self, now: Retention) -> Vec<ProjectEvent> {
        if now == self.retention {
            return Vec::new();
        }
        let set = RetentionSet {
            project: self.project,
            retention: self.retention,
        };
        vec![set.into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(retention: Retention) -> SetRetention {
        SetRetention {
            project: ProjectId::parse("shop").unwrap(),
            retention,
        }
    }

    fn month() -> Retention {
        Retention::new(Some(30 * 86_400), Some(100)).unwrap()
    }

    #[test]
    fn what_holds_already_is_no_event() {
        assert_eq!(set(month()).decide(month()), []);
        assert_eq!(set(Retention::default()).decide(Retention::default()), []);
    }

    #[test]
    fn a_rule_is_replaced_as_a_whole_and_taken_away() {
        let year = Retention::new(Some(365 * 86_400), None).unwrap();
        for retention in [year, Retention::default()] {
            let event = RetentionSet {
                project: ProjectId::parse("shop").unwrap(),
                retention,
            };
            assert_eq!(set(retention).decide(month()), [event.into()]);
        }
    }
}
