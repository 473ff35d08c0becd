//! Accounts: who can sign in, with what, on which devices. All of it belongs to the organization `platform`.
//!
//! What is slow or needs a key happens before a command is made: hashing a password (argon2id), checking a code (RFC 6238),
//! sealing. A command says what was found and on which state, and the rules refuse it when that state is gone: so a
//! code works once, and a password that was changed meanwhile opens nothing.

mod decisions;
mod user;

use std::collections::BTreeMap;

use hashbrown::HashMap;
use records::fact::{LinkPurpose, Means};
use records::hash::FixedState;
use records::{Blob, Fact, FactRow, LoginId, MailId, OrganizationId, SecretHash, Span, Timestamp, Token, UserId};
use serde::{Deserialize, Serialize};

pub use user::{Factor, Login, User};

/// Devices of one user; opening another one ends the oldest.
pub const LOGINS_MAX: usize = 50;
/// Links of one user that were not used; making another one ends the oldest.
pub const LINKS_MAX: usize = 10;
/// Recovery codes of one user.
pub const RECOVERY_MAX: usize = 10;
/// Between two refusals that are told about one user.
pub const REFUSALS_EVERY: Span = Span::from_seconds(60);

/// The organization that users belong to. No tenant may have this name.
pub fn platform() -> OrganizationId {
    OrganizationId::parse("platform").expect("a short name is an id")
}

/// What is asked about one user.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The user; a new id to register one.
    pub user: UserId,
    /// What is asked, decided in this order, all or nothing.
    pub wishes: Vec<Wish>,
}

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Somebody can sign in from here on.
    Register {
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of the mail address.
        person: Token,
        /// The mail address and name, sealed.
        sealed: Blob,
        /// The language they read.
        language: String,
    },
    /// Another name or language.
    Describe {
        /// The mail address and name, sealed.
        sealed: Blob,
        /// The language they read.
        language: String,
    },
    /// May do everything everywhere, or no longer may.
    SetAdmin(bool),
    /// Another password.
    SetPassword {
        /// The argon2id hash, sealed.
        sealed: Blob,
        /// Why it may be set.
        on: Grounds,
    },
    /// A device is signed in.
    OpenLogin {
        /// The new login.
        login: LoginId,
        /// The hash of what the device presents.
        secret: SecretHash,
        /// When it ends.
        until: Timestamp,
        /// What the device says of itself, sealed.
        device: Blob,
        /// What was proved.
        proof: Proof,
    },
    /// A device is signed out.
    CloseLogin(LoginId),
    /// All devices but this one are signed out.
    CloseOthers(LoginId),
    /// Somebody did not prove to be the user.
    Refuse(Means),
    /// A second factor was shown.
    OfferFactor(Blob),
    /// The offered one works.
    ConfirmFactor {
        /// The one that the code was checked with.
        offered: Blob,
        /// The step of the code.
        step: u64,
        /// The hashes of fresh recovery codes.
        recovery: Vec<SecretHash>,
    },
    /// No second factor any more.
    RemoveFactor(Second),
    /// Other recovery codes.
    MakeRecovery {
        /// The step of the code.
        step: u64,
        /// Their hashes.
        recovery: Vec<SecretHash>,
    },
    /// A provider's user is this one.
    LinkIdentity {
        /// The provider.
        provider: String,
        /// The pseudonym of (issuer, subject).
        identity: Token,
    },
    /// A link for the user.
    MakeLink {
        /// The hash of what it holds.
        link: SecretHash,
        /// What it is for.
        purpose: LinkPurpose,
        /// When it ends.
        until: Timestamp,
    },
    /// A mail to the user.
    QueueMail {
        /// The mail.
        mail: MailId,
        /// The template and its words, sealed.
        sealed: Blob,
    },
    /// A mail server took a mail.
    MailSent(MailId),
    /// A mail is given up.
    MailFailed {
        /// The mail.
        mail: MailId,
        /// What the mail server said, without addresses.
        why: String,
    },
}

/// Why a password may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// The old one was right; there was this number of them.
    Old {
        /// How many passwords the user has had.
        passwords: u32,
        /// The device that stays signed in.
        keeps: LoginId,
    },
    /// A link for it.
    Link(SecretHash),
    /// Whoever owns the process says so.
    Operator,
}

/// What proves that a device is the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The password was right.
    Password {
        /// How many passwords the user has had.
        passwords: u32,
        /// The second factor, if one is needed.
        second: Option<Second>,
    },
    /// A link, which stands for the mail address; a second factor is needed all the same.
    Link {
        /// The link.
        link: SecretHash,
        /// The second factor, if one is needed.
        second: Option<Second>,
    },
    /// A provider that has asked for whatever it asks for.
    Identity(Token),
}

/// A second factor that was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// The step of a code (RFC 6238).
    Step(u64),
    /// A recovery code.
    Recovery(SecretHash),
}

/// Why something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such user.
    #[error("there is no such user")]
    Nobody,
    /// The id or the mail address is somebody's already.
    #[error("somebody has this mail address already")]
    Taken,
    /// A secret that was made before.
    #[error("this was asked before: ask for a new one")]
    Repeated,
    /// Another password was set since.
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    /// A second factor is needed.
    #[error("a code of the second factor is needed")]
    SecondNeeded,
    /// A code that was used, or is older than one that was.
    #[error("the code was used already, or is none of this user's: wait for the next one")]
    SecondWrong,
    /// A link that was used, has ended, or is for something else.
    #[error("the link was used already, has expired, or is for something else: ask for a new one")]
    LinkWrong,
    /// Another second factor was offered since.
    #[error("this second factor was not offered: begin again")]
    NotOffered,
    /// The provider's user is another user's.
    #[error("this sign-in belongs to another user")]
    IdentityTaken,
    /// There would be no platform admin any more.
    #[error("the last platform admin stays one: make another one first")]
    LastAdmin,
    /// No such login.
    #[error("there is no such login")]
    NoLogin,
}

/// A mail that no server took yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Whom it goes to.
    pub user: UserId,
    /// The template and its words, sealed.
    pub sealed: Blob,
    /// When it was queued.
    pub at: Timestamp,
}

/// Every user, as the facts say.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    users: BTreeMap<UserId, User>,
    persons: HashMap<Token, UserId, FixedState>,
    logins: HashMap<SecretHash, (UserId, LoginId), FixedState>,
    links: HashMap<SecretHash, UserId, FixedState>,
    identities: HashMap<Token, UserId, FixedState>,
    mails: BTreeMap<MailId, Mail>,
}

impl Accounts {
    /// A user who was not erased.
    pub fn user(&self, user: UserId) -> Option<&User> {
        self.users.get(&user)
    }

    /// All users by id.
    pub fn users(&self) -> impl Iterator<Item = (UserId, &User)> {
        self.users.iter().map(|(id, user)| (*id, user))
    }

    /// Whose mail address has this pseudonym.
    pub fn by_person(&self, person: Token) -> Option<(UserId, &User)> {
        self.found(self.persons.get(&person))
    }

    /// Whose sign-in at a provider has this pseudonym.
    pub fn by_identity(&self, identity: Token) -> Option<(UserId, &User)> {
        self.found(self.identities.get(&identity))
    }

    /// Whose link it is, whether or not it still works.
    pub fn by_link(&self, link: &SecretHash) -> Option<(UserId, &User)> {
        self.found(self.links.get(link))
    }

    fn found(&self, user: Option<&UserId>) -> Option<(UserId, &User)> {
        user.and_then(|user| Some((*user, self.users.get(user)?)))
    }

    /// Whose device presents this, unless it was signed out or its time is over.
    pub fn by_login(&self, secret: &SecretHash, now: Timestamp) -> Option<(UserId, LoginId, &User)> {
        let (user, login) = self.logins.get(secret)?;
        let known = self.users.get(user)?;
        (known.logins.get(login)?.until > now).then_some((*user, *login, known))
    }

    /// Mails that no server took yet, the oldest first.
    pub fn mails(&self) -> impl Iterator<Item = (MailId, &Mail)> {
        self.mails.iter().map(|(id, mail)| (*id, mail))
    }

    /// The platform admins.
    pub fn admins(&self) -> usize {
        self.users.values().filter(|user| user.admin).count()
    }

    /// Takes one fact; facts about other things change nothing.
    pub fn apply(&mut self, row: &FactRow) {
        if row.organization != platform() {
            return;
        }
        match row.known() {
            Some(Fact::SubjectErased { subjects, .. }) => self.erase(subjects),
            Some(Fact::UserRegistered { user, subject, person, sealed, language }) => {
                let known = User::new(*subject, *person, sealed.clone(), language.clone(), row.at);
                self.persons.insert(*person, *user);
                self.users.insert(*user, known);
            }
            Some(Fact::MailQueued { mail, user, sealed }) => {
                let queued = Mail { user: *user, sealed: sealed.clone(), at: row.at };
                self.mails.insert(*mail, queued);
            }
            Some(Fact::MailSent { mail } | Fact::MailFailed { mail, .. }) => _ = self.mails.remove(mail),
            Some(fact) => self.change(fact, row.at),
            None => {}
        }
    }

    /// What a fact about one user changes, and the indices with it.
    fn change(&mut self, fact: &Fact, at: Timestamp) {
        let Some(id) = user_of(fact) else { return };
        let Some(user) = self.users.get_mut(&id) else { return };
        // Nearly all facts leave logins and links as they are.
        let moves_logins = matches!(
            fact,
            Fact::LoginOpened { .. } | Fact::LoginClosed { .. } | Fact::LoginsClosed { .. } | Fact::PasswordSet { .. }
        );
        let moves_links =
            matches!(fact, Fact::LinkMade { .. } | Fact::LoginOpened { link: Some(_), .. } | Fact::PasswordSet { .. });
        let logins: Vec<(LoginId, SecretHash)> = match moves_logins {
            true => user.logins.iter().map(|(login, known)| (*login, known.secret)).collect(),
            false => Vec::new(),
        };
        let links: Vec<SecretHash> = if moves_links { user.link_hashes().collect() } else { Vec::new() };
        user.apply(fact, at);
        for (login, secret) in logins {
            if user.logins.get(&login).is_none_or(|known| known.secret != secret) {
                self.logins.remove(&secret);
            }
        }
        for link in links {
            if !user.link_hashes().any(|known| known == link) {
                self.links.remove(&link);
            }
        }
        match fact {
            Fact::IdentityLinked { identity, .. } => _ = self.identities.insert(*identity, id),
            Fact::LoginOpened { login, secret, .. } => _ = self.logins.insert(*secret, (id, *login)),
            Fact::LinkMade { link, .. } => _ = self.links.insert(*link, id),
            _ => {}
        }
    }

    fn erase(&mut self, subjects: &[u64]) {
        let gone: Vec<UserId> =
            self.users.iter().filter(|(_, user)| subjects.contains(&user.subject)).map(|(id, _)| *id).collect();
        for id in gone {
            let Some(user) = self.users.remove(&id) else { continue };
            self.persons.remove(&user.person);
            user.logins.values().for_each(|login| _ = self.logins.remove(&login.secret));
            user.link_hashes().for_each(|link| _ = self.links.remove(&link));
            user.identities.keys().for_each(|identity| _ = self.identities.remove(identity));
            self.mails.retain(|_, mail| mail.user != id);
        }
    }

    /// What of the state is stored; the rest is made from it.
    pub(crate) fn stored(&self) -> Stored {
        Stored {
            users: self.users.iter().map(|(id, user)| (*id, user.clone())).collect(),
            mails: self.mails.iter().map(|(id, mail)| (*id, mail.clone())).collect(),
        }
    }

    pub(crate) fn restore(stored: Stored) -> Self {
        let mut this = Self { mails: stored.mails.into_iter().collect(), ..Self::default() };
        for (id, user) in stored.users {
            this.persons.insert(user.person, id);
            this.logins.extend(user.logins.iter().map(|(login, known)| (known.secret, (id, *login))));
            this.links.extend(user.link_hashes().map(|link| (link, id)));
            this.identities.extend(user.identities.keys().map(|identity| (*identity, id)));
            this.users.insert(id, user);
        }
        this
    }
}

/// The state as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    users: Vec<(UserId, User)>,
    mails: Vec<(MailId, Mail)>,
}

/// The user that a fact is about.
fn user_of(fact: &Fact) -> Option<UserId> {
    match fact {
        Fact::UserRegistered { user, .. }
        | Fact::UserDescribed { user, .. }
        | Fact::PlatformAdminSet { user, .. }
        | Fact::PasswordSet { user, .. }
        | Fact::LoginOpened { user, .. }
        | Fact::LoginClosed { user, .. }
        | Fact::LoginsClosed { user, .. }
        | Fact::LoginRefused { user, .. }
        | Fact::SecondFactorOffered { user, .. }
        | Fact::SecondFactorConfirmed { user, .. }
        | Fact::SecondFactorRemoved { user }
        | Fact::RecoveryCodesMade { user, .. }
        | Fact::IdentityLinked { user, .. }
        | Fact::LinkMade { user, .. }
        | Fact::MailQueued { user, .. } => Some(*user),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
