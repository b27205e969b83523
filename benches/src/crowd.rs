//! Thousands of clients: they come together, follow, are cut off together or go when they have
//! everything.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Client, Followed, Left};
use crate::posting::Timing;
use crate::server::Target;

/// Handshakes under way at once: a client's retry spreads them in life.
const HANDSHAKES: usize = 256;

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the clients are to do.
#[derive(Debug, Clone)]
enum Signal {
    Follow,
    /// Follow, and note how late each of these items is.
    Time(Timing),
    /// Cut the connection now.
    Cut,
    /// Go once the last item of each thread is there.
    End(Arc<Vec<u64>>),
}

/// Clients that are there, or on their way.
#[derive(Debug)]
pub(crate) struct Crowd {
    clients: JoinSet<Result<Left>>,
    arrivals: mpsc::Receiver<()>,
    signal: watch::Sender<Signal>,
}

/// What a client comes with.
struct Coming {
    target: Target,
    threads: Arc<Vec<String>>,
    followed: Vec<Followed>,
    handshakes: Arc<Semaphore>,
    arrived: mpsc::Sender<()>,
    signal: watch::Receiver<Signal>,
}

impl Crowd {
    /// Lets them come, all at once.
    pub(crate) fn come(
        target: &Target,
        threads: &Arc<Vec<String>>,
        everybody: Vec<Vec<Followed>>,
    ) -> Self {
        let (arrived, arrivals) = mpsc::channel(everybody.len().max(1));
        let (signal, heard) = watch::channel(Signal::Follow);
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let mut clients = JoinSet::new();
        for followed in everybody {
            clients.spawn(attend(Coming {
                target: target.clone(),
                threads: threads.clone(),
                followed,
                handshakes: handshakes.clone(),
                arrived: arrived.clone(),
                signal: heard.clone(),
            }));
        }
        Self {
            clients,
            arrivals,
            signal,
        }
    }

    /// Waits until each of them has read the past to its end.
    pub(crate) async fn all_here(&mut self) -> Result<()> {
        for here in 0..self.clients.len() {
            tokio::select! {
                arrived = self.arrivals.recv() => arrived.context("nobody comes any more")?,
                gone = self.clients.join_next() => {
                    gone.context("no clients")?.context("a client's task")??;
                    bail!("a client went before all were there");
                }
                () = tokio::time::sleep(PATIENCE) => {
                    let all = self.clients.len();
                    bail!("{here} of {all} clients were there after {PATIENCE:?} without one");
                }
            }
        }
        Ok(())
    }

    /// From now on they note how late items are.
    pub(crate) fn time(&self, timing: &Timing) {
        self.signal.send_replace(Signal::Time(timing.clone()));
    }

    /// Cuts all connections.
    pub(crate) async fn cut(self) -> Result<Vec<Left>> {
        self.signal.send_replace(Signal::Cut);
        self.gone().await
    }

    /// Waits until everybody has the last item of each thread, and with it all before it.
    pub(crate) async fn end(self, last: Vec<u64>) -> Result<Vec<Left>> {
        self.signal.send_replace(Signal::End(Arc::new(last)));
        self.gone().await
    }

    async fn gone(mut self) -> Result<Vec<Left>> {
        let mut left = Vec::with_capacity(self.clients.len());
        while let Some(gone) = self.clients.join_next().await {
            left.push(gone.context("a client's task")??);
        }
        Ok(left)
    }
}

async fn attend(coming: Coming) -> Result<Left> {
    let Coming {
        target,
        threads,
        followed,
        handshakes,
        arrived,
        mut signal,
    } = coming;
    let permit = handshakes.acquire().await?;
    let mut client = Client::connect(&target, &threads, followed).await?;
    drop(permit);
    client.catch_up().await?;
    arrived.send(()).await.context("nobody waits for clients")?;
    loop {
        let now = signal.borrow_and_update().clone();
        let timing = match &now {
            Signal::Follow => None,
            Signal::Time(timing) => Some(timing),
            Signal::Cut => return client.cut(),
            Signal::End(last) => return read_to_the_end(client, last).await,
        };
        tokio::select! {
            changed = signal.changed() => changed.context("nobody leads the crowd")?,
            read = read_on(&mut client, timing) => return Err(read),
        }
    }
}

/// Reads until that fails, or nobody waits for it.
async fn read_on(client: &mut Client, timing: Option<&Timing>) -> anyhow::Error {
    loop {
        if let Err(error) = client.read(timing).await {
            return error;
        }
    }
}

async fn read_to_the_end(mut client: Client, last: &[u64]) -> Result<Left> {
    while !client.has_all(last) {
        timeout(PATIENCE, client.read(None))
            .await
            .map_err(|_| anyhow!("the last item of a thread did not come within {PATIENCE:?}"))??;
    }
    Ok(client.leave())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::Losses;
    use crate::pipeline::{self, Load, Until};
    use crate::stand_in;

    async fn write(target: &Target, first_number: u64, items: u64) -> Result<()> {
        let load = Load {
            threads: vec!["t1".to_owned()],
            first_number,
            in_flight: 4,
            until: Until::Sent(items),
        };
        pipeline::run_all(target, vec![load]).await?;
        Ok(())
    }

    #[tokio::test]
    async fn everybody_has_everything_over_a_cut() -> Result<()> {
        let target = stand_in::serve_live(201).await?;
        let threads = Arc::new(vec!["t1".to_owned()]);
        // twice on each socket
        let two = || vec![Followed::from_the_start(0), Followed::from_the_start(0)];
        write(&target, 0, 20).await?;
        let mut crowd = Crowd::come(&target, &threads, (0..10).map(|_| two()).collect());
        crowd.all_here().await?;
        let left = crowd.cut().await?;
        write(&target, 20, 20).await?;
        let back = left.into_iter().map(|left| left.followed).collect();
        let mut crowd = Crowd::come(&target, &threads, back);
        crowd.all_here().await?;
        write(&target, 40, 1).await?;
        let left = crowd.end(vec![40]).await?;
        assert_eq!(left.len(), 10);
        let mut losses = Losses::default();
        let accounts = left.iter().flat_map(|left| &left.followed);
        accounts.for_each(|one| losses.add(&one.account, 41));
        losses.must_be_none()
    }
}
