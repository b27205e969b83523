//! Where a run stands, on standard error: the table alone goes to standard output.

#![allow(
    clippy::print_stderr,
    reason = "the one place of a command-line tool that tells people"
)]

use std::time::Instant;

/// Tells people what is being measured.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    works: usize,
    current: usize,
    name: String,
}

impl Progress {
    /// Of a run of so many works.
    pub(crate) fn of(works: usize) -> Self {
        Self {
            begun: Instant::now(),
            works,
            current: 0,
            name: "set-up".to_owned(),
        }
    }

    /// The next work begins.
    pub(crate) fn begin(&mut self, name: &str) {
        self.current += 1;
        name.clone_into(&mut self.name);
    }

    /// One line about the work at hand.
    pub(crate) fn say(&self, sentence: &str) {
        let seconds = self.begun.elapsed().as_secs();
        let (current, works, name) = (self.current, self.works, &self.name);
        eprintln!("{seconds:>5} s  [{current}/{works}] {name}: {sentence}");
    }
}

/// Why there is no table.
pub(crate) fn say_failure(error: &anyhow::Error) {
    eprintln!("everlog-bench: {error:#}");
}
