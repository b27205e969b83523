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
