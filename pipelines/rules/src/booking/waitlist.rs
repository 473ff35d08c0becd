//! Who waits for what is sold out, and who is next. An offer is a hold, so it takes part in every count.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use records::booking::{BookingFact, Choice, Position};
use records::hash::FixedState;
use records::{Blob, Currency, EventId, HoldId, QuotaId, Span, Timestamp, Token, WaitId};
use serde::{Deserialize, Serialize};

use super::command::{Line, Wish};
use super::office::{BoxOffice, Hold};
use super::orders::{OFFER, unused};
use super::refusal::Refusal;
use super::{pricing, stock};

/// Entries of one event.
pub const WAITING_MAX: usize = 200_000;
/// Entries that are looked through for one that fits.
pub const LOOK_MAX: usize = 1_000;

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What for.
    pub choice: Choice,
    /// How many.
    pub party: u16,
    /// What they would pay in.
    pub currency: Currency,
    /// The number of the key that seals what is personal.
    pub subject: u64,
    /// The pseudonym of their mail address.
    pub person: Token,
    /// What is personal, sealed.
    pub sealed: Blob,
}

/// Who waits, in the order of coming.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waitlist {
    queue: BTreeMap<u64, (WaitId, Waiting)>,
    numbers: HashMap<WaitId, u64, FixedState>,
    persons: BTreeSet<(Token, Choice)>,
    last: u64,
    /// Whether it may be somebody else's turn than `next` says.
    pub(crate) has_changed: bool,
    /// Whose turn it is: enough is left for them.
    pub(crate) next: Option<WaitId>,
}

/// Why somebody still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is their turn: an offer is made as soon as the box office does something.
    Next,
    /// Nothing is on sale.
    Closed,
    /// What they wait for is not offered any more.
    Withdrawn,
    /// This many are left, which is fewer than they want.
    TooFew(u64),
    /// So many who wait for the same came before them.
    Behind(u32),
}

/// What a snapshot holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    last: u64,
    queue: Vec<(u64, WaitId, Waiting)>,
}

impl Waitlist {
    /// Who waits, the first first.
    pub fn queue(&self) -> impl Iterator<Item = (WaitId, &Waiting)> {
        self.queue.values().map(|(id, waiting)| (*id, waiting))
    }

    /// Somebody who waits.
    pub fn get(&self, wait: WaitId) -> Option<&Waiting> {
        Some(&self.queue.get(self.numbers.get(&wait)?)?.1)
    }

    /// How many who came before wait for the same; at most [`LOOK_MAX`] are looked through.
    pub fn before(&self, wait: WaitId) -> Option<usize> {
        let number = self.numbers.get(&wait)?;
        let choice = self.queue.get(number)?.1.choice;
        let before = self.queue.range(..number).rev().take(LOOK_MAX);
        Some(before.filter(|(_, (_, waiting))| waiting.choice == choice).count())
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    fn add(&mut self, wait: WaitId, waiting: Waiting) {
        self.last += 1;
        self.persons.insert((waiting.person, waiting.choice));
        self.numbers.insert(wait, self.last);
        self.queue.insert(self.last, (wait, waiting));
    }

    pub(crate) fn remove(&mut self, wait: WaitId) -> Option<Waiting> {
        self.has_changed = true;
        let (_, waiting) = self.queue.remove(&self.numbers.remove(&wait)?)?;
        self.persons.remove(&(waiting.person, waiting.choice));
        Some(waiting)
    }

    pub(crate) fn stored(&self) -> Stored {
        let queue = self.queue.iter().map(|(number, (wait, waiting))| (*number, *wait, waiting.clone()));
        Stored { last: self.last, queue: queue.collect() }
    }

    pub(crate) fn restore(stored: Stored) -> Self {
        let mut list = Self { has_changed: true, ..Self::default() };
        for (number, wait, waiting) in stored.queue {
            list.last = number - 1;
            list.add(wait, waiting);
        }
        list.last = stored.last;
        list
    }
}

impl BoxOffice {
    pub(crate) fn wait(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::Wait { wait, choice, party, currency, subject, person, sealed } => {
                if self.waitlist.get(*wait).is_some() {
                    return Ok(Vec::new());
                }
                self.may_wait(*choice, *party, *currency, *person, now)?;
                let (wait, choice, party, currency) = (*wait, *choice, *party, *currency);
                let (subject, person, sealed) = (*subject, *person, sealed.clone());
                Ok(vec![BookingFact::WaitJoined { event, wait, choice, party, currency, subject, person, sealed }])
            }
            Wish::LeaveWaitlist(wait) => {
                let known = self.waitlist.get(*wait).is_some();
                Ok(known.then_some(BookingFact::WaitLeft { event, wait: *wait }).into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn may_wait(
        &self,
        choice: Choice,
        party: u16,
        currency: Currency,
        person: Token,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let product = self.catalogue.products.get(&choice.product).ok_or(Refusal::NoProduct)?;
        if !product.waitlist || self.catalogue.quotas_of(choice).next().is_none() {
            return Err(Refusal::NoWaitlist);
        }
        let most = product.order_max.unwrap_or(u16::MAX).min(self.catalogue.sales.order_max);
        if party == 0 || party > most {
            return Err(Refusal::OrderSize(most));
        }
        if self.waitlist.persons.contains(&(person, choice)) {
            return Err(Refusal::Waiting);
        }
        if self.waitlist.len() >= WAITING_MAX {
            return Err(Refusal::NoWaitlist);
        }
        match self.priced(choice, party, currency, now) {
            Ok(positions) if self.is_left(&positions).is_ok() && self.nobody_waits(&positions).is_ok() => {
                Err(Refusal::Available)
            }
            Ok(_) | Err(Refusal::SoldOut) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    fn priced(&self, choice: Choice, party: u16, currency: Currency, now: Timestamp) -> Result<Vec<Position>, Refusal> {
        let lines = [Line { choice, count: party }];
        pricing::price(&self.catalogue, &self.stock, &lines, currency, None, now)
    }

    /// What is kept for somebody whose turn has come: an offer's hold has an id that follows from the entry's.
    pub fn offer_of(&self, wait: WaitId) -> Option<(HoldId, &Hold)> {
        let id = HoldId(records::id::derived(wait.0, OFFER, 0));
        Some((id, self.holds.get(&id)?))
    }

    /// Whoever comes now stands behind those who wait for the same.
    pub(crate) fn nobody_waits(&self, positions: &[Position]) -> Result<(), Refusal> {
        if self.waitlist.is_empty() {
            return Ok(());
        }
        let wanted: BTreeSet<QuotaId> =
            positions.iter().flat_map(|position| self.limits(stock::choice(position))).collect();
        let fits = self.catalogue.sales.fit_first;
        for (_, waiting) in self.waitlist.queue().take(LOOK_MAX) {
            let same = self.limits(waiting.choice).any(|quota| wanted.contains(&quota));
            if same && (!fits || self.fits(waiting)) {
                return Err(Refusal::WaitlistFirst);
            }
        }
        Ok(())
    }

    /// The quotas with an end that a choice counts in.
    fn limits(&self, choice: Choice) -> impl Iterator<Item = QuotaId> {
        self.catalogue.quotas_of(choice).filter(|(_, quota)| quota.size.is_some()).map(|(id, _)| id)
    }

    fn fits(&self, waiting: &Waiting) -> bool {
        self.available(waiting.choice).is_none_or(|left| left >= u64::from(waiting.party))
    }

    /// Those who came after the one with this number, each with their number and with why they still wait; at most
    /// `limit`. All before them are looked through, too: they may stand in the way.
    pub fn waitlist_standings(&self, after: u64, limit: usize) -> Vec<(u64, WaitId, &Waiting, Why)> {
        let mut before: BTreeMap<QuotaId, u32> = BTreeMap::new();
        let mut found = Vec::new();
        for (number, (id, waiting)) in &self.waitlist.queue {
            if found.len() == limit {
                break;
            }
            let limits: Vec<QuotaId> = self.limits(waiting.choice).collect();
            if *number > after {
                let earlier = limits.iter().filter_map(|quota| before.get(quota)).max().copied().unwrap_or(0);
                found.push((*number, *id, waiting, self.why(*id, waiting, earlier)));
            }
            for quota in limits {
                *before.entry(quota).or_default() += 1;
            }
        }
        found
    }

    fn why(&self, wait: WaitId, waiting: &Waiting, earlier: u32) -> Why {
        let left = self.available(waiting.choice).unwrap_or(u64::MAX);
        if !self.catalogue.sales.open {
            Why::Closed
        } else if !self.is_offered(waiting) {
            Why::Withdrawn
        } else if self.waitlist.next == Some(wait) {
            Why::Next
        } else if left < u64::from(waiting.party) && (earlier == 0 || self.catalogue.sales.fit_first) {
            Why::TooFew(left)
        } else {
            Why::Behind(earlier)
        }
    }

    /// Finds whose turn it is, when that may have changed.
    pub(crate) fn look_who_is_next(&mut self) {
        if !std::mem::take(&mut self.waitlist.has_changed) {
            return;
        }
        let sales = &self.catalogue.sales;
        let mut blocked: BTreeSet<QuotaId> = BTreeSet::new();
        let mut next = None;
        for (id, waiting) in self.waitlist.queue().take(LOOK_MAX) {
            let is_free = !self.limits(waiting.choice).any(|quota| blocked.contains(&quota));
            if is_free && self.fits(waiting) && self.is_offered(waiting) {
                next = Some(id);
                break;
            }
            // Strictly in order: what somebody waits for is not given to those behind them.
            if !sales.fit_first {
                blocked.extend(self.limits(waiting.choice));
            }
        }
        self.waitlist.next = next;
    }

    fn is_offered(&self, waiting: &Waiting) -> bool {
        let product = self.catalogue.products.get(&waiting.choice.product);
        self.catalogue.sales.open && product.is_some_and(|product| !product.withdrawn)
    }

    /// The offer to whoever is next; none when it is not on sale now.
    pub(crate) fn offer_next(&self, event: EventId, now: Timestamp) -> Option<BookingFact> {
        let wait = self.waitlist.next?;
        let waiting = self.waitlist.get(wait)?;
        let positions = self.priced(waiting.choice, waiting.party, waiting.currency, now).ok()?;
        self.is_left(&positions).ok()?;
        let until = now.saturating_add(Span::from_seconds(i64::from(self.catalogue.sales.offer_s)));
        let hold = HoldId(unused(wait.0, OFFER, |id| self.holds.contains_key(&HoldId(id))));
        Some(BookingFact::WaitOffered { event, wait, hold, positions, until })
    }

    pub(crate) fn apply_wait(&mut self, fact: &BookingFact) {
        match fact {
            BookingFact::WaitJoined { wait, choice, party, currency, subject, person, sealed, .. } => {
                let (choice, party, currency) = (*choice, *party, *currency);
                let (subject, person, sealed) = (*subject, *person, sealed.clone());
                // Nobody is served later because somebody comes: only those before them matter to a newcomer.
                self.waitlist.has_changed = self.waitlist.next.is_none();
                self.waitlist.add(*wait, Waiting { choice, party, currency, subject, person, sealed });
            }
            BookingFact::WaitLeft { wait, .. } => {
                self.waitlist.remove(*wait);
            }
            _ => {}
        }
    }
}
