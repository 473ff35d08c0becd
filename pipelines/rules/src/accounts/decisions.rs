//! What becomes of wishes about a user.

use records::fact::{LinkPurpose, Means};
use records::{Blob, Fact, LoginId, SecretHash, Timestamp, UserId};

use super::{Accounts, Command, Grounds, Proof, RECOVERY_MAX, REFUSALS_EVERY, Refusal, Second, User, Wish};

impl Accounts {
    /// The facts after which the wishes are done.
    ///
    /// # Errors
    /// When one of them is refused; then nothing is done.
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
        let mut facts = Vec::new();
        // A user who is registered here has nothing yet that a later wish could rest on, but for being there.
        let mut registered = self.user(command.user).is_some();
        for wish in &command.wishes {
            match wish {
                Wish::Register { .. } => {
                    facts.extend(self.register(command.user, wish)?);
                    registered = true;
                }
                _ if !registered => return Err(Refusal::Nobody),
                wish => facts.extend(self.about(command.user, wish, now)?),
            }
        }
        Ok(facts)
    }

    fn register(&self, id: UserId, wish: &Wish) -> Result<Option<Fact>, Refusal> {
        let Wish::Register { subject, person, sealed, language } = wish else { return Ok(None) };
        if self.user(id).is_some() || self.by_person(*person).is_some() {
            return Err(Refusal::Taken);
        }
        let (subject, person, sealed, language) = (*subject, *person, sealed.clone(), language.clone());
        Ok(Some(Fact::UserRegistered { user: id, subject, person, sealed, language }))
    }

    fn about(&self, user: UserId, wish: &Wish, now: Timestamp) -> Result<Option<Fact>, Refusal> {
        let known = self.user(user);
        Ok(Some(match wish {
            Wish::Register { .. } => return Err(Refusal::Taken),
            Wish::Describe { sealed, language } => {
                Fact::UserDescribed { user, sealed: sealed.clone(), language: language.clone() }
            }
            Wish::SetAdmin(admin) => return self.set_admin(user, *admin),
            Wish::SetPassword { sealed, on } => set_password(known, user, sealed, *on, now)?,
            Wish::OpenLogin { .. } => self.open_login(user, wish, now)?,
            Wish::CloseLogin(login) => {
                let there = known.is_some_and(|known| known.logins.contains_key(login));
                return if there { Ok(Some(Fact::LoginClosed { user, login: *login })) } else { Err(Refusal::NoLogin) };
            }
            Wish::CloseOthers(keeps) => {
                let others = known.is_some_and(|known| known.logins.keys().any(|login| login != keeps));
                return Ok(others.then_some(Fact::LoginsClosed { user, keeps: *keeps }));
            }
            Wish::Refuse(means) => {
                let quiet = known.is_none_or(|known| now >= known.refused.saturating_add(REFUSALS_EVERY));
                return Ok(quiet.then_some(Fact::LoginRefused { user, means: *means }));
            }
            Wish::OfferFactor(sealed) => Fact::SecondFactorOffered { user, sealed: sealed.clone() },
            Wish::ConfirmFactor { offered, step, recovery } => {
                let same = known.and_then(|known| known.offered.as_ref()) == Some(offered);
                if !same || recovery.len() > RECOVERY_MAX {
                    return Err(Refusal::NotOffered);
                }
                Fact::SecondFactorConfirmed { user, step: *step, recovery: recovery.clone() }
            }
            Wish::RemoveFactor(second) => {
                check_second(known, Some(*second))?;
                Fact::SecondFactorRemoved { user }
            }
            Wish::MakeRecovery { step, recovery } => {
                check_second(known, Some(Second::Step(*step)))?;
                Fact::RecoveryCodesMade { user, step: *step, recovery: recovery.clone() }
            }
            Wish::LinkIdentity { provider, identity } => {
                if self.by_identity(*identity).is_some_and(|(owner, _)| owner != user) {
                    return Err(Refusal::IdentityTaken);
                }
                let fact = Fact::IdentityLinked { user, provider: provider.clone(), identity: *identity };
                let stands = known.is_some_and(|known| known.identities.contains_key(identity));
                return Ok((!stands).then_some(fact));
            }
            Wish::MakeLink { link, purpose, until } => {
                if self.by_link(link).is_some() {
                    return Err(Refusal::Repeated);
                }
                Fact::LinkMade { user, link: *link, purpose: *purpose, until: *until }
            }
            Wish::QueueMail { mail, sealed } => Fact::MailQueued { mail: *mail, user, sealed: sealed.clone() },
            Wish::MailSent(mail) => return Ok(self.waits(*mail).then_some(Fact::MailSent { mail: *mail })),
            Wish::MailFailed { mail, why } => {
                return Ok(self.waits(*mail).then(|| Fact::MailFailed { mail: *mail, why: why.clone() }));
            }
        }))
    }

    fn waits(&self, mail: records::MailId) -> bool {
        self.mails.contains_key(&mail)
    }

    fn set_admin(&self, user: UserId, admin: bool) -> Result<Option<Fact>, Refusal> {
        let is = self.user(user).is_some_and(|known| known.admin);
        if is && !admin && self.admins() == 1 {
            return Err(Refusal::LastAdmin);
        }
        Ok((is != admin).then_some(Fact::PlatformAdminSet { user, admin }))
    }

    fn open_login(&self, user: UserId, wish: &Wish, now: Timestamp) -> Result<Fact, Refusal> {
        let Wish::OpenLogin { login, secret, until, device, proof } = wish else { return Err(Refusal::NoLogin) };
        let known = self.user(user).ok_or(Refusal::Nobody)?;
        if self.logins.contains_key(secret) || known.logins.contains_key(login) {
            return Err(Refusal::Repeated);
        }
        let (means, link, second) = match proof {
            Proof::Password { passwords, second } => {
                if *passwords == 0 || known.passwords != *passwords {
                    return Err(Refusal::PasswordChanged);
                }
                (Means::Password, None, *second)
            }
            Proof::Link { link, second } => {
                if !known.link_works(link, LinkPurpose::SignIn, now) {
                    return Err(Refusal::LinkWrong);
                }
                (Means::Link, Some(*link), *second)
            }
            Proof::Identity(identity) => {
                if !known.identities.contains_key(identity) {
                    return Err(Refusal::IdentityTaken);
                }
                return Ok(opened(user, *login, *secret, *until, device, (Means::Identity, None, None)));
            }
        };
        check_second(Some(known), second)?;
        Ok(opened(user, *login, *secret, *until, device, (means, link, second)))
    }
}

fn opened(
    user: UserId,
    login: LoginId,
    secret: SecretHash,
    until: Timestamp,
    device: &Blob,
    (means, link, second): (Means, Option<SecretHash>, Option<Second>),
) -> Fact {
    let (step, recovery) = match second {
        Some(Second::Step(step)) => (Some(step), None),
        Some(Second::Recovery(code)) => (None, Some(code)),
        None => (None, None),
    };
    Fact::LoginOpened { user, login, secret, until, means, link, step, recovery, device: device.clone() }
}

fn set_password(
    known: Option<&User>,
    user: UserId,
    sealed: &Blob,
    on: Grounds,
    now: Timestamp,
) -> Result<Fact, Refusal> {
    let (keeps, link) = match on {
        Grounds::Operator => (None, None),
        Grounds::Old { passwords, keeps } => {
            if known.is_none_or(|known| known.passwords != passwords) {
                return Err(Refusal::PasswordChanged);
            }
            (Some(keeps), None)
        }
        Grounds::Link(link) => {
            if !known.is_some_and(|known| known.link_works(&link, LinkPurpose::Password, now)) {
                return Err(Refusal::LinkWrong);
            }
            (None, Some(link))
        }
    };
    Ok(Fact::PasswordSet { user, sealed: sealed.clone(), keeps, link })
}

/// A second factor is needed iff there is one, and each code works once.
fn check_second(known: Option<&User>, second: Option<Second>) -> Result<(), Refusal> {
    match (known.and_then(|known| known.factor.as_ref()), second) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(Refusal::SecondNeeded),
        (Some(factor), Some(Second::Step(step))) if step > factor.step => Ok(()),
        (Some(factor), Some(Second::Recovery(code))) if factor.recovery.contains(&code) => Ok(()),
        (_, Some(_)) => Err(Refusal::SecondWrong),
    }
}
