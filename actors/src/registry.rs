//! Which actors are in memory. Messages are handed over under the lock, so that an actor that
//! leaves cannot lose one on the way.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use ractor::{ActorId, ActorRef, Message};

/// Locks, so that busy keys do not wait for one another.
const SHARDS: usize = 16;

/// Actors by key.
pub(crate) struct Registry<K, M> {
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<K, ActorRef<M>>>>,
    len: AtomicUsize,
}

impl<K: Eq + Hash + Clone, M: Message> Registry<K, M> {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            len: AtomicUsize::new(0),
        }
    }

    /// Sends to the actor of a key, which is spawned if it is not there or has just died. Gives
    /// the message back if no actor takes it.
    pub(crate) fn send(
        &self,
        key: &K,
        message: M,
        spawn: impl Fn() -> Option<ActorRef<M>>,
    ) -> Result<(), M> {
        let mut actors = self.shard(key).lock();
        let mut message = message;
        if let Some(actor) = actors.get(key) {
            match actor.send_message(message) {
                Ok(()) => return Ok(()),
                Err(ractor::MessagingErr::SendErr(back)) => message = back,
                // The other errors are of typed channels that the registry does not use.
                Err(_) => return Ok(()),
            }
        }
        let Some(actor) = spawn() else {
            return Err(message);
        };
        match actor.send_message(message) {
            Ok(()) => {
                if actors.insert(key.clone(), actor).is_none() {
                    self.len.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
            Err(ractor::MessagingErr::SendErr(back)) => Err(back),
            Err(_) => Ok(()),
        }
    }

    /// Takes an actor out, if it is still the one of the key.
    pub(crate) fn remove(&self, key: &K, actor: ActorId) {
        let mut actors = self.shard(key).lock();
        if actors.get(key).is_some_and(|known| known.get_id() == actor) {
            actors.remove(key);
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Takes out an actor that failed: it is not known for which key it was.
    pub(crate) fn forget(&self, actor: ActorId) {
        for shard in &self.shards {
            let mut actors = shard.lock();
            let before = actors.len();
            actors.retain(|_, known| known.get_id() != actor);
            let gone = before - actors.len();
            self.len.fetch_sub(gone, Ordering::Relaxed);
        }
    }

    /// How many actors are in memory.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &K) -> &Mutex<HashMap<K, ActorRef<M>>> {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        &self.shards[place]
    }
}
