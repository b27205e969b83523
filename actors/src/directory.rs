//! Which number and identity a project has, and its access epoch.

use std::collections::HashMap;
use std::sync::Arc;

use everlog_domain::ids::{CONSOLE, Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::ports::{Rows, RowsFailure, RowsView};
use everlog_domain::tables::system::projects;
use everlog_domain::value::Value;
use parking_lot::RwLock;

/// Entries remembered before all are forgotten; they are read again in microseconds.
const REMEMBERED: usize = 100_000;

/// Remembers what never changes of projects, and the newest visible access epochs.
pub(crate) struct Directory {
    rows: Arc<dyn Rows>,
    console: ProjectUid,
    numbers: RwLock<HashMap<ProjectId, ProjectNumber>>,
    uids: RwLock<HashMap<ProjectNumber, ProjectUid>>,
    epochs: RwLock<HashMap<ProjectNumber, Offset>>,
}

impl Directory {
    pub(crate) fn new(rows: Arc<dyn Rows>, console: ProjectUid) -> Self {
        Self {
            rows,
            console,
            numbers: RwLock::default(),
            uids: RwLock::default(),
            epochs: RwLock::default(),
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
        let number = row
            .as_ref()
            .and_then(|row| row.get(projects::NUMBER)?.as_int());
        let number = number
            .and_then(|number| u64::try_from(number).ok())
            .map(ProjectNumber);
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

    /// The newest visible access epoch of a project.
    pub(crate) fn access_epoch(&self, number: ProjectNumber) -> Offset {
        if let Some(epoch) = self.epochs.read().get(&number) {
            return *epoch;
        }
        // An unreadable head counts as "never authorised before": offset 0 makes the arbiter ask
        // for authentication again, it never lets anything pass.
        let Ok(head) = self.rows.view().project_head(number) else {
            return Offset(0);
        };
        let epoch = head.map_or(Offset(0), |head| head.access_epoch);
        let mut epochs = self.epochs.write();
        let known = epochs.entry(number).or_insert(epoch);
        *known = (*known).max(epoch);
        *known
    }

    /// Takes in an event that moved a project's epoch, once it is visible.
    pub(crate) fn move_epoch(&self, number: ProjectNumber, epoch: Offset) {
        // Never forgotten while the process lives (24 bytes a project): a reader with an older view
        // must not be able to put an older epoch back.
        let mut epochs = self.epochs.write();
        let known = epochs.entry(number).or_default();
        *known = (*known).max(epoch);
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
    let row = view.find(
        CONSOLE,
        projects::TABLE,
        projects::BY_NUMBER,
        &[Value::counter(number.0)],
    )?;
    let uid = row
        .as_ref()
        .and_then(|row| row.get(projects::UID)?.as_text());
    Ok(uid.and_then(ProjectUid::from_hex))
}
