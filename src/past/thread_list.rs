//! The list of threads at a moment.

use std::collections::{BTreeMap, BTreeSet};

use everlog_domain::access::Privilege;
use everlog_domain::envelope::{EventKind, StreamKind};
use everlog_domain::ids::{Offset, Position};
use everlog_domain::ports::{Page, Visibility};
use everlog_domain::query::{Comparison, Filter, Query};
use everlog_domain::tables::system::{self, threads};
use everlog_domain::tables::{Row, RowKey, TableSchema};
use everlog_domain::value::Value;

use super::HISTORY_SCOPE;
use super::events::{Life, Past};
use super::lives::may_read;
use super::merge::Merged;
use super::thread_row::SinceThen;
use crate::error::ApiError;

/// Envelopes that are read at once.
const AT_ONCE: usize = 2_048;

/// What happened to threads after a moment.
#[derive(Default)]
struct Since {
    /// The lives that had begun by then and were changed since, with how.
    changed: BTreeMap<Offset, (Life, SinceThen)>,
    /// Whether others began since.
    begun: bool,
}

/// Rows of the threads that were changed since a moment.
#[derive(Default)]
struct Folded {
    keys: BTreeSet<RowKey>,
    seen_today: Vec<Row>,
    then: Vec<Row>,
}

impl Past<'_> {
    /// The threads that there were and that the caller may read today and might then.
    pub(crate) fn threads(&self, query: &Query) -> Result<Page, ApiError> {
        let schema = schema()?;
        let since = self.threads_since()?;
        let folded = self.fold(since.changed.into_values())?;
        let visibility = match self.caller.privilege {
            Privilege::Key => Visibility::All,
            Privilege::Ordinary => Visibility::Roles(&self.caller.roles),
        };
        let there = Filter::Compare {
            column: threads::SEQUENCE,
            comparison: Comparison::LessOrEqual,
            values: vec![Value::counter(self.at.0)],
        };
        let merged = Merged {
            view: self.view,
            project: self.project(),
            schema,
            query,
            visibility,
            today: Some(if since.begun { vec![there] } else { Vec::new() }),
            changed: folded.keys,
            changed_seen: folded.seen_today,
            then: folded.then,
        };
        Ok(merged.page()?)
    }

    /// Looks at every envelope after this moment: payloads stay closed.
    fn threads_since(&self) -> Result<Since, ApiError> {
        let head = self.view.project_head(self.project())?;
        let head = head.map_or(Offset(0), |head| head.offset);
        self.bounds.check_since(head.0.saturating_sub(self.at.0))?;
        let mut since = Since::default();
        let mut reached = self.at;
        while reached < head {
            let envelopes = self
                .log
                .envelopes(self.project(), reached.next(), AT_ONCE)?;
            let Some(last) = envelopes.last() else {
                let next = reached.next();
                let project = self.project();
                return Err(ApiError::internal(format!(
                    "project {project}: no event at offset {next}"
                )));
            };
            reached = last.offset;
            // what is durable but not projected yet is not visible
            let visible = envelopes
                .iter()
                .filter(|envelope| envelope.offset <= head)
                .filter(|envelope| envelope.stream.kind == StreamKind::Thread)
                // deltas change no row of a thread
                .filter(|envelope| envelope.kind != EventKind::ItemDelta);
            for envelope in visible {
                if envelope.incarnation > self.at {
                    since.begun = true;
                    continue;
                }
                let (_, of_life) = since
                    .changed
                    .entry(envelope.incarnation)
                    .or_insert_with(|| {
                        let life = Life {
                            stream: envelope.stream.clone(),
                            incarnation: envelope.incarnation,
                        };
                        let last = Position(envelope.position.0.saturating_sub(1));
                        (life, SinceThen::begin(last))
                    });
                of_life.take(envelope.kind, envelope.offset);
                self.bounds.check_folded(since.changed.len())?;
            }
        }
        Ok(since)
    }

    fn fold(&self, lives: impl IntoIterator<Item = (Life, SinceThen)>) -> Result<Folded, ApiError> {
        let mut folded = Folded::default();
        let mut bytes = 0;
        for (life, since) in lives {
            let today = self.row_today(&life)?;
            let allowed = match &today {
                Some(row) => {
                    folded
                        .keys
                        .insert(RowKey(vec![Value::Text(life.stream.id.clone())]));
                    may_read(self.caller, row)
                }
                None => self.caller.scopes.contains(HISTORY_SCOPE),
            };
            if !allowed {
                continue;
            }
            folded.seen_today.extend(today.clone());
            let then = self.thread_row_before(&life, &since, today)?;
            let Some(row) = then.filter(|row| may_read(self.caller, row)) else {
                continue;
            };
            bytes += row.iter().map(Value::memory_bytes).sum::<usize>();
            self.bounds.check_bytes(bytes)?;
            folded.then.push(row);
        }
        Ok(folded)
    }
}

fn schema() -> Result<&'static TableSchema, ApiError> {
    system::table(threads::TABLE).ok_or_else(|| ApiError::internal("no table of threads"))
}
