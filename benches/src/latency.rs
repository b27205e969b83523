//! Latencies in constant memory, to three digits.

use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

/// The longest latency told apart; longer ones count as this long.
const LONGEST: Duration = Duration::from_secs(120);

/// A histogram of durations, kept in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// An empty histogram.
    pub(crate) fn new() -> Result<Self> {
        let longest = nanoseconds(LONGEST);
        Histogram::new_with_bounds(100, longest, 3)
            .map(Self)
            .context("the histogram's bounds")
    }

    /// Counts one duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        self.0.saturating_record(nanoseconds(duration));
    }

    /// Adds what another histogram counted.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        self.0.add(&other.0).context("histograms of one shape")
    }

    /// How many durations were counted.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration below which `share` (0 to 1) of them lie.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    /// The median.
    pub(crate) fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The 99th percentile.
    pub(crate) fn p99(&self) -> Duration {
        self.quantile(0.99)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The middle of some figures, or of the two middle ones; 0 of none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (
        sorted.get(middle),
        middle.checked_sub(1).and_then(|below| sorted.get(below)),
    ) {
        (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => (upper + lower) / 2.0,
        (Some(upper), _) => *upper,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let table: [(&[f64], f64); 4] = [
            (&[], 0.0),
            (&[3.0], 3.0),
            (&[9.0, 1.0], 5.0),
            (&[7.0, 1.0, 3.0], 3.0),
        ];
        for (figures, expected) in table {
            assert!(
                (median(figures) - expected).abs() < f64::EPSILON,
                "{figures:?}"
            );
        }
    }

    #[test]
    fn quantiles_keep_three_digits() -> Result<()> {
        let mut latencies = Latencies::new()?;
        for milliseconds in 1..=1_000 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        assert_eq!(latencies.count(), 1_000);
        let p50 = latencies.p50().as_secs_f64();
        let p99 = latencies.p99().as_secs_f64();
        assert!((p50 - 0.5).abs() < 0.001, "{p50}");
        assert!((p99 - 0.99).abs() < 0.002, "{p99}");
        Ok(())
    }

    #[test]
    fn a_duration_beyond_the_longest_is_counted_as_the_longest() -> Result<()> {
        let mut latencies = Latencies::new()?;
        latencies.record(Duration::from_secs(10_000));
        assert!(latencies.p50() >= LONGEST);
        Ok(())
    }
}
