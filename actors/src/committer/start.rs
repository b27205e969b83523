//! Starts the committer and hands appends to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Arbiter, ProjectHead};
use everlog_domain::ports::{Log, Rows};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, watch};

use super::intake::{Entry, Intake, Stopped, Submission};
use super::stages::{Durable, LogStage, RowStage};
use crate::directory::Directory;
use crate::live::Hub;
use crate::options::{CommitterMode, NodeOptions};
use crate::request::Halt;

/// Batches that may be durable and not yet projected.
const BETWEEN_STAGES: usize = 2;

/// Turns of other tasks that the rows let pass before a batch, from none on and anew, so that the
/// log is ahead of them now by nothing, now by all that it may. It takes two turns to commit.
const LONGEST_DELAY: usize = 2 * (BETWEEN_STAGES + 1) + 1;

/// A handle to the committer.
#[derive(Clone)]
pub(crate) struct Committer {
    intake: Arc<Intake>,
    visible: watch::Receiver<CommitNumber>,
    ended: watch::Receiver<Option<Ended>>,
}

/// How the committer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Drained,
    Halted(Halt),
}

/// What the committer works with.
pub(crate) struct Parts {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) rows: Arc<dyn Rows>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hub: Hub,
}

impl Committer {
    /// Starts the stages. The rows must have reached the log's head.
    pub(crate) fn start(parts: Parts, options: &NodeOptions) -> std::io::Result<Self> {
        let head = parts.log.head();
        let (visible, visible_seen) = watch::channel(head);
        let (ended, ended_seen) = watch::channel(None);
        let intake = Arc::new(Intake::default());
        let log_stage = LogStage {
            arbiter: Arbiter::new(head).remembering(options.remembered),
            log: parts.log,
        };
        let row_stage = RowStage {
            rows: parts.rows,
            directory: parts.directory,
            hub: parts.hub,
            visible,
        };
        let shared = Arc::clone(&intake);
        match options.committer {
            CommitterMode::Threads => start_threads(shared, log_stage, row_stage, ended)?,
            CommitterMode::Inline => start_tasks(shared, log_stage, row_stage, ended),
        }
        Ok(Self {
            intake,
            visible: visible_seen,
            ended: ended_seen,
        })
    }

    /// Hands an append over.
    pub(crate) fn submit(&self, submission: Submission) -> Result<(), Stopped> {
        let project = submission.append.project;
        self.intake
            .put(project, Entry::Append(Box::new(submission)))
    }

    /// Gives the arbiter a project's head as of a commit, ahead of the appends that follow.
    pub(crate) fn activate(&self, project: ProjectNumber, head: ProjectHead, as_of: CommitNumber) {
        // A stopped committer refuses the append that follows, which says so.
        self.intake
            .put(project, Entry::Activate(head, as_of))
            .unwrap_or_default();
    }

    /// Waits until a commit is visible, or the committer has ended.
    pub(crate) async fn visible(&self, commit: CommitNumber) {
        // The sender lives as long as the stages: an error means that they ended.
        drop(
            self.visible
                .clone()
                .wait_for(|visible| *visible >= commit)
                .await,
        );
    }

    /// Commits what waits and stops. The engines are nobody's of the committer afterwards.
    pub(crate) async fn drain(&self) {
        self.intake.close();
        // The stages let go of their senders last.
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// Waits for a halt; never returns after an ordinary stop.
    pub(crate) async fn halted(&self) -> Halt {
        let mut ended = self.ended.clone();
        let seen = ended
            .wait_for(|ended| matches!(ended, Some(Ended::Halted(_))))
            .await;
        if let Ok(seen) = seen
            && let Some(Ended::Halted(halt)) = seen.as_ref()
        {
            return halt.clone();
        }
        std::future::pending().await
    }
}

fn start_threads(
    intake: Arc<Intake>,
    mut log_stage: LogStage,
    row_stage: RowStage,
    ended: watch::Sender<Option<Ended>>,
) -> std::io::Result<()> {
    // Waits asleep: crossbeam's channel and the standard library's spin first, and where two stages
    // and their callers share two processors, that is time taken from them.
    let (sender, mut receiver) = mpsc::channel::<Durable>(BETWEEN_STAGES);
    let ended = Arc::new(ended);
    let (row_ended, row_intake) = (Arc::clone(&ended), Arc::clone(&intake));
    std::thread::Builder::new()
        .name("rows".to_owned())
        .spawn(move || {
            let project = || {
                while let Some(durable) = receiver.blocking_recv() {
                    row_stage.run(durable)?;
                }
                Ok(())
            };
            end(&row_ended, &row_intake, or_halt(project));
            receiver.close();
            while let Some(unprojected) = receiver.blocking_recv() {
                unprojected.stop();
            }
            drop(row_stage);
            drop(row_ended);
        })?;
    std::thread::Builder::new()
        .name("committer".to_owned())
        .spawn(move || {
            let commit = || {
                while let Some(taken) = intake.take() {
                    let durable = log_stage.run(taken)?;
                    if let Err(SendError(unprojected)) = sender.blocking_send(durable) {
                        unprojected.stop();
                        break; // the rows stage halted and said so
                    }
                }
                Ok(())
            };
            // Drained is what the rows stage says, once it has finished what is between the stages.
            if let Err(halt) = or_halt(commit) {
                end(&ended, &intake, Err(halt));
            }
            drop(sender);
            drop(log_stage);
            drop(ended);
        })?;
    Ok(())
}

/// A stage that panics halts the process like one whose disk fails: whoever waits for it would wait
/// for ever.
fn or_halt<T>(stage: impl FnOnce() -> Result<T, Halt>) -> Result<T, Halt> {
    // Nothing of a stage is used after a panic, so what state it is in does not matter.
    catch_unwind(AssertUnwindSafe(stage)).unwrap_or_else(|_| {
        Err(Halt {
            commit: 0,
            reason: "a stage of the committer panicked; the log above says where".to_owned(),
        })
    })
}

/// The same two stages and the same channel as tasks, whose turns the runtime gives out in an order
/// that repeats.
fn start_tasks(
    intake: Arc<Intake>,
    log_stage: LogStage,
    row_stage: RowStage,
    ended: watch::Sender<Option<Ended>>,
) {
    let (sender, receiver) = mpsc::channel::<Durable>(BETWEEN_STAGES);
    let ended = Arc::new(ended);
    let (row_ended, row_intake) = (Arc::clone(&ended), Arc::clone(&intake));
    drop(tokio::spawn(project_inline(
        receiver, row_stage, row_ended, row_intake,
    )));
    drop(tokio::spawn(commit_inline(
        intake, log_stage, sender, ended,
    )));
}

async fn commit_inline(
    intake: Arc<Intake>,
    mut log_stage: LogStage,
    sender: mpsc::Sender<Durable>,
    ended: Arc<watch::Sender<Option<Ended>>>,
) {
    while let Some(taken) = intake.take_async().await {
        tokio::task::yield_now().await;
        match or_halt(|| log_stage.run(taken)) {
            Ok(durable) => {
                if let Err(SendError(unprojected)) = sender.send(durable).await {
                    unprojected.stop();
                    break;
                }
            }
            Err(halt) => {
                end(&ended, &intake, Err(halt));
                break;
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn project_inline(
    mut receiver: mpsc::Receiver<Durable>,
    row_stage: RowStage,
    ended: Arc<watch::Sender<Option<Ended>>>,
    intake: Arc<Intake>,
) {
    let mut result = Ok(());
    let mut delays = (0..=LONGEST_DELAY).cycle();
    while let Some(durable) = receiver.recv().await {
        for _ in 0..delays.next().unwrap_or(0) {
            tokio::task::yield_now().await;
        }
        result = or_halt(|| row_stage.run(durable));
        if result.is_err() {
            break;
        }
    }
    end(&ended, &intake, result);
    receiver.close();
    while let Some(unprojected) = receiver.recv().await {
        unprojected.stop();
    }
}

fn end(ended: &watch::Sender<Option<Ended>>, intake: &Intake, result: Result<(), Halt>) {
    let how = match result {
        Ok(()) => Ended::Drained,
        Err(halt) => {
            tracing::error!(commit = halt.commit, reason = %halt.reason, "the committer halts");
            intake.abort();
            Ended::Halted(halt)
        }
    };
    ended.send_if_modified(|ended| {
        let first = ended.is_none();
        if first {
            *ended = Some(how);
        }
        first
    });
}

#[cfg(test)]
mod tests;
