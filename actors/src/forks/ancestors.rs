//! From whom a fork has its items.

use std::collections::BTreeSet;

use everlog_domain::ids::{Offset, Position, ProjectNumber};
use everlog_domain::ports::{RowsFailure, RowsView, expired_in};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{forks, item_versions, items};
use everlog_domain::threads::stored::shares_of;
use everlog_domain::threads::{Expired, ItemStatus, MAX_FORK_DEPTH, Shares};
use everlog_domain::value::Value;

/// A life of a thread, as the first two values of the keys of its items.
pub(super) type LifeKey = [Value; 2];

/// The threads that a fork comes from.
#[derive(Debug)]
pub(super) struct Ancestors {
    /// The fork itself.
    pub(super) fork: LifeKey,
    /// Its source first, then that one's source.
    pub(super) sources: Vec<Source>,
    /// Items that were being written when one of the forks was made, by their positions.
    without: BTreeSet<u64>,
    /// What has expired of the fork, and of the threads that it comes from.
    expired: Vec<Expired>,
}

/// A thread that a fork comes from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) life: LifeKey,
    /// The last position that is shared.
    pub(super) until: u64,
    /// Its items are shared as they were right after this offset.
    at: u64,
}

/// How many forks lie one upon the other in a life of a thread; 0 if it is none.
pub(crate) fn depth_of(
    view: &dyn RowsView,
    project: ProjectNumber,
    life: &LifeKey,
) -> Result<u8, RowsFailure> {
    Ok(shares(view, project, life)?.map_or(0, |shares| shares.depth))
}

fn shares(
    view: &dyn RowsView,
    project: ProjectNumber,
    life: &LifeKey,
) -> Result<Option<Shares>, RowsFailure> {
    let Some(row) = view.get(project, forks::TABLE, life)? else {
        return Ok(None);
    };
    let shares = shares_of(&row).ok_or_else(|| RowsFailure::Damaged {
        table: forks::TABLE.0,
        key: life[0].as_text().unwrap_or_default().to_owned(),
        reason: "what the fork shares does not read".to_owned(),
    })?;
    Ok(Some(shares))
}

fn expired(
    view: &dyn RowsView,
    project: ProjectNumber,
    [thread, incarnation]: &LifeKey,
) -> Result<Expired, RowsFailure> {
    let incarnation = incarnation.as_int().and_then(|int| u64::try_from(int).ok());
    let incarnation = Offset(incarnation.unwrap_or(0));
    let thread = thread.as_text().unwrap_or_default();
    expired_in(view, project, thread, incarnation)
}

impl Ancestors {
    /// Of a life of a thread; none if it is no fork.
    pub(super) fn of(
        view: &dyn RowsView,
        project: ProjectNumber,
        life: &LifeKey,
    ) -> Result<Option<Self>, RowsFailure> {
        let mut ancestors = Self {
            fork: life.clone(),
            sources: Vec::new(),
            without: BTreeSet::new(),
            expired: Vec::new(),
        };
        let (mut life, mut until) = (life.clone(), u64::MAX);
        while let Some(shares) = shares(view, project, &life)? {
            if ancestors.sources.len() >= usize::from(MAX_FORK_DEPTH) {
                break;
            }
            ancestors.expired.push(expired(view, project, &life)?);
            life = [
                Value::text(shares.thread.as_str()),
                Value::counter(shares.incarnation.0),
            ];
            until = until.min(shares.until.0);
            let open = shares.without.iter().map(|Position(position)| *position);
            ancestors.without.extend(open);
            ancestors.sources.push(Source {
                life: life.clone(),
                until,
                at: shares.at.0,
            });
        }
        Ok((!ancestors.sources.is_empty()).then_some(ancestors))
    }

    /// The sources that share a position, the nearest first.
    pub(super) fn sharing(&self, position: u64) -> impl Iterator<Item = &Source> {
        let shared = !self.is_left_out(position);
        let sources = self.sources.iter();
        sources.take_while(move |source| shared && position <= source.until)
    }

    /// Whether the item at a position was being written, or has expired by now.
    fn is_left_out(&self, position: u64) -> bool {
        let holds = |expired: &Expired| expired.holds(Position(position));
        self.without.contains(&position) || self.expired.iter().any(holds)
    }

    /// Whether a source's row was there at the moment of the fork. One that the source itself copied
    /// later was not: it is its own source's then.
    pub(super) fn was_there(&self, source: &Source, row: &[Value]) -> bool {
        let position = position_of(row);
        position <= source.until
            && !self.is_left_out(position)
            && number(row, items::OFFSET) <= source.at
    }

    /// A source's row, which was there, as it was, among the fork's.
    pub(super) fn shared(
        &self,
        view: &dyn RowsView,
        project: ProjectNumber,
        source: &Source,
        row: Row,
    ) -> Result<Row, RowsFailure> {
        let mut row = if was_changed(&row) {
            as_it_was(view, project, source, row)?
        } else {
            row
        };
        let [thread, incarnation] = self.fork.clone();
        let own = [
            (items::THREAD, thread),
            (items::INCARNATION, incarnation),
            (items::REACTIONS, Value::Null),
            (items::PINNED_AT, Value::Null),
        ];
        for (place, value) in own {
            if let Some(cell) = row.get_mut(place) {
                *cell = value;
            }
        }
        Ok(row)
    }
}

/// Whether there may be an earlier version.
fn was_changed(row: &[Value]) -> bool {
    let deleted = Some(ItemStatus::Deleted.name());
    !cell(row, items::EDITED_AT).is_null() || cell(row, items::STATUS).as_text() == deleted
}

/// The version that the first change after the moment put aside, if there was one.
fn as_it_was(
    view: &dyn RowsView,
    project: ProjectNumber,
    source: &Source,
    row: Row,
) -> Result<Row, RowsFailure> {
    let [thread, incarnation] = source.life.clone();
    let item = [thread, incarnation, cell(&row, items::POSITION).clone()];
    let [thread, incarnation, position] = item.clone();
    let after = [thread, incarnation, position, Value::counter(source.at)];
    let kept = view.scan(project, item_versions::TABLE, &item, Some(&after), 1)?;
    Ok(match kept.into_iter().next() {
        Some(mut version) => {
            version.truncate(item_versions::UNTIL);
            version
        }
        None => row,
    })
}

/// The position of an item's row.
pub(super) fn position_of(row: &[Value]) -> u64 {
    number(row, items::POSITION)
}

fn number(row: &[Value], place: usize) -> u64 {
    let number = cell(row, place).as_int();
    number
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or(0)
}

fn cell(row: &[Value], place: usize) -> &Value {
    row.get(place).unwrap_or(&Value::Null)
}
