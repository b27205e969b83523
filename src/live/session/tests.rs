//! The session without a socket: what it reads is a list, what it writes to is a channel.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::http::{HeaderMap, Request};
use everlog_actors::{CommitterMode, IdOrigin, Node, NodeOptions, ThreadRequest};
use everlog_domain::access::Permissions;
use everlog_domain::ids::{CONSOLE, KeyId, ProjectId, ProjectUid, ThreadId};
use everlog_domain::threads::{CreateThread, Metadata, SetPermissions, ThreadCommand};
use everlog_kit::{MemoryLog, MemoryRows};
use futures_util::stream;
use parking_lot::Mutex;

use super::*;
use crate::http::{Addresses, Calls, EdgeParts, LocalPages, Origins, SetUp};
use crate::key_text::KeyText;
use crate::live::places::Places;

async fn edge() -> Arc<Edge> {
    let options = NodeOptions {
        committer: CommitterMode::Inline,
        ..NodeOptions::new(ProjectUid([1; 16]))
    };
    let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(MemoryRows::new()));
    let node = Node::start(log, rows, options).await.unwrap();
    Edge::new(EdgeParts {
        set_up: SetUp::of(&node).await.unwrap(),
        node,
        secret: b"secret".to_vec(),
        origins: Origins::new(&[], LocalPages::Listed),
        addresses: Addresses::default(),
    })
    .unwrap()
}

/// A guest of the console, whose calls go to these routes.
async fn guest(edge: &Arc<Edge>, routes: Router) -> Peer {
    let parts = Request::new(()).into_parts().0;
    let credentials = Arc::new(Credentials::of(&parts).unwrap());
    let now = crate::clock::now();
    let identity = edge
        .identities
        .identify(&edge.node, &credentials, now)
        .await
        .unwrap();
    let calls = Calls::new(routes);
    Peer {
        calls: calls::Caller::new(calls, Arc::clone(&credentials), None, &HeaderMap::new()),
        credentials,
        bound: MessageBound::of_guest(),
        place: Places::default().take(identity.caller.project).unwrap(),
        identity,
    }
}

/// Keeps what is sent.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Outgoing>>>);

impl Sink<Outgoing> for Kept {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, outgoing: Outgoing) -> Result<(), ()> {
        self.0.lock().push(outgoing);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }
}

fn greeting() -> Outgoing {
    let text = r#"{"type":"connected","project":"console","principal":"guest"}"#;
    Outgoing::Frame(text.to_owned())
}

/// Takes frames and never lets them leave: the other side does not read.
struct Stuck;

impl Sink<Outgoing> for Stuck {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, _: Outgoing) -> Result<(), ()> {
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn who_sends_nothing_at_all_is_asked_twice_and_then_left() {
    let edge = edge().await;
    let peer = guest(&edge, Router::new()).await;
    let kept = Kept::default();
    let began = Instant::now();
    let ending = Session::new(edge, peer, stream::pending(), kept.clone())
        .run()
        .await;
    assert_eq!(ending, Ending::Silent);
    assert_eq!(began.elapsed().as_secs(), (SILENCE + GOODBYE).as_secs());
    let close = Outgoing::Close(4408, "silent");
    assert_eq!(
        *kept.0.lock(),
        [greeting(), Outgoing::Ping, Outgoing::Ping, close]
    );
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_is_enough() {
    let edge = edge().await;
    let peer = guest(&edge, Router::new()).await;
    let kept = Kept::default();
    let signs = stream::unfold((), |()| async {
        sleep(Duration::from_secs(50)).await; // the other side's own pings, on the paused clock
        Some((Incoming::SignOfLife, ()))
    });
    let session = Session::new(edge, peer, Box::pin(signs), kept).run();
    assert!(
        timeout(Duration::from_secs(3_600), session).await.is_err(),
        "it goes on"
    );
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_left_much_later() {
    let edge = edge().await;
    let peer = guest(&edge, Router::new()).await;
    let began = Instant::now();
    let ending = Session::new(edge, peer, stream::pending(), Stuck)
        .run()
        .await;
    assert_eq!(ending, Ending::Silent);
    assert!(began.elapsed() >= STUCK);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_who_does_not_read() {
    let edge = edge().await;
    let peer = guest(&edge, Router::new()).await;
    edge.stopping.begun.cancel();
    let began = Instant::now();
    let ending = Session::new(edge, peer, stream::pending(), Stuck)
        .run()
        .await;
    assert_eq!(ending, Ending::Stopping);
    assert!(began.elapsed() <= LAST_CALLS + GOODBYE);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said_before_the_end() {
    for (incoming, kind, code) in [
        (
            Incoming::Invalid(InvalidFrame::Proof),
            "live_frame_invalid",
            1008,
        ),
        (Incoming::Binary, "live_frame_binary", 1003),
        (Incoming::TooLarge, "live_frame_too_large", 1009),
    ] {
        let edge = edge().await;
        let peer = guest(&edge, Router::new()).await;
        let kept = Kept::default();
        Session::new(edge, peer, stream::iter([incoming]), kept.clone())
            .run()
            .await;
        let sent = kept.0.lock();
        let [_, Outgoing::Frame(error), Outgoing::Close(found, _)] = sent.as_slice() else {
            panic!("{sent:?}");
        };
        assert!(error.contains(kind), "{error}");
        assert_eq!(*found, code);
    }
}

/// Beyond the bound the socket is not read: what waits is in the other side's kernel.
#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_bounded() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    let edge = edge().await;
    let endless = axum::routing::get(std::future::pending::<()>);
    let peer = guest(&edge, Router::new().route("/v1/endless", endless)).await;
    let calls = stream::iter(0..1_000).map(|number: u32| {
        READ.fetch_add(1, Ordering::SeqCst);
        let text =
            format!(r#"{{"type":"call","id":"{number}","method":"GET","path":"/v1/endless"}}"#);
        Incoming::Frame(ClientFrame::parse(&text).unwrap())
    });
    let kept = Kept::default();
    let session = Session::new(edge, peer, calls, kept).run();
    let waited = timeout(Duration::from_secs(600), session).await;
    assert!(waited.is_err(), "who waits for answers is not silent");
    assert_eq!(READ.load(Ordering::SeqCst), MAX_CALLS);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_identified_now_is_asked_to_come_back_and_not_refused() {
    let edge = edge().await;
    let peer = guest(&edge, Router::new()).await;
    let project = ProjectId::parse("console").unwrap();
    let key = KeyText::new(project, KeyId::from_seed(&[7; 16])).reveal();
    // Nobody reads any more.
    edge.node.stop().await;
    let text = format!(r#"{{"type":"authenticate","key":"{key}"}}"#);
    let frame = Incoming::Frame(ClientFrame::parse(&text).unwrap());
    let kept = Kept::default();
    let ending = Session::new(edge, peer, stream::iter([frame]), kept.clone())
        .run()
        .await;
    assert_eq!(ending, Ending::Busy);
    let sent = kept.0.lock();
    let [_, Outgoing::Frame(error), Outgoing::Close(1013, _)] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert!(error.contains("server_busy"), "{error}");
}

/// Takes frames, and from the first `pong` on lets none leave until it is opened.
#[derive(Clone, Default)]
struct Gate {
    kept: Kept,
    closed: Arc<AtomicBool>,
}

impl Gate {
    /// Frames that the session gathered.
    fn frames(&self) -> Vec<Outgoing> {
        self.kept.0.lock().clone()
    }
}

impl Sink<Outgoing> for Gate {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, outgoing: Outgoing) -> Result<(), ()> {
        let is_pong = matches!(&outgoing, Outgoing::Frame(text) if text.contains("pong"));
        self.closed.fetch_or(is_pong, Ordering::SeqCst);
        self.kept.0.lock().push(outgoing);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        if self.closed.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Pending
    }
}

/// Does something to the thread `t` of the console, in the server's name.
async fn act(edge: &Edge, command: ThreadCommand) {
    let request = ThreadRequest {
        caller: edge.node.system(CONSOLE),
        thread: ThreadId::parse("t").unwrap(),
        command,
        item_id: IdOrigin::Chosen,
        wish: None,
        now: crate::clock::now(),
    };
    edge.node.thread(request).await.unwrap();
}

/// A snapshot does not wait behind what a slow reader has not taken, or it would tell what the
/// reader may not see any more when it leaves.
#[tokio::test]
async fn a_right_that_goes_while_the_outbox_is_full_opens_nothing() {
    let edge = edge().await;
    let everybody = Permissions::from_stored(&["read(\"any\")"]).unwrap();
    let create = CreateThread {
        thread: ThreadId::parse("t").unwrap(),
        name: None,
        metadata: Metadata::default(),
        permissions: Some(everybody),
        participants: Vec::new(),
    };
    act(&edge, ThreadCommand::Create(create)).await;
    let peer = guest(&edge, Router::new()).await;
    // As many as fill the outbox, each with an id whose escapes are long, and then the one behind.
    let ping = format!(r#"{{"type":"ping","id":"{}"}}"#, r"\u0001".repeat(64));
    let pong = frames::pong(match &ClientFrame::parse(&ping).unwrap() {
        ClientFrame::Ping(id) => id.as_ref(),
        other => panic!("{other:?}"),
    });
    let pings = (16 * 1024usize).div_ceil(pong.len());
    assert!(pings < FRAMES_AT_ONCE);
    let subscribe = r#"{"type":"subscribe","id":"s","resource":"threads/t"}"#;
    let texts = std::iter::repeat_n(ping.as_str(), pings).chain([subscribe]);
    let incoming: Vec<Incoming> = texts
        .map(|text| Incoming::Frame(ClientFrame::parse(text).unwrap()))
        .collect();
    let incoming = stream::iter(incoming).chain(stream::pending());
    let gate = Gate::default();
    let session = Session::new(Arc::clone(&edge), peer, incoming, gate.clone()).run();
    let session = tokio::spawn(session);
    while gate.frames().len() < 1 + pings {
        tokio::task::yield_now().await;
    }
    let nobody = Permissions::default();
    act(
        &edge,
        ThreadCommand::SetPermissions(SetPermissions {
            permissions: nobody,
        }),
    )
    .await;
    gate.closed.store(false, Ordering::SeqCst);
    while gate.frames().len() < 2 + pings {
        tokio::task::yield_now().await;
    }
    let Some(Outgoing::Frame(answer)) = gate.frames().pop() else {
        panic!("{:?}", gate.frames());
    };
    assert!(answer.contains("thread_not_found"), "{answer}");
    session.abort();
}
