//! What the frames of a client do.

use std::sync::Arc;

use axum::http::{HeaderValue, Request};
use everlog_actors::live::{Interest, Slot, Watch};
use everlog_domain::access::Principal;
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::tables::system::threads;
use futures_util::{Sink, Stream};

use super::access::{Showing, Unidentified, identify, read};
use super::{Incoming, Session};
use crate::error::{ApiError, ErrorType};
use crate::http::Credentials;
use crate::live::ending::Ending;
use crate::live::frames;
use crate::live::opening::{Beginning, From, Opened, Wanted};
use crate::live::outbox::Outgoing;
use crate::live::present::Readable;
use crate::live::protocol::{Begin, Call, ClientFrame, FrameId, Proof, Subscribe};
use crate::live::refusal::Refusal;
use crate::live::resource::Resource;
use crate::live::snapshot::Snapshot;
use crate::live::subscription::{Behind, Phase, Subscription};
use crate::live::subscriptions::MAX_SUBSCRIPTIONS;

/// What a subscription needs of the scopes.
const SCOPE: &str = "threads.read";
/// How often a snapshot is read whose threads are taken away meanwhile.
const OPENINGS: u32 = 8;

/// Why a subscription does not begin.
enum Unopened {
    /// The client is told, and the socket goes on.
    Refused(Refusal),
    /// The socket ends.
    Ending(Ending),
}

impl<I, O> Session<I, O>
where
    I: Stream<Item = Incoming> + Unpin,
    O: Sink<Outgoing> + Unpin,
{
    /// Does what a frame asks for.
    pub(super) async fn take_frame(&mut self, frame: ClientFrame) -> Result<(), Ending> {
        match frame {
            ClientFrame::Ping(id) => self.send(frames::pong(id.as_ref())).await,
            ClientFrame::Authenticate(proof) => self.authenticate(proof).await,
            ClientFrame::Subscribe(subscribe) => self.subscribe(subscribe).await,
            ClientFrame::Unsubscribe(id) => self.unsubscribe(&id).await,
            ClientFrame::Call(call) => self.call(call).await,
        }
    }

    async fn refuse(&mut self, id: &FrameId, refusal: &Refusal) -> Result<(), Ending> {
        self.send(frames::error(Some(&id.to_json()), refusal)).await
    }

    /// Takes a credential where the socket came without one, or with one that stands for nobody any
    /// more: a page cannot keep its browser from sending an old cookie.
    async fn authenticate(&mut self, proof: Proof) -> Result<(), Ending> {
        if self.asked || self.caller.principal != Principal::Guest {
            return Err(Ending::Invalid(Refusal::already_authenticated()));
        }
        let credentials = credentials(proof, self.peer.credentials.project.as_str());
        let credentials = credentials.map_err(Ending::unauthenticated)?;
        let identity = match identify(&self.edge, &credentials).await {
            Ok(identity) => identity,
            Err(Unidentified::Refused(error)) => return Err(Ending::unauthenticated(error)),
            Err(Unidentified::Busy) => return Err(Ending::Busy),
        };
        if identity.session.is_none() && credentials.key.is_none() {
            let message = "the session is unknown, was deleted or has expired";
            return Err(Ending::unauthenticated(ApiError::new(
                ErrorType::UserUnauthorized,
                message,
            )));
        }
        let project = identity.caller.project;
        let quotas = self.edge.node.quotas(project).map_err(|_| Ending::Busy)?;
        let moved = self.peer.place.move_to(project, quotas.connections);
        moved.map_err(|_| Ending::Busy)?;
        let hub = self.edge.node.hub();
        self.callers_watch = hub.watch_callers(project, &self.callers);
        self.peer.bound.raise();
        self.caller = Arc::new(identity.caller.clone());
        self.peer.credentials = Arc::new(credentials);
        self.peer.calls = self.peer.calls.with(Arc::clone(&self.peer.credentials));
        self.peer.identity = identity;
        self.greet().await
    }

    async fn call(&mut self, call: Call) -> Result<(), Ending> {
        self.asked = true;
        let id = call.id.to_json();
        match self.peer.calls.request(call) {
            Err(refusal) => self.send(frames::error(Some(&id), &refusal)).await,
            Ok(request) => {
                self.calls.start(self.peer.calls.run(id, request));
                Ok(())
            }
        }
    }

    async fn unsubscribe(&mut self, id: &FrameId) -> Result<(), Ending> {
        match self.subscriptions.remove(id) {
            Some(gone) => self.send(frames::unsubscribed(&gone.id)).await,
            None => self.refuse(id, &Refusal::subscription_not_found()).await,
        }
    }

    async fn subscribe(&mut self, frame: Subscribe) -> Result<(), Ending> {
        self.asked = true;
        if self.outbox.is_full() {
            // Or what is read now would wait behind it, while its right is taken away.
            self.flush().await?;
        }
        match self.open(&frame).await {
            Ok((slot, subscription, beginning)) => {
                self.begin(frame, slot, subscription, beginning).await
            }
            Err(Unopened::Refused(refusal)) => self.refuse(&frame.id, &refusal).await,
            Err(Unopened::Ending(ending)) => Err(ending),
        }
    }

    /// Watches, authorises and reads what is there, in this order: an event that comes in between
    /// is in the hub.
    async fn open(
        &mut self,
        frame: &Subscribe,
    ) -> Result<(Slot, Subscription, Beginning), Unopened> {
        if self.subscriptions.contains(&frame.id) {
            return Err(Refusal::subscription_exists().into());
        }
        if !self.caller.scopes.contains(SCOPE) {
            let message = format!("{} lacks the scope {SCOPE}", self.caller.principal);
            return Err(Refusal::from(ApiError::new(ErrorType::UnauthorizedScope, message)).into());
        }
        let wanted = Wanted::parse(&frame.resource, &frame.queries)?;
        if frame.signals && !matches!(wanted.resource(), Resource::Thread(..)) {
            return Err(Refusal::signals_of_threads().into());
        }
        let from = self.decode(&frame.from)?;
        let most = Refusal::too_many_subscriptions(MAX_SUBSCRIPTIONS.into());
        let slot = self.subscriptions.free_slot().ok_or(most)?;
        let interest = match wanted.resource() {
            Resource::Thread(thread, _) => Interest::Thread(self.caller.project, thread.clone()),
            Resource::Threads => Interest::Table(self.caller.project, threads::TABLE),
            Resource::Items => Interest::Project(self.caller.project),
        };
        let watch = self.edge.node.hub().watch(interest, &self.events, slot);
        let Opened {
            shown,
            after,
            beginning,
            epoch: _,
        } = self.open_authorised(wanted, from, &watch).await?;
        let phase = match beginning {
            Beginning::Snapshot(_) => Phase::Present,
            Beginning::Past => Phase::Past(Behind::new()),
        };
        // Only now: who may not read the thread is not seen in it either.
        let presence = frame
            .signals
            .then(|| watch.enter(&self.caller.principal, &self.events, slot));
        let subscription = Subscription {
            id: frame.id.to_json(),
            shown,
            watch,
            presence,
            reached: after,
            cursor: None,
            phase,
            caught_up: false,
            known: None,
            readable: Readable::default(),
            folded: Arc::default(),
        };
        Ok((slot, subscription, beginning))
    }

    /// Opens for the caller of today. What is there is held against what was taken away while it
    /// was read, and read again if that shows; whoever meets that each time is told to come back.
    async fn open_authorised(
        &mut self,
        wanted: Wanted,
        from: From,
        watch: &Watch,
    ) -> Result<Opened, Unopened> {
        for _ in 0..OPENINGS {
            self.authenticated_under(self.epoch()).await?;
            let caller = Arc::clone(&self.caller);
            let (wanted, asking) = (wanted.clone(), Arc::clone(&caller));
            let open =
                move |view: &dyn RowsView, _: &dyn Log| wanted.clone().open(view, &asking, from);
            let opened = read(&self.edge, self.caller.project, open).await??;
            self.authenticated_under(opened.epoch.max(self.epoch()))
                .await?;
            if self.caller.roles == caller.roles && self.may_begin(&opened, watch) {
                return Ok(opened);
            }
        }
        Err(Refusal::busy().into())
    }

    /// Whether what is there may still be shown. The past is authorised page by page.
    fn may_begin(&self, opened: &Opened, watch: &Watch) -> bool {
        let may = |life| self.showing(watch, life, opened.after) == Showing::May;
        match &opened.beginning {
            Beginning::Snapshot(snapshot) => snapshot.shows.iter().all(may),
            Beginning::Past => true,
        }
    }

    fn decode(&self, begin: &Begin) -> Result<From, Refusal> {
        match begin {
            Begin::Now => Ok(From::Now),
            Begin::Start => Ok(From::Start),
            Begin::After(cursor) => {
                let offset = self.edge.cursors.decode(self.caller.project, cursor);
                offset.map(From::After).ok_or_else(Refusal::cursor_invalid)
            }
        }
    }

    /// Tells that it begins, and what is there. Nothing is waited for before that is gathered: it
    /// was authorised right before.
    async fn begin(
        &mut self,
        frame: Subscribe,
        slot: Slot,
        mut subscription: Subscription,
        beginning: Beginning,
    ) -> Result<(), Ending> {
        let subscribed = frames::subscribed(&subscription.id, &frame.resource);
        self.outbox.feed(Outgoing::Frame(subscribed)).await?;
        match (beginning, frame.from) {
            (Beginning::Snapshot(Snapshot { fields, .. }), _) => {
                let cursor = self
                    .edge
                    .cursors
                    .encode(self.caller.project, subscription.reached);
                let snapshot = frames::snapshot(&subscription.id, &cursor, &fields);
                self.outbox.feed(Outgoing::Frame(snapshot)).await?;
                self.send(frames::caught_up(&subscription.id, Some(&cursor), &cursor))
                    .await?;
                subscription.caught_up = true;
                subscription.cursor = Some(cursor);
            }
            (Beginning::Past, Begin::After(cursor)) => subscription.cursor = Some(cursor),
            (Beginning::Past, Begin::Start | Begin::Now) => {}
        }
        self.subscriptions.insert(slot, frame.id, subscription);
        self.subscriptions.set_due(slot);
        Ok(())
    }
}

/// Reads a credential as if it had come in headers.
fn credentials(proof: Proof, own_project: &str) -> Result<Credentials, ApiError> {
    let Proof {
        project,
        key,
        session,
    } = proof;
    let mut request = Request::new(());
    let headers = request.headers_mut();
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| ApiError::argument("authenticate", error))
    };
    if let Some(key) = key {
        headers.insert("authorization", value(&format!("Bearer {key}"))?);
        if let Some(project) = project {
            headers.insert("x-appwrite-project", value(&project)?);
        }
    } else if let Some(session) = session {
        headers.insert("x-appwrite-session", value(&session)?);
        headers.insert(
            "x-appwrite-project",
            value(project.as_deref().unwrap_or(own_project))?,
        );
    }
    Credentials::of(&request.into_parts().0)
}

impl std::convert::From<Refusal> for Unopened {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl std::convert::From<Ending> for Unopened {
    fn from(ending: Ending) -> Self {
        Self::Ending(ending)
    }
}
