//! One session's visitors.

use std::collections::VecDeque;

use records::{Span, Timestamp, Token};

use super::fold::Sign;
use crate::codec::{FixedMap, In, Out};
use crate::state::StateError;

/// An actor is gone after this long without a sign. Clients send a heartbeat each 30 s, so two may get lost.
pub const EXPIRY: Span = Span::from_seconds(90);
/// Actors of one session; whoever first came longest ago is forgotten past it, and stays in the sums.
pub const ACTORS_MAX: usize = 1 << 20;
/// Stale signs that are kept beside those of everybody present, so that a small room is not swept at every sign.
const SIGNS_SPARE: usize = 1_024;
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
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    guests: FixedMap<Token, Guest>,
    // In the order in which they first came.
    order: VecDeque<Token>,
    // Signs by time, those of everybody present among them: whoever expires next is first. Later signs, goodbyes and
    // forgotten guests leave stale entries behind; see `is_current`.
    signs: VecDeque<(Timestamp, Token)>,
    present: u64,
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
        self.present
    }

    /// How many guests it remembers.
    pub(super) fn len(&self) -> usize {
        self.guests.len()
    }

    /// When an actor was last heard, if it is remembered.
    pub(super) fn last_sign(&self, actor: Token) -> Option<Timestamp> {
        self.guests.get(&actor).map(|guest| guest.last)
    }

    /// When the next guest expires, if nothing is heard until then.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.signs.front().map(|(last, _)| last.saturating_add(EXPIRY))
    }

    /// Lets everybody go who gave no sign for [`EXPIRY`] at `now`. Returns whether anybody went.
    pub(super) fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.present;
        while let Some((last, token)) = self.signs.front().copied()
            && last.saturating_add(EXPIRY) <= now
        {
            self.guests.get_mut(&token).expect("whoever is present is a guest").present = false;
            self.present -= 1;
            self.drop_stale();
        }
        self.present < before
    }

    /// Whether it is the last sign of somebody present.
    fn is_current(&self, (time, token): (Timestamp, Token)) -> bool {
        self.guests.get(&token).is_some_and(|guest| guest.present && guest.last == time)
    }

    /// Keeps the first sign current, and all of them few: at most two for each who is present, and some.
    fn drop_stale(&mut self) {
        while let Some(first) = self.signs.front().copied()
            && !self.is_current(first)
        {
            self.signs.pop_front();
        }
        if self.signs.len() > 2 * usize::try_from(self.present).unwrap_or(usize::MAX) + SIGNS_SPARE {
            let mut signs = std::mem::take(&mut self.signs);
            signs.retain(|sign| self.is_current(*sign));
            self.signs = signs;
        }
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
        let (was_present, before) = (guest.present, guest.last);
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
        self.present = self.present + u64::from(guest.present) - u64::from(was_present);
        self.stays[minutes(&guest)] += 1;
        let present = guest.present;
        self.guests.insert(actor, guest);
        // Log time never goes back, so the signs stay in order; a second one of the same instant is the same sign.
        if present && !(was_present && before == now) {
            self.signs.push_back((now, actor));
        }
        self.drop_stale();
        self.peak = self.peak.max(self.present());
    }

    fn welcome(&mut self, now: Timestamp, actor: Token) {
        if self.stays.is_empty() {
            self.stays = vec![0; MINUTES];
        }
        self.joined += 1;
        self.guests.insert(actor, Guest { first: now, last: now, present: true, left: false });
        self.order.push_back(actor);
        self.signs.push_back((now, actor));
        self.present += 1;
        self.stays[0] += 1;
        if self.guests.len() > ACTORS_MAX {
            let oldest = self.order.pop_front().expect("guests stand in the order");
            let guest = self.guests.remove(&oldest).expect("the order lists guests");
            self.present -= u64::from(guest.present);
            self.forgotten += 1;
        }
        self.drop_stale();
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
        let guests = input.len(11)?;
        room.guests.reserve(guests);
        for _ in 0..guests {
            let (token, first) = (input.token()?, input.time()?);
            let last = Timestamp(first.0.checked_add(input.i64()?).ok_or_else(|| input.damaged())?);
            let bits = input.u8()?;
            let guest = Guest { first, last, present: bits & 1 != 0, left: bits & 2 != 0 };
            if bits > 3 || room.stays.is_empty() || room.guests.insert(token, guest).is_some() {
                return Err(input.damaged());
            }
            room.order.push_back(token);
            if guest.present {
                room.signs.push_back((last, token));
                room.present += 1;
            }
        }
        room.signs.make_contiguous().sort_unstable();
        Ok(room)
    }
}
