//! Delete a template of threads.

use super::{TemplateDeleted, TemplateEvent, TemplateRefusal};
use crate::ids::TemplateId;

/// Deletes a template. Threads that began from it stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteTemplate {
    /// Which.
    pub template: TemplateId,
}

impl DeleteTemplate {
    /// `exists`: whether the project has the template.
    pub fn decide(self, exists: bool) -> Result<Vec<TemplateEvent>, TemplateRefusal> {
        if !exists {
            return Err(TemplateRefusal::NotFound);
        }
        let template = self.template;
        Ok(vec![TemplateDeleted { template }.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delete() -> DeleteTemplate {
        let template = TemplateId::parse("ticket").unwrap();
        DeleteTemplate { template }
    }

    #[test]
    fn a_template_that_is_not_there_is_refused() {
        assert_eq!(delete().decide(false), Err(TemplateRefusal::NotFound));
    }

    #[test]
    fn a_template_is_deleted() {
        let template = TemplateId::parse("ticket").unwrap();
        let deleted = TemplateDeleted { template };
        assert_eq!(delete().decide(true), Ok(vec![deleted.into()]));
    }
}
