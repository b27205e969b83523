use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map that remembers between `bound` and twice as many entries, those used last: two
/// generations, of which the older is dropped when the younger is full.
pub(super) struct Generations<K, V> {
    bound: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Generations<K, V> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.bound {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let mut cache = Generations::new(10);
        cache.insert(0, "used");
        for number in 1..1000 {
            cache.insert(number, "once");
            assert_eq!(cache.get(&0), Some("used"), "after {number}");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(&1), None);
    }
}
