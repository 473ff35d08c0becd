//! Visits over items for recommendations: people stay near a topic, and some items are known to everybody.

use records::{ItemId, Span, Timestamp, Token};

use crate::chance::Chance;
use crate::people::{self, Role};
use crate::words::id;
use crate::zipf::Zipf;

/// How many neighbouring items make a topic.
const TOPIC: u32 = 50;

/// An endless stream of visits, one after the other.
#[derive(Debug, Clone)]
pub struct Visits {
    seed: u64,
    chance: Chance,
    zipf: Zipf,
    items: Vec<ItemId>,
    count: u32,
    starts: Timestamp,
}

/// One visit: who looked at what, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The visitor; each visit has another one.
    pub visitor: Token,
    /// What was looked at and when, 20 s apart.
    pub views: Vec<(Timestamp, ItemId)>,
}

impl Visits {
    /// Visits over so many items; the first begins at `starts`, another 10 ms later.
    pub fn new(seed: u64, items: u32, starts: Timestamp) -> Self {
        let named = (0..items).map(|number| id(&format!("item-{number}"))).collect();
        Self { seed, chance: Chance::new(seed), zipf: Zipf::new(items), items: named, count: 0, starts }
    }

    /// Every item.
    pub fn items(&self) -> &[ItemId] {
        &self.items
    }

    fn item_near(&mut self, anchor: u32) -> ItemId {
        let near = anchor / TOPIC * TOPIC + self.chance.below(u64::from(TOPIC)) as u32;
        let far = self.zipf.draw(&mut self.chance);
        let place = if self.chance.per_mille(750) { near } else { far };
        self.items[place as usize % self.items.len()]
    }
}

impl Iterator for Visits {
    type Item = Visit;
    fn next(&mut self) -> Option<Visit> {
        let visitor = people::token(self.seed, Role::Anonymous, self.count);
        let starts = self.starts + Span(i64::from(self.count) * 10_000);
        self.count += 1;
        let anchor = self.zipf.draw(&mut self.chance);
        // Two to a dozen items, short visits most often, as in public click streams.
        let length = 2 + self.chance.wait(3).min(10);
        let views = (0..length).map(|step| (starts + Span::from_seconds(20 * step), self.item_near(anchor))).collect();
        Some(Visit { visitor, views })
    }
}
