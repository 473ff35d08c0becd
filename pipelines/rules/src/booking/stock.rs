//! What is held and sold, by what was chosen. Quotas are sums over it, so a quota that counts otherwise from now on is
//! right from now on, too.

use std::collections::BTreeMap;

use records::booking::{Choice, Position, Quota};
use records::{ItemId, PromoId, Token};
use serde::{Deserialize, Serialize};

/// How many are held and sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Count {
    /// In carts and in orders that are not paid.
    pub held: u32,
    /// In orders that are paid.
    pub sold: u32,
}

/// What was used of a promo code, by holds that live and orders that were not left unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// Orders.
    pub orders: u32,
    /// What it took off, in minor units of its budget's currency.
    pub off: i64,
}

/// Counts of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    pub(crate) choices: BTreeMap<Choice, Count>,
    pub(crate) tiers: BTreeMap<(ItemId, u8), u32>,
    pub(crate) promos: BTreeMap<PromoId, Used>,
    pub(crate) persons: BTreeMap<(PromoId, Token), u32>,
}

impl Count {
    fn used(self) -> u64 {
        u64::from(self.held) + u64::from(self.sold)
    }
}

impl Stock {
    /// The count of a choice; of all variations when it names none.
    pub fn count(&self, choice: Choice) -> Count {
        if choice.variation.is_some() {
            return self.choices.get(&choice).copied().unwrap_or_default();
        }
        let all = choice..=Choice { variation: ItemId(u128::MAX), ..choice };
        self.choices.range(all).fold(Count::default(), |sum, (_, count)| Count {
            held: sum.held + count.held,
            sold: sum.sold + count.sold,
        })
    }

    /// How much of a quota is held and sold.
    pub fn of_quota(&self, quota: &Quota) -> Count {
        quota.products.iter().fold(Count::default(), |sum, choice| {
            let count = self.count(*choice);
            Count { held: sum.held + count.held, sold: sum.sold + count.sold }
        })
    }

    /// How much of a quota is left; none for as much as is wanted.
    pub fn left(&self, quota: &Quota) -> Option<u64> {
        quota.size.map(|size| u64::from(size).saturating_sub(self.of_quota(quota).used()))
    }

    /// What was used of a promo code.
    pub fn promo(&self, promo: PromoId) -> Used {
        self.promos.get(&promo).copied().unwrap_or_default()
    }

    /// How much a quota counts.
    pub(crate) fn used(&self, quota: &Quota) -> u64 {
        self.of_quota(quota).used()
    }

    /// How many positions were taken at a tier.
    pub(crate) fn at_tier(&self, product: ItemId, tier: u8) -> u32 {
        self.tiers.get(&(product, tier)).copied().unwrap_or(0)
    }

    /// Takes what somebody holds.
    pub(crate) fn hold<'a>(&mut self, positions: impl IntoIterator<Item = &'a Position>) {
        for position in positions {
            self.choices.entry(choice(position)).or_default().held += 1;
            *self.tiers.entry((position.product, position.tier)).or_default() += 1;
        }
    }

    /// Gives back what was held.
    pub(crate) fn release<'a>(&mut self, positions: impl IntoIterator<Item = &'a Position>) {
        for position in positions {
            let count = self.choices.entry(choice(position)).or_default();
            count.held = count.held.checked_sub(1).expect("what is released was held");
            self.leave(position);
        }
    }

    /// What was held is sold.
    pub(crate) fn sell<'a>(&mut self, positions: impl IntoIterator<Item = &'a Position>) {
        for position in positions {
            let count = self.choices.entry(choice(position)).or_default();
            count.held = count.held.checked_sub(1).expect("what is sold was held");
            count.sold += 1;
        }
    }

    /// Takes back what was sold.
    pub(crate) fn take_back<'a>(&mut self, positions: impl IntoIterator<Item = &'a Position>) {
        for position in positions {
            let count = self.choices.entry(choice(position)).or_default();
            count.sold = count.sold.checked_sub(1).expect("what is taken back was sold");
            self.leave(position);
        }
    }

    /// A code is used by a hold; `person` once the order says who it is.
    pub(crate) fn use_promo(&mut self, promo: PromoId, positions: &[Position]) {
        if promo.is_some() {
            let used = self.promos.entry(promo).or_default();
            used.orders += 1;
            used.off += off(positions);
        }
    }

    /// A code was not used after all.
    pub(crate) fn return_promo(&mut self, promo: PromoId, person: Token, positions: &[Position]) {
        if !promo.is_some() {
            return;
        }
        if let Some(used) = self.promos.get_mut(&promo) {
            used.orders = used.orders.saturating_sub(1);
            used.off -= off(positions);
        }
        if person.is_some()
            && let Some(times) = self.persons.get_mut(&(promo, person))
        {
            *times = times.saturating_sub(1);
        }
    }

    /// Who used a code is known.
    pub(crate) fn name_person(&mut self, promo: PromoId, person: Token) {
        if promo.is_some() && person.is_some() {
            *self.persons.entry((promo, person)).or_default() += 1;
        }
    }

    fn leave(&mut self, position: &Position) {
        let tier = self.tiers.entry((position.product, position.tier)).or_default();
        *tier = tier.checked_sub(1).expect("what leaves a tier was in it");
    }
}

/// What a position is one of.
pub(crate) fn choice(position: &Position) -> Choice {
    Choice { product: position.product, variation: position.variation }
}

fn off(positions: &[Position]) -> i64 {
    positions.iter().map(|position| position.promo_off).sum()
}
