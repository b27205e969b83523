//! The log of a server that has stopped, read from its first event on: found, opened and checked, by
//! one thread.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::Log;
use everlog_domain::threads::{Part, ThreadEvent};
use tokio::task::block_in_place;

use super::Engines;
use crate::follower::Account;
use crate::item;

/// The project that `everlog dev` makes: the first after the console.
const PROJECT: ProjectNumber = ProjectNumber(2);

/// Events that are read at once, as when rows are made anew.
const AT_ONCE: usize = 1_024;

/// Opens the log of a data folder.
pub(crate) fn open(data: &Path) -> Result<Arc<dyn Log>> {
    Ok(Engines::open(data)?.log)
}

/// Reads every event; an account of the items, whose offsets must follow one another.
pub(crate) fn read_all(log: &Arc<dyn Log>) -> Result<Account> {
    block_in_place(|| {
        let (mut account, mut last) = (Account::default(), Offset(0));
        loop {
            let events = log.read(PROJECT, last.next(), AT_ONCE)?;
            for recorded in &events {
                let offset = recorded.envelope.offset;
                account.breaks += u64::from(offset != last.next());
                last = offset;
                if let Some(number) = number_of(recorded) {
                    account.count(number);
                }
            }
            if events.is_empty() {
                ensure!(
                    last > Offset(0),
                    "the log has no events of project {PROJECT}"
                );
                return Ok(account);
            }
        }
    })
}

fn number_of(recorded: &Recorded) -> Option<u64> {
    let Event::Thread(ThreadEvent::ItemPosted(posted)) = &recorded.event else {
        return None;
    };
    match posted.parts.first() {
        Some(Part::Text { text }) => item::number_in(text),
        _ => None,
    }
}
