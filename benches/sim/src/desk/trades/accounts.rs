//! The trade of people: registering, signing in by password, link or provider, second factors, mails, and being forgotten.

use std::collections::{BTreeMap, BTreeSet};

use records::fact::{By, LinkPurpose, Means};
use records::{Blob, EventId, Fact, FactRow, LoginId, MailId, SecretHash, Span, Timestamp, Token, UserId};
use rules::accounts::{self, Grounds, Proof, REFUSALS_EVERY, Second, User, Wish, platform};
use rules::domains::{Command, Order};
use rules::office;
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Of 1,000 commands, those by which somebody is forgotten.
const ERASED_PER_MILLE: u64 = 2;
/// Recovery codes that are made at once.
const CODES: u64 = 3;
/// Links and mails that are thought of; sooner or later one is thought of twice.
const NUMBERS: u64 = 1 << 20;

pub(crate) struct People {
    scale: Scale,
    laws: Laws,
    /// What was made lately and may be used now, or again.
    links: Vec<SecretHash>,
    codes: u64,
}

/// Mails that somebody sends next.
const OLDEST: u64 = 256;
/// Links that are remembered for being used.
const LINKS: usize = 16;

impl People {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, laws: Laws::default(), links: Vec::new(), codes: 0 }
    }

    fn wish(&mut self, id: UserId, user: Option<&User>, now: Timestamp, chance: &mut Chance) -> Wish {
        let until = now.saturating_add(Span::from_millis(chance.between(1, 20_000)));
        let Some(user) = user else {
            // The mail address may be somebody else's.
            let person = Token(1 + chance.below(self.scale.users + 2));
            let subject = u64::try_from(id.0).expect("ids are small numbers");
            return Wish::Register { subject, person, sealed: blob(1), language: "en".into() };
        };
        match chance.below(100) {
            0..6 => Wish::Describe { sealed: blob(chance.below(200) as u8), language: "de".into() },
            6..12 => Wish::SetAdmin(chance.per_mille(500)),
            12..20 => Wish::SetPassword { sealed: blob(9), on: self.grounds(user, chance) },
            20..50 => self.open(user, until, now, chance),
            50..54 => Wish::CloseLogin(a_login(user, chance)),
            54..57 => Wish::CloseOthers(a_login(user, chance)),
            57..61 => Wish::Refuse(Means::Password),
            61..65 => Wish::OfferFactor(blob(chance.below(4) as u8)),
            65..70 => {
                let offered = user.offered.clone().filter(|_| chance.per_mille(900)).unwrap_or_else(|| blob(77));
                Wish::ConfirmFactor { offered, step: step(now), recovery: self.recovery() }
            }
            70..72 => Wish::RemoveFactor(second(user, now, chance).unwrap_or(Second::Step(1))),
            72..74 => Wish::MakeRecovery { step: step(now), recovery: self.recovery() },
            74..78 => Wish::LinkIdentity { provider: "p".into(), identity: Token(1 + chance.below(self.scale.users)) },
            78..88 => {
                let link = secret("link", chance.below(NUMBERS));
                if self.links.len() >= LINKS {
                    self.links.remove(0);
                }
                self.links.push(link);
                let purpose = if chance.per_mille(700) { LinkPurpose::SignIn } else { LinkPurpose::Password };
                Wish::MakeLink { link, purpose, until }
            }
            88..92 => Wish::QueueMail { mail: MailId(1 + u128::from(chance.below(NUMBERS))), sealed: blob(3) },
            _ => Wish::Register { subject: 1, person: user.person, sealed: blob(1), language: String::new() },
        }
    }

    fn grounds(&self, user: &User, chance: &mut Chance) -> Grounds {
        match chance.below(3) {
            0 => Grounds::Operator,
            1 => Grounds::Old { passwords: stale(user.passwords, chance), keeps: a_login(user, chance) },
            _ => Grounds::Link(self.a_link(chance)),
        }
    }

    fn open(&self, user: &User, until: Timestamp, now: Timestamp, chance: &mut Chance) -> Wish {
        let second = second(user, now, chance);
        let proof = match chance.below(8) {
            0..4 => Proof::Password { passwords: stale(user.passwords, chance), second },
            4..7 => Proof::Link { link: self.a_link(chance), second },
            _ => Proof::Identity(Token(1 + chance.below(self.scale.users))),
        };
        let number = 1 + chance.below(NUMBERS);
        let (login, secret) = (LoginId(u128::from(number)), secret("login", number));
        Wish::OpenLogin { login, secret, until, device: blob(5), proof }
    }

    /// A link that was made lately, whoever it is for.
    fn a_link(&self, chance: &mut Chance) -> SecretHash {
        if self.links.is_empty() { secret("none", 0) } else { *chance.pick(&self.links) }
    }

    fn recovery(&mut self) -> Vec<SecretHash> {
        self.codes += CODES;
        (self.codes - CODES..self.codes).map(|number| secret("code", number)).collect()
    }

    /// Nearly always what was read; now and then what was read some time ago.
    fn mail(&self, known: &Known, chance: &mut Chance) -> Option<(UserId, Wish)> {
        let mails = || known.directory.accounts.mails();
        // Any of the oldest: others send, too.
        let (mail, queued) = mails().nth(chance.below(OLDEST) as usize).or_else(|| mails().next())?;
        let wish = match chance.below(4) {
            0 => Wish::MailFailed { mail, why: "550".into() },
            _ => Wish::MailSent(mail),
        };
        Some((queued.user, wish))
    }
}

fn blob(byte: u8) -> Blob {
    Blob([byte; 24].into())
}

fn secret(what: &str, number: u64) -> SecretHash {
    SecretHash::of(&format!("{what} {number}"))
}

/// The step of a code at a time, as RFC 6238 counts.
fn step(now: Timestamp) -> u64 {
    now.0.unsigned_abs() / 1_000_000
}

fn stale(passwords: u32, chance: &mut Chance) -> u32 {
    if chance.per_mille(850) { passwords } else { passwords.saturating_sub(1) }
}

fn a_login(user: &User, chance: &mut Chance) -> LoginId {
    let logins: Vec<LoginId> = user.logins.keys().copied().take(8).collect();
    if logins.is_empty() { LoginId(u128::MAX) } else { *chance.pick(&logins) }
}

/// The second factor that somebody would show.
fn second(user: &User, now: Timestamp, chance: &mut Chance) -> Option<Second> {
    let factor = user.factor.as_ref()?;
    match (chance.below(10), factor.recovery.first()) {
        (0, _) => None,
        (1..4, Some(code)) => Some(Second::Recovery(*code)),
        (4, _) => Some(Second::Step(factor.step)),
        _ => Some(Second::Step(step(now))),
    }
}

impl Trade for People {
    fn ask(&mut self, known: &Known, now: Timestamp, chance: &mut Chance) -> Command {
        let id = UserId(1 + u128::from(chance.below(self.scale.users)));
        let user = known.directory.accounts.user(id);
        if let Some(user) = user.filter(|_| chance.per_mille(ERASED_PER_MILLE)) {
            let erased = Fact::SubjectErased { subjects: vec![user.subject], tokens: vec![user.person] };
            let wishes = vec![office::Wish::Tell(erased)];
            return office::Command { organization: platform(), event: EventId::NONE, wishes }.into();
        }
        let sent = if chance.per_mille(300) { self.mail(known, chance) } else { None };
        let (id, mut wishes) = match sent {
            Some((user, wish)) => (user, vec![wish]),
            None => (id, vec![self.wish(id, user, now, chance)]),
        };
        if chance.per_mille(200) {
            wishes.push(Wish::QueueMail { mail: MailId(1 + u128::from(chance.below(NUMBERS))), sealed: blob(4) });
        }
        let by = if chance.per_mille(500) { Some(By::User(id)) } else { None };
        Command { by, order: Order::Account(accounts::Command { user: id, wishes }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        match row.known() {
            Some(fact) if row.organization == platform() => self.laws.judge(row.at, fact),
            _ => Ok(()),
        }
    }
}

/// What must hold of accounts, said without their rules.
#[derive(Debug, Default)]
struct Laws {
    users: BTreeMap<UserId, Person>,
    mails: BTreeMap<MailId, UserId>,
}

#[derive(Debug, Default)]
struct Person {
    subject: u64,
    token: u64,
    admin: bool,
    has_factor: bool,
    /// The newest step that was used.
    step: u64,
    codes: BTreeSet<SecretHash>,
    links: BTreeMap<SecretHash, (LinkPurpose, Timestamp)>,
    passwords: u32,
    refused: Option<Timestamp>,
}

impl Laws {
    fn judge(&mut self, at: Timestamp, fact: &Fact) -> Result<(), String> {
        if self.holds(at, fact) { Ok(()) } else { Err(format!("no accounts decide {fact:?} as things stand")) }
    }

    fn holds(&mut self, at: Timestamp, fact: &Fact) -> bool {
        match fact {
            Fact::UserRegistered { user, subject, person, .. } => {
                let is_free = self.users.values().all(|known| known.token != person.0);
                let new = Person { subject: *subject, token: person.0, ..Person::default() };
                self.users.insert(*user, new).is_none() && is_free
            }
            Fact::SubjectErased { subjects, .. } => {
                let Self { users, mails } = self;
                users.retain(|_, user| !subjects.contains(&user.subject));
                mails.retain(|_, user| users.contains_key(user));
                true
            }
            Fact::MailQueued { mail, user, .. } => {
                self.mails.insert(*mail, *user);
                self.users.contains_key(user)
            }
            Fact::MailSent { mail } | Fact::MailFailed { mail, .. } => self.mails.remove(mail).is_some(),
            Fact::PlatformAdminSet { user, admin } => {
                let Some(known) = self.users.get_mut(user) else { return false };
                let changes = std::mem::replace(&mut known.admin, *admin) != *admin;
                changes && (*admin || self.users.values().any(|known| known.admin))
            }
            fact => self.of_person(at, fact),
        }
    }

    fn of_person(&mut self, at: Timestamp, fact: &Fact) -> bool {
        let Some(id) = person_of(fact) else { return true };
        let Some(user) = self.users.get_mut(&id) else { return false };
        match fact {
            Fact::PasswordSet { link, .. } => {
                let holds = link.is_none_or(|link| user.use_link(&link, LinkPurpose::Password, at));
                user.passwords += 1;
                user.links.clear();
                holds
            }
            Fact::LoginOpened { means, link, step, recovery, .. } => user.signs_in(at, *means, *link, *step, *recovery),
            Fact::LoginRefused { .. } => {
                let before = user.refused.replace(at);
                before.is_none_or(|before| at.since(before) >= REFUSALS_EVERY)
            }
            Fact::SecondFactorConfirmed { step, recovery, .. } => {
                (user.has_factor, user.step, user.codes) = (true, *step, recovery.iter().copied().collect());
                true
            }
            Fact::SecondFactorRemoved { .. } => std::mem::take(&mut user.has_factor),
            Fact::RecoveryCodesMade { step, recovery, .. } => {
                let holds = user.has_factor && *step > user.step;
                (user.step, user.codes) = (*step, recovery.iter().copied().collect());
                holds
            }
            Fact::LinkMade { link, purpose, until, .. } => {
                user.links.insert(*link, (*purpose, *until));
                true
            }
            _ => true,
        }
    }
}

impl Person {
    /// A link works once, for what it is, before it ends.
    fn use_link(&mut self, link: &SecretHash, purpose: LinkPurpose, at: Timestamp) -> bool {
        self.links.remove(link).is_some_and(|(made_for, until)| made_for == purpose && until > at)
    }

    fn signs_in(
        &mut self,
        at: Timestamp,
        means: Means,
        link: Option<SecretHash>,
        step: Option<u64>,
        recovery: Option<SecretHash>,
    ) -> bool {
        let first = match means {
            Means::Password => self.passwords > 0,
            Means::Link => link.is_some_and(|link| self.use_link(&link, LinkPurpose::SignIn, at)),
            Means::Identity => return true,
        };
        let second = match (self.has_factor, step, recovery) {
            (false, None, None) => true,
            (true, Some(step), None) => step > std::mem::replace(&mut self.step, step),
            (true, None, Some(code)) => self.codes.remove(&code),
            _ => false,
        };
        first && second
    }
}

fn person_of(fact: &Fact) -> Option<UserId> {
    match fact {
        Fact::UserDescribed { user, .. }
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
        | Fact::LinkMade { user, .. } => Some(*user),
        _ => None,
    }
}
