//! `HyperLogLog`: how many distinct tokens there were, in 4 KiB, with a known error.
//!
//! Flajolet, Fusy, Gandouet, Meunier: *HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm*
//! (2007), with p = 12, so m = 4,096 registers and a standard error of 1.04 / √4096 = 1.6 %. Small counts use the
//! paper's linear counting (§4); its large-range correction is for 32-bit hashes and not needed with 64 bits.
//! Merging is a maximum per register, so it does not matter in which order, how often, or where tokens were counted.

use records::Token;
use records::hash::mix;

use crate::codec::{In, Out};
use crate::state::StateError;

const P: u32 = 12;
/// Registers.
pub const REGISTERS: usize = 1 << P;
/// The standard error of an estimate: 1.04 / √4096.
pub const STANDARD_ERROR: f64 = 0.016_25;
/// Sparse entries take 4 bytes; beyond this many the 4,096 registers are as small.
const SPARSE_MAX: usize = 512;

/// The registers: a sorted list of those that are not 0, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hll {
    /// `register << 8 | value`, sorted.
    Sparse(Vec<u32>),
    /// Every register.
    Dense(Box<[u8]>),
}

impl Default for Hll {
    fn default() -> Self {
        Self::Sparse(Vec::new())
    }
}

impl Hll {
    /// Counts a token. Returns whether any register changed.
    pub fn add(&mut self, token: Token) -> bool {
        let hash = mix(token.0);
        let register = (hash >> (64 - P)) as usize;
        // The position of the first 1 among the other 52 bits; the guard bit keeps it at most 53.
        let value = ((hash << P) | (1 << (P - 1))).leading_zeros() as u8 + 1;
        self.raise(register, value)
    }

    fn raise(&mut self, register: usize, value: u8) -> bool {
        match self {
            Self::Dense(registers) => {
                let raised = registers[register] < value;
                registers[register] = registers[register].max(value);
                raised
            }
            Self::Sparse(entries) => {
                let entry = (register as u32) << 8 | u32::from(value);
                let place = entries.partition_point(|other| other >> 8 < register as u32);
                match entries.get_mut(place) {
                    Some(other) if *other >> 8 == register as u32 => {
                        let raised = *other < entry;
                        *other = entry.max(*other);
                        return raised;
                    }
                    _ => entries.insert(place, entry),
                }
                if entries.len() > SPARSE_MAX {
                    self.densify();
                }
                true
            }
        }
    }

    fn densify(&mut self) {
        if let Self::Sparse(entries) = self {
            let mut registers = vec![0u8; REGISTERS].into_boxed_slice();
            entries.iter().for_each(|entry| registers[(entry >> 8) as usize] = *entry as u8);
            *self = Self::Dense(registers);
        }
    }

    /// Counts everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        match other {
            Self::Sparse(entries) => {
                entries.iter().for_each(|entry| _ = self.raise((entry >> 8) as usize, *entry as u8));
            }
            Self::Dense(registers) => {
                self.densify();
                (0..).zip(registers).filter(|(_, value)| **value > 0).for_each(|(register, value)| {
                    self.raise(register, *value);
                });
            }
        }
    }

    /// The estimated number of distinct tokens.
    pub fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        // How many registers have each value: the sum below is then exact, in any order of the registers.
        let mut with = [0u32; 64];
        match self {
            Self::Sparse(entries) => {
                entries.iter().for_each(|entry| with[*entry as u8 as usize] += 1);
                with[0] = (REGISTERS - entries.len()) as u32;
            }
            Self::Dense(registers) => registers.iter().for_each(|value| with[usize::from(*value)] += 1),
        }
        let sum: f64 = (0i32..).zip(with).map(|(value, count)| f64::from(count) * (-f64::from(value)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = f64::from(with[0]);
        let estimate = if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw };
        estimate.round() as u64
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Sparse(entries) => entries.capacity() * 4,
            Self::Dense(_) => REGISTERS,
        }
    }

    pub(crate) fn encode(&self, out: &mut Out<'_>) {
        match self {
            Self::Sparse(entries) => {
                out.flag(false);
                out.len(entries.len());
                entries.iter().for_each(|entry| out.u32(*entry));
            }
            Self::Dense(registers) => {
                out.flag(true);
                out.bytes(registers);
            }
        }
    }

    pub(crate) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let valid = |value: u8| value <= 53;
        if input.flag()? {
            let registers = input.bytes()?;
            if registers.len() != REGISTERS || !registers.iter().all(|value| valid(*value)) {
                return Err(input.damaged());
            }
            return Ok(Self::Dense(registers.into()));
        }
        let entries = (0..input.len(1)?).map(|_| input.u32()).collect::<Result<Vec<_>, _>>()?;
        let sound = entries.len() <= SPARSE_MAX
            && entries.is_sorted_by(|left, right| left >> 8 < right >> 8)
            && entries.iter().all(|entry| (*entry >> 8) < REGISTERS as u32 && *entry as u8 > 0 && valid(*entry as u8));
        if sound { Ok(Self::Sparse(entries)) } else { Err(input.damaged()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(tokens: impl Iterator<Item = u64>) -> Hll {
        let mut hll = Hll::default();
        tokens.for_each(|token| _ = hll.add(Token(token)));
        hll
    }

    #[test]
    fn estimates_are_within_four_standard_errors() {
        for count in [1u64, 10, 400, 1_000, 5_000, 10_000, 100_000, 1_000_000] {
            let estimate = of((0..count).map(|number| mix(number ^ 0xABCD_0000))).estimate() as f64;
            let error = (estimate - count as f64).abs() / count as f64;
            assert!(error <= 4.0 * STANDARD_ERROR, "{count} was estimated as {estimate}");
        }
    }

    #[test]
    fn counting_again_changes_nothing() {
        let mut hll = of(0..3_000);
        assert!((0..3_000).all(|token| !hll.add(Token(token))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn merging_is_counting_together(left in 0u64..2_000, right in 0u64..2_000, shift in 0u64..2_000) {
            let mut merged = of(0..left);
            merged.merge(&of(shift..shift + right));
            let together = of((0..left).chain(shift..shift + right));
            prop_assert_eq!(merged.estimate(), together.estimate());
            let mut bytes = Vec::new();
            merged.encode(&mut Out::part(&mut bytes));
            prop_assert_eq!(Hll::decode(&mut In::part("hll", &bytes)), Ok(merged));
        }
    }
}
