//! What must become of a request, and by which rights.

use everlog_actors::Refused;
use everlog_domain::access::{Action, Permissions};
use everlog_domain::ids::UserId;
use everlog_domain::threads::{ParticipantRole, ThreadRefusal};

use super::ledger::Credential;

/// What must become of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    Granted,
    /// Granted, and there is nothing to do.
    Nothing,
    Refused(Refused),
    /// Whoever asks has lost the right to ask.
    Revoked,
}

impl From<ThreadRefusal> for Verdict {
    fn from(refusal: ThreadRefusal) -> Self {
        Self::Refused(refusal.into())
    }
}

pub(super) fn fresh(is: bool, what: &str) -> Result<(), String> {
    is.then_some(())
        .ok_or_else(|| format!("the {what} is there already"))
}

pub(super) fn there(is: bool, what: &str) -> Result<(), String> {
    is.then_some(())
        .ok_or_else(|| format!("there is no such {what}"))
}

pub(super) fn roles_of(user: &UserId) -> [String; 5] {
    [
        "any".to_owned(),
        "users".to_owned(),
        "users/unverified".to_owned(),
        format!("user:{user}"),
        format!("user:{user}/unverified"),
    ]
}

pub(super) fn rights_of(role: ParticipantRole) -> &'static [Action] {
    match role {
        ParticipantRole::Owner => &[Action::Read, Action::Create, Action::Update, Action::Delete],
        ParticipantRole::Member => &[Action::Read, Action::Create],
        ParticipantRole::Viewer => &[Action::Read],
    }
}

pub(super) fn grantable(who: &Credential, permissions: &Permissions) -> Verdict {
    let Credential::Session(user, _) = who else {
        return Verdict::Granted;
    };
    let roles = roles_of(user);
    let mut named = permissions
        .iter()
        .map(|permission| permission.role.to_string());
    match named.find(|role| !roles.contains(role)) {
        Some(role) => ThreadRefusal::RoleNotHeld { role }.into(),
        None => Verdict::Granted,
    }
}

/// As an author and as a participant.
pub(super) fn name_of(who: &Credential) -> String {
    match who {
        Credential::System => "system".to_owned(),
        Credential::Key(key) => format!("key:{key}"),
        Credential::Session(user, _) => format!("user:{user}"),
    }
}
