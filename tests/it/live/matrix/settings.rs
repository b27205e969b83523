//! What is granted in a thread, to whom.

use everlog_domain::access::Action;
use serde_json::{Value, json};

use super::callers::Who;

/// The rights that somebody has in a thread.
pub(super) type Rights = Vec<Action>;

const ACTIONS: [Action; 4] = [Action::Read, Action::Create, Action::Update, Action::Delete];

/// Permissions and participants of a thread.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) name: String,
    granted: Vec<(&'static str, Action)>,
    /// Ann's role, if she takes part.
    role: Option<&'static str>,
}

impl Setting {
    pub(super) fn of(role: &'static str, actions: &[Action]) -> Self {
        let names: Vec<String> = actions.iter().map(ToString::to_string).collect();
        Self {
            name: format!("{} to {role}", names.join("+")),
            granted: actions.iter().map(|action| (role, *action)).collect(),
            role: None,
        }
    }

    fn taking_part(role: &'static str) -> Self {
        Self {
            name: format!("ann as {role}"),
            granted: Vec::new(),
            role: Some(role),
        }
    }

    /// As a thread is made with it.
    pub(super) fn body(&self, thread: &str) -> Value {
        let participants = self
            .role
            .map(|role| json!({ "id": "user:ann", "role": role }));
        json!({
            "threadId": thread, "name": thread, "permissions": self.permissions(),
            "participants": participants.into_iter().collect::<Vec<_>>(),
        })
    }

    pub(super) fn permissions(&self) -> Vec<String> {
        let granted = self.granted.iter();
        granted
            .map(|(role, action)| format!("{action}(\"{role}\")"))
            .collect()
    }

    /// What somebody may do in the thread, by the permissions alone.
    pub(super) fn rights(&self, who: Who) -> Rights {
        let roles = who.roles();
        let by_permission = self
            .granted
            .iter()
            .filter(|(role, _)| roles.contains(role))
            .map(|(_, action)| *action);
        let by_part = match (who, self.role) {
            (Who::Ann, Some("owner")) => &ACTIONS[..],
            (Who::Ann, Some("member")) => &ACTIONS[..2],
            (Who::Ann, Some("viewer")) => &ACTIONS[..1],
            _ => &[],
        };
        by_permission.chain(by_part.iter().copied()).collect()
    }

    /// Whether keys are tried with it: what is granted says nothing to them.
    pub(super) fn tries_keys(&self) -> bool {
        self.granted.is_empty()
    }
}

/// Every set of actions for one person, for all users and for everybody, and every role.
pub(super) fn settings() -> Vec<Setting> {
    let subsets = (0..16_u8).map(|bits| {
        let chosen = ACTIONS.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, action)| *action).collect::<Vec<_>>()
    });
    let subsets: Vec<Vec<Action>> = subsets.collect();
    let mut settings: Vec<Setting> = Vec::new();
    for role in ["user:ann", "users", "any"] {
        settings.extend(subsets.iter().map(|actions| Setting::of(role, actions)));
    }
    settings.push(Setting::of("guests", &ACTIONS));
    settings.push(Setting::of("user:nobody", &ACTIONS));
    settings.extend(["viewer", "member", "owner"].map(Setting::taking_part));
    settings
}
