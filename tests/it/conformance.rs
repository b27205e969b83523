//! The log in memory keeps the promises of its port, or the simulation would prove nothing.

use everlog_kit::MemoryLog;
use everlog_storage::conformance::log::keeps_every_promise;

#[test]
fn the_log_in_memory_keeps_every_promise() {
    keeps_every_promise(|promise| promise(&MemoryLog::new()));
}
