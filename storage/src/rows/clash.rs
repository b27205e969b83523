//! What is told of events that should not have been: decisions look first, so a clash means that
//! one was made on what was no longer so. The log has it, and the rows go on by a rule.

use everlog_domain::tables::{Index, TableSchema};

use super::entries::Place;

const CLASHES: &str = "everlog_row_clashes_total";

/// A row was put without its entry in a unique index.
pub(super) fn unique_key_taken(place: &Place<'_>, index: &Index) {
    count(place.schema, "first holder keeps the key");
    tracing::error!(
        project = place.project.0,
        table = place.schema.name,
        index = index.number,
        row = hex::encode(place.row_key),
        "another row holds this key of a unique index: the first holder keeps it, this row is put without the entry"
    );
}

/// A second row with a key was not put.
pub(super) fn row_exists(place: &Place<'_>) {
    count(place.schema, "first row stays");
    tracing::error!(
        project = place.project.0,
        table = place.schema.name,
        row = hex::encode(place.row_key),
        "a row with this key exists already: the first row stays, the second is not put"
    );
}

fn count(schema: &TableSchema, rule: &'static str) {
    let labels = [("table", schema.name), ("rule", rule)];
    metrics::counter!(CLASHES, &labels).increment(1);
}
