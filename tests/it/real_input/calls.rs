//! Writes as `call` frames on one live socket: many on their way at once, answered in any order.

use std::collections::HashMap;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

use super::backoff::Backoff;
use super::frames::{self, Frame};
use super::ledger::Acknowledgement;
use super::socket::{Socket, connect};
use crate::crash::client::Unacknowledged;
use crate::crash::server::Announcement;

type Outcome = Result<Acknowledgement, Unacknowledged>;

/// A handle on the socket, for one importer of several.
#[derive(Clone)]
pub(super) struct Calls {
    calls: mpsc::Sender<Call>,
}

struct Call {
    path: String,
    idempotency_key: String,
    body: Value,
    outcome: oneshot::Sender<Outcome>,
}

impl Calls {
    /// Opens a socket, which comes back after each loss, for as long as somebody holds a handle.
    pub(super) fn open(server: Announcement, seed: u64) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(carry(server, receiver, Backoff::new(seed)));
        Self { calls: sender }
    }

    pub(super) async fn post(&self, path: &str, idempotency_key: &str, body: &Value) -> Outcome {
        let (outcome, answer) = oneshot::channel();
        let call = Call {
            path: format!("/v1{path}"),
            idempotency_key: idempotency_key.to_owned(),
            body: body.clone(),
            outcome,
        };
        let sent = self.calls.send(call).await;
        sent.unwrap_or_else(|_| panic!("the socket's task ended before its importers"));
        // the socket was lost with the call on it
        answer.await.unwrap_or(Err(Unacknowledged::Unknown))
    }
}

async fn carry(server: Announcement, mut calls: mpsc::Receiver<Call>, mut backoff: Backoff) {
    while !calls.is_closed() {
        if let Ok(socket) = connect(&server).await {
            backoff.reset();
            carry_on(socket, &mut calls).await;
        }
        backoff.wait().await;
    }
}

/// Until the socket is lost, or nobody is left to call.
async fn carry_on(mut socket: Socket, calls: &mut mpsc::Receiver<Call>) {
    let mut unanswered: HashMap<String, oneshot::Sender<Outcome>> = HashMap::new();
    for number in 0_u64.. {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => answer(&text, &mut unanswered),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            call = calls.recv() => {
                let Some(call) = call else { return };
                let id = format!("c{number}");
                let frame = frame(&id, &call);
                // known before it is sent: a send that fails may have sent
                unanswered.insert(id, call.outcome);
                if socket.send(Message::text(frame)).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn frame(id: &str, call: &Call) -> String {
    json!({
        "type": "call",
        "id": id,
        "method": "POST",
        "path": call.path,
        "headers": { "Idempotency-Key": call.idempotency_key },
        "body": call.body,
    })
    .to_string()
}

fn answer(text: &str, unanswered: &mut HashMap<String, oneshot::Sender<Outcome>>) {
    let frame = frames::read(text);
    match frame.kind {
        "connected" | "pong" => {}
        "result" | "error" => {
            let outcome = frame.id.and_then(|id| unanswered.remove(id));
            let outcome = outcome.unwrap_or_else(|| panic!("an answer to no call: {text}"));
            let _importer_is_gone = outcome.send(read_outcome(&frame, text));
        }
        _ => panic!("a frame that no call asks for: {text}"),
    }
}

fn read_outcome(frame: &Frame<'_>, text: &str) -> Outcome {
    let id = frame.body.as_ref().and_then(|body| body.id);
    match (frame.status.or(frame.code), id) {
        (Some(201), Some(id)) => Ok(Acknowledgement {
            id: id.to_owned(),
            offset: None,
        }),
        (Some(429 | 503), _) => Err(Unacknowledged::Busy),
        _ => panic!("a call was refused: {text}"),
    }
}
