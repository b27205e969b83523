//! `everlog project retention`

use std::io::Write;

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::ids::ProjectId;
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::projects::rows::{retention_key, retention_of};
use everlog_domain::projects::{Retention as Rule, SetRetention};
use everlog_domain::tables::system::retention;

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;

/// Show or set how long a project keeps the items of its threads. What is not named stays as it is.
#[derive(Debug, Args)]
pub(in crate::cli) struct Retention {
    #[command(flatten)]
    data: DataOptions,
    /// The project's id
    id: String,
    /// Age at which an item goes, as in 90s, 15m, 12h, 30d; a minute at least
    #[arg(long, value_name = "AGE", value_parser = seconds)]
    max_age: Option<u64>,
    /// Items that stay in a thread, the newest
    #[arg(long, value_name = "N")]
    max_items_per_thread: Option<u32>,
    /// Take the rule away first
    #[arg(long)]
    keep_for_ever: bool,
}

impl Retention {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let project = ProjectId::parse(&self.id).map_err(Failure::failed)?;
        let rule = with_node(&self.data, async |node| {
            let number = project_number(node, &self.id)?;
            let read = move |view: &dyn RowsView, _: &dyn Log| {
                view.get(number, retention::TABLE, &retention_key())
            };
            let row = node.reads().run(number, read).await?;
            let row = row.map_err(Failure::failed)?;
            let now = row.and_then(|row| retention_of(&row));
            let rule = self.over(now.map_or_else(Rule::default, |now| now.rule))?;
            let set = SetRetention {
                project,
                retention: rule,
            };
            ask(node, number, ProjectCommand::SetRetention(set)).await?;
            Ok(rule)
        })?;
        let line = serde_json::to_string(&rule).map_err(Failure::failed)?;
        Ok(writeln!(std::io::stdout(), "{line}")?)
    }

    fn over(&self, now: Rule) -> Result<Rule, Failure> {
        let now = match self.keep_for_ever {
            true => Rule::default(),
            false => now,
        };
        let max_age = self.max_age.or(now.max_age());
        let max_items = self.max_items_per_thread.or(now.max_items_per_thread());
        Rule::new(max_age, max_items).map_err(Failure::failed)
    }
}

/// Seconds from a number with its unit.
fn seconds(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a number with s, m, h or d, as in 30d, found {text:?}");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    let number = text.strip_suffix(unit).and_then(|text| text.parse().ok());
    let number: u64 = number.ok_or_else(expected)?;
    number.checked_mul(seconds).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_number_and_a_unit() {
        for text in [
            "",
            "d",
            "30",
            "-1d",
            "1.5h",
            "30 d",
            "1w",
            "18446744073709551615d",
        ] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
        for (text, expected) in [
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("30d", 2_592_000),
        ] {
            assert_eq!(seconds(text), Ok(expected));
        }
    }
}
