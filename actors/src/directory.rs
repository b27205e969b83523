//! Which number and identity a project has, and its epochs.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use everlog_domain::envelope::EventKind;
use everlog_domain::ids::{CONSOLE, Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::ports::{Rows, RowsFailure, RowsView};
use everlog_domain::projects::Quotas;
use everlog_domain::projects::rows::{number_of, quotas_of};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::projects;
use everlog_domain::value::Value;
use parking_lot::RwLock;

/// Entries remembered before all are forgotten; they are read again in microseconds.
const REMEMBERED: usize = 100_000;

/// Remembers what never changes of projects, and their newest visible epochs.
pub(crate) struct Directory {
    rows: Arc<dyn Rows>,
    console: ProjectUid,
    numbers: RwLock<HashMap<ProjectId, ProjectNumber>>,
    uids: RwLock<HashMap<ProjectNumber, ProjectUid>>,
    epochs: RwLock<HashMap<ProjectNumber, Epochs>>,
    quotas: RwLock<HashMap<ProjectNumber, Quotas>>,
    /// Projects that have a rule of retention, or had one.
    retaining: RwLock<BTreeSet<ProjectNumber>>,
}

/// The newest visible epochs of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Epochs {
    access: Offset,
    caller: Offset,
}

impl Epochs {
    fn max(self, other: Self) -> Self {
        Self {
            access: self.access.max(other.access),
            caller: self.caller.max(other.caller),
        }
    }
}

impl Directory {
    pub(crate) fn new(rows: Arc<dyn Rows>, console: ProjectUid) -> Self {
        Self {
            rows,
            console,
            numbers: RwLock::default(),
            uids: RwLock::default(),
            epochs: RwLock::default(),
            quotas: RwLock::default(),
            retaining: RwLock::default(),
        }
    }

    /// The number of a project by its id.
    pub(crate) fn number(&self, id: &ProjectId) -> Result<Option<ProjectNumber>, RowsFailure> {
        if let Some(number) = self.numbers.read().get(id) {
            return Ok(Some(*number));
        }
        let row = self
            .rows
            .view()
            .get(CONSOLE, projects::TABLE, &[Value::text(id.as_str())])?;
        let number = row.as_deref().and_then(number_of);
        if let Some(number) = number {
            remember(&self.numbers, id.clone(), number);
        }
        Ok(number)
    }

    /// The identity of a project.
    pub(crate) fn uid(&self, number: ProjectNumber) -> Result<Option<ProjectUid>, RowsFailure> {
        if number == CONSOLE {
            return Ok(Some(self.console));
        }
        if let Some(uid) = self.uids.read().get(&number) {
            return Ok(Some(*uid));
        }
        let uid = read_uid(self.rows.view().as_ref(), number)?;
        if let Some(uid) = uid {
            remember(&self.uids, number, uid);
        }
        Ok(uid)
    }

    /// What a project may use at most.
    pub(crate) fn quotas(&self, number: ProjectNumber) -> Result<Quotas, RowsFailure> {
        if let Some(quotas) = self.quotas.read().get(&number) {
            return Ok(*quotas);
        }
        let row = row_of(self.rows.view().as_ref(), number)?;
        let read = row.as_deref().map(quotas_of).unwrap_or_default();
        // What was set meanwhile is newer. Never forgotten, or else an older view could come back
        // (48 bytes a project).
        Ok(*self.quotas.write().entry(number).or_insert(read))
    }

    /// Takes in what a project may use at most, once that is visible.
    pub(crate) fn set_quotas(&self, number: ProjectNumber, quotas: Quotas) {
        self.quotas.write().insert(number, quotas);
    }

    /// A project has a rule of retention, or had one. Never forgotten while the process lives: an
    /// older view must not make it overlooked.
    pub(crate) fn has_retention(&self, number: ProjectNumber) {
        self.retaining.write().insert(number);
    }

    /// The next of the projects that may have a rule of retention; the first of them without one to
    /// come after.
    pub(crate) fn next_retaining(&self, after: Option<ProjectNumber>) -> Option<ProjectNumber> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let retaining = self.retaining.read();
        retaining.range((from, Bound::Unbounded)).next().copied()
    }

    /// The offset of the newest visible event that changed anybody's access in a project.
    pub(crate) fn access_epoch(&self, number: ProjectNumber) -> Offset {
        self.epochs(number).access
    }

    /// The offset of the newest visible event that took from a caller of a project what it was
    /// authenticated by.
    pub(crate) fn caller_epoch(&self, number: ProjectNumber) -> Offset {
        self.epochs(number).caller
    }

    fn epochs(&self, number: ProjectNumber) -> Epochs {
        if let Some(epochs) = self.epochs.read().get(&number) {
            return *epochs;
        }
        // An unreadable head counts as "never authorised before": offset 0 makes the arbiter ask
        // for authentication again, it never lets anything pass.
        let Ok(head) = self.rows.view().project_head(number) else {
            return Epochs::default();
        };
        let read = head.map_or_else(Epochs::default, |head| Epochs {
            access: head.access_epoch,
            caller: head.caller_epoch,
        });
        let mut epochs = self.epochs.write();
        let known = epochs.entry(number).or_default();
        *known = known.max(read);
        *known
    }

    /// Takes in an event of a kind at an offset of a project, once it is visible.
    pub(crate) fn move_epochs(&self, number: ProjectNumber, kind: EventKind, offset: Offset) {
        let of = |moves: bool| if moves { offset } else { Offset(0) };
        let moved = Epochs {
            access: of(kind.changes_access()),
            caller: of(kind.revokes_callers()),
        };
        if moved == Epochs::default() {
            return;
        }
        // What was read before is not passed over: an entry must be whole, or its other epoch would
        // look as if it had never moved.
        let known = self.epochs(number);
        // Never forgotten while the process lives (32 bytes a project): a reader with an older view
        // must not be able to put an older epoch back.
        let mut epochs = self.epochs.write();
        let entry = epochs.entry(number).or_default();
        *entry = entry.max(known).max(moved);
    }
}

fn remember<K: Eq + std::hash::Hash, V>(known: &RwLock<HashMap<K, V>>, key: K, value: V) {
    let mut known = known.write();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(key, value);
}

fn read_uid(view: &dyn RowsView, number: ProjectNumber) -> Result<Option<ProjectUid>, RowsFailure> {
    if let Some(head) = view.project_head(number)? {
        return Ok(Some(head.uid));
    }
    let row = row_of(view, number)?;
    let uid = row
        .as_ref()
        .and_then(|row| row.get(projects::UID)?.as_text());
    Ok(uid.and_then(ProjectUid::from_hex))
}

fn row_of(view: &dyn RowsView, number: ProjectNumber) -> Result<Option<Row>, RowsFailure> {
    let by_number = [Value::counter(number.0)];
    view.find(CONSOLE, projects::TABLE, projects::BY_NUMBER, &by_number)
}
