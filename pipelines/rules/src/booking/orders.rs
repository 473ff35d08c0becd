//! Decisions about holds and orders: what is kept for whom, what it costs, and when it ends.

use std::collections::BTreeMap;

use records::booking::{Account, BookingFact, Choice, Ending, Entry, Position, Product, Provider, Review};
use records::id::derived;
use records::{
    Currency, EventId, HoldId, ItemId, OrderId, PlaceId, PromoId, QuotaId, Span, TicketId, Timestamp, Token,
};

use super::Deadline;
use super::command::{Line, Wish};
use super::ledger::entry;
use super::office::{BoxOffice, Hold, Moved, Order, OrderStatus, Ticket};
use super::pricing::{self, check_person, check_promo, divide, share};
use super::refusal::Refusal;
use super::stock;

/// What somebody asks to be kept.
pub(crate) struct Cart<'a> {
    pub(crate) person: Token,
    pub(crate) currency: Currency,
    pub(crate) lines: &'a [Line],
    pub(crate) code: &'a str,
}

fn seconds(seconds: u32) -> Span {
    Span::from_seconds(i64::from(seconds))
}

/// What ids are derived for.
const TICKET: &str = "ticket";
pub(crate) const REFUND: &str = "refund";
pub(crate) const OFFER: &str = "offer";

/// The first id that follows from another one and is not in use: whoever chooses ids of their own may have guessed some.
pub(crate) fn unused(from: u128, purpose: &str, is_used: impl Fn(u128) -> bool) -> u128 {
    let ids = (0..).map(|number| derived(from, purpose, number));
    ids.into_iter().find(|id| !is_used(*id)).expect("not all ids are in use")
}

impl BoxOffice {
    pub(crate) fn sell(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::Hold { hold, person, currency, lines, code, place, asked } => {
                let cart = Cart { person: *person, currency: *currency, lines, code };
                self.place_hold(event, *hold, &cart, *place, *asked, now)
            }
            Wish::ExtendHold(hold) => self.extend_hold(event, *hold, now),
            Wish::ReleaseHold(hold) => Ok(self
                .holds
                .contains_key(hold)
                .then_some(BookingFact::HoldReleased { event, hold: *hold })
                .into_iter()
                .collect()),
            Wish::PlaceOrder { .. } => self.place_order(event, wish, now),
            Wish::DescribeOrder { order, sealed } => {
                let known = self.orders.get(order).ok_or(Refusal::NoOrder)?;
                let fact = BookingFact::OrderDescribed { event, order: *order, sealed: sealed.clone() };
                Ok((known.sealed != *sealed).then_some(fact).into_iter().collect())
            }
            Wish::ApproveOrder(order) => self.approve(event, *order, now),
            Wish::HoldOrder { order, score } => self.hold_order(event, *order, score, now),
            Wish::CancelOrder { order, positions, why } => self.cancel(event, *order, positions, *why),
            _ => Ok(Vec::new()),
        }
    }

    fn place_hold(
        &self,
        event: EventId,
        hold: HoldId,
        cart: &Cart<'_>,
        place: PlaceId,
        asked: u64,
        now: Timestamp,
    ) -> Result<Vec<BookingFact>, Refusal> {
        if let Some(known) = self.holds.get(&hold) {
            return if known.asked == asked { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        self.room.may_hold(place, now)?;
        let (positions, promo) = self.quote(cart, now)?;
        let until = now.saturating_add(seconds(self.catalogue.sales.hold_s));
        let (person, currency) = (cart.person, cart.currency);
        Ok(vec![BookingFact::HoldPlaced { event, hold, person, currency, positions, promo, place, until, asked }])
    }

    /// What a cart of nobody in particular would cost now, position by position. Nothing is kept by it.
    ///
    /// # Errors
    /// Why it cannot be held.
    pub fn price_of(
        &self,
        lines: &[Line],
        currency: Currency,
        code: &str,
        now: Timestamp,
    ) -> Result<Vec<Position>, Refusal> {
        let (positions, _) = self.quote(&Cart { person: Token::NONE, currency, lines, code }, now)?;
        Ok(positions)
    }

    /// What a cart would cost now, if there is enough of everything in it.
    ///
    /// # Errors
    /// Why it cannot be held.
    pub(crate) fn quote(&self, cart: &Cart<'_>, now: Timestamp) -> Result<(Vec<Position>, PromoId), Refusal> {
        let sales = &self.catalogue.sales;
        if !sales.open {
            return Err(Refusal::NotOnSale);
        }
        let count: usize = cart.lines.iter().map(|line| usize::from(line.count)).sum();
        if count == 0 || count > usize::from(sales.order_max) {
            return Err(Refusal::OrderSize(sales.order_max));
        }
        self.fits_together(cart.lines)?;
        let promo = self.promo(cart, now)?;
        let used = promo.map(|(id, promo)| (promo, self.stock.promos.get(&id).copied().unwrap_or_default()));
        let positions = pricing::price(&self.catalogue, &self.stock, cart.lines, cart.currency, used, now)?;
        self.is_left(&positions)?;
        self.nobody_waits(&positions)?;
        Ok((positions, promo.map_or(PromoId::NONE, |(id, _)| id)))
    }

    fn promo(&self, cart: &Cart<'_>, now: Timestamp) -> Result<Option<(PromoId, &records::booking::Promo)>, Refusal> {
        if cart.code.trim().is_empty() {
            return Ok(None);
        }
        let (id, promo) = self.catalogue.promo_of(cart.code).ok_or(Refusal::PromoUnknown)?;
        let used = self.stock.promos.get(&id).copied().unwrap_or_default();
        let times = self.stock.persons.get(&(id, cart.person)).copied().unwrap_or(0);
        check_promo(promo, used, times, cart.person, now)?;
        Ok(Some((id, promo)))
    }

    /// Add-ons need what they go with, one each; of a product there are no more than may be.
    fn fits_together(&self, lines: &[Line]) -> Result<(), Refusal> {
        let mut counts: BTreeMap<ItemId, u32> = BTreeMap::new();
        for line in lines {
            *counts.entry(line.choice.product).or_default() += u32::from(line.count);
        }
        for (id, count) in &counts {
            let product = self.catalogue.products.get(id).ok_or(Refusal::NoProduct)?;
            if let Some(most) = product.order_max.filter(|most| *count > u32::from(*most)) {
                return Err(Refusal::TooManyOfProduct(most));
            }
            if !goes_with(product, *count, |with| counts.get(&with).copied().unwrap_or(0)) {
                return Err(Refusal::AddOnAlone);
            }
        }
        Ok(())
    }

    /// Whether every quota has enough left for these.
    pub(crate) fn is_left(&self, positions: &[Position]) -> Result<(), Refusal> {
        let mut needs: BTreeMap<QuotaId, u64> = BTreeMap::new();
        for position in positions {
            let mut counted = false;
            for (id, _) in self.catalogue.quotas_of(stock::choice(position)) {
                *needs.entry(id).or_default() += 1;
                counted = true;
            }
            if !counted {
                return Err(Refusal::SoldOut);
            }
        }
        for (id, need) in needs {
            match self.stock.left(&self.catalogue.quotas[&id]) {
                Some(0) => return Err(Refusal::SoldOut),
                Some(left) if left < need => return Err(Refusal::FewLeft(u32::try_from(left).unwrap_or(u32::MAX))),
                _ => {}
            }
        }
        Ok(())
    }

    fn extend_hold(&self, event: EventId, hold: HoldId, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.holds.get(&hold).filter(|known| known.until > now).ok_or(Refusal::HoldGone)?;
        let sales = &self.catalogue.sales;
        let end = known.made.saturating_add(seconds(sales.hold_max_s));
        let until = now.saturating_add(seconds(sales.hold_s)).min(end);
        if known.until >= end {
            return Err(Refusal::HoldAtItsEnd);
        }
        Ok((until > known.until).then_some(BookingFact::HoldExtended { event, hold, until }).into_iter().collect())
    }

    fn place_order(&self, event: EventId, wish: &Wish, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        let Wish::PlaceOrder { order, hold, subject, person, sealed, provider, score, asked } = wish else {
            return Ok(Vec::new());
        };
        if let Some(known) = self.orders.get(order) {
            return if known.asked == *asked { Ok(Vec::new()) } else { Err(Refusal::IdUsed) };
        }
        let held = self.holds.get(hold).filter(|held| held.until > now).ok_or(Refusal::HoldGone)?;
        if let Some(promo) = self.catalogue.promos.get(&held.promo) {
            let times = self.stock.persons.get(&(held.promo, *person)).copied().unwrap_or(0);
            check_person(promo, times, *person)?;
        }
        let total: i64 = held.positions.iter().map(|position| position.price).sum();
        let provider = match (total, *provider) {
            (0, _) => Provider::Free,
            (_, Provider::Free) => return Err(Refusal::Provider("something is to be paid")),
            (_, provider) => provider,
        };
        let sales = &self.catalogue.sales;
        let review = score.clone().filter(|score| sales.review_from.is_some_and(|from| score.score >= from));
        let wait = if review.is_some() || provider == Provider::Transfer { sales.transfer_s } else { sales.pay_s };
        let due = now.saturating_add(seconds(wait));
        let placed = BookingFact::OrderPlaced {
            event,
            order: *order,
            hold: *hold,
            subject: *subject,
            person: *person,
            sealed: sealed.clone(),
            provider,
            total,
            currency: held.currency,
            due,
            review: review.clone(),
            asked: *asked,
        };
        let confirmed =
            (total == 0 && review.is_none()).then(|| self.confirmed(event, *order, &held.positions, held.currency));
        Ok(std::iter::once(placed).chain(confirmed).collect())
    }

    /// The fact that positions are sold.
    pub(crate) fn confirmed(
        &self,
        event: EventId,
        order: OrderId,
        positions: &[Position],
        currency: Currency,
    ) -> BookingFact {
        let is_ticket =
            |position: &Position| self.catalogue.products.get(&position.product).is_some_and(Product::is_ticket);
        let ticket = |(place, position): (u64, &Position)| {
            if is_ticket(position) { TicketId(derived(order.0, TICKET, place)) } else { TicketId::NONE }
        };
        let tickets = (0..).zip(positions).map(ticket).collect();
        let total: i64 = positions.iter().map(|position| position.price).sum();
        let entry = sold(currency, positions, share(total, self.catalogue.sales.commission));
        BookingFact::OrderConfirmed { event, order, tickets, entry }
    }

    fn approve(&self, event: EventId, order: OrderId, now: Timestamp) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        if known.status != OrderStatus::Pending || known.review.is_none() {
            return Err(Refusal::NotInReview);
        }
        let sales = &self.catalogue.sales;
        let wait = if known.provider == Provider::Transfer { sales.transfer_s } else { sales.pay_s };
        let approved = BookingFact::OrderApproved { event, order, due: now.saturating_add(seconds(wait)) };
        let paid = known.paid >= known.total();
        let confirmed = paid.then(|| self.confirmed(event, order, &known.positions, known.currency));
        Ok(std::iter::once(approved).chain(confirmed).collect())
    }

    /// An order waits for the organizer, unless they have let it go on already or it is over.
    fn hold_order(
        &self,
        event: EventId,
        order: OrderId,
        score: &Review,
        now: Timestamp,
    ) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        let sales = &self.catalogue.sales;
        let is_over = sales.review_from.is_some_and(|from| score.score >= from);
        let waits = known.status == OrderStatus::Pending && known.review.is_none() && !known.released;
        if !is_over || !waits {
            return Ok(Vec::new());
        }
        let due = now.saturating_add(seconds(sales.transfer_s)).max(known.due);
        Ok(vec![BookingFact::OrderHeld { event, order, review: score.clone(), due }])
    }

    fn cancel(
        &self,
        event: EventId,
        order: OrderId,
        positions: &[u16],
        why: Ending,
    ) -> Result<Vec<BookingFact>, Refusal> {
        let known = self.orders.get(&order).ok_or(Refusal::NoOrder)?;
        let live: Vec<u16> =
            (0..).zip(&known.cancelled).filter(|(_, cancelled)| !**cancelled).map(|(place, _)| place).collect();
        let mut places = if positions.is_empty() { live.clone() } else { positions.to_vec() };
        places.sort_unstable();
        places.dedup();
        match known.status {
            // The same wish again.
            OrderStatus::Ended(_) if positions.is_empty() => return Ok(Vec::new()),
            OrderStatus::Ended(_) => return Err(Refusal::OrderEnded),
            OrderStatus::Pending if places != live => return Err(Refusal::WholeOnly),
            _ if !places.iter().all(|place| live.contains(place)) => return Err(Refusal::NoPosition),
            _ => {}
        }
        if known.status == OrderStatus::Pending {
            let (repriced, entry) = (Vec::new(), Entry::none(known.currency));
            return Ok(vec![BookingFact::OrderCancelled { event, order, positions: places, repriced, why, entry }]);
        }
        self.stays_together(known, &places)?;
        let repriced = self.repriced(known, &places);
        let entry = self.unsold(known, &places, &repriced);
        Ok(vec![BookingFact::OrderCancelled { event, order, positions: places, repriced, why, entry }])
    }

    /// An admission is not cancelled while an add-on that goes with it stays.
    fn stays_together(&self, order: &Order, gone: &[u16]) -> Result<(), Refusal> {
        let mut counts: BTreeMap<ItemId, u32> = BTreeMap::new();
        for (_, position) in order.live().filter(|(place, _)| !gone.contains(place)) {
            *counts.entry(position.product).or_default() += 1;
        }
        let fits = counts.iter().all(|(id, count)| {
            let product = self.catalogue.products.get(id);
            product.is_none_or(|product| goes_with(product, *count, |with| counts.get(&with).copied().unwrap_or(0)))
        });
        if fits { Ok(()) } else { Err(Refusal::AddOnAlone) }
    }

    /// What is left of a group, priced as if it had been bought so.
    fn repriced(&self, order: &Order, gone: &[u16]) -> Vec<(u16, Position)> {
        let sales = &self.catalogue.sales;
        let grouped = order.live().any(|(place, position)| gone.contains(&place) && position.group > 0);
        if !sales.reprice_groups || !grouped {
            return Vec::new();
        }
        let (places, mut left): (Vec<u16>, Vec<Position>) =
            order.live().filter(|(place, _)| !gone.contains(place)).map(|(place, position)| (place, *position)).unzip();
        pricing::group(&mut left, &self.catalogue.discounts);
        pricing::settle(&mut left, sales.tax_rounding);
        let before = |place: u16| order.positions[usize::from(place)];
        let dearer: i64 = places.iter().zip(&left).map(|(place, position)| position.price - before(*place).price).sum();
        let gone: i64 = gone.iter().map(|place| before(*place).price).sum();
        // Whoever gives something back owes nothing for it.
        if dearer > gone {
            return Vec::new();
        }
        places.into_iter().zip(left).filter(|(place, position)| *position != before(*place)).collect()
    }

    fn unsold(&self, order: &Order, gone: &[u16], repriced: &[(u16, Position)]) -> Entry {
        let now = |place: u16| repriced.iter().find(|(changed, _)| *changed == place).map(|(_, position)| *position);
        let (mut gross, mut tax, mut left) = (0, 0, 0);
        for (place, position) in order.live() {
            let after = if gone.contains(&place) { None } else { Some(now(place).unwrap_or(*position)) };
            let (price, within) = after.map_or((0, 0), |after| (after.price, after.tax));
            gross += position.price - price;
            tax += position.tax - within;
            left += price;
        }
        let sales = &self.catalogue.sales;
        // What was given back already for what is cancelled now is not given back twice.
        let before = order.total();
        let part =
            |of: i64| if before > 0 { divide(i128::from(of) * i128::from(gross), i128::from(before)) } else { 0 };
        let (given, given_tax) = (part(order.goodwill), part(order.goodwill_tax));
        (gross, tax) = (gross - given, tax - given_tax);
        let kept =
            if sales.keep_commission { order.commission } else { share(left, sales.commission).min(order.commission) };
        let back = order.commission - kept;
        entry(
            order.currency,
            [
                (Account::Sales, gross - tax),
                (Account::Tax, tax),
                (Account::Receivable, -gross),
                (Account::CommissionDue, back),
                (Account::Commission, -back),
            ],
        )
    }

    pub(crate) fn apply_hold(&mut self, fact: &BookingFact, now: Timestamp) -> Vec<Moved> {
        match fact {
            BookingFact::HoldPlaced { hold, person, currency, positions, promo, place, until, asked, .. } => {
                self.stock.hold(positions);
                self.stock.use_promo(*promo, positions);
                self.room.took(*place, *hold);
                let (person, currency, promo, place, until, asked) =
                    (*person, *currency, *promo, *place, *until, *asked);
                let positions = positions.clone();
                self.holds.insert(*hold, Hold { person, currency, positions, promo, place, made: now, until, asked });
                vec![(None, Some(until), Deadline::Hold(*hold))]
            }
            BookingFact::WaitOffered { wait, hold, positions, until, .. } => {
                let waiting = self.waitlist.remove(*wait);
                self.stock.hold(positions);
                let (person, currency) =
                    waiting.map_or((Token::NONE, Currency::NONE), |waiting| (waiting.person, waiting.currency));
                let (promo, place, asked) = (PromoId::NONE, PlaceId::NONE, 0);
                let (positions, until) = (positions.clone(), *until);
                self.holds.insert(*hold, Hold { person, currency, positions, promo, place, made: now, until, asked });
                vec![(None, Some(until), Deadline::Hold(*hold))]
            }
            BookingFact::HoldExtended { hold, until, .. } => {
                let Some(held) = self.holds.get_mut(hold) else { return Vec::new() };
                let before = std::mem::replace(&mut held.until, *until);
                vec![(Some(before), Some(*until), Deadline::Hold(*hold))]
            }
            BookingFact::HoldReleased { hold, .. } | BookingFact::HoldExpired { hold, .. } => {
                let Some(held) = self.holds.remove(hold) else { return Vec::new() };
                self.stock.release(&held.positions);
                self.stock.return_promo(held.promo, Token::NONE, &held.positions);
                self.room.gave_back(held.place, *hold);
                self.waitlist.has_changed = true;
                vec![(Some(held.until), None, Deadline::Hold(*hold))]
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn apply_order(&mut self, fact: &BookingFact, now: Timestamp) -> Vec<Moved> {
        match fact {
            BookingFact::OrderPlaced { order, hold, .. } => {
                let Some(held) = self.holds.remove(hold) else { return Vec::new() };
                let before = held.until;
                let Some(placed) = Order::placed(fact, held, now) else { return Vec::new() };
                self.stock.name_person(placed.promo, placed.person);
                let due = placed.due;
                self.orders.insert(*order, placed);
                vec![(Some(before), None, Deadline::Hold(*hold)), (None, Some(due), Deadline::Order(*order))]
            }
            BookingFact::OrderApproved { order, due, .. } => {
                let Some(known) = self.orders.get_mut(order) else { return Vec::new() };
                known.review = None;
                known.released = true;
                let before = std::mem::replace(&mut known.due, *due);
                vec![(Some(before), Some(*due), Deadline::Order(*order))]
            }
            BookingFact::OrderHeld { order, review, due, .. } => {
                let Some(known) = self.orders.get_mut(order) else { return Vec::new() };
                known.review = Some(review.clone());
                let before = std::mem::replace(&mut known.due, *due);
                vec![(Some(before), Some(*due), Deadline::Order(*order))]
            }
            BookingFact::OrderConfirmed { order, tickets, entry, .. } => {
                let Some(known) = self.orders.get_mut(order) else { return Vec::new() };
                known.status = OrderStatus::Confirmed;
                known.tickets.clone_from(tickets);
                known.commission = of(entry, Account::Commission);
                // Whatever came beyond the price was noted as a surplus when it came.
                self.stock.sell(&known.positions);
                for (place, ticket) in (0..).zip(tickets).filter(|(_, ticket)| ticket.is_some()) {
                    self.tickets.insert(*ticket, Ticket::new(*order, place, &known.positions[usize::from(place)]));
                }
                vec![(Some(known.due), None, Deadline::Order(*order))]
            }
            BookingFact::OrderRevived { order, due, .. } => {
                let Some(known) = self.orders.get_mut(order) else { return Vec::new() };
                known.status = OrderStatus::Pending;
                known.due = *due;
                known.cancelled.fill(false);
                known.surplus = (known.paid - known.total()).max(0);
                if known.surplus == 0 {
                    self.owing.remove(order);
                }
                self.stock.hold(&known.positions);
                self.stock.use_promo(known.promo, &known.positions);
                self.stock.name_person(known.promo, known.person);
                vec![(None, Some(*due), Deadline::Order(*order))]
            }
            BookingFact::OrderCancelled { order, positions, repriced, why, entry, .. } => {
                self.waitlist.has_changed = true;
                self.apply_cancelled(*order, positions, repriced, *why, entry)
            }
            BookingFact::OrderDescribed { order, sealed, .. } => {
                if let Some(known) = self.orders.get_mut(order) {
                    known.sealed = sealed.clone();
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn apply_cancelled(
        &mut self,
        order: OrderId,
        positions: &[u16],
        repriced: &[(u16, Position)],
        why: Ending,
        entry: &Entry,
    ) -> Vec<Moved> {
        let Some(known) = self.orders.get_mut(&order) else { return Vec::new() };
        let gone = positions.iter().map(|place| &known.positions[usize::from(*place)]);
        let was_pending = known.status == OrderStatus::Pending;
        if was_pending {
            self.stock.release(gone);
            self.stock.return_promo(known.promo, known.person, &known.positions);
            // Nothing was sold, so what came in goes back by itself.
            known.surplus = known.paid;
        } else {
            self.stock.take_back(gone);
        }
        let (total, tax) = known.sums();
        for place in positions {
            known.cancelled[usize::from(*place)] = true;
            if let Some(ticket) = known.tickets.get(usize::from(*place)).and_then(|id| self.tickets.get_mut(id)) {
                ticket.cancelled = true;
            }
        }
        for (place, position) in repriced {
            known.positions[usize::from(*place)] = *position;
        }
        let (left, left_tax) = known.sums();
        if !was_pending {
            known.goodwill -= total - left + of(entry, Account::Receivable);
            known.goodwill_tax -= tax - left_tax - of(entry, Account::Tax);
        }
        known.commission += of(entry, Account::Commission);
        if known.cancelled.iter().all(|cancelled| *cancelled) {
            known.status = OrderStatus::Ended(why);
        }
        if known.surplus > 0 {
            self.owing.insert(order);
        }
        if was_pending { vec![(Some(known.due), None, Deadline::Order(order))] } else { Vec::new() }
    }
}

/// Whether there is enough of what a product goes with: one for each.
fn goes_with(product: &Product, count: u32, there: impl Fn(ItemId) -> u32) -> bool {
    product.with.is_empty() || product.with.iter().map(|with| there(*with)).sum::<u32>() >= count
}

/// What an entry posts to an account.
pub(crate) fn of(entry: &Entry, account: Account) -> i64 {
    entry.postings.iter().filter(|posting| posting.account == account).map(|posting| posting.minor).sum()
}

/// What is sold: the buyer owes it, some of it is tax, the platform keeps a share.
fn sold(currency: Currency, positions: &[Position], commission: i64) -> Entry {
    let total: i64 = positions.iter().map(|position| position.price).sum();
    let tax: i64 = positions.iter().map(|position| position.tax).sum();
    entry(
        currency,
        [
            (Account::Receivable, total),
            (Account::Sales, tax - total),
            (Account::Tax, -tax),
            (Account::Commission, commission),
            (Account::CommissionDue, -commission),
        ],
    )
}

impl Order {
    fn placed(fact: &BookingFact, held: Hold, now: Timestamp) -> Option<Self> {
        let BookingFact::OrderPlaced { hold, subject, person, sealed, provider, due, review, asked, .. } = fact else {
            return None;
        };
        let review: Option<Review> = review.clone();
        Some(Self {
            status: OrderStatus::Pending,
            review,
            hold: *hold,
            cancelled: vec![false; held.positions.len()],
            positions: held.positions,
            tickets: Vec::new(),
            currency: held.currency,
            provider: *provider,
            promo: held.promo,
            subject: *subject,
            person: *person,
            sealed: sealed.clone(),
            placed: now,
            due: *due,
            paid: 0,
            commission: 0,
            surplus: 0,
            goodwill: 0,
            goodwill_tax: 0,
            payments: Vec::new(),
            refunds: Vec::new(),
            asked: *asked,
            released: false,
        })
    }

    /// Its positions that are not cancelled, with their places.
    pub fn live(&self) -> impl Iterator<Item = (u16, &Position)> {
        let places = (0..).zip(&self.positions).zip(&self.cancelled);
        places.filter(|(_, cancelled)| !**cancelled).map(|(position, _)| position)
    }

    /// What its positions cost that are not cancelled.
    pub fn total(&self) -> i64 {
        self.sums().0
    }

    /// The same, and the tax within.
    pub fn sums(&self) -> (i64, i64) {
        self.live().fold((0, 0), |(gross, tax), (_, of)| (gross + of.price, tax + of.tax))
    }
}

impl Ticket {
    fn new(order: OrderId, position: u16, of: &Position) -> Self {
        Self {
            order,
            position,
            choice: Choice { product: of.product, variation: of.variation },
            revision: 0,
            cancelled: false,
            person: Token::NONE,
            subject: 0,
            sealed: records::Blob::default(),
        }
    }
}
