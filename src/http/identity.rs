//! From credentials to a caller: the one place where a request becomes somebody.

use std::sync::Arc;

use everlog_actors::{Node, Refused};
use everlog_domain::access::{Caller, Principal, Privilege, RoleSet, Scopes};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CONSOLE, KeyId, Offset, ProjectId, ProjectNumber, SessionId, UserId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{keys, projects, sessions, users};
use everlog_domain::time::Time;
use everlog_domain::value::Value;
use quick_cache::sync::Cache;
use subtle::ConstantTimeEq;

use super::cells::{cell, texts};
use super::credentials::{CONSOLE_ID, Credentials, KeyPlace, PresentedKey, invalid_key};
use crate::error::{ApiError, ErrorType};
use crate::key_text::SessionText;

/// Identities that are remembered; beyond this the least used are read again.
const REMEMBERED: usize = 16_384;

/// Who a request turned out to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// As the rules know it.
    pub caller: Caller,
    /// The project's public id.
    pub project: ProjectId,
    /// The session that proved it.
    pub session: Option<SessionId>,
    /// When the credential ends by itself.
    expire: Option<Time>,
}

/// Finds out who asks, and remembers it until a caller of the project is revoked.
pub struct Identities {
    known: Cache<Hash, Arc<Identity>>,
    projects: Cache<ProjectId, ProjectNumber>,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            known: Cache::new(REMEMBERED),
            projects: Cache::new(REMEMBERED),
        }
    }
}

impl Identities {
    /// Authenticates. What was remembered holds only under the caller epoch that it was read under
    /// and until the credential ends. Who may read which thread is asked of the rows each time, so
    /// a thread's own access moves nothing here.
    pub async fn identify(
        &self,
        node: &Node,
        credentials: &Credentials,
        now: Time,
    ) -> Result<Arc<Identity>, ApiError> {
        let number = self.project(node, credentials).await?;
        // The epoch is read before the rows: a change in between makes it too old, never too new,
        // and an append under a too old one is authorised again.
        let epoch = node.caller_epoch(number);
        if credentials.are_absent() {
            return Ok(Arc::new(guest(credentials, number, epoch)));
        }
        let digest = credentials.digest();
        if let Some(known) = self.known.get(&digest)
            && known.caller.access_epoch == epoch
            && known.expire.is_none_or(|expire| now < expire)
        {
            return Ok(known);
        }
        let identity = read(node, credentials, number, epoch, now).await?;
        let identity = Arc::new(identity);
        if identity.caller.principal != Principal::Guest {
            self.known.insert(digest, Arc::clone(&identity));
        }
        Ok(identity)
    }

    /// The number of the project that the credentials are for.
    async fn project(
        &self,
        node: &Node,
        credentials: &Credentials,
    ) -> Result<ProjectNumber, ApiError> {
        let id = &credentials.project;
        if id.as_str() == CONSOLE_ID {
            return Ok(CONSOLE);
        }
        if let Some(number) = self.projects.get(id) {
            return Ok(number);
        }
        let key = [Value::text(id.as_str())];
        let row = node.reads().run(CONSOLE, move |view, _| {
            view.get(CONSOLE, projects::TABLE, &key)
        });
        let row = row.await??;
        let number = row
            .as_ref()
            .and_then(|row| row.get(projects::NUMBER)?.as_int());
        let Some(number) = number.and_then(|number| u64::try_from(number).ok()) else {
            return Err(unknown_project(credentials));
        };
        let number = ProjectNumber(number);
        // a project keeps its number for ever
        self.projects.insert(id.clone(), number);
        Ok(number)
    }
}

fn unknown_project(credentials: &Credentials) -> ApiError {
    match &credentials.key {
        Some(PresentedKey {
            place: KeyPlace::Bearer,
            ..
        }) => invalid_key(),
        _ => ApiError::new(
            ErrorType::ProjectNotFound,
            "no project with this id was found",
        ),
    }
}

fn guest(credentials: &Credentials, number: ProjectNumber, epoch: Offset) -> Identity {
    Identity {
        caller: Caller::guest(number, epoch),
        project: credentials.project.clone(),
        session: None,
        expire: None,
    }
}

/// The rows that stand for the credentials, if they are right.
struct Proof {
    key: Option<Row>,
    session: Option<(Row, Row)>,
}

async fn read(
    node: &Node,
    credentials: &Credentials,
    number: ProjectNumber,
    epoch: Offset,
    now: Time,
) -> Result<Identity, ApiError> {
    let wanted = credentials.clone();
    let proof = node
        .reads()
        .run(number, move |view, _| -> Result<Proof, RowsFailure> {
            let key = wanted.key.as_ref();
            let key = key.map_or(Ok(None), |key| right_key(view, number, key))?;
            let session = wanted.session.as_ref();
            let session =
                session.map_or(Ok(None), |text| right_session(view, number, text, now))?;
            Ok(Proof { key, session })
        });
    let Proof { key, session } = proof
        .await
        .map_err(|refused: Refused| ApiError::from(refused))??;
    let place = credentials.key.as_ref().map(|key| key.place);
    match (key, session) {
        (Some(_), Some(_)) => Err(ApiError::new(
            ErrorType::KeyAndSessionSet,
            "expected a key or a session, found both",
        )),
        (Some(row), None) => key_identity(credentials, number, epoch, now, &row),
        (None, _) if place == Some(KeyPlace::Bearer) => Err(invalid_key()),
        (None, Some((session, user))) => user_identity(credentials, number, epoch, &session, &user),
        (None, None) => Ok(guest(credentials, number, epoch)),
    }
}

fn right_key(
    view: &dyn RowsView,
    number: ProjectNumber,
    key: &PresentedKey,
) -> Result<Option<Row>, RowsFailure> {
    let id = [Value::text(key.text.key.as_str())];
    let row = view.get(number, keys::TABLE, &id)?;
    // compared also where there is no key, so that it takes as long
    let stored = stored_hash(row.as_deref(), keys::SECRET_HASH);
    let right: bool = stored
        .as_bytes()
        .ct_eq(key.text.secret_hash().as_bytes())
        .into();
    Ok(row.filter(|_| right))
}

fn right_session(
    view: &dyn RowsView,
    number: ProjectNumber,
    text: &SessionText,
    now: Time,
) -> Result<Option<(Row, Row)>, RowsFailure> {
    let hash = text.secret_hash();
    let secret = [Value::text(&hash.to_string())];
    let session = view.find(number, sessions::TABLE, sessions::BY_SECRET, &secret)?;
    let Some(session) = session else {
        return Ok(None);
    };
    let stored = stored_hash(Some(&session), sessions::SECRET_HASH);
    let right: bool = stored.as_bytes().ct_eq(hash.as_bytes()).into();
    let own = cell(&session, sessions::USER).as_text() == Some(text.user());
    let lives = cell(&session, sessions::EXPIRE)
        .as_time()
        .is_some_and(|expire| now < expire);
    if !(right && own && lives) {
        return Ok(None);
    }
    let user = [cell(&session, sessions::USER).clone()];
    let user = view.get(number, users::TABLE, &user)?;
    Ok(user.map(|user| (session, user)))
}

/// The stored hash, or one that no secret has.
fn stored_hash(row: Option<&[Value]>, place: usize) -> Hash {
    let text = row.and_then(|row| cell(row, place).as_text());
    text.and_then(Hash::from_hex).unwrap_or_default()
}

fn key_identity(
    credentials: &Credentials,
    number: ProjectNumber,
    epoch: Offset,
    now: Time,
    row: &[Value],
) -> Result<Identity, ApiError> {
    let expire = cell(row, keys::EXPIRE).as_time();
    if expire.is_some_and(|expire| expire <= now) {
        return Err(ApiError::new(
            ErrorType::ProjectKeyExpired,
            "the key has expired",
        ));
    }
    let names: Vec<&str> = texts(row, keys::SCOPES).collect();
    let id = cell(row, keys::ID).as_text().unwrap_or_default();
    let caller = Caller {
        project: number,
        principal: Principal::Key(KeyId::parse(id).map_err(ApiError::internal)?),
        on_behalf_of: None,
        roles: RoleSet::default(),
        scopes: Scopes::parse(&names).map_err(ApiError::internal)?,
        privilege: Privilege::Key,
        access_epoch: epoch,
    };
    Ok(Identity {
        caller,
        project: credentials.project.clone(),
        session: None,
        expire,
    })
}

fn user_identity(
    credentials: &Credentials,
    number: ProjectNumber,
    epoch: Offset,
    session: &[Value],
    user: &[Value],
) -> Result<Identity, ApiError> {
    let id = cell(user, users::ID).as_text().unwrap_or_default();
    let id = UserId::parse(id).map_err(ApiError::internal)?;
    let verified = *cell(user, users::EMAIL_VERIFIED) == Value::Bool(true);
    let labels: Vec<_> = texts(user, users::LABELS).map(Into::into).collect();
    let session_id = cell(session, sessions::ID).as_text().unwrap_or_default();
    let caller = Caller {
        project: number,
        roles: RoleSet::user(&id, verified, &labels),
        principal: Principal::User(id),
        on_behalf_of: None,
        scopes: Scopes::user(),
        privilege: Privilege::Ordinary,
        access_epoch: epoch,
    };
    Ok(Identity {
        caller,
        project: credentials.project.clone(),
        session: Some(SessionId::parse(session_id).map_err(ApiError::internal)?),
        expire: cell(session, sessions::EXPIRE).as_time(),
    })
}
