//! Limits on tries to sign in or to register.
//!
//! Tries at one account are counted by address, so that whoever guesses locks out themselves and
//! not the account's owner elsewhere. All tries from one address share a second, wider limit. A
//! third one bounds what many addresses guess at one account; addresses from which somebody has
//! signed in there pass it by, so that guessing does not lock out the owner at home.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use everlog_domain::hash::Hash;
use everlog_domain::ids::ProjectNumber;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use quick_cache::sync::Cache;

use crate::error::{ApiError, ErrorType};
use crate::party::Party;

/// Addresses and accounts that are remembered; beyond this the least used are forgotten.
const REMEMBERED: usize = 65_536;
/// Tries at one account from one address: so many at once, then one each six minutes.
const ACCOUNT: (NonZeroU32, Duration) = (NonZeroU32::new(10).unwrap(), Duration::from_secs(360));
/// Tries from one address at whatever account: so many at once, then one each ten seconds.
const ADDRESS: (NonZeroU32, Duration) = (NonZeroU32::new(100).unwrap(), Duration::from_secs(10));
/// Tries at one account from all addresses that are strange to it: so many at once, then one a
/// minute.
const STRANGERS: (NonZeroU32, Duration) = (NonZeroU32::new(100).unwrap(), Duration::from_secs(60));

type Buckets = Cache<Hash, Arc<DefaultDirectRateLimiter>>;

/// Counts tries.
pub struct Attempts {
    accounts: Buckets,
    addresses: Buckets,
    strangers: Buckets,
    /// Accounts with addresses from which somebody has signed in.
    known: Cache<Hash, ()>,
    clock: DefaultClock,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            accounts: Cache::new(REMEMBERED),
            addresses: Cache::new(REMEMBERED),
            strangers: Cache::new(REMEMBERED),
            known: Cache::new(REMEMBERED),
            clock: DefaultClock::default(),
        }
    }
}

impl Attempts {
    /// Counts a try at an account from an address, or refuses it with the time to wait.
    pub fn at_account(
        &self,
        project: ProjectNumber,
        email: &str,
        address: IpAddr,
    ) -> Result<(), ApiError> {
        self.by_address(address)?;
        let from_here = from_address(project, email, address);
        self.take(&self.accounts, from_here, ACCOUNT)?;
        if self.known.get(&from_here).is_some() {
            return Ok(());
        }
        self.take(&self.strangers, account(project, email), STRANGERS)
    }

    /// Counts a try from an address.
    pub fn by_address(&self, address: IpAddr) -> Result<(), ApiError> {
        let key = Hash::of(&[Party::of(address).as_bytes()]);
        self.take(&self.addresses, key, ADDRESS)
    }

    /// Forgets the tries at an account from an address, and knows the address from now on: the
    /// last one was right.
    pub fn succeeded(&self, project: ProjectNumber, email: &str, address: IpAddr) {
        let from_here = from_address(project, email, address);
        self.accounts.remove(&from_here);
        self.known.insert(from_here, ());
    }

    fn take(
        &self,
        buckets: &Buckets,
        key: Hash,
        (burst, each): (NonZeroU32, Duration),
    ) -> Result<(), ApiError> {
        let bucket = buckets.get_or_insert_with(&key, || {
            let quota = Quota::with_period(each).ok_or(())?.allow_burst(burst);
            Ok::<_, ()>(Arc::new(RateLimiter::direct(quota)))
        });
        // only a period of zero has no quota
        let Ok(bucket) = bucket else { return Ok(()) };
        bucket.check().map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let message = "too many tries; wait before the next";
            ApiError::new(ErrorType::RateLimitExceeded, message).retry_after(wait)
        })
    }
}

fn account(project: ProjectNumber, email: &str) -> Hash {
    Hash::of(&[&project.0.to_be_bytes(), email.as_bytes()])
}

fn from_address(project: ProjectNumber, email: &str, address: IpAddr) -> Hash {
    let party = Party::of(address);
    Hash::of(&[&project.0.to_be_bytes(), email.as_bytes(), party.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: ProjectNumber = ProjectNumber(2);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn guessing_locks_out_the_guesser_alone() {
        let attempts = Attempts::default();
        let (guesser, owner) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..10 {
            attempts.at_account(PROJECT, "a@b.c", guesser).unwrap();
        }
        let refused = attempts.at_account(PROJECT, "a@b.c", guesser).unwrap_err();
        assert_eq!(refused.kind(), ErrorType::RateLimitExceeded);
        assert_eq!(attempts.at_account(PROJECT, "a@b.c", owner), Ok(()));
        assert_eq!(attempts.at_account(PROJECT, "b@b.c", guesser), Ok(()));
        assert_eq!(
            attempts.at_account(ProjectNumber(3), "a@b.c", guesser),
            Ok(())
        );
    }

    #[test]
    fn an_address_that_tries_many_accounts_is_stopped() {
        let attempts = Attempts::default();
        let guesser = address("2001:db8::1");
        for number in 0..100 {
            let email = format!("{number}@b.c");
            attempts.at_account(PROJECT, &email, guesser).unwrap();
        }
        let neighbour = address("2001:db8::2");
        assert!(attempts.at_account(PROJECT, "x@b.c", neighbour).is_err());
        let elsewhere = address("2001:db8:0:1::1");
        assert_eq!(attempts.at_account(PROJECT, "x@b.c", elsewhere), Ok(()));
    }

    #[test]
    fn many_addresses_together_cannot_guess_on_and_the_owner_at_home_gets_in() {
        let attempts = Attempts::default();
        let home = address("192.0.2.2");
        attempts.at_account(PROJECT, "a@b.c", home).unwrap();
        attempts.succeeded(PROJECT, "a@b.c", home);
        let tries = (1..=250).map(|number| {
            let guesser = address(&format!("198.51.100.{number}"));
            attempts.at_account(PROJECT, "a@b.c", guesser)
        });
        let (granted, refused): (Vec<_>, Vec<_>) = tries.partition(Result::is_ok);
        // the owner's first try was a stranger's as well
        assert_eq!((granted.len(), refused.len()), (99, 151));
        assert_eq!(attempts.at_account(PROJECT, "a@b.c", home), Ok(()));
        let guesser = address("198.51.100.251");
        assert_eq!(attempts.at_account(PROJECT, "b@b.c", guesser), Ok(()));
        let elsewhere = ProjectNumber(3);
        assert_eq!(attempts.at_account(elsewhere, "a@b.c", guesser), Ok(()));
    }

    #[test]
    fn the_right_password_forgets_the_wrong_ones() {
        let attempts = Attempts::default();
        let owner = address("192.0.2.2");
        for _ in 0..25 {
            attempts.at_account(PROJECT, "a@b.c", owner).unwrap();
            attempts.succeeded(PROJECT, "a@b.c", owner);
        }
    }
}
