//! The names of requests: each answer bears its own, and the server's log says by it what went
//! wrong.

use std::fmt;

/// Names a request: 16 hexadecimal characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 8]);

tokio::task_local! {
    static CURRENT: RequestId;
}

impl RequestId {
    /// A name that no request of this process has.
    #[must_use]
    pub(crate) fn new() -> Self {
        let [a, b, c, d, e, f, g, h, ..] = crate::random::name();
        Self([a, b, c, d, e, f, g, h])
    }

    /// The name of the request that is being answered here, if it is one.
    #[must_use]
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }

    /// Does something under this name.
    pub(crate) async fn answer<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 16];
        // 8 bytes have 16 digits, always
        let written = hex::encode_to_slice(self.0, &mut text).is_ok();
        let text = std::str::from_utf8(&text).ok().filter(|_| written);
        f.write_str(text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_knows_its_own_name_only() {
        let (one, two) = (RequestId::new(), RequestId::new());
        assert_ne!(one, two);
        assert_eq!(one.to_string().len(), 16);
        let inside = one.answer(async { RequestId::current() }).await;
        assert_eq!((inside, RequestId::current()), (Some(one), None));
    }
}
