//! The actor's loop: ask, decide, append; settle and answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::event::Event;
use everlog_domain::ids::{CommitNumber, Position, ProjectNumber, ProjectUid, ThreadId};
use everlog_domain::log::{Append, Basis, Draft, Expected, Ticket};
use everlog_domain::ports::{Log, RowsView, Subject};
use everlog_domain::threads::{
    Author, Facts, Marks, ThreadCommand, ThreadEvent, ThreadState, ThreadTemplate, Written,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::asked::Asked;
use super::facts::{ForkPlace, FoundItem, fork_place, item_exists, marks_of, posted_item};
use super::load::{load, written};
use super::outcomes::Outcomes;
use super::overlay::{InFlight, Overlay};
use crate::branches::Membership;
use crate::committer::{Committer, Submission};
use crate::earlier::granted_before;
use crate::reads::Reads;
use crate::registry::Registry;
use crate::request::{Granted, IdOrigin, Refused, ThreadRequest};
use crate::templates::template;

/// Which thread.
pub(crate) type ThreadKey = (ProjectNumber, ThreadId);

/// What all thread actors of a node share.
pub(crate) struct ThreadWorld {
    pub(crate) committer: Committer,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) reads: Reads,
    pub(crate) registry: Registry<ThreadKey, ThreadMessage>,
    pub(crate) idle: Duration,
    /// Actors that stay in memory while they are idle.
    pub(crate) idle_actors: usize,
    pub(crate) activator: crate::activator::Activator,
    pub(crate) tickets: AtomicU64,
}

impl ThreadWorld {
    fn next_ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }
}

/// The mailbox.
pub(crate) enum ThreadMessage {
    Ask(Box<Asked>),
    /// There are outcomes to be looked at.
    Settled,
    CheckIdle,
    /// The actor sends it to itself once it is out of the registry: nothing comes after it.
    Last,
}

/// The actor of one thread.
pub(crate) struct ThreadActor {
    pub(crate) world: Arc<ThreadWorld>,
    pub(crate) key: ThreadKey,
    pub(crate) uid: ProjectUid,
    pub(crate) _membership: Membership,
}

/// What the actor holds between messages.
pub(crate) struct ThreadShellState {
    /// Nothing until the first request, and after a conflict that calls for loading again.
    pub(super) overlay: Option<Overlay>,
    /// Requests that wait until everything in flight has settled, in order.
    pub(super) waiting: VecDeque<Box<Asked>>,
    /// The state must be loaded as of this commit or a later one.
    pub(super) load_as_of: CommitNumber,
    /// Requests whose appends were refused by the arbiter and that are to be decided again.
    pub(super) again: VecDeque<Box<Asked>>,
    outcomes: Outcomes,
    used: Instant,
    presence: Presence,
}

/// Whether the actor stays in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Staying,
    /// Out of the registry; what was sent before that is still in the mailbox.
    Leaving,
    /// The mailbox holds nothing more from before.
    Left,
}

impl Actor for ThreadActor {
    type Msg = ThreadMessage;
    type State = ThreadShellState;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_after(self.world.idle, || ThreadMessage::CheckIdle);
        Ok(ThreadShellState {
            overlay: None,
            waiting: VecDeque::new(),
            again: VecDeque::new(),
            outcomes: Outcomes::default(),
            load_as_of: CommitNumber(0),
            used: Instant::now(),
            presence: Presence::Staying,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ThreadMessage::Ask(asked) => {
                state.used = Instant::now();
                state.waiting.push_back(asked);
            }
            ThreadMessage::Settled => {
                for (ticket, outcome) in state.outcomes.take() {
                    self.settle(state, ticket, outcome).await;
                }
            }
            ThreadMessage::CheckIdle => self.check_idle(&myself, state),
            ThreadMessage::Last => state.presence = Presence::Left,
        }
        self.work(&myself, state).await;
        let crowded = self.world.registry.len() > self.world.idle_actors;
        let superfluous = state.knows_no_thread() || (crowded && state.is_settled());
        if state.presence == Presence::Staying && superfluous {
            // Neither requests for ids that name nothing nor those for very many threads must fill
            // the memory with actors.
            self.leave(&myself, state);
        }
        if state.presence == Presence::Left && state.is_settled() {
            myself.stop(None);
        }
        Ok(())
    }
}

impl ThreadShellState {
    fn knows_no_thread(&self) -> bool {
        let absent = |overlay: &Overlay| matches!(overlay.state(), ThreadState::Absent(_));
        self.is_settled() && self.overlay.as_ref().is_some_and(absent)
    }

    fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.overlay.as_ref().is_none_or(Overlay::is_settled)
    }
}

/// What to do with a request next.
enum Step {
    /// It went into flight or was answered.
    Done,
    /// It must wait until everything in flight has settled.
    Wait(Box<Asked>),
    /// It must be decided again, on a state that is loaded again.
    Again(Box<Asked>),
}

impl ThreadActor {
    /// Decides what waits, in order, until something has to wait for what is in flight.
    async fn work(&self, myself: &ActorRef<ThreadMessage>, state: &mut ThreadShellState) {
        while let Some(asked) = state.waiting.pop_front() {
            match self.step(myself, state, asked).await {
                Step::Done => {}
                Step::Again(asked) => state.waiting.push_front(asked),
                Step::Wait(asked) => {
                    state.waiting.push_front(asked);
                    return;
                }
            }
        }
    }

    async fn step(
        &self,
        myself: &ActorRef<ThreadMessage>,
        state: &mut ThreadShellState,
        asked: Box<Asked>,
    ) -> Step {
        if let Err(refused) = self.ensure_loaded(state).await {
            return answer(asked, Err(refused));
        }
        let Some(overlay) = state.overlay.as_mut() else {
            return Step::Wait(asked);
        };
        let wish = asked.request.wish;
        // What a closing command repeats, and what there is of an item, is read from the rows: the
        // appends must be there.
        let command = &asked.request.command;
        let rests_on_rows =
            command.closes().is_some() || command.about().is_some() || command.forks().is_some();
        let reads_rows = rests_on_rows && !overlay.is_settled();
        if overlay.is_spoilt()
            || overlay.awaits_creation()
            || reads_rows
            || wish.is_some_and(|wish| overlay.has_wish(&wish.scope))
        {
            return Step::Wait(asked);
        }
        let mut asked = asked;
        let found = match self.look_up(overlay, &mut asked).await {
            Ok(LookedUp::Repeated(granted)) => return answer(asked, Ok(granted)),
            Ok(LookedUp::Fresh(found)) => found,
            Err(refused) => return answer(asked, Err(refused)),
        };
        let facts = Facts {
            caller: &asked.request.caller,
            item_exists: found.item_exists,
            written: found.written.as_ref(),
            item: found.item.as_ref().map(|item| &item.posted),
            marks: found.marks.as_ref(),
            shared: found.item.as_ref().and_then(|item| item.shared.as_ref()),
            fork: found.fork.as_ref().map(|fork| &fork.facts),
            template: found.template.as_ref(),
        };
        let decided = asked.request.command.clone().decide(overlay.state(), facts);
        match decided {
            Ok(events) if !events.is_empty() => {
                let fork = found.fork.as_ref().and_then(|fork| fork.head);
                self.append(myself, state, asked, (events, fork))
            }
            // A refusal, or "nothing to do", rests on what is ahead: it holds once that is durable.
            _ if !overlay.is_settled() => Step::Wait(asked),
            decided => {
                let head = overlay.head();
                let unchanged = |_| Granted {
                    events: Vec::new(),
                    repeated: false,
                };
                let result = decided.map(unchanged).map_err(Refused::from);
                self.answer_if_current(state, asked, head, result).await
            }
        }
    }

    /// Answers what the arbiter does not see, so that nobody else would notice an old state: an
    /// actor of this thread that left, or died, may have had appends in flight after this one
    /// loaded.
    async fn answer_if_current(
        &self,
        state: &mut ThreadShellState,
        mut asked: Box<Asked>,
        head: Option<Head>,
        result: Result<Granted, Refused>,
    ) -> Step {
        let (project, stream) = (self.key.0, Stream::thread(&self.key.1));
        let read = move |view: &dyn RowsView, _: &dyn Log| view.stream_head(project, &stream);
        match self.world.reads.run(project, read).await {
            Ok(Ok(found)) if found == head => answer(asked, result),
            Ok(Ok(_)) if asked.try_again() => {
                state.overlay = None;
                Step::Again(asked)
            }
            Ok(Ok(_)) => {
                asked.turn_away();
                Step::Done
            }
            Ok(Err(failure)) => answer(asked, Err(failure.into())),
            Err(refused) => answer(asked, Err(refused)),
        }
    }

    /// Loads the state if it is not there; the appends that follow need the project's head at the
    /// arbiter.
    async fn ensure_loaded(&self, state: &mut ThreadShellState) -> Result<(), Refused> {
        if state.overlay.is_some() {
            return Ok(());
        }
        self.world.activator.activate(self.key.0).await?;
        self.world.committer.visible(state.load_as_of).await;
        let (project, id) = self.key.clone();
        let loaded = self
            .world
            .reads
            .run(project, move |view, _| load(view, project, &id))
            .await??;
        let stream = Stream::thread(&self.key.1);
        state.overlay = Some(Overlay::new(stream, loaded));
        Ok(())
    }

    async fn look_up(&self, overlay: &Overlay, asked: &mut Asked) -> Result<LookedUp, Refused> {
        let closing = closing(overlay.state(), &asked.request.command);
        if let Some((_, bytes)) = closing {
            asked.hold(bytes)?;
        }
        let request = &asked.request;
        let new = match request.item_id {
            IdOrigin::Chosen => request.command.new_item().cloned(),
            IdOrigin::Random => None,
        };
        let about = request.command.about().cloned();
        let ahead = new.as_ref().is_some_and(|item| overlay.has_item(item));
        let fork = request.command.forks().is_some();
        let named = request.command.template().cloned();
        let asks_items = new.is_some() || about.is_some() || closing.is_some();
        let asks_rows = asks_items || fork || named.is_some();
        if ahead || !(asks_rows || request.wish.is_some()) {
            return Ok(LookedUp::Fresh(Box::new(Found {
                item_exists: ahead,
                ..Found::default()
            })));
        }
        let (project, thread) = self.key.clone();
        let (wish, now) = (request.wish, request.now);
        let marks = request.command.marks();
        let marks = marks.map(|of| (of, Author::principal(&request.caller.principal)));
        let changes_item = request.command.changes_item();
        let fork = fork.then(|| request.command.clone());
        let read = move |view: &dyn RowsView, log: &dyn Log| -> Result<LookedUp, Refused> {
            if let Some(granted) = granted_before(view, log, project, wish.as_ref(), now)? {
                return Ok(LookedUp::Repeated(granted));
            }
            let exists = new
                .map(|item| item_exists(view, project, &thread, &item))
                .transpose()?;
            let written = closing
                .map(|(opened, _)| written(view, project, &thread, opened))
                .transpose()?;
            let item = about
                .map(|item| posted_item(view, project, &thread, (&item, changes_item)))
                .transpose()?
                .flatten();
            let fork = fork
                .map(|command| fork_place(view, project, &thread, (&command, item.as_ref())))
                .transpose()?
                .flatten();
            let marked = item.as_ref().zip(marks);
            let marks = marked
                .map(|(item, (of, by))| marks_of(view, (project, &thread), &item.posted, (of, &by)))
                .transpose()?;
            let template = named
                .map(|id| template(view, project, &id))
                .transpose()?
                .flatten();
            Ok(LookedUp::Fresh(Box::new(Found {
                item_exists: exists.unwrap_or(false),
                written: written.flatten(),
                item,
                marks,
                fork,
                template,
            })))
        };
        let found = self.world.reads.run(project, read).await??;
        if let LookedUp::Fresh(found) = &found
            && let Some(shared) = found.item.as_ref().and_then(|item| item.shared.as_ref())
        {
            // its copy repeats it
            asked.hold(shared.bytes())?;
        }
        Ok(found)
    }

    fn append(
        &self,
        myself: &ActorRef<ThreadMessage>,
        state: &mut ThreadShellState,
        asked: Box<Asked>,
        (events, fork): (Vec<ThreadEvent>, Option<Head>),
    ) -> Step {
        let Some(overlay) = state.overlay.as_mut() else {
            return Step::Wait(asked);
        };
        let ticket = self.world.next_ticket();
        let append = match self.prepare(overlay, ticket, &asked.request, (events, fork)) {
            Ok(append) => append,
            Err(refused) => return answer(asked, Err(refused)),
        };
        overlay.advance(InFlight { ticket, asked }, &append.drafts);
        let (actor, outcomes) = (myself.clone(), state.outcomes.clone());
        let answer = Box::new(move |outcome| {
            if outcomes.put(ticket, outcome) {
                // An actor that died has nobody to tell: the callers' channels closed with it.
                drop(actor.send_message(ThreadMessage::Settled));
            }
        });
        if self
            .world
            .committer
            .submit(Submission { append, answer })
            .is_err()
        {
            state.take_back(ticket);
        }
        Step::Done
    }

    fn prepare(
        &self,
        overlay: &Overlay,
        ticket: Ticket,
        request: &ThreadRequest,
        (events, fork): (Vec<ThreadEvent>, Option<Head>),
    ) -> Result<Append, Refused> {
        let own = Stream::thread(&self.key.1);
        let mut expected = vec![Expected {
            stream: own.clone(),
            head: overlay.head(),
            basis: overlay.basis(),
        }];
        // What makes a fork is about the fork alone, and rests on both.
        let stream = request.command.forks().map_or(own, Stream::thread);
        if request.command.forks().is_some() {
            expected.push(Expected {
                stream: stream.clone(),
                head: fork,
                basis: Basis::Durable,
            });
        }
        let drafts = events
            .into_iter()
            .map(|event| self.seal(&stream, event))
            .collect::<Result<_, _>>()?;
        Ok(Append {
            project: self.key.0,
            ticket: Some(ticket),
            expected,
            as_of: overlay.as_of,
            claims: Vec::new(),
            access_epoch: Some(request.caller.access_epoch),
            idempotency: request.wish,
            principal: request.caller.principal.clone(),
            on_behalf_of: request.caller.on_behalf_of.clone(),
            cause: request.command.cause(),
            time: request.now,
            drafts,
        })
    }

    fn seal(&self, stream: &Stream, event: ThreadEvent) -> Result<Draft, Refused> {
        let event = Event::Thread(event);
        let subject = Subject::Thread(stream.id.clone());
        let sealed = self.world.log.seal(self.uid, &subject, &event)?;
        Ok(Draft {
            stream: stream.clone(),
            event,
            sealed,
        })
    }

    /// Leaves memory when nothing was asked for a while. What arrives before it has left the
    /// registry is still answered; what arrives after meets a new actor, and the arbiter keeps the
    /// two apart.
    fn check_idle(&self, myself: &ActorRef<ThreadMessage>, state: &mut ThreadShellState) {
        if state.presence != Presence::Staying {
            return;
        }
        if state.used.elapsed() >= self.world.idle && state.is_settled() {
            self.leave(myself, state);
            return;
        }
        myself.send_after(self.world.idle, || ThreadMessage::CheckIdle);
    }

    fn leave(&self, myself: &ActorRef<ThreadMessage>, state: &mut ThreadShellState) {
        self.world.registry.remove(&self.key, myself.get_id());
        state.presence = Presence::Leaving;
        // Goes behind everything that was sent before the removal.
        drop(myself.send_message(ThreadMessage::Last));
    }
}

enum LookedUp {
    /// The wish was granted before.
    Repeated(Granted),
    Fresh(Box<Found>),
}

/// What the rows say. See [`Facts`].
#[derive(Default)]
struct Found {
    item_exists: bool,
    written: Option<Written>,
    item: Option<FoundItem>,
    marks: Option<Marks>,
    fork: Option<ForkPlace>,
    template: Option<ThreadTemplate>,
}

/// Where the open item was opened that a command closes, and how many bytes it has.
fn closing(state: &ThreadState, command: &ThreadCommand) -> Option<(Position, usize)> {
    let ThreadState::Live(thread) = state else {
        return None;
    };
    let progress = thread.open.get(command.closes()?)?;
    Some((progress.opened, progress.bytes))
}

fn answer(asked: Box<Asked>, result: Result<Granted, Refused>) -> Step {
    asked.answer(result);
    Step::Done
}
