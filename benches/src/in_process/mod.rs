//! Work inside this process, on the crates themselves: no wire, no second process.

mod engines;
pub(crate) mod log_committer;
pub(crate) mod log_reader;
pub(crate) mod thread_items;

use std::future::Future;
use std::thread;

use anyhow::{Context, Result, anyhow};
use tokio::runtime;
use tokio::task::block_in_place;

pub(crate) use engines::Engines;

/// Runs `work` on a runtime of its own with a thread for each core, as the server has it, and
/// waits for it. The load's own runtime has half of the cores.
pub(crate) fn on_all_cores<T: Send, F: Future<Output = Result<T>> + Send>(work: F) -> Result<T> {
    let run = || {
        let runtime = runtime::Builder::new_multi_thread().enable_all().build();
        runtime
            .context("the runtime of the work in process")?
            .block_on(work)
    };
    let joined = block_in_place(|| thread::scope(|scope| scope.spawn(run).join()));
    joined.map_err(|_| anyhow!("the work in process panicked"))?
}
