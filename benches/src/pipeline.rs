//! Pipelined writes on one WebSocket: a number of calls in flight, the next sent when one is
//! answered.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::{FutureExt, SinkExt};
use tokio::task::JoinSet;

use crate::closed::{Measured, Window};
use crate::live::{self, Buffers, Frame, Kind, Socket};
use crate::server::Target;

/// When a pipeline ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After so many items.
    Sent(u64),
    /// When the window closes; only answers within it count.
    Closed(Window),
}

/// What one pipeline sends.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Items go to these threads in turn; their numbers in each thread rise from `first_number`.
    pub(crate) threads: Vec<String>,
    pub(crate) first_number: u64,
    pub(crate) in_flight: usize,
    pub(crate) until: Until,
}

/// Runs one pipeline on each load at once, each on a socket of its own.
pub(crate) async fn run_all(target: &Target, loads: Vec<Load>) -> Result<Measured> {
    let mut tasks = JoinSet::new();
    for load in loads {
        let socket = live::connect(target, Buffers::Large).await?;
        let base = target.base.clone();
        tasks.spawn(async move { Pipeline::new(socket, base, load).run().await });
    }
    let mut all: Option<Measured> = None;
    while let Some(ended) = tasks.join_next().await {
        let seen = ended.context("a pipeline's task")??;
        match &mut all {
            Some(all) => {
                all.elapsed = all.elapsed.max(seen.elapsed);
                all.merge(&seen)?;
            }
            None => all = Some(seen),
        }
    }
    all.context("no pipelines")
}

struct Pipeline {
    socket: Socket,
    base: String,
    load: Load,
    sent: u64,
    /// When the call with the id of this place was sent; `None` once it is answered.
    slots: Vec<Option<Instant>>,
    waiting: usize,
}

impl Pipeline {
    fn new(socket: Socket, base: String, load: Load) -> Self {
        let slots = vec![None; load.in_flight];
        Self {
            socket,
            base,
            load,
            sent: 0,
            slots,
            waiting: 0,
        }
    }

    async fn run(mut self) -> Result<Measured> {
        let begun = Instant::now();
        let mut seen = Measured::nothing(begun.elapsed())?;
        for slot in 0..self.load.in_flight {
            self.send(slot).await?;
        }
        self.socket.flush().await?;
        while self.waiting > 0 {
            self.take_answers(&mut seen).await?;
            self.socket.flush().await?;
        }
        seen.elapsed = match self.load.until {
            Until::Sent(_) => begun.elapsed(),
            Until::Closed(window) => window.length(),
        };
        Ok(seen)
    }

    /// Takes every answer that is there, so that the calls that follow leave in one write.
    async fn take_answers(&mut self, seen: &mut Measured) -> Result<()> {
        let mut text = live::next_text(&mut self.socket).await?;
        loop {
            let frame = Frame::parse(&text)?;
            if frame.kind == Kind::Result {
                let slot = self.answered(&frame, &text, seen)?;
                self.send(slot).await?;
            }
            match live::next_text(&mut self.socket).now_or_never() {
                Some(next) => text = next?,
                None => return Ok(()),
            }
        }
    }

    fn answered(&mut self, frame: &Frame<'_>, text: &str, seen: &mut Measured) -> Result<usize> {
        ensure!(
            frame.status == Some(201),
            "expected status 201, found {text}"
        );
        let slot: usize = frame.id.context("a result without an id")?.parse()?;
        let sent = self.slots.get_mut(slot).and_then(Option::take);
        let sent = sent.with_context(|| format!("a second result for call {slot}"))?;
        self.waiting -= 1;
        let now = Instant::now();
        let counts = match self.load.until {
            Until::Sent(_) => true,
            Until::Closed(window) => window.counts(now),
        };
        if counts {
            seen.acknowledged += 1;
            seen.latencies.record(now - sent);
        }
        Ok(slot)
    }

    /// Sends the next item under this slot's id, unless the load is over.
    async fn send(&mut self, slot: usize) -> Result<()> {
        let now = Instant::now();
        let over = match self.load.until {
            Until::Sent(count) => self.sent >= count,
            Until::Closed(window) => now >= window.until,
        };
        if over {
            return Ok(());
        }
        let threads = u64::try_from(self.load.threads.len())?.max(1);
        let turn = usize::try_from(self.sent % threads)?;
        let thread = self
            .load
            .threads
            .get(turn)
            .context("a pipeline without threads")?;
        let number = self.load.first_number + self.sent / threads;
        let call = live::call(&self.base, thread, slot, number);
        self.socket.feed(call).await?;
        self.sent += 1;
        self.waiting += 1;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(now);
        }
        Ok(())
    }
}
