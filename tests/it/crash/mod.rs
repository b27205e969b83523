//! Crashes of the built program: power loss, kills, and damage to files of its data folder.
//!
//! - What is asked of a server, and what must be there afterwards: [`load`] writes, [`ledger`] keeps what was acknowledged
//!   outside of the server, [`agreement`] holds it against the log dumped offline and the lists of the API. [`server`] and
//!   [`client`] speak to the program.
//! - [`kill`]: kills with -9 under load.
//! - [`power_loss`]: [`recording`] runs the server under the shim of `tests/power_loss`, [`trace`] reads what the shim wrote,
//!   [`disk`] (of [`content`] and [`names`]) replays it, and [`fate`] decides what an outage leaves: an [`image`].
//!   [`outage`] puts these together, and [`reopen`] starts the server on what is left, in [`memory`].
//! - [`failing_disk`]: the same shim lets syncs and writes fail.
//! - [`backup`]: backups under load, and restores of them to random points, which [`replay`] says what to expect of.
//! - [`damage`]: what [`harm`] does to the files, with the batches of a [`segment`] as its places.

#![allow(
    clippy::cast_possible_truncation,
    reason = "sizes and places in files of some megabytes; the shim needs a 64-bit Linux anyway"
)]

mod agreement;
mod backup;
pub(super) mod client;
mod content;
mod damage;
mod disk;
mod failing_disk;
pub(super) mod fate;
mod harm;
mod image;
mod kill;
mod ledger;
mod ledger_tests;
mod load;
mod memory;
mod model_bench;
mod model_tests;
mod names;
mod outage;
mod power_loss;
mod recording;
mod reopen;
mod replay;
mod segment;
pub(super) mod server;
pub(super) mod settings;
mod shim_tests;
mod trace;
