//! What went wrong on the way to subscribers. One of it, and the figure beside it is worth nothing.

use std::fmt;

use anyhow::{Result, ensure};

use crate::follower::Account;

/// What is missing and what came more than once, over all accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    gaps: u64,
    duplicates: u64,
    breaks: u64,
}

impl Losses {
    /// Adds an account that should hold the items `0..expected`.
    pub(crate) fn add(&mut self, account: &Account, expected: u64) {
        self.gaps += account.gaps(expected);
        self.duplicates += account.duplicates;
        self.breaks += account.breaks;
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        self.gaps += other.gaps;
        self.duplicates += other.duplicates;
        self.breaks += other.breaks;
    }

    /// Fails if there is any: the work fails with it, and so does the run.
    pub(crate) fn must_be_none(&self) -> Result<()> {
        ensure!(*self == Self::default(), "{self}: expected none of them");
        Ok(())
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            gaps,
            duplicates,
            breaks,
        } = self;
        write!(f, "{gaps} gaps, {duplicates} duplicates, {breaks} breaks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Frame;

    #[test]
    fn anything_lost_is_a_failure() -> Result<()> {
        let frame = |number: u64| {
            let body = crate::item::body(number);
            format!(r#"{{"type":"event","id":"s1","prev":null,"cursor":"a","event":{body}}}"#)
        };
        let mut account = Account::default();
        account.enter(&Frame::parse(&frame(0))?);
        let losses = |account: &Account, expected| {
            let mut losses = Losses::default();
            losses.add(account, expected);
            losses.must_be_none().map_err(|error| error.to_string())
        };
        assert_eq!(losses(&account, 1), Ok(()));
        let gap = "1 gaps, 0 duplicates, 0 breaks: expected none of them";
        assert_eq!(losses(&account, 2), Err(gap.to_owned()));
        account.enter(&Frame::parse(&frame(0))?);
        let again = "0 gaps, 1 duplicates, 1 breaks: expected none of them";
        assert_eq!(losses(&account, 1), Err(again.to_owned()));
        Ok(())
    }
}
