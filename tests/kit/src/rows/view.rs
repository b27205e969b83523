//! A view: the state as it stood.

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, Position, ProjectNumber, Scope};
use everlog_domain::log::ProjectHead;
use everlog_domain::ports::{
    Page, RowsFailure, RowsView, StreamBack, StreamEntry, StreamRange, Visibility,
};
use everlog_domain::query::{Direction, Query};
use everlog_domain::tables::{Row, TableNumber, canonical_line, system};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use super::{Key, RowKey, State, engine, list, schema};

impl State {
    /// A table's rows in order of the primary key.
    pub(super) fn rows_of(
        &self,
        project: ProjectNumber,
        table: TableNumber,
    ) -> impl Iterator<Item = (&RowKey, &Row)> {
        let first = (project, table, Key(Vec::new()));
        let end = (project, TableNumber(table.0 + 1), Key(Vec::new()));
        self.rows.range(first..end)
    }

    /// A table's rows whose primary key begins with `prefix`, in order.
    pub(super) fn rows_under(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        prefix: Vec<Value>,
    ) -> impl Iterator<Item = (&RowKey, &Row)> {
        let length = prefix.len();
        let prefix = Key(prefix);
        let first = (project, table, prefix.clone());
        let end = (project, TableNumber(table.0 + 1), Key(Vec::new()));
        let begins = move |key: &Key| {
            let beginning = key.0.iter().take(length).cloned();
            Key(beginning.collect()) == prefix
        };
        let rows = self.rows.range(first..end);
        rows.take_while(move |((_, _, key), _)| begins(key))
    }

    /// Primary keys of the rows that an index key leads to, in order.
    pub(super) fn found(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        index: u16,
        values: &Key,
    ) -> impl DoubleEndedIterator<Item = &Key> {
        let first = (project, table, index, values.clone(), Key(Vec::new()));
        let entries = self.indexes.range(first..);
        let same: Vec<&Key> = entries
            .map(|(key, ())| key)
            .take_while(|key| (key.0, key.1, key.2) == (project, table, index) && key.3 == *values)
            .map(|key| &key.4)
            .collect();
        same.into_iter()
    }

    fn entries(&self, project: ProjectNumber, stream: &Stream) -> Vec<(Offset, StreamEntry)> {
        let first = (project, stream.clone(), Offset(0), Position(0));
        let last = (
            project,
            stream.clone(),
            Offset(u64::MAX),
            Position(u64::MAX),
        );
        let entries = self.streams.range(first..=last);
        entries.map(|(key, entry)| (key.2, *entry)).collect()
    }
}

impl RowsView for State {
    fn commit(&self) -> CommitNumber {
        self.commit
    }

    fn get(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        let place = (project, schema(table)?.number, Key(key.to_vec()));
        Ok(self.rows.get(&place).cloned())
    }

    fn find(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        index: u16,
        values: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        let schema = schema(table)?;
        let mut indexes = schema.indexes.iter();
        let index = indexes
            .find(|known| known.number == index && known.columns.len() == values.len())
            .ok_or_else(|| engine(format!("{}: no such index", schema.name)))?;
        if values.first().is_none_or(Value::is_null) {
            return Ok(None);
        }
        let values = Key(values.to_vec());
        let mut keys = self.found(project, table, index.number, &values);
        // Rows of one index key lie in the direction of the index's last column.
        let key = match index.columns.last() {
            Some((_, Direction::Descending)) => keys.next_back(),
            _ => keys.next(),
        };
        let row = key.and_then(|key| self.rows.get(&(project, table, key.clone())));
        Ok(row.cloned())
    }

    fn scan(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        prefix: &[Value],
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, RowsFailure> {
        let after = after.map(|key| Key(key.to_vec()));
        let rows = self.rows_under(project, schema(table)?.number, prefix.to_vec());
        let rows = rows.filter(|((_, _, key), _)| after.as_ref().is_none_or(|after| key > after));
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn list(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        query: &Query,
        visibility: Visibility<'_>,
    ) -> Result<Page, RowsFailure> {
        list::list(self, project, schema(table)?, query, visibility)
    }

    fn stream_head(
        &self,
        project: ProjectNumber,
        stream: &Stream,
    ) -> Result<Option<Head>, RowsFailure> {
        let entries = self.entries(project, stream);
        Ok(entries.last().map(|(incarnation, entry)| Head {
            incarnation: *incarnation,
            position: entry.position,
        }))
    }

    fn stream(
        &self,
        project: ProjectNumber,
        range: &StreamRange,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        let entries = self.entries(project, &range.stream).into_iter();
        let life = entries.filter(|(incarnation, _)| *incarnation == range.incarnation);
        let entries = life.map(|(_, entry)| entry);
        Ok(entries
            .filter(|entry| entry.offset > range.after)
            .take(range.limit)
            .collect())
    }

    fn lives(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Offset>, RowsFailure> {
        let entries = self.entries(project, stream).into_iter();
        let mut lives: Vec<Offset> = entries.map(|(incarnation, _)| incarnation).collect();
        lives.dedup();
        let begun = lives.partition_point(|incarnation| *incarnation <= from);
        let lives = lives.into_iter().skip(begun.saturating_sub(1));
        Ok(lives.take(limit).collect())
    }

    fn stream_head_at(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        at: Offset,
    ) -> Result<Option<Head>, RowsFailure> {
        let entries = self.entries(project, stream).into_iter();
        let mut begun = entries.filter(|(incarnation, _)| *incarnation <= at);
        Ok(begun.next_back().map(|(incarnation, entry)| Head {
            incarnation,
            position: entry.position,
        }))
    }

    fn stream_back(
        &self,
        project: ProjectNumber,
        range: &StreamBack,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        let entries = self.entries(project, &range.stream).into_iter().rev();
        let life = entries.filter(|(incarnation, _)| *incarnation == range.incarnation);
        let entries = life.map(|(_, entry)| entry);
        Ok(entries
            .filter(|entry| entry.position < range.before)
            .take(range.limit)
            .collect())
    }

    fn project_head(&self, project: ProjectNumber) -> Result<Option<ProjectHead>, RowsFailure> {
        Ok(self.heads.get(&project).copied())
    }

    fn granted(
        &self,
        project: ProjectNumber,
        scope: &Scope,
        now: Time,
    ) -> Result<Option<(Offset, Hash)>, RowsFailure> {
        let head = self.heads.get(&project).map_or(Time(0), |head| head.time);
        let today = now.max(head).day();
        let days = [today - 1, today];
        let mut found = days
            .iter()
            .filter_map(|day| self.scopes.get(&(project, *day, *scope)));
        Ok(found.next().copied())
    }

    fn dump(&self, project: ProjectNumber, line: &mut dyn FnMut(&str)) -> Result<(), RowsFailure> {
        for schema in system::ALL.iter() {
            for (_, row) in self.rows_of(project, schema.number) {
                line(&canonical_line(schema, row));
            }
        }
        Ok(())
    }
}
