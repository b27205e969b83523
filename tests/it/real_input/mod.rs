//! Real conversations, imported through the public API of the built program while subscribers watch and the server is killed
//! again and again.
//!
//! - The data set: [`dialogues`], read where it is present.
//! - Who writes: [`importer`], over HTTP or through [`calls`] on a live socket; what was acknowledged goes to the [`ledger`],
//!   what was on its way when the server was killed to [`lives`].
//! - Who watches: [`subscriber`], each with its [`subscription`]s on one [`socket`], which speaks in [`frames`];
//!   [`attendance`] tells how far all of them are.
//! - Who compares: data set, ledger, the dump in [`logged`] and the subscribers are all brought into one form, [`seen`],
//!   and [`agreement`] holds them against one another by [`comparison`].
//! - [`kills`] is the test; it sets a [`trial`] going, kills its server, and makes a [`report`].

mod agreement;
mod attendance;
mod backoff;
mod calls;
mod comparison;
mod comparison_tests;
mod dialogues;
mod frames;
mod importer;
mod kills;
mod ledger;
mod lives;
mod logged;
mod report;
mod seen;
mod socket;
mod subscriber;
mod subscription;
mod trial;
