//! Faults that a test asks for, by the number of the call that they hit.

use std::collections::BTreeMap;

use everlog_domain::ports::{AppendFailure, SealFailure};

/// How an append fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// The write or sync fails, and a restart does not find the batch.
    BrokenBefore,
    /// The sync fails, yet a restart finds the batch.
    BrokenAfter,
    /// Below the low-water mark: nothing is written.
    Full,
}

/// How sealing a payload fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealFault {
    /// The key store fails.
    Keys,
    /// It panics, as if the one who seals had a bug. No panic hook is called.
    Panic,
}

/// What is to happen at an append that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Injected {
    Nothing,
    BrokenAfter,
}

/// Counts calls and knows which of them fail.
#[derive(Debug, Default)]
pub(super) struct Faults {
    appends: u64,
    append_faults: BTreeMap<u64, AppendFault>,
    seals: u64,
    seal_faults: BTreeMap<u64, SealFault>,
    broken: bool,
    after_broken: u64,
}

impl Faults {
    pub(super) fn append_at(&mut self, nth: u64, fault: AppendFault) {
        self.append_faults.insert(self.appends + nth, fault);
    }

    pub(super) fn seal_at(&mut self, nth: u64, fault: SealFault) {
        self.seal_faults.insert(self.seals + nth, fault);
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) const fn appends_after_broken(&self) -> u64 {
        self.after_broken
    }

    /// Counts an append; what fails before anything is written fails here.
    pub(super) fn next_append(&mut self) -> Result<Injected, AppendFailure> {
        if self.broken {
            self.after_broken += 1;
            return Err(broken("the log is broken since an earlier append"));
        }
        self.appends += 1;
        match self.append_faults.remove(&self.appends) {
            None => Ok(Injected::Nothing),
            Some(AppendFault::Full) => Err(AppendFailure::Full),
            Some(AppendFault::BrokenBefore) => {
                self.broken = true;
                Err(broken("the write failed, as asked for"))
            }
            Some(AppendFault::BrokenAfter) => {
                self.broken = true;
                Ok(Injected::BrokenAfter)
            }
        }
    }

    /// Counts a seal.
    pub(super) fn next_seal(&mut self) -> Result<(), SealFailure> {
        self.seals += 1;
        match self.seal_faults.remove(&self.seals) {
            None => Ok(()),
            Some(SealFault::Keys) => Err(SealFailure::Keys {
                reason: "the key store failed, as asked for".to_owned(),
            }),
            // Unlike `panic!`, this prints nothing: the panic is wanted.
            Some(SealFault::Panic) => std::panic::resume_unwind(Box::new("as asked for")),
        }
    }
}

fn broken(reason: &str) -> AppendFailure {
    AppendFailure::Broken {
        reason: reason.to_owned(),
    }
}
