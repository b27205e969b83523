//! What has expired, as a log without rows tells it.

use std::collections::HashMap;

use everlog_domain::envelope::{EventKind, Stream};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::Log;
use everlog_domain::projects::ProjectEvent;
use everlog_domain::threads::{Expired, ThreadEvent};

/// Envelopes that are read at once.
const AT_ONCE: usize = 4_096;

/// What has expired of the lives of a project's threads.
#[derive(Debug, Default)]
pub(crate) struct Expirations(HashMap<(Stream, Offset), Expired>);

impl Expirations {
    /// Of a whole log; of a damaged one up to the damage, which whoever prints it meets as well.
    pub(crate) fn of(log: &dyn Log, project: ProjectNumber) -> Self {
        let mut found = Self::default();
        let mut from = Offset(1);
        while let Ok(envelopes) = log.envelopes(project, from, AT_ONCE) {
            let Some(last) = envelopes.last() else { break };
            from = last.offset.next();
            let told = envelopes
                .iter()
                .filter(|envelope| tells_of_it(envelope.kind));
            for envelope in told {
                // one by one: what one of them does not say, the others do
                let read = log.read_at(project, &[envelope.offset]);
                read.into_iter()
                    .flatten()
                    .for_each(|recorded| found.take(recorded));
            }
        }
        found
    }

    fn take(&mut self, recorded: Recorded) {
        match recorded.event {
            Event::Thread(ThreadEvent::ItemsExpired(event)) => {
                let life = (recorded.envelope.stream, recorded.envelope.incarnation);
                self.0.insert(life, event.expired);
            }
            Event::Project(ProjectEvent::ThreadsExpired(event)) => {
                for ended in event.threads {
                    let life = (Stream::thread(&ended.thread), ended.incarnation);
                    self.0.insert(life, Expired::everything());
                }
            }
            _ => {}
        }
    }

    /// Takes away what an event says about what has expired.
    pub(crate) fn withhold(&self, mut recorded: Recorded) -> Recorded {
        let envelope = &recorded.envelope;
        let life = (envelope.stream.clone(), envelope.incarnation);
        if let Some(expired) = self.0.get(&life) {
            recorded.withhold(expired);
        }
        recorded
    }
}

const fn tells_of_it(kind: EventKind) -> bool {
    matches!(kind, EventKind::ItemsExpired | EventKind::ThreadsExpired)
}
