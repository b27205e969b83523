//! Make a template of threads.

use super::{TemplateCreated, TemplateEvent, TemplateRefusal};
use crate::ids::TemplateId;
use crate::threads::ThreadTemplate;

/// Most templates of a project.
pub const MAX_TEMPLATES: usize = 100;

/// Makes a template.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTemplate {
    /// Its id.
    pub template: TemplateId,
    /// What it says.
    pub content: ThreadTemplate,
}

/// A project's templates as one more is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplatesNow {
    /// Whether one has the id.
    pub taken: bool,
    /// How many there are.
    pub count: usize,
}

impl CreateTemplate {
    /// `now`: the project's templates.
    pub fn decide(self, now: TemplatesNow) -> Result<Vec<TemplateEvent>, TemplateRefusal> {
        if now.taken {
            return Err(TemplateRefusal::Exists);
        }
        if now.count >= MAX_TEMPLATES {
            return Err(TemplateRefusal::TooMany);
        }
        let created = TemplateCreated {
            template: self.template,
            content: self.content,
        };
        Ok(vec![created.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create() -> CreateTemplate {
        CreateTemplate {
            template: TemplateId::parse("ticket").unwrap(),
            content: ThreadTemplate::default(),
        }
    }

    #[test]
    fn an_id_that_is_taken_and_one_too_many_are_refused() {
        let table = [
            (true, 1, TemplateRefusal::Exists),
            (true, MAX_TEMPLATES, TemplateRefusal::Exists),
            (false, MAX_TEMPLATES, TemplateRefusal::TooMany),
        ];
        for (taken, count, refusal) in table {
            let now = TemplatesNow { taken, count };
            assert_eq!(create().decide(now), Err(refusal), "{now:?}");
        }
    }

    #[test]
    fn a_template_is_made_as_asked_for() {
        let now = TemplatesNow {
            taken: false,
            count: MAX_TEMPLATES - 1,
        };
        let CreateTemplate { template, content } = create();
        let created = TemplateCreated { template, content };
        assert_eq!(create().decide(now), Ok(vec![created.into()]));
    }
}
