//! What tests say on the real standard error: the harness shows what a passing test prints to nobody.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that something did not run, at once, and to `make test`, which names it in its last lines.
pub(crate) fn report_skip(what: &str) {
    let line = format!("SKIPPED {what}");
    say(&line);
    if let Some(log) = std::env::var_os("SKIPPED_LOG") {
        let mut log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .expect("the log of skipped checks can be written");
        writeln!(log, "{line}").expect("the log of skipped checks can be written");
    }
}

pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("standard error can be written");
}
