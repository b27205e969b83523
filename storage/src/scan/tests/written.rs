//! What the tests write into databases, and what they expect to see of it again.

use std::ops::Range;
use std::path::Path;

use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use tempfile::TempDir;

use super::image::{Image, unchanged};
use crate::scan::{Change, JournalScan, Standing, WholeBatch, scan_journals};

pub(super) const EVENTS: &str = "events";
pub(super) const FIRST: &str = "0.jnl";

/// One inserted key and value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

pub(super) fn open(folder: &Path) -> Database {
    try_open(folder).unwrap()
}

/// Opens without compression of journals, so that the lengths of batches are known.
pub(super) fn try_open(folder: &Path) -> fjall::Result<Database> {
    Database::builder(folder)
        .journal_compression(CompressionType::None)
        .worker_threads(1)
        .open()
}

pub(super) fn events(database: &Database) -> Keyspace {
    database
        .keyspace(EVENTS, KeyspaceCreateOptions::default)
        .unwrap()
}

pub(super) fn commit(database: &Database, keyspace: &Keyspace, pairs: &[Pair]) {
    let mut batch = database.batch().durability(Some(PersistMode::SyncData));
    for (key, value) in pairs {
        batch.insert(keyspace, key.as_slice(), value.as_slice());
    }
    batch.commit().unwrap();
}

/// Every pair that the engine holds, by opening the folder.
pub(super) fn engine_pairs(folder: &Path) -> fjall::Result<Vec<Pair>> {
    let database = try_open(folder)?;
    let events = events(&database);
    let pairs = database.snapshot().iter(&events).map(|guard| {
        let (key, value) = guard.into_inner().unwrap();
        (key.to_vec(), value.to_vec())
    });
    Ok(pairs.collect())
}

/// A database that was closed, its journal cut to its whole batches as by a second start.
pub(super) struct Written {
    pub(super) image: Image,
    pub(super) batches: Vec<Vec<Pair>>,
    /// Where each batch lies, reckoned from the format and not by the scan.
    pub(super) ranges: Vec<Range<u64>>,
}

impl Written {
    pub(super) fn new(batches: Vec<Vec<Pair>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        {
            let database = open(folder.path());
            let events = events(&database);
            for batch in &batches {
                commit(&database, &events, batch);
            }
        }
        drop(open(folder.path()));
        let image = Image::of(folder.path());
        let ranges = ranges(&batches);
        assert_eq!(
            ranges.last().map_or(0, |last| last.end),
            image.file(FIRST).len() as u64
        );
        Self {
            image,
            batches,
            ranges,
        }
    }

    /// Six batches of one to three small pairs.
    pub(super) fn small() -> Self {
        let pair =
            |batch: u8, item: u8| (vec![batch, item], vec![0x40 + batch; 8 + usize::from(item)]);
        Self::new(
            (0..6)
                .map(|batch| (0..=batch % 3).map(|item| pair(batch, item)).collect())
                .collect(),
        )
    }

    pub(super) fn journal_len(&self) -> u64 {
        self.image.file(FIRST).len() as u64
    }

    /// The batches that end at or before that byte.
    pub(super) fn before(&self, at: u64) -> &[Vec<Pair>] {
        let whole = self.ranges.iter().filter(|range| range.end <= at).count();
        &self.batches[..whole]
    }
}

/// A batch takes 13 bytes before and after its items, an item 21 before its key and value.
fn ranges(batches: &[Vec<Pair>]) -> Vec<Range<u64>> {
    let mut end = 0;
    let lengths = batches.iter().map(|batch| {
        batch
            .iter()
            .map(|(key, value)| 21 + key.len() + value.len())
            .sum::<usize>()
    });
    lengths
        .map(|length| {
            let start = end;
            end += 26 + length as u64;
            start..end
        })
        .collect()
}

/// A scan with all that it showed.
pub(super) struct Seen {
    pub(super) scan: JournalScan,
    pub(super) batches: Vec<SeenBatch>,
}

pub(super) struct SeenBatch {
    pub(super) batch: WholeBatch,
    pub(super) items: Vec<(u64, SeenChange)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SeenChange {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    RemoveWeak(Vec<u8>),
    Clear,
}

impl Seen {
    /// Scans the folder and asserts that no file changed.
    #[track_caller]
    pub(super) fn of(folder: &Path) -> Self {
        unchanged(folder, |folder| {
            let mut batches: Vec<SeenBatch> = Vec::new();
            let scan = scan_journals(folder, &mut |batch, item| {
                if batches.last().is_none_or(|last| last.batch != *batch) {
                    batches.push(SeenBatch {
                        batch: batch.clone(),
                        items: Vec::new(),
                    });
                }
                let change = match item.change {
                    Change::Insert { key, value } => {
                        SeenChange::Insert(key.to_vec(), value.to_vec())
                    }
                    Change::Remove { key } => SeenChange::Remove(key.to_vec()),
                    Change::RemoveWeak { key } => SeenChange::RemoveWeak(key.to_vec()),
                    Change::Clear => SeenChange::Clear,
                };
                batches
                    .last_mut()
                    .unwrap()
                    .items
                    .push((item.keyspace, change));
            });
            Self {
                scan: scan.unwrap(),
                batches,
            }
        })
    }

    pub(super) fn of_image(image: &Image) -> (Self, TempDir) {
        let folder = image.placed();
        (Self::of(folder.path()), folder)
    }

    /// The pairs of the batches of that standing.
    pub(super) fn pairs(&self, standing: Standing) -> Vec<Vec<Pair>> {
        let batches = self
            .batches
            .iter()
            .filter(|seen| seen.batch.standing == standing);
        batches
            .map(|seen| {
                seen.items
                    .iter()
                    .map(|(_, change)| inserted(change))
                    .collect()
            })
            .collect()
    }
}

fn inserted(change: &SeenChange) -> Pair {
    match change {
        SeenChange::Insert(key, value) => (key.clone(), value.clone()),
        other => panic!("expected an insert, found {other:?}"),
    }
}

/// The pairs that the engine should hold after these batches; keys are never written twice.
pub(super) fn sorted(batches: &[Vec<Pair>]) -> Vec<Pair> {
    let mut pairs = batches.concat();
    pairs.sort();
    pairs
}
