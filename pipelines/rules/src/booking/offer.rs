//! Decisions about what is offered.

use records::EventId;
use records::booking::{BookingFact, Product, Promo, Quota};

use super::catalogue::{check_discounts, check_door, check_product, check_promo, check_quota, check_room, check_sales};
use super::command::Wish;
use super::office::BoxOffice;
use super::refusal::{Refusal, invalid};

impl BoxOffice {
    /// What an organizer writes; nothing when it stands already.
    pub(crate) fn offer(&self, event: EventId, wish: &Wish) -> Result<Vec<BookingFact>, Refusal> {
        let catalogue = &self.catalogue;
        let fact = match wish {
            Wish::SetSales(sales) => {
                check_sales(sales)?;
                (catalogue.sales != *sales).then(|| BookingFact::SalesSet { event, sales: sales.clone() })
            }
            Wish::SetProduct(product, spec) => {
                check_product(spec)?;
                let known = catalogue.products.get(product);
                check_room("products", known.is_some(), catalogue.products.len())?;
                self.keeps_what_was_sold(*product, known, spec)?;
                (known != Some(spec)).then(|| BookingFact::ProductSet { event, product: *product, spec: spec.clone() })
            }
            Wish::SetQuota(quota, spec) => {
                check_quota(spec)?;
                let known = catalogue.quotas.get(quota);
                check_room("quotas", known.is_some(), catalogue.quotas.len())?;
                self.is_quota_large_enough(spec)?;
                (known != Some(spec)).then(|| BookingFact::QuotaSet { event, quota: *quota, spec: spec.clone() })
            }
            Wish::SetPromo(promo, spec) => {
                check_promo(spec)?;
                let known = catalogue.promos.get(promo);
                check_room("promos", known.is_some(), catalogue.promos.len())?;
                if catalogue.is_code_taken(*promo, spec) {
                    return Err(Refusal::CodeTaken);
                }
                self.keeps_what_was_used(*promo, spec)?;
                (known != Some(spec)).then(|| BookingFact::PromoSet { event, promo: *promo, spec: spec.clone() })
            }
            Wish::SetGroupDiscounts(discounts) => {
                check_discounts(discounts)?;
                let discounts = discounts.clone();
                (catalogue.discounts != discounts).then_some(BookingFact::GroupDiscountsSet { event, discounts })
            }
            Wish::SetDoor(door, spec) => {
                check_door(spec)?;
                let known = catalogue.doors.get(door);
                check_room("doors", known.is_some(), catalogue.doors.len())?;
                (known != Some(spec)).then(|| BookingFact::DoorSet { event, door: *door, spec: spec.clone() })
            }
            Wish::SetRoom(room) => self.room.set(event, room)?,
            _ => None,
        };
        Ok(fact.into_iter().collect())
    }

    /// The fact that makes what a wish would set as it stands now; none when it is not there, or is not set by itself.
    pub fn standing(&self, event: EventId, wish: &Wish) -> Option<BookingFact> {
        let catalogue = &self.catalogue;
        Some(match wish {
            Wish::SetSales(_) => BookingFact::SalesSet { event, sales: catalogue.sales.clone() },
            Wish::SetProduct(product, _) => {
                BookingFact::ProductSet { event, product: *product, spec: catalogue.products.get(product)?.clone() }
            }
            Wish::SetQuota(quota, _) => {
                BookingFact::QuotaSet { event, quota: *quota, spec: catalogue.quotas.get(quota)?.clone() }
            }
            Wish::SetPromo(promo, _) => {
                BookingFact::PromoSet { event, promo: *promo, spec: catalogue.promos.get(promo)?.clone() }
            }
            Wish::SetGroupDiscounts(_) => {
                BookingFact::GroupDiscountsSet { event, discounts: catalogue.discounts.clone() }
            }
            Wish::SetDoor(door, _) => {
                BookingFact::DoorSet { event, door: *door, spec: catalogue.doors.get(door)?.clone() }
            }
            Wish::SetRoom(_) => BookingFact::RoomSet { event, room: self.room.room()?.clone() },
            _ => return None,
        })
    }

    /// Positions name tiers by their places and variations by their ids, so neither goes while something was sold of it.
    fn keeps_what_was_sold(&self, id: records::ItemId, known: Option<&Product>, spec: &Product) -> Result<(), Refusal> {
        let Some(known) = known else { return Ok(()) };
        let taken = |tier: usize| self.stock.at_tier(id, tier as u8) > 0;
        if let Some(lost) = (spec.tiers.len()..known.tiers.len()).find(|tier| taken(*tier)) {
            let problem = "was sold and cannot be left out: let it end by `until` or `count`";
            return Err(invalid(format!("tiers[{lost}]"), problem));
        }
        let gone = known.variations.iter().find(|old| {
            let choice = records::booking::Choice { product: id, variation: old.variation };
            let kept = spec.variations.iter().any(|new| new.variation == old.variation);
            !kept && self.stock.count(choice) != super::stock::Count::default()
        });
        match gone {
            Some(gone) => Err(invalid("variations", format!("lacks `{}`, which was sold", gone.variation))),
            None => Ok(()),
        }
    }

    /// A code is not used more often than it may be at any offset: it cannot be limited to less than it was used.
    fn keeps_what_was_used(&self, id: records::PromoId, promo: &Promo) -> Result<(), Refusal> {
        let used = self.stock.promos.get(&id).copied().unwrap_or_default();
        if promo.uses.is_some_and(|uses| uses < used.orders) {
            return Err(invalid("uses", format!("is at least {}: so often it is used already", used.orders)));
        }
        let known = self.catalogue.promos.get(&id).and_then(|known| known.budget);
        let same = |budget: records::Money| known.is_none_or(|known| known.currency == budget.currency);
        match promo.budget {
            Some(budget) if used.off > 0 && !same(budget) => {
                Err(invalid("budget", "keeps its currency once it is used"))
            }
            Some(budget) if budget.minor < used.off => {
                Err(invalid("budget", format!("is at least {}: so much is used already", used.off)))
            }
            _ => Ok(()),
        }
    }

    fn is_quota_large_enough(&self, quota: &Quota) -> Result<(), Refusal> {
        let used = self.stock.used(quota);
        match quota.size {
            Some(size) if used > u64::from(size) => Err(Refusal::QuotaTooSmall { size, used }),
            _ => Ok(()),
        }
    }

    pub(crate) fn apply_offer(&mut self, fact: &BookingFact) {
        let catalogue = &mut self.catalogue;
        match fact {
            BookingFact::SalesSet { sales, .. } => catalogue.sales = sales.clone(),
            BookingFact::ProductSet { product, spec, .. } => {
                catalogue.products.insert(*product, spec.clone());
            }
            BookingFact::QuotaSet { quota, spec, .. } => catalogue.set_quota(*quota, spec.clone()),
            BookingFact::PromoSet { promo, spec, .. } => catalogue.set_promo(*promo, spec.clone()),
            BookingFact::GroupDiscountsSet { discounts, .. } => catalogue.discounts.clone_from(discounts),
            BookingFact::DoorSet { door, spec, .. } => {
                catalogue.doors.insert(*door, spec.clone());
            }
            _ => return,
        }
        self.waitlist.has_changed = true;
    }
}
