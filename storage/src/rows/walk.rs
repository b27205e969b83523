//! Reading along a plan.

use std::collections::BTreeSet;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::RowsFailure;
use everlog_domain::tables::TableSchema;
use fjall::Slice;

use super::layout;
use super::order::Travel;
use super::plan::{Path, Plan};
use super::range::KeyRange;
use super::store::{Entries, Reader, damaged};

/// A row that a walk came by.
pub(super) struct Passed {
    /// Its key.
    pub(super) row_key: Vec<u8>,
    /// Its bytes, where the path has them; otherwise they are read when they are needed.
    pub(super) bytes: Option<Slice>,
}

type Step = Result<Passed, RowsFailure>;

/// Walks along a plan.
pub(super) fn walk<'a>(
    reader: &'a Reader,
    project: ProjectNumber,
    schema: &'static TableSchema,
    roles: &BTreeSet<String>,
    plan: &Plan<'static>,
    travel: Travel,
) -> Box<dyn Iterator<Item = Step> + 'a> {
    match plan.path {
        Path::Primary => Box::new(travelled(reader.range(&plan.range), travel).map(|entry| {
            let (key, bytes) = entry?;
            Ok(Passed {
                row_key: key.to_vec(),
                bytes: Some(bytes),
            })
        })),
        Path::Index(index) => {
            let entries = travelled(reader.range(&plan.range), travel);
            Box::new(entries.map(move |entry| {
                let (key, value) = entry?;
                let primary = layout::indexed_primary(index, &key, &value);
                let primary =
                    primary.ok_or_else(|| damaged(&key, "the bytes are not an index entry"))?;
                Ok(Passed {
                    row_key: layout::row_at(project, schema.number, &primary),
                    bytes: None,
                })
            }))
        }
        Path::Postings => {
            let postings = roles.iter().map(|role| {
                let prefix = layout::postings(project, schema.number, role);
                let range = moved(&plan.range, &prefix);
                Postings {
                    entries: travelled(reader.range(&range), travel),
                    prefix: prefix.len(),
                    next: None,
                }
            });
            Box::new(Merge {
                postings: postings.collect(),
                started: false,
                travel,
                row_prefix: layout::table(project, schema.number),
            })
        }
    }
}

/// A range of rows' keys as a range of a role's postings.
fn moved(rows: &KeyRange, prefix: &[u8]) -> KeyRange {
    let place = |row_key: &[u8]| [prefix, layout::primary_of(row_key)].concat();
    let range = KeyRange::under(prefix.to_vec()).starting(place(&rows.start));
    // The end of a whole table is not a row's key but the table after it: the role's own end.
    let same_table = |end: &&Vec<u8>| layout::table_of(end) == layout::table_of(&rows.start);
    match rows.end.as_ref().filter(same_table) {
        Some(end) => range.ending(Some(place(end))),
        None => range,
    }
}

enum Travelled {
    Forwards(Entries),
    Backwards(std::iter::Rev<Entries>),
}

fn travelled(entries: Entries, travel: Travel) -> Travelled {
    match travel {
        Travel::Forwards => Travelled::Forwards(entries),
        Travel::Backwards => Travelled::Backwards(entries.rev()),
    }
}

impl Iterator for Travelled {
    type Item = Result<(Slice, Slice), RowsFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Forwards(entries) => entries.next(),
            Self::Backwards(entries) => entries.next(),
        }
    }
}

/// The postings of one role.
struct Postings {
    entries: Travelled,
    /// Bytes before the primary key.
    prefix: usize,
    /// The primary key that comes next.
    next: Option<Vec<u8>>,
}

impl Postings {
    fn advance(&mut self) -> Result<(), RowsFailure> {
        self.next = match self.entries.next() {
            Some(entry) => Some(entry?.0.get(self.prefix..).unwrap_or_default().to_vec()),
            None => None,
        };
        Ok(())
    }
}

/// The postings of several roles, each row once, in order of the primary key.
struct Merge {
    postings: Vec<Postings>,
    started: bool,
    travel: Travel,
    row_prefix: Vec<u8>,
}

impl Merge {
    fn step(&mut self) -> Result<Option<Passed>, RowsFailure> {
        if !self.started {
            self.started = true;
            self.postings.iter_mut().try_for_each(Postings::advance)?;
        }
        let heads = self.postings.iter().filter_map(|role| role.next.as_ref());
        let first = match self.travel {
            Travel::Forwards => heads.min(),
            Travel::Backwards => heads.max(),
        };
        let Some(first) = first.cloned() else {
            return Ok(None);
        };
        for role in &mut self.postings {
            if role.next.as_ref() == Some(&first) {
                role.advance()?;
            }
        }
        let row_key = [self.row_prefix.as_slice(), &first].concat();
        let bytes = None;
        Ok(Some(Passed { row_key, bytes }))
    }
}

impl Iterator for Merge {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.step().transpose()
    }
}
