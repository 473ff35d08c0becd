//! Orders, tickets and scans, from a picture of the box office: their keys at first, the rest piece by piece.

use std::vec::IntoIter;

use records::OrderId;
use records::booking::{ScanOutcome, Validity};
use rules::booking::office::Ticket;

use super::super::shop::orders::status;
use super::cells::{Sheet, amount, word, words};
use super::picture::{Key, Shot};
use super::{About, CHUNK, Source};

/// The next orders, as they were.
fn shots(about: &About, keys: &mut IntoIter<Key>, most: usize) -> std::io::Result<Vec<(OrderId, Shot)>> {
    let piece: Vec<Key> = keys.by_ref().take(most).collect();
    let shots = about.api.office(about.at, |office| about.picture.shots(office, &piece));
    shots.map_err(|problem| std::io::Error::other(problem.detail))?
}

/// What a ticket's product and variation are called, and when it lets in.
fn named(about: &About, ticket: &Ticket) -> (String, String, Validity) {
    let Some(product) = about.picture.catalogue.products().get(&ticket.choice.product) else {
        return Default::default();
    };
    let variation = product.variations.iter().find(|known| known.variation == ticket.choice.variation);
    let variation = variation.map_or_else(String::new, |known| known.title.clone());
    (product.title.clone(), variation, product.validity(ticket.choice.variation))
}

/// Orders, the oldest first.
pub(super) struct Orders(IntoIter<Key>);

impl Orders {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into_iter())
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
        for (id, Shot { order, back, .. }) in shots(about, &mut self.0, CHUNK)? {
            let promo = about.picture.catalogue.promos().get(&order.promo);
            let promo = promo.map_or_else(String::new, |promo| promo.code.clone());
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
pub(super) struct Tickets(IntoIter<Key>);

impl Tickets {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into_iter())
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
        for (id, Shot { order, tickets, looks, .. }) in shots(about, &mut self.0, CHUNK / 4)? {
            for (ticket_id, ticket) in tickets {
                let (product, variation, valid) = named(about, &ticket);
                let seen = looks.iter().filter(|((_, seen), _)| *seen == ticket_id).flat_map(|(_, seen)| seen);
                let first = seen.filter(|seen| seen.outcome == ScanOutcome::Admitted).map(|seen| seen.scanned).min();
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

/// Scans, by order, ticket, door and time.
pub(super) struct Scans(IntoIter<Key>);

impl Scans {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into_iter())
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
        for (order, Shot { looks, .. }) in shots(about, &mut self.0, CHUNK / 4)? {
            for ((door, ticket), seen) in looks {
                let known = about.picture.catalogue.doors().get(&door);
                let title = known.map_or_else(String::new, |door| door.title.clone());
                for seen in seen {
                    let mut row = vec![seen.scan.to_string(), door.to_string(), words(&title), ticket.to_string()];
                    row.push(order.to_string());
                    row.extend(sheet.time(Some(seen.scanned)));
                    row.extend([seen.exit.to_string(), words(&seen.gate), words(&seen.device), word(seen.outcome)]);
                    sheet.row(row);
                }
            }
        }
        Ok(!self.0.as_slice().is_empty())
    }
}
