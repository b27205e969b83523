//! The two stages, as plain functions: a thread or a task drives them.

use std::sync::Arc;
use std::time::Instant;

use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::CommitNumber;
use everlog_domain::log::{Arbiter, Batch, Manifest};
use everlog_domain::ports::{AppendFailure, Log, Rows};
use everlog_domain::projects::ProjectEvent;
use tokio::sync::watch;

use super::intake::{Answer, Entry, Outcome, Submission, Taken};
use crate::directory::Directory;
use crate::live::Hub;
use crate::request::Halt;

/// Stage 1: arbiter and log.
pub(super) struct LogStage {
    pub(super) arbiter: Arbiter,
    pub(super) log: Arc<dyn Log>,
}

/// A durable batch on its way to the rows, with everybody who waits for it. Refusals travel
/// along, so that nobody is told of a conflict with something that is not durable yet.
#[derive(Default)]
pub(super) struct Durable {
    batch: Option<(Manifest, Vec<Arc<Recorded>>)>,
    granted: Vec<(usize, Answer)>,
    refused: Vec<(Outcome, Answer)>,
}

impl Durable {
    /// Nothing of the batch was written. Refusals may rest on what the batch was to write (a wish
    /// that it granted, access that it moved), so they do not hold either.
    fn into_full(self) -> Self {
        let full = self.answers().map(|answer| (Outcome::DiskFull, answer));
        Self {
            refused: full.collect(),
            ..Self::default()
        }
    }

    /// The rows will not take it: nobody who waits learns more than that.
    pub(super) fn stop(self) {
        self.answers().for_each(|answer| answer(Outcome::Stopped));
    }

    /// Everybody who waits.
    fn answers(self) -> impl Iterator<Item = Answer> {
        let granted = self.granted.into_iter().map(|(_, answer)| answer);
        let refused = self.refused.into_iter().map(|(_, answer)| answer);
        granted.chain(refused)
    }
}

impl LogStage {
    /// Admits, writes and syncs. The order is the promise: nothing leaves here before the sync.
    pub(super) fn run(&mut self, taken: Taken) -> Result<Durable, Halt> {
        let mut durable = Durable::default();
        let mut open = self.arbiter.begin();
        for (project, entry) in taken {
            match entry {
                // A conflict here shows at the project's first append, as inactive.
                Entry::Activate(head, as_of) => self
                    .arbiter
                    .activate(project, head, as_of)
                    .unwrap_or_default(),
                Entry::Append(submission) => {
                    let Submission { append, answer } = *submission;
                    match self.arbiter.admit(&mut open, append) {
                        Ok(offsets) => durable.granted.push((offsets.len(), answer)),
                        Err(conflict) => {
                            durable.refused.push((Outcome::Conflict(conflict), answer))
                        }
                    }
                }
            }
        }
        if open.is_empty() {
            self.arbiter.cancel(&open);
            return Ok(durable);
        }
        let batch = open.seal();
        match self.write(&batch) {
            Ok(()) => {
                let events = batch
                    .events
                    .into_iter()
                    .map(|event| event.recorded)
                    .collect();
                durable.batch = Some((batch.manifest, events));
                Ok(durable)
            }
            Err(AppendFailure::Full) => {
                self.arbiter.rescind(&batch);
                Ok(durable.into_full())
            }
            Err(AppendFailure::Broken { reason }) => {
                durable.stop();
                Err(Halt {
                    commit: batch.manifest.commit.0,
                    reason,
                })
            }
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "a histogram of sizes needs no exactness"
    )]
    fn write(&self, batch: &Batch) -> Result<(), AppendFailure> {
        let begun = Instant::now();
        let written = self.log.append(batch);
        metrics::histogram!("everlog_commit_seconds").record(begun.elapsed().as_secs_f64());
        metrics::histogram!("everlog_commit_events").record(batch.events.len() as f64);
        if written.is_ok() {
            metrics::counter!("everlog_events_total").increment(batch.events.len() as u64);
        }
        written
    }
}

/// Stage 2: rows, answers, live.
pub(super) struct RowStage {
    pub(super) rows: Arc<dyn Rows>,
    pub(super) directory: Arc<Directory>,
    pub(super) hub: Hub,
    pub(super) visible: watch::Sender<CommitNumber>,
}

impl RowStage {
    /// Projects, then answers, then publishes: who got an answer reads what it wrote.
    pub(super) fn run(&self, durable: Durable) -> Result<(), Halt> {
        let Durable {
            batch,
            granted,
            refused,
        } = durable;
        let mut projected = Vec::new();
        if let Some((manifest, events)) = batch {
            let commit = manifest.commit;
            match self.rows.project(&manifest, &events) {
                Ok(done) => projected = done,
                Err(failure) => {
                    let waiting = Durable {
                        batch: None,
                        granted,
                        refused,
                    };
                    waiting.stop();
                    return Err(Halt {
                        commit: commit.0,
                        reason: failure.to_string(),
                    });
                }
            }
            self.move_epochs(&events);
            self.hub.tell_access(&projected);
            self.visible.send_replace(commit);
            answer_granted(commit, &events, granted);
        }
        refused
            .into_iter()
            .for_each(|(outcome, answer)| answer(outcome));
        self.hub.publish(&projected);
        Ok(())
    }

    fn move_epochs(&self, events: &[Arc<Recorded>]) {
        for recorded in events {
            let envelope = &recorded.envelope;
            self.directory
                .move_epochs(envelope.project, envelope.kind, envelope.offset);
            match &recorded.event {
                Event::Project(ProjectEvent::ProjectQuotasSet(set)) => {
                    self.directory.set_quotas(set.number, set.quotas);
                }
                Event::Project(ProjectEvent::RetentionSet(_)) => {
                    self.directory.has_retention(envelope.project);
                }
                _ => {}
            }
        }
    }
}

fn answer_granted(commit: CommitNumber, events: &[Arc<Recorded>], granted: Vec<(usize, Answer)>) {
    let mut rest = events.iter();
    for (count, answer) in granted {
        let events = rest.by_ref().take(count).cloned().collect();
        answer(Outcome::Committed { events, commit });
    }
}

#[cfg(test)]
mod tests;
