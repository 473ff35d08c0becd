//! The event's money: a balance for each account and currency, moved by double entries only.

use std::collections::BTreeMap;

use records::Currency;
use records::booking::{Account, Entry, Posting};

/// Balances. Above zero is a debit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    balances: BTreeMap<(Currency, Account), i64>,
}

/// An entry of these postings; those of zero are left out.
pub(crate) fn entry<const N: usize>(currency: Currency, postings: [(Account, i64); N]) -> Entry {
    let postings = postings.into_iter().filter(|(_, minor)| *minor != 0);
    let entry = Entry { currency, postings: postings.map(|(account, minor)| Posting { account, minor }).collect() };
    debug_assert!(entry.balances(), "{entry:?}");
    entry
}

impl Ledger {
    /// The balance of an account.
    pub fn balance(&self, currency: Currency, account: Account) -> i64 {
        self.balances.get(&(currency, account)).copied().unwrap_or(0)
    }

    /// All balances that are not zero.
    pub fn balances(&self) -> impl Iterator<Item = (Currency, Account, i64)> {
        self.balances.iter().map(|((currency, account), minor)| (*currency, *account, *minor))
    }

    /// Takes an entry.
    pub(crate) fn post(&mut self, entry: &Entry) {
        for posting in &entry.postings {
            let key = (entry.currency, posting.account);
            let balance = self.balances.entry(key).or_default();
            *balance += posting.minor;
            if *balance == 0 {
                self.balances.remove(&key);
            }
        }
    }

    /// A ledger of these balances.
    pub(crate) fn restore(balances: impl IntoIterator<Item = (Currency, Account, i64)>) -> Self {
        Self { balances: balances.into_iter().map(|(currency, account, minor)| ((currency, account), minor)).collect() }
    }
}
