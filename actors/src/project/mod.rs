//! The project actor: the one writer of a project's people and keys; the console's also of
//! projects.

mod actor;
mod plan;

pub(crate) use actor::{ProjectActor, ProjectAsked, ProjectMessage, ProjectWorld};
