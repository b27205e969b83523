//! What a run found: rows of figures, the table for people and the JSON for machines.

#![allow(clippy::print_stdout, reason = "the table is this program's output")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// A measured amount, in the unit that its name says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Figure {
    /// Acknowledged writes or delivered frames a second.
    PerSecond(f64),
    /// Seconds.
    Seconds(f64),
    /// Bytes.
    Bytes(u64),
    /// Bytes a second.
    BytesPerSecond(f64),
    /// Things counted.
    Count(u64),
}

impl Figure {
    /// The time that something took.
    pub(crate) fn time(duration: Duration) -> Self {
        Self::Seconds(duration.as_secs_f64())
    }

    /// The bare number, for ratios.
    #[allow(
        clippy::cast_precision_loss,
        reason = "bytes and counts of one run are below 2^52"
    )]
    pub(crate) fn number(self) -> f64 {
        match self {
            Self::PerSecond(number) | Self::Seconds(number) | Self::BytesPerSecond(number) => {
                number
            }
            Self::Bytes(number) | Self::Count(number) => number as f64,
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::PerSecond(rate) if rate >= 10_000.0 => write!(f, "{:.1} k/s", rate / 1_000.0),
            Self::PerSecond(rate) => write!(f, "{rate:.0} /s"),
            Self::Seconds(seconds) if seconds >= 1.0 => write!(f, "{seconds:.2} s"),
            Self::Seconds(seconds) if seconds >= 0.001 => write!(f, "{:.2} ms", seconds * 1e3),
            Self::Seconds(seconds) => write!(f, "{:.0} µs", seconds * 1e6),
            Self::BytesPerSecond(rate) => write!(f, "{:.1} MB/s", rate / 1e6),
            Self::Bytes(_) => write!(f, "{:.1} MB", self.number() / 1e6),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// Where a mark comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Origin {
    /// The first marks of the core: what must be met now.
    First,
    /// The design's goals: where this is going.
    Goal,
}

/// What a figure is held against.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mark {
    origin: Origin,
    text: String,
    met: bool,
}

impl Mark {
    /// A mark in words, and whether it was met.
    pub(crate) fn new(origin: Origin, text: impl Into<String>, met: bool) -> Self {
        Self {
            origin,
            text: text.into(),
            met,
        }
    }

    /// Ours must be at least so many times the baseline.
    pub(crate) fn ratio_at_least(origin: Origin, least: f64, ratio: f64) -> Self {
        Self::new(origin, format!("≥ {least} ×"), ratio >= least)
    }

    /// Ours must be at most so many times the baseline.
    pub(crate) fn ratio_at_most(origin: Origin, most: f64, ratio: f64) -> Self {
        Self::new(origin, format!("≤ {most} ×"), ratio <= most)
    }
}

/// A figure and what it is called.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Baseline {
    pub(crate) name: String,
    pub(crate) figure: Figure,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// What was done.
    pub(crate) work: String,
    /// What Everlog reached: the median of the rounds.
    pub(crate) ours: Option<Figure>,
    /// What stood beside it.
    pub(crate) baseline: Option<Baseline>,
    /// Ours divided by the baseline: the median of the rounds' own ratios.
    pub(crate) ratio: Option<f64>,
    pub(crate) mark: Option<Mark>,
    /// What else a reader should know: percentiles, sizes, why a work was skipped.
    pub(crate) remark: String,
    /// The ratio of each round.
    pub(crate) rounds: Vec<f64>,
}

impl Row {
    /// A figure without a baseline yet.
    pub(crate) fn of(work: impl Into<String>, ours: Figure) -> Self {
        Self {
            work: work.into(),
            ours: Some(ours),
            baseline: None,
            ratio: None,
            mark: None,
            remark: String::new(),
            rounds: Vec::new(),
        }
    }

    /// A work that could not be measured, and why.
    pub(crate) fn without_figure(work: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            ours: None,
            remark: why.into(),
            ..Self::of(work, Figure::Count(0))
        }
    }

    /// Sets one figure beside another.
    pub(crate) fn beside(mut self, name: impl Into<String>, figure: Figure) -> Self {
        let ours = self.ours.map_or(0.0, Figure::number);
        self.ratio = (figure.number() > 0.0).then(|| ours / figure.number());
        self.baseline = Some(Baseline {
            name: name.into(),
            figure,
        });
        self
    }

    /// Adds the mark that it is held against.
    pub(crate) fn held_against(mut self, mark: Mark) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Adds what else a reader should know.
    pub(crate) fn remarking(mut self, remark: impl Into<String>) -> Self {
        self.remark = remark.into();
        self
    }

    fn cells(&self) -> [String; 7] {
        let absent = || "–".to_owned();
        let (mark, met) = match &self.mark {
            None => (absent(), absent()),
            Some(Mark { origin, text, met }) => {
                let met = if *met { "yes" } else { "NO" };
                match origin {
                    Origin::First => (text.clone(), met.to_owned()),
                    Origin::Goal => (format!("goal {text}"), met.to_owned()),
                }
            }
        };
        [
            self.work.clone(),
            self.ours.map_or_else(absent, |figure| figure.to_string()),
            self.baseline
                .as_ref()
                .map_or_else(absent, |b| format!("{}: {}", b.name, b.figure)),
            self.ratio
                .map_or_else(absent, |ratio| format!("{ratio:.2}")),
            mark,
            met,
            self.remark.clone(),
        ]
    }
}

/// What the run stood on, for whoever compares two of them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Surroundings {
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) size: String,
    pub(crate) folder: String,
    /// F at the start and after each work, in seconds.
    pub(crate) sync_seconds: Vec<f64>,
}

/// A whole run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) surroundings: Surroundings,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// Prints the table.
    pub(crate) fn print(&self) {
        let Surroundings {
            cores,
            kernel,
            size,
            folder,
            sync_seconds,
        } = &self.surroundings;
        let sync = sync_seconds
            .iter()
            .map(|seconds| Figure::Seconds(*seconds).to_string());
        println!("{}", self.table());
        println!("{size}, {cores} cores, Linux {kernel}, files under {folder}");
        println!(
            "F at the start and after each work: {}",
            sync.collect::<Vec<_>>().join(", ")
        );
    }

    /// Writes everything as JSON.
    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text).with_context(|| format!("{}: the report", path.display()))
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["work", "ours", "baseline", "ratio", "mark", "met", "remark"]);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        for right in [1, 3] {
            if let Some(column) = table.column_mut(right) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_in_their_unit() {
        let table = [
            (Figure::PerSecond(321.4), "321 /s"),
            (Figure::PerSecond(123_456.0), "123.5 k/s"),
            (Figure::time(Duration::from_micros(120)), "120 µs"),
            (Figure::time(Duration::from_micros(4_120)), "4.12 ms"),
            (Figure::time(Duration::from_millis(2_500)), "2.50 s"),
            (Figure::Bytes(12_345_678), "12.3 MB"),
            (Figure::BytesPerSecond(1_234_567_890.0), "1234.6 MB/s"),
            (Figure::Count(0), "0"),
        ];
        for (figure, expected) in table {
            assert_eq!(figure.to_string(), expected);
        }
    }

    #[test]
    fn a_row_says_whether_its_mark_is_met() {
        let row = Row::of("items", Figure::PerSecond(30.0)).beside("p", Figure::PerSecond(10.0));
        assert_eq!(row.ratio, Some(3.0));
        let met = row
            .clone()
            .held_against(Mark::ratio_at_least(Origin::First, 2.0, 3.0));
        let missed = row.held_against(Mark::ratio_at_most(Origin::Goal, 2.0, 3.0));
        assert_eq!(met.cells()[4..6], ["≥ 2 ×", "yes"]);
        assert_eq!(missed.cells()[4..6], ["goal ≤ 2 ×", "NO"]);
    }

    #[test]
    fn a_skipped_work_has_a_line_without_figures() {
        let row = Row::without_figure("items", "the server is not built");
        assert_eq!(
            row.cells(),
            ["items", "–", "–", "–", "–", "–", "the server is not built"]
        );
    }
}
