//! Payment providers of organizations: with whom each takes payments, and which messages of theirs were heard.
//!
//! Belongs to the organization, so all that a provider sends about any of its events comes here first: a message that is
//! sent twice is one fact. What it says is decided where the payment is, at the event's box office.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use records::booking::Provider;
use records::{Blob, Fact, FactRow, OrganizationId, ProviderFact, hash};
use serde::{Deserialize, Serialize};

/// Messages of one organization that are known again: those of the newest days, as providers send for three days at most. One
/// that is older is kept twice, and changes nothing twice.
pub const HEARD_MAX: usize = 16_384;
/// Words of providers that are counted apart; all others together.
const WORDS_MAX: usize = 256;
/// Characters of a publishable key.
const PUBLISHABLE_MAX: usize = 255;
/// Characters of a message's name and word.
const NAME_MAX: usize = 255;

/// A command about an organization's payment providers.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// What is asked.
    pub wish: Wish,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Payments are taken with a provider, with these keys.
    Set {
        /// The provider.
        provider: Provider,
        /// What pages name it by.
        publishable: String,
        /// The number of the key that seals the secrets.
        subject: u64,
        /// The secrets, sealed.
        sealed: Blob,
    },
    /// No more payments are taken with a provider.
    Remove(Provider),
    /// A provider has sent a message.
    Hear {
        /// The provider.
        provider: Provider,
        /// Its name for the message.
        message: String,
        /// What it is about, in its word.
        about: String,
        /// Whether it says something that is known here, of something of ours.
        understood: bool,
        /// The number of the key that seals it.
        subject: u64,
        /// The message, sealed.
        sealed: Blob,
    },
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has no keys.
    #[error("this provider has no keys: set `stripe`")]
    NoKeys,
    /// A text that is none.
    #[error("`{0}` is empty or too long")]
    Text(&'static str),
    /// It is not set.
    #[error("payments are not taken with this provider")]
    NotSet,
}

/// With what an organization takes payments at one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What pages name it by.
    pub publishable: String,
    /// The number of the key that seals the secrets.
    pub subject: u64,
    /// The secrets, sealed.
    pub sealed: Blob,
}

/// What was heard of one provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Hashes of the newest messages' names, the oldest first.
    order: VecDeque<u64>,
    /// How many messages of each word there were.
    pub counts: BTreeMap<String, u64>,
    /// How many of all said nothing that is known here.
    pub not_understood: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Organization {
    accounts: BTreeMap<Provider, Account>,
    heard: BTreeMap<Provider, Heard>,
    known: BTreeSet<(Provider, u64)>,
}

/// The payment providers of a partition's organizations: a fold of facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Providers {
    organizations: BTreeMap<OrganizationId, Organization>,
}

fn named(message: &str) -> u64 {
    hash::bytes(message.as_bytes())
}

fn checked(text: &str, most: usize, field: &'static str) -> Result<(), Refusal> {
    let is_sound = !text.is_empty() && text.chars().count() <= most && !text.contains(char::is_control);
    if is_sound { Ok(()) } else { Err(Refusal::Text(field)) }
}

impl Providers {
    /// With what an organization takes payments at a provider.
    pub fn account(&self, organization: OrganizationId, provider: Provider) -> Option<&Account> {
        self.organizations.get(&organization)?.accounts.get(&provider)
    }

    /// What was heard of a provider.
    pub fn heard(&self, organization: OrganizationId, provider: Provider) -> Option<&Heard> {
        self.organizations.get(&organization)?.heard.get(&provider)
    }

    /// Whether a message is among the newest that were heard.
    pub fn knows(&self, organization: OrganizationId, provider: Provider, message: &str) -> bool {
        self.organizations.get(&organization).is_some_and(|known| known.known.contains(&(provider, named(message))))
    }

    /// The facts after which a command is done; none when everything stands already.
    ///
    /// # Errors
    /// When it is refused; then nothing is done.
    pub fn decide(&self, command: &Command) -> Result<Vec<ProviderFact>, Refusal> {
        let organization = command.organization;
        Ok(match &command.wish {
            Wish::Set { provider, publishable, subject, sealed } => {
                checked(publishable, PUBLISHABLE_MAX, "publishable_key")?;
                if *provider != Provider::Stripe {
                    return Err(Refusal::NoKeys);
                }
                let (provider, subject) = (*provider, *subject);
                let (publishable, sealed) = (publishable.clone(), sealed.clone());
                let stands = Account { publishable: publishable.clone(), subject, sealed: sealed.clone() };
                let is_so = self.account(organization, provider) == Some(&stands);
                let set = ProviderFact::PaymentProviderSet { provider, publishable, subject, sealed };
                (!is_so).then_some(set).into_iter().collect()
            }
            Wish::Remove(provider) => {
                self.account(organization, *provider).ok_or(Refusal::NotSet)?;
                vec![ProviderFact::PaymentProviderRemoved { provider: *provider }]
            }
            Wish::Hear { provider, message, about, understood, subject, sealed } => {
                self.account(organization, *provider).ok_or(Refusal::NotSet)?;
                checked(message, NAME_MAX, "id")?;
                checked(about, NAME_MAX, "type")?;
                let heard = ProviderFact::PaymentMessageHeard {
                    provider: *provider,
                    message: message.clone(),
                    about: about.clone(),
                    understood: *understood,
                    subject: *subject,
                    sealed: sealed.clone(),
                };
                (!self.knows(organization, *provider, message)).then_some(heard).into_iter().collect()
            }
        })
    }

    /// Takes one fact; those of other domains are passed over.
    pub fn apply(&mut self, row: &FactRow) {
        let Some(Fact::Providers(fact)) = row.known() else { return };
        let known = self.organizations.entry(row.organization).or_default();
        match fact {
            ProviderFact::PaymentProviderSet { provider, publishable, subject, sealed } => {
                let (publishable, subject, sealed) = (publishable.clone(), *subject, sealed.clone());
                known.accounts.insert(*provider, Account { publishable, subject, sealed });
            }
            ProviderFact::PaymentProviderRemoved { provider } => _ = known.accounts.remove(provider),
            ProviderFact::PaymentMessageHeard { provider, message, about, understood, .. } => {
                known.hear(*provider, named(message), about, *understood);
            }
        }
    }

    /// What a snapshot holds.
    pub(crate) fn stored(&self) -> Stored {
        let organizations = self.organizations.iter().map(|(organization, known)| {
            let accounts = known.accounts.iter().map(|(provider, account)| (*provider, account.clone())).collect();
            let heard = known.heard.iter().map(|(provider, heard)| (*provider, heard.clone())).collect();
            (*organization, accounts, heard)
        });
        Stored { organizations: organizations.collect() }
    }

    /// A state from what a snapshot holds.
    pub(crate) fn restore(stored: Stored) -> Self {
        let organizations = stored.organizations.into_iter().map(|(organization, accounts, heard)| {
            let each = |(provider, heard): &(Provider, Heard)| {
                heard.order.iter().map(|name| (*provider, *name)).collect::<Vec<_>>()
            };
            let known = heard.iter().flat_map(each).collect();
            let (accounts, heard) = (accounts.into_iter().collect(), heard.into_iter().collect());
            (organization, Organization { accounts, heard, known })
        });
        Self { organizations: organizations.collect() }
    }
}

impl Organization {
    fn hear(&mut self, provider: Provider, name: u64, about: &str, understood: bool) {
        let heard = self.heard.entry(provider).or_default();
        if self.known.insert((provider, name)) {
            heard.order.push_back(name);
        }
        if heard.order.len() > HEARD_MAX
            && let Some(oldest) = heard.order.pop_front()
        {
            self.known.remove(&(provider, oldest));
        }
        let is_new = !heard.counts.contains_key(about);
        let word = if is_new && heard.counts.len() >= WORDS_MAX { "" } else { about };
        *heard.counts.entry(word.to_owned()).or_default() += 1;
        heard.not_understood += u64::from(!understood);
    }
}

/// An organization in a snapshot: what stands, and what was heard.
type Held = (OrganizationId, Vec<(Provider, Account)>, Vec<(Provider, Heard)>);

/// The state in a snapshot; what follows from the rest is left out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    organizations: Vec<Held>,
}

#[cfg(test)]
mod tests {
    use records::Timestamp;

    use super::*;

    const ACME: OrganizationId = OrganizationId(7);

    fn set(publishable: &str) -> Wish {
        let sealed = Blob([1].into());
        Wish::Set { provider: Provider::Stripe, publishable: publishable.into(), subject: 3, sealed }
    }

    fn hear(message: &str) -> Wish {
        let (about, sealed) = ("payment_intent.succeeded".into(), Blob([2].into()));
        let (provider, message, understood, subject) = (Provider::Stripe, message.into(), false, 3);
        Wish::Hear { provider, message, about, understood, subject, sealed }
    }

    fn done(providers: &mut Providers, wish: Wish) -> Result<usize, Refusal> {
        let facts = providers.decide(&Command { organization: ACME, wish })?;
        let count = facts.len();
        facts.into_iter().for_each(|fact| providers.apply(&FactRow::new(ACME, Timestamp(5), fact.into())));
        let stored = serde_json::to_vec(&providers.stored()).unwrap();
        assert_eq!(Providers::restore(serde_json::from_slice(&stored).unwrap()), *providers);
        Ok(count)
    }

    #[test]
    fn keys_are_set_changed_and_removed() {
        let mut providers = Providers::default();
        assert_eq!(done(&mut providers, hear("evt_1")), Err(Refusal::NotSet));
        assert_eq!(done(&mut providers, Wish::Remove(Provider::Stripe)), Err(Refusal::NotSet));
        assert_eq!(done(&mut providers, set("")), Err(Refusal::Text("publishable_key")));
        assert_eq!(
            [set("pk_1"), set("pk_1"), set("pk_2")].map(|wish| done(&mut providers, wish)),
            [Ok(1), Ok(0), Ok(1)]
        );
        assert_eq!(providers.account(ACME, Provider::Stripe).unwrap().publishable, "pk_2");
        assert!(providers.account(OrganizationId(8), Provider::Stripe).is_none());
        assert_eq!(done(&mut providers, Wish::Remove(Provider::Stripe)), Ok(1));
        assert!(providers.account(ACME, Provider::Stripe).is_none());
        let other =
            Wish::Set { provider: Provider::Test, publishable: "x".into(), subject: 1, sealed: Blob::default() };
        assert_eq!(done(&mut providers, other), Err(Refusal::NoKeys));
    }

    #[test]
    fn a_message_that_comes_twice_is_one_and_is_counted_by_its_word() {
        let mut providers = Providers::default();
        done(&mut providers, set("pk_1")).unwrap();
        let heard = ["evt_1", "evt_2", "evt_1"].map(|message| done(&mut providers, hear(message)));
        assert_eq!(heard, [Ok(1), Ok(1), Ok(0)]);
        let heard = providers.heard(ACME, Provider::Stripe).unwrap();
        assert_eq!((heard.counts["payment_intent.succeeded"], heard.not_understood), (2, 2));
    }

    #[test]
    fn the_oldest_messages_are_forgotten() {
        let mut providers = Providers::default();
        for number in 0..=HEARD_MAX {
            let (message, about) = (format!("evt_{number}"), "x".into());
            let (provider, understood, subject, sealed) = (Provider::Stripe, true, 1, Blob::default());
            let fact = ProviderFact::PaymentMessageHeard { provider, message, about, understood, subject, sealed };
            providers.apply(&FactRow::new(ACME, Timestamp(5), fact.into()));
        }
        let knows = |number: usize| providers.knows(ACME, Provider::Stripe, &format!("evt_{number}"));
        assert!(!knows(0) && knows(1) && knows(HEARD_MAX));
    }
}
