//! What a project may use at most.

use serde::{Deserialize, Serialize};

/// What a project may use at most. Absent is unbounded, but for the bounds of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quotas {
    /// Bytes of its events in the log, encrypted, with all that surrounds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    /// Live sockets at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Writes a second; as many may come at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_per_second: Option<u32>,
}

/// One of the quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Of [`Quotas::storage_bytes`].
    Storage,
    /// Of [`Quotas::connections`].
    Connections,
    /// Of [`Quotas::writes_per_second`].
    Writes,
}

impl Quota {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Storage => "storageBytes",
            Self::Connections => "connections",
            Self::Writes => "writesPerSecond",
        }
    }
}
