//! The ledger, the log dumped offline and the lists of the API tell the same story.

use super::client::Client;
use super::ledger::Ledger;
use super::load::Load;
use super::server::{Item, LoggedEvent};

/// What the API shows of each thread of the load, in order.
pub(super) type Lists = Vec<(String, Vec<Item>)>;

pub(super) async fn lists(client: &Client) -> Result<Lists, String> {
    let mut lists = Vec::new();
    for thread in Load::threads() {
        let items = client.items(&thread).await?;
        lists.push((thread, items));
    }
    Ok(lists)
}

/// Violations that a report spells out; one lost batch can make hundreds.
const SHOWN: usize = 10;

/// Every disagreement as a sentence.
pub(super) fn disagreements(ledger: &Ledger, log: &[LoggedEvent], lists: &Lists) -> Vec<String> {
    let violations = ledger.check(log);
    let mut found: Vec<String> = violations
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    if violations.len() > SHOWN {
        found.push(format!("and {} more", violations.len() - SHOWN));
    }
    for (thread, listed) in lists {
        let stream = format!("thread/{thread}");
        let logged: Vec<&Item> = log
            .iter()
            .filter(|event| event.stream == stream)
            .filter_map(|event| event.item.as_ref())
            .collect();
        if logged != listed.iter().collect::<Vec<_>>() {
            let first = logged
                .iter()
                .zip(listed)
                .position(|(logged, listed)| *logged != listed);
            found.push(format!(
                "{thread}: the log has {} items, the API lists {}, the first that differs is {first:?}",
                logged.len(),
                listed.len()
            ));
        }
    }
    found
}
