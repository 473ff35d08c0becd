//! Where commands come from: one trade for each domain. A new domain is a new trade and a line in [`all`].

mod accounts;
mod booking;
mod books;
mod hall;
mod office;
mod programme;
mod rooms;
mod webhooks;

use records::{FactRow, Timestamp};
use rules::domains::Command;
use workload::chance::Chance;

pub(crate) use booking::BoxOffices;

use super::known::Known;

/// How many different things commands are about: few, so that they meet, or many, so that state grows.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Organizations.
    pub organizations: u64,
    /// Users.
    pub users: u64,
    /// Events of each organization.
    pub events: u64,
    /// Items of each event.
    pub items: u64,
}

impl Scale {
    /// So few that nearly every command meets another one.
    pub const fn crowded() -> Self {
        Self { organizations: 4, users: 6, events: 2, items: 4 }
    }

    /// Box offices that sell much, with ids that still meet.
    pub const fn busy() -> Self {
        Self { organizations: 9, users: 1_000, events: 1, items: 4 }
    }

    /// What a platform of some size has.
    pub const fn roomy() -> Self {
        Self { organizations: 64, users: 1_000, events: 4, items: 250 }
    }
}

/// What one domain brings to the simulation: who asks for what, and what must never come of it.
pub(crate) trait Trade {
    /// How often it asks, beside the others.
    fn weight(&self) -> u64 {
        1
    }

    /// What somebody asks for next, who has read what is known.
    fn ask(&mut self, known: &Known, now: Timestamp, chance: &mut Chance) -> Command;

    /// Takes the next fact of a partition, in its order, and says which law it breaks. The laws are told again here without the
    /// product's rules.
    ///
    /// # Errors
    /// The law.
    fn judge(&mut self, row: &FactRow) -> Result<(), String>;
}

/// Which of them asks next.
pub(crate) fn draw(trades: &[Box<dyn Trade>], chance: &mut Chance) -> usize {
    let mut left = chance.below(trades.iter().map(|trade| trade.weight()).sum());
    let asks = trades.iter().position(|trade| {
        let is_it = left < trade.weight();
        left = left.saturating_sub(trade.weight());
        is_it
    });
    asks.expect("the weights add up to more than was drawn")
}

/// Every domain's trade.
pub(crate) fn all(scale: Scale) -> Vec<Box<dyn Trade>> {
    vec![
        Box::new(office::Offices::new(scale)),
        Box::new(accounts::People::new(scale)),
        Box::new(booking::BoxOffices::new(scale)),
        Box::new(books::Bookkeeping::new(scale)),
        Box::new(programme::Programmes::new(scale)),
        Box::new(rooms::Rooms::new(scale)),
        Box::new(webhooks::Endpoints::new(scale)),
    ]
}
