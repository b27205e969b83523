//! Where everything lies in the one keyspace of the projection.
//!
//! One keyspace, although it holds several sorts of things: its journal is not synced, and after
//! a power loss each keyspace would come back as of another batch (what was flushed to tables is
//! synced, what was not is lost). Of one keyspace a whole number of batches comes back.
//!
//! ```text
//! 01 name                                              the checkpoint, the fingerprint of the schemas
//! 02 project                                           head of a project
//! 03 project table key                                 a row
//! 04 project table index values key                    an index entry, where rows may share the values
//! 04 project table index values                        a unique index entry; its value is the key
//! 05 project table role key                            a posting of the permission index
//! 06 project kind id incarnation position              a run of the stream index, by its first position
//! 07 day project scope                                 an idempotency scope
//! 08 the start of a row's key                          a purge that is not finished
//! 09 project table index key                           a row that a unique index leaves out
//! 0A hash                                              an index entry that was decided; its value is the key
//! ```
//!
//! Projects, incarnations and positions are u64, tables u32, indexes u16, days i64 with the sign
//! flipped, all big-endian; values and keys as in [`super::value_key`]. In an index whose last
//! column is descending, the key is inverted as well, so that the index read backwards is the
//! ascending order, ties included. The hash of a decided entry is the beginning of SHA-256 of what
//! its key would be in a unique index: it comes in no order, so it should at least be short.

use everlog_domain::envelope::Stream;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, Position, ProjectNumber, Scope};
use everlog_domain::query::Direction;
use everlog_domain::tables::{Index, TableNumber, TableSchema, Uniqueness};
use everlog_domain::value::Value;

use super::value_key;

pub(super) const CHECKPOINT: &[u8] = b"\x01checkpoint";
pub(super) const FINGERPRINT: &[u8] = b"\x01fingerprint";

const HEADS: u8 = 2;
const ROWS: u8 = 3;
const INDEXES: u8 = 4;
const POSTINGS: u8 = 5;
const STREAMS: u8 = 6;
const SCOPES: u8 = 7;
const PURGES: u8 = 8;
const LEFT_OUT: u8 = 9;
const DECIDED: u8 = 10;

/// Nobody finds two keys that share so much of a hash, and fjall keeps keys of up to 20 bytes
/// where it compares them.
const DECIDED_HASH: usize = 16;

/// Bytes before the primary key in a row's key.
const ROW_PREFIX: usize = 1 + 8 + 4;

pub(super) fn head(project: ProjectNumber) -> Vec<u8> {
    numbered(HEADS, &[&project.0.to_be_bytes()])
}

fn numbered(space: u8, numbers: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(96);
    key.push(space);
    for number in numbers {
        key.extend_from_slice(number);
    }
    key
}

/// What the keys of a table's rows begin with.
pub(super) fn table(project: ProjectNumber, table: TableNumber) -> Vec<u8> {
    numbered(ROWS, &[&project.0.to_be_bytes(), &table.0.to_be_bytes()])
}

/// What the keys of a project's rows begin with.
pub(super) fn project_rows(project: ProjectNumber) -> Vec<u8> {
    numbered(ROWS, &[&project.0.to_be_bytes()])
}

/// A row's key, or what the keys of rows begin with whose primary keys begin with `values`.
pub(super) fn row(project: ProjectNumber, number: TableNumber, values: &[Value]) -> Vec<u8> {
    let mut key = table(project, number);
    for value in values {
        value_key::write(&mut key, value, Direction::Ascending);
    }
    key
}

/// The key of a whole row.
pub(super) fn row_of(project: ProjectNumber, schema: &TableSchema, row: &[Value]) -> Vec<u8> {
    let mut key = table(project, schema.number);
    for place in &schema.key {
        let value = row.get(*place).unwrap_or(&Value::Null);
        value_key::write(&mut key, value, Direction::Ascending);
    }
    key
}

/// A row's key from the bytes of its primary key.
pub(super) fn row_at(project: ProjectNumber, number: TableNumber, primary: &[u8]) -> Vec<u8> {
    let mut key = table(project, number);
    key.extend_from_slice(primary);
    key
}

/// The bytes of the primary key in a row's key.
pub(super) fn primary_of(row_key: &[u8]) -> &[u8] {
    row_key.get(ROW_PREFIX..).unwrap_or_default()
}

/// The table in a row's key.
pub(super) fn table_of(row_key: &[u8]) -> Option<TableNumber> {
    let number = row_key.get(9..)?.first_chunk::<4>()?;
    Some(TableNumber(u32::from_be_bytes(*number)))
}

/// The project in a row's key.
pub(super) fn project_of(row_key: &[u8]) -> Option<ProjectNumber> {
    let number = row_key.get(1..)?.first_chunk::<8>()?;
    Some(ProjectNumber(u64::from_be_bytes(*number)))
}

/// What the entries of an index begin with.
pub(super) fn index(project: ProjectNumber, table: TableNumber, index: &Index) -> Vec<u8> {
    let (project, table) = (project.0.to_be_bytes(), table.0.to_be_bytes());
    numbered(INDEXES, &[&project, &table, &index.number.to_be_bytes()])
}

/// What the marks of rows begin with that a unique index leaves out.
pub(super) fn left_out(project: ProjectNumber, table: TableNumber, index: &Index) -> Vec<u8> {
    let (project, table) = (project.0.to_be_bytes(), table.0.to_be_bytes());
    numbered(LEFT_OUT, &[&project, &table, &index.number.to_be_bytes()])
}

/// What the keys of the entries with these values begin with, of all columns of an index. Where
/// rows may not share them, it is the key.
pub(super) fn indexed<'a>(
    project: ProjectNumber,
    table: TableNumber,
    of: &Index,
    values: impl IntoIterator<Item = &'a Value>,
) -> Vec<u8> {
    let mut key = index(project, table, of);
    for (value, (_, direction)) in values.into_iter().zip(&of.columns) {
        value_key::write(&mut key, value, *direction);
    }
    match of.uniqueness {
        Uniqueness::Shared | Uniqueness::Unique => key,
        Uniqueness::Decided => decided(&key),
    }
}

fn decided(key: &[u8]) -> Vec<u8> {
    let hash = Hash::of_bytes(key);
    numbered(DECIDED, &[&hash.as_bytes()[..DECIDED_HASH]])
}

/// The key of a row's entry in an index.
pub(super) fn index_entry<'a>(
    project: ProjectNumber,
    table: TableNumber,
    index: &Index,
    values: impl IntoIterator<Item = &'a Value>,
    primary: &[u8],
) -> Vec<u8> {
    let mut key = indexed(project, table, index, values);
    if index.uniqueness == Uniqueness::Shared {
        push_primary(&mut key, index, primary);
    }
    key
}

fn push_primary(key: &mut Vec<u8>, index: &Index, primary: &[u8]) {
    let start = key.len();
    key.extend_from_slice(primary);
    if tie_direction(index) == Direction::Descending {
        value_key::invert(&mut key[start..]);
    }
}

/// The order of rows that share an index key.
pub(super) fn tie_direction(index: &Index) -> Direction {
    let last = index.columns.last();
    last.map_or(Direction::Ascending, |(_, direction)| *direction)
}

/// The bytes of the primary key to which an index entry leads.
pub(super) fn indexed_primary(index: &Index, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    if index.uniqueness != Uniqueness::Shared {
        return Some(value.to_vec());
    }
    let mut reader = value_key::KeyReader::new(key.get(ROW_PREFIX + 2..)?);
    for (_, direction) in &index.columns {
        reader.value(*direction)?;
    }
    let mut primary = reader.rest().to_vec();
    if tie_direction(index) == Direction::Descending {
        value_key::invert(&mut primary);
    }
    Some(primary)
}

/// What the postings of a role begin with.
pub(super) fn postings(project: ProjectNumber, table: TableNumber, role: &str) -> Vec<u8> {
    let (project, table) = (project.0.to_be_bytes(), table.0.to_be_bytes());
    let mut key = numbered(POSTINGS, &[&project, &table]);
    value_key::write(&mut key, &Value::text(role), Direction::Ascending);
    key
}

/// What the stream index of a stream begins with.
pub(super) fn stream(project: ProjectNumber, stream: &Stream) -> Vec<u8> {
    let mut key = numbered(STREAMS, &[&project.0.to_be_bytes(), &[stream.kind as u8]]);
    let id = Value::Text(stream.id.clone());
    value_key::write(&mut key, &id, Direction::Ascending);
    key
}

/// What the stream index of one life of a stream begins with.
pub(super) fn life(project: ProjectNumber, of: &Stream, incarnation: Offset) -> Vec<u8> {
    let mut key = stream(project, of);
    key.extend_from_slice(&incarnation.0.to_be_bytes());
    key
}

/// A run of the stream index that begins at a position, after [`life`].
pub(super) fn run(mut life: Vec<u8>, first: Position) -> Vec<u8> {
    life.extend_from_slice(&first.0.to_be_bytes());
    life
}

/// Incarnation and first position at the end of a run's key.
pub(super) fn place_of(run_key: &[u8]) -> Option<(Offset, Position)> {
    let (rest, position) = run_key.split_last_chunk::<8>()?;
    let (_, incarnation) = rest.split_last_chunk::<8>()?;
    let incarnation = Offset(u64::from_be_bytes(*incarnation));
    Some((incarnation, Position(u64::from_be_bytes(*position))))
}

/// What the scopes of a day begin with.
pub(super) fn day(day: i64) -> Vec<u8> {
    let ordered = day.cast_unsigned() ^ (1 << 63);
    numbered(SCOPES, &[&ordered.to_be_bytes()])
}

pub(super) fn scope(at: i64, project: ProjectNumber, scope: &Scope) -> Vec<u8> {
    let mut key = day(at);
    key.extend_from_slice(&project.0.to_be_bytes());
    key.extend_from_slice(scope.as_bytes());
    key
}

/// Where the scopes of all days begin.
pub(super) fn scopes() -> Vec<u8> {
    vec![SCOPES]
}

/// Where unfinished purges begin.
pub(super) fn purges() -> Vec<u8> {
    vec![PURGES]
}

/// An unfinished purge of the rows whose keys begin with `rows`.
pub(super) fn purge(rows: &[u8]) -> Vec<u8> {
    numbered(PURGES, &[rows])
}

/// The rows of an unfinished purge.
pub(super) fn purged_rows(purge_key: &[u8]) -> &[u8] {
    purge_key.get(1..).unwrap_or_default()
}

/// The fingerprint of the schemas and of this layout: a projection made under another is rebuilt.
pub(super) fn fingerprint(schemas: &[TableSchema]) -> [u8; 32] {
    // Raised with every change of a stored form in this folder.
    const FORM: &[u8] = b"rows 3";
    // The debug form names every field, so no change of a schema goes unnoticed.
    let text = format!("{schemas:?}");
    *everlog_domain::hash::Hash::of(&[FORM, text.as_bytes()]).as_bytes()
}
