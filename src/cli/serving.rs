//! What `serve` and `dev` share: from an open data folder to the end of the last connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::descriptors;
use super::failure::Failure;
use crate::config::NetworkOptions;
use crate::http::{Addresses, Edge, EdgeParts, LocalPages, Origins, SetUp};
use crate::routes::routes;
use crate::server::{self, Places};
use crate::sweeping::keep_sweeping;
use crate::wiring::Running;

/// The log failed (`EX_SOFTWARE` of sysexits.h): what is on the disk is unknown until a restart
/// reads it.
const HALTED: i32 = 70;

/// A runtime with a thread a processor.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(Failure::failed)
}

/// A server that listens, and does not accept yet.
pub(super) struct Serving {
    pub(super) edge: Arc<Edge>,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    places: Arc<Places>,
    running: Running,
    between_sweeps: Duration,
    /// Heard from here on: whoever is told that the server listens may ask it to stop.
    terminate: Signal,
    interrupt: Signal,
}

/// Connections that wait to be accepted, as far as the system allows (net.core.somaxconn). Clients that
/// come back all at once find no room in a short queue: the system drops their first packet, and they
/// try again only after a second.
const WAITING: u32 = 4_096;

/// Listens at an address, as `TcpListener::bind` does, with a queue of that length.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // a restarted server need not wait for the connections of the former one
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

impl Serving {
    /// Takes the address.
    pub(super) async fn listen(
        running: Running,
        network: &NetworkOptions,
        local: LocalPages,
    ) -> Result<Self, Failure> {
        let max_connections = descriptors::connections(network.max_connections);
        let listener = bind(network.listen);
        let listen =
            |error| Failure::failed(format!("cannot listen on {}: {error}", network.listen));
        let listener = listener.map_err(listen)?;
        let edge = Edge::new(EdgeParts {
            node: running.node.clone(),
            secret: running.secret.clone(),
            origins: Origins::new(&network.allowed_origins, local),
            addresses: Addresses {
                trusted_proxies: network.trusted_proxies.clone(),
                metrics_from: network.metrics_from.clone(),
            },
            set_up: SetUp::of(&running.node).await?,
        })?;
        Ok(Self {
            edge,
            address: listener.local_addr()?,
            listener,
            places: Places::new(max_connections, network.trusted_proxies.clone()),
            running,
            between_sweeps: Duration::from_secs(network.retention_interval),
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Serves until the process is asked to stop, and stops in order: connections, actors, log.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let stop = async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            tracing::info!("stopping");
        };
        tracing::info!(address = %self.address, "serving");
        let router = routes(&self.edge);
        let stopping = self.edge.stopping.clone();
        let serving = server::serve(self.listener, router, &stopping, &self.places, stop);
        tokio::select! {
            () = serving => {}
            halt = self.running.node.halted() => halt_process(&halt),
            () = self.running.keep_checkpoints() => {}
            () = keep_sweeping(&self.running.node, self.between_sweeps) => {}
            () = crate::telemetry::keep_metrics() => {}
        }
        if let Err(halt) = self.running.stop().await {
            halt_process(&halt);
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Ends at once: nothing may touch the data folder any more.
#[expect(
    clippy::disallowed_methods,
    reason = "destructors would write to a log whose state on the disk is unknown"
)]
pub(super) fn halt_process(halt: &everlog_actors::Halt) -> ! {
    tracing::error!(%halt, "the log failed: the process ends, a restart reads what is durable");
    std::process::exit(HALTED);
}
