//! What a cart costs, and why: tier, then code, then group discounts, then tax. A pure function, so that anybody can
//! count it again.

use std::collections::BTreeMap;

use records::booking::{BasisPoints, GroupDiscount, Position, Product, Promo, PromoEffect, TaxRounding};
use records::{Currency, ItemId, Timestamp, Token};

use super::catalogue::{Catalogue, amount};
use super::command::Line;
use super::refusal::Refusal;
use super::stock::{Stock, Used};

/// A share of an amount, rounded half away from zero.
pub(crate) fn share(minor: i64, share: BasisPoints) -> i64 {
    divide(i128::from(minor) * i128::from(share.0), 10_000)
}

/// The tax within an amount, rounded half away from zero.
pub(crate) fn tax_within(gross: i64, rate: BasisPoints) -> i64 {
    divide(i128::from(gross) * i128::from(rate.0), 10_000 + i128::from(rate.0))
}

/// `of` over `by`, rounded half away from zero. `by` is above zero.
pub(crate) fn divide(of: i128, by: i128) -> i64 {
    let half = if of < 0 { -by / 2 } else { by / 2 };
    i64::try_from((of + half) / by).expect("a share of an amount is not above it")
}

/// What of it is on sale now, for those who have named this code.
///
/// # Errors
/// When it is not.
pub(crate) fn offered(product: &Product, promo: Option<&Promo>, id: ItemId, now: Timestamp) -> Result<(), Refusal> {
    let reveals = promo.is_some_and(|promo| promo.products.is_empty() || promo.products.contains(&id));
    if product.withdrawn || (product.hidden && !reveals) {
        return Err(Refusal::NoProduct);
    }
    match (product.from, product.until) {
        (Some(from), _) if now < from => Err(Refusal::NotYet(from)),
        (_, Some(until)) if now >= until => Err(Refusal::Over(until)),
        _ => Ok(()),
    }
}

/// The positions of a cart with their prices. Whether there is enough of everything is asked elsewhere.
///
/// # Errors
/// When something in it is not sold, not like this, or the code is not valid for it.
pub(crate) fn price(
    catalogue: &Catalogue,
    stock: &Stock,
    lines: &[Line],
    currency: Currency,
    promo: Option<(&Promo, Used)>,
    now: Timestamp,
) -> Result<Vec<Position>, Refusal> {
    let mut positions = Vec::new();
    // What this cart takes of tiers that end with a count.
    let mut taken: BTreeMap<(ItemId, u8), u32> = BTreeMap::new();
    for line in lines {
        let id = line.choice.product;
        let product = catalogue.products.get(&id).ok_or(Refusal::NoProduct)?;
        offered(product, promo.map(|(promo, _)| promo), id, now)?;
        let extra = extra(product, line, currency)?;
        for _ in 0..line.count {
            let used = |tier| stock.at_tier(id, tier) + taken.get(&(id, tier)).copied().unwrap_or(0);
            let tier = standing_tier(product, used, now).ok_or(Refusal::SoldOut)?;
            *taken.entry((id, tier)).or_default() += 1;
            let prices = &product.tiers[usize::from(tier)].prices;
            let list = amount(prices, currency).ok_or(Refusal::NoPrice)? + extra;
            let variation = line.choice.variation;
            positions.push(Position { product: id, variation, tier, list, rate: product.tax, ..Position::default() });
        }
    }
    if let Some((promo, used)) = promo {
        take_off(&mut positions, promo, used, currency)?;
    }
    group(&mut positions, &catalogue.discounts);
    settle(&mut positions, catalogue.sales.tax_rounding);
    Ok(positions)
}

/// The first tier that still stands, when so many were taken at each.
pub(crate) fn standing_tier(product: &Product, used: impl Fn(u8) -> u32, now: Timestamp) -> Option<u8> {
    let stands = |tier: &u8| {
        let spec = &product.tiers[usize::from(*tier)];
        spec.from.is_none_or(|from| now >= from)
            && spec.until.is_none_or(|until| now < until)
            && spec.count.is_none_or(|count| used(*tier) < count)
    };
    (0..product.tiers.len() as u8).find(stands)
}

fn extra(product: &Product, line: &Line, currency: Currency) -> Result<i64, Refusal> {
    if product.variations.is_empty() {
        return if line.choice.variation.is_some() { Err(Refusal::NoVariation) } else { Ok(0) };
    }
    let variation = product.variations.iter().find(|variation| variation.variation == line.choice.variation);
    Ok(amount(&variation.ok_or(Refusal::NoVariation)?.extra, currency).unwrap_or(0))
}

/// Whether a code works for somebody now.
///
/// # Errors
/// When it does not.
pub(crate) fn check_promo(promo: &Promo, used: Used, times: u32, person: Token, now: Timestamp) -> Result<(), Refusal> {
    let now_or_never = promo.from.is_none_or(|from| now >= from) && promo.until.is_none_or(|until| now < until);
    if promo.withdrawn || !now_or_never {
        return Err(Refusal::PromoUnknown);
    }
    if promo.uses.is_some_and(|uses| used.orders >= uses) {
        return Err(Refusal::PromoUsedUp);
    }
    check_person(promo, times, person)
}

/// Whether somebody may use a code once more.
///
/// # Errors
/// When they have used it as often as one may.
pub(crate) fn check_person(promo: &Promo, times: u32, person: Token) -> Result<(), Refusal> {
    let too_often = person.is_some() && promo.per_person.is_some_and(|most| times >= most);
    if too_often { Err(Refusal::PromoUsedByPerson) } else { Ok(()) }
}

/// What the code takes off: from the dearest positions that it is for.
fn take_off(positions: &mut [Position], promo: &Promo, used: Used, currency: Currency) -> Result<(), Refusal> {
    let is_for = |position: &Position| promo.products.is_empty() || promo.products.contains(&position.product);
    let mut places: Vec<usize> = (0..positions.len()).filter(|place| is_for(&positions[*place])).collect();
    if places.is_empty() {
        return Err(Refusal::PromoNotForThis);
    }
    places.sort_by_key(|place| (std::cmp::Reverse(positions[*place].list), *place));
    places.truncate(usize::from(promo.positions.unwrap_or(u16::MAX)));
    let mut sum = 0;
    for place in places {
        let list = positions[place].list;
        let off = match &promo.effect {
            PromoEffect::Percent(off) => share(list, *off),
            PromoEffect::Off(off) => amount(off, currency).unwrap_or(0),
            PromoEffect::Price(prices) => amount(prices, currency).map_or(0, |price| list - price),
            PromoEffect::Reveal => 0,
        };
        positions[place].promo_off = off.clamp(0, list);
        sum += positions[place].promo_off;
    }
    match promo.budget {
        // A budget is of one currency: what is taken off in another one cannot be counted against it.
        Some(budget) if sum > 0 && (budget.currency != currency || used.off + sum > budget.minor) => {
            Err(Refusal::PromoUsedUp)
        }
        _ => Ok(()),
    }
}

/// Gives each position to the first discount that takes it.
pub(crate) fn group(positions: &mut [Position], discounts: &[GroupDiscount]) {
    for position in &mut *positions {
        (position.group, position.group_off) = (0, 0);
    }
    for (number, discount) in (1..=u8::MAX).zip(discounts) {
        let counts = |position: &Position| {
            position.group == 0
                && position.promo_off == 0
                && (discount.products.is_empty() || discount.products.contains(&position.product))
        };
        let mut places: Vec<usize> = (0..positions.len()).filter(|place| counts(&positions[*place])).collect();
        let at_least = usize::from(discount.at_least);
        if places.len() < at_least {
            continue;
        }
        let cheapest = match discount.cheapest {
            Some(cheapest) => places.len() / at_least * usize::from(cheapest),
            None => places.len(),
        };
        // What makes up full groups is used up by the rule; without a number of cheapest ones that is all.
        let grouped = if discount.cheapest.is_some() { places.len() / at_least * at_least } else { places.len() };
        places.sort_by_key(|place| (positions[*place].list, *place));
        // The dearest are left over, so that the buyer's cheapest ones are what the rule has counted.
        for (rank, place) in places.into_iter().take(grouped).enumerate() {
            positions[place].group = number;
            if rank < cheapest {
                positions[place].group_off = share(positions[place].list, discount.off);
            }
        }
    }
}

/// Prices and taxes from what is taken off.
pub(crate) fn settle(positions: &mut [Position], rounding: TaxRounding) {
    for position in &mut *positions {
        position.price = position.list - position.promo_off - position.group_off;
        position.tax = tax_within(position.price, position.rate);
    }
    if rounding != TaxRounding::Line {
        settle_sums(positions, rounding);
    }
}

/// Rounds once for each rate, and moves single units between positions until their sum is that.
fn settle_sums(positions: &mut [Position], rounding: TaxRounding) {
    let mut rates: Vec<BasisPoints> = positions.iter().map(|position| position.rate).collect();
    rates.sort_unstable();
    rates.dedup();
    for rate in rates {
        let mut of_rate: Vec<&mut Position> = positions.iter_mut().filter(|position| position.rate == rate).collect();
        let gross: i64 = of_rate.iter().map(|position| position.price).sum();
        let tax: i64 = of_rate.iter().map(|position| position.tax).sum();
        let wanted = match rounding {
            TaxRounding::SumByNetKeepGross => tax_within(gross, rate),
            // Net amounts stay as they are for each position; the tax is on their sum.
            _ => share(gross - tax, rate),
        };
        let mut missing = wanted - tax;
        let step = missing.signum();
        // Rounding is off by less than one unit for each position, so one round is enough.
        for position in &mut of_rate {
            let can = position.price > 0 && position.tax + step >= 0;
            if missing == 0 || !can {
                continue;
            }
            position.tax += step;
            if rounding == TaxRounding::SumByNet {
                position.price += step;
            }
            missing -= step;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use records::Money;
    use records::booking::{Choice, Tier};

    use super::*;

    fn eur(minor: i64) -> Money {
        Money { minor, currency: Currency::EUR }
    }

    fn catalogue(prices: &[i64]) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (id, price) in (1..).zip(prices) {
            let tier = Tier { title: "Standard".into(), prices: vec![eur(*price)], ..Tier::default() };
            let product =
                Product { title: "P".into(), tiers: vec![tier], tax: BasisPoints(1_900), ..Product::default() };
            catalogue.products.insert(ItemId(id), product);
        }
        catalogue
    }

    fn lines(counts: &[u16]) -> Vec<Line> {
        let choice = |id| Choice { product: ItemId(id), ..Choice::default() };
        (1..).zip(counts).map(|(id, count)| Line { choice: choice(id), count: *count }).collect()
    }

    fn priced(catalogue: &Catalogue, counts: &[u16], promo: Option<&Promo>) -> Result<Vec<i64>, Refusal> {
        let promo = promo.map(|promo| (promo, Used::default()));
        let lines = lines(counts);
        let positions = price(catalogue, &Stock::default(), &lines, Currency::EUR, promo, Timestamp(5))?;
        Ok(positions.iter().map(|position| position.price).collect())
    }

    #[test]
    fn a_tier_ends_by_time_and_by_count_within_one_cart() {
        let mut catalogue = catalogue(&[3_000]);
        let tier = |price, until, count| Tier {
            title: "Early".into(),
            prices: vec![eur(price)],
            until,
            count,
            ..Tier::default()
        };
        let product = catalogue.products.get_mut(&ItemId(1)).unwrap();
        product.tiers.insert(0, tier(2_000, None, Some(2)));
        product.tiers.insert(0, tier(1_000, Some(Timestamp(5)), None));
        assert_eq!(priced(&catalogue, &[3], None).unwrap(), [2_000, 2_000, 3_000]);
        catalogue.products.get_mut(&ItemId(1)).unwrap().tiers.truncate(2);
        assert_eq!(priced(&catalogue, &[3], None), Err(Refusal::SoldOut));
    }

    #[test]
    fn a_position_counts_for_one_group_discount_only() {
        let mut catalogue = catalogue(&[1_000, 2_000]);
        let discount = |products, at_least, off, cheapest| GroupDiscount {
            title: "Group".into(),
            products,
            at_least,
            off: BasisPoints(off),
            cheapest,
        };
        catalogue.discounts = vec![discount(vec![ItemId(2)], 3, 5_000, None), discount(vec![], 2, 10_000, Some(1))];
        assert_eq!(priced(&catalogue, &[1, 2], None).unwrap(), [0, 2_000, 2_000], "three for two of the cheapest");
        assert_eq!(priced(&catalogue, &[2, 3], None).unwrap(), [0, 1_000, 1_000, 1_000, 1_000]);
        assert_eq!(priced(&catalogue, &[1, 0], None).unwrap(), [1_000]);
    }

    #[test]
    fn a_code_takes_off_from_the_dearest_and_never_more_than_there_is() {
        let catalogue = catalogue(&[1_000, 2_000]);
        let promo = |effect, positions, budget| Promo {
            code: "X".into(),
            effect,
            products: vec![],
            uses: None,
            per_person: None,
            positions,
            budget,
            from: None,
            until: None,
            withdrawn: false,
        };
        let percent = promo(PromoEffect::Percent(BasisPoints(2_500)), Some(1), None);
        assert_eq!(priced(&catalogue, &[1, 1], Some(&percent)).unwrap(), [1_000, 1_500]);
        let off = promo(PromoEffect::Off(vec![eur(1_500)]), None, None);
        assert_eq!(priced(&catalogue, &[1, 1], Some(&off)).unwrap(), [0, 500]);
        let set = promo(PromoEffect::Price(vec![eur(1_200)]), None, Some(eur(800)));
        assert_eq!(priced(&catalogue, &[1, 1], Some(&set)).unwrap(), [1_000, 1_200]);
        assert_eq!(priced(&catalogue, &[1, 2], Some(&set)), Err(Refusal::PromoUsedUp));
        let nothing = Promo { products: vec![ItemId(2)], ..percent };
        assert_eq!(priced(&catalogue, &[1, 0], Some(&nothing)), Err(Refusal::PromoNotForThis));
    }

    /// EN 16931 adds up net amounts and taxes the sum: three times 0.10 at 19 % hold 0.048 of tax, not three times 0.02.
    #[test]
    fn taxes_are_rounded_once_for_each_rate_when_asked() {
        let at = |rounding| {
            let mut positions = [Position { list: 10, rate: BasisPoints(1_900), ..Position::default() }; 3];
            settle(&mut positions, rounding);
            let sum = |of: fn(&Position) -> i64| positions.iter().map(of).sum::<i64>();
            (sum(|position| position.price), sum(|position| position.tax))
        };
        assert_eq!(at(TaxRounding::Line), (30, 6));
        assert_eq!(at(TaxRounding::SumByNet), (29, 5));
        assert_eq!(at(TaxRounding::SumByNetKeepGross), (30, 5));
    }

    proptest! {
        #[test]
        fn no_rounding_takes_more_than_a_unit_for_each_position(
            lists in proptest::collection::vec(0i64..100_000, 1..12),
            rates in proptest::collection::vec(prop_oneof![Just(0u16), Just(700), Just(1_900)], 12),
        ) {
            for rounding in [TaxRounding::Line, TaxRounding::SumByNet, TaxRounding::SumByNetKeepGross] {
                let mut positions: Vec<Position> = lists.iter().zip(&rates)
                    .map(|(list, rate)| Position { list: *list, rate: BasisPoints(*rate), ..Position::default() })
                    .collect();
                settle(&mut positions, rounding);
                for position in &positions {
                    prop_assert!((position.price - position.list).abs() <= 1);
                    prop_assert!((position.tax - tax_within(position.list, position.rate)).abs() <= 1);
                    prop_assert!(position.tax >= 0 && position.tax <= position.price);
                }
                if rounding == TaxRounding::SumByNetKeepGross {
                    prop_assert!(positions.iter().all(|position| position.price == position.list));
                }
                if rounding == TaxRounding::SumByNet {
                    for rate in &rates {
                        let of_rate = || positions.iter().filter(|position| position.rate.0 == *rate);
                        let tax: i64 = of_rate().map(|position| position.tax).sum();
                        let net: i64 = of_rate().map(|position| position.price - position.tax).sum();
                        prop_assert_eq!(tax, share(net, BasisPoints(*rate)));
                    }
                }
            }
        }
    }
}
