//! Codes, links and addresses of files: stock that is laid in, and given to positions once they are sold.
//!
//! Which code goes to which position is a fact of its own, decided right after the sale; a position gets one, and a code goes
//! to one position. What somebody holds or is owed is kept back, so that what was sold can be delivered:
//! `held + owed <= free` for everything that is digital.

use std::collections::{BTreeMap, BTreeSet};

use records::booking::{BookingFact, Choice, Good, Position, ProductKind};
use records::{Blob, EventId, GoodsId, ItemId, OrderId};
use serde::{Deserialize, Serialize};

use super::command::Wish;
use super::office::{BoxOffice, Map, Order};
use super::refusal::{Refusal, invalid};
use super::stock::choice;

/// Codes that are laid in stock at once.
pub const GOODS_BATCH_MAX: usize = 1_000;
/// Codes of one event.
pub const GOODS_MAX: usize = 1_000_000;
/// Bytes of a sealed text.
const SEALED_MAX: usize = 8_192;

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lot {
    /// It is in stock.
    Free,
    /// A position has it.
    Given(OrderId, u16),
    /// A position had it, which was cancelled.
    Spent(OrderId, u16),
    /// It is not sold any more.
    Withdrawn,
}

/// A code in stock, or delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is sold as.
    pub choice: Choice,
    /// Its text, sealed.
    pub sealed: Blob,
    /// Its place in the queue.
    pub number: u64,
    /// What became of it.
    pub lot: Lot,
}

/// How many codes of a choice there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// In stock.
    pub free: u64,
    /// Sold, and on their way to their position.
    pub owed: u64,
    /// Delivered, to positions that were cancelled since included.
    pub given: u64,
}

/// Everything digital of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Goods {
    items: Map<GoodsId, Item>,
    free: BTreeMap<Choice, BTreeSet<(u64, GoodsId)>>,
    owed: BTreeMap<Choice, BTreeSet<(u64, OrderId, u16)>>,
    given: BTreeMap<(OrderId, u16), GoodsId>,
    next: u64,
}

/// What a snapshot holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stored {
    items: Vec<(GoodsId, Item)>,
    owed: Vec<(Choice, u64, OrderId, u16)>,
    next: u64,
}

impl Goods {
    /// A code.
    pub fn item(&self, goods: GoodsId) -> Option<&Item> {
        self.items.get(&goods)
    }

    /// Everything, in no order.
    pub fn items(&self) -> impl Iterator<Item = (GoodsId, &Item)> {
        self.items.iter().map(|(id, item)| (*id, item))
    }

    /// What positions of an order have got.
    pub fn of_order(&self, order: OrderId) -> impl Iterator<Item = (u16, GoodsId, &Item)> {
        let all = self.given.range((order, 0)..=(order, u16::MAX));
        all.filter_map(|((_, position), id)| Some((*position, *id, self.items.get(id)?)))
    }

    /// How many there are of each choice.
    pub fn counts(&self) -> BTreeMap<Choice, Counts> {
        let mut counts: BTreeMap<Choice, Counts> = BTreeMap::new();
        for item in self.items.values() {
            let count = counts.entry(item.choice).or_default();
            match item.lot {
                Lot::Free => count.free += 1,
                Lot::Given(..) | Lot::Spent(..) => count.given += 1,
                Lot::Withdrawn => {}
            }
        }
        for (choice, owed) in &self.owed {
            counts.entry(*choice).or_default().owed += owed.len() as u64;
        }
        counts
    }

    fn sum<T>(of: &BTreeMap<Choice, BTreeSet<T>>, choice: Choice) -> u64 {
        if choice.variation.is_some() {
            return of.get(&choice).map_or(0, |all| all.len() as u64);
        }
        let all = choice..=Choice { variation: ItemId(u128::MAX), ..choice };
        of.range(all).map(|(_, all)| all.len() as u64).sum()
    }

    /// Codes in stock that nobody was sold; of all variations when it names none.
    fn unsold(&self, choice: Choice) -> u64 {
        Self::sum(&self.free, choice).saturating_sub(Self::sum(&self.owed, choice))
    }

    fn is_used(&self, product: ItemId) -> bool {
        self.items.values().any(|item| item.choice.product == product && item.lot != Lot::Withdrawn)
    }

    /// Whether something can be delivered.
    pub(crate) fn is_owed(&self) -> bool {
        self.deliverable().is_some()
    }

    fn deliverable(&self) -> Option<(GoodsId, OrderId, u16)> {
        self.owed.iter().find_map(|(choice, owed)| {
            let (_, goods) = self.free.get(choice)?.first()?;
            let (_, order, position) = owed.first()?;
            Some((*goods, *order, *position))
        })
    }

    /// A position is sold.
    pub(crate) fn owe(&mut self, choice: Choice, order: OrderId, position: u16) {
        self.next += 1;
        self.owed.entry(choice).or_default().insert((self.next, order, position));
    }

    /// A position was cancelled: what it had is spent, or goes back.
    pub(crate) fn take_back(&mut self, choice: Choice, order: OrderId, position: u16, reuse: bool) {
        if let Some(owed) = self.owed.get_mut(&choice) {
            owed.retain(|(_, of, place)| (*of, *place) != (order, position));
            if owed.is_empty() {
                self.owed.remove(&choice);
            }
        }
        let Some(goods) = self.given.get(&(order, position)).copied() else { return };
        let Some(item) = self.items.get_mut(&goods) else { return };
        if reuse {
            self.given.remove(&(order, position));
            self.next += 1;
            (item.lot, item.number) = (Lot::Free, self.next);
            self.free.entry(item.choice).or_default().insert((item.number, goods));
        } else {
            item.lot = Lot::Spent(order, position);
        }
    }

    fn add(&mut self, choice: Choice, goods: &[Good]) {
        for Good { goods, sealed } in goods {
            self.next += 1;
            let (number, sealed) = (self.next, sealed.clone());
            self.items.insert(*goods, Item { choice, sealed, number, lot: Lot::Free });
            self.free.entry(choice).or_default().insert((number, *goods));
        }
    }

    fn leave(&mut self, goods: GoodsId, lot: Lot) {
        let Some(item) = self.items.get_mut(&goods) else { return };
        item.lot = lot;
        if let Some(free) = self.free.get_mut(&item.choice) {
            free.remove(&(item.number, goods));
            if free.is_empty() {
                self.free.remove(&item.choice);
            }
        }
    }

    fn give(&mut self, goods: GoodsId, order: OrderId, position: u16) {
        self.leave(goods, Lot::Given(order, position));
        self.given.insert((order, position), goods);
        let Some(choice) = self.items.get(&goods).map(|item| item.choice) else { return };
        if let Some(owed) = self.owed.get_mut(&choice) {
            owed.retain(|(_, of, place)| (*of, *place) != (order, position));
            if owed.is_empty() {
                self.owed.remove(&choice);
            }
        }
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Stored {
        let owed = self.owed.iter().flat_map(|(choice, owed)| {
            owed.iter().map(|(number, order, position)| (*choice, *number, *order, *position))
        });
        Stored { items: super::office::sorted(&self.items), owed: owed.collect(), next: self.next }
    }

    /// A state from what a snapshot holds.
    pub(crate) fn restore(stored: Stored) -> Self {
        let mut goods = Self { next: stored.next, ..Self::default() };
        for (id, item) in stored.items {
            match item.lot {
                Lot::Free => _ = goods.free.entry(item.choice).or_default().insert((item.number, id)),
                Lot::Given(order, position) | Lot::Spent(order, position) => {
                    goods.given.insert((order, position), id);
                }
                Lot::Withdrawn => {}
            }
            goods.items.insert(id, item);
        }
        for (choice, number, order, position) in stored.owed {
            goods.owed.entry(choice).or_default().insert((number, order, position));
        }
        goods
    }

    /// What does not hold.
    pub(crate) fn audit<'a>(&self, orders: impl Fn(OrderId) -> Option<&'a Order>, faults: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        for (id, item) in &self.items {
            let is_free = self.free.get(&item.choice).is_some_and(|free| free.contains(&(item.number, *id)));
            if is_free != (item.lot == Lot::Free) {
                faults.push(format!("code {id} is {:?}, and its stock says otherwise", item.lot));
            }
            let (Lot::Given(order, position) | Lot::Spent(order, position)) = item.lot else { continue };
            if !seen.insert((order, position)) || self.given.get(&(order, position)) != Some(id) {
                faults.push(format!("position {position} of order {order} has more than one code"));
            }
            let known = orders(order);
            let live = known.is_some_and(|known| !known.cancelled[usize::from(position)]);
            if live != matches!(item.lot, Lot::Given(..)) || known.is_none_or(|known| !known.was_confirmed()) {
                faults.push(format!("code {id} is {:?}, and order {order} says otherwise", item.lot));
            }
        }
        if seen.len() != self.given.len() {
            faults.push("positions have codes that are not noted as given".into());
        }
        for (_, order, position) in self.owed.values().flatten() {
            let live = orders(*order).is_some_and(|known| !known.cancelled[usize::from(*position)]);
            if !live || self.given.contains_key(&(*order, *position)) {
                faults.push(format!("position {position} of order {order} is owed nothing"));
            }
        }
    }
}

impl BoxOffice {
    pub(crate) fn lay_in(&self, event: EventId, wish: &Wish) -> Result<Vec<BookingFact>, Refusal> {
        match wish {
            Wish::AddGoods { choice, goods } => self.add_goods(event, *choice, goods),
            Wish::WithdrawGoods(goods) => self.withdraw_goods(event, goods),
            _ => Ok(Vec::new()),
        }
    }

    fn add_goods(&self, event: EventId, choice: Choice, goods: &[Good]) -> Result<Vec<BookingFact>, Refusal> {
        let product = self.catalogue.products.get(&choice.product).ok_or(Refusal::NoProduct)?;
        if product.kind != ProductKind::Digital {
            return Err(invalid("product", "is not digital"));
        }
        let known = product.variations.iter().any(|variation| variation.variation == choice.variation);
        if known == product.variations.is_empty() || (!known && choice.variation.is_some()) {
            return Err(Refusal::NoVariation);
        }
        if goods.len() > GOODS_BATCH_MAX || goods.iter().any(|good| good.sealed.0.len() > SEALED_MAX) {
            return Err(invalid("goods", format!("has at most {GOODS_BATCH_MAX}, of a few thousand letters each")));
        }
        let mut new = BTreeSet::new();
        let is_new = |good: &&Good| !self.goods.items.contains_key(&good.goods) && new.insert(good.goods);
        let goods: Vec<Good> = goods.iter().filter(is_new).cloned().collect();
        if self.goods.items.len() + goods.len() > GOODS_MAX {
            return Err(invalid("goods", format!("are at most {GOODS_MAX} of one event")));
        }
        Ok((!goods.is_empty()).then_some(BookingFact::GoodsAdded { event, choice, goods }).into_iter().collect())
    }

    fn withdraw_goods(&self, event: EventId, goods: &[GoodsId]) -> Result<Vec<BookingFact>, Refusal> {
        let mut gone: BTreeMap<Choice, BTreeSet<GoodsId>> = BTreeMap::new();
        for id in goods {
            let item = self.goods.items.get(id).ok_or(Refusal::NoGoods)?;
            match item.lot {
                Lot::Free => _ = gone.entry(item.choice).or_default().insert(*id),
                Lot::Withdrawn => {}
                Lot::Given(..) | Lot::Spent(..) => return Err(Refusal::GoodsGone),
            }
        }
        for (choice, ids) in &gone {
            if self.goods_left(*choice).is_some_and(|left| left < ids.len() as u64) {
                return Err(Refusal::GoodsHeld);
            }
        }
        let goods: Vec<GoodsId> = gone.into_values().flatten().collect();
        Ok((!goods.is_empty()).then_some(BookingFact::GoodsWithdrawn { event, goods }).into_iter().collect())
    }

    /// How many more of a digital product can be held; none for what is not digital.
    pub(crate) fn goods_left(&self, choice: Choice) -> Option<u64> {
        let product = self.catalogue.products.get(&choice.product)?;
        let digital = product.kind == ProductKind::Digital;
        digital.then(|| self.goods.unsold(choice).saturating_sub(u64::from(self.stock.count(choice).held)))
    }

    /// Whether there are codes for all of these.
    pub(crate) fn goods_are_left(&self, positions: &[Position]) -> Result<(), Refusal> {
        let mut needs: BTreeMap<Choice, u64> = BTreeMap::new();
        for position in positions {
            *needs.entry(choice(position)).or_default() += 1;
        }
        for (choice, need) in needs {
            match self.goods_left(choice) {
                Some(0) => return Err(Refusal::SoldOut),
                Some(left) if left < need => return Err(Refusal::FewLeft(u32::try_from(left).unwrap_or(u32::MAX))),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is digital stays so while something of it is held, sold or in stock: what was sold must be delivered.
    pub(crate) fn may_be(&self, id: ItemId, kind: ProductKind) -> Result<(), Refusal> {
        let Some(known) = self.catalogue.products.get(&id) else { return Ok(()) };
        let count = self.stock.count(Choice { product: id, ..Choice::default() });
        let turns = (known.kind == ProductKind::Digital) != (kind == ProductKind::Digital);
        if turns && (count.held + count.sold > 0 || self.goods.is_used(id)) {
            return Err(invalid(
                "kind",
                "cannot become digital, or be it no longer, once something of it is held, sold or in stock",
            ));
        }
        Ok(())
    }

    /// The next code that is given to a position.
    pub(crate) fn deliver(&self, event: EventId) -> Option<BookingFact> {
        let (goods, order, position) = self.goods.deliverable()?;
        Some(BookingFact::GoodsDelivered { event, order, position, goods })
    }

    /// The positions of an order that are digital are owed their codes.
    pub(crate) fn owe_goods(&mut self, order: OrderId) {
        let Some(known) = self.orders.get(&order) else { return };
        for (place, position) in known.live() {
            let product = self.catalogue.products.get(&position.product);
            if product.is_some_and(|product| product.kind == ProductKind::Digital) {
                self.goods.owe(choice(position), order, place);
            }
        }
    }

    pub(crate) fn apply_goods(&mut self, fact: &BookingFact) {
        match fact {
            BookingFact::GoodsAdded { choice, goods, .. } => {
                self.goods.add(*choice, goods);
                self.waitlist.has_changed = true;
            }
            BookingFact::GoodsWithdrawn { goods, .. } => {
                goods.iter().for_each(|id| self.goods.leave(*id, Lot::Withdrawn));
            }
            BookingFact::GoodsDelivered { order, position, goods, .. } => self.goods.give(*goods, *order, *position),
            _ => {}
        }
    }
}
