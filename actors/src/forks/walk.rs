//! The items of a fork in the order of their positions: its own, and those that it shares.

use std::collections::VecDeque;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{RowsFailure, RowsView, Visibility};
use everlog_domain::query::{Comparison, Direction, Filter, OrderBy, Query, Total};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::items;
use everlog_domain::value::Value;

use super::ancestors::{Ancestors, LifeKey, Source, position_of};

/// Rows that are read at once: each may have a mebibyte.
const AT_ONCE: u32 = 32;
/// The same where only a few small cells are read.
const CELLS_AT_ONCE: u32 = 1_000;
/// Rows that one list may look at.
const MOST_LOOKED_AT: u64 = 100_000;

/// Walks along the positions of a fork.
pub(super) struct Walk<'a> {
    view: &'a dyn RowsView,
    project: ProjectNumber,
    ancestors: &'a Ancestors,
    direction: Direction,
    /// Only what lies beyond this position.
    beyond: Option<u64>,
    /// The columns that are needed; all if absent.
    select: Option<Vec<usize>>,
    /// The fork's own rows first, then its source's.
    levels: Vec<Level>,
    looked_at: u64,
}

/// The rows of one thread.
struct Level {
    life: LifeKey,
    until: Option<u64>,
    read: VecDeque<Row>,
    /// The position that was read last.
    last: Option<u64>,
    at_once: u32,
    ended: bool,
}

impl Level {
    fn of(life: &LifeKey, until: Option<u64>) -> Self {
        Self {
            life: life.clone(),
            until,
            read: VecDeque::new(),
            last: None,
            at_once: AT_ONCE,
            ended: false,
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn begin(
        view: &'a dyn RowsView,
        project: ProjectNumber,
        ancestors: &'a Ancestors,
        direction: Direction,
        beyond: Option<u64>,
    ) -> Self {
        let own = Level::of(&ancestors.fork, None);
        let sources = ancestors.sources.iter();
        let shared = sources.map(|source: &Source| Level::of(&source.life, Some(source.until)));
        Self {
            view,
            project,
            ancestors,
            direction,
            beyond,
            select: None,
            levels: std::iter::once(own).chain(shared).collect(),
            looked_at: 0,
        }
    }

    /// Reads only these columns, and those that say what a row is.
    pub(super) fn selecting(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        let own = [items::OFFSET, items::STATUS, items::EDITED_AT];
        self.select = Some(columns.into_iter().chain(own).collect());
        for level in &mut self.levels {
            level.at_once = CELLS_AT_ONCE;
        }
        self
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Row>, RowsFailure> {
        loop {
            for level in 0..self.levels.len() {
                self.fill(level)?;
            }
            let Some(position) = self.nearest() else {
                return Ok(None);
            };
            let mut found = None;
            for (place, level) in self.levels.iter_mut().enumerate() {
                let next = level.read.front().map(|row| position_of(row));
                if next != Some(position) {
                    continue;
                }
                let row = level.read.pop_front();
                // the nearest that had it has the say
                if found.is_some() {
                    continue;
                }
                found = row.filter(|row| match place.checked_sub(1) {
                    None => true,
                    Some(source) => {
                        let source = self.ancestors.sources.get(source);
                        source.is_some_and(|source| self.ancestors.was_there(source, row))
                    }
                });
                if let Some(source) = place.checked_sub(1)
                    && let Some(row) = found.take()
                    && let Some(source) = self.ancestors.sources.get(source)
                {
                    let ancestors = self.ancestors;
                    found = Some(ancestors.shared(self.view, self.project, source, row)?);
                }
            }
            self.looked_at += 1;
            if self.looked_at > MOST_LOOKED_AT {
                return Err(RowsFailure::TooExpensive {
                    looked_at: self.looked_at,
                    limit: MOST_LOOKED_AT,
                });
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn nearest(&self) -> Option<u64> {
        let heads = self.levels.iter().filter_map(|level| level.read.front());
        let heads = heads.map(|row| position_of(row));
        match self.direction {
            Direction::Ascending => heads.min(),
            Direction::Descending => heads.max(),
        }
    }

    fn fill(&mut self, place: usize) -> Result<(), RowsFailure> {
        let Some(level) = self.levels.get_mut(place) else {
            return Ok(());
        };
        while level.read.is_empty() && !level.ended {
            let query = Query {
                filters: bounds(level, self.direction, level.last.or(self.beyond)),
                order: vec![OrderBy {
                    column: items::POSITION,
                    direction: self.direction,
                }],
                limit: level.at_once,
                total: Total::Skipped,
                select: self.select.clone(),
                ..Query::default()
            };
            let page = self
                .view
                .list(self.project, items::TABLE, &query, Visibility::All);
            let rows = match page {
                Err(RowsFailure::PageTooLarge { .. }) if level.at_once > 1 => {
                    level.at_once = 1;
                    continue;
                }
                page => page?.rows,
            };
            level.ended = rows.len() < usize::try_from(level.at_once).unwrap_or(usize::MAX);
            level.last = rows.last().map(|row| position_of(row)).or(level.last);
            level.read.extend(rows);
        }
        Ok(())
    }
}

/// What the rows of a level meet that are still to come.
fn bounds(level: &Level, direction: Direction, beyond: Option<u64>) -> Vec<Filter> {
    let [thread, incarnation] = level.life.clone();
    let compare = |comparison, position: u64| Filter::Compare {
        column: items::POSITION,
        comparison,
        values: vec![Value::counter(position)],
    };
    let mut filters = vec![
        Filter::equal(items::THREAD, thread),
        Filter::equal(items::INCARNATION, incarnation),
    ];
    filters.extend(
        level
            .until
            .map(|until| compare(Comparison::LessOrEqual, until)),
    );
    let side = match direction {
        Direction::Ascending => Comparison::Greater,
        Direction::Descending => Comparison::Less,
    };
    filters.extend(beyond.map(|position| compare(side, position)));
    filters
}
