//! Texts of events that were read from the log lately. Readers who come back together, after a loss of the network or of
//! the server, read the same past: it is decrypted and encoded once, not once for each.

use std::sync::Arc;

use everlog_domain::ids::{Offset, Position, ProjectNumber};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Bytes of all texts that are kept, roughly.
const BYTES: u64 = 8 << 20;
/// What a text of usual length takes, for the cache to lay itself out.
const USUAL_BYTES: usize = 512;
/// What an entry takes beside its text, roughly.
const ENTRY_BYTES: u64 = 96;

/// An event's place in the process: what stands there never changes.
type Place = (ProjectNumber, Offset);

/// The text of an event.
#[derive(Debug, Clone)]
pub(super) struct PastText {
    /// Position of the item that it tells something of. Once that has expired, the text is shown to
    /// nobody.
    pub(super) of_item: Option<Position>,
    pub(super) text: Arc<str>,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Place, PastText> for Bytes {
    fn weight(&self, _: &Place, kept: &PastText) -> u64 {
        kept.text.len() as u64 + ENTRY_BYTES
    }
}

/// The texts. A clone is a handle.
///
/// Whoever is shown a text was authorised for it: the text itself is the same for everybody.
#[derive(Debug, Clone)]
pub(super) struct PastTexts(Arc<Cache<Place, PastText, Bytes>>);

impl Default for PastTexts {
    fn default() -> Self {
        let entries = usize::try_from(BYTES).unwrap_or(usize::MAX) / USUAL_BYTES;
        Self(Arc::new(Cache::with_weighter(entries, BYTES, Bytes)))
    }
}

impl PastTexts {
    /// The text of an event, if it was read lately.
    pub(super) fn get(&self, project: ProjectNumber, offset: Offset) -> Option<PastText> {
        self.0.get(&(project, offset))
    }

    /// Whether the text of an event is there. It may be gone by the time it is asked for.
    pub(super) fn has(&self, project: ProjectNumber, offset: Offset) -> bool {
        self.0.contains_key(&(project, offset))
    }

    /// Keeps a text for others.
    pub(super) fn keep(&self, project: ProjectNumber, offset: Offset, text: PastText) {
        self.0.insert((project, offset), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ProjectNumber = ProjectNumber(1);

    fn text(text: &str) -> PastText {
        PastText {
            of_item: Some(Position(3)),
            text: text.into(),
        }
    }

    #[test]
    fn a_text_is_of_one_place() {
        let texts = PastTexts::default();
        texts.keep(ONE, Offset(7), text("seven"));
        let kept = texts.get(ONE, Offset(7)).unwrap();
        assert_eq!((&*kept.text, kept.of_item), ("seven", Some(Position(3))));
        assert!(texts.get(ONE, Offset(8)).is_none());
        assert!(texts.get(ProjectNumber(2), Offset(7)).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let texts = PastTexts::default();
        for offset in 0..40_000 {
            texts.keep(ONE, Offset(offset), text(&"x".repeat(1_000)));
        }
        assert!(texts.0.weight() <= BYTES, "{}", texts.0.weight());
        texts.keep(ONE, Offset(0), text(&"x".repeat(16 << 20)));
        assert!(texts.0.weight() <= BYTES, "{}", texts.0.weight());
    }
}
