//! Loads what a project command needs and decides it: pure rules on rows as of a commit.

use everlog_domain::envelope::{Head, Stream, StreamKind};
use everlog_domain::event::Event;
use everlog_domain::ids::{CONSOLE, CommitNumber, ProjectNumber, SessionId};
use everlog_domain::log::Claim;
use everlog_domain::ports::{RowsView, Subject, Visibility};
use everlog_domain::projects::rows::{
    ended_thread_key, number_of, quotas_of, retention_key, retention_of,
};
use everlog_domain::projects::{
    CreateProject, EndedThread, ExpireThreads, ProjectCreated, QuotasNow, Retention, SetQuotas,
    SetRetention,
};
use everlog_domain::query::{Direction, OrderBy, Query, Total};
use everlog_domain::tables::system::{
    ended_threads, keys, projects, retention, sessions, thread_templates, users,
};
use everlog_domain::thread_templates::{
    CreateTemplate, DeleteTemplate, MAX_TEMPLATES, TemplatesNow, UpdateTemplate,
};
use everlog_domain::value::Value;

use crate::request::{ProjectCommand, Refused};
use crate::templates::template;

/// Sessions that are looked at when one is made: more than a user can have.
const SESSIONS_SEEN: usize = 100;

/// A decision with what it rests on.
pub(super) struct Plan {
    pub(super) stream: Stream,
    pub(super) head: Option<Head>,
    pub(super) as_of: CommitNumber,
    pub(super) subject: Subject,
    /// What must be nobody's: a project has one actor, but while one leaves and the next one comes,
    /// or after one has died with an append in flight, there may be two.
    pub(super) claims: Vec<Claim>,
    pub(super) events: Vec<Event>,
}

/// Decides a command on the view.
pub(super) fn plan(
    view: &dyn RowsView,
    project: ProjectNumber,
    command: ProjectCommand,
) -> Result<Plan, Refused> {
    let (stream, subject) = entity(&command);
    let head = view.stream_head(project, &stream)?;
    let claims = claims(&command);
    let events = decide(view, project, command)?;
    Ok(Plan {
        stream,
        head,
        as_of: view.commit(),
        subject,
        claims,
        events,
    })
}

fn claims(command: &ProjectCommand) -> Vec<Claim> {
    match command {
        ProjectCommand::RegisterUser(command) => vec![Claim::on("email", command.email.as_str())],
        // The next number is whatever follows the last one: projects are made one by one.
        ProjectCommand::CreateProject { .. } => vec![Claim::on("project", "number")],
        ProjectCommand::SignIn(_)
        | ProjectCommand::SignOut(_)
        | ProjectCommand::CreateKey(_)
        | ProjectCommand::DeleteKey(_)
        | ProjectCommand::SetQuotas(_)
        | ProjectCommand::SetRetention(_)
        | ProjectCommand::ExpireThreads(_)
        | ProjectCommand::UpdateTemplate(_)
        | ProjectCommand::DeleteTemplate(_) => Vec::new(),
        // They are counted: templates are made one by one.
        ProjectCommand::CreateTemplate(_) => vec![Claim::on("template", "number")],
    }
}

fn entity(command: &ProjectCommand) -> (Stream, Subject) {
    let user = |id: &str| (Stream::new(StreamKind::User, id), Subject::User(id.into()));
    let own = |kind, id: &str| (Stream::new(kind, id), Subject::Project);
    match command {
        ProjectCommand::RegisterUser(command) => user(command.user.as_str()),
        ProjectCommand::SignIn(command) => user(command.session.user.as_str()),
        ProjectCommand::SignOut(command) => user(command.user.as_str()),
        ProjectCommand::CreateKey(command) => own(StreamKind::Key, command.key.key.as_str()),
        ProjectCommand::DeleteKey(command) => own(StreamKind::Key, command.key.as_str()),
        ProjectCommand::CreateProject { project, .. }
        | ProjectCommand::SetQuotas(SetQuotas { project, .. })
        | ProjectCommand::SetRetention(SetRetention { project, .. })
        | ProjectCommand::ExpireThreads(ExpireThreads { project, .. }) => {
            own(StreamKind::Project, project.as_str())
        }
        ProjectCommand::CreateTemplate(CreateTemplate { template, .. })
        | ProjectCommand::UpdateTemplate(UpdateTemplate { template, .. })
        | ProjectCommand::DeleteTemplate(DeleteTemplate { template }) => {
            own(StreamKind::Template, template.as_str())
        }
    }
}

fn decide(
    view: &dyn RowsView,
    project: ProjectNumber,
    command: ProjectCommand,
) -> Result<Vec<Event>, Refused> {
    match command {
        ProjectCommand::RegisterUser(command) => {
            let id = [Value::text(command.user.as_str())];
            let email = [Value::text(command.email.as_str())];
            let taken = view.get(project, users::TABLE, &id)?.is_some()
                || view
                    .find(project, users::TABLE, users::BY_EMAIL, &email)?
                    .is_some();
            Ok(events(command.decide(taken)?))
        }
        ProjectCommand::SignIn(command) => {
            let existing = sessions_of(view, project, command.session.user.as_str())?;
            Ok(events(command.decide(&existing)))
        }
        ProjectCommand::SignOut(command) => {
            let key = [
                Value::text(command.user.as_str()),
                Value::text(command.session.as_str()),
            ];
            let exists = view.get(project, sessions::TABLE, &key)?.is_some();
            Ok(events(command.decide(exists)?))
        }
        ProjectCommand::CreateKey(command) => {
            let key = [Value::text(command.key.key.as_str())];
            let taken = view.get(project, keys::TABLE, &key)?.is_some();
            Ok(events(command.decide(taken)?))
        }
        ProjectCommand::DeleteKey(command) => {
            let key = [Value::text(command.key.as_str())];
            let exists = view.get(project, keys::TABLE, &key)?.is_some();
            Ok(events(command.decide(exists)?))
        }
        ProjectCommand::CreateProject {
            project: id,
            name,
            uid,
        } => {
            if project != CONSOLE {
                return Err(Refused::NoSuchProject);
            }
            let taken = view
                .get(CONSOLE, projects::TABLE, &[Value::text(id.as_str())])?
                .is_some();
            let number = next_number(view)?;
            let project = ProjectCreated {
                project: id,
                name,
                number,
                uid,
            };
            Ok(events(CreateProject { project }.decide(taken)?))
        }
        ProjectCommand::SetQuotas(command) => {
            if project != CONSOLE {
                return Err(Refused::NoSuchProject);
            }
            let key = [Value::text(command.project.as_str())];
            let row = view.get(CONSOLE, projects::TABLE, &key)?;
            let now = row.and_then(|row| {
                Some(QuotasNow {
                    number: number_of(&row)?,
                    quotas: quotas_of(&row),
                })
            });
            Ok(events(command.decide(now)?))
        }
        ProjectCommand::SetRetention(command) => {
            let row = view.get(project, retention::TABLE, &retention_key())?;
            let now = row.and_then(|row| retention_of(&row));
            let now = now.map_or_else(Retention::default, |now| now.rule);
            Ok(events(command.decide(now)))
        }
        ProjectCommand::ExpireThreads(command) => {
            let mut waiting = Vec::new();
            for ended in &command.ended {
                let key = ended_thread_key(ended);
                let row = view.get(project, ended_threads::TABLE, &key)?;
                waiting.extend(row.map(|_| ended.clone()));
            }
            let waits = |ended: &EndedThread| waiting.contains(ended);
            Ok(events(command.decide(waits)))
        }
        ProjectCommand::CreateTemplate(command) => {
            let templates =
                view.scan(project, thread_templates::TABLE, &[], None, MAX_TEMPLATES)?;
            let now = TemplatesNow {
                taken: template(view, project, &command.template)?.is_some(),
                count: templates.len(),
            };
            Ok(events(command.decide(now)?))
        }
        ProjectCommand::UpdateTemplate(command) => {
            let now = template(view, project, &command.template)?;
            Ok(events(command.decide(now.as_ref())?))
        }
        ProjectCommand::DeleteTemplate(command) => {
            let now = template(view, project, &command.template)?;
            Ok(events(command.decide(now.is_some())?))
        }
    }
}

fn events<E: Into<Event>>(events: Vec<E>) -> Vec<Event> {
    events.into_iter().map(Into::into).collect()
}

/// A user's sessions, oldest first.
fn sessions_of(
    view: &dyn RowsView,
    project: ProjectNumber,
    user: &str,
) -> Result<Vec<SessionId>, Refused> {
    let mut rows = view.scan(
        project,
        sessions::TABLE,
        &[Value::text(user)],
        None,
        SESSIONS_SEEN,
    )?;
    rows.sort_by_key(|row| row.get(sessions::CREATED_AT).and_then(Value::as_time));
    let id = |row: &Vec<Value>| SessionId::parse(row.get(sessions::ID)?.as_text()?).ok();
    Ok(rows.iter().filter_map(id).collect())
}

/// One more than the highest number that was ever given: rows of projects are never removed.
fn next_number(view: &dyn RowsView) -> Result<ProjectNumber, Refused> {
    let query = Query {
        order: vec![OrderBy {
            column: projects::NUMBER,
            direction: Direction::Descending,
        }],
        limit: 1,
        total: Total::Skipped,
        ..Query::default()
    };
    let page = view.list(CONSOLE, projects::TABLE, &query, Visibility::All)?;
    let newest = page
        .rows
        .first()
        .and_then(|row| row.get(projects::NUMBER)?.as_int());
    let newest = newest
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or(0);
    Ok(ProjectNumber(newest.max(CONSOLE.0)).next())
}
