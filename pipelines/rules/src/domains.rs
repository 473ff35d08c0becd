//! Everything that is decided in one partition of the facts: organizations, accounts, box offices, programmes, rooms, books,
//! payment providers and webhooks.
//!
//! A partition has one writer and so one state; each domain takes the facts that it knows.

use records::fact::By;
use records::{FactRow, Timestamp};

use crate::accounts::{self, Accounts};
use crate::booking::{self, Booking};
use crate::books::{self, Books};
use crate::decide::{Domain, StateError, UnknownFact};
use crate::engage::{self, Engagement};
use crate::office::{self, Office};
use crate::programme::{self, Programme};
use crate::providers::{self, Providers};
use crate::webhooks::{self, Webhooks};

/// A command to one of the domains, and who has it done.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Whom its facts name.
    pub by: Option<By>,
    /// What is asked.
    pub order: Order,
}

/// What is asked of which domain.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Of an organization's office.
    Office(office::Command),
    /// Of a user's account.
    Account(accounts::Command),
    /// Of an event's box office.
    Booking(booking::Command),
    /// Of an organization's books.
    Books(books::Command),
    /// Of an event's programme.
    Programme(programme::Command),
    /// Of an organization's payment providers.
    Providers(providers::Command),
    /// Of where an organization's webhooks go.
    Webhook(webhooks::Command),
    /// Of a room of an event.
    Engage(engage::Command),
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// By the office.
    #[error(transparent)]
    Office(#[from] office::Refusal),
    /// By accounts.
    #[error(transparent)]
    Account(#[from] accounts::Refusal),
    /// By a box office.
    #[error(transparent)]
    Booking(#[from] booking::Refusal),
    /// By an organization's books.
    #[error(transparent)]
    Books(#[from] books::Refusal),
    /// By a programme.
    #[error(transparent)]
    Programme(#[from] programme::Refusal),
    /// By what is known of payment providers.
    #[error(transparent)]
    Providers(#[from] providers::Refusal),
    /// Of webhooks.
    #[error(transparent)]
    Webhook(#[from] webhooks::Refusal),
    /// By a room.
    #[error(transparent)]
    Engage(#[from] engage::Refusal),
}

/// The states of all domains.
#[derive(Debug, Default)]
pub struct Domains {
    office: Office,
    accounts: Accounts,
    booking: Booking,
    books: Books,
    programme: Programme,
    providers: Providers,
    webhooks: Webhooks,
    engagement: Engagement,
}

impl From<office::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: office::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Office(command) }
    }
}

impl From<accounts::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: accounts::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Account(command) }
    }
}

impl From<booking::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: booking::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Booking(command) }
    }
}

impl From<books::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: books::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Books(command) }
    }
}

impl From<programme::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: programme::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Programme(command) }
    }
}

impl From<providers::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: providers::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Providers(command) }
    }
}

impl From<webhooks::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: webhooks::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Webhook(command) }
    }
}

impl From<engage::Command> for Command {
    /// A command of whoever owns the process.
    fn from(command: engage::Command) -> Self {
        Self { by: Some(By::Operator), order: Order::Engage(command) }
    }
}

impl Domains {
    /// What goes on in rooms.
    pub fn engagement(&self) -> &Engagement {
        &self.engagement
    }

    /// The books.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// The programmes.
    pub fn programme(&self) -> &Programme {
        &self.programme
    }

    /// The box offices.
    pub fn booking(&self) -> &Booking {
        &self.booking
    }
}

/// Writes a part behind its length, in place: a copy of all that was ever sold would take as long again.
fn part(out: &mut Vec<u8>, stored: &impl serde::Serialize) {
    let at = out.len();
    out.extend([0; 8]);
    serde_json::to_writer(&mut *out, stored).expect("domains have text keys only");
    let length = (out.len() - at - 8) as u64;
    out[at..at + 8].copy_from_slice(&length.to_le_bytes());
}

impl Domain for Domains {
    const NAME: &'static str = "domains";
    const VERSION: u32 = 7;
    type Command = Command;
    type Refusal = Refusal;

    fn aggregate(command: &Command) -> u64 {
        match &command.order {
            Order::Office(command) => office::aggregate(command.organization, command.event),
            Order::Account(_) => office::aggregate_of_organization(accounts::platform()),
            Order::Booking(command) => office::aggregate(command.organization, command.event),
            Order::Books(command) => office::aggregate_of_organization(command.organization),
            Order::Programme(command) => office::aggregate(command.organization, command.event),
            Order::Providers(command) => office::aggregate_of_organization(command.organization),
            Order::Webhook(command) => webhooks::aggregate(command.organization),
            Order::Engage(command) => office::aggregate(command.organization, command.event),
        }
    }

    fn aggregate_of(row: &FactRow) -> u64 {
        office::aggregate_of(row)
    }

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<FactRow>, Refusal> {
        let mut named = true;
        let mut rows: Vec<FactRow> = match &command.order {
            Order::Office(command) => self.office.decide(command, now)?,
            Order::Account(command) => {
                let facts = self.accounts.decide(command, now)?;
                facts.into_iter().map(|fact| FactRow::new(accounts::platform(), now, fact)).collect()
            }
            Order::Booking(command) => {
                let facts = self.booking.decide(command, now)?;
                facts.into_iter().map(|fact| FactRow::new(command.organization, now, fact.into())).collect()
            }
            Order::Books(command) => {
                let facts = self.books.decide(command, now)?;
                facts.into_iter().map(|fact| FactRow::new(command.organization, now, fact.into())).collect()
            }
            Order::Programme(command) => {
                let office = self.booking.office(command.organization, command.event);
                let facts = self.programme.decide(command, office, now)?;
                facts.into_iter().map(|fact| FactRow::new(command.organization, now, fact)).collect()
            }
            Order::Providers(command) => {
                let facts = self.providers.decide(command)?;
                facts.into_iter().map(|fact| FactRow::new(command.organization, now, fact.into())).collect()
            }
            Order::Webhook(command) => {
                let facts = self.webhooks.decide(command, now)?;
                facts.into_iter().map(|fact| FactRow::new(command.organization, now, fact.into())).collect()
            }
            Order::Engage(command) => {
                let decided = self.engagement.decide(command, (&self.programme, &self.booking), now)?;
                named = decided.named;
                decided.facts.into_iter().map(|fact| FactRow::new(command.organization, now, fact.into())).collect()
            }
        };
        if named {
            rows.iter_mut().for_each(|row| row.by.clone_from(&command.by));
        }
        Ok(rows)
    }

    /// What ends by itself at a box office, places in sessions that are to be given, answers that are to be counted; logins and
    /// links say when they end.
    fn due(&self, now: Timestamp) -> Option<FactRow> {
        self.booking.due(now).or_else(|| self.programme.due(now)).or_else(|| self.engagement.due(now))
    }

    fn apply(&mut self, row: &FactRow) -> Result<(), UnknownFact> {
        self.office.apply(row)?;
        self.accounts.apply(row);
        self.booking.apply(row);
        self.books.apply(row);
        self.programme.apply(row, &self.booking);
        self.providers.apply(row);
        self.webhooks.apply(row);
        self.engagement.apply(row);
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        part(out, &self.accounts.stored());
        part(out, &self.booking.stored());
        part(out, &self.programme.stored());
        part(out, &self.providers.stored());
        part(out, &self.webhooks.stored());
        part(out, &self.books.stored());
        part(out, &self.engagement.stored());
        self.office.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let (accounts, rest) = crate::decide::section(bytes)?;
        let (booking, rest) = crate::decide::section(rest)?;
        let (programme, rest) = crate::decide::section(rest)?;
        let (providers, rest) = crate::decide::section(rest)?;
        let (webhooks, rest) = crate::decide::section(rest)?;
        let (books, rest) = crate::decide::section(rest)?;
        let (engagement, rest) = crate::decide::section(rest)?;
        let engagement = serde_json::from_slice(engagement).map_err(|error| StateError(error.to_string()))?;
        let engagement = Engagement::restore(engagement);
        let webhooks = serde_json::from_slice(webhooks).map_err(|error| StateError(error.to_string()))?;
        let webhooks = Webhooks::restore(webhooks);
        let accounts = serde_json::from_slice(accounts).map_err(|error| StateError(error.to_string()))?;
        let booking = serde_json::from_slice(booking).map_err(|error| StateError(error.to_string()))?;
        let providers = serde_json::from_slice(providers).map_err(|error| StateError(error.to_string()))?;
        let programme = serde_json::from_slice(programme).map_err(|error| StateError(error.to_string()))?;
        let programme = Programme::restore(programme);
        let (accounts, booking) = (Accounts::restore(accounts), Booking::restore(booking));
        let providers = Providers::restore(providers);
        let books = serde_json::from_slice(books).map_err(|error| StateError(error.to_string()))?;
        let books = Books::restore(books);
        Ok(Self { office: Office::decode(rest)?, accounts, booking, books, programme, providers, webhooks, engagement })
    }
}

#[cfg(test)]
mod tests {
    use records::fact::LinkPurpose;
    use records::{Blob, EventId, Fact, OrganizationId, SecretHash, Token, UserId, Zone};

    use super::*;

    fn commands() -> Vec<Command> {
        let registered = Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() };
        let organization = OrganizationId(7);
        let office =
            office::Command { organization, event: EventId::NONE, wishes: vec![office::Wish::Stand(registered)] };
        let sealed = Blob([1].into());
        let register = accounts::Wish::Register { subject: 3, person: Token(4), sealed, language: String::new() };
        let (link, purpose, until) = (SecretHash::of("l"), LinkPurpose::SignIn, Timestamp(99));
        let link = accounts::Wish::MakeLink { link, purpose, until };
        let account = accounts::Command { user: UserId(1), wishes: vec![register, link] };
        let (publishable, sealed) = ("pk_1".into(), Blob([2].into()));
        let wish =
            providers::Wish::Set { provider: records::booking::Provider::Stripe, publishable, subject: 3, sealed };
        let stripe = providers::Command { organization, wish };
        let spec = records::webhook::Endpoint { url: "https://example.org".into(), ..Default::default() };
        let wish = webhooks::Wish::Add { spec, key: records::CommandId(8), from: Vec::new() };
        let webhook = webhooks::Command { organization, endpoint: records::EndpointId(2), wish };
        let account = Command { by: Some(By::User(UserId(9))), order: Order::Account(account) };
        vec![office.into(), stripe.into(), account, webhook.into()]
    }

    #[test]
    fn facts_name_who_had_them_done_and_belong_to_the_commands_aggregate() {
        let domains = Domains::default();
        for command in commands() {
            let rows = domains.decide(&command, Timestamp(5)).unwrap();
            assert!(!rows.is_empty());
            for row in rows {
                assert_eq!(row.by, command.by);
                assert_eq!(Domains::aggregate_of(&row), Domains::aggregate(&command));
            }
        }
    }

    #[test]
    fn a_state_reads_back_and_decides_the_same() {
        let mut domains = Domains::default();
        for command in commands() {
            let rows = domains.decide(&command, Timestamp(5)).unwrap();
            rows.iter().for_each(|row| domains.apply(row).unwrap());
        }
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        domains.encode(&mut bytes);
        let back = Domains::decode(&bytes).unwrap();
        back.encode(&mut again);
        assert_eq!(bytes, again);
        for command in commands() {
            assert_eq!(back.decide(&command, Timestamp(6)), domains.decide(&command, Timestamp(6)));
        }
        for cut in [0, 7, 9, bytes.len() / 2] {
            assert!(Domains::decode(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
