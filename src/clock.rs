//! The clock is read here only; rules get the time as data.

use everlog_domain::time::Time;
use jiff::Timestamp;

/// The present time.
#[must_use]
pub(crate) fn now() -> Time {
    Time(Timestamp::now().as_microsecond())
}
