//! What is taken of each quota, counted by its facts in the plainest way: what "oversold" and "undersold" mean.

use std::collections::BTreeMap;

use records::booking::{BookingFact, Choice, Position, ProductKind, Quota};
use records::{EventId, Fact, FactRow, HoldId, ItemId, OrderId, OrganizationId, QuotaId};
use rules::booking::{Line, Refusal, Wish};

/// The box office of one event, as a clerk with paper would keep it.
#[derive(Debug, Default)]
struct Hall {
    quotas: BTreeMap<QuotaId, Quota>,
    kinds: BTreeMap<ItemId, ProductKind>,
    holds: BTreeMap<HoldId, Vec<Choice>>,
    /// Positions of orders, none where they were given back.
    orders: BTreeMap<OrderId, Vec<(Choice, bool)>>,
    taken: BTreeMap<Choice, u64>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Halls(BTreeMap<(OrganizationId, EventId), Hall>);

impl Halls {
    /// Takes the next fact.
    ///
    /// # Errors
    /// When more is taken than there is.
    pub(super) fn take(&mut self, row: &FactRow) -> Result<(), String> {
        let Some(Fact::Booking(fact)) = row.known() else { return Ok(()) };
        let hall = self.0.entry((row.organization, fact.event())).or_default();
        if hall.apply(fact) { hall.is_oversold() } else { Ok(()) }
    }

    /// Whether a cart was rightly told that too little is left.
    ///
    /// # Errors
    /// When there was enough for it.
    pub(super) fn refused(&self, command: &rules::booking::Command, refusal: &Refusal) -> Result<(), String> {
        let Wish::Hold { lines, .. } = &command.wish else { return Ok(()) };
        if !matches!(refusal, Refusal::SoldOut | Refusal::FewLeft(_)) {
            return Ok(());
        }
        match self.0.get(&(command.organization, command.event)) {
            Some(hall) if hall.has(lines) => Err(format!("undersold: {lines:?} was refused ({refusal}) in {hall:?}")),
            _ => Ok(()),
        }
    }
}

fn choices(positions: &[Position]) -> Vec<Choice> {
    let of = |position: &Position| Choice { product: position.product, variation: position.variation };
    positions.iter().map(of).collect()
}

impl Hall {
    /// Whether more is taken than before, or less is there.
    fn apply(&mut self, fact: &BookingFact) -> bool {
        match fact {
            BookingFact::QuotaSet { quota, spec, .. } => _ = self.quotas.insert(*quota, spec.clone()),
            BookingFact::ProductSet { product, spec, .. } => _ = self.kinds.insert(*product, spec.kind),
            BookingFact::HoldPlaced { hold, positions, .. } | BookingFact::WaitOffered { hold, positions, .. } => {
                let choices = choices(positions);
                choices.iter().for_each(|choice| *self.taken.entry(*choice).or_default() += 1);
                self.holds.insert(*hold, choices);
            }
            BookingFact::HoldReleased { hold, .. } | BookingFact::HoldExpired { hold, .. } => {
                for choice in self.holds.remove(hold).into_iter().flatten() {
                    self.give_back(choice);
                }
                return false;
            }
            BookingFact::OrderPlaced { order, hold, .. } => {
                let positions = self.holds.remove(hold).into_iter().flatten().map(|choice| (choice, true));
                self.orders.insert(*order, positions.collect());
            }
            BookingFact::OrderCancelled { order, positions, .. } => {
                for place in positions {
                    let position = self.orders.get_mut(order).and_then(|order| order.get_mut(usize::from(*place)));
                    if let Some((choice, live)) = position.filter(|(_, live)| *live) {
                        *live = false;
                        let choice = *choice;
                        self.give_back(choice);
                    }
                }
                return false;
            }
            BookingFact::OrderRevived { order, .. } => {
                for (choice, live) in self.orders.get_mut(order).into_iter().flatten().filter(|(_, live)| !live) {
                    *live = true;
                    *self.taken.entry(*choice).or_default() += 1;
                }
            }
            _ => return false,
        }
        true
    }

    fn give_back(&mut self, choice: Choice) {
        let taken = self.taken.entry(choice).or_default();
        *taken = taken.saturating_sub(1);
    }

    fn taken_of(&self, quota: &Quota) -> u64 {
        quota.products.iter().map(|choice| self.taken.get(choice).copied().unwrap_or(0)).sum()
    }

    fn is_oversold(&self) -> Result<(), String> {
        for (id, quota) in &self.quotas {
            let taken = self.taken_of(quota);
            if quota.size.is_some_and(|size| taken > u64::from(size)) {
                return Err(format!("quota {id} is oversold: {taken} of {:?}", quota.size));
            }
        }
        Ok(())
    }

    /// Whether there is enough for a cart; codes of digital products are not counted here, so they never are.
    fn has(&self, lines: &[Line]) -> bool {
        let is_digital = |line: &Line| self.kinds.get(&line.choice.product) == Some(&ProductKind::Digital);
        let is_counted = |line: &Line| self.quotas.values().any(|quota| quota.products.contains(&line.choice));
        let wanted = |quota: &Quota| -> u64 {
            lines.iter().filter(|line| quota.products.contains(&line.choice)).map(|line| u64::from(line.count)).sum()
        };
        let fits = |quota: &Quota| {
            let wanted = wanted(quota);
            wanted == 0 || quota.size.is_none_or(|size| self.taken_of(quota) + wanted <= u64::from(size))
        };
        !lines.iter().any(is_digital) && lines.iter().all(is_counted) && self.quotas.values().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use records::{Currency, PlaceId, Timestamp, Token};

    use super::*;

    const EVENT: EventId = EventId(1);

    fn row(fact: BookingFact) -> FactRow {
        FactRow::new(OrganizationId(1), Timestamp(1), Fact::Booking(fact))
    }

    fn hold(hold: u128) -> FactRow {
        let positions = serde_json::from_str(r#"[{"product":"a","tier":0,"list":1,"price":1,"tax":0}]"#).unwrap();
        let (hold, until) = (HoldId(hold), Timestamp(9));
        row(BookingFact::HoldPlaced {
            event: EVENT,
            hold,
            person: Token::NONE,
            currency: Currency::EUR,
            positions,
            promo: records::PromoId::NONE,
            place: PlaceId::NONE,
            until,
            asked: 0,
        })
    }

    fn one_seat() -> (Halls, rules::booking::Command) {
        let choice = Choice { product: ItemId::parse("a").unwrap(), ..Choice::default() };
        let spec = Quota { title: "Q".into(), size: Some(1), products: vec![choice] };
        let mut halls = Halls::default();
        halls.take(&row(BookingFact::QuotaSet { event: EVENT, quota: QuotaId(1), spec })).unwrap();
        let (hold, person, code) = (HoldId(9), Token::NONE, String::new());
        let (currency, place, asked) = (Currency::EUR, PlaceId::NONE, 0);
        let wish = Wish::Hold { hold, person, currency, lines: vec![Line { choice, count: 1 }], code, place, asked };
        (halls, rules::booking::Command { organization: OrganizationId(1), event: EVENT, wish })
    }

    #[test]
    fn one_more_than_there_are_is_oversold() {
        let (mut halls, _) = one_seat();
        halls.take(&hold(1)).unwrap();
        assert!(halls.take(&hold(2)).unwrap_err().contains("oversold: 2 of Some(1)"));
    }

    #[test]
    fn refusing_what_is_there_is_undersold_and_what_was_given_back_is_there() {
        let (mut halls, wanted) = one_seat();
        assert!(halls.refused(&wanted, &Refusal::SoldOut).unwrap_err().starts_with("undersold"));
        halls.take(&hold(1)).unwrap();
        halls.refused(&wanted, &Refusal::SoldOut).unwrap();
        halls.take(&row(BookingFact::HoldExpired { event: EVENT, hold: HoldId(1) })).unwrap();
        halls.refused(&wanted, &Refusal::SoldOut).unwrap_err();
        halls.refused(&wanted, &Refusal::NotOnSale).unwrap();
    }
}
