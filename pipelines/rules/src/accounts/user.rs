//! One user, as the facts about them say.

use std::collections::{BTreeMap, BTreeSet};

use records::fact::{LinkPurpose, Means};
use records::{Blob, Fact, LoginId, SecretHash, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::{LINKS_MAX, LOGINS_MAX};

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The number of the key that seals what is personal.
    pub subject: u64,
    /// The pseudonym of the mail address.
    pub person: Token,
    /// The mail address and name, sealed.
    pub sealed: Blob,
    /// The language they read; empty for the organization's.
    pub language: String,
    /// Whether they may do everything everywhere.
    pub admin: bool,
    /// When they were registered.
    pub registered: Timestamp,
    /// The hash of the password, sealed.
    pub password: Option<Blob>,
    /// How many passwords there were.
    pub passwords: u32,
    /// What is needed beside the password.
    pub factor: Option<Factor>,
    /// A second factor that was shown and not confirmed.
    pub offered: Option<Blob>,
    /// Sign-ins at providers, with the provider's name.
    #[serde(with = "pairs")]
    pub identities: BTreeMap<Token, String>,
    /// Devices that are signed in, or were until their time was over.
    #[serde(with = "pairs")]
    pub logins: BTreeMap<LoginId, Login>,
    /// Links that were not used.
    links: Vec<Link>,
    /// When a refusal was last told.
    pub refused: Timestamp,
}

/// What is needed beside the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// The secret of RFC 6238, sealed.
    pub sealed: Blob,
    /// The step of the newest code that was used: only later ones are taken.
    pub step: u64,
    /// Hashes of recovery codes that were not used.
    pub recovery: BTreeSet<SecretHash>,
}

/// A device that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The hash of what it presents.
    pub secret: SecretHash,
    /// Since when.
    pub opened: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// What proved that it is the user's.
    pub means: Means,
    /// What it says of itself, sealed.
    pub device: Blob,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    hash: SecretHash,
    purpose: LinkPurpose,
    until: Timestamp,
}

impl User {
    pub(super) fn new(subject: u64, person: Token, sealed: Blob, language: String, at: Timestamp) -> Self {
        Self {
            subject,
            person,
            sealed,
            language,
            admin: false,
            registered: at,
            password: None,
            passwords: 0,
            factor: None,
            offered: None,
            identities: BTreeMap::new(),
            logins: BTreeMap::new(),
            links: Vec::new(),
            refused: Timestamp(0),
        }
    }

    /// Whether a link works.
    pub fn link_works(&self, link: &SecretHash, purpose: LinkPurpose, now: Timestamp) -> bool {
        self.links.iter().any(|known| known.hash == *link && known.purpose == purpose && known.until > now)
    }

    /// What a link is for, while it works.
    pub fn link_purpose(&self, link: &SecretHash, now: Timestamp) -> Option<LinkPurpose> {
        self.links.iter().find(|known| known.hash == *link && known.until > now).map(|known| known.purpose)
    }

    pub(super) fn link_hashes(&self) -> impl Iterator<Item = SecretHash> {
        self.links.iter().map(|link| link.hash)
    }

    pub(super) fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::UserDescribed { sealed, language, .. } => {
                (self.sealed, self.language) = (sealed.clone(), language.clone());
            }
            Fact::PlatformAdminSet { admin, .. } => self.admin = *admin,
            Fact::PasswordSet { sealed, keeps, link, .. } => {
                self.password = Some(sealed.clone());
                self.passwords += 1;
                self.logins.retain(|login, _| Some(*login) == *keeps);
                self.use_up(link.as_ref());
                // Who could choose a password could use these.
                self.links.clear();
            }
            Fact::LoginOpened { login, secret, until, means, link, step, recovery, device, .. } => {
                let opened =
                    Login { secret: *secret, opened: at, until: *until, means: *means, device: device.clone() };
                self.open(*login, opened);
                self.use_up(link.as_ref());
                self.use_second(*step, recovery.as_ref());
            }
            Fact::LoginClosed { login, .. } => _ = self.logins.remove(login),
            Fact::LoginsClosed { keeps, .. } => self.logins.retain(|login, _| login == keeps),
            Fact::LoginRefused { .. } => self.refused = at,
            Fact::SecondFactorOffered { sealed, .. } => self.offered = Some(sealed.clone()),
            Fact::SecondFactorConfirmed { step, recovery, .. } => {
                let recovery = recovery.iter().copied().collect();
                self.factor = self.offered.take().map(|sealed| Factor { sealed, step: *step, recovery });
            }
            Fact::SecondFactorRemoved { .. } => (self.factor, self.offered) = (None, None),
            Fact::RecoveryCodesMade { step, recovery, .. } => {
                if let Some(factor) = &mut self.factor {
                    (factor.step, factor.recovery) = (*step, recovery.iter().copied().collect());
                }
            }
            Fact::IdentityLinked { provider, identity, .. } => {
                self.identities.insert(*identity, provider.clone());
            }
            Fact::LinkMade { link, purpose, until, .. } => {
                self.links.retain(|known| known.until > at);
                if self.links.len() >= LINKS_MAX {
                    self.links.remove(0);
                }
                self.links.push(Link { hash: *link, purpose: *purpose, until: *until });
            }
            _ => {}
        }
    }

    fn open(&mut self, login: LoginId, opened: Login) {
        self.logins.retain(|_, known| known.until > opened.opened);
        if self.logins.len() >= LOGINS_MAX {
            let oldest = self.logins.iter().min_by_key(|(id, known)| (known.opened, **id)).map(|(id, _)| *id);
            oldest.and_then(|oldest| self.logins.remove(&oldest));
        }
        self.logins.insert(login, opened);
    }

    fn use_up(&mut self, link: Option<&SecretHash>) {
        self.links.retain(|known| Some(&known.hash) != link);
    }

    fn use_second(&mut self, step: Option<u64>, recovery: Option<&SecretHash>) {
        let Some(factor) = &mut self.factor else { return };
        factor.step = factor.step.max(step.unwrap_or(0));
        if let Some(code) = recovery {
            factor.recovery.remove(code);
        }
    }
}

/// Maps whose keys are no texts, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer, K: Serialize, V: Serialize>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, K: Deserialize<'de> + Ord, V: Deserialize<'de>>(
        from: D,
    ) -> Result<BTreeMap<K, V>, D::Error> {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
