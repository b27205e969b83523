//! Passwords: Argon2id on a bounded pool, so that sign-ins cannot take the processors away from
//! everything else, nor those of one project the pool from the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;
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
    admitted: Arc<Admitted>,
    /// What a password is verified against where there is no user, so that it takes as long.
    dummy: Arc<str>,
}

impl PasswordPool {
    /// A pool of as many places as there are processors.
    pub fn new() -> Result<Self, ApiError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            running: Arc::new(Semaphore::new(cores)),
            admitted: Arc::new(Admitted {
                most: cores + WAITING,
                taken: Mutex::default(),
            }),
            dummy: hash(&hex::encode(crate::random::bytes::<16>()))?.into(),
        })
    }

    /// The hash of a new password, in the PHC string format.
    pub async fn hash(
        &self,
        project: ProjectNumber,
        password: Password,
    ) -> Result<String, ApiError> {
        self.run(project, move || hash(&password.0)).await?
    }

    /// Whether the password is the one of the hash. Without a hash the answer is no, after the
    /// same work.
    pub async fn verify(
        &self,
        project: ProjectNumber,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, ApiError> {
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| self.dummy.to_string());
        let right = self.run(project, move || verify(&password.0, &hash));
        let right = right.await??;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        project: ProjectNumber,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let _admitted = self.admitted.one_more(project).ok_or_else(|| {
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

/// Who runs or waits.
struct Admitted {
    most: usize,
    taken: Mutex<HashMap<ProjectNumber, usize>>,
}

/// A place among those who run or wait, until it is dropped.
struct AdmittedOne {
    admitted: Arc<Admitted>,
    project: ProjectNumber,
}

impl Admitted {
    /// Nobody gets one where all are taken, nor a project that has half of them.
    fn one_more(self: &Arc<Self>, project: ProjectNumber) -> Option<AdmittedOne> {
        let mut taken = self.taken.lock();
        // few: projects that have a place
        let all: usize = taken.values().sum();
        let own = taken.get(&project).copied().unwrap_or(0);
        if all >= self.most || own >= self.most / 2 {
            return None;
        }
        taken.insert(project, own + 1);
        Some(AdmittedOne {
            admitted: Arc::clone(self),
            project,
        })
    }
}

impl Drop for AdmittedOne {
    fn drop(&mut self) {
        let mut taken = self.admitted.taken.lock();
        if let Some(own) = taken.get_mut(&self.project) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.project);
            }
        }
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

    const PROJECT: ProjectNumber = ProjectNumber(2);

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
        let hash = pool.hash(PROJECT, password(right)).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (text, stored, expected) in [
            (right, None, false),
            (wrong, Some(hash.clone()), false),
            (right, Some(hash), true),
        ] {
            let found = pool.verify(PROJECT, password(text), stored.clone()).await;
            assert_eq!(found, Ok(expected), "{text} {stored:?}");
        }
    }

    #[tokio::test]
    async fn a_full_pool_turns_away_and_no_project_fills_it_alone() {
        let pool = PasswordPool::new().unwrap();
        let verify = async |project| {
            let verified = pool.verify(project, Password::parse("12345678").unwrap(), None);
            verified.await.map_err(|error| error.kind())
        };
        let (other, full) = (ProjectNumber(3), Err(ErrorType::RateLimitExceeded));
        let half: Vec<_> = std::iter::from_fn(|| pool.admitted.one_more(PROJECT)).collect();
        assert_eq!(half.len(), pool.admitted.most / 2);
        assert_eq!(verify(PROJECT).await, full);
        assert_eq!(verify(other).await, Ok(false));
        // a place for each of many projects
        let rest: Vec<_> = (4..)
            .map_while(|number| pool.admitted.one_more(ProjectNumber(number)))
            .collect();
        assert_eq!(verify(other).await, full);
        drop((half, rest));
        assert_eq!(verify(PROJECT).await, Ok(false));
        assert!(pool.admitted.taken.lock().is_empty());
    }
}
