//! Ours and its baseline, taken in turns: each round's ratio is of two figures of the same minute.

use crate::latency::median;
use crate::report::{Figure, Mark, Row};

/// The figures of all rounds of a work; a round without a baseline has only ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    ours: Vec<f64>,
    baselines: Vec<f64>,
    ratios: Vec<f64>,
}

impl Turns {
    /// Enters a round.
    pub(crate) fn push(&mut self, ours: f64, baseline: Option<f64>) {
        self.ours.push(ours);
        if let Some(baseline) = baseline {
            self.baselines.push(baseline);
            self.ratios.push(ours / baseline);
        }
    }

    /// The median of our figures.
    pub(crate) fn ours(&self) -> f64 {
        median(&self.ours)
    }

    /// The median of the rounds' ratios; 0 without a baseline.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios)
    }

    /// The row of the table: medians, held against `mark` where there is a baseline.
    pub(crate) fn row(
        &self,
        work: &str,
        unit: fn(f64) -> Figure,
        baseline: &str,
        mark: Option<fn(f64) -> Mark>,
    ) -> Row {
        let row = Row::of(work, unit(self.ours()));
        if self.ratios.is_empty() {
            return row.remarking(format!("no baseline: {baseline}"));
        }
        let mut row = row.beside(baseline, unit(median(&self.baselines)));
        row.ratio = Some(self.ratio());
        row.rounds.clone_from(&self.ratios);
        match mark {
            Some(mark) => row.held_against(mark(self.ratio())),
            None => row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Origin;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds() {
        let mut turns = Turns::default();
        // The disk was slow in the second round, for both.
        for (ours, baseline) in [(100.0, 10.0), (4.0, 0.5), (90.0, 10.0)] {
            turns.push(ours, Some(baseline));
        }
        let mark: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::First, 9.0, ratio);
        let row = turns.row("append", Figure::PerSecond, "p", Some(mark));
        assert_eq!(row.ratio, Some(9.0));
        assert_eq!(row.ours, Some(Figure::PerSecond(90.0)));
        assert_eq!(
            row.mark,
            Some(Mark::ratio_at_least(Origin::First, 9.0, 9.0))
        );
        assert_eq!(row.rounds, vec![10.0, 8.0, 9.0]);
    }

    #[test]
    fn without_a_baseline_nothing_is_met() {
        let mut turns = Turns::default();
        turns.push(100.0, None);
        let mark: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::First, 2.0, ratio);
        let row = turns.row("append", Figure::PerSecond, "not installed", Some(mark));
        assert_eq!((row.ratio, row.mark), (None, None));
    }
}
