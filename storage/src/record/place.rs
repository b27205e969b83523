use everlog_domain::ids::{Offset, ProjectNumber};

/// Where an event lies in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) project: ProjectNumber,
    pub(crate) offset: Offset,
}

impl Place {
    pub(crate) const fn new(project: ProjectNumber, offset: Offset) -> Self {
        Self { project, offset }
    }
}
