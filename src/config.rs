//! What the program is started with: flags, or the environment under `EVERLOG_…`.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::Uri;
use clap::Args;
use ipnet::IpNet;

/// Where the data is, and what opens it.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataOptions {
    /// Folder of the data
    #[arg(long, env = "EVERLOG_DATA", default_value = "everlog-data")]
    pub data: PathBuf,
    /// The master key and the checkpoints.
    #[command(flatten)]
    pub keys: KeyOptions,
}

/// Where the master key and the checkpoints are. The master key itself can come from the
/// environment (`EVERLOG_MASTER_KEY`), not from a flag: that would show in the list of processes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KeyOptions {
    /// File with the master key (64 hexadecimal characters). Without it and without
    /// EVERLOG_MASTER_KEY the key lies in the data folder, made there at the first start
    #[arg(long, env = "EVERLOG_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// Second folder for signed checkpoints, outside the data folder; by it `verify` can tell that
    /// a log was written anew
    #[arg(long, env = "EVERLOG_CHECKPOINT_DIR")]
    pub checkpoint_dir: Option<PathBuf>,
}

/// How the server meets the network.
#[derive(Debug, Clone, Args)]
pub(crate) struct NetworkOptions {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "EVERLOG_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Proxy (address or network) whose X-Forwarded-For and X-Forwarded-Proto are believed;
    /// repeatable, or separated by commas
    #[arg(long = "trusted-proxy", env = "EVERLOG_TRUSTED_PROXY", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// Origin of a web application that may call from a browser, as in https://app.example.com;
    /// repeatable, or separated by commas. The server's own origin always may
    #[arg(
        long = "allowed-origin",
        env = "EVERLOG_ALLOWED_ORIGIN",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub allowed_origins: Vec<String>,
    /// Network that may read GET /metrics, beside this machine; repeatable, or separated by commas
    #[arg(long = "metrics-from", env = "EVERLOG_METRICS_FROM", value_delimiter = ',', value_parser = network)]
    pub metrics_from: Vec<IpNet>,
    /// Most connections at once
    #[arg(long, env = "EVERLOG_MAX_CONNECTIONS", default_value_t = 16_384)]
    pub max_connections: usize,
    /// Seconds between two rounds of the sweep that lets items go whose time is over
    #[arg(long, env = "EVERLOG_RETENTION_INTERVAL", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub retention_interval: u64,
}

/// What the disk must keep free.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DiskOptions {
    /// Free space below which writes are refused, in megabytes (10^6 bytes)
    #[arg(long, env = "EVERLOG_LOW_WATER_MB", default_value_t = 512)]
    pub low_water_mb: u64,
}

/// An origin as browsers send it (RFC 6454, 6.2): what is written otherwise would never be met.
fn origin(text: &str) -> Result<String, String> {
    let expected = || {
        format!(
            "expected scheme, host and port if it is not the scheme's own, as in \
             https://app.example.com, found {text:?}"
        )
    };
    let bare = text.trim().trim_end_matches('/').to_ascii_lowercase();
    let uri: Uri = bare.parse().map_err(|_| expected())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(expected());
    };
    let host = authority.host();
    let port = authority.port_u16();
    let own_port = matches!((scheme, port), ("https", Some(443)) | ("http", Some(80)));
    let written = match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    let is_origin = written == bare && !host.is_empty() && !host.contains('*') && !own_port;
    if is_origin { Ok(bare) } else { Err(expected()) }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || {
        text.parse()
            .map(|address: std::net::IpAddr| IpNet::from(address))
    };
    text.parse()
        .or_else(|_| address())
        .map_err(|_| format!("expected an address or a network as in 10.0.0.0/8, found {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for text in [
            "",
            "*",
            "null",
            "app.example.com",
            "app.example.com:8443",
            "https://",
            "https://*",
            "https://*.example.com",
            "https://app.example.com/path",
            "https://app.example.com?query",
            "https://user@app.example.com",
            "https://app.example.com:",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:99999",
            "https://a b",
        ] {
            let refused = origin(text).unwrap_err();
            assert!(refused.contains("https://app.example.com"), "{text:?}");
        }
        for (text, expected) in [
            ("https://App.example.com/", "https://app.example.com"),
            (" http://localhost:3000", "http://localhost:3000"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn networks() {
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0"] {
            assert!(network(text).is_err(), "{text:?}");
        }
        assert_eq!(network("10.0.0.0/8"), Ok("10.0.0.0/8".parse().unwrap()));
        assert_eq!(network("::1"), Ok("::1/128".parse().unwrap()));
    }
}
