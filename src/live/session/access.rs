//! Who the caller still is. A revocation reaches every socket at once, whatever it is doing.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use everlog_actors::Refused;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, RowsView};
use futures_util::{Sink, Stream};
use tokio::time::sleep;

use super::{Incoming, Session};
use crate::error::ApiError;
use crate::http::Edge;
use crate::live::ending::Ending;
use crate::live::outbox::Outgoing;

/// How often something that is busy is tried.
const TRIES: u32 = 200;
/// How long to wait between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

impl<I, O> Session<I, O>
where
    I: Stream<Item = Incoming> + Unpin,
    O: Sink<Outgoing> + Unpin,
{
    /// Somebody's access changed: authenticates again, unless a delivery did so already.
    pub(super) async fn look_again(&mut self) -> Result<(), Ending> {
        // First the mark, then the look: a change in between marks again.
        let _ = self.access.take();
        self.authenticated_under(self.epoch()).await
    }

    /// Makes sure that the caller was authenticated under an access epoch, or a later one.
    pub(super) async fn authenticated_under(&mut self, epoch: Offset) -> Result<(), Ending> {
        for _ in 0..TRIES {
            if self.caller.access_epoch >= epoch {
                return Ok(());
            }
            self.authenticate_again().await?;
            if self.caller.access_epoch < epoch {
                // The rows are an instant ahead of the epoch that authentication goes by.
                sleep(Duration::from_millis(1)).await;
            }
        }
        Err(Ending::Failed)
    }

    /// The project's access epoch, as events that are visible have moved it.
    pub(super) fn epoch(&self) -> Offset {
        self.edge.node.access_epoch(self.caller.project)
    }

    /// Finds out who the caller is by now. Anybody else than before is nobody.
    pub(super) async fn authenticate_again(&mut self) -> Result<(), Ending> {
        for _ in 0..TRIES {
            let now = crate::clock::now();
            let identities = &self.edge.identities;
            let found = identities
                .identify(&self.edge.node, &self.peer.credentials, now)
                .await;
            match found {
                Ok(identity) if identity.caller.principal == self.caller.principal => {
                    self.caller = Arc::new(identity.caller.clone());
                    self.peer.identity = identity;
                    return Ok(());
                }
                Ok(_) => return Err(Ending::Revoked),
                Err(error) if is_refusal(&error) => return Err(Ending::Revoked),
                // It is not known who it is: nothing is written until it is.
                Err(error) => {
                    error.log();
                    sleep(BETWEEN_TRIES).await;
                }
            }
        }
        Err(Ending::Failed)
    }
}

/// Reads in the turn of a project, and tries again while the readers are busy.
pub(super) async fn read<T: Send + 'static>(
    edge: &Edge,
    project: ProjectNumber,
    read: impl Fn(&dyn RowsView, &dyn Log) -> T + Clone + Send + 'static,
) -> Result<T, Ending> {
    for _ in 0..TRIES {
        match edge.node.reads().run(project, read.clone()).await {
            Ok(value) => return Ok(value),
            Err(Refused::Busy { .. }) => sleep(BETWEEN_TRIES).await,
            Err(Refused::Stopped) => return Err(Ending::Stopping),
            Err(refused) => {
                tracing::error!(%refused, "a live session could not read");
                return Err(Ending::Failed);
            }
        }
    }
    Err(Ending::Failed)
}

fn is_refusal(error: &ApiError) -> bool {
    let status = error.kind().status();
    status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS
}
