//! How a connection learns that something is due, without a queue: a bit for each subscription.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Most slots of one waker.
pub const SLOTS: u16 = 1024;
const WORDS: usize = SLOTS as usize / 64;

/// A subscription's place in its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(u16);

impl Slot {
    /// That of a connection with one subscription.
    pub const FIRST: Self = Self(0);

    /// A slot below [`SLOTS`].
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOTS {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Wakes one connection. Its size does not depend on what it has missed.
#[derive(Debug, Clone, Default)]
pub struct Waker(Arc<Marked>);

#[derive(Debug, Default)]
struct Marked {
    slots: [AtomicU64; WORDS],
    callers: AtomicBool,
    woken: AtomicBool,
    notify: Notify,
}

/// What was marked since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    slots: [u64; WORDS],
    /// Whether a caller of the project lost what it was authenticated by.
    pub callers: bool,
}

impl Waker {
    /// A waker with nothing marked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until something is marked; returns at once if something is.
    pub async fn woken(&self) {
        while !self.0.woken.load(Ordering::SeqCst) {
            self.0.notify.notified().await;
        }
    }

    /// Takes the marks away.
    #[must_use]
    pub fn take(&self) -> Marks {
        // First the flag, then the marks: a mark that comes in between wakes again.
        self.0.woken.store(false, Ordering::SeqCst);
        let callers = self.0.callers.swap(false, Ordering::SeqCst);
        let slots = std::array::from_fn(|word| self.0.slots[word].swap(0, Ordering::SeqCst));
        Marks { slots, callers }
    }

    /// Marks a subscription.
    pub fn mark(&self, slot: Slot) {
        let (word, bit) = (usize::from(slot.0 / 64), slot.0 % 64);
        // A slot is below `SLOTS`, so its word is there.
        self.0.slots[word].fetch_or(1 << bit, Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn mark_callers(&self) {
        self.0.callers.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if !self.0.woken.swap(true, Ordering::SeqCst) {
            self.0.notify.notify_one();
        }
    }
}

impl Marks {
    /// The marked slots, ascending.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0u16..).zip(self.slots).flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = u16::try_from(bits.trailing_zeros())
                    .ok()
                    .filter(|bit| *bit < 64)?;
                bits &= bits - 1;
                Some(Slot(word * 64 + bit))
            })
        })
    }
}
