//! Who takes part: attributes that a seed and a number decide, so that nobody has to be stored.

use records::Token;
use records::hash;

/// What a pseudonym stands for; keeps the tokens of one number apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Role {
    /// A known account.
    Account = 1,
    /// A browser before it is known.
    Anonymous = 2,
    /// A desktop computer.
    Desktop = 3,
    /// A phone.
    Phone = 4,
    /// A payment card.
    Card = 5,
    /// A network address.
    Address = 6,
}

/// The pseudonym of one role of one person.
#[inline]
pub fn token(seed: u64, role: Role, number: u32) -> Token {
    Token(hash::join(hash::mix(seed ^ ((role as u64) << 56)), u64::from(number)).max(1))
}

/// Random bits that belong to a person and never change: taste, country, diligence.
#[inline]
pub fn profile(seed: u64, number: u32) -> u64 {
    hash::join(hash::mix(seed ^ 0xA77E_9DEE), u64::from(number))
}

/// A plain place in `0..bound` out of eight bits of a profile.
#[inline]
pub(crate) fn trait_of(profile: u64, which: u32, bound: usize) -> usize {
    let bits = (profile >> (which * 8)) & 0xFF;
    (bits as usize * bound) >> 8
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tokens_of_roles_and_people_differ() {
        let roles = [Role::Account, Role::Anonymous, Role::Desktop, Role::Phone, Role::Card, Role::Address];
        let all: BTreeSet<Token> =
            roles.iter().flat_map(|role| (0..1_000).map(|number| token(5, *role, number))).collect();
        assert_eq!(all.len(), 6_000);
    }
}
