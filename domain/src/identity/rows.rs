//! What facts about people do to rows.

use super::{IdentityEvent, SessionCreated, SessionDeleted, UserCreated};
use crate::envelope::Envelope;
use crate::tables::RowChange;
use crate::tables::system::{sessions, users};
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &IdentityEvent) -> Vec<RowChange> {
    match event {
        IdentityEvent::UserCreated(event) => user_created(envelope, event),
        IdentityEvent::SessionCreated(event) => session_created(envelope, event),
        IdentityEvent::SessionDeleted(event) => session_deleted(event),
    }
}

fn user_created(envelope: &Envelope, event: &UserCreated) -> Vec<RowChange> {
    let mut row = vec![Value::Null; users::LABELS + 1];
    row[users::ID] = Value::text(event.user.as_str());
    row[users::CREATED_AT] = envelope.time.into();
    row[users::UPDATED_AT] = envelope.time.into();
    row[users::INCARNATION] = Value::counter(envelope.incarnation.0);
    row[users::NAME] = Value::text(event.name.as_str());
    row[users::EMAIL] = Value::text(event.email.as_str());
    row[users::EMAIL_VERIFIED] = Value::Bool(false);
    row[users::PASSWORD_HASH] = Value::text(&event.password_hash);
    row[users::PASSWORD_UPDATED_AT] = envelope.time.into();
    row[users::LABELS] = Value::List(Vec::new());
    vec![RowChange::Insert {
        table: users::TABLE,
        row,
    }]
}

fn session_created(envelope: &Envelope, event: &SessionCreated) -> Vec<RowChange> {
    let mut row = vec![Value::Null; sessions::USER_AGENT + 1];
    row[sessions::USER] = Value::text(event.user.as_str());
    row[sessions::ID] = Value::text(event.session.as_str());
    row[sessions::CREATED_AT] = envelope.time.into();
    row[sessions::EXPIRE] = event.expire.into();
    row[sessions::SECRET_HASH] = Value::text(&event.secret_hash.to_string());
    row[sessions::PROVIDER] = Value::text(&event.provider);
    row[sessions::IP] = Value::text(&event.ip);
    row[sessions::USER_AGENT] = Value::text(&event.user_agent);
    vec![RowChange::Insert {
        table: sessions::TABLE,
        row,
    }]
}

fn session_deleted(event: &SessionDeleted) -> Vec<RowChange> {
    let key = vec![
        Value::text(event.user.as_str()),
        Value::text(event.session.as_str()),
    ];
    vec![RowChange::Delete {
        table: sessions::TABLE,
        key,
    }]
}
