//! What tests append.

use everlog_domain::access::Principal;
use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Append, Draft};
use everlog_domain::time::Time;

/// An append of the server's own, which expects nothing.
pub(crate) fn append(project: ProjectNumber, as_of: CommitNumber, drafts: Vec<Draft>) -> Append {
    Append {
        project,
        ticket: None,
        expected: Vec::new(),
        as_of,
        claims: Vec::new(),
        access_epoch: None,
        idempotency: None,
        principal: Principal::System,
        on_behalf_of: None,
        cause: None,
        time: Time(0),
        drafts,
    }
}
