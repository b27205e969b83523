//! Say what a project may use at most.

use super::{ProjectEvent, ProjectQuotasSet, ProjectRefusal, Quotas};
use crate::ids::{ProjectId, ProjectNumber};

/// Replaces a project's quotas.
#[derive(Debug, Clone, PartialEq)]
pub struct SetQuotas {
    /// Which project.
    pub project: ProjectId,
    /// What holds from here on.
    pub quotas: Quotas,
}

/// A project as its quotas are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotasNow {
    /// The project's number.
    pub number: ProjectNumber,
    /// What holds so far.
    pub quotas: Quotas,
}

impl SetQuotas {
    /// `now`: the project; nothing if there is none with this id. No event where nothing changes.
    pub fn decide(self, now: Option<QuotasNow>) -> Result<Vec<ProjectEvent>, ProjectRefusal> {
        let now = now.ok_or(ProjectRefusal::ProjectNotFound)?;
        if now.quotas == self.quotas {
            return Ok(Vec::new());
        }
        let set = ProjectQuotasSet {
            project: self.project,
            number: now.number,
            quotas: self.quotas,
        };
        Ok(vec![set.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(quotas: Quotas) -> SetQuotas {
        SetQuotas {
            project: ProjectId::parse("shop").unwrap(),
            quotas,
        }
    }

    fn few() -> Quotas {
        Quotas {
            writes_per_second: Some(10),
            ..Quotas::default()
        }
    }

    fn now(quotas: Quotas) -> Option<QuotasNow> {
        let number = ProjectNumber(7);
        Some(QuotasNow { number, quotas })
    }

    #[test]
    fn a_project_that_is_not_there_is_refused() {
        let refused = set(few()).decide(None);
        assert_eq!(refused, Err(ProjectRefusal::ProjectNotFound));
    }

    #[test]
    fn what_holds_already_is_no_event() {
        assert_eq!(set(few()).decide(now(few())), Ok(vec![]));
    }

    #[test]
    fn quotas_are_replaced_as_a_whole() {
        for quotas in [few(), Quotas::default()] {
            let earlier = Quotas {
                storage_bytes: Some(1),
                ..few()
            };
            let event = ProjectQuotasSet {
                project: ProjectId::parse("shop").unwrap(),
                number: ProjectNumber(7),
                quotas,
            };
            assert_eq!(set(quotas).decide(now(earlier)), Ok(vec![event.into()]));
        }
    }
}
