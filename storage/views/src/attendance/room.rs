//! One session's visitors.

use std::collections::{BTreeSet, VecDeque};

use records::{Span, Timestamp, Token};

use super::fold::Sign;
use crate::codec::{FixedMap, In, Out};
use crate::state::StateError;

/// An actor is gone after this long without a sign. Clients send a heartbeat each 30 s, so two may get lost.
pub const EXPIRY: Span = Span::from_seconds(90);
/// Actors of one session; whoever first came longest ago is forgotten past it, and stays in the sums.
pub const ACTORS_MAX: usize = 1 << 20;
/// Minutes of the drop-off curve: whoever stays longer is in the last.
pub const MINUTES: usize = 241;

/// One actor of a session, 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guest {
    first: Timestamp,
    last: Timestamp,
    present: bool,
    left: bool,
}

/// One session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Room {
    guests: FixedMap<Token, Guest>,
    // In the order in which they first came.
    order: VecDeque<Token>,
    // Those who are present, by their last sign: whoever expires next is first.
    expiring: BTreeSet<(Timestamp, Token)>,
    pub(super) joined: u64,
    pub(super) peak: u64,
    pub(super) left: u64,
    pub(super) focused_ms: u64,
    pub(super) forgotten: u64,
    // Stays by whole minutes: those of everybody, also of whoever was forgotten.
    stays: Vec<u32>,
    // The time of the last sign of anybody.
    pub(super) seen: Timestamp,
}

fn minutes(guest: &Guest) -> usize {
    let minutes = guest.last.since(guest.first).0.div_euclid(Span::MINUTE.0);
    usize::try_from(minutes).unwrap_or(0).min(MINUTES - 1)
}

impl Room {
    /// How many are present.
    pub(super) fn present(&self) -> u64 {
        self.expiring.len() as u64
    }

    /// How many guests it remembers.
    pub(super) fn len(&self) -> usize {
        self.guests.len()
    }

    /// When the next guest expires, if nothing is heard until then.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiring.first().map(|(last, _)| last.saturating_add(EXPIRY))
    }

    /// Lets everybody go who gave no sign for [`EXPIRY`] at `now`. Returns whether anybody went.
    pub(super) fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.expiring.len();
        while let Some((last, token)) = self.expiring.first().copied()
            && last.saturating_add(EXPIRY) <= now
        {
            self.expiring.pop_first();
            self.guests.get_mut(&token).expect("whoever is present is a guest").present = false;
        }
        self.expiring.len() < before
    }

    /// Takes a sign of an actor. Everybody who is gone by then was let go before.
    pub(super) fn hear(&mut self, now: Timestamp, actor: Token, sign: Sign) {
        self.seen = now;
        let Some(mut guest) = self.guests.get(&actor).copied() else {
            // A goodbye of somebody whom we never saw: nothing to count.
            if sign != Sign::Left {
                self.welcome(now, actor);
            }
            return;
        };
        let stay = &mut self.stays[minutes(&guest)];
        // Never below nothing: bytes that were damaged in a plausible way must not bring a worker down.
        *stay = stay.saturating_sub(1);
        self.expiring.remove(&(guest.last, actor));
        if let Sign::Heartbeat { focused_ms } = sign
            && guest.present
        {
            let passed = u64::try_from(now.since(guest.last).millis()).unwrap_or(0);
            self.focused_ms += u64::from(focused_ms).min(passed);
        }
        let leaves = sign == Sign::Left;
        // Whoever was gone already and says goodbye late did not stay until now.
        if !leaves || guest.present {
            guest.last = now;
        }
        self.left += u64::from(leaves && !guest.left);
        guest.left |= leaves;
        guest.present = !leaves;
        if guest.present {
            self.expiring.insert((guest.last, actor));
        }
        self.stays[minutes(&guest)] += 1;
        self.guests.insert(actor, guest);
        self.peak = self.peak.max(self.present());
    }

    fn welcome(&mut self, now: Timestamp, actor: Token) {
        if self.stays.is_empty() {
            self.stays = vec![0; MINUTES];
        }
        self.joined += 1;
        self.guests.insert(actor, Guest { first: now, last: now, present: true, left: false });
        self.order.push_back(actor);
        self.expiring.insert((now, actor));
        self.stays[0] += 1;
        if self.guests.len() > ACTORS_MAX {
            let oldest = self.order.pop_front().expect("guests stand in the order");
            let guest = self.guests.remove(&oldest).expect("the order lists guests");
            self.expiring.remove(&(guest.last, oldest));
            self.forgotten += 1;
        }
        self.peak = self.peak.max(self.present());
    }

    /// How many stayed at least n minutes, for n = 0, 1, ... up to the longest stay.
    pub(super) fn stayed(&self) -> Vec<u64> {
        let mut at_least: Vec<u64> = self.stays.iter().map(|count| u64::from(*count)).collect();
        for minute in (1..at_least.len()).rev() {
            at_least[minute - 1] += at_least[minute];
        }
        let longest = at_least.iter().rposition(|count| *count > 0).map_or(0, |longest| longest + 1);
        at_least.truncate(longest);
        at_least
    }

    pub(super) fn encode(&self, out: &mut Out<'_>) {
        for count in [self.joined, self.peak, self.left, self.focused_ms, self.forgotten] {
            out.u64(count);
        }
        out.time(self.seen);
        let longest = self.stays.iter().rposition(|count| *count > 0).map_or(0, |longest| longest + 1);
        out.len(longest);
        self.stays[..longest].iter().for_each(|count| out.u32(*count));
        out.len(self.order.len());
        for token in &self.order {
            let guest = &self.guests[token];
            out.token(*token);
            out.time(guest.first);
            out.i64(guest.last.since(guest.first).0);
            out.u8(u8::from(guest.present) | u8::from(guest.left) << 1);
        }
        debug_assert_eq!(self.guests.len(), self.order.len(), "the order lists every guest once");
    }

    pub(super) fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let mut room = Self {
            joined: input.u64()?,
            peak: input.u64()?,
            left: input.u64()?,
            focused_ms: input.u64()?,
            forgotten: input.u64()?,
            seen: input.time()?,
            ..Self::default()
        };
        let stays = (0..input.len(1)?).map(|_| input.u32()).collect::<Result<Vec<_>, _>>()?;
        if stays.len() > MINUTES {
            return Err(input.damaged());
        }
        room.stays = stays;
        room.stays.resize(if room.stays.is_empty() { 0 } else { MINUTES }, 0);
        for _ in 0..input.len(11)? {
            let (token, first) = (input.token()?, input.time()?);
            let last = Timestamp(first.0.checked_add(input.i64()?).ok_or_else(|| input.damaged())?);
            let bits = input.u8()?;
            let guest = Guest { first, last, present: bits & 1 != 0, left: bits & 2 != 0 };
            if bits > 3 || room.stays.is_empty() || room.guests.insert(token, guest).is_some() {
                return Err(input.damaged());
            }
            room.order.push_back(token);
            if guest.present {
                room.expiring.insert((last, token));
            }
        }
        Ok(room)
    }
}
