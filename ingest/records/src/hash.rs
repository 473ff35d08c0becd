//! Fixed hashes. Their results reach files and partitions, so they are versioned and must never change.

use std::hash::{BuildHasher, Hasher};

/// The version of every hash in this file; stored where a hash decides a place (bins, partitions).
pub const HASH_VERSION: u16 = 1;

/// How many hash bins keyed state is split into: enough to spread over workers, few enough to list in a manifest.
pub const BINS: usize = 256;

/// A hash bin, `0..BINS`.
pub type Bin = u8;

/// Mixes 64 bits so that every output bit depends on every input bit (the finalizer of MurmurHash3, variant 13 of
/// David Stafford, as in `SplitMix64`).
#[inline]
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Folds one more value into a hash.
#[inline]
pub const fn join(hash: u64, value: u64) -> u64 {
    mix(hash.rotate_left(29) ^ value)
}

/// Hashes 128 bits, an id for example.
#[inline]
pub const fn wide(value: u128) -> u64 {
    join(mix(value as u64), (value >> 64) as u64)
}

/// Hashes bytes (XXH3, 64 bits).
#[inline]
pub fn bytes(value: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(value)
}

/// The bin of a hash. The top byte, because hash tables index by the low bits.
#[inline]
pub const fn bin(hash: u64) -> Bin {
    (hash >> 56) as u8
}

/// A hasher with no random seed, for `hashbrown` tables: the same keys give the same table in every run.
///
/// It is no defence against chosen keys, so keys that a stranger picks go through [`crate::Token`] or
/// [`bytes`] first.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedState;

/// The hasher of [`FixedState`].
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedHasher(u64);

impl BuildHasher for FixedState {
    type Hasher = FixedHasher;
    fn build_hasher(&self) -> FixedHasher {
        FixedHasher(0)
    }
}

impl Hasher for FixedHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, value: &[u8]) {
        self.0 = join(self.0, bytes(value));
    }
    fn write_u8(&mut self, value: u8) {
        self.0 = join(self.0, u64::from(value));
    }
    fn write_u16(&mut self, value: u16) {
        self.0 = join(self.0, u64::from(value));
    }
    fn write_u32(&mut self, value: u32) {
        self.0 = join(self.0, u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = join(self.0, value);
    }
    fn write_u128(&mut self, value: u128) {
        self.0 = join(self.0, wide(value));
    }
    fn write_i64(&mut self, value: i64) {
        self.0 = join(self.0, value.cast_unsigned());
    }
    fn write_usize(&mut self, value: usize) {
        self.0 = join(self.0, value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_pinned() {
        // These numbers are on people's disks: a change needs a new HASH_VERSION and a migration.
        assert_eq!(mix(1), 0x910A_2DEC_8902_5CC1);
        assert_eq!(bytes(b"eventra"), xxhash_rust::xxh3::xxh3_64(b"eventra"));
        assert_eq!(join(1, 2), mix(1u64.rotate_left(29) ^ 2));
        assert_eq!(wide(1), join(mix(1), 0));
    }

    #[test]
    fn bins_are_even() {
        let mut counts = [0u32; BINS];
        (0..256_000u64).for_each(|key| counts[usize::from(bin(mix(key)))] += 1);
        assert!(counts.iter().all(|count| (800..1200).contains(count)));
    }
}
