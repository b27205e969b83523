//! Facts about templates of threads. Stored by name and field: a field may be added with a default,
//! never change its meaning.

use serde::{Deserialize, Serialize};

use crate::envelope::facts;
use crate::ids::TemplateId;
use crate::threads::ThreadTemplate;

/// A template was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateCreated {
    /// Its id.
    pub template: TemplateId,
    /// What it says.
    pub content: ThreadTemplate,
}

/// A template says something else. Threads that began from it stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateUpdated {
    /// Its id.
    pub template: TemplateId,
    /// What it says from here on.
    pub content: ThreadTemplate,
}

/// A template is gone. Threads that began from it stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateDeleted {
    /// Its id.
    pub template: TemplateId,
}

facts! {
    /// Facts about templates of threads.
    TemplateEvent {
        TemplateCreated(TemplateCreated),
        TemplateUpdated(TemplateUpdated),
        TemplateDeleted(TemplateDeleted),
    }
}
