//! A bounded map that forgets what was not touched for long.

use std::hash::Hash;

use hashbrown::HashMap;
use records::hash::FixedState;

type Table<K, V> = HashMap<K, V, FixedState>;

/// Two tables: touched keys live in the young one; when that is full it becomes the old one, and what was still in the
/// old one is forgotten. So a key stays for at least `half` other keys after its last touch, at no cost in memory for
/// order, and what is forgotten depends on the order of touches only.
#[derive(Debug, Clone)]
pub struct Generations<K, V> {
    young: Table<K, V>,
    old: Table<K, V>,
    half: usize,
    forgotten: u64,
}

/// The content of a [`Generations`], each generation sorted by key: what is written and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<K, V> {
    /// Touched since the last turn.
    pub young: Vec<(K, V)>,
    /// Not touched since.
    pub old: Vec<(K, V)>,
    /// How many keys were forgotten so far.
    pub forgotten: u64,
}

impl<K: Copy + Ord + Hash, V> Generations<K, V> {
    /// An empty map that keeps at least `half` and at most twice as many keys.
    ///
    /// # Panics
    /// When `half` is 0.
    pub fn new(half: usize) -> Self {
        assert!(half > 0, "a map that keeps nothing is a slip");
        Self { young: Table::default(), old: Table::default(), half, forgotten: 0 }
    }

    /// The value of a key, without touching it.
    #[inline]
    pub fn get(&self, key: K) -> Option<&V> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    /// The value of a key, to be changed without touching it.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.young.get_mut(&key).or_else(|| self.old.get_mut(&key))
    }

    /// Touches a key; `make` gives the value of a new one. `forget` gets what falls out, sorted by key.
    pub fn touch(&mut self, key: K, make: impl FnOnce() -> V, forget: impl FnOnce(Vec<(K, V)>)) -> &mut V {
        // One look-up nearly always: only a full generation has to know beforehand whether the key is new.
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_else(make);
            forget(self.turn());
            return self.young.entry(key).or_insert(value);
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_else(make))
    }

    fn turn(&mut self) -> Vec<(K, V)> {
        let dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        self.forgotten += dropped.len() as u64;
        sorted(dropped.into_iter())
    }

    /// Removes a key.
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys were forgotten so far.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Every key, sorted.
    pub fn keys(&self) -> Vec<K> {
        let mut keys: Vec<K> = self.young.keys().chain(self.old.keys()).copied().collect();
        keys.sort_unstable();
        keys
    }

    /// The content by generation, sorted by key.
    pub fn content(&self) -> Content<K, &V> {
        let (young, old) = (sorted(self.young.iter().map(copied)), sorted(self.old.iter().map(copied)));
        Content { young, old, forgotten: self.forgotten }
    }

    /// A map with this content.
    pub fn of(half: usize, content: Content<K, V>) -> Self {
        let Content { young, old, forgotten } = content;
        Self { young: young.into_iter().collect(), old: old.into_iter().collect(), half: half.max(1), forgotten }
    }
}

fn copied<'a, K: Copy, V>((key, value): (&'a K, &'a V)) -> (K, &'a V) {
    (*key, value)
}

fn sorted<K: Ord + Copy, V>(entries: impl Iterator<Item = (K, V)>) -> Vec<(K, V)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The same by the book: two ordered maps.
    #[derive(Default)]
    struct Twin {
        young: BTreeMap<u8, u32>,
        old: BTreeMap<u8, u32>,
        forgotten: u64,
    }

    impl Twin {
        fn touch(&mut self, key: u8, half: usize) {
            let count = self.young.remove(&key).or_else(|| self.old.remove(&key)).unwrap_or(0) + 1;
            if !self.young.contains_key(&key) && self.young.len() >= half {
                self.forgotten += self.old.len() as u64;
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, count);
        }
    }

    proptest! {
        #[test]
        fn forgets_as_the_twin_does(keys in proptest::collection::vec(0u8..20, 0..120), half in 1usize..8) {
            let mut map = Generations::new(half);
            let mut twin = Twin::default();
            let mut dropped = 0;
            for key in keys {
                *map.touch(key, || 0u32, |gone| dropped += gone.len() as u64) += 1;
                twin.touch(key, half);
                prop_assert!(map.len() <= 2 * half);
            }
            let content = map.content();
            let owned = |entries: &[(u8, &u32)]| entries.iter().map(|(key, count)| (*key, **count)).collect::<Vec<_>>();
            prop_assert_eq!(owned(&content.young), twin.young.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(owned(&content.old), twin.old.into_iter().collect::<Vec<_>>());
            prop_assert_eq!((map.forgotten(), dropped), (twin.forgotten, twin.forgotten));
        }
    }
}
