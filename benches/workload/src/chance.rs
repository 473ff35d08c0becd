//! Seeded chance: small, quick, and the same on every machine.

use records::hash;

/// A sequence of numbers that a seed decides (`SplitMix64`: a counter through [`hash::mix`]).
///
/// Only integers and exact float operations are used, so that a seed means the same records on every machine.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(hash::mix(seed))
    }

    /// The next 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash::mix(self.0)
    }

    /// A number in `0..bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    #[inline]
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low <= high, "a range has an inside");
        low + self.below(high.abs_diff(low) + 1).cast_signed()
    }

    /// True `per_mille` times in 1,000.
    #[inline]
    pub fn per_mille(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// A waiting time with about the mean `mean`: geometric-like, by doubling, so that no logarithm is needed.
    ///
    /// Between 0 and 8 times the mean; the exact law does not matter, only that short waits are common and long ones
    /// are not absent.
    #[inline]
    pub fn wait(&mut self, mean: i64) -> i64 {
        // Half of all waits fall into [0, mean), a quarter into [mean/2, 2 mean), and so on.
        let bits = self.bits();
        let level = (bits.trailing_ones()).min(3);
        let width = mean << level;
        ((u128::from(bits >> 8) * u128::from(width.unsigned_abs())) >> 56) as i64
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_and_are_used_up() {
        let mut chance = Chance::new(1);
        let mut seen = [0u32; 5];
        (0..10_000).for_each(|_| seen[(chance.between(-2, 2) + 2) as usize] += 1);
        assert!(seen.iter().all(|count| (1_800..2_200).contains(count)), "{seen:?}");
        assert_eq!(chance.below(0), 0);
    }

    #[test]
    fn waits_have_about_their_mean() {
        let mut chance = Chance::new(2);
        let sum: i64 = (0..100_000).map(|_| chance.wait(1_000)).sum();
        assert!((900_000..1_300_000).contains(&(sum / 100)), "{sum}");
    }
}
