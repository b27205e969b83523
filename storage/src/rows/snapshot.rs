//! The database as it stood.

use std::sync::Arc;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::RowsFailure;
use everlog_domain::tables::{Index, Row, TableNumber, TableSchema};
use everlog_domain::value::Value;

use super::bounds::Bounds;
use super::layout;
use super::overlay::{schema_of, stored_row};
use super::purges::Purges;
use super::range::KeyRange;
use super::store::Reader;

/// The database as it stood, with the purges that were not finished then.
pub(super) struct Snapshot {
    pub(super) reader: Reader,
    pub(super) purges: Arc<Purges>,
    pub(super) bounds: Bounds,
}

impl Snapshot {
    /// A row by primary key.
    pub(super) fn row(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        if key.len() != schema_of(table)?.key.len() {
            return Ok(None);
        }
        let row_key = layout::row(project, table, key);
        if self.purges.cover(&row_key) {
            return Ok(None);
        }
        stored_row(&self.reader, &row_key)
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
}
