//! A client: authenticates, wishes, sends again what was left without an answer.

use std::sync::Arc;
use std::time::Duration;

use everlog_actors::{IdOrigin, Node, ProjectCommand, ProjectRequest, Refused, ThreadRequest};
use everlog_domain::access::{Caller, Principal, Privilege, RoleSet, Scopes};
use everlog_domain::envelope::{Idempotency, Stream};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{ItemId, Offset, ProjectNumber, SessionId, ThreadId, UserId};
use everlog_domain::ports::{Log, RowsFailure, RowsView};
use everlog_domain::projects::Retention;
use everlog_domain::tables::system::{items, keys, sessions, users};
use everlog_domain::threads::stored::old_item_of;
use everlog_domain::threads::{ExpireItems, OldItem, ThreadCommand};
use everlog_domain::time::Time;
use everlog_domain::value::Value;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::chance::Chance;
use super::ledger::{Answer, Ask, Credential, SharedLedger, What};
use super::machine::Machine;
use super::wishes;

/// How often a client sends the same wish again before it gives up for this life.
const TRIES: u32 = 6;

/// What the clients tell each other.
#[derive(Default)]
pub(super) struct Gossip {
    open: Vec<(ProjectNumber, ThreadId, ItemId)>,
    sessions: Vec<(ProjectNumber, UserId, SessionId)>,
    /// An idempotency key that several clients use at once, each with a wish of its own.
    shared_key: u64,
}

/// Who a client is, for the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Person(usize),
    Key(usize),
    Operator,
    Sweeper,
}

pub(super) struct Client {
    pub(super) number: usize,
    pub(super) kind: Kind,
    pub(super) project: ProjectNumber,
    pub(super) node: Node,
    pub(super) machine: Arc<Machine>,
    pub(super) ledger: SharedLedger,
    pub(super) gossip: Arc<Mutex<Gossip>>,
    pub(super) chance: Chance,
    /// What the clock showed when this life began.
    pub(super) begins: Time,
    pub(super) born: Instant,
    pub(super) session: Option<SessionId>,
}

/// The life of a thread and its items, the oldest first.
fn oldest(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
) -> Result<(Offset, Vec<OldItem>), RowsFailure> {
    let head = view.stream_head(project, &Stream::thread(thread))?;
    let incarnation = head.map_or(Offset(0), |head| head.incarnation);
    let life = [Value::text(thread.as_str()), Value::counter(incarnation.0)];
    let rows = view.scan(project, items::TABLE, &life, None, 100)?;
    let items = rows.iter().filter_map(|row| old_item_of(row));
    Ok((incarnation, items.collect()))
}

/// The process is gone or takes no more: the client stops for this life.
pub(super) struct Gone;

impl Client {
    pub(super) async fn run(mut self, wishes: u64, pause: u64) {
        // Whoever is gone comes back in the next life.
        let _ = self.live(wishes, pause).await;
    }

    async fn live(&mut self, wishes: u64, pause: u64) -> Result<(), Gone> {
        for (what, origin, wish) in self.left_open() {
            self.insist(what, origin, Some(wish)).await?;
        }
        for _ in 0..wishes {
            if pause > 0 {
                let pause = Duration::from_micros(self.chance.below(pause * 1_000));
                // The clock of the simulation: nobody waits.
                tokio::time::sleep(pause).await;
            }
            let (what, origin) = match self.kind {
                Kind::Sweeper => (self.sweep().await?, IdOrigin::Random),
                _ => self.choose(),
            };
            let (what, origin, wish) = match self.chance.below(10) {
                0..=2 => (what, origin, None),
                3..=7 => {
                    let key = self.chance.below(u64::MAX);
                    let wish = self.wish(&what, key);
                    (what, origin, Some(wish))
                }
                8 => {
                    let key = self.gossip.lock().shared_key;
                    let wish = self.wish(&what, key);
                    (what, origin, Some(wish))
                }
                _ => self.old_wish().unwrap_or((what, origin, None)),
            };
            self.insist(what, origin, wish).await?;
        }
        Ok(())
    }

    fn choose(&mut self) -> (What, IdOrigin) {
        let gossip = self.gossip.lock();
        if self.kind == Kind::Operator {
            let mut newest_first = gossip.sessions.iter().rev();
            let newest = newest_first
                .find(|session| session.0 == self.project)
                .map(|(_, user, id)| (user.clone(), id.clone()));
            let command = wishes::of_the_operator(&mut self.chance, newest);
            return (What::Project(command), IdOrigin::Chosen);
        }
        let open = gossip
            .open
            .iter()
            .rev()
            .filter(|open| open.0 == self.project);
        let open = open
            .take(4)
            .map(|(_, thread, item)| (thread.clone(), item.clone()));
        let open: Vec<_> = open.collect();
        wishes::about_threads(&mut self.chance, &open)
    }

    /// What a sweep finds in a thread of which so many items stay, as the rows are by now.
    async fn sweep(&mut self) -> Result<What, Gone> {
        let thread = wishes::thread(&mut self.chance);
        let stay = usize::try_from(1 + self.chance.below(4)).unwrap_or(1);
        let (project, id) = (self.project, thread.clone());
        let read = move |view: &dyn RowsView, _: &dyn Log| oldest(view, project, &id);
        let found = self.node.reads().run(project, read).await;
        if self.machine.has_crashed() {
            return Err(Gone);
        }
        let (incarnation, oldest) = found.map_err(|_| Gone)?.map_err(|_| Gone)?;
        let stays_from = oldest.iter().rev().nth(stay - 1).map(|item| item.opened);
        let now = self.now();
        let command = ThreadCommand::Expire(ExpireItems {
            rule: Retention::new(None, u32::try_from(stay).ok()).expect("a count"),
            cause: Offset(1),
            incarnation,
            oldest,
            stays_from,
            now,
        });
        Ok(What::Thread(thread, command))
    }

    fn wish(&self, what: &What, key: u64) -> Idempotency {
        let who = format!("{:?} {:?}", self.kind, self.project);
        Idempotency {
            scope: Hash::of(&[who.as_bytes(), &key.to_be_bytes()]),
            body: Hash::of_bytes(format!("{what:?}").as_bytes()),
        }
    }

    /// Wishes of earlier lives that nobody answered.
    fn left_open(&self) -> Vec<(What, IdOrigin, Idempotency)> {
        let ledger = self.ledger.lock();
        let mut left: Vec<(What, IdOrigin, Idempotency)> = Vec::new();
        for ask in ledger.asks.iter().filter(|ask| ask.client == self.number) {
            let Some(wish) = ask.wish else { continue };
            left.retain(|(_, _, other)| other.scope != wish.scope);
            if ask.is_open() {
                left.push((ask.what.clone(), IdOrigin::Chosen, wish));
            }
        }
        left
    }

    /// A wish of the client's own, sent once more though it was answered; or its key with another
    /// body.
    fn old_wish(&mut self) -> Option<(What, IdOrigin, Option<Idempotency>)> {
        let ledger = self.ledger.lock();
        let own = ledger.asks.iter().filter(|ask| ask.client == self.number);
        let wished: Vec<&Ask> = own.filter(|ask| ask.wish.is_some()).collect();
        if wished.is_empty() {
            return None;
        }
        let ask = self.chance.pick(&wished);
        let (what, mut wish) = (ask.what.clone(), ask.wish?);
        if self.chance.one_in(4) {
            wish.body = Hash::of_bytes(b"another body");
        }
        Some((what, IdOrigin::Chosen, Some(wish)))
    }

    /// Sends until there is an answer, or the process is gone.
    async fn insist(
        &mut self,
        what: What,
        origin: IdOrigin,
        wish: Option<Idempotency>,
    ) -> Result<(), Gone> {
        for _ in 0..TRIES {
            let Some((credential, caller)) = self.authenticate().await? else {
                self.obtain_credential().await?;
                continue;
            };
            // Time passes between authentication and the request.
            for _ in 0..self.chance.below(4) {
                tokio::task::yield_now().await;
            }
            match self
                .ask(credential, caller, what.clone(), origin, wish)
                .await?
            {
                Err(Refused::AccessMoved) => {}
                Err(Refused::Unknown | Refused::DiskFull | Refused::Busy { .. })
                    if wish.is_some() => {}
                Err(Refused::Stopped) => return Err(Gone),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Who the client is by the rows. The epoch is read before them.
    async fn authenticate(&self) -> Result<Option<(Credential, Caller)>, Gone> {
        let epoch = self.node.access_epoch(self.project);
        let project = self.project;
        let system = || {
            let mut caller = self.node.system(project);
            caller.access_epoch = epoch;
            Some((Credential::System, caller))
        };
        let found = match self.kind {
            Kind::Operator | Kind::Sweeper => return Ok(system()),
            Kind::Key(number) => {
                let key = wishes::key(number);
                let at = [Value::text(key.as_str())];
                let found = self
                    .row(move |view| view.get(project, keys::TABLE, &at))
                    .await?;
                found.then(|| self.key_caller(key, epoch))
            }
            Kind::Person(number) => {
                let Some(session) = self.session.clone() else {
                    return Ok(None);
                };
                let user = wishes::user(number);
                let at = [Value::text(user.as_str()), Value::text(session.as_str())];
                let found = self
                    .row(move |view| view.get(project, sessions::TABLE, &at))
                    .await?;
                found.then(|| self.person(user, session, epoch))
            }
        };
        Ok(found)
    }

    async fn row<F>(&self, read: F) -> Result<bool, Gone>
    where
        F: FnOnce(&dyn RowsView) -> Result<Option<Vec<Value>>, everlog_domain::ports::RowsFailure>
            + Send
            + 'static,
    {
        let reads = self.node.reads();
        let row = reads.run(self.project, move |view, _| read(view)).await;
        if self.machine.has_crashed() {
            return Err(Gone);
        }
        let row = row.map_err(|_| Gone)?;
        Ok(row.map_err(|_| Gone)?.is_some())
    }

    fn key_caller(&self, key: everlog_domain::ids::KeyId, epoch: Offset) -> (Credential, Caller) {
        let caller = Caller {
            principal: Principal::Key(key.clone()),
            privilege: Privilege::Key,
            scopes: Scopes::all(),
            ..Caller::guest(self.project, epoch)
        };
        (Credential::Key(key), caller)
    }

    fn person(&self, user: UserId, session: SessionId, epoch: Offset) -> (Credential, Caller) {
        let caller = Caller {
            principal: Principal::User(user.clone()),
            roles: RoleSet::user(&user, false, &[]),
            scopes: Scopes::user(),
            ..Caller::guest(self.project, epoch)
        };
        (Credential::Session(user, session), caller)
    }

    /// Gets a key or a session, through whoever runs the project.
    async fn obtain_credential(&mut self) -> Result<(), Gone> {
        let command = match self.kind {
            Kind::Operator | Kind::Sweeper => return Ok(()),
            Kind::Key(number) => wishes::create_key(wishes::key(number)),
            Kind::Person(number) => {
                let user = wishes::user(number);
                let (project, at) = (self.project, [Value::text(user.as_str())]);
                let known = self
                    .row(move |view| view.get(project, users::TABLE, &at))
                    .await?;
                if known {
                    let seed = self.chance.below(u64::MAX);
                    wishes::sign_in(user, seed)
                } else {
                    wishes::register(user)
                }
            }
        };
        let mut caller = self.node.system(self.project);
        caller.access_epoch = self.node.access_epoch(self.project);
        let what = What::Project(command);
        let asked = self.ask(
            Credential::System,
            caller,
            what.clone(),
            IdOrigin::Chosen,
            None,
        );
        match (asked.await?, what) {
            (Ok(_), What::Project(ProjectCommand::SignIn(sign_in))) => {
                let made = sign_in.session;
                self.session = Some(made.session.clone());
                let mut gossip = self.gossip.lock();
                gossip
                    .sessions
                    .push((self.project, made.user, made.session));
                Ok(())
            }
            (Err(Refused::Stopped), _) => Err(Gone),
            _ => Ok(()),
        }
    }

    async fn ask(
        &mut self,
        credential: Credential,
        mut caller: Caller,
        what: What,
        origin: IdOrigin,
        wish: Option<Idempotency>,
    ) -> Result<Result<everlog_actors::Granted, Refused>, Gone> {
        let number = {
            let mut ledger = self.ledger.lock();
            let number = ledger.asks.len();
            let name = UserId::parse(&format!("ask{number}")).expect("a short id");
            caller.on_behalf_of = Some(Principal::User(name));
            ledger.ask(Ask {
                client: self.number,
                credential,
                caller: caller.clone(),
                what: what.clone(),
                wish,
                visible: self.machine.visible(self.project),
                answer: None,
            })
        };
        let now = self.now();
        let result = match what.clone() {
            What::Thread(thread, command) => {
                let request = ThreadRequest {
                    caller,
                    thread,
                    command,
                    item_id: origin,
                    wish,
                    now,
                };
                self.node.thread(request).await
            }
            What::Project(command) => {
                let request = ProjectRequest {
                    caller,
                    command,
                    wish,
                    now,
                };
                self.node.project(request).await
            }
        };
        // What is said after the crash reaches nobody.
        if self.machine.has_crashed() {
            return Err(Gone);
        }
        let answer = Answer {
            result: result.clone(),
            durable: self.machine.durable(self.project),
        };
        super::invariants::check_answer(&self.ledger, &self.machine, number, &answer);
        let mut ledger = self.ledger.lock();
        ledger.answer(number, answer);
        if !ledger.breaches.is_empty() {
            return Err(Gone); // the first breach tells; what follows from it only hides it
        }
        drop(ledger);
        let mut gossip = self.gossip.lock();
        if result.is_ok() && wish == Some(self.wish(&what, gossip.shared_key)) {
            gossip.shared_key += 1;
        }
        if let (Ok(_), What::Thread(thread, ThreadCommand::Open(open))) = (&result, what) {
            gossip.open.push((self.project, thread, open.item.id));
        }
        Ok(result)
    }

    /// The client's clock, which now and then is a little behind.
    fn now(&mut self) -> Time {
        let passed = i64::try_from(self.born.elapsed().as_micros()).unwrap_or(i64::MAX);
        let behind = if self.chance.one_in(8) { 5_000 } else { 0 };
        Time(self.begins.0 + passed - behind)
    }
}
