//! Distinct tokens: exactly up to a bound, then estimated, and it says which.

use records::Token;
use serde::Serialize;

use super::hll::Hll;
use crate::codec::{FixedSet, In, Out};
use crate::state::StateError;

/// Up to this many tokens are kept themselves: 8 kB, twice what the estimate takes.
pub const EXACT_MAX: usize = 1_024;

/// A set of tokens, or its `HyperLogLog` when it became too large.
#[derive(Debug, Clone)]
pub enum Uniques {
    /// The tokens.
    Exact(FixedSet<Token>),
    /// The registers.
    Estimated(Hll),
}

/// How many distinct tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct UniqueCount {
    /// The number.
    pub count: u64,
    /// Whether it is exact; else its standard error is 1.6 %.
    pub exact: bool,
}

impl Default for Uniques {
    fn default() -> Self {
        Self::Exact(FixedSet::default())
    }
}

impl<'a> FromIterator<&'a Token> for Uniques {
    fn from_iter<I: IntoIterator<Item = &'a Token>>(tokens: I) -> Self {
        let mut uniques = Self::default();
        tokens.into_iter().for_each(|token| uniques.add(*token));
        uniques
    }
}

impl Uniques {
    /// Counts a token; nobody is not counted.
    pub fn add(&mut self, token: Token) {
        self.insert(token);
    }

    /// As [`Uniques::add`]; returns whether it may count more now.
    pub fn insert(&mut self, token: Token) -> bool {
        if !token.is_some() {
            return false;
        }
        match self {
            Self::Estimated(hll) => hll.add(token),
            Self::Exact(tokens) => {
                let new = tokens.insert(token);
                if tokens.len() > EXACT_MAX {
                    self.estimate();
                }
                new
            }
        }
    }

    /// Counts everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        match other {
            Self::Estimated(theirs) => {
                self.estimate();
                if let Self::Estimated(ours) = self {
                    ours.merge(theirs);
                }
            }
            // The order of the table cannot show: sets and registers do not know it.
            Self::Exact(tokens) => {
                for token in tokens {
                    self.add(*token);
                }
            }
        }
    }

    fn estimate(&mut self) {
        if let Self::Exact(tokens) = self {
            // Registers are maxima: the order of the table cannot show.
            let mut hll = Hll::default();
            for token in tokens.iter() {
                hll.add(*token);
            }
            *self = Self::Estimated(hll);
        }
    }

    /// How many.
    pub fn count(&self) -> UniqueCount {
        match self {
            Self::Exact(tokens) => UniqueCount { count: tokens.len() as u64, exact: true },
            Self::Estimated(hll) => UniqueCount { count: hll.estimate(), exact: false },
        }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Exact(tokens) => tokens.allocation_size(),
            Self::Estimated(hll) => hll.bytes(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Out<'_>) {
        match self {
            Self::Exact(tokens) => {
                out.flag(true);
                let mut tokens: Vec<Token> = tokens.iter().copied().collect();
                tokens.sort_unstable();
                out.len(tokens.len());
                tokens.iter().for_each(|token| out.token(*token));
            }
            Self::Estimated(hll) => {
                out.flag(false);
                hll.encode(out);
            }
        }
    }

    pub(crate) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        if !input.flag()? {
            return Hll::decode(input).map(Self::Estimated);
        }
        let count = input.len(8)?;
        let tokens = (0..count).map(|_| input.token()).collect::<Result<FixedSet<_>, _>>()?;
        if tokens.len() == count && count <= EXACT_MAX { Ok(Self::Exact(tokens)) } else { Err(input.damaged()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tokens: std::ops::Range<u64>) -> Uniques {
        let mut uniques = Uniques::default();
        tokens.for_each(|token| uniques.add(Token(token)));
        uniques
    }

    #[test]
    fn counts_are_exact_until_the_bound_and_then_say_so() {
        let bound = EXACT_MAX as u64;
        assert_eq!(of(0..bound + 1).count(), UniqueCount { count: bound, exact: true }, "0 is nobody");
        let more = of(1..2 * bound + 1).count();
        assert!(!more.exact && more.count.abs_diff(2 * bound) < 140, "{more:?}");
    }

    #[test]
    fn merges_are_exact_while_they_fit() {
        let mut both = of(1..400);
        both.merge(&of(200..600));
        assert_eq!(both.count(), UniqueCount { count: 599, exact: true });
        both.merge(&of(1..3_000));
        assert!(!both.count().exact);
    }
}
