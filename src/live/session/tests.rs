//! The session without a socket: what it reads is a list, what it writes to is a channel.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::http::{HeaderMap, Request};
use axum::response::IntoResponse;
use everlog_actors::{CommitterMode, IdOrigin, Node, NodeOptions, ThreadRequest};
use everlog_domain::access::Permissions;
use everlog_domain::ids::{CONSOLE, KeyId, ProjectId, ProjectUid, ThreadId};
use everlog_domain::threads::{CreateThread, Metadata, SetPermissions, ThreadCommand};
use everlog_kit::{MemoryLog, MemoryRows};
use futures_util::stream;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::http::{Addresses, Calls, EdgeParts, LocalPages, Origins, SetUp};
use crate::json_answer::JsonAnswer;
use crate::key_text::KeyText;
use crate::live::places::Places;
use crate::live::results::{ProcessRoom, Room};
use everlog_domain::query::MAX_PAGE_BYTES;

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
        calls: calls::Caller::new(
            calls,
            Room::new(ProcessRoom::default()),
            Arc::clone(&credentials),
            None,
            &HeaderMap::new(),
        ),
        credentials,
        bound: MessageBound::of_guest(),
        texts: PastTexts::default(),
        place: Places::of_sockets()
            .take(identity.caller.project, None)
            .unwrap(),
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

/// Counts itself while it lives.
struct Running;

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

impl Running {
    fn begin() -> Self {
        let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(running, Ordering::SeqCst);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Beyond the bound the socket is not read: what waits is in the other side's kernel.
#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_bounded() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    let edge = edge().await;
    let endless = axum::routing::get(|| async {
        let _running = Running::begin();
        std::future::pending::<()>().await;
    });
    let peer = guest(&edge, Router::new().route("/v1/endless", endless)).await;
    let calls = stream::iter(0..1_000).map(|number: u32| {
        READ.fetch_add(1, Ordering::SeqCst);
        call(number, "GET", "/v1/endless")
    });
    let kept = Kept::default();
    let calls = calls.chain(stream::pending());
    let session = Session::new(edge, peer, calls, kept.clone()).run();
    // each call ends after a minute, and others take its place
    let waited = timeout(Duration::from_secs(230), session).await;
    assert!(waited.is_err(), "who waits for answers is not silent");
    assert_eq!(MOST.load(Ordering::SeqCst), MAX_CALLS);
    let answered = results(&kept.0.lock()).len();
    assert_eq!(
        (READ.load(Ordering::SeqCst), answered),
        (1_000, 3 * MAX_CALLS)
    );
}

/// Takes everything, and lets results leave only after a while: until then the other side does not
/// read.
struct ReadsLater {
    kept: Kept,
    begins: Pin<Box<tokio::time::Sleep>>,
}

impl Sink<Outgoing> for ReadsLater {
    type Error = ();

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, outgoing: Outgoing) -> Result<(), ()> {
        self.kept.0.lock().push(outgoing);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let only_greeted = self.kept.0.lock().len() == 1;
        if only_greeted {
            return Poll::Ready(Ok(()));
        }
        self.begins.as_mut().poll(cx).map(Ok)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        self.poll_flush(cx)
    }
}

fn call(id: u32, method: &str, path: &str) -> Incoming {
    let text = format!(r#"{{"type":"call","id":"{id}","method":"{method}","path":"{path}"}}"#);
    Incoming::Frame(ClientFrame::parse(&text).unwrap())
}

/// The results among what was sent, by id.
fn results(sent: &[Outgoing]) -> BTreeMap<u32, Value> {
    let frames = sent.iter().filter_map(|sent| match sent {
        Outgoing::Frame(text) => serde_json::from_str::<Value>(text).ok(),
        Outgoing::Ping | Outgoing::Close(..) => None,
    });
    let results = frames.filter(|frame| frame["type"] == "result");
    results
        .map(|frame| (frame["id"].as_str().unwrap().parse().unwrap(), frame))
        .collect()
}

/// What is not read is kept by the server only up to a bound, and then an error in its place.
#[tokio::test(start_paused = true)]
async fn results_that_nobody_reads_are_bounded() {
    const LARGE: usize = 3 << 20;
    let large = || async { JsonAnswer("x".repeat(LARGE)).into_response() };
    let routes = Router::new().route("/v1/large", axum::routing::get(large).post(large));
    let edge = edge().await;
    let peer = guest(&edge, routes).await;
    let calls = (0..20)
        .map(|id| call(id, "GET", "/v1/large"))
        .chain((20..40).map(|id| call(id, "POST", "/v1/large")));
    let later = stream::once(async {
        sleep(Duration::from_secs(20)).await; // everything has been read by then, on the paused clock
        call(40, "GET", "/v1/large")
    });
    let incoming = stream::iter(calls).chain(later).chain(stream::pending());
    let kept = Kept::default();
    let outgoing = ReadsLater {
        kept: kept.clone(),
        // on the paused clock: after everything that can happen has happened
        begins: Box::pin(sleep(Duration::from_secs(10))),
    };
    let session = Session::new(edge, peer, Box::pin(incoming), outgoing).run();
    assert!(timeout(Duration::from_secs(30), session).await.is_err());
    let results = results(&kept.0.lock());
    assert_eq!(results.len(), 41);
    let (whole, refused): (Vec<_>, Vec<_>) = results
        .iter()
        .partition(|(_, result)| result["status"] == 200);
    // as many as find room in 32 MiB, and the one that came later
    assert_eq!(whole.len(), 11);
    assert_eq!(
        results[&40]["status"], 200,
        "what is read gives its room back"
    );
    for (id, result) in refused {
        let kind = if *id < 20 {
            "server_busy"
        } else {
            "outcome_unknown"
        };
        assert_eq!(result["status"], 503, "{result}");
        assert_eq!(result["retryAfter"], 1, "{result}");
        assert_eq!(result["body"]["type"], kind, "{result}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_no_json_is_told_apart() {
    let large = || async { JsonAnswer("x".repeat(MAX_PAGE_BYTES)).into_response() };
    let routes = Router::new()
        .route("/v1/large", axum::routing::get(large))
        .route("/v1/text", axum::routing::get(|| async { "{}" }));
    let edge = edge().await;
    let peer = guest(&edge, routes).await;
    let calls = [call(0, "GET", "/v1/large"), call(1, "GET", "/v1/text")];
    let kept = Kept::default();
    let stopping = edge.stopping.begun.clone();
    let incoming = stream::iter(calls).chain(stream::once(async move {
        stopping.cancel();
        Incoming::SignOfLife
    }));
    let incoming = Box::pin(incoming.chain(stream::pending()));
    let ending = Session::new(edge, peer, incoming, kept.clone()).run().await;
    assert_eq!(ending, Ending::Stopping);
    let results = results(&kept.0.lock());
    let large = &results[&0];
    assert_eq!(
        (&large["status"], &large["body"]["type"]),
        (&json!(422), &json!("query_too_expensive"))
    );
    let text = &results[&1];
    assert_eq!((&text["status"], text.get("body")), (&json!(200), None));
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
        template: None,
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
