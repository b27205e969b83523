//! Lets items go whose time is over: a sweep over the projects that have a rule.
//!
//! It goes through the threads' actors like everybody else, one append at a time, so it neither
//! overtakes nor crowds out a writer. Where it is, it keeps in memory alone: after a crash it begins
//! anew, and what has expired by then is not met again.

mod budget;
mod due;
mod newest;
#[cfg(test)]
mod tests;

use compact_str::CompactString;
use everlog_domain::ids::{CONSOLE, ProjectNumber, ThreadId};
use everlog_domain::ports::{Log, RowsFailure, RowsView};
use everlog_domain::projects::rows::{
    RetentionNow, ended_thread_of, number_of, retention_key, retention_of,
};
use everlog_domain::projects::{ExpireThreads, MAX_THREADS_EXPIRED_AT_ONCE};
use everlog_domain::tables::system::{ended_threads, projects, retention, threads};
use everlog_domain::threads::{ExpireItems, ThreadCommand};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use self::budget::Budget;
use self::due::{Due, Look};
use self::newest::Counting;
use crate::node::Node;
use crate::request::{IdOrigin, ProjectCommand, ProjectRequest, Refused, ThreadRequest};

/// Projects, or threads, that are read at once.
const AT_ONCE: usize = 64;

/// How far a sweep has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// There is more to look at.
    More,
    /// Everything was looked at: the next slice begins anew.
    Round,
}

/// Goes round the projects that have a rule, slice by slice. Each slice is bounded in what it reads,
/// and appends one event at most.
#[derive(Debug)]
pub struct Sweeper {
    node: Node,
    seeking: Seeking,
    place: Option<Place>,
}

/// Which projects have a rule is told as it is set; of those from before the start it is found out
/// once, beside everything else.
#[derive(Debug)]
enum Seeking {
    After(Option<Vec<Value>>),
    Done,
}

/// Where the sweep is.
#[derive(Debug, Clone)]
struct Place {
    project: ProjectNumber,
    /// Whether threads that are over were looked at.
    past_ended: bool,
    /// The last thread that is done.
    after: Option<CompactString>,
    /// How far the items of the next one were counted.
    counting: Option<Counting>,
}

/// What a slice has found.
enum Found {
    /// Items of a thread are over their time.
    Due(ThreadId, ExpireItems),
    /// Threads that are over, and whose time is too.
    Ended(ExpireThreads),
    /// Nothing so far: go on here.
    Further(Place),
    /// Nothing in what is left of the project.
    Nothing,
}

impl Sweeper {
    /// A sweep that has not begun.
    #[must_use]
    pub const fn new(node: Node) -> Self {
        Self {
            node,
            seeking: Seeking::After(None),
            place: None,
        }
    }

    /// Goes on, as of a moment. A refusal leaves it where it is.
    pub async fn slice(&mut self, now: Time) -> Result<Swept, Refused> {
        if let Seeking::After(after) = &self.seeking {
            self.seeking = self.seek(after.clone()).await?;
            return Ok(Swept::More);
        }
        let Some(place) = self.place.take().or_else(|| self.project_after(None)) else {
            return Ok(Swept::Round);
        };
        self.place = Some(place.clone());
        let project = place.project;
        let look_on = place.clone();
        let read = move |view: &dyn RowsView, _: &dyn Log| look(view, look_on, now);
        self.place = match self.node.reads().run(project, read).await?? {
            Found::Due(thread, command) => {
                let went = self.expire(project, thread.clone(), command, now).await?;
                Some(match went {
                    // there may be more of them
                    true => Place {
                        counting: None,
                        ..place
                    },
                    // they are being written, or gone already
                    false => Place::after(project, thread.as_str()),
                })
            }
            Found::Ended(command) => {
                self.expire_threads(project, command, now).await?;
                // there may be more of them; what went is not met again
                Some(place)
            }
            Found::Further(place) => Some(place),
            Found::Nothing => self.project_after(Some(project)),
        };
        match self.place {
            Some(_) => Ok(Swept::More),
            None => Ok(Swept::Round),
        }
    }

    /// Asks for it; whether anything went.
    async fn expire(
        &self,
        project: ProjectNumber,
        thread: ThreadId,
        command: ExpireItems,
        now: Time,
    ) -> Result<bool, Refused> {
        let request = ThreadRequest {
            caller: self.node.system(project),
            thread,
            command: ThreadCommand::Expire(command),
            item_id: IdOrigin::Random,
            wish: None,
            now,
        };
        let granted = self.node.thread(request).await?;
        Ok(!granted.events.is_empty())
    }

    async fn expire_threads(
        &self,
        project: ProjectNumber,
        command: ExpireThreads,
        now: Time,
    ) -> Result<(), Refused> {
        let request = ProjectRequest {
            caller: self.node.system(project),
            command: ProjectCommand::ExpireThreads(command),
            wish: None,
            now,
        };
        self.node.project(request).await.map(drop)
    }

    fn project_after(&self, project: Option<ProjectNumber>) -> Option<Place> {
        let next = self.node.directory().next_retaining(project)?;
        Some(Place {
            project: next,
            past_ended: false,
            after: None,
            counting: None,
        })
    }

    /// Looks for rules from before the start, in some projects after another one.
    async fn seek(&self, after: Option<Vec<Value>>) -> Result<Seeking, Refused> {
        let read = move |view: &dyn RowsView, _: &dyn Log| {
            let rows = view.scan(CONSOLE, projects::TABLE, &[], after.as_deref(), AT_ONCE)?;
            let numbers = rows.iter().filter_map(|row| number_of(row));
            let mut ruled = Vec::new();
            for project in numbers.chain([CONSOLE]) {
                if view
                    .get(project, retention::TABLE, &retention_key())?
                    .is_some()
                {
                    ruled.push(project);
                }
            }
            let last = rows.last().filter(|_| rows.len() == AT_ONCE);
            let last = last.and_then(|row| row.get(projects::ID)).cloned();
            Ok::<_, RowsFailure>((ruled, last))
        };
        let (ruled, last) = self.node.reads().run(CONSOLE, read).await??;
        for project in ruled {
            self.node.directory().has_retention(project);
        }
        Ok(match last {
            Some(last) => Seeking::After(Some(vec![last])),
            None => Seeking::Done,
        })
    }
}

impl Place {
    fn after(project: ProjectNumber, thread: &str) -> Self {
        Self {
            project,
            past_ended: true,
            after: Some(CompactString::new(thread)),
            counting: None,
        }
    }
}

/// Looks at threads from a place on, until one has items whose time is over or the budget is spent.
fn look(view: &dyn RowsView, mut place: Place, now: Time) -> Result<Found, RowsFailure> {
    let project = place.project;
    let rule = view.get(project, retention::TABLE, &retention_key())?;
    let Some(now_holds) = rule.as_deref().and_then(retention_of) else {
        return Ok(Found::Nothing);
    };
    if !place.past_ended
        && let Some(command) = ended(view, project, &now_holds, now)?
    {
        return Ok(Found::Ended(command));
    }
    place.past_ended = true;
    let RetentionNow {
        rule,
        set_at: cause,
        ..
    } = now_holds;
    let mut budget = Budget::default();
    while budget.is_left() {
        let after = place.after.as_ref().map(|id| [Value::Text(id.clone())]);
        let after = after.as_ref().map(|key| key.as_slice());
        let rows = view.scan(project, threads::TABLE, &[], after, AT_ONCE)?;
        if rows.is_empty() {
            return Ok(Found::Nothing);
        }
        for row in &rows {
            let Some((thread, incarnation)) = due::life_of(row) else {
                return Err(due::damaged(row));
            };
            let look = Look {
                view,
                project,
                thread: &thread,
                incarnation,
                rule,
                cause,
                now,
            };
            match look.due(place.counting.take(), &mut budget)? {
                Due::Items(command) => return Ok(Found::Due(thread, command)),
                Due::Counting(counting) => {
                    place.counting = Some(counting);
                    return Ok(Found::Further(place));
                }
                Due::Nothing => place.after = Some(CompactString::new(thread.as_str())),
            }
            if !budget.is_left() {
                break;
            }
        }
    }
    Ok(Found::Further(place))
}

/// Threads that ended long enough ago, if there are any.
fn ended(
    view: &dyn RowsView,
    project: ProjectNumber,
    holds: &RetentionNow,
    now: Time,
) -> Result<Option<ExpireThreads>, RowsFailure> {
    if holds.rule.max_age().is_none() {
        return Ok(None);
    }
    let most = MAX_THREADS_EXPIRED_AT_ONCE;
    let rows = view.scan(project, ended_threads::TABLE, &[], None, most)?;
    let read = rows
        .iter()
        .map(|row| ended_thread_of(row).ok_or_else(|| due::damaged(row)));
    let mut ended = read.collect::<Result<Vec<_>, _>>()?;
    ended.retain(|ended| holds.rule.is_too_old(ended.ended_at, now));
    Ok((!ended.is_empty()).then(|| ExpireThreads {
        project: holds.project.clone(),
        rule: holds.rule,
        cause: holds.set_at,
        ended,
        now,
    }))
}
