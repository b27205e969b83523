//! Purging: rows that nothing can reach any more go in bounded slices, along with later batches.

use everlog_domain::ports::RowsFailure;

use super::entries::Place;
use super::layout;
use super::overlay::{Overlay, decode, schema_of};
use super::purges::Purges;
use super::range::KeyRange;
use super::store::{Reader, Writes, damaged};

/// Rows that every batch may purge, whatever its size.
const SLICE: usize = 256;
/// Rows that it may purge for each of its events. An event makes fewer, so purging keeps up.
const SLICE_PER_EVENT: usize = 4;

/// Takes up the purges of a batch and goes on with all that are not finished. Answers with those
/// that are still not.
pub(super) fn advance(
    reader: &Reader,
    overlay: &mut Overlay<'_>,
    before: &Purges,
    events: usize,
    writes: &mut Writes,
) -> Result<Purges, RowsFailure> {
    let mut open = before.clone();
    for prefix in &overlay.purged {
        for included in open.add(prefix) {
            forget(writes, before, &included);
        }
    }
    let mut budget = SLICE + events * SLICE_PER_EVENT;
    for prefix in open.clone().iter() {
        if slice(reader, overlay, prefix, &mut budget, writes)? {
            open.remove(prefix);
            forget(writes, before, prefix);
        } else if !before.contains(prefix) {
            writes.put(layout::purge(prefix), Vec::new());
        }
    }
    Ok(open)
}

fn forget(writes: &mut Writes, before: &Purges, prefix: &[u8]) {
    if before.contains(prefix) {
        writes.remove(layout::purge(prefix));
    }
}

/// Removes rows until the budget is spent. Answers whether none is left.
fn slice(
    reader: &Reader,
    overlay: &mut Overlay<'_>,
    prefix: &[u8],
    budget: &mut usize,
    writes: &mut Writes,
) -> Result<bool, RowsFailure> {
    if *budget == 0 {
        return Ok(false);
    }
    for entry in reader.range(&KeyRange::under(prefix.to_vec())) {
        let (row_key, bytes) = entry?;
        // The batch itself writes or removes the rows that it touched.
        if overlay.has(&row_key) {
            continue;
        }
        if *budget == 0 {
            return Ok(false);
        }
        *budget -= 1;
        let place = place(&row_key)?;
        overlay.forget(writes, &place, &decode(&row_key, &bytes)?)?;
    }
    Ok(true)
}

fn place(row_key: &[u8]) -> Result<Place<'_>, RowsFailure> {
    let unreadable = || damaged(row_key, "the key is not a row's");
    let table = layout::table_of(row_key).ok_or_else(unreadable)?;
    Ok(Place {
        project: layout::project_of(row_key).ok_or_else(unreadable)?,
        schema: schema_of(table)?,
        row_key,
    })
}
