//! What projects may use at most, held against what they use.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use everlog_domain::access::{Caller, Principal};
use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::Log;
use everlog_domain::projects::{Quota, Quotas};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use parking_lot::Mutex;

use crate::directory::Directory;
use crate::request::Refused;

/// Holds writes against the quotas of their projects. Most have none, and cost a look into a map.
pub(crate) struct WriteQuotas {
    directory: Arc<Directory>,
    log: Arc<dyn Log>,
    /// Of projects that have a rate, which is part of the value: another rate begins anew.
    rates: Mutex<HashMap<ProjectNumber, (NonZeroU32, DefaultDirectRateLimiter)>>,
}

impl WriteQuotas {
    pub(crate) fn new(directory: Arc<Directory>, log: Arc<dyn Log>) -> Self {
        Self {
            directory,
            log,
            rates: Mutex::default(),
        }
    }

    /// Refuses a write that its project's quotas do not leave room for. The server's own are not
    /// held against them: who sets a quota must be able to set another.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Refused> {
        if caller.principal == Principal::System {
            return Ok(());
        }
        let project = caller.project;
        let quotas = self.directory.quotas(project)?;
        self.check_storage(project, &quotas)?;
        self.check_rate(project, &quotas)
    }

    fn check_storage(&self, project: ProjectNumber, quotas: &Quotas) -> Result<(), Refused> {
        let Some(most) = quotas.storage_bytes else {
            return Ok(());
        };
        let stored = self.log.stored_bytes(project);
        let stored = stored.map_err(|failure| Refused::Failed {
            reason: failure.to_string(),
        })?;
        if stored < most {
            return Ok(());
        }
        Err(Refused::OverQuota {
            quota: Quota::Storage,
            limit: most,
            retry_after: None,
        })
    }

    fn check_rate(&self, project: ProjectNumber, quotas: &Quotas) -> Result<(), Refused> {
        let Some(most) = quotas.writes_per_second else {
            return Ok(());
        };
        let over = |retry_after| Refused::OverQuota {
            quota: Quota::Writes,
            limit: most.into(),
            retry_after,
        };
        // No writes at all is a quota, too.
        let rate = NonZeroU32::new(most).ok_or_else(|| over(None))?;
        let mut rates = self.rates.lock();
        let limiter = || RateLimiter::direct(governor::Quota::per_second(rate));
        let (of, limiter) = rates.entry(project).or_insert_with(|| (rate, limiter()));
        if *of != rate {
            *of = rate;
            *limiter = RateLimiter::direct(governor::Quota::per_second(rate));
        }
        limiter.check().map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            over(Some(wait.max(Duration::from_secs(1))))
        })
    }
}
