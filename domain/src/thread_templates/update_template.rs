//! Replace what a template of threads says.

use super::{TemplateEvent, TemplateRefusal, TemplateUpdated};
use crate::ids::TemplateId;
use crate::threads::ThreadTemplate;

/// Replaces what a template says. Threads that began from it stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateTemplate {
    /// Which.
    pub template: TemplateId,
    /// What it says from here on.
    pub content: ThreadTemplate,
}

impl UpdateTemplate {
    /// `now`: what it says so far; nothing if there is none. No event where nothing changes.
    pub fn decide(
        self,
        now: Option<&ThreadTemplate>,
    ) -> Result<Vec<TemplateEvent>, TemplateRefusal> {
        let now = now.ok_or(TemplateRefusal::NotFound)?;
        if *now == self.content {
            return Ok(Vec::new());
        }
        let updated = TemplateUpdated {
            template: self.template,
            content: self.content,
        };
        Ok(vec![updated.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::TemplatePermissions;

    fn content(texts: &[&str]) -> ThreadTemplate {
        let permissions = TemplatePermissions::parse(texts).unwrap();
        ThreadTemplate::new([].into(), permissions, [].into()).unwrap()
    }

    fn update(texts: &[&str]) -> UpdateTemplate {
        UpdateTemplate {
            template: TemplateId::parse("ticket").unwrap(),
            content: content(texts),
        }
    }

    #[test]
    fn a_template_that_is_not_there_is_refused() {
        let refused = update(&[]).decide(None);
        assert_eq!(refused, Err(TemplateRefusal::NotFound));
    }

    #[test]
    fn what_it_says_already_is_no_event() {
        let texts = ["read(\"any\")"];
        let now = content(&texts);
        assert_eq!(update(&texts).decide(Some(&now)), Ok(vec![]));
    }

    #[test]
    fn what_it_says_is_replaced_as_a_whole() {
        let UpdateTemplate { template, content } = update(&["read(\"any\")"]);
        let updated = TemplateUpdated { template, content };
        let now = self::content(&["write(\"any\")"]);
        assert_eq!(
            update(&["read(\"any\")"]).decide(Some(&now)),
            Ok(vec![updated.into()])
        );
    }
}
