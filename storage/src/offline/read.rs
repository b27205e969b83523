use std::sync::Arc;

use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{CONSOLE, Offset, ProjectId, ProjectNumber};
use everlog_domain::ports::{Log, ReadFailure};
use everlog_domain::projects::ProjectEvent;

use crate::log::EmbeddedLog;
use crate::open::{OpenRefused, Options, open_log, require};

/// Events that are read at a time.
const EVENTS: usize = 512;

/// The log of a folder that no server owns, for reading.
pub struct OfflineLog {
    log: Arc<EmbeddedLog>,
}

impl OfflineLog {
    /// Opens the log alone, after the same checks as a server.
    pub fn open(options: &Options) -> Result<Self, OpenRefused> {
        require(options)?;
        let log = open_log(options)?;
        Ok(Self { log })
    }

    /// A log that is open already.
    pub(crate) const fn over(log: Arc<EmbeddedLog>) -> Self {
        Self { log }
    }

    /// The log as a port.
    #[must_use]
    pub fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log) as Arc<dyn Log>
    }

    /// The number of a project, as the console's log tells it. `console` is the console itself.
    pub fn project(&self, id: &ProjectId) -> Result<Option<ProjectNumber>, ReadFailure> {
        if id.as_str() == "console" {
            return Ok(Some(CONSOLE));
        }
        for recorded in self.events(CONSOLE, Offset(1)) {
            if let Event::Project(ProjectEvent::ProjectCreated(created)) = recorded?.event
                && created.project == *id
            {
                return Ok(Some(created.number));
            }
        }
        Ok(None)
    }

    /// A project's events from an offset on, in order, up to the end or the first damage. Memory
    /// goes with a page of events, not with the log.
    pub fn events(
        &self,
        project: ProjectNumber,
        from: Offset,
    ) -> impl Iterator<Item = Result<Recorded, ReadFailure>> {
        Events {
            log: Arc::clone(&self.log),
            project,
            next: from.max(Offset(1)),
            page: Vec::new().into_iter(),
            ended: false,
        }
    }
}

struct Events {
    log: Arc<EmbeddedLog>,
    project: ProjectNumber,
    next: Offset,
    page: std::vec::IntoIter<Recorded>,
    ended: bool,
}

impl Iterator for Events {
    type Item = Result<Recorded, ReadFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(event) = self.page.next() {
            return Some(Ok(event));
        }
        if self.ended {
            return None;
        }
        match self.log.read(self.project, self.next, EVENTS) {
            Ok(page) => {
                self.ended = page.len() < EVENTS;
                self.next = Offset(self.next.0 + page.len() as u64);
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(failure) => {
                self.ended = true;
                Some(Err(failure))
            }
        }
    }
}
