//! What is due to a subscription, a page at a time.
//!
//! A page of the log was authorised by a view of the rows, what the hub brings by the events that
//! came before it. Each link is looked at once more before it goes (`access`).

use everlog_actors::live::{Presence, Read, Slot};
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, RowsView};
use futures_util::{Sink, Stream};

use super::access::{Showing, read};
use super::{Incoming, Session};
use crate::error::ApiError;
use crate::live::catch_up;
use crate::live::ending::Ending;
use crate::live::frames;
use crate::live::outbox::Outgoing;
use crate::live::page::{Link, Reach};
use crate::live::present;
use crate::live::refusal::Refusal;
use crate::live::shown::Shown;
use crate::live::subscription::{Phase, Subscription};

/// Published events that are taken at once.
const EVENTS_AT_ONCE: usize = 128;
/// Bytes of them, with their rows.
const BYTES_AT_ONCE: usize = 512 * 1024;

/// What becomes of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// All of it went out, but for what may not be shown any more.
    Whole,
    /// The rest of it is made again.
    Part,
}

/// What becomes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Goes,
    /// It is passed over, as in a page that was made now.
    IsPassedOver,
    /// The log tells what comes in its place.
    IsReadAgain,
    /// First the caller is authenticated again.
    Waits,
}

impl<I, O> Session<I, O>
where
    I: Stream<Item = Incoming> + Unpin,
    O: Sink<Outgoing> + Unpin,
{
    /// Delivers a page of the subscription whose turn it is.
    pub(super) async fn deliver(&mut self) -> Result<(), Ending> {
        let Some(slot) = self.subscriptions.next_due() else {
            return Ok(());
        };
        self.authenticated_under(self.epoch()).await?;
        let subscription = self.subscriptions.get_mut(slot);
        match subscription.map(|subscription| &subscription.phase) {
            None => Ok(()),
            Some(Phase::Present) => self.deliver_present(slot).await,
            Some(Phase::Past(_)) => self.deliver_past(slot).await,
        }
    }

    /// From the hub, without reading anything.
    async fn deliver_present(&mut self, slot: Slot) -> Result<(), Ending> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let after = subscription.reached;
        let events = match subscription
            .watch
            .read(after, EVENTS_AT_ONCE, BYTES_AT_ONCE)
        {
            Read::Events(events) if events.is_empty() => return self.deliver_signals(slot).await,
            Read::Events(events) => events,
            Read::Behind => {
                subscription.fall_back();
                self.subscriptions.set_due(slot);
                return Ok(());
            }
        };
        let Subscription {
            shown, readable, ..
        } = subscription;
        let present = present::links(shown, &self.caller, readable, &events, after);
        drop(events);
        // There may be more than was taken at once.
        self.subscriptions.set_due(slot);
        if self.send_links(slot, present.links, after).await? == Sent::Part {
            return Ok(());
        }
        if let Some(subscription) = self.subscriptions.get_mut(slot) {
            subscription.reached = present.reached;
            if present.needs_log {
                subscription.fall_back();
            }
        }
        Ok(())
    }

    /// Who is there and who types, once everything else has gone: it is of this moment, and a reader
    /// that is behind is not in it yet.
    async fn deliver_signals(&mut self, slot: Slot) -> Result<(), Ending> {
        if self.outbox.is_full() {
            // What is looked at afterwards is newer.
            self.flush().await?;
        }
        if !self.may_see_signals(slot) {
            return Ok(());
        }
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let moment = subscription.presence.as_mut().and_then(Presence::look);
        match moment {
            Some(moment) => {
                let frame = frames::signals(&subscription.id, &moment);
                self.send(frame).await
            }
            None => Ok(()),
        }
    }

    /// Whether the caller may read the thread in whose present the subscription is. Where that was
    /// taken away, the event that did so is due, and ends the subscription.
    fn may_see_signals(&self, slot: Slot) -> bool {
        let Some(subscription) = self.subscriptions.get(slot) else {
            return false;
        };
        let Shown::Thread(thread) = subscription.shown.as_ref() else {
            return false;
        };
        let life = thread.life(self.caller.project);
        let (watch, reached) = (&subscription.watch, subscription.reached);
        self.is_authenticated() && self.showing(watch, &life, reached) == Showing::May
    }

    /// From the log.
    async fn deliver_past(&mut self, slot: Slot) -> Result<(), Ending> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let caller = self.caller.clone();
        let ask = subscription.ask(&caller, &self.peer.texts);
        let page = move |view: &dyn RowsView, log: &dyn Log| catch_up::read(view, log, &ask);
        let past = match read(&self.edge, self.caller.project, page).await? {
            Ok(past) => past,
            Err(error) => return self.give_up(slot, ApiError::internal(error)).await,
        };
        self.subscriptions.set_due(slot);
        self.authenticated_under(past.epoch).await?;
        if self.caller.roles != caller.roles {
            return Ok(());
        }
        if self.send_links(slot, past.links, past.head).await? == Sent::Part {
            return Ok(());
        }
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let (Reach::Until(reached) | Reach::Head(reached)) = past.reach;
        subscription.reached = reached;
        subscription.known = past.known;
        for (thread, may) in past.readable {
            subscription.readable.learn(thread, may);
        }
        if past.ended {
            self.subscriptions.remove_at(slot);
        } else if let Reach::Head(head) = past.reach {
            self.arrive(slot, head).await?;
        }
        Ok(())
    }

    /// The past has ended.
    async fn arrive(&mut self, slot: Slot, head: Offset) -> Result<(), Ending> {
        let cursor = self.edge.cursors.encode(self.caller.project, head);
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        subscription.arrive();
        if std::mem::replace(&mut subscription.caught_up, true) {
            return Ok(());
        }
        let prev = subscription.advance(cursor.clone());
        let frame = frames::caught_up(&subscription.id, prev.as_deref(), &cursor);
        self.send(frame).await
    }

    /// Sends links that were authorised by what held after an offset, and after their own events.
    async fn send_links(
        &mut self,
        slot: Slot,
        links: Vec<Link>,
        authorised: Offset,
    ) -> Result<Sent, Ending> {
        let caller = self.caller.clone();
        for link in links {
            if self.outbox.is_full() {
                self.flush().await?;
                if self.caller.roles != caller.roles {
                    return Ok(Sent::Part);
                }
            }
            // From here to the outbox nothing is waited for.
            let fate = self.fate(slot, &link, authorised);
            let Some(subscription) = self.subscriptions.get_mut(slot) else {
                return Ok(Sent::Part);
            };
            match fate {
                Fate::Goes => {}
                Fate::IsPassedOver => {
                    subscription.pass(link.offset);
                    continue;
                }
                Fate::IsReadAgain => {
                    subscription.fall_back();
                    return Ok(Sent::Part);
                }
                Fate::Waits => return Ok(Sent::Part),
            }
            let cursor = self.edge.cursors.encode(self.caller.project, link.offset);
            let prev = subscription.advance(cursor.clone());
            let frame = frames::link(&subscription.id, prev.as_deref(), &cursor, &link.change);
            subscription.pass(link.offset);
            self.outbox.feed(Outgoing::Frame(frame)).await?;
        }
        Ok(Sent::Whole)
    }

    fn fate(&self, slot: Slot, link: &Link, authorised: Offset) -> Fate {
        if !self.is_authenticated() {
            return Fate::Waits;
        }
        let Some(life) = &link.shows else {
            return Fate::Goes;
        };
        let Some(subscription) = self.subscriptions.get(slot) else {
            return Fate::Waits;
        };
        let authorised = authorised.max(link.offset);
        match self.showing(&subscription.watch, life, authorised) {
            Showing::May => Fate::Goes,
            Showing::Unknown => Fate::IsReadAgain,
            Showing::MayNot => match subscription.shown.as_ref() {
                Shown::Thread(_) => Fate::IsReadAgain,
                Shown::Threads(_) | Shown::Items(_) => Fate::IsPassedOver,
            },
        }
    }

    /// A subscription that cannot be read any more ends, and the others go on.
    async fn give_up(&mut self, slot: Slot, error: ApiError) -> Result<(), Ending> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let frame = frames::error(Some(&subscription.id), &Refusal::from(error));
        self.subscriptions.remove_at(slot);
        self.send(frame).await
    }
}
