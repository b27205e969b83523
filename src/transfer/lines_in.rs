//! The lines of a body that is longer than memory.

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;

/// Longest line: above what the largest item takes, escaped.
pub(super) const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// Reads a body line by line. At most one line and what came with its end are in memory.
pub(super) struct LinesIn {
    body: BodyDataStream,
    came: Vec<u8>,
    /// Up to where no line ends.
    looked_at: usize,
    /// Whether the line that is under way is too long, and thrown away.
    too_long: bool,
    number: u64,
    is_over: bool,
}

/// A line with its number, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineIn {
    pub(super) number: u64,
    /// Its bytes; nothing if it is longer than [`MAX_LINE_BYTES`].
    pub(super) bytes: Option<Vec<u8>>,
}

impl LinesIn {
    pub(super) fn of(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            came: Vec::new(),
            looked_at: 0,
            too_long: false,
            number: 0,
            is_over: false,
        }
    }

    /// The next line; nothing at the end.
    ///
    /// # Errors
    /// Where the body ends before it is complete.
    pub(super) async fn next(&mut self) -> Result<Option<LineIn>, axum::Error> {
        loop {
            let rest = self.came.get(self.looked_at..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let end = self.looked_at + end;
                let after = self.came.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.came, after);
                line.truncate(end);
                return Ok(Some(self.line(line)));
            }
            self.looked_at = self.came.len();
            if self.came.len() > MAX_LINE_BYTES {
                self.too_long = true;
            }
            if self.too_long {
                self.came.clear();
                self.looked_at = 0;
            }
            if self.is_over {
                let last = std::mem::take(&mut self.came);
                let is_line = !last.is_empty() || self.too_long;
                return Ok(is_line.then(|| self.line(last)));
            }
            match self.body.next().await {
                Some(bytes) => self.came.extend_from_slice(&bytes?),
                None => self.is_over = true,
            }
        }
    }

    fn line(&mut self, bytes: Vec<u8>) -> LineIn {
        self.looked_at = 0;
        self.number += 1;
        let too_long = std::mem::take(&mut self.too_long) || bytes.len() > MAX_LINE_BYTES;
        LineIn {
            number: self.number,
            bytes: (!too_long).then_some(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    async fn read(pieces: Vec<Vec<u8>>) -> Vec<LineIn> {
        let pieces = pieces.into_iter().map(Ok::<_, Infallible>);
        let mut lines = LinesIn::of(Body::from_stream(stream::iter(pieces)));
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(line);
        }
        found
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_counted_and_thrown_away() {
        let long = vec![b'x'; MAX_LINE_BYTES / 2 + 1];
        let pieces = vec![b"one\n".to_vec(), long.clone(), long, b"\nthree".to_vec()];
        let found = read(pieces).await;
        let line = |number, bytes: Option<&[u8]>| LineIn {
            number,
            bytes: bytes.map(<[u8]>::to_vec),
        };
        assert_eq!(
            found,
            [
                line(1, Some(b"one")),
                line(2, None),
                line(3, Some(b"three"))
            ]
        );
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_are_cut_into_pieces(
            text in "[a\n]{0,60}",
            cuts in proptest::collection::vec(0_usize..60, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in cuts.into_iter().chain([text.len()]) {
                pieces.push(text.as_bytes()[from..at].to_vec());
                from = at;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let found = runtime.block_on(read(pieces));
            let expected: Vec<LineIn> = (1..)
                .zip(text.lines())
                .map(|(number, line)| LineIn {
                    number,
                    bytes: Some(line.as_bytes().to_vec()),
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
