//! What can be subscribed to.

use everlog_domain::ids::ThreadId;

/// A resource by its name in a `subscribe` frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// `threads`: the rows of the threads that the caller may read.
    Threads,
    /// `threads/{threadId}` and `threads/{threadId}/items`.
    Thread(ThreadId, Part),
    /// `items`: the items of every thread that the caller may read.
    Items,
}

/// What of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its own changes and its items.
    Whole,
    /// Its items.
    Items,
}

impl Resource {
    /// Reads a name; nothing if there is no such resource.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut segments = text.split('/');
        let resource = match (segments.next()?, segments.next(), segments.next()) {
            ("threads", None, None) => Self::Threads,
            ("items", None, None) => Self::Items,
            ("threads", Some(id), None) => Self::Thread(ThreadId::parse(id).ok()?, Part::Whole),
            ("threads", Some(id), Some("items")) => {
                Self::Thread(ThreadId::parse(id).ok()?, Part::Items)
            }
            _ => return None,
        };
        segments.next().is_none().then_some(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_is_refused() {
        for text in [
            "",
            "thread",
            "threads/",
            "threads//items",
            "threads/a b",
            "threads/t/item",
            "threads/t/items/i",
            "threads/t/items/",
            "items/t",
            "/threads",
        ] {
            assert_eq!(Resource::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn resources_are_read() {
        let t = ThreadId::parse("t").unwrap();
        for (text, expected) in [
            ("threads", Resource::Threads),
            ("items", Resource::Items),
            ("threads/t", Resource::Thread(t.clone(), Part::Whole)),
            ("threads/t/items", Resource::Thread(t.clone(), Part::Items)),
        ] {
            assert_eq!(Resource::parse(text), Some(expected));
        }
    }
}
