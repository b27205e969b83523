//! Places for connections: so many in all, and no party with more than a share of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::party::Party;

/// One of so many parts of all places is the most that one party gets.
const SHARES: usize = 8;

/// Gives out places.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// Most places of one party.
    share: usize,
    /// Each speaks for many clients.
    proxies: Vec<IpNet>,
    taken: Mutex<HashMap<Party, usize>>,
}

/// A connection's place, until it is dropped. A live socket keeps it beyond the request that
/// opened it.
pub(crate) struct Place {
    places: Arc<Places>,
    /// None where its share is not counted.
    party: Option<Party>,
    _free: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(most: usize, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(most)),
            share: most.div_ceil(SHARES),
            proxies,
            taken: Mutex::default(),
        })
    }

    /// Waits until there is a place for whoever comes next.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        // never closed, so that there is always a place in the end
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    #[cfg(test)]
    pub(super) fn is_any_free(&self) -> bool {
        self.free.available_permits() > 0
    }

    /// Gives a free place to a connection, unless its party has its share already.
    pub(super) fn give(
        self: &Arc<Self>,
        free: OwnedSemaphorePermit,
        peer: IpAddr,
    ) -> Option<Place> {
        let party = self.is_counted(peer).then(|| Party::of(peer));
        if let Some(party) = party {
            let mut taken = self.taken.lock();
            let own = taken.entry(party).or_default();
            if *own >= self.share {
                return None;
            }
            *own += 1;
        }
        metrics::gauge!("everlog_connections").increment(1.0);
        Some(Place {
            places: Arc::clone(self),
            party,
            _free: free,
        })
    }

    /// Whoever is on this machine is not: a proxy here may stand for everybody.
    fn is_counted(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        !peer.is_loopback() && !self.proxies.iter().any(|net| net.contains(&peer))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("everlog_connections").decrement(1.0);
        let Some(party) = self.party else { return };
        let mut taken = self.places.taken.lock();
        if let Some(own) = taken.get_mut(&party) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn place(places: &Arc<Places>, peer: &str) -> Option<Place> {
        let free = places.free().await.unwrap();
        places.give(free, peer.parse().unwrap())
    }

    #[tokio::test]
    async fn one_party_gets_its_share_and_gives_it_back() {
        let places = Places::new(16, Vec::new());
        let mut held = Vec::new();
        for peer in ["192.0.2.1", "::ffff:192.0.2.1"] {
            held.push(place(&places, peer).await.unwrap());
        }
        assert!(place(&places, "192.0.2.1").await.is_none());
        assert!(place(&places, "192.0.2.2").await.is_some());
        held.pop();
        assert!(place(&places, "192.0.2.1").await.is_some());
        held.clear();
        assert!(places.taken.lock().is_empty());
        assert_eq!(places.free.available_permits(), 16);
    }

    #[tokio::test]
    async fn proxies_and_this_machine_have_no_share() {
        let places = Places::new(16, vec!["10.0.0.0/8".parse().unwrap()]);
        for peer in ["10.0.0.1", "127.0.0.1", "::1"] {
            let mut held = Vec::new();
            for _ in 0..16 {
                held.push(place(&places, peer).await.unwrap());
            }
        }
    }
}
