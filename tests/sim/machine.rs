//! What a process runs on: both engines, with a crash before any of their calls.
//!
//! Nothing durable changes between two calls, so a crash before a call is also one after the call
//! before it. At the crash, what the disk holds is copied; whatever the process still does, before
//! its runtime is dropped, happens to nobody.

use std::sync::Arc;

use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest, Sealed};
use everlog_domain::ports::{
    AppendFailure, Log, Projected, ReadFailure, Rows, RowsFailure, RowsView, SealFailure, Subject,
};
use everlog_kit::{Disk, MemoryLog, MemoryRows};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::chance::Chance;
use super::ledger::{SharedLedger, happening, invariant};
use super::plan::{End, Life, RowsLeft};

/// What a process leaves behind.
#[derive(Default)]
pub(super) struct Remains {
    pub(super) disk: Disk,
    pub(super) rows: MemoryRows,
}

/// See the module's description.
pub(super) struct Machine {
    pub(super) log: MemoryLog,
    pub(super) rows: MemoryRows,
    state: Mutex<State>,
    crashed: Notify,
    ledger: SharedLedger,
}

struct State {
    calls: u64,
    batches: u64,
    crash_at: Option<u64>,
    fail_rows_at: Option<u64>,
    rows_left: RowsLeft,
    /// An earlier state of the rows, in case the restart is to find that.
    behind: MemoryRows,
    chance: Chance,
    left: Option<Remains>,
}

impl Machine {
    pub(super) fn start(
        remains: Remains,
        life: &Life,
        chance: Chance,
        ledger: SharedLedger,
    ) -> Self {
        let log = MemoryLog::open(remains.disk);
        let (mut crash_at, mut fail_rows_at) = (None, None);
        match life.end {
            End::Stop => {}
            End::Crash { call } => crash_at = Some(call),
            End::Log { append, fault } => log.fail_append(append, fault),
            End::Rows { batch } => fail_rows_at = Some(batch),
        }
        for &append in &life.full {
            log.fail_append(append, everlog_kit::AppendFault::Full);
        }
        for &(seal, fault) in &life.seals {
            log.fail_seal(seal, fault);
        }
        Self {
            log,
            state: Mutex::new(State {
                calls: 0,
                batches: 0,
                crash_at,
                fail_rows_at,
                rows_left: life.rows_left,
                behind: remains.rows.snapshot(),
                chance,
                left: None,
            }),
            rows: remains.rows,
            crashed: Notify::new(),
            ledger,
        }
    }

    /// Resolves at the crash.
    pub(super) async fn crashed(&self) {
        while !self.has_crashed() {
            self.crashed.notified().await;
        }
    }

    pub(super) fn has_crashed(&self) -> bool {
        self.state.lock().left.is_some()
    }

    /// What is left after the crash, or after the process has ended in another way.
    pub(super) fn remains(&self) -> Remains {
        let mut state = self.state.lock();
        match state.left.take() {
            Some(left) => left,
            None => self.leave(&state),
        }
    }

    /// The newest visible offset of a project.
    pub(super) fn visible(&self, project: ProjectNumber) -> Offset {
        let head = self.rows.view().project_head(project);
        head.ok().flatten().map_or(Offset(0), |head| head.offset)
    }

    /// The newest durable offset of a project.
    pub(super) fn durable(&self, project: ProjectNumber) -> Offset {
        self.log.newest(project)
    }

    fn leave(&self, state: &State) -> Remains {
        let rows = match state.rows_left {
            RowsLeft::Whole => self.rows.snapshot(),
            RowsLeft::Behind => state.behind.snapshot(),
            RowsLeft::Lost => MemoryRows::new(),
        };
        Remains {
            disk: self.log.disk(),
            rows,
        }
    }

    fn step(&self, call: &str) {
        let mut state = self.state.lock();
        if state.left.is_some() {
            return;
        }
        state.calls += 1;
        if state.crash_at == Some(state.calls) {
            let left = self.leave(&state);
            let line = format!("crash before call {} ({call})", state.calls);
            state.left = Some(left);
            drop(state);
            {
                let mut ledger = self.ledger.lock();
                ledger.trace(line);
                ledger.happened(happening::CRASH);
                if self.unprojected() > 1 {
                    ledger.happened(happening::CRASH_BETWEEN);
                }
            }
            self.crashed.notify_waiters();
            self.crashed.notify_one();
        }
    }

    /// Batches that are durable and not yet in the rows.
    fn unprojected(&self) -> u64 {
        self.log.head().0 - self.rows.reached().0
    }

    /// Notes how an append failed, after so many batches that were not projected yet.
    fn note_failed_append(&self, failure: &AppendFailure, unprojected: u64) {
        let (what, ahead) = match failure {
            AppendFailure::Full => (happening::FULL, happening::FULL_AHEAD),
            AppendFailure::Broken { .. } => (happening::LOG, happening::LOG_AHEAD),
        };
        let mut ledger = self.ledger.lock();
        ledger.happened(what);
        if unprojected > 0 {
            ledger.happened(ahead);
        }
    }

    /// A batch may be shown only once it is durable.
    fn check_durable(&self, commit: CommitNumber, how: &str) {
        let durable = self.log.head();
        if commit > durable {
            let detail = format!("commit {commit} was {how} while the log was at {durable}");
            let mut ledger = self.ledger.lock();
            ledger.broke(invariant::NOTHING_VISIBLE_BEFORE_DURABLE, detail);
        }
    }
}

impl Log for Machine {
    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure> {
        self.step("seal");
        self.log.seal(uid, subject, event)
    }

    fn append(&self, batch: &Batch) -> Result<(), AppendFailure> {
        self.step("append");
        // one whose sync fails may be on the disk all the same, and would count itself
        let unprojected = self.unprojected();
        let written = self.log.append(batch);
        if !self.has_crashed() {
            let (commit, events) = (batch.manifest.commit, batch.events.len());
            let line = format!("append of commit {commit} with {events} events: {written:?}");
            self.ledger.lock().trace(line);
            if let Err(failure) = &written {
                self.note_failed_append(failure, unprojected);
            }
        }
        written
    }

    fn head(&self) -> CommitNumber {
        self.log.head()
    }

    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.step("read");
        self.log.read(project, from, limit)
    }

    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.step("read_at");
        self.log.read_at(project, offsets)
    }

    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure> {
        self.log.manifests(after, limit)
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        self.log.stored_bytes(project)
    }

    fn hash_at(&self, project: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        self.log.hash_at(project, offset)
    }
}

impl Rows for Machine {
    fn project(
        &self,
        manifest: &Manifest,
        events: &[Arc<Recorded>],
    ) -> Result<Vec<Projected>, RowsFailure> {
        self.step("project");
        self.check_durable(manifest.commit, "projected");
        let mut state = self.state.lock();
        state.batches += 1;
        let fails = state.fail_rows_at == Some(state.batches);
        if fails {
            self.rows.fail_next();
        }
        if state.chance.one_in(6) {
            state.behind = self.rows.snapshot();
        }
        drop(state);
        if fails && !self.has_crashed() {
            let mut ledger = self.ledger.lock();
            ledger.happened(happening::ROWS);
            if self.unprojected() > 1 {
                ledger.happened(happening::ROWS_BEHIND);
            }
        }
        self.rows.project(manifest, events)
    }

    fn reached(&self) -> CommitNumber {
        self.rows.reached()
    }

    fn view(&self) -> Box<dyn RowsView> {
        self.step("view");
        let view = self.rows.view();
        self.check_durable(view.commit(), "seen");
        view
    }
}
