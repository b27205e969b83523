//! A template of threads on the wire.

use std::collections::{BTreeMap, BTreeSet};

use everlog_domain::access::Role;
use everlog_domain::tables::system::thread_templates;
use everlog_domain::thread_templates::rows::template_of;
use everlog_domain::threads::{
    ParticipantRole, TemplateParticipant, TemplatePermissions, ThreadTemplate,
};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};

use super::cells::{text, time};
use crate::error::{ApiError, ErrorType};

/// What a template says, as it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TemplateBody {
    pub(super) usable_by: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) participants: Vec<TemplateParticipantBody>,
}

/// A participant with its role, or whoever begins the thread.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateParticipantBody {
    id: TemplateParticipant,
    role: ParticipantRole,
}

impl TemplateBody {
    /// As the rules know it.
    pub(crate) fn content(self) -> Result<ThreadTemplate, ApiError> {
        let roles = self.usable_by.iter().map(|text| Role::parse(text));
        let usable_by: BTreeSet<Role> = roles
            .collect::<Result<_, _>>()
            .map_err(|error| ApiError::argument("usableBy", error))?;
        let permissions = TemplatePermissions::parse(&self.permissions);
        let permissions = permissions.map_err(|error| ApiError::argument("permissions", error))?;
        let named = self.participants.into_iter();
        let participants: BTreeMap<_, _> = named.map(|named| (named.id, named.role)).collect();
        let content = ThreadTemplate::new(usable_by, permissions, participants);
        content.map_err(|error| ApiError::new(ErrorType::ArgumentInvalid, error.to_string()))
    }
}

/// A template on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateAnswer {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
    usable_by: BTreeSet<Role>,
    permissions: TemplatePermissions,
    participants: Vec<TemplateParticipantBody>,
}

impl TemplateAnswer {
    /// From its row; nothing if the row is damaged.
    pub(crate) fn of_row(row: &[Value]) -> Option<Self> {
        let content = template_of(row)?;
        let participants = content.participants().iter();
        let participants = participants.map(|(id, &role)| TemplateParticipantBody {
            id: id.clone(),
            role,
        });
        Some(Self {
            id: text(row, thread_templates::ID),
            created_at: time(row, thread_templates::CREATED_AT),
            updated_at: time(row, thread_templates::UPDATED_AT),
            usable_by: content.usable_by().clone(),
            permissions: content.permissions().clone(),
            participants: participants.collect(),
        })
    }
}
