use std::path::Path;

use memchr::memchr;

use super::batch::{Span, read_whole};
use super::damage::ScanDamage;
use super::entry::{SHORTEST_ENTRY, START_LEN, START_TAG, Unread, read_entry};
use super::fields::Fields;
use super::window::{CHUNK, FileWindow};

/// What lies beyond a place where no whole batch starts.
pub(super) enum Beyond {
    /// Zeros only, as fjall leaves them when it makes a journal (64 MiB).
    Zeros,
    /// No whole batch; `end` is where the last byte that is not zero ends.
    Rubble { end: u64 },
    /// A whole batch.
    Batch(Span),
    /// So many bytes look like starts that the search gave up.
    Unsearched,
}

/// The search through one file. All of its tries share one bound, so that a file broken in many
/// places, or made of bytes that look like starts, takes no quadratic time.
pub(super) struct Search {
    /// Where the last byte of the file that is not zero ends.
    content_end: u64,
    /// How many bytes of failed tries are still borne.
    patience: u64,
}

impl Search {
    /// What honest files never need in failed tries.
    const LEAST_PATIENCE: u64 = 64 << 20;
    const PATIENCE_PER_BYTE: u64 = 4;

    /// A search that will begin at `from` or later.
    pub(super) fn new(window: &mut FileWindow, from: u64) -> Result<Self, ScanDamage> {
        let content_end = end_of_content(window, from)?;
        let patience = (content_end - from)
            .saturating_mul(Self::PATIENCE_PER_BYTE)
            .max(Self::LEAST_PATIENCE);
        Ok(Self {
            content_end,
            patience,
        })
    }

    /// Looks through the rest of the file for a batch that is whole.
    ///
    /// One pass with `memchr` for the start tag; a place is tried only where the next bytes could
    /// be a start, and trying stops at the first entry that does not follow.
    pub(super) fn beyond(
        &mut self,
        window: &mut FileWindow,
        from: u64,
    ) -> Result<Beyond, ScanDamage> {
        if from >= self.content_end {
            return Ok(Beyond::Zeros);
        }
        let mut at = from;
        while let Some(start) = next_start_tag(window, at, self.content_end)? {
            if is_plausible_start(window, start)? {
                match read_whole(window, start) {
                    Ok(span) => return Ok(Beyond::Batch(span)),
                    Err(Unread::File(damage)) => return Err(damage),
                    Err(Unread::Flaw(flaw)) => self.bear(flaw.at.saturating_sub(start)),
                }
                if self.patience == 0 {
                    return Ok(Beyond::Unsearched);
                }
            }
            at = start + 1;
        }
        Ok(Beyond::Rubble {
            end: self.content_end,
        })
    }

    fn bear(&mut self, tried: u64) {
        self.patience = self.patience.saturating_sub(tried + START_LEN as u64);
    }
}

fn next_start_tag(
    window: &mut FileWindow,
    from: u64,
    until: u64,
) -> Result<Option<u64>, ScanDamage> {
    let mut at = from;
    loop {
        let chunk = window.chunk(at, until)?;
        if chunk.is_empty() {
            return Ok(None);
        }
        if let Some(index) = memchr(START_TAG, chunk) {
            return Ok(Some(at + index as u64));
        }
        at += chunk.len() as u64;
    }
}

/// A start with a number of items that the file has room for, and an item or clear after it.
fn is_plausible_start(window: &mut FileWindow, at: u64) -> Result<bool, ScanDamage> {
    let room = window.len() - at;
    let Some(bytes) = window.bytes(at, START_LEN)? else {
        return Ok(false);
    };
    let mut fields = Fields::of(bytes);
    fields.u8();
    let items = u64::from(fields.u32().unwrap_or_default());
    if items == 0 || items.saturating_mul(SHORTEST_ENTRY) > room {
        return Ok(false);
    }
    match read_entry(window, at + START_LEN as u64) {
        Ok(_) => Ok(true),
        Err(Unread::Flaw(_)) => Ok(false),
        Err(Unread::File(damage)) => Err(damage),
    }
}

/// Where the last byte that is not zero ends, at or after `from`.
fn end_of_content(window: &mut FileWindow, from: u64) -> Result<u64, ScanDamage> {
    static ZEROS: [u8; CHUNK] = [0; CHUNK];
    let mut end = from;
    let mut at = from;
    loop {
        let chunk = window.chunk(at, u64::MAX)?;
        if chunk.is_empty() {
            return Ok(end);
        }
        // comparing slices is a memcmp; only chunks with content are looked at byte by byte
        if ZEROS.get(..chunk.len()) != Some(chunk) {
            let content = chunk.iter().rposition(|byte| *byte != 0);
            end = at + content.map_or(0, |last| last as u64 + 1);
        }
        at += chunk.len() as u64;
    }
}

/// Whether the file holds zeros only.
pub(super) fn is_blank(journal: &Path) -> Result<bool, ScanDamage> {
    Ok(end_of_content(&mut FileWindow::open(journal)?, 0)? == 0)
}
