use std::cell::RefCell;

use super::NONCE_BYTES;

/// Nonces that are drawn from the operating system at once: asking it for each costs as much as
/// encrypting a small payload.
const DRAWN: usize = 256;

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool {
            nonces: [[0; NONCE_BYTES]; DRAWN],
            left: 0,
        })
    };
}

struct Pool {
    nonces: [[u8; NONCE_BYTES]; DRAWN],
    left: usize,
}

/// A random nonce that nobody else gets. Nonces are no secrets: they are stored beside what they
/// encrypt.
pub(crate) fn fresh_nonce() -> Result<[u8; NONCE_BYTES], getrandom::Error> {
    POOL.with_borrow_mut(Pool::next)
}

impl Pool {
    fn next(&mut self) -> Result<[u8; NONCE_BYTES], getrandom::Error> {
        if self.left == 0 {
            getrandom::fill(self.nonces.as_flattened_mut())?;
            self.left = DRAWN;
        }
        self.left -= 1;
        Ok(self.nonces[self.left])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_nonce_is_given_twice() {
        let draw = || (0..3 * DRAWN).map(|_| fresh_nonce().unwrap());
        let mut drawn: HashSet<_> = draw().collect();
        let others: Vec<_> = std::thread::scope(|scope| {
            let threads = [0; 3].map(|_| scope.spawn(|| draw().collect::<Vec<_>>()));
            threads.map(|thread| thread.join().unwrap()).concat()
        });
        drawn.extend(&others);
        assert_eq!(drawn.len(), 4 * 3 * DRAWN);
    }
}
