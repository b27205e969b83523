//! A view of the projection.

use std::sync::Arc;

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, Position, ProjectNumber, Scope};
use everlog_domain::log::ProjectHead;
use everlog_domain::ports::{Page, RowsFailure, RowsView, StreamEntry, StreamRange, Visibility};
use everlog_domain::query::Query;
use everlog_domain::tables::{Index, Row, TableNumber, TableSchema, canonical_line};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use super::list::Bounds;
use super::overlay::{decode, schema_of, stored_row};
use super::purges::Purges;
use super::range::KeyRange;
use super::store::{Reader, damaged, engine};
use super::{envelopes, layout, list};

/// A snapshot of the database with the purges that were not finished then.
pub(super) struct FjallView {
    pub(super) reader: Reader,
    pub(super) purges: Arc<Purges>,
    pub(super) bounds: Bounds,
    commit: CommitNumber,
}

impl FjallView {
    pub(super) fn new(
        reader: Reader,
        purges: Arc<Purges>,
        commit: CommitNumber,
        bounds: Bounds,
    ) -> Self {
        Self {
            reader,
            purges,
            bounds,
            commit,
        }
    }

    fn visible_row(&self, row_key: &[u8]) -> Result<Option<Row>, RowsFailure> {
        if self.purges.cover(row_key) {
            return Ok(None);
        }
        stored_row(&self.reader, row_key)
    }

    /// The keys of the rows that an index key leads to.
    fn indexed<'a>(
        &'a self,
        project: ProjectNumber,
        schema: &'a TableSchema,
        index: &'a Index,
        values: &[Value],
    ) -> impl Iterator<Item = Result<Vec<u8>, RowsFailure>> + 'a {
        let mut key = layout::index(project, schema.number, index);
        layout::push_indexed(&mut key, index, values);
        // No value's bytes begin another's, so under a unique key there is only the key itself.
        let entries = self.reader.range(&KeyRange::under(key));
        entries.map(move |entry| {
            let (key, value) = entry?;
            let primary = layout::indexed_primary(index, &key, &value);
            let primary =
                primary.ok_or_else(|| damaged(&key, "the bytes are not an index entry"))?;
            Ok(layout::row_at(project, schema.number, &primary))
        })
    }

    /// Whether a unique index leaves out rows of a project.
    pub(super) fn leaves_out(
        &self,
        project: ProjectNumber,
        schema: &TableSchema,
        index: &Index,
    ) -> Result<bool, RowsFailure> {
        let marks = KeyRange::under(layout::left_out(project, schema.number, index));
        let first = self.reader.range(&marks).next().transpose()?;
        Ok(first.is_some())
    }

    fn entry_at(&self, life: &[u8], position: Position) -> Result<StreamEntry, RowsFailure> {
        let key = layout::entry(life.to_vec(), position);
        let value = self.reader.get(&key)?;
        let value =
            value.ok_or_else(|| damaged(&key, "an entry of the stream index is missing"))?;
        Ok(envelopes::read_entry(&key, &value)?.1)
    }

    /// The first position after an offset. Positions have no gaps and rise with offsets, so it is
    /// found by halving.
    fn first_after(
        &self,
        life: &[u8],
        last: Position,
        after: Offset,
    ) -> Result<Position, RowsFailure> {
        let (mut low, mut high) = (1, last.0);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry_at(life, Position(middle))?.offset > after {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(Position(low))
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
        let schema = schema_of(table)?;
        if key.len() != schema.key.len() {
            return Ok(None);
        }
        self.visible_row(&layout::row(project, table, key))
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
        for row_key in self.indexed(project, schema, index, values) {
            let row_key = row_key?;
            if self.purges.cover(&row_key) {
                continue;
            }
            let row = stored_row(&self.reader, &row_key)?;
            return row
                .map(Some)
                .ok_or_else(|| damaged(&row_key, "an index leads to a row that is not there"));
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
        for entry in self.reader.range(&range) {
            if rows.len() == limit {
                break;
            }
            let (row_key, bytes) = entry?;
            if !self.purges.cover(&row_key) {
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
        list::list(self, project, schema_of(table)?, query, visibility)
    }

    fn stream_head(
        &self,
        project: ProjectNumber,
        stream: &Stream,
    ) -> Result<Option<Head>, RowsFailure> {
        let range = KeyRange::under(layout::stream(project, stream));
        let Some(newest) = self.reader.range(&range).next_back() else {
            return Ok(None);
        };
        let (key, value) = newest?;
        let (incarnation, entry) = envelopes::read_entry(&key, &value)?;
        Ok(Some(Head {
            incarnation,
            position: entry.position,
        }))
    }

    fn stream(
        &self,
        project: ProjectNumber,
        range: &StreamRange,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        let life = layout::life(project, &range.stream, range.incarnation);
        let whole = KeyRange::under(life.clone());
        let Some(newest) = self.reader.range(&whole).next_back() else {
            return Ok(Vec::new());
        };
        let (key, value) = newest?;
        let (_, newest) = envelopes::read_entry(&key, &value)?;
        if newest.offset <= range.after {
            return Ok(Vec::new());
        }
        let first = if range.after < range.incarnation {
            Position(1)
        } else {
            self.first_after(&life, newest.position, range.after)?
        };
        let wanted = whole.starting(layout::entry(life, first));
        let entries = self.reader.range(&wanted).take(range.limit);
        entries
            .map(|entry| {
                let (key, value) = entry?;
                Ok(envelopes::read_entry(&key, &value)?.1)
            })
            .collect()
    }

    fn project_head(&self, project: ProjectNumber) -> Result<Option<ProjectHead>, RowsFailure> {
        envelopes::read_head(&self.reader, project)
    }

    fn granted(
        &self,
        project: ProjectNumber,
        scope: &Scope,
        now: Time,
    ) -> Result<Option<(Offset, Hash)>, RowsFailure> {
        envelopes::read_grant(&self.reader, project, scope, now)
    }

    fn dump(&self, project: ProjectNumber, line: &mut dyn FnMut(&str)) -> Result<(), RowsFailure> {
        let range = KeyRange::under(layout::project_rows(project));
        for entry in self.reader.range(&range) {
            let (row_key, bytes) = entry?;
            if self.purges.cover(&row_key) {
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
