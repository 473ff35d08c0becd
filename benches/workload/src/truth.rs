//! What was planted, so that a test can ask whether it was found.

use records::{OrderId, Token};

/// Accounts of one hand: they share a device, a card and an address, and buy within a minute of signing up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Its accounts.
    pub accounts: Vec<Token>,
    /// The device that all of them use.
    pub device: Token,
    /// The card that all of them pay with.
    pub card: Token,
    /// The network address that all of them come from.
    pub address: Token,
}

/// Everything that was planted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// The fraud rings.
    pub rings: Vec<Ring>,
    /// Crawlers, which say so (their records carry the bot flag).
    pub crawlers: Vec<Token>,
    /// Machines that click ads and do not say so.
    pub click_bots: Vec<Token>,
    /// Orders of ring accounts generated so far, each within 60 s of signing up.
    pub ring_orders: Vec<OrderId>,
}

impl Truth {
    /// Whether an account belongs to a ring.
    pub fn is_ring_account(&self, account: Token) -> bool {
        self.rings.iter().any(|ring| ring.accounts.contains(&account))
    }
}
