//! Passwords: Argon2id on a bounded pool, so that sign-ins cannot take the processors away from
//! everything else.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{ApiError, ErrorType};

/// Fewest and most characters of a password.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;
/// Hashes that wait for a place before the next is turned away: some seconds of work for a core.
const WAITING: usize = 64;

// OWASP's Password Storage Cheat Sheet, Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password of acceptable length. Never printed.
pub struct Password(String);

impl Password {
    /// Accepts 8 to 256 characters of anything.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let found = text.chars().count();
        if LENGTH.contains(&found) {
            return Ok(Self(text.to_owned()));
        }
        let reason = format!("expected 8 to 256 characters, found {found}");
        Err(ApiError::argument("password", reason))
    }
}

/// Hashes and verifies, a few at a time.
pub struct PasswordPool {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// What a password is verified against where there is no user, so that it takes as long.
    dummy: Arc<str>,
}

impl PasswordPool {
    /// A pool of as many places as there are processors.
    pub fn new() -> Result<Self, ApiError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            running: Arc::new(Semaphore::new(cores)),
            admitted: Arc::new(Semaphore::new(cores + WAITING)),
            dummy: hash(&hex::encode(crate::random::bytes::<16>()))?.into(),
        })
    }

    /// The hash of a new password, in the PHC string format.
    pub async fn hash(&self, password: Password) -> Result<String, ApiError> {
        self.run(move || hash(&password.0)).await?
    }

    /// Whether the password is the one of the hash. Without a hash the answer is no, after the
    /// same work.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, ApiError> {
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| self.dummy.to_string());
        let right = self.run(move || verify(&password.0, &hash)).await??;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let _admitted = self.admitted.try_acquire().map_err(|_| {
            let message = "too many sign-ins are under way";
            ApiError::new(ErrorType::RateLimitExceeded, message).retry_after(Duration::from_secs(2))
        })?;
        // The permit goes along: work that nobody waits for any more still takes its place.
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let permit = permit.map_err(ApiError::internal)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        let joined = tokio::task::spawn_blocking(work).await;
        joined.map_err(ApiError::internal)
    }
}

fn argon2() -> Result<Argon2<'static>, ApiError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(ApiError::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, ApiError> {
    let salt: [u8; 16] = crate::random::bytes();
    let hash: PasswordHash = argon2()?
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(ApiError::internal)?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: &str) -> Result<bool, ApiError> {
    let hash = PasswordHash::new(hash).map_err(ApiError::internal)?;
    // the parameters come from the hash, so that they can be raised later
    Ok(argon2()?
        .verify_password(password.as_bytes(), &hash)
        .is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_8_to_256_characters() {
        for text in ["", "1234567", &"x".repeat(257)] {
            assert!(Password::parse(text).is_err(), "{text:?}");
        }
        for text in ["12345678", "äöüäöüäö", &"x".repeat(256)] {
            assert!(Password::parse(text).is_ok(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn verifying_says_no_without_a_hash_and_yes_to_the_right_password_only() {
        let pool = PasswordPool::new().unwrap();
        let password = |text: &str| Password::parse(text).unwrap();
        let (wrong, right) = ("wrong horse", "correct horse");
        let hash = pool.hash(password(right)).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (text, stored, expected) in [
            (right, None, false),
            (wrong, Some(hash.clone()), false),
            (right, Some(hash), true),
        ] {
            let found = pool.verify(password(text), stored.clone()).await;
            assert_eq!(found, Ok(expected), "{text} {stored:?}");
        }
    }

    #[tokio::test]
    async fn a_full_pool_turns_away() {
        let pool = PasswordPool::new().unwrap();
        let all = pool.admitted.available_permits();
        let _taken = pool.admitted.try_acquire_many(u32::try_from(all).unwrap());
        let password = Password::parse("12345678").unwrap();
        let refused = pool.verify(password, None).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorType::RateLimitExceeded);
    }
}
