//! A bar for people who wait; nothing where nobody looks.

use everlog_storage::Step;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far an offline work has come, on a terminal only.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
            bar.set_style(style);
        }
        Self { bar }
    }

    pub(super) fn show(&self, step: Step) {
        let (what, done, total) = match step {
            Step::Files { done, total } => ("files  ", done, total),
            Step::Batches { done, total } => ("batches", done, total),
        };
        self.bar.set_message(what);
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many bytes have gone or come, on a terminal only.
#[derive(Clone)]
pub(super) struct Counter {
    bar: ProgressBar,
}

impl Counter {
    /// Of so many.
    pub(super) fn of(total: u64) -> Self {
        Self::styled(
            ProgressBar::new(total),
            "{msg} {wide_bar} {bytes}/{total_bytes}",
        )
    }

    /// Of nobody knows how many.
    pub(super) fn of_unknown() -> Self {
        Self::styled(ProgressBar::new_spinner(), "{spinner} {msg} {bytes}")
    }

    fn styled(bar: ProgressBar, template: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    pub(super) fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
