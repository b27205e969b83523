//! Make a project.

use super::{ProjectCreated, ProjectEvent, ProjectRefusal};

/// Makes a project.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateProject {
    /// The project to make. Its number is the one after the highest that was ever given.
    pub project: ProjectCreated,
}

impl CreateProject {
    /// `taken`: whether a project has the id.
    pub fn decide(self, taken: bool) -> Result<Vec<ProjectEvent>, ProjectRefusal> {
        if taken {
            return Err(ProjectRefusal::ProjectExists);
        }
        Ok(vec![self.project.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ProjectId, ProjectNumber, ProjectUid};

    fn project() -> ProjectCreated {
        ProjectCreated {
            project: ProjectId::parse("demo").unwrap(),
            name: "Demo".into(),
            number: ProjectNumber(2),
            uid: ProjectUid([7; 16]),
        }
    }

    #[test]
    fn an_id_that_is_taken_is_refused() {
        let create = CreateProject { project: project() };
        assert_eq!(create.decide(true), Err(ProjectRefusal::ProjectExists));
    }

    #[test]
    fn a_project_is_made_as_asked_for() {
        let create = CreateProject { project: project() };
        assert_eq!(create.decide(false), Ok(vec![project().into()]));
    }
}
