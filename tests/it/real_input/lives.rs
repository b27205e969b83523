//! The server's lives, and the writes that were on their way when one ended.

use std::sync::Mutex;

/// One life from a start of the server to the kill that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life(usize);

#[derive(Debug, Default)]
pub(super) struct Lives {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// None between a kill and the next start.
    now: Option<Life>,
    /// For each life so far, how many writes were sent in it and broken off by its end.
    interrupted: Vec<usize>,
    /// Connections that broke in a life that went on.
    broken: usize,
}

impl Lives {
    pub(super) fn begin(&self) {
        self.locked(|state| {
            state.now = Some(Life(state.interrupted.len()));
            state.interrupted.push(0);
        });
    }

    /// Called before the kill, so that what breaks from here on is the kill's doing.
    pub(super) fn end(&self) {
        self.locked(|state| state.now = None);
    }

    /// The life in which a write is about to be sent.
    pub(super) fn now(&self) -> Option<Life> {
        self.locked(|state| state.now)
    }

    /// A write's connection broke. One that was sent while there was no server was never on its way.
    pub(super) fn broke(&self, sent: Option<Life>) {
        let Some(life) = sent else { return };
        self.locked(|state| {
            if state.now == Some(life) {
                state.broken += 1;
            } else {
                state.interrupted[life.0] += 1;
            }
        });
    }

    /// How many writes each kill broke off. The present life was not ended by one.
    pub(super) fn interrupted_by_kills(&self) -> Vec<usize> {
        self.locked(|state| {
            let ended = state.interrupted.len() - usize::from(state.now.is_some());
            state.interrupted[..ended].to_vec()
        })
    }

    /// How many connections broke without a kill.
    pub(super) fn broken(&self) -> usize {
        self.locked(|state| state.broken)
    }

    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self
            .state
            .lock()
            .expect("nobody panics with the lives in hand"))
    }
}
