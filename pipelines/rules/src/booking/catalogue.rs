//! What an organizer offers: products, quotas, codes, discounts and doors, checked before they stand.

use std::collections::BTreeMap;

use records::booking::{
    BasisPoints, Choice, Door, GroupDiscount, Product, ProductKind, Promo, PromoEffect, Quota, Sales,
};
use records::{Currency, DoorId, ItemId, Money, PromoId, QuotaId, Timestamp};

use super::refusal::{Refusal, invalid};

/// Products, quotas, codes and doors of one event, each.
pub const THINGS_MAX: usize = 2_000;
/// Tiers, variations, currencies and products in one list.
pub const LIST_MAX: usize = 200;
/// Letters of a title.
pub const TITLE_MAX: usize = 200;
/// Bytes that say where money is transferred to.
pub const TRANSFER_TO_MAX: usize = 2_000;
/// The most that one position may cost, in minor units: sums of 2^20 of them fit.
pub const PRICE_MAX: i64 = 1_000_000_000_000;
/// Positions of one order.
pub const ORDER_MAX: u16 = 500;
/// A year, in seconds: what no time here is longer than.
const YEAR_S: u32 = 366 * 86_400;

/// What is offered, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    pub(crate) sales: Sales,
    pub(crate) products: BTreeMap<ItemId, Product>,
    pub(crate) quotas: BTreeMap<QuotaId, Quota>,
    pub(crate) promos: BTreeMap<PromoId, Promo>,
    pub(crate) discounts: Vec<GroupDiscount>,
    pub(crate) doors: BTreeMap<DoorId, Door>,
    /// The quotas in which a product counts, with the variation that does; follows from `quotas`.
    pub(super) counted: BTreeMap<ItemId, Vec<(ItemId, QuotaId)>>,
    /// Codes as they are compared; follows from `promos`.
    pub(super) codes: BTreeMap<String, PromoId>,
}

impl Catalogue {
    /// What holds for all sales.
    pub fn sales(&self) -> &Sales {
        &self.sales
    }

    /// Products by id.
    pub fn products(&self) -> &BTreeMap<ItemId, Product> {
        &self.products
    }

    /// Quotas by id.
    pub fn quotas(&self) -> &BTreeMap<QuotaId, Quota> {
        &self.quotas
    }

    /// Promo codes by id.
    pub fn promos(&self) -> &BTreeMap<PromoId, Promo> {
        &self.promos
    }

    /// Group discounts, in the order in which they are tried.
    pub fn discounts(&self) -> &[GroupDiscount] {
        &self.discounts
    }

    /// Doors by id.
    pub fn doors(&self) -> &BTreeMap<DoorId, Door> {
        &self.doors
    }

    /// The quotas that a position counts in.
    pub fn quotas_of(&self, choice: Choice) -> impl Iterator<Item = (QuotaId, &Quota)> {
        let counted = self.counted.get(&choice.product).into_iter().flatten();
        let counts = move |variation: ItemId| !variation.is_some() || variation == choice.variation;
        counted.filter(move |(variation, _)| counts(*variation)).map(|(_, id)| (*id, &self.quotas[id]))
    }

    /// The code that somebody typed.
    pub fn promo_of(&self, code: &str) -> Option<(PromoId, &Promo)> {
        let id = self.codes.get(&folded(code))?;
        Some((*id, &self.promos[id]))
    }

    pub(crate) fn set_quota(&mut self, id: QuotaId, quota: Quota) {
        self.quotas.insert(id, quota);
        self.index();
    }

    pub(crate) fn set_promo(&mut self, id: PromoId, promo: Promo) {
        self.promos.insert(id, promo);
        self.index();
    }

    pub(crate) fn index(&mut self) {
        self.counted.clear();
        for (id, quota) in &self.quotas {
            for choice in &quota.products {
                self.counted.entry(choice.product).or_default().push((choice.variation, *id));
            }
        }
        let taken = self.promos.iter().filter(|(_, promo)| !promo.withdrawn);
        self.codes = taken.map(|(id, promo)| (folded(&promo.code), *id)).collect();
    }

    /// Whether another code that is taken has this text.
    pub(crate) fn is_code_taken(&self, id: PromoId, promo: &Promo) -> bool {
        !promo.withdrawn && self.codes.get(&folded(&promo.code)).is_some_and(|other| *other != id)
    }
}

/// Codes are compared without regard to case and to what is around them.
fn folded(code: &str) -> String {
    code.trim().to_uppercase()
}

/// Checks what holds for all sales.
pub(crate) fn check_sales(sales: &Sales) -> Result<(), Refusal> {
    let spans = [
        ("hold_s", sales.hold_s),
        ("hold_max_s", sales.hold_max_s),
        ("pay_s", sales.pay_s),
        ("transfer_s", sales.transfer_s),
        ("offer_s", sales.offer_s),
    ];
    for (field, seconds) in spans {
        if !(30..=YEAR_S).contains(&seconds) {
            return Err(invalid(field, "is between 30 seconds and a year"));
        }
    }
    if sales.hold_max_s < sales.hold_s {
        return Err(invalid("hold_max_s", "is not shorter than hold_s"));
    }
    if sales.transfer_to.len() > TRANSFER_TO_MAX || sales.transfer_to.contains('\0') {
        return Err(invalid("transfer_to", format!("has at most {TRANSFER_TO_MAX} bytes")));
    }
    if !(1..=ORDER_MAX).contains(&sales.order_max) {
        return Err(invalid("order_max", format!("is between 1 and {ORDER_MAX}")));
    }
    share("commission", sales.commission)
}

/// Checks a product.
pub(crate) fn check_product(product: &Product) -> Result<(), Refusal> {
    title("title", &product.title)?;
    share("tax", product.tax)?;
    if product.tiers.is_empty() || product.tiers.len() > LIST_MAX {
        return Err(invalid("tiers", format!("has between 1 and {LIST_MAX} prices")));
    }
    for (place, tier) in product.tiers.iter().enumerate() {
        let field = format!("tiers[{place}]");
        title(&format!("{field}.title"), &tier.title)?;
        amounts(&format!("{field}.prices"), &tier.prices)?;
        if tier.prices.is_empty() {
            return Err(invalid(format!("{field}.prices"), "names an amount for at least one currency"));
        }
    }
    length("variations", product.variations.len())?;
    for (place, variation) in product.variations.iter().enumerate() {
        let field = format!("variations[{place}]");
        title(&format!("{field}.title"), &variation.title)?;
        amounts(&format!("{field}.extra"), &variation.extra)?;
        let others = &product.variations[..place];
        if !variation.variation.is_some() || others.iter().any(|other| other.variation == variation.variation) {
            return Err(invalid(format!("{field}.variation"), "is an id of its own"));
        }
    }
    length("with", product.with.len())?;
    if product.kind == ProductKind::Admission && !product.with.is_empty() {
        return Err(invalid("with", "is for add-ons and goods: an admission is sold by itself"));
    }
    window(product.from, product.until)?;
    if product.order_max == Some(0) {
        return Err(invalid("order_max", "is at least 1: withdraw a product that is not sold"));
    }
    Ok(())
}

/// Checks a quota.
pub(crate) fn check_quota(quota: &Quota) -> Result<(), Refusal> {
    title("title", &quota.title)?;
    length("products", quota.products.len())?;
    for (place, choice) in quota.products.iter().enumerate() {
        let counts = |other: &Choice| {
            other.product == choice.product
                && (other.variation == choice.variation || !other.variation.is_some() || !choice.variation.is_some())
        };
        if !choice.product.is_some() || quota.products[..place].iter().any(counts) {
            return Err(invalid(format!("products[{place}]"), "names a product, or a variation of it, once"));
        }
    }
    Ok(())
}

/// Checks a promo code.
pub(crate) fn check_promo(promo: &Promo) -> Result<(), Refusal> {
    let letters = promo.code.trim().chars().count();
    if !(1..=64).contains(&letters) || promo.code.chars().any(char::is_control) {
        return Err(invalid("code", "has between 1 and 64 letters"));
    }
    match &promo.effect {
        PromoEffect::Percent(off) => share("effect.percent", *off)?,
        PromoEffect::Off(off) => amounts("effect.off", off)?,
        PromoEffect::Price(prices) => amounts("effect.price", prices)?,
        PromoEffect::Reveal => {}
    }
    if let Some(budget) = promo.budget {
        amounts("budget", &[budget])?;
    }
    length("products", promo.products.len())?;
    window(promo.from, promo.until)
}

/// Checks group discounts.
pub(crate) fn check_discounts(discounts: &[GroupDiscount]) -> Result<(), Refusal> {
    length("discounts", discounts.len())?;
    for (place, discount) in discounts.iter().enumerate() {
        title(&format!("discounts[{place}].title"), &discount.title)?;
        share(&format!("discounts[{place}].off"), discount.off)?;
        if discount.at_least < 2 {
            return Err(invalid(format!("discounts[{place}].at_least"), "is 2 or more"));
        }
        if discount.cheapest.is_some_and(|cheapest| cheapest == 0 || cheapest > discount.at_least) {
            return Err(invalid(format!("discounts[{place}].cheapest"), "is between 1 and at_least"));
        }
    }
    Ok(())
}

/// Checks a door.
pub(crate) fn check_door(door: &Door) -> Result<(), Refusal> {
    title("title", &door.title)?;
    length("products", door.products.len())?;
    length("times", door.times.len())?;
    for (place, time) in door.times.iter().enumerate() {
        length(&format!("times[{place}].products"), time.products.len())?;
        if time.from.zip(time.until).is_some_and(|(from, until)| from >= until) {
            return Err(invalid(format!("times[{place}].until"), "is after from"));
        }
    }
    Ok(())
}

/// Checks that there is room for one more.
pub(crate) fn check_room(field: &str, known: bool, there: usize) -> Result<(), Refusal> {
    let full = !known && there >= THINGS_MAX;
    if full { Err(invalid(field, format!("are at most {THINGS_MAX} of one event"))) } else { Ok(()) }
}

/// The amount in a currency.
pub(crate) fn amount(amounts: &[Money], currency: Currency) -> Option<i64> {
    amounts.iter().find(|amount| amount.currency == currency).map(|amount| amount.minor)
}

fn title(field: &str, title: &str) -> Result<(), Refusal> {
    let letters = title.trim().chars().count();
    if (1..=TITLE_MAX).contains(&letters) && !title.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid(field, format!("has between 1 and {TITLE_MAX} letters")))
}

fn share(field: &str, share: BasisPoints) -> Result<(), Refusal> {
    if share.0 <= 10_000 { Ok(()) } else { Err(invalid(field, "is at most 10000, which is all of it")) }
}

fn length(field: &str, length: usize) -> Result<(), Refusal> {
    if length <= LIST_MAX { Ok(()) } else { Err(invalid(field, format!("has at most {LIST_MAX}"))) }
}

fn amounts(field: &str, amounts: &[Money]) -> Result<(), Refusal> {
    length(field, amounts.len())?;
    for (place, amount) in amounts.iter().enumerate() {
        if !(0..=PRICE_MAX).contains(&amount.minor) {
            return Err(invalid(format!("{field}[{place}]"), format!("is between 0 and {PRICE_MAX} minor units")));
        }
        let twice = amounts[..place].iter().any(|other| other.currency == amount.currency);
        if !amount.currency.is_some() || twice {
            return Err(invalid(format!("{field}[{place}]"), "names each currency once"));
        }
    }
    Ok(())
}

fn window(from: Option<Timestamp>, until: Option<Timestamp>) -> Result<(), Refusal> {
    match (from, until) {
        (Some(from), Some(until)) if from >= until => Err(invalid("until", "is after `from`")),
        _ => Ok(()),
    }
}
