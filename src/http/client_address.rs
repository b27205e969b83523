//! Where a request comes from. Forwarded headers are believed only from proxies that the operator
//! named: everybody can write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// How the client reached the first server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Without TLS, as far as is known.
    Plain,
    /// With TLS, says a trusted proxy.
    Secure,
}

/// The proxies in front, and who may read metrics.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Proxies whose headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Networks that may read metrics, beside this machine.
    pub metrics_from: Vec<IpNet>,
}

impl Addresses {
    /// The client's address: the last one that no trusted proxy stands for.
    #[must_use]
    pub fn client(&self, parts: &Parts) -> IpAddr {
        let peer = peer(parts);
        if !self.trusts(peer) {
            return peer;
        }
        let mut nearest = peer;
        for hop in forwarded(&parts.headers).into_iter().rev() {
            // What stands before a hop that does not read may be anybody's word.
            let Some(hop) = hop else { break };
            nearest = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        nearest
    }

    /// Whether the connection from the client is encrypted.
    #[must_use]
    pub fn transport(&self, parts: &Parts) -> Transport {
        let secure = parts
            .headers
            .get(FORWARDED_PROTO)
            .is_some_and(|proto| proto == "https");
        match self.trusts(peer(parts)) && secure {
            true => Transport::Secure,
            false => Transport::Plain,
        }
    }

    /// Whether metrics may be shown. A request that an unknown proxy passed on is not this
    /// machine's own, although it comes from there.
    #[must_use]
    pub fn may_read_metrics(&self, parts: &Parts) -> bool {
        let client = self.client(parts);
        let passed_on = parts.headers.contains_key(FORWARDED_FOR) && !self.trusts(peer(parts));
        let listed = self.metrics_from.iter().any(|net| net.contains(&client));
        !passed_on && (client.is_loopback() || listed)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|net| net.contains(&address))
    }
}

fn peer(parts: &Parts) -> IpAddr {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    // without a socket the request was made by this process
    info.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| {
        info.0.ip().to_canonical()
    })
}

/// The hops, the client's first; nothing where one does not read.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED_FOR).into_iter();
    let texts = lines.map(|line| line.to_str().unwrap_or_default());
    texts
        .flat_map(|line| line.split(','))
        .map(|hop| hop_address(hop.trim()))
        .collect()
}

/// Some proxies write the port as well: `192.0.2.1:4000`, `[2001:db8::1]:4000`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let address = bare.unwrap_or(hop).parse::<IpAddr>().ok();
    let address = address.or_else(|| hop.parse::<SocketAddr>().ok().map(|it| it.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(peer: &str, forwarded: &[&str]) -> Parts {
        let mut request = Request::builder()
            .extension(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4_000)));
        for line in forwarded {
            request = request.header(FORWARDED_FOR, *line);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn headers_of_strangers_are_not_believed() {
        let addresses = Addresses {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            metrics_from: vec![],
        };
        for (peer, forwarded, client) in [
            ("192.0.2.1", &["127.0.0.1"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.9"], "192.0.2.9"),
            ("10.0.0.1", &["127.0.0.1, 192.0.2.9"], "192.0.2.9"),
            (
                "10.0.0.1",
                &["127.0.0.1", "192.0.2.9, 10.0.0.2"],
                "192.0.2.9",
            ),
            ("::ffff:10.0.0.1", &["192.0.2.9"], "192.0.2.9"),
            ("10.0.0.1", &["127.0.0.1, 192.0.2.9:51234"], "192.0.2.9"),
            ("10.0.0.1", &["127.0.0.1, [2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["127.0.0.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["127.0.0.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ] {
            let found = addresses.client(&parts(peer, forwarded));
            assert_eq!(
                found,
                client.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn metrics_are_for_this_machine() {
        let addresses = Addresses::default();
        assert!(!addresses.may_read_metrics(&parts("192.0.2.1", &[])));
        assert!(!addresses.may_read_metrics(&parts("192.0.2.1", &["127.0.0.1"])));
        assert!(!addresses.may_read_metrics(&parts("127.0.0.1", &["192.0.2.1"])));
        assert!(addresses.may_read_metrics(&parts("127.0.0.1", &[])));
    }
}
