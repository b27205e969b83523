//! A live socket to the server.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, http::HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::crash::server::Announcement;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Fails while the server is away.
pub(super) async fn connect(server: &Announcement) -> Result<Socket, Error> {
    let endpoint = server.endpoint.replacen("http", "ws", 1);
    let mut request = format!("{endpoint}/live").into_client_request()?;
    let bearer = HeaderValue::try_from(format!("Bearer {}", server.key));
    request
        .headers_mut()
        .insert("Authorization", bearer.expect("a key is plain text"));
    // small frames must not wait for one another
    let no_delay = true;
    let (socket, _) = Box::pin(connect_async_with_config(request, None, no_delay)).await?;
    Ok(socket)
}
