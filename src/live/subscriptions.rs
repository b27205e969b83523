//! The subscriptions of a socket, and which of them have something due.

use std::collections::{HashMap, VecDeque};

use everlog_actors::live::{Marks, Slot};

use super::protocol::FrameId;
use super::subscription::Subscription;

/// Most subscriptions of one socket.
pub(super) const MAX_SUBSCRIPTIONS: u16 = 1_000;

/// The subscriptions of a socket by place and by id.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    places: Vec<Place>,
    by_id: HashMap<FrameId, Slot>,
    /// Places with something due, each once, so that all get their turn.
    due: VecDeque<Slot>,
}

#[derive(Debug, Default)]
struct Place {
    subscription: Option<Box<Subscription>>,
    due: bool,
}

impl Subscriptions {
    /// Whether one has this id.
    pub(super) fn contains(&self, id: &FrameId) -> bool {
        self.by_id.contains_key(id)
    }

    /// A place for another one; nothing if there are too many.
    pub(super) fn free_slot(&mut self) -> Option<Slot> {
        let free = self
            .places
            .iter()
            .position(|place| place.subscription.is_none());
        let number = u16::try_from(free.unwrap_or(self.places.len())).ok()?;
        if number >= MAX_SUBSCRIPTIONS {
            return None;
        }
        if free.is_none() {
            self.places.push(Place::default());
        }
        Slot::new(number)
    }

    /// Puts one into a free place.
    pub(super) fn insert(&mut self, slot: Slot, id: FrameId, subscription: Subscription) {
        if let Some(place) = self.places.get_mut(usize::from(slot.number())) {
            place.subscription = Some(Box::new(subscription));
            self.by_id.insert(id, slot);
        }
    }

    /// The one at a place, to look at.
    pub(super) fn get(&self, slot: Slot) -> Option<&Subscription> {
        self.places
            .get(usize::from(slot.number()))?
            .subscription
            .as_deref()
    }

    /// The one at a place.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Subscription> {
        self.places
            .get_mut(usize::from(slot.number()))?
            .subscription
            .as_deref_mut()
    }

    /// All of them.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut Subscription> {
        let places = self.places.iter_mut();
        places.filter_map(|place| place.subscription.as_deref_mut())
    }

    /// Removes one by its id.
    pub(super) fn remove(&mut self, id: &FrameId) -> Option<Box<Subscription>> {
        let slot = self.by_id.remove(id)?;
        self.places
            .get_mut(usize::from(slot.number()))?
            .subscription
            .take()
    }

    /// Removes the one at a place.
    pub(super) fn remove_at(&mut self, slot: Slot) {
        self.by_id.retain(|_, place| *place != slot);
        if let Some(place) = self.places.get_mut(usize::from(slot.number())) {
            place.subscription = None;
        }
    }

    /// Something is due at a place.
    pub(super) fn set_due(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(usize::from(slot.number()))
            && place.subscription.is_some()
            && !std::mem::replace(&mut place.due, true)
        {
            self.due.push_back(slot);
        }
    }

    /// Something is due at the marked places.
    pub(super) fn mark_due(&mut self, marks: &Marks) {
        marks.slots().for_each(|slot| self.set_due(slot));
    }

    /// Whether something is due anywhere.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The place whose turn it is.
    pub(super) fn next_due(&mut self) -> Option<Slot> {
        let slot = self.due.pop_front()?;
        if let Some(place) = self.places.get_mut(usize::from(slot.number())) {
            place.due = false;
        }
        Some(slot)
    }
}
