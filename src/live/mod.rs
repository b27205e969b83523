//! `/v1/live`: one WebSocket for everything that changes, and `/v1/threads/{threadId}/events`, one
//! thread as server-sent events. `docs/live.md` has the protocol.
//!
//! A subscription is a cursor on the log, never a queue. Its past is read from the log at its own
//! pace (`catch_up`), its present from the hub's rings (`present`); both make the same links of
//! what they find. One task serves a socket (`session`), whoever is slow slows down nobody else.

mod calls;
mod catch_up;
mod ending;
mod event_stream;
mod event_text;
mod frames;
mod inlet;
mod life;
mod opening;
mod outbox;
mod page;
mod past_texts;
mod places;
mod present;
mod protocol;
mod refusal;
mod resource;
mod results;
mod session;
mod shown;
mod snapshot;
mod socket;
mod subscription;
mod subscriptions;
mod thread_events;
mod timeline;
mod transport;

use axum::Extension;
use axum::routing::get;

use crate::http::Route;

pub(crate) use page::Pace;
pub(crate) use places::{Place, Places};
pub(crate) use session::{Unidentified, identify};

/// The routes.
pub(crate) fn routes() -> [Route; 2] {
    let shared = (
        Extension(places::Places::of_sockets()),
        Extension(results::ProcessRoom::default()),
        Extension(past_texts::PastTexts::default()),
    );
    [
        ("/v1/live", get(socket::open).layer(shared.clone())),
        (
            "/v1/threads/{threadId}/events",
            get(thread_events::get).layer(shared),
        ),
    ]
}
