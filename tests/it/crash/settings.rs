//! How much and from which seed, by the environment.

use std::time::{SystemTime, UNIX_EPOCH};

/// A number from the environment.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => default,
    }
}

/// A seed from the environment, or a new one; printed, so that a failure tells how to repeat it.
pub(crate) fn seed(name: &str) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::from(since.subsec_micros()));
    let seed = number(name, now);
    println!("{name}={seed}");
    seed
}
