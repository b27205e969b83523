//! What must come out of a cell, and what did.

use everlog_domain::access::Action;
use serde_json::Value;

use super::callers::Who;
use super::routes::{Needs, Route};
use super::settings::Rights;

/// What comes of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// As if there were no such thread.
    NotFound,
    /// The thread is seen, this may not be done in it.
    Forbidden,
    /// It may be done to one's own items alone.
    NotTheAuthor,
    /// The caller would give what it has not.
    NotHeld,
    /// The caller may not ask for such things at all.
    NoScope,
    /// The moment is named by a cursor of another project, which says nothing in this one.
    NoCursor,
    /// Anything else, which is never right.
    Other(u16),
}

impl Verdict {
    /// What an answer says.
    pub(super) fn of(status: u16, body: &Value) -> Self {
        match (status, body["type"].as_str().unwrap_or_default()) {
            (200..300, _) => Self::Allowed,
            (404, "thread_not_found") => Self::NotFound,
            (401, "thread_access_forbidden") => Self::Forbidden,
            (401, "item_author_forbidden") => Self::NotTheAuthor,
            (401, "permission_not_held") => Self::NotHeld,
            (401, "general_unauthorized_scope") => Self::NoScope,
            (400, "general_argument_invalid") => Self::NoCursor,
            _ => Self::Other(status),
        }
    }

    /// Of something that is shown or not.
    pub(super) const fn shown(is: bool) -> Self {
        if is { Self::Allowed } else { Self::NotFound }
    }
}

/// The rule: scopes first; a key has every right in every thread of its project and none in another's;
/// who lacks the right is told so if it may read, and is told nothing otherwise.
pub(super) fn expected(who: Who, rights: &Rights, route: &Route) -> Verdict {
    if route
        .scopes
        .iter()
        .any(|scope| !who.scopes().contains(scope))
    {
        return Verdict::NoScope;
    }
    match who {
        Who::Key | Who::ReadingKey => return Verdict::Allowed,
        Who::ForeignKey => return Verdict::NotFound,
        Who::Guest | Who::Ann | Who::Bob | Who::KeyWithoutThreads => {}
    }
    let has = |action: Action| rights.contains(&action);
    let refused = |readable: bool| match readable {
        true => Verdict::Forbidden,
        false => Verdict::NotFound,
    };
    match route.needs {
        Needs::Right(action) if has(action) => Verdict::Allowed,
        Needs::Right(_) => refused(has(Action::Read)),
        Needs::Giving(_) if !has(Action::Update) => refused(has(Action::Read)),
        Needs::Giving(action) if !has(action) => Verdict::NotHeld,
        Needs::Giving(_) => Verdict::Allowed,
        Needs::ReadAnd(action) if has(Action::Read) && has(action) => Verdict::Allowed,
        Needs::ReadAnd(_) => refused(has(Action::Read)),
        Needs::AuthorOr(action) => match (has(Action::Create), has(action)) {
            (false, _) => refused(has(Action::Read)),
            (true, true) => Verdict::Allowed,
            (true, false) => Verdict::NotTheAuthor,
        },
        Needs::Own if !has(Action::Create) => refused(has(Action::Read)),
        // the item is ann's
        Needs::Own if who == Who::Ann || has(Action::Update) => Verdict::Allowed,
        Needs::Own => Verdict::NotTheAuthor,
    }
}
