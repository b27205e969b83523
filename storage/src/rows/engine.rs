//! The row port over fjall.

use std::path::Path;
use std::sync::Arc;

use everlog_domain::event::Recorded;
use everlog_domain::ids::CommitNumber;
use everlog_domain::log::Manifest;
use everlog_domain::ports::{Projected, Rows, RowsFailure, RowsView};
use parking_lot::{Mutex, RwLock};

use super::bounds::Bounds;
use super::hot::HotRows;
use super::open::{self, OpenFailure};
use super::overlay::Overlay;
use super::purges::Purges;
use super::snapshot::Snapshot;
use super::store::{Reader, Store, Writes, engine};
use super::sync::BackgroundSync;
use super::view::FjallView;
use super::{envelopes, layout, purge};

/// The rows in a fjall database of their own, which can be thrown away and made again from the
/// log. Nothing is synced before [`Rows::project`] answers; a thread of its own syncs every few
/// seconds, so that little has to be made again after a power loss.
pub struct FjallRows {
    store: Store,
    writer: Mutex<Writer>,
    versions: RwLock<Versions>,
    bounds: Bounds,
    _sync: BackgroundSync,
}

/// What the one who projects knows.
#[derive(Default)]
struct Writer {
    /// The last day on which no scope of a day past was left.
    tidied: i64,
    hot: HotRows,
}

/// What goes with a state of the database.
#[derive(Clone)]
struct Version {
    commit: CommitNumber,
    purges: Arc<Purges>,
}

/// While a batch is being written a view may be of before or after.
struct Versions {
    written: Version,
    next: Option<Version>,
}

impl FjallRows {
    /// Opens the projection in a folder, or makes an empty one. It is as far as it got:
    /// [`super::catch_up`] brings it up to the log.
    pub fn open(folder: &Path) -> Result<Self, OpenFailure> {
        let opened = open::open(folder)?;
        let versions = Versions {
            written: Version {
                commit: opened.commit,
                purges: Arc::new(opened.purges),
            },
            next: None,
        };
        Ok(Self {
            _sync: BackgroundSync::start(opened.store.clone()),
            store: opened.store,
            writer: Mutex::default(),
            versions: RwLock::new(versions),
            bounds: Bounds::default(),
        })
    }

    /// The same with other bounds on what a list may cost.
    #[must_use]
    pub const fn bounded(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Waits until the disk has everything projected so far.
    pub fn sync(&self) -> Result<(), RowsFailure> {
        self.store.sync()
    }

    #[cfg(test)]
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// A view of the newest state.
    fn look(&self) -> FjallView {
        // Under the lock, so that the snapshot is of one of these versions.
        let versions = self.versions.read();
        let reader = self.store.reader();
        let (written, next) = (versions.written.clone(), versions.next.clone());
        drop(versions);
        let version = match next {
            // A checkpoint that does not read will be damage to the next batch; until then the
            // older version promises less.
            Some(next) if open::checkpoint(&reader) == Ok(Some(next.commit)) => next,
            _ => written,
        };
        let snapshot = Snapshot {
            reader,
            purges: version.purges,
            bounds: self.bounds,
        };
        FjallView::new(snapshot, version.commit)
    }

    /// Writes a batch, so that every view goes with the purges of its own state.
    fn commit(&self, version: Version, writes: Writes) -> Result<(), RowsFailure> {
        self.versions.write().next = Some(version.clone());
        let result = self.store.write(writes);
        let mut versions = self.versions.write();
        versions.next = None;
        if result.is_ok() {
            versions.written = version;
        }
        result
    }
}

impl Rows for FjallRows {
    fn project(
        &self,
        manifest: &Manifest,
        events: &[Arc<Recorded>],
    ) -> Result<Vec<Projected>, RowsFailure> {
        let mut writer = self.writer.lock();
        let version = self.versions.read().written.clone();
        if manifest.commit <= version.commit {
            return Ok(Vec::new());
        }
        check_successor(version.commit, manifest.commit)?;
        let reader = self.store.reader();
        let mut writes = Writes::default();
        // What is kept holds for what is written: taken out until this batch is.
        let mut hot = std::mem::take(&mut writer.hot);
        let mut overlay = Overlay::new(&reader, Purges::clone(&version.purges), &mut hot);
        let projected = project_events(&mut overlay, events)?;
        overlay.write(&mut writes)?;
        let purges = purge::advance(
            &reader,
            &mut overlay,
            &version.purges,
            events.len(),
            &mut writes,
        )?;
        overlay.write_unique(&mut writes);
        envelopes::write(&reader, manifest, events, &mut writes)?;
        let tidied = writer.tidy(&reader, events, &mut writes)?;
        writes.put(layout::CHECKPOINT, open::encode_commit(manifest.commit));
        let version = Version {
            commit: manifest.commit,
            purges: Arc::new(purges),
        };
        self.commit(version, writes)?;
        overlay.keep_hot();
        writer.hot = hot;
        writer.tidied = tidied;
        Ok(projected)
    }

    fn reached(&self) -> CommitNumber {
        self.versions.read().written.commit
    }

    fn view(&self) -> Box<dyn RowsView> {
        Box::new(self.look())
    }
}

fn check_successor(reached: CommitNumber, found: CommitNumber) -> Result<(), RowsFailure> {
    if found == reached.next() {
        return Ok(());
    }
    Err(engine(&format_args!(
        "commit {found} cannot follow commit {reached}: a batch is missing"
    )))
}

fn project_events(
    overlay: &mut Overlay<'_>,
    events: &[Arc<Recorded>],
) -> Result<Vec<Projected>, RowsFailure> {
    let mut projected = Vec::with_capacity(events.len());
    for recorded in events {
        let mut deltas = Vec::new();
        for change in recorded.row_changes() {
            deltas.extend(overlay.change(recorded.envelope.project, change)?);
        }
        projected.push(Projected {
            recorded: Arc::clone(recorded),
            deltas,
        });
    }
    Ok(projected)
}

impl Writer {
    /// Forgets scopes of days past, once a day. Answers with the day that is tidy afterwards.
    fn tidy(
        &self,
        reader: &Reader,
        events: &[Arc<Recorded>],
        writes: &mut Writes,
    ) -> Result<i64, RowsFailure> {
        let days = events.iter().map(|event| event.envelope.time.day());
        let today = days.max().unwrap_or(self.tidied);
        if today > self.tidied && envelopes::forget_scopes(reader, today, writes)? {
            return Ok(today);
        }
        Ok(self.tidied)
    }
}
