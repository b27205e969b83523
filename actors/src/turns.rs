//! A few places, given out to projects in turns.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::request::Refused;
use crate::shares::Shares;

/// Whoever finds no place waits in the queue of its project. A place that becomes free goes to the
/// first of the project whose turn it is, so that a busy project delays nobody else by more than
/// one.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Pool>);

struct Pool {
    places: usize,
    line: Mutex<Line>,
    /// Told when the last place has come back after the end.
    ended: Notify,
}

struct Line {
    free: usize,
    /// Of those who wait.
    room: Shares,
    /// By project, those who wait for a place. Some may have gone meanwhile.
    waiting: HashMap<ProjectNumber, VecDeque<oneshot::Sender<Place>>>,
    /// Projects with somebody who waits, in the order of their turns.
    turns: VecDeque<ProjectNumber>,
    closed: bool,
}

/// A place. Goes to the next when it is dropped.
pub(crate) struct Place(Option<Arc<Pool>>);

enum Entered {
    Place(Place),
    Waits(oneshot::Receiver<Place>),
}

impl Turns {
    /// So many places, and room for so many who wait, which projects share.
    pub(crate) fn new(places: usize, room: usize) -> Self {
        let line = Line {
            free: places,
            room: Shares::new(room),
            waiting: HashMap::new(),
            turns: VecDeque::new(),
            closed: false,
        };
        Self(Arc::new(Pool {
            places,
            line: Mutex::new(line),
            ended: Notify::new(),
        }))
    }

    /// Waits for a place. Turned away where too many wait already.
    pub(crate) async fn enter(&self, project: ProjectNumber) -> Result<Place, Refused> {
        match self.ask(project)? {
            Entered::Place(place) => Ok(place),
            Entered::Waits(place) => place.await.map_err(|_| Refused::Stopped),
        }
    }

    fn ask(&self, project: ProjectNumber) -> Result<Entered, Refused> {
        let mut line = self.0.line.lock();
        if line.closed {
            return Err(Refused::Stopped);
        }
        // Where a place is free nobody waits.
        if let Some(free) = line.free.checked_sub(1) {
            line.free = free;
            return Ok(Entered::Place(Place(Some(Arc::clone(&self.0)))));
        }
        if !line.room.take(project, 1) {
            return Err(Refused::Busy {
                retry_after: Duration::from_secs(1),
            });
        }
        Ok(Entered::Waits(line.wait(project)))
    }

    /// Lets nobody in any more. Returns when those who wait have had their turns and every place is
    /// back.
    pub(crate) async fn end(&self) {
        loop {
            let ended = self.0.ended.notified();
            {
                let mut line = self.0.line.lock();
                line.closed = true;
                if line.free == self.0.places {
                    return;
                }
            }
            ended.await;
        }
    }
}

impl Line {
    fn wait(&mut self, project: ProjectNumber) -> oneshot::Receiver<Place> {
        let (sender, place) = oneshot::channel();
        let queue = self.waiting.entry(project).or_default();
        queue.push_back(sender);
        if queue.len() == 1 {
            self.turns.push_back(project);
        }
        place
    }

    fn next(&mut self) -> Option<oneshot::Sender<Place>> {
        let project = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&project)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&project);
        } else {
            self.turns.push_back(project);
        }
        self.room.give_back(project, 1);
        next
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut pool = self.0.take();
        while let Some(place) = pool.take() {
            pool = place.pass_on();
        }
    }
}

impl Pool {
    /// Gives a place to the next. Returns itself if that one has gone.
    fn pass_on(self: Arc<Self>) -> Option<Arc<Self>> {
        let next = {
            let mut line = self.line.lock();
            let next = line.next();
            if next.is_none() {
                line.free += 1;
            }
            next
        };
        let Some(next) = next else {
            self.ended.notify_waiters();
            return None;
        };
        // Whoever goes after this gives the place back itself.
        match next.send(Place(Some(self))) {
            Ok(()) => None,
            Err(mut place) => place.0.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    const BUSY: ProjectNumber = ProjectNumber(2);
    const QUIET: ProjectNumber = ProjectNumber(3);

    /// Somebody who enters, says so, and leaves at once. It waits already when this returns.
    async fn arrive(
        turns: &Turns,
        project: ProjectNumber,
        says: &mpsc::UnboundedSender<ProjectNumber>,
    ) -> JoinHandle<Result<(), Refused>> {
        let (turns, says) = (turns.clone(), says.clone());
        let arrived = tokio::spawn(async move {
            let place = turns.enter(project).await?;
            says.send(project).unwrap();
            drop(place);
            Ok(())
        });
        yield_now().await;
        arrived
    }

    #[tokio::test]
    async fn a_busy_project_delays_a_quiet_one_by_one_turn_only() {
        let turns = Turns::new(1, 100);
        let (says, mut order) = mpsc::unbounded_channel();
        let held = turns.enter(BUSY).await.unwrap();
        for project in [BUSY, BUSY, BUSY, QUIET, QUIET] {
            arrive(&turns, project, &says).await;
        }
        drop((held, says));
        let mut found = Vec::new();
        while let Some(project) = order.recv().await {
            found.push(project);
        }
        assert_eq!(found, [BUSY, QUIET, BUSY, QUIET, BUSY]);
    }

    #[tokio::test]
    async fn a_project_that_waits_much_is_turned_away_and_another_is_not() {
        let turns = Turns::new(1, 8);
        let (says, _order) = mpsc::unbounded_channel();
        let _held = turns.enter(BUSY).await.unwrap();
        for _ in 0..4 {
            arrive(&turns, BUSY, &says).await;
        }
        let fifth = arrive(&turns, BUSY, &says).await.await.unwrap();
        assert!(matches!(fifth, Err(Refused::Busy { .. })), "{fifth:?}");
        let other = arrive(&turns, QUIET, &says).await;
        assert!(!other.is_finished());
    }

    #[tokio::test]
    async fn a_place_passes_by_whoever_has_gone() {
        let turns = Turns::new(1, 1_000);
        let (says, _order) = mpsc::unbounded_channel();
        let held = turns.enter(BUSY).await.unwrap();
        for _ in 0..400 {
            let gone = arrive(&turns, BUSY, &says).await;
            gone.abort();
            assert!(gone.await.is_err());
        }
        let patient = arrive(&turns, BUSY, &says).await;
        drop(held);
        assert_eq!(patient.await.unwrap(), Ok(()));
        assert!(turns.enter(QUIET).await.is_ok());
    }

    #[tokio::test]
    async fn the_end_waits_for_who_is_in_or_waits_and_lets_nobody_else_in() {
        let turns = Turns::new(2, 8);
        let (says, mut order) = mpsc::unbounded_channel();
        let held = [turns.enter(BUSY).await, turns.enter(BUSY).await];
        let waits = arrive(&turns, QUIET, &says).await;
        let ending = turns.clone();
        let end = tokio::spawn(async move { ending.end().await });
        yield_now().await;
        let late = turns.ask(QUIET).err();
        assert_eq!(late, Some(Refused::Stopped));
        let [one, other] = held;
        drop(one);
        assert_eq!(waits.await.unwrap(), Ok(()));
        assert_eq!(order.recv().await, Some(QUIET));
        yield_now().await;
        assert!(!end.is_finished(), "a place is still taken");
        drop(other);
        end.await.unwrap();
        let late = turns.ask(QUIET).err();
        assert_eq!(late, Some(Refused::Stopped));
        turns.end().await;
    }
}
