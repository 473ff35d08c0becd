//! Sequences of commands as people make them, and what must never come of them.

use proptest::prelude::*;

use super::*;

const ANN: UserId = UserId(1);
const BEN: UserId = UserId(2);

fn blob(byte: u8) -> Blob {
    Blob([byte].into())
}

fn secret(number: u64) -> SecretHash {
    SecretHash::of(&number.to_string())
}

struct World {
    accounts: Accounts,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let mut world = Self { accounts: Accounts::default(), now: Timestamp::from_seconds(1_000) };
        world.done(ANN, register(11, 21)).unwrap();
        world
    }

    fn done(&mut self, user: UserId, wish: Wish) -> Result<usize, Refusal> {
        self.all(user, vec![wish])
    }

    fn all(&mut self, user: UserId, wishes: Vec<Wish>) -> Result<usize, Refusal> {
        let facts = self.accounts.decide(&Command { user, wishes }, self.now)?;
        let count = facts.len();
        for fact in facts {
            self.accounts.apply(&FactRow::new(platform(), self.now, fact));
        }
        Ok(count)
    }

    fn password(&mut self, byte: u8) {
        self.done(ANN, Wish::SetPassword { sealed: blob(byte), on: Grounds::Operator }).unwrap();
    }

    fn open(&mut self, number: u64, proof: Proof) -> Result<usize, Refusal> {
        let until = self.now.saturating_add(Span::from_seconds(100));
        let login = LoginId(u128::from(number));
        self.done(ANN, Wish::OpenLogin { login, secret: secret(number), until, device: blob(0), proof })
    }

    fn is_open(&self, number: u64) -> bool {
        self.accounts.by_login(&secret(number), self.now).is_some()
    }

    fn factor(&mut self) {
        self.done(ANN, Wish::OfferFactor(blob(5))).unwrap();
        let recovery = vec![secret(900), secret(901)];
        self.done(ANN, Wish::ConfirmFactor { offered: blob(5), step: 40, recovery }).unwrap();
    }
}

fn register(subject: u64, person: u64) -> Wish {
    Wish::Register { subject, person: Token(person), sealed: blob(1), language: "en".into() }
}

fn password(passwords: u32, second: Option<Second>) -> Proof {
    Proof::Password { passwords, second }
}

#[test]
fn a_mail_address_is_one_users() {
    let mut world = World::new();
    assert_eq!(world.done(BEN, register(12, 21)), Err(Refusal::Taken));
    assert_eq!(world.done(ANN, register(12, 22)), Err(Refusal::Taken));
    assert_eq!(world.done(BEN, register(12, 22)), Ok(1));
    assert_eq!(world.accounts.by_person(Token(22)).map(|(user, _)| user), Some(BEN));
    assert_eq!(world.done(UserId(9), Wish::SetAdmin(true)), Err(Refusal::Nobody));
}

#[test]
fn a_password_that_was_changed_meanwhile_opens_nothing_and_closes_what_was_open() {
    let mut world = World::new();
    assert_eq!(world.open(1, password(0, None)), Err(Refusal::PasswordChanged), "no password, no sign-in by one");
    world.password(1);
    assert_eq!(world.open(1, password(1, None)), Ok(1));
    assert_eq!(world.open(2, password(1, None)), Ok(1));
    let on = Grounds::Old { passwords: 1, keeps: LoginId(2) };
    assert_eq!(world.done(ANN, Wish::SetPassword { sealed: blob(2), on }), Ok(1));
    assert_eq!((world.is_open(1), world.is_open(2)), (false, true));
    assert_eq!(world.open(3, password(1, None)), Err(Refusal::PasswordChanged));
    assert_eq!(world.done(ANN, Wish::SetPassword { sealed: blob(2), on }), Err(Refusal::PasswordChanged));
}

#[test]
fn a_code_works_once_and_never_after_a_later_one() {
    let mut world = World::new();
    world.password(1);
    world.factor();
    assert_eq!(world.open(1, password(1, None)), Err(Refusal::SecondNeeded));
    for (number, step, outcome) in [
        (1, 40, Err(Refusal::SecondWrong)),
        (2, 42, Ok(1)),
        (3, 42, Err(Refusal::SecondWrong)),
        (4, 41, Err(Refusal::SecondWrong)),
    ] {
        assert_eq!(world.open(number, password(1, Some(Second::Step(step)))), outcome, "{step}");
    }
    let code = Some(Second::Recovery(secret(900)));
    assert_eq!(world.open(5, password(1, code)), Ok(1));
    assert_eq!(world.open(6, password(1, code)), Err(Refusal::SecondWrong), "a recovery code is used up");
    let made = Wish::MakeRecovery { step: 43, recovery: vec![secret(910)] };
    assert_eq!(world.done(ANN, made), Ok(1));
    assert_eq!(world.open(7, password(1, Some(Second::Recovery(secret(901))))), Err(Refusal::SecondWrong));
    assert_eq!(world.done(ANN, Wish::RemoveFactor(Second::Recovery(secret(910)))), Ok(1));
    assert_eq!(world.open(8, password(1, None)), Ok(1));
}

#[test]
fn a_factor_is_confirmed_as_it_was_offered() {
    let mut world = World::new();
    let confirm = |byte| Wish::ConfirmFactor { offered: blob(byte), step: 1, recovery: vec![] };
    assert_eq!(world.done(ANN, confirm(5)), Err(Refusal::NotOffered));
    world.done(ANN, Wish::OfferFactor(blob(5))).unwrap();
    world.done(ANN, Wish::OfferFactor(blob(6))).unwrap();
    assert_eq!(world.done(ANN, confirm(5)), Err(Refusal::NotOffered), "another one was offered since");
    assert_eq!(world.done(ANN, confirm(6)), Ok(1));
    assert_eq!(world.done(ANN, confirm(6)), Err(Refusal::NotOffered));
}

#[test]
fn a_link_works_once_for_what_it_is_and_until_it_ends() {
    let mut world = World::new();
    let until = world.now.saturating_add(Span::from_seconds(10));
    let make = |number, purpose| Wish::MakeLink { link: secret(number), purpose, until };
    world.done(ANN, make(1, LinkPurpose::SignIn)).unwrap();
    world.done(ANN, make(2, LinkPurpose::Password)).unwrap();
    let sign_in = |number| Proof::Link { link: secret(number), second: None };
    assert_eq!(world.open(1, sign_in(2)), Err(Refusal::LinkWrong), "it is for a password");
    assert_eq!(world.open(1, sign_in(1)), Ok(1));
    assert_eq!(world.open(2, sign_in(1)), Err(Refusal::LinkWrong), "it was used");
    let choose = |number| Wish::SetPassword { sealed: blob(1), on: Grounds::Link(secret(number)) };
    assert_eq!(world.done(ANN, choose(2)), Ok(1));
    assert!(!world.is_open(1), "who had forgotten the password may have lost a device");
    assert_eq!(world.done(ANN, choose(2)), Err(Refusal::LinkWrong));
    world.done(ANN, make(3, LinkPurpose::SignIn)).unwrap();
    world.now = until;
    assert_eq!(world.open(4, sign_in(3)), Err(Refusal::LinkWrong), "it has ended");
}

#[test]
fn the_last_platform_admin_stays() {
    let mut world = World::new();
    world.done(BEN, register(12, 22)).unwrap();
    assert_eq!(world.done(ANN, Wish::SetAdmin(true)), Ok(1));
    assert_eq!(world.done(ANN, Wish::SetAdmin(true)), Ok(0));
    assert_eq!(world.done(ANN, Wish::SetAdmin(false)), Err(Refusal::LastAdmin));
    assert_eq!(world.done(BEN, Wish::SetAdmin(true)), Ok(1));
    assert_eq!(world.done(ANN, Wish::SetAdmin(false)), Ok(1));
}

#[test]
fn logins_are_bounded_and_end_by_themselves() {
    let mut world = World::new();
    world.password(1);
    for number in 0..LOGINS_MAX as u64 + 1 {
        world.now = world.now.saturating_add(Span::from_millis(1));
        world.open(number, password(1, None)).unwrap();
    }
    assert_eq!((world.is_open(0), world.is_open(1)), (false, true), "the oldest makes room");
    world.now = world.now.saturating_add(Span::from_seconds(101));
    assert!(!world.is_open(LOGINS_MAX as u64));
    world.open(99, password(1, None)).unwrap();
    assert_eq!(world.accounts.user(ANN).unwrap().logins.len(), 1, "what has ended is forgotten");
}

#[test]
fn an_erased_user_is_nobody() {
    let mut world = World::new();
    world.password(1);
    world.open(1, password(1, None)).unwrap();
    world.done(ANN, Wish::QueueMail { mail: MailId(7), sealed: blob(1) }).unwrap();
    let erased = Fact::SubjectErased { subjects: vec![11], tokens: vec![Token(21)] };
    world.accounts.apply(&FactRow::new(OrganizationId(3), world.now, erased.clone()));
    assert!(world.is_open(1), "another organization's subject of the same number is somebody else");
    world.accounts.apply(&FactRow::new(platform(), world.now, erased));
    assert!(!world.is_open(1) && world.accounts.by_person(Token(21)).is_none());
    assert_eq!(world.accounts.mails().count(), 0);
}

#[test]
fn refusals_are_told_once_a_minute_and_mails_end_once() {
    let mut world = World::new();
    assert_eq!([(); 3].map(|()| world.done(ANN, Wish::Refuse(Means::Password)).unwrap()), [1, 0, 0]);
    world.now = world.now.saturating_add(REFUSALS_EVERY);
    assert_eq!(world.done(ANN, Wish::Refuse(Means::Password)), Ok(1));
    world.done(ANN, Wish::QueueMail { mail: MailId(7), sealed: blob(1) }).unwrap();
    assert_eq!(world.done(ANN, Wish::MailSent(MailId(7))), Ok(1));
    assert_eq!(world.done(ANN, Wish::MailFailed { mail: MailId(7), why: String::new() }), Ok(0));
}

fn wish() -> impl Strategy<Value = (u128, Wish)> {
    let number = 0..6u64;
    let second = prop_oneof![
        Just(None),
        (0..6u64).prop_map(|step| Some(Second::Step(step))),
        (900..903u64).prop_map(|code| Some(Second::Recovery(secret(code)))),
    ];
    let proof = (0..3u8, number.clone(), second).prop_map(|(kind, number, second)| match kind {
        0 => Proof::Password { passwords: u32::try_from(number % 3).unwrap(), second },
        1 => Proof::Link { link: secret(number), second },
        _ => Proof::Identity(Token(number)),
    });
    let wish = prop_oneof![
        (1..4u64, 1..4u64).prop_map(|(subject, person)| register(subject, person)),
        any::<bool>().prop_map(Wish::SetAdmin),
        number.clone().prop_map(|byte| Wish::SetPassword { sealed: blob(byte as u8), on: Grounds::Operator }),
        (number.clone(), proof).prop_map(|(number, proof)| Wish::OpenLogin {
            login: LoginId(u128::from(number)),
            secret: secret(100 + number),
            until: Timestamp::from_seconds(2_000),
            device: blob(1),
            proof,
        }),
        number.clone().prop_map(|number| Wish::CloseOthers(LoginId(u128::from(number)))),
        number.clone().prop_map(|byte| Wish::OfferFactor(blob(byte as u8))),
        (number.clone(), 0..4u64).prop_map(|(byte, step)| Wish::ConfirmFactor {
            offered: blob(byte as u8),
            step,
            recovery: vec![secret(900), secret(901)],
        }),
        number.clone().prop_map(|number| Wish::MakeLink {
            link: secret(number),
            purpose: LinkPurpose::SignIn,
            until: Timestamp::from_seconds(1_500),
        }),
        number.prop_map(|number| Wish::LinkIdentity { provider: "p".into(), identity: Token(number) }),
    ];
    (1..4u128, wish)
}

proptest! {
    /// Whatever happens, what was stored and read back knows and decides the same, and indices tell the truth.
    #[test]
    fn a_state_reads_back_the_same(wishes in prop::collection::vec(wish(), 0..60)) {
        let mut world = World { accounts: Accounts::default(), now: Timestamp::from_seconds(1_000) };
        for (user, wish) in wishes {
            world.now = world.now.saturating_add(Span::from_seconds(7));
            let _ = world.done(UserId(user), wish.clone());
            let json = serde_json::to_vec(&world.accounts.stored()).unwrap();
            let back = Accounts::restore(serde_json::from_slice(&json).unwrap());
            prop_assert_eq!(serde_json::to_vec(&back.stored()).unwrap(), json);
            for number in 0..6 {
                let of = |accounts: &Accounts| (
                    accounts.by_login(&secret(100 + number), world.now).map(|(user, login, _)| (user, login)),
                    accounts.by_link(&secret(number)).map(|(user, _)| user),
                    accounts.by_person(Token(number)).map(|(user, _)| user),
                    accounts.by_identity(Token(number)).map(|(user, _)| user),
                );
                prop_assert_eq!(of(&world.accounts), of(&back));
            }
            let command = Command { user: UserId(user), wishes: vec![wish] };
            prop_assert_eq!(world.accounts.decide(&command, world.now), back.decide(&command, world.now));
        }
    }
}
