//! Rings: accounts that are connected by shared devices, directly or through other accounts.

use std::collections::{BTreeMap, BTreeSet};

use records::{Timestamp, Token};
use rules::Window;

use crate::codec::{FixedMap, In, Out};
use crate::state::StateError;

/// The most accounts that an organization's rings hold together; the ring that was quiet for longest goes first.
pub const RING_ACCOUNTS_MAX: usize = 65_536;

/// The ring of each account. Rings merge, the smaller into the larger, and fall apart together when no link was seen
/// for seven days of event time.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    ring_of: FixedMap<Token, u32>,
    rings: BTreeMap<u32, Ring>,
    // (last link, ring), so that the quietest is found at once.
    quiet: BTreeSet<(Timestamp, u32)>,
    next: u32,
    clock: Timestamp,
    evicted: u64,
}

#[derive(Debug, Default)]
struct Ring {
    last: Timestamp,
    members: Vec<Token>,
}

impl Rings {
    /// Links two accounts at an event time.
    pub(crate) fn link(&mut self, a: Token, b: Token, at: Timestamp) {
        self.expire(at);
        let ring = match (self.ring_of.get(&a).copied(), self.ring_of.get(&b).copied()) {
            (None, None) => {
                let ring = self.fresh();
                self.join(ring, a);
                self.join(ring, b);
                ring
            }
            (Some(ring), None) => self.join(ring, b),
            (None, Some(ring)) => self.join(ring, a),
            (Some(left), Some(right)) if left == right => left,
            (Some(left), Some(right)) => self.merge(left, right),
        };
        let known = self.rings.get_mut(&ring).expect("its members say so");
        self.quiet.remove(&(known.last, ring));
        known.last = known.last.max(at);
        self.quiet.insert((known.last, ring));
        while self.ring_of.len() > RING_ACCOUNTS_MAX && self.rings.len() > 1 {
            self.evicted += self.drop_quietest();
        }
    }

    /// How many accounts the ring of an account has; 1 when it is alone.
    pub(crate) fn size(&self, account: Token) -> i64 {
        let ring = self.ring_of.get(&account).and_then(|ring| self.rings.get(ring));
        let live = ring.filter(|ring| !self.gone(ring.last));
        live.map_or(1, |ring| i64::try_from(ring.members.len()).expect("bounded"))
    }

    /// The accounts in the ring of an account, itself included, sorted.
    pub(crate) fn members(&self, account: Token) -> Vec<Token> {
        let ring = self.ring_of.get(&account).and_then(|ring| self.rings.get(ring));
        let mut members = ring.filter(|ring| !self.gone(ring.last)).map_or(vec![account], |ring| ring.members.clone());
        members.sort_unstable();
        members
    }

    /// How many accounts lost their ring to make room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn gone(&self, last: Timestamp) -> bool {
        last + records::Span::from_seconds(i64::from(Window::Days7.ticks()) * rules::window::TICK_SECONDS) < self.clock
    }

    fn expire(&mut self, at: Timestamp) {
        self.clock = self.clock.max(at);
        while self.quiet.first().is_some_and(|(last, _)| self.gone(*last)) {
            self.drop_quietest();
        }
    }

    fn drop_quietest(&mut self) -> u64 {
        let Some((_, ring)) = self.quiet.pop_first() else { return 0 };
        let gone = self.rings.remove(&ring).unwrap_or_default();
        for member in &gone.members {
            self.ring_of.remove(member);
        }
        gone.members.len() as u64
    }

    fn fresh(&mut self) -> u32 {
        // Numbers wrap after 2^32 rings; far fewer are alive.
        while self.rings.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let ring = self.next;
        self.next = self.next.wrapping_add(1);
        self.rings.insert(ring, Ring { last: Timestamp::MIN, members: Vec::new() });
        ring
    }

    fn join(&mut self, ring: u32, account: Token) -> u32 {
        if self.ring_of.insert(account, ring).is_none() {
            self.rings.get_mut(&ring).expect("the ring exists").members.push(account);
        }
        ring
    }

    /// Merges the smaller ring into the larger; of equals the later one into the earlier.
    fn merge(&mut self, left: u32, right: u32) -> u32 {
        let size = |ring: u32| self.rings[&ring].members.len();
        let keep =
            if (size(right), std::cmp::Reverse(right)) > (size(left), std::cmp::Reverse(left)) { right } else { left };
        let gone = if keep == left { right } else { left };
        let lost = self.rings.remove(&gone).expect("its members say so");
        self.quiet.remove(&(lost.last, gone));
        for member in &lost.members {
            self.ring_of.insert(*member, keep);
        }
        let kept = self.rings.get_mut(&keep).expect("its members say so");
        self.quiet.remove(&(kept.last, keep));
        kept.last = kept.last.max(lost.last);
        kept.members.extend(lost.members);
        self.quiet.insert((kept.last, keep));
        keep
    }

    pub(crate) fn encode(&self, out: &mut Out<'_>) {
        out.u32(self.next);
        out.time(self.clock);
        out.u64(self.evicted);
        out.len(self.rings.len());
        for (number, ring) in &self.rings {
            out.u32(*number);
            out.time(ring.last);
            out.len(ring.members.len());
            ring.members.iter().for_each(|member| out.token(*member));
        }
    }

    pub(crate) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let mut this = Self { next: input.u32()?, clock: input.time()?, evicted: input.u64()?, ..Self::default() };
        for _ in 0..input.len(3)? {
            let (number, last) = (input.u32()?, input.time()?);
            let members = (0..input.len(8)?).map(|_| input.token()).collect::<Result<Vec<_>, _>>()?;
            members.iter().for_each(|member| {
                this.ring_of.insert(*member, number);
            });
            this.quiet.insert((last, number));
            this.rings.insert(number, Ring { last, members });
        }
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rings_are_the_connected_components(links in proptest::collection::vec((1u64..20, 1u64..20), 0..30)) {
            let mut rings = Rings::default();
            let mut label: BTreeMap<u64, u64> = (1..20).map(|account| (account, account)).collect();
            for (a, b) in links.into_iter().filter(|(a, b)| a != b) {
                rings.link(Token(a), Token(b), Timestamp(5));
                let (from, to) = (label[&a], label[&b]);
                label.values_mut().filter(|value| **value == from).for_each(|value| *value = to);
            }
            for account in 1..20u64 {
                let members: Vec<Token> =
                    (1..20).filter(|other| label[other] == label[&account]).map(Token).collect();
                prop_assert_eq!(rings.size(Token(account)), members.len() as i64);
                prop_assert_eq!(rings.members(Token(account)), members);
            }
            let mut bytes = Vec::new();
            rings.encode(&mut Out::part(&mut bytes));
            let back = Rings::decode(&mut In::part("rings", &bytes)).unwrap();
            prop_assert!((1..20).all(|account| back.size(Token(account)) == rings.size(Token(account))));
        }
    }

    #[test]
    fn a_quiet_ring_falls_apart() {
        let mut rings = Rings::default();
        rings.link(Token(1), Token(2), Timestamp::from_seconds(0));
        rings.link(Token(3), Token(4), Timestamp::from_seconds(604_800));
        assert_eq!(rings.size(Token(1)), 2);
        rings.link(Token(4), Token(5), Timestamp::from_seconds(604_801));
        assert_eq!((rings.size(Token(1)), rings.size(Token(3))), (1, 3));
    }

    #[test]
    fn the_quietest_ring_makes_room() {
        let mut rings = Rings::default();
        for pair in 0..RING_ACCOUNTS_MAX as u64 {
            rings.link(Token(2 * pair + 1), Token(2 * pair + 2), Timestamp(pair as i64));
        }
        assert_eq!(rings.ring_of.len(), RING_ACCOUNTS_MAX);
        assert_eq!((rings.evicted(), rings.size(Token(1))), (RING_ACCOUNTS_MAX as u64, 1));
    }
}
