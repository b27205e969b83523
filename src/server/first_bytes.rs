//! The first bytes of a connection.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a connection may take to say which protocol it speaks.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(10);
/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
pub(super) const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How soon a preface that is not whole is looked at again.
const PREFACE_AGAIN: Duration = Duration::from_millis(20);

/// Whether the client says in time which protocol it speaks: the limits of the protocols begin
/// after that, and a place must not be had for a bare connect.
pub(super) async fn speaks(stream: &TcpStream) -> bool {
    let mut beginning = [0; HTTP2_PREFACE.len()];
    let told = async {
        loop {
            match stream.peek(&mut beginning).await {
                Ok(0) | Err(_) => return false,
                Ok(read)
                    if read < HTTP2_PREFACE.len()
                        && HTTP2_PREFACE.starts_with(&beginning[..read]) =>
                {
                    // what is there stays readable, so that nothing wakes for more
                    sleep(PREFACE_AGAIN).await;
                }
                Ok(_) => return true,
            }
        }
    };
    timeout(FIRST_BYTES_WITHIN, told).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    async fn spoken(beginning: &[u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(beginning).await.unwrap();
        if !beginning.is_empty() {
            stream.readable().await.unwrap();
        }
        tokio::time::pause(); // the limit passes at once where nothing comes
        let speaks = speaks(&stream).await;
        tokio::time::resume();
        drop(client);
        speaks
    }

    #[tokio::test]
    async fn who_does_not_say_what_it_speaks_gets_no_place() {
        for beginning in [&b""[..], b"PRI", b"PRI * HTTP/2.0"] {
            assert!(!spoken(beginning).await, "{beginning:?}");
        }
        for beginning in [&b"G"[..], b"GET / HTTP/1.1", b"PUT", HTTP2_PREFACE] {
            assert!(spoken(beginning).await, "{beginning:?}");
        }
    }
}
