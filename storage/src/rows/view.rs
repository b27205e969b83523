//! A view of the projection.

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, Position, ProjectNumber, Scope};
use everlog_domain::log::ProjectHead;
use everlog_domain::ports::{
    Page, RowsFailure, RowsView, StreamBack, StreamEntry, StreamRange, Visibility,
};
use everlog_domain::query::Query;
use everlog_domain::tables::{Index, Row, TableNumber, TableSchema, Uniqueness, canonical_line};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use super::overlay::{decode, schema_of, stored_row};
use super::range::KeyRange;
use super::snapshot::Snapshot;
use super::store::{damaged, engine};
use super::{envelopes, layout, list, runs};

/// See the module's description.
pub(super) struct FjallView {
    snapshot: Snapshot,
    commit: CommitNumber,
}

impl FjallView {
    pub(super) const fn new(snapshot: Snapshot, commit: CommitNumber) -> Self {
        Self { snapshot, commit }
    }

    /// The row to which an entry of an index leads, unless it is purged.
    fn led_to(
        &self,
        (project, schema, index): (ProjectNumber, &TableSchema, &Index),
        (key, value): (&[u8], &[u8]),
    ) -> Result<Option<Row>, RowsFailure> {
        let primary = layout::indexed_primary(index, key, value);
        let primary = primary.ok_or_else(|| damaged(key, "the bytes are not an index entry"))?;
        let row_key = layout::row_at(project, schema.number, &primary);
        if self.snapshot.purges.cover(&row_key) {
            return Ok(None);
        }
        let row = stored_row(&self.snapshot.reader, &row_key)?;
        row.map(Some)
            .ok_or_else(|| damaged(&row_key, "an index leads to a row that is not there"))
    }
}

fn index_of<'s>(
    schema: &'s TableSchema,
    number: u16,
    values: &[Value],
) -> Result<&'s Index, RowsFailure> {
    let mut indexes = schema.indexes.iter();
    let index = indexes.find(|index| index.number == number);
    let index = index.filter(|index| index.columns.len() == values.len());
    index.ok_or_else(|| {
        let (table, found) = (schema.name, values.len());
        engine(&format_args!(
            "{table} has no index {number} over {found} columns"
        ))
    })
}

impl RowsView for FjallView {
    fn commit(&self) -> CommitNumber {
        self.commit
    }

    fn get(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        self.snapshot.row(project, table, key)
    }

    fn find(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        index: u16,
        values: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        let schema = schema_of(table)?;
        let index = index_of(schema, index, values)?;
        if values.first().is_none_or(Value::is_null) {
            return Ok(None);
        }
        let key = layout::indexed(project, schema.number, index, values);
        let place = (project, schema, index);
        if index.uniqueness != Uniqueness::Shared {
            let entry = self.snapshot.reader.get(&key)?;
            let row = entry.map(|value| self.led_to(place, (&key, &value)));
            return Ok(row.transpose()?.flatten());
        }
        for entry in self.snapshot.reader.range(&KeyRange::under(key)) {
            let (key, value) = entry?;
            let row = self.led_to(place, (&key, &value))?;
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    }

    fn scan(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        prefix: &[Value],
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, RowsFailure> {
        let schema = schema_of(table)?;
        let mut range = KeyRange::under(layout::row(project, schema.number, prefix));
        if let Some(after) = after {
            range = range.after(&layout::row(project, table, after));
        }
        let mut rows = Vec::new();
        for entry in self.snapshot.reader.range(&range) {
            if rows.len() == limit {
                break;
            }
            let (row_key, bytes) = entry?;
            if !self.snapshot.purges.cover(&row_key) {
                rows.push(decode(&row_key, &bytes)?);
            }
        }
        Ok(rows)
    }

    fn list(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        query: &Query,
        visibility: Visibility<'_>,
    ) -> Result<Page, RowsFailure> {
        list::list(
            &self.snapshot,
            project,
            schema_of(table)?,
            query,
            visibility,
        )
    }

    fn stream_head(
        &self,
        project: ProjectNumber,
        stream: &Stream,
    ) -> Result<Option<Head>, RowsFailure> {
        let newest = runs::newest(&self.snapshot.reader, layout::stream(project, stream))?;
        Ok(newest.map(|run| Head {
            incarnation: run.incarnation,
            position: run.last.position,
        }))
    }

    fn stream(
        &self,
        project: ProjectNumber,
        range: &StreamRange,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        let life = layout::life(project, &range.stream, range.incarnation);
        let newest = runs::newest(&self.snapshot.reader, life.clone())?;
        let Some(newest) = newest.filter(|run| run.last.offset > range.after) else {
            return Ok(Vec::new());
        };
        let first = if range.after < range.incarnation {
            Position(1)
        } else {
            runs::first_after(&self.snapshot.reader, &life, &newest, range.after)?
        };
        let wanted = KeyRange::under(life.clone()).starting(layout::run(life, first));
        let mut entries = Vec::new();
        for run in self.snapshot.reader.range(&wanted) {
            if entries.len() >= range.limit {
                break;
            }
            let (key, value) = run?;
            let run = runs::read(&key, &value)?.entries.into_iter();
            entries.extend(run.filter(|entry| entry.offset > range.after));
        }
        entries.truncate(range.limit);
        Ok(entries)
    }

    fn lives(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Offset>, RowsFailure> {
        let all = KeyRange::under(layout::stream(project, stream));
        let begun = layout::life(project, stream, from.next());
        let before = all.clone().ending(Some(begun.clone()));
        let mut found = self.snapshot.reader.range(&before).next_back();
        let mut rest = all.clone().starting(begun);
        let mut lives = Vec::new();
        while lives.len() < limit {
            // one run tells of its life; the next life is sought beyond all runs of this one
            let found = match found.take() {
                Some(found) => found,
                None => match self.snapshot.reader.range(&rest).next() {
                    Some(found) => found,
                    None => break,
                },
            };
            let (key, value) = found?;
            let incarnation = runs::read(&key, &value)?.incarnation;
            lives.push(incarnation);
            let next = layout::life(project, stream, incarnation.next());
            rest = all.clone().starting(next);
        }
        Ok(lives)
    }

    fn stream_head_at(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        at: Offset,
    ) -> Result<Option<Head>, RowsFailure> {
        let lives = layout::stream(project, stream);
        let until = KeyRange::under(lives).ending(Some(layout::life(project, stream, at.next())));
        let last = self.snapshot.reader.range(&until).next_back().transpose()?;
        last.map(|(key, value)| {
            let run = runs::read(&key, &value)?;
            Ok(Head {
                incarnation: run.incarnation,
                position: run.last.position,
            })
        })
        .transpose()
    }

    fn stream_back(
        &self,
        project: ProjectNumber,
        range: &StreamBack,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        let life = layout::life(project, &range.stream, range.incarnation);
        // a run lies under its first position
        let end = layout::run(life.clone(), range.before);
        let wanted = KeyRange::under(life).ending(Some(end));
        let mut entries = Vec::new();
        for run in self.snapshot.reader.range(&wanted).rev() {
            if entries.len() >= range.limit {
                break;
            }
            let (key, value) = run?;
            let run = runs::read(&key, &value)?.entries.into_iter().rev();
            entries.extend(run.filter(|entry| entry.position < range.before));
        }
        entries.truncate(range.limit);
        Ok(entries)
    }

    fn project_head(&self, project: ProjectNumber) -> Result<Option<ProjectHead>, RowsFailure> {
        envelopes::read_head(&self.snapshot.reader, project)
    }

    fn granted(
        &self,
        project: ProjectNumber,
        scope: &Scope,
        now: Time,
    ) -> Result<Option<(Offset, Hash)>, RowsFailure> {
        envelopes::read_grant(&self.snapshot.reader, project, scope, now)
    }

    fn dump(&self, project: ProjectNumber, line: &mut dyn FnMut(&str)) -> Result<(), RowsFailure> {
        let range = KeyRange::under(layout::project_rows(project));
        for entry in self.snapshot.reader.range(&range) {
            let (row_key, bytes) = entry?;
            if self.snapshot.purges.cover(&row_key) {
                continue;
            }
            let table = layout::table_of(&row_key);
            let table = table.ok_or_else(|| damaged(&row_key, "the key is not a row's"))?;
            line(&canonical_line(
                schema_of(table)?,
                &decode(&row_key, &bytes)?,
            ));
        }
        Ok(())
    }
}
