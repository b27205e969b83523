//! The tables that events are kept in, and an event's place in its stream.

use std::sync::Arc;

/// What is written of an event.
pub(super) const COLUMNS: &str = r#"project, "offset", stream, position, payload"#;

/// Where the baseline's events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Refuses what our committer refuses: an offset twice, and an event that expects another position of its
    /// stream than the next.
    Checked,
    /// Refuses an offset twice, and nothing else: less than our committer does, for comparison.
    Unchecked,
}

impl Table {
    pub(super) const ALL: [Self; 2] = [Self::Checked, Self::Unchecked];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Checked => "events",
            Self::Unchecked => "unchecked",
        }
    }

    /// The statement that makes it.
    pub(super) fn definition(self) -> String {
        let positions = match self {
            Self::Checked => ", UNIQUE (project, stream, position)",
            Self::Unchecked => "",
        };
        let name = self.name();
        format!(
            r#"CREATE TABLE {name} (
                project bigint, "offset" bigint, stream text NOT NULL, position bigint NOT NULL,
                payload bytea NOT NULL, PRIMARY KEY (project, "offset"){positions})"#
        )
    }
}

/// A place in a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) stream: &'a str,
    pub(super) position: i64,
}

/// A stream that one caller alone writes to, as each appender at our committer does.
#[derive(Debug)]
pub(super) struct OwnStream {
    name: Arc<str>,
    position: i64,
}

impl OwnStream {
    /// A stream with a name as long as that of a thread.
    pub(super) fn new(number: usize) -> Self {
        Self {
            name: format!("thread/{number:020}").into(),
            position: 0,
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The position of its next event.
    pub(super) fn advance(&mut self) -> i64 {
        self.position += 1;
        self.position
    }

    pub(super) fn at(&self, position: i64) -> Place<'_> {
        Place {
            stream: &self.name,
            position,
        }
    }
}
