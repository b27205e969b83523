//! W: what the sockets themselves cost. A loop that does nothing but write the same frames to the
//! same number of sockets, with the same readers at their other ends.

use std::io::Write;
use std::net::{TcpListener, TcpStream as BlockingStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::follower::Follower;
use crate::live::Buffers;

/// Writes each frame to each of `sockets` sockets, so many `together` in one call; returns how long
/// it took until every reader had every frame.
pub(crate) async fn run(frames: &[String], sockets: usize, together: usize) -> Result<Duration> {
    let items = u64::try_from(frames.len())?;
    let wire = frames
        .chunks(together)
        .map(on_the_wire)
        .collect::<Result<Vec<_>>>()?;
    let mut writers = Vec::with_capacity(sockets);
    let mut readers = JoinSet::new();
    let listener = TcpListener::bind("127.0.0.1:0").context("the bare loop's listener")?;
    for _ in 0..sockets {
        let reader = TcpStream::connect(listener.local_addr()?).await?;
        let (writer, _) = listener.accept()?;
        writer.set_nodelay(true)?;
        writers.push(writer);
        let config = Some(Buffers::Small.config());
        let socket = WebSocketStream::from_raw_socket(reader, Role::Client, config).await;
        readers.spawn(async move { Follower::reading(socket).read_until(items).await });
    }
    let begun = Instant::now();
    let writing = thread::spawn(move || write_all(&mut writers, &wire));
    while let Some(ended) = readers.join_next().await {
        ended.context("a reader's task")??;
    }
    let elapsed = begun.elapsed();
    writing
        .join()
        .map_err(|_| anyhow!("the bare loop panicked"))??;
    Ok(elapsed)
}

/// One write a socket for all that came together, as a server does that fans it out when it comes.
fn write_all(writers: &mut [BlockingStream], due: &[Vec<u8>]) -> Result<()> {
    for frames in due {
        for writer in &mut *writers {
            writer.write_all(frames)?;
        }
    }
    Ok(())
}

fn on_the_wire(texts: &[String]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for text in texts {
        Frame::message(text.clone(), OpCode::Data(Data::Text), true).format(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn every_reader_gets_every_frame() -> Result<()> {
        let frames: Vec<String> = (0..20)
            .map(|number| {
                let body = item::body(number);
                format!(r#"{{"type":"event","id":"s1","prev":"a","cursor":"a","event":{body}}}"#)
            })
            .collect();
        for together in [1, 7, 20] {
            assert!(run(&frames, 5, together).await? > Duration::ZERO);
        }
        Ok(())
    }
}
