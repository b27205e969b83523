//! A client: one socket that follows several threads, with an account of each.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::SinkExt;

use crate::follower::Account;
use crate::live::{self, Buffers, Frame, Kind, Resource, Socket};
use crate::posting::Timing;
use crate::server::Target;

/// A thread that a client follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followed {
    /// The thread's place among all.
    pub(crate) thread: usize,
    pub(crate) account: Account,
    caught_up: bool,
}

impl Followed {
    /// From its first item on.
    pub(crate) fn from_the_start(thread: usize) -> Self {
        Self {
            thread,
            ..Self::default()
        }
    }
}

/// What a client leaves behind when it goes.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) followed: Vec<Followed>,
    /// Of the items that were timed, from the time they were due.
    pub(crate) latencies: Vec<Duration>,
}

/// A client with its connection.
#[derive(Debug)]
pub(crate) struct Client {
    socket: Socket,
    followed: Vec<Followed>,
    /// Threads whose past has not been read to its end.
    behind: usize,
    latencies: Vec<Duration>,
}

impl Client {
    /// Connects, and asks for what follows each account.
    pub(crate) async fn connect(
        target: &Target,
        threads: &[String],
        mut followed: Vec<Followed>,
    ) -> Result<Self> {
        let mut socket = live::connect(target, Buffers::Small).await?;
        for (place, one) in followed.iter_mut().enumerate() {
            one.caught_up = false;
            let thread = threads.get(one.thread).context("no such thread")?;
            let id = place.to_string();
            let asked = live::subscription(&id, Resource::Thread(thread), one.account.from());
            socket.feed(asked).await.context("subscribing")?;
        }
        socket.flush().await.context("subscribing")?;
        Ok(Self {
            socket,
            behind: followed.len(),
            followed,
            latencies: Vec::new(),
        })
    }

    /// Reads until the past of every thread has ended.
    pub(crate) async fn catch_up(&mut self) -> Result<()> {
        while self.behind > 0 {
            self.read(None).await?;
        }
        Ok(())
    }

    /// Reads one frame. Dropped while it waits, nothing is lost.
    pub(crate) async fn read(&mut self, timing: Option<&Timing>) -> Result<()> {
        let text = live::next_text(&mut self.socket).await?;
        let frame = Frame::parse(&text)?;
        if !frame.kind.is_link() {
            return Ok(());
        }
        let place: usize = frame.id.context("a link of no subscription")?.parse()?;
        let one = self.followed.get_mut(place).context("no such place")?;
        one.account.enter(&frame);
        if frame.kind == Kind::CaughtUp && !one.caught_up {
            one.caught_up = true;
            self.behind -= 1;
        }
        let scheduled = frame
            .number
            .zip(timing)
            .and_then(|(number, timing)| timing.scheduled(one.thread, number));
        if let Some(scheduled) = scheduled {
            self.latencies.push(scheduled.elapsed());
        }
        Ok(())
    }

    /// Whether it has the last item of each of its threads.
    pub(crate) fn has_all(&self, last: &[u64]) -> bool {
        let has = |one: &Followed| {
            let last = last.get(one.thread);
            last.is_some_and(|last| one.account.has(*last))
        };
        self.followed.iter().all(has)
    }

    /// Cuts the connection: what is on its way is thrown away by both ends (a reset).
    pub(crate) fn cut(self) -> Result<Left> {
        self.socket
            .get_ref()
            .set_zero_linger()
            .context("cutting a connection")?;
        Ok(self.leave())
    }

    /// Drops the connection without a word.
    pub(crate) fn leave(self) -> Left {
        Left {
            followed: self.followed,
            latencies: self.latencies,
        }
    }
}
