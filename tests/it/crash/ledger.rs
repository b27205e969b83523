//! What was asked of the server and what it acknowledged, kept outside of its process.

use std::collections::HashMap;
use std::fmt;

use super::server::{Item, LoggedEvent};

/// An item that a client wants in a thread. Its text is its own among all writes.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) idempotency_key: String,
    pub(super) thread: String,
    /// The id that the client chose, or `unique()`.
    pub(super) wanted_id: String,
    pub(super) text: String,
}

#[derive(Clone, Debug)]
struct Entry {
    write: Write,
    begun: u64,
    acknowledged: Option<Acknowledgement>,
}

#[derive(Clone, Debug)]
struct Acknowledgement {
    id: String,
    offset: u64,
    /// When it arrived, by the ledger's clock.
    tick: u64,
    /// The trace's length after it arrived: a power failure at or after this place came after the acknowledgement.
    position: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    /// Counts beginnings and acknowledgements: what ended before another began has the lower tick.
    clock: u64,
    acknowledged: usize,
}

/// Names a write in its ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteId(usize);

/// What must not be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Gap {
        expected: u64,
        found: u64,
    },
    Lost {
        key: String,
        offset: u64,
    },
    Moved {
        key: String,
        acknowledged: u64,
        found: u64,
    },
    Renamed {
        key: String,
        acknowledged: String,
        found: String,
    },
    InAnotherThread {
        key: String,
        found: String,
    },
    Twice {
        key: String,
        first: u64,
        second: u64,
    },
    /// An item with a text that nobody wrote: one that was altered, or made up.
    Unknown {
        offset: u64,
        beginning: String,
    },
    /// It began after the other was acknowledged, and stands before it.
    OutOfOrder {
        earlier: u64,
        later: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl Ledger {
    /// Notes a write before its first request is sent.
    pub(super) fn begin(&mut self, write: Write) -> WriteId {
        self.clock += 1;
        self.entries.push(Entry {
            write,
            begun: self.clock,
            acknowledged: None,
        });
        WriteId(self.entries.len() - 1)
    }

    /// Notes an acknowledgement after it arrived; `position` is read after that, too.
    pub(super) fn acknowledge(&mut self, write: WriteId, id: String, offset: u64, position: u64) {
        self.clock += 1;
        self.acknowledged += 1;
        let tick = self.clock;
        self.entries[write.0].acknowledged = Some(Acknowledgement {
            id,
            offset,
            tick,
            position,
        });
    }

    pub(super) fn write(&self, write: WriteId) -> Write {
        self.entries[write.0].write.clone()
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// The highest offset that was acknowledged, 0 if there is none.
    pub(super) fn newest_acknowledged(&self) -> u64 {
        self.entries
            .iter()
            .filter_map(|entry| Some(entry.acknowledged.as_ref()?.offset))
            .max()
            .unwrap_or(0)
    }

    /// The places in the trace at which acknowledgements were in.
    pub(super) fn positions(&self) -> Vec<u64> {
        self.entries
            .iter()
            .filter_map(|entry| Some(entry.acknowledged.as_ref()?.position))
            .collect()
    }

    /// How many writes were begun and are not acknowledged.
    pub(super) fn open_writes(&self) -> usize {
        self.entries.len() - self.acknowledged
    }

    /// The ledger as it stood when the trace was `cut` bytes long. Later acknowledgements are forgotten, and their writes
    /// may or may not be found, as all that were begun.
    pub(super) fn at(&self, cut: u64) -> Self {
        let mut ledger = self.clone();
        for entry in &mut ledger.entries {
            entry
                .acknowledged
                .take_if(|acknowledged| acknowledged.position > cut);
            if let Some(acknowledged) = &mut entry.acknowledged {
                acknowledged.position = 0;
            }
        }
        ledger.acknowledged = ledger
            .entries
            .iter()
            .filter(|entry| entry.acknowledged.is_some())
            .count();
        ledger
    }

    /// Holds a project's log, from its first event, against the ledger.
    pub(super) fn check(&self, log: &[LoggedEvent]) -> Vec<Violation> {
        let mut violations = gaps(log);
        let by_text: HashMap<&str, usize> = self
            .entries
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.write.text.as_str(), index))
            .collect();
        let mut found: HashMap<usize, u64> = HashMap::new();
        for (event, item) in log
            .iter()
            .filter_map(|event| Some((event, event.item.as_ref()?)))
        {
            match by_text.get(item.text.as_str()) {
                None => violations.push(Violation::Unknown {
                    offset: event.offset,
                    beginning: item.text.chars().take(40).collect(),
                }),
                Some(index) => {
                    violations.extend(self.entries[*index].differences(event, item));
                    if let Some(first) = found.insert(*index, event.offset) {
                        let key = self.entries[*index].write.idempotency_key.clone();
                        violations.push(Violation::Twice {
                            key,
                            first,
                            second: event.offset,
                        });
                    }
                }
            }
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if let (Some(acknowledged), None) = (&entry.acknowledged, found.get(&index)) {
                let key = entry.write.idempotency_key.clone();
                violations.push(Violation::Lost {
                    key,
                    offset: acknowledged.offset,
                });
            }
        }
        violations.extend(self.disorder());
        violations
    }

    /// Real time and the log agree: what began after another's acknowledgement has the higher offset.
    fn disorder(&self) -> Vec<Violation> {
        let mut acknowledged: Vec<_> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry.begun, entry.acknowledged.as_ref()?)))
            .collect();
        acknowledged.sort_by_key(|(_, acknowledged)| acknowledged.offset);
        let mut latest = (0, 0);
        let mut violations = Vec::new();
        for (begun, acknowledged) in acknowledged {
            if acknowledged.tick < latest.0 {
                violations.push(Violation::OutOfOrder {
                    earlier: latest.1,
                    later: acknowledged.offset,
                });
            }
            latest = latest.max((begun, acknowledged.offset));
        }
        violations
    }
}

impl Entry {
    fn differences(&self, event: &LoggedEvent, item: &Item) -> Vec<Violation> {
        let key = || self.write.idempotency_key.clone();
        let mut violations = Vec::new();
        if event.stream != format!("thread/{}", self.write.thread) {
            violations.push(Violation::InAnotherThread {
                key: key(),
                found: event.stream.clone(),
            });
        }
        if let Some(acknowledged) = &self.acknowledged {
            if acknowledged.offset != event.offset {
                violations.push(Violation::Moved {
                    key: key(),
                    acknowledged: acknowledged.offset,
                    found: event.offset,
                });
            }
            if acknowledged.id != item.id {
                violations.push(Violation::Renamed {
                    key: key(),
                    acknowledged: acknowledged.id.clone(),
                    found: item.id.clone(),
                });
            }
        }
        violations
    }
}

fn gaps(log: &[LoggedEvent]) -> Vec<Violation> {
    let offsets = log.iter().map(|event| event.offset).zip(1..);
    offsets
        .filter(|(found, expected)| found != expected)
        .map(|(found, expected)| Violation::Gap { expected, found })
        .collect()
}
