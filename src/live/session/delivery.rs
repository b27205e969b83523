//! What is due to a subscription, a page at a time.
//!
//! Nothing is written that was not authorised under the newest access epoch: a page that was made
//! under an older one is dropped and made again.

use everlog_actors::live::{Read, Slot};
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, RowsView};
use futures_util::{Sink, Stream};

use super::access::read;
use super::{Incoming, Session};
use crate::error::ApiError;
use crate::live::catch_up;
use crate::live::ending::Ending;
use crate::live::frames;
use crate::live::outbox::Outgoing;
use crate::live::page::{Link, Reach};
use crate::live::present::{self, NeedsLog};
use crate::live::refusal::Refusal;
use crate::live::subscription::Phase;

/// Published events that are taken at once.
const EVENTS_AT_ONCE: usize = 128;
/// Bytes of them, with their rows.
const BYTES_AT_ONCE: usize = 512 * 1024;

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
        match self
            .subscriptions
            .get_mut(slot)
            .map(|subscription| subscription.phase)
        {
            None => Ok(()),
            Some(Phase::Present { epoch }) if epoch >= self.epoch() => {
                self.deliver_present(slot, epoch).await
            }
            Some(Phase::Present { .. } | Phase::Past) => self.deliver_past(slot).await,
        }
    }

    /// From the hub, without reading anything.
    async fn deliver_present(&mut self, slot: Slot, epoch: Offset) -> Result<(), Ending> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let after = subscription.reached;
        let events = match subscription
            .watch
            .read(after, EVENTS_AT_ONCE, BYTES_AT_ONCE)
        {
            Read::Events(events) if events.is_empty() => return Ok(()),
            Read::Events(events) => events,
            Read::Behind => {
                subscription.fall_back();
                self.subscriptions.set_due(slot);
                return Ok(());
            }
        };
        let shown = subscription.shown.clone();
        let readable = &mut subscription.readable;
        let present = present::links(&shown, &self.caller, readable, &events, after);
        drop(events);
        // First the events, then the epoch: it moves before an event that moves it is published.
        let moved = self.edge.node.access_epoch(self.caller.project) > epoch;
        let present = match present {
            Ok(present) if !moved => present,
            Ok(_) | Err(NeedsLog) => {
                subscription.fall_back();
                self.subscriptions.set_due(slot);
                return Ok(());
            }
        };
        subscription.reached = present.reached;
        // There may be more than was taken at once.
        self.subscriptions.set_due(slot);
        self.send_links(slot, present.links).await
    }

    /// From the log.
    async fn deliver_past(&mut self, slot: Slot) -> Result<(), Ending> {
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        subscription.fall_back();
        let ask = subscription.ask(&self.caller);
        let page = move |view: &dyn RowsView, log: &dyn Log| catch_up::read(view, log, &ask);
        let past = match read(&self.edge, self.caller.project, page).await? {
            Ok(past) => past,
            Err(error) => return self.give_up(slot, ApiError::internal(error)).await,
        };
        let caller = self.caller.clone();
        self.authenticated_under(past.epoch).await?;
        self.subscriptions.set_due(slot);
        if self.caller.roles != caller.roles || past.epoch < self.epoch() {
            return Ok(());
        }
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        let (Reach::Until(reached) | Reach::Head(reached)) = past.reach;
        subscription.reached = reached;
        subscription.known = past.known;
        self.send_links(slot, past.links).await?;
        if past.ended {
            self.subscriptions.remove_at(slot);
        } else if let Reach::Head(head) = past.reach {
            self.arrive(slot, head, past.epoch).await?;
        }
        Ok(())
    }

    /// The past has ended.
    async fn arrive(&mut self, slot: Slot, head: Offset, epoch: Offset) -> Result<(), Ending> {
        let cursor = self.edge.cursors.encode(self.caller.project, head);
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Ok(());
        };
        subscription.phase = Phase::Present { epoch };
        if std::mem::replace(&mut subscription.caught_up, true) {
            return Ok(());
        }
        let prev = subscription.advance(cursor.clone());
        let frame = frames::caught_up(&subscription.id, prev.as_deref(), &cursor);
        self.send(frame).await
    }

    async fn send_links(&mut self, slot: Slot, links: Vec<Link>) -> Result<(), Ending> {
        for Link { offset, change } in links {
            let cursor = self.edge.cursors.encode(self.caller.project, offset);
            let Some(subscription) = self.subscriptions.get_mut(slot) else {
                return Ok(());
            };
            let prev = subscription.advance(cursor.clone());
            let frame = frames::link(&subscription.id, prev.as_deref(), &cursor, &change);
            self.send(frame).await?;
        }
        Ok(())
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
