//! Templates of threads: made by keys, used by whom they name.
//!
//! What a template says is [`ThreadTemplate`](crate::threads::ThreadTemplate); how a thread begins
//! from one, the rule of its creation.

mod create_template;
mod delete_template;
mod event;
pub mod rows;
mod update_template;

use thiserror::Error;

pub use create_template::{CreateTemplate, MAX_TEMPLATES, TemplatesNow};
pub use delete_template::DeleteTemplate;
pub use event::{TemplateCreated, TemplateDeleted, TemplateEvent, TemplateUpdated};
pub use update_template::UpdateTemplate;

/// Why a wish about a template is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateRefusal {
    /// The id is taken.
    #[error("a thread template with this id exists already")]
    Exists,
    /// No such template.
    #[error("no thread template with this id was found")]
    NotFound,
    /// The project has as many as it may.
    #[error("a project has at most {MAX_TEMPLATES} thread templates: delete one")]
    TooMany,
}
