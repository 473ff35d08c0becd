//! Rules that are broken on purpose, so that tests see each checker fail.

use std::sync::atomic::{AtomicU64, Ordering};

use records::fact::Means;
use records::{Fact, FactRow, Timestamp};
use rules::Domain;
use rules::accounts::{self, Proof};
use rules::decide::{StateError, UnknownFact};
use rules::domains::{Command, Domains, Order, Refusal};
use rules::office;

/// A rule that is broken.
pub(crate) mod rule {
    /// The last organizer may leave.
    pub(crate) const ORGANIZERS: u8 = 1;
    /// Links to sign in work as often as one likes.
    pub(crate) const LINKS: u8 = 2;
    /// Decisions depend on more than the facts.
    pub(crate) const MOOD: u8 = 3;
    /// The state leaves a kind of fact out.
    pub(crate) const STATE: u8 = 4;
    /// A snapshot holds less than the state.
    pub(crate) const SNAPSHOT: u8 = 5;
}

/// The product's domains with one rule broken.
#[derive(Debug, Default)]
pub(crate) struct Bent<const RULE: u8> {
    domains: Domains,
    decided: AtomicU64,
}

impl<const RULE: u8> Bent<RULE> {
    /// What becomes of a command that the product refuses.
    fn instead(command: &Command, now: Timestamp, refusal: Refusal) -> Result<Vec<FactRow>, Refusal> {
        let fact = match (&command.order, &refusal) {
            (Order::Office(asked), Refusal::Office(office::Refusal::LastOrganizer)) if RULE == rule::ORGANIZERS => {
                let left = asked.wishes.iter().find_map(|wish| match wish {
                    office::Wish::EndMembership(user) => Some(Fact::MembershipEnded { user: *user }),
                    _ => None,
                });
                left.map(|fact| (asked.organization, fact))
            }
            (Order::Account(asked), Refusal::Account(accounts::Refusal::LinkWrong)) if RULE == rule::LINKS => {
                let opened = asked.wishes.iter().find_map(|wish| opened(asked.user, wish));
                opened.map(|fact| (accounts::platform(), fact))
            }
            _ => None,
        };
        let Some((organization, fact)) = fact else { return Err(refusal) };
        let mut row = FactRow::new(organization, now, fact);
        row.by.clone_from(&command.by);
        Ok(vec![row])
    }
}

/// A login by a link, whatever the link says.
fn opened(user: records::UserId, wish: &accounts::Wish) -> Option<Fact> {
    let accounts::Wish::OpenLogin { login, secret, until, device, proof: Proof::Link { link, .. } } = wish else {
        return None;
    };
    Some(Fact::LoginOpened {
        user,
        login: *login,
        secret: *secret,
        until: *until,
        means: Means::Link,
        link: Some(*link),
        step: None,
        recovery: None,
        device: device.clone(),
    })
}

impl<const RULE: u8> Domain for Bent<RULE> {
    const NAME: &'static str = "bent";
    const VERSION: u32 = 1;
    type Command = Command;
    type Refusal = Refusal;

    fn aggregate(command: &Command) -> u64 {
        Domains::aggregate(command)
    }

    fn aggregate_of(row: &FactRow) -> u64 {
        Domains::aggregate_of(row)
    }

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<FactRow>, Refusal> {
        let number = self.decided.fetch_add(1, Ordering::Relaxed);
        if RULE == rule::MOOD && number % 9 == 8 {
            return Err(office::Refusal::Changed.into());
        }
        self.domains.decide(command, now).or_else(|refusal| Self::instead(command, now, refusal))
    }

    fn due(&self, now: Timestamp) -> Option<FactRow> {
        self.domains.due(now)
    }

    fn apply(&mut self, row: &FactRow) -> Result<(), UnknownFact> {
        if RULE == rule::STATE && matches!(row.known(), Some(Fact::SettingsChanged { .. })) {
            return Ok(());
        }
        self.domains.apply(row)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.domains.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let domains = Domains::decode(bytes)?;
        let domains = if RULE == rule::SNAPSHOT { Domains::default() } else { domains };
        Ok(Self { domains, decided: AtomicU64::new(0) })
    }
}
