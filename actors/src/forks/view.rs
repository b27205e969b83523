//! A view of the rows in which forks have what they share.

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, Scope};
use everlog_domain::log::ProjectHead;
use everlog_domain::ports::{
    Page, RowsFailure, RowsView, StreamBack, StreamEntry, StreamRange, Visibility,
};
use everlog_domain::query::{Comparison, Cursor, Filter, Query};
use everlog_domain::tables::system::{branches, items};
use everlog_domain::tables::{Row, TableNumber};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use super::ancestors::{Ancestors, LifeKey};
use super::list::List;

/// A view of the rows in which forks have what they share. Everything but items and branches of forks
/// is as in the view itself.
pub(crate) struct WithForks {
    rows: Box<dyn RowsView>,
}

impl WithForks {
    pub(crate) fn new(rows: Box<dyn RowsView>) -> Self {
        Self { rows }
    }

    fn ancestors(
        &self,
        project: ProjectNumber,
        life: &LifeKey,
    ) -> Result<Option<Ancestors>, RowsFailure> {
        Ancestors::of(self.rows.as_ref(), project, life)
    }

    fn shared_at(
        &self,
        project: ProjectNumber,
        life: &LifeKey,
        position: &Value,
    ) -> Result<Option<Row>, RowsFailure> {
        let number = position.as_int().and_then(|int| u64::try_from(int).ok());
        let Some((number, ancestors)) = number.zip(self.ancestors(project, life)?) else {
            return Ok(None);
        };
        for source in ancestors.sharing(number) {
            let [thread, incarnation] = source.life.clone();
            let key = [thread, incarnation, position.clone()];
            let row = self.rows.get(project, items::TABLE, &key)?;
            if let Some(row) = row.filter(|row| ancestors.was_there(source, row)) {
                let shared = ancestors.shared(self.rows.as_ref(), project, source, row);
                return Ok(Some(shared?));
            }
        }
        Ok(None)
    }

    fn shared_item(
        &self,
        project: ProjectNumber,
        life: &LifeKey,
        id: &Value,
    ) -> Result<Option<Row>, RowsFailure> {
        let Some(ancestors) = self.ancestors(project, life)? else {
            return Ok(None);
        };
        for source in &ancestors.sources {
            let [thread, incarnation] = source.life.clone();
            let key = [thread, incarnation, id.clone()];
            let row = self.rows.find(project, items::TABLE, items::BY_ID, &key)?;
            if let Some(row) = row.filter(|row| ancestors.was_there(source, row)) {
                let shared = ancestors.shared(self.rows.as_ref(), project, source, row);
                return Ok(Some(shared?));
            }
        }
        Ok(None)
    }

    /// The branches after an item, or from the beginning, in the order of their positions.
    fn branches(
        &self,
        project: ProjectNumber,
        life: &LifeKey,
        (prefix, after): (&[Value], Option<&[Value]>),
        limit: usize,
    ) -> Result<Vec<Row>, RowsFailure> {
        let own = self
            .rows
            .scan(project, branches::TABLE, prefix, after, limit)?;
        let Some(ancestors) = self.ancestors(project, life)? else {
            return Ok(own);
        };
        let mut rows = own;
        for source in &ancestors.sources {
            let moved =
                |key: &[Value]| [&source.life[..], key.get(2..).unwrap_or_default()].concat();
            let after = after.map(moved);
            let theirs = self.rows.scan(
                project,
                branches::TABLE,
                &moved(prefix),
                after.as_deref(),
                limit,
            )?;
            rows.extend(theirs.into_iter().filter_map(|row| {
                let position = row.get(branches::POSITION)?.as_int()?;
                let position = u64::try_from(position).ok()?;
                let shared = ancestors
                    .sharing(position)
                    .any(|sharing| sharing.life == source.life);
                shared.then(|| [&life[..], row.get(2..).unwrap_or_default()].concat())
            }));
        }
        rows.sort_by(|a, b| {
            let cells = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
            let mut unequal = cells.filter(|order| order.is_ne());
            unequal.next().unwrap_or(std::cmp::Ordering::Equal)
        });
        rows.truncate(limit);
        Ok(rows)
    }
}

/// The life that a key begins with.
fn life_of(key: &[Value]) -> Option<LifeKey> {
    let [thread, incarnation] = [key.first()?, key.get(1)?];
    Some([thread.clone(), incarnation.clone()])
}

/// The one life whose items a query is about.
fn life_asked(query: &Query) -> Option<LifeKey> {
    let value = |wanted: usize| {
        query.filters.iter().find_map(|filter| match filter {
            Filter::Compare {
                column,
                comparison: Comparison::Equal,
                values,
            } if *column == wanted && values.len() == 1 => values.first().cloned(),
            Filter::Compare { .. } | Filter::And(_) | Filter::Or(_) => None,
        })
    };
    Some([value(items::THREAD)?, value(items::INCARNATION)?])
}

impl RowsView for WithForks {
    fn commit(&self) -> CommitNumber {
        self.rows.commit()
    }

    fn get(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        let row = self.rows.get(project, table, key)?;
        match (&row, life_of(key), key.get(2)) {
            (None, Some(life), Some(position)) if table == items::TABLE => {
                self.shared_at(project, &life, position)
            }
            _ => Ok(row),
        }
    }

    fn find(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        index: u16,
        values: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        let row = self.rows.find(project, table, index, values)?;
        match (&row, life_of(values), values.get(2)) {
            (None, Some(life), Some(id)) if table == items::TABLE && index == items::BY_ID => {
                self.shared_item(project, &life, id)
            }
            _ => Ok(row),
        }
    }

    fn scan(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        prefix: &[Value],
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, RowsFailure> {
        match life_of(prefix) {
            Some(life) if table == branches::TABLE => {
                self.branches(project, &life, (prefix, after), limit)
            }
            _ => self.rows.scan(project, table, prefix, after, limit),
        }
    }

    fn list(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        query: &Query,
        visibility: Visibility<'_>,
    ) -> Result<Page, RowsFailure> {
        let life = match (table == items::TABLE, visibility) {
            (true, Visibility::All) => life_asked(query),
            _ => None,
        };
        let ancestors = match &life {
            Some(life) => self.ancestors(project, life)?,
            None => None,
        };
        let Some(ancestors) = ancestors else {
            return self.rows.list(project, table, query, visibility);
        };
        let cursor = match &query.cursor {
            Some(Cursor::After(key) | Cursor::Before(key)) => {
                let row = self.get(project, table, key)?;
                Some(row.ok_or(RowsFailure::CursorNotFound)?)
            }
            None => None,
        };
        List {
            view: self.rows.as_ref(),
            project,
            ancestors: &ancestors,
            query,
            cursor,
        }
        .page()
    }

    fn stream_head(
        &self,
        project: ProjectNumber,
        stream: &Stream,
    ) -> Result<Option<Head>, RowsFailure> {
        self.rows.stream_head(project, stream)
    }

    fn stream(
        &self,
        project: ProjectNumber,
        range: &StreamRange,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        self.rows.stream(project, range)
    }

    fn lives(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Offset>, RowsFailure> {
        self.rows.lives(project, stream, from, limit)
    }

    fn stream_head_at(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        at: Offset,
    ) -> Result<Option<Head>, RowsFailure> {
        self.rows.stream_head_at(project, stream, at)
    }

    fn stream_back(
        &self,
        project: ProjectNumber,
        range: &StreamBack,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        self.rows.stream_back(project, range)
    }

    fn project_head(&self, project: ProjectNumber) -> Result<Option<ProjectHead>, RowsFailure> {
        self.rows.project_head(project)
    }

    fn granted(
        &self,
        project: ProjectNumber,
        scope: &Scope,
        now: Time,
    ) -> Result<Option<(Offset, Hash)>, RowsFailure> {
        self.rows.granted(project, scope, now)
    }

    fn dump(&self, project: ProjectNumber, line: &mut dyn FnMut(&str)) -> Result<(), RowsFailure> {
        self.rows.dump(project, line)
    }
}
