//! The oracle: a project as a few maps, written apart from the rules that it judges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use everlog_actors::{ProjectCommand, Refused};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::identity::{IdentityEvent, IdentityRefusal};
use everlog_domain::ids::{
    KeyId, Offset, Position, ProjectId, SessionId, TemplateId, ThreadId, UserId,
};
use everlog_domain::projects::{ProjectEvent, ProjectRefusal};
use everlog_domain::thread_templates::{
    TemplateCreated, TemplateEvent, TemplateRefusal, TemplateUpdated,
};
use everlog_domain::threads::{ThreadCommand, ThreadEvent, ThreadRefusal, ThreadTemplate};

use super::ledger::{Ask, Credential, What};
use super::model_thread::Thread;
pub(super) use super::verdict::Verdict;
use super::verdict::Verdict::{Granted, Nothing};
use super::verdict::{fresh, grantable, there};

/// A project at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    keys: BTreeSet<KeyId>,
    users: BTreeSet<UserId>,
    emails: BTreeSet<String>,
    sessions: BTreeSet<(UserId, SessionId)>,
    projects: BTreeSet<ProjectId>,
    templates: BTreeMap<TemplateId, ThreadTemplate>,
    threads: BTreeMap<ThreadId, Arc<Thread>>,
}

impl World {
    /// What must become of a request at this moment.
    pub(super) fn verdict(&self, ask: &Ask) -> Verdict {
        if !self.knows(&ask.credential) {
            return Verdict::Revoked;
        }
        match &ask.what {
            What::Project(command) => self.project_verdict(command),
            What::Thread(id, command) => match (self.threads.get(id), command) {
                (None, ThreadCommand::Create(create)) => {
                    let granted = create.permissions.clone().unwrap_or_default();
                    grantable(&ask.credential, &granted)
                }
                (Some(_), ThreadCommand::Create(_)) => ThreadRefusal::AlreadyExists.into(),
                (None, ThreadCommand::Expire(_)) => Nothing,
                (None, _) => ThreadRefusal::NotFound.into(),
                (Some(thread), command) => thread.verdict(&ask.credential, command),
            },
        }
    }

    /// Whether a credential is good at this moment.
    pub(super) fn knows(&self, credential: &Credential) -> bool {
        match credential {
            Credential::System => true,
            Credential::Key(key) => self.keys.contains(key),
            Credential::Session(user, session) => {
                self.sessions.contains(&(user.clone(), session.clone()))
            }
        }
    }

    fn project_verdict(&self, command: &ProjectCommand) -> Verdict {
        let taken = |taken: bool, refusal: Refused| match taken {
            true => Verdict::Refused(refusal),
            false => Granted,
        };
        match command {
            ProjectCommand::RegisterUser(command) => {
                let known = self.users.contains(&command.user)
                    || self.emails.contains(command.email.as_str());
                taken(known, IdentityRefusal::UserExists.into())
            }
            ProjectCommand::SignIn(_) => Granted,
            ProjectCommand::SignOut(command) => {
                let session = (command.user.clone(), command.session.clone());
                let missing = !self.sessions.contains(&session);
                taken(missing, IdentityRefusal::SessionNotFound.into())
            }
            ProjectCommand::CreateKey(command) => taken(
                self.keys.contains(&command.key.key),
                ProjectRefusal::KeyExists.into(),
            ),
            ProjectCommand::DeleteKey(command) => taken(
                !self.keys.contains(&command.key),
                ProjectRefusal::KeyNotFound.into(),
            ),
            ProjectCommand::CreateProject { project, .. } => taken(
                self.projects.contains(project),
                ProjectRefusal::ProjectExists.into(),
            ),
            ProjectCommand::SetQuotas(command) => taken(
                !self.projects.contains(&command.project),
                ProjectRefusal::ProjectNotFound.into(),
            ),
            ProjectCommand::ExpireThreads(command) => {
                unreachable!("no wish lets threads of {} go", command.project)
            }
            ProjectCommand::SetRetention(command) => {
                unreachable!("no wish sets the retention of {}", command.project)
            }
            ProjectCommand::CreateTemplate(command) => taken(
                self.templates.contains_key(&command.template),
                TemplateRefusal::Exists.into(),
            ),
            ProjectCommand::UpdateTemplate(command) => {
                match self.templates.get(&command.template) {
                    None => Verdict::Refused(TemplateRefusal::NotFound.into()),
                    Some(content) if *content == command.content => Nothing,
                    Some(_) => Granted,
                }
            }
            ProjectCommand::DeleteTemplate(command) => taken(
                !self.templates.contains_key(&command.template),
                TemplateRefusal::NotFound.into(),
            ),
        }
    }

    /// Takes in an event, or says why it cannot have happened.
    pub(super) fn apply(&mut self, id: &str, recorded: &Recorded) -> Result<(), String> {
        match &recorded.event {
            Event::Project(event) => self.apply_project(event),
            Event::Identity(event) => self.apply_identity(event),
            Event::Template(event) => self.apply_template(event),
            Event::Thread(event) => {
                let id = ThreadId::parse(id).map_err(|error| error.to_string())?;
                let envelope = &recorded.envelope;
                self.apply_thread(&id, (envelope.offset, envelope.position), event)
            }
            Event::Withheld(_) => Err("what is withheld was written".to_owned()),
        }
    }

    fn apply_project(&mut self, event: &ProjectEvent) -> Result<(), String> {
        match event {
            ProjectEvent::ProjectCreated(event) => {
                fresh(self.projects.insert(event.project.clone()), "project")
            }
            ProjectEvent::ProjectQuotasSet(event) => {
                there(self.projects.contains(&event.project), "project")
            }
            ProjectEvent::RetentionSet(_) | ProjectEvent::ThreadsExpired(_) => {
                Err("nobody asked for a rule".to_owned())
            }
            ProjectEvent::KeyCreated(event) => fresh(self.keys.insert(event.key.clone()), "key"),
            ProjectEvent::KeyDeleted(event) => there(self.keys.remove(&event.key), "key"),
        }
    }

    fn apply_identity(&mut self, event: &IdentityEvent) -> Result<(), String> {
        match event {
            IdentityEvent::UserCreated(event) => {
                fresh(self.users.insert(event.user.clone()), "user")?;
                let email = event.email.as_str().to_owned();
                fresh(self.emails.insert(email), "address")
            }
            IdentityEvent::SessionCreated(event) => {
                let session = (event.user.clone(), event.session.clone());
                fresh(self.sessions.insert(session), "session")
            }
            IdentityEvent::SessionDeleted(event) => {
                let session = (event.user.clone(), event.session.clone());
                there(self.sessions.remove(&session), "session")
            }
        }
    }

    fn apply_template(&mut self, event: &TemplateEvent) -> Result<(), String> {
        let before = match event {
            TemplateEvent::TemplateCreated(TemplateCreated { template, content }) => {
                let before = self.templates.insert(template.clone(), content.clone());
                return fresh(before.is_none(), "template");
            }
            TemplateEvent::TemplateUpdated(TemplateUpdated { template, content }) => {
                self.templates.insert(template.clone(), content.clone())
            }
            TemplateEvent::TemplateDeleted(event) => self.templates.remove(&event.template),
        };
        there(before.is_some(), "template")
    }

    fn apply_thread(
        &mut self,
        id: &ThreadId,
        (offset, position): (Offset, Position),
        event: &ThreadEvent,
    ) -> Result<(), String> {
        match event {
            ThreadEvent::ThreadCreated(event) => {
                let thread = Thread::begin(offset, event);
                let before = self.threads.insert(id.clone(), Arc::new(thread));
                fresh(before.is_none(), "thread")
            }
            ThreadEvent::ThreadDeleted(_) => there(self.threads.remove(id).is_some(), "thread"),
            event => {
                let thread = self.threads.get_mut(id).ok_or("there is no such thread")?;
                Arc::make_mut(thread).apply(position, event)
            }
        }
    }
}
