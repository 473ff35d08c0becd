//! Orders, tickets and scans, from the box office as it is: their keys at first, the rest piece by piece.

use std::vec::IntoIter;

use records::{DoorId, OrderId, TicketId, Timestamp};
use rules::booking::BoxOffice;

use super::super::shop::orders::status;
use super::cells::{Sheet, amount, word, words};
use super::{About, CHUNK, Source};
use crate::problem::Problem;

/// Orders, the oldest first.
pub(super) struct Orders(IntoIter<(Timestamp, OrderId)>);

/// Keys of all orders, the oldest first.
fn orders(office: &BoxOffice) -> Vec<(Timestamp, OrderId)> {
    let mut keys: Vec<_> = office.orders().map(|(id, order)| (order.placed, id)).collect();
    keys.sort_unstable();
    keys
}

impl Orders {
    pub(super) fn new(about: &About) -> Result<Self, Problem> {
        Ok(Self(about.api.office(about.at, orders)?.into_iter()))
    }
}

impl Source for Orders {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "order",
            "status",
            "placed_utc",
            "placed_local",
            "zone",
            "email",
            "name",
            "positions",
            "cancelled_positions",
            "total",
            "total_minor",
            "tax",
            "tax_minor",
            "paid",
            "paid_minor",
            "currency",
            "provider",
            "promo",
            "refunds",
            "refunds_minor",
        ]
    }

    fn write(&mut self, about: &About, sheet: &mut Sheet) -> std::io::Result<bool> {
        for (_, id) in self.0.by_ref().take(CHUNK) {
            let found = about.api.office(about.at, |office| {
                let order = office.order(id)?.clone();
                let refunds = order.refunds.iter().filter_map(|refund| office.refund(*refund));
                let refunds = refunds.filter(|refund| refund.status != rules::booking::office::RefundStatus::Failed);
                let back: i64 = refunds.map(|refund| refund.amount).sum();
                let promo = office.catalogue().promos().get(&order.promo).map(|promo| promo.code.clone());
                Some((order, back, promo.unwrap_or_default()))
            });
            let Ok(Some((order, back, promo))) = found else { continue };
            let buyer = about.api.contact(about.at.0, order.subject, &order.sealed);
            let (total, tax) = order.sums();
            let mut row = vec![id.to_string(), word(status(&order))];
            row.extend(sheet.time(Some(order.placed)));
            row.extend([words(&buyer.email), words(&buyer.name)]);
            let gone = order.cancelled.iter().filter(|cancelled| **cancelled).count();
            row.extend([(order.positions.len() - gone).to_string(), gone.to_string()]);
            for minor in [total, tax, order.paid] {
                row.extend(amount(minor, order.currency));
            }
            row.extend([order.currency.to_string(), word(order.provider), words(&promo)]);
            row.extend(amount(back, order.currency));
            sheet.row(row);
        }
        Ok(!self.0.as_slice().is_empty())
    }
}

/// Tickets, by order.
pub(super) struct Tickets(IntoIter<(Timestamp, OrderId)>);

impl Tickets {
    pub(super) fn new(about: &About) -> Result<Self, Problem> {
        Ok(Self(about.api.office(about.at, orders)?.into_iter()))
    }
}

impl Source for Tickets {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "ticket",
            "order",
            "position",
            "product",
            "product_title",
            "variation",
            "variation_title",
            "revision",
            "cancelled",
            "transferred",
            "email",
            "name",
            "answers",
            "price",
            "price_minor",
            "currency",
            "valid_from_utc",
            "valid_from_local",
            "valid_until_utc",
            "valid_until_local",
            "first_admitted_utc",
            "first_admitted_local",
            "zone",
        ]
    }

    fn write(&mut self, about: &About, sheet: &mut Sheet) -> std::io::Result<bool> {
        // An order has some tickets: so many orders make a piece of about the same size.
        for (_, id) in self.0.by_ref().take(CHUNK / 4) {
            let found = about.api.office(about.at, |office| {
                let order = office.order(id)?.clone();
                let ticket = |id: &TicketId| {
                    let ticket = office.ticket(*id)?.clone();
                    let product = office.catalogue().products().get(&ticket.choice.product);
                    let of = product.and_then(|product| {
                        let variations = product.variations.iter();
                        variations.into_iter().find(|known| known.variation == ticket.choice.variation)
                    });
                    let titles = (
                        product.map_or_else(String::new, |product| product.title.clone()),
                        of.map_or_else(String::new, |of| of.title.clone()),
                    );
                    let seen = office.catalogue().doors().keys().flat_map(|door| office.doors().seen(*door, *id));
                    let let_in = seen.filter(|seen| seen.outcome == records::booking::ScanOutcome::Admitted);
                    let first = let_in.map(|seen| seen.scanned).min();
                    let valid = office.validity(&ticket);
                    Some((*id, ticket, titles, first, valid))
                };
                let tickets: Vec<_> = order.tickets.iter().filter_map(ticket).collect();
                Some((order, tickets))
            });
            let Ok(Some((order, tickets))) = found else { continue };
            for (ticket_id, ticket, (product, variation), first, valid) in tickets {
                let own = ticket.holder().is_some();
                let (subject, sealed) =
                    if own { (ticket.subject, &ticket.sealed) } else { (order.subject, &order.sealed) };
                let holder = about.api.contact(about.at.0, subject, sealed);
                let answers = if holder.answers.is_empty() { String::new() } else { word(&holder.answers) };
                let choice = ticket.choice;
                let of = |id: records::ItemId| if id.is_some() { id.to_string() } else { String::new() };
                let mut row = vec![ticket_id.to_string(), id.to_string(), ticket.position.to_string()];
                row.extend([of(choice.product), words(&product), of(choice.variation), words(&variation)]);
                row.extend([ticket.revision.to_string(), ticket.cancelled.to_string(), own.to_string()]);
                row.extend([words(&holder.email), words(&holder.name), words(&answers)]);
                row.extend(amount(order.positions[usize::from(ticket.position)].price, order.currency));
                row.push(order.currency.to_string());
                for at in [valid.from, valid.until, first] {
                    let [utc, local, _] = sheet.time(at);
                    row.extend([utc, local]);
                }
                row.push(about.zone.name().to_owned());
                sheet.row(row);
            }
        }
        Ok(!self.0.as_slice().is_empty())
    }
}

/// Scans, by door, ticket and time.
pub(super) struct Scans(IntoIter<(DoorId, TicketId)>);

impl Scans {
    pub(super) fn new(about: &About) -> Result<Self, Problem> {
        let keys = about.api.office(about.at, |office| {
            let mut keys: Vec<_> = office.doors().all().map(|(door, ticket, _)| (door, ticket)).collect();
            keys.sort_unstable();
            keys
        })?;
        Ok(Self(keys.into_iter()))
    }
}

impl Source for Scans {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "scan",
            "door",
            "door_title",
            "ticket",
            "order",
            "scanned_utc",
            "scanned_local",
            "zone",
            "exit",
            "gate",
            "device",
            "outcome",
        ]
    }

    fn write(&mut self, about: &About, sheet: &mut Sheet) -> std::io::Result<bool> {
        for (door, ticket) in self.0.by_ref().take(CHUNK) {
            let found = about.api.office(about.at, |office| {
                let title = office.catalogue().doors().get(&door).map_or_else(String::new, |door| door.title.clone());
                let order = office.ticket(ticket).map(|ticket| ticket.order);
                (title, order, office.doors().seen(door, ticket).to_vec())
            });
            let Ok((title, order, seen)) = found else { continue };
            for seen in seen {
                let mut row = vec![seen.scan.to_string(), door.to_string(), words(&title), ticket.to_string()];
                row.push(order.map_or_else(String::new, |order| order.to_string()));
                row.extend(sheet.time(Some(seen.scanned)));
                row.extend([seen.exit.to_string(), words(&seen.gate), words(&seen.device), word(seen.outcome)]);
                sheet.row(row);
            }
        }
        Ok(!self.0.as_slice().is_empty())
    }
}
