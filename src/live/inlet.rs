//! What comes in below the WebSocket, byte by byte. A message is only known above when it is
//! complete; until then it takes memory, so here is counted how large it is and for how long it has
//! been under way. Frames of control in between change neither.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::protocol::MAX_MESSAGE_BYTES;

/// Largest message of a guest, in bytes.
const MAX_GUEST_MESSAGE_BYTES: usize = 64 * 1024;
/// How long a message may take from its first byte to its last.
const WITHIN: Duration = Duration::from_secs(60);
/// Longest head of a frame (RFC 6455, 5.2).
const MAX_HEAD: usize = 14;

/// How large a message of a socket may be. Whoever it belongs to may become somebody.
#[derive(Debug, Clone)]
pub(super) struct MessageBound(Arc<AtomicUsize>);

impl MessageBound {
    /// For somebody without a name.
    pub(super) fn of_guest() -> Self {
        Self(Arc::new(AtomicUsize::new(MAX_GUEST_MESSAGE_BYTES)))
    }

    /// Its caller has a name.
    pub(super) fn raise(&self) {
        self.0.store(MAX_MESSAGE_BYTES, Ordering::Relaxed);
    }

    /// In bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Bytes beyond which a message is not read at all. One that is read and then refused is
    /// refused in good order: who closes on unread bytes resets the connection, reason and all.
    pub(super) fn most(&self) -> usize {
        2 * self.bytes()
    }
}

/// Why what comes in is read no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Unfit {
    #[error("a message is over the bound")]
    TooLarge,
    #[error("a message is under way for too long")]
    Overdue,
}

impl Unfit {
    /// The reason that an error of a read stands for, if it is one of these.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// A stream whose messages are watched while they come in.
pub(super) struct Inlet<S> {
    stream: S,
    bound: MessageBound,
    frames: Frames,
    /// While a message is under way.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Inlet<S> {
    pub(super) fn new(stream: S, bound: MessageBound) -> Self {
        Self {
            stream,
            bound,
            frames: Frames::default(),
            deadline: None,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        let ended = self.frames.take(bytes);
        if ended || !self.frames.are_under_way() {
            self.deadline = None;
        }
        if self.frames.are_under_way() && self.deadline.is_none() {
            self.deadline = Some(Box::pin(sleep(WITHIN)));
        }
        let most = u64::try_from(self.bound.most()).unwrap_or(u64::MAX);
        if self.frames.message > most {
            return Err(Unfit::TooLarge);
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Inlet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let new = buffer.filled().get(before..).unwrap_or_default();
                Poll::Ready(self.take(new).map_err(io::Error::other))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // Only now: what is there already was not late.
            Poll::Pending => {
                let Some(deadline) = &mut self.deadline else {
                    return Poll::Pending;
                };
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::other(Unfit::Overdue)))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Inlet<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where in the frames of a client (RFC 6455, 5.2) the bytes have got to. What is no frame is for
/// the WebSocket above to refuse.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; MAX_HEAD],
    /// Bytes of the head that are there.
    have: usize,
    /// Bytes of the payload that are to come.
    left: u64,
    /// Whether the frame ends a message.
    ends: bool,
    /// Whether a message has begun that has not ended.
    open: bool,
    /// Bytes of the message under way, as its frames announce them.
    message: u64,
}

impl Frames {
    const fn are_under_way(&self) -> bool {
        self.open || self.have > 0 || self.left > 0
    }

    /// Takes in bytes. Answers whether a message ended in them.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let payload =
                    usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= payload as u64;
                bytes = bytes.get(payload..).unwrap_or_default();
            } else if let Some((byte, rest)) = bytes.split_first() {
                bytes = rest;
                self.take_head(*byte);
            }
            if self.ends && self.left == 0 && self.have == 0 {
                (self.ends, self.open, self.message) = (false, false, 0);
                ended = true;
            }
        }
        ended
    }

    fn take_head(&mut self, byte: u8) {
        if let Some(place) = self.head.get_mut(self.have) {
            *place = byte;
        }
        self.have += 1;
        let [first, second, extended @ ..] = self.head;
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if self.have < 2 || self.have < 2 + length_bytes + mask_bytes {
            return;
        }
        self.have = 0;
        let mut length = [0; 8];
        if length_bytes == 0 {
            length[7] = second & 0x7f;
        } else {
            let digits = extended.iter().take(length_bytes);
            let places = length.iter_mut().skip(8 - length_bytes);
            places
                .zip(digits)
                .for_each(|(place, digit)| *place = *digit);
        }
        self.left = u64::from_be_bytes(length);
        let is_control = first & 0x08 != 0;
        if !is_control {
            self.open = true;
            self.ends = first & 0x80 != 0;
            self.message = self.message.saturating_add(self.left);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, advance, timeout};

    use super::*;

    /// A masked frame of a client.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(0x80 | u8::try_from(payload).unwrap()),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(payload as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[1, 2, 3, 4]);
        frame.resize(frame.len() + payload, b'x');
        frame
    }

    const TEXT: u8 = 0x81;
    const TEXT_BEGINS: u8 = 0x01;
    const GOES_ON: u8 = 0x00;
    const ENDS: u8 = 0x80;
    const PING: u8 = 0x89;

    fn inlet() -> (DuplexStream, Inlet<DuplexStream>) {
        let (near, far) = duplex(1024 * 1024);
        (near, Inlet::new(far, MessageBound::of_guest()))
    }

    /// Reads until nothing more comes; the reason if it ends.
    async fn read_on(inlet: &mut Inlet<DuplexStream>, within: Duration) -> Option<Unfit> {
        let mut buffer = [0; 4096];
        let reading = async {
            loop {
                match inlet.read(&mut buffer).await {
                    Ok(0) => panic!("the end"),
                    Ok(_) => {}
                    Err(error) => return Unfit::of(&error),
                }
            }
        };
        timeout(within, reading).await.unwrap_or(None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_end_is_overdue_whatever_stands_in_between() {
        let half = frame(TEXT, 1_000);
        let fragment = frame(TEXT_BEGINS, 1_000);
        let after_another = [frame(TEXT, 10), frame(TEXT_BEGINS, 0)].concat();
        for (beginning, takes_pings) in [
            (&half[..1], false),
            (&half[..5], false),
            (&half[..500], false),
            (&fragment[..], true),
            (&after_another[..], true),
        ] {
            let (mut near, mut inlet) = inlet();
            let began = Instant::now();
            near.write_all(beginning).await.unwrap();
            let mut found = None;
            while found.is_none() {
                found = read_on(&mut inlet, Duration::from_secs(10)).await;
                if takes_pings {
                    near.write_all(&frame(PING, 4)).await.unwrap();
                }
                assert!(began.elapsed() <= WITHIN + Duration::from_secs(1));
            }
            assert_eq!(found, Some(Unfit::Overdue));
            assert!(began.elapsed() >= WITHIN);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_whole_messages_is_never_late() {
        let (mut near, mut inlet) = inlet();
        for _ in 0..10 {
            let whole = [
                frame(TEXT, 70_000),
                frame(TEXT_BEGINS, 3),
                frame(PING, 0),
                frame(GOES_ON, 0),
                frame(ENDS, 4),
            ];
            near.write_all(&whole.concat()).await.unwrap();
            assert_eq!(read_on(&mut inlet, Duration::from_secs(1)).await, None);
            advance(Duration::from_secs(100)).await;
        }
        // Slow, but each within its time: a message that follows another begins anew.
        let two = [frame(TEXT, 1_000), frame(TEXT, 1_000)].concat();
        for part in [&two[..100], &two[100..1_500], &two[1_500..]] {
            near.write_all(part).await.unwrap();
            assert_eq!(read_on(&mut inlet, Duration::from_secs(40)).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_guests_message_is_small_until_it_has_a_name() {
        let large = [frame(TEXT_BEGINS, 100_000), frame(ENDS, 100_000)].concat();
        let (mut near, mut inlet) = inlet();
        near.write_all(&large).await.unwrap();
        let found = read_on(&mut inlet, Duration::from_secs(1)).await;
        assert_eq!(found, Some(Unfit::TooLarge));

        let (mut near, mut inlet) = self::inlet();
        inlet.bound.raise();
        near.write_all(&large).await.unwrap();
        assert_eq!(read_on(&mut inlet, Duration::from_secs(1)).await, None);
    }

    proptest! {
        #[test]
        fn frames_are_told_however_they_are_cut(
            payloads in prop::collection::vec((0usize..70_000, any::<bool>()), 1..6),
            cut in 1usize..9_000,
        ) {
            let mut bytes = frame(TEXT_BEGINS, 5);
            let mut message = 5;
            for (payload, is_control) in payloads {
                let (first, payload) = if is_control { (PING, payload % 126) } else { (GOES_ON, payload) };
                message += if is_control { 0 } else { payload as u64 };
                bytes.extend(frame(first, payload));
            }
            let mut frames = Frames::default();
            for part in bytes.chunks(cut) {
                prop_assert!(!frames.take(part));
                prop_assert!(frames.are_under_way());
            }
            prop_assert_eq!((frames.message, frames.left, frames.have), (message, 0, 0));
            prop_assert!(frames.take(&frame(ENDS, 7)));
            prop_assert!(!frames.are_under_way());
        }
    }
}
