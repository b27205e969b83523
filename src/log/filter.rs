//! Which events of the log are asked for.

use everlog_domain::access::Principal;
use everlog_domain::envelope::{Envelope, EventKind, Stream, StreamKind};
use everlog_domain::ids::{Offset, ThreadId};

/// The sorts of entities that have a stream.
const STREAM_KINDS: [StreamKind; 5] = [
    StreamKind::Project,
    StreamKind::User,
    StreamKind::Key,
    StreamKind::Thread,
    StreamKind::Template,
];

/// Which events are asked for: those that pass all that is given.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// Of one entity, in all of its lives. The stream index tells where these are.
    pub(super) stream: Option<Stream>,
    /// Of these kinds.
    pub(super) kinds: Option<Vec<EventKind>>,
    /// Done by somebody.
    pub(super) principal: Option<Principal>,
    /// Caused by an event.
    pub(super) cause: Option<Offset>,
}

impl Filter {
    /// Whether events of a kind are asked for.
    pub(super) fn takes_kind(&self, kind: EventKind) -> bool {
        let kinds = self.kinds.as_ref();
        kinds.is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether an event is asked for.
    pub(super) fn takes(&self, envelope: &Envelope) -> bool {
        let principal = self.principal.as_ref();
        self.takes_kind(envelope.kind)
            && self
                .stream
                .as_ref()
                .is_none_or(|stream| *stream == envelope.stream)
            && principal.is_none_or(|principal| *principal == envelope.principal)
            && self.cause.is_none_or(|cause| envelope.cause == Some(cause))
    }

    /// Adds a kind, or all whose names begin with what stands before `*`. Nothing if there is none.
    pub(super) fn add_kinds(&mut self, text: &str) -> Option<()> {
        let named = |kind: &EventKind| match text.strip_suffix(".*") {
            Some(group) => kind
                .name()
                .strip_prefix(group)
                .is_some_and(|rest| !group.is_empty() && rest.starts_with('.')),
            None => kind.name() == text,
        };
        let kinds = self.kinds.get_or_insert_default();
        let before = kinds.len();
        kinds.extend(EventKind::ALL.iter().copied().filter(named));
        (kinds.len() > before).then_some(())
    }
}

/// Reads the name of a stream, as in `thread/ID`.
pub(super) fn stream(text: &str) -> Option<Stream> {
    let (kind, id) = text.split_once('/')?;
    let kind = STREAM_KINDS
        .into_iter()
        .find(|known| known.name() == kind)?;
    // all ids have the same characters
    let id = ThreadId::parse(id).ok()?;
    Some(Stream::new(kind, id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_one_by_one_or_by_their_group() {
        for (text, expected) in [
            ("item.posted", vec![EventKind::ItemPosted]),
            ("key.*", vec![EventKind::KeyCreated, EventKind::KeyDeleted]),
            ("item.", vec![]),
            ("item.nothing", vec![]),
            ("item*", vec![]),
            ("ite.*", vec![]),
            ("*", vec![]),
            (".*", vec![]),
            ("", vec![]),
        ] {
            let mut filter = Filter::default();
            let found = filter.add_kinds(text);
            assert_eq!(found.is_some(), !expected.is_empty(), "{text:?}");
            assert_eq!(filter.kinds.unwrap_or_default(), expected, "{text:?}");
        }
    }

    #[test]
    fn streams_are_a_kind_and_an_id() {
        for text in [
            "",
            "thread",
            "thread/",
            "threads/t",
            "thread/a/b",
            "thread/a b",
            "/t",
        ] {
            assert_eq!(stream(text), None, "{text:?}");
        }
        assert_eq!(stream("user/u"), Some(Stream::new(StreamKind::User, "u")));
    }
}
