//! The past of the items of every thread that the caller may read.

use compact_str::CompactString;
use everlog_domain::envelope::{EventKind, StreamKind};
use everlog_domain::event::Recorded;
use everlog_domain::tables::system::items;

use super::Page;
use super::lives::Lives;
use crate::live::page::{Change, Reach, ReadError};
use crate::live::shown::{ItemFilters, ItemRow, is_of_item, opens_thread};

/// What was read.
pub(super) struct ItemsRead {
    pub(super) reach: Reach,
    pub(super) readable: Vec<(CompactString, bool)>,
}

/// Reads a page of the project's log.
pub(super) fn read(page: &mut Page<'_>, filters: &ItemFilters) -> Result<ItemsRead, ReadError> {
    let mut lives = Lives::new(page);
    let reach = page.each_event(|page, recorded| change(page, &mut lives, filters, recorded))?;
    Ok(ItemsRead {
        reach,
        readable: lives.readable(),
    })
}

fn change(
    page: &Page<'_>,
    lives: &mut Lives<'_>,
    filters: &ItemFilters,
    recorded: &Recorded,
) -> Result<Option<Change>, ReadError> {
    let envelope = &recorded.envelope;
    if envelope.stream.kind != StreamKind::Thread {
        return Ok(None);
    }
    if envelope.kind == EventKind::ItemsExpired {
        let shown = filters.may_match_thread(&envelope.stream.id)
            && lives.is_readable(envelope)?
            && lives.timeline(envelope)?.at(envelope.offset);
        return Ok(if shown { Change::event(recorded) } else { None });
    }
    if is_of_item(envelope.kind) {
        let shown = lives.is_readable(envelope)?
            && lives.timeline(envelope)?.at(envelope.offset)
            && matches(page, filters, recorded)?;
        return Ok(if shown { Change::event(recorded) } else { None });
    }
    if !opens_thread(envelope.kind) || !filters.may_match_thread(&envelope.stream.id) {
        return Ok(None);
    }
    let deleted = envelope.kind == EventKind::ThreadDeleted;
    let timeline = lives.timeline(envelope)?;
    let began = envelope.kind.creates_stream();
    let before = timeline.before(envelope.offset) && !began;
    let after = timeline.at(envelope.offset) && !deleted;
    let id = envelope.stream.id.clone();
    Ok(match (before, after) {
        (true, false) => Some(Change::LeaveThread(id)),
        (false, true) if lives.is_readable(envelope)? => Some(Change::EnterThread(id)),
        _ => None,
    })
}

/// What the filters ask about never changes, so today's row answers for the past as well.
fn matches(page: &Page<'_>, filters: &ItemFilters, recorded: &Recorded) -> Result<bool, ReadError> {
    if filters.is_empty() {
        return Ok(true);
    }
    Ok(match ItemRow::of(recorded) {
        None => false,
        Some(ItemRow::Brought(row)) => filters.match_row(&row),
        Some(ItemRow::Stored(key)) => {
            let row = page
                .view
                .get(recorded.envelope.project, items::TABLE, &key)?;
            row.is_some_and(|row| filters.match_row(&row))
        }
    })
}
