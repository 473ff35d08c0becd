//! The second factor: codes of an authenticator (RFC 6238) and recovery codes.

use axum::extract::State;
use records::fact::By;
use records::seal::Sealed;
use records::{SecretHash, UserId};
use rules::accounts::{Command, Factor, RECOVERY_MAX, Second, User, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};

use super::ask::Signed;
use super::decide::offset;
use super::mails::{Letter, Template};
use crate::Api;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::writes::{Idempotent, Made, Written};

/// Bytes of an authenticator's secret (RFC 4226 §4: 160 bits are recommended).
const SECRET_BYTES: usize = 20;
/// Steps before and after the present one whose codes are taken (RFC 6238 §5.2: one, for the time that typing takes).
const SKEW: u16 = 1;
/// Bytes of chance in a recovery code: 80 bits, so that a plain hash of it may lie in the log.
const RECOVERY_BYTES: usize = 10;
/// The alphabet of Crockford's base 32, without letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const REFUSALS: &[Code] = &[Code::SecondFactorWrong, Code::Refused, Code::RateLimited];

pub(crate) fn routes() -> Routes {
    Routes::new()
        .post("/v1/me/second-factor", "A secret for an authenticator, not in force before it is confirmed", offer)
        .may(REFUSALS)
        .put("/v1/me/second-factor", "Confirms it with a code; from then on signing in needs one", confirm)
        .may(REFUSALS)
        .post("/v1/me/second-factor/removal", "Removes it", remove)
        .may(REFUSALS)
        .post("/v1/me/recovery-codes", "Other recovery codes; those before work no longer", renew)
        .may(REFUSALS)
}

/// What an authenticator is set up with.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactor")]
struct Offered {
    /// The secret in base 32, to be typed in.
    secret: String,
    /// The same as an `otpauth:` address, to be shown as a QR code.
    uri: String,
}

/// Codes for the day when the authenticator is lost; each works once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
struct Recovery {
    /// The codes, shown this once.
    recovery_codes: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SecondFactorCode")]
struct Code6 {
    /// A code of the authenticator; to remove the second factor a recovery code will do.
    code: String,
}

async fn offer(State(api): State<Api>, Signed(person): Signed, write: Idempotent) -> Result<Made<Offered>, Problem> {
    let user = known(&api, person.user)?;
    if user.factor.is_some() {
        return Err(Problem::new(Code::Refused, "a second factor is set up: remove it first"));
    }
    let mut secret = vec![0; SECRET_BYTES];
    (api.chance)(&mut secret);
    let secret = Secret::from(secret);
    let text = secret.to_base32();
    let uri = totp(secret, &api.personal(&user).email)?.to_url().map_err(unmade)?;
    let sealed = api.seal(&user, &Sealed { text: text.clone(), ..Sealed::default() })?;
    let command = Command { user: person.user, wishes: vec![Wish::OfferFactor(sealed)] };
    let by = By::User(person.user);
    let done = api.decide_account(Some(write.tag(&person.user.to_string())), Some(by), command).await?;
    Ok(Made(Written { data: Offered { secret: text, uri }, offset: offset(&done) }))
}

async fn confirm(
    State(api): State<Api>,
    Signed(person): Signed,
    write: Idempotent<Code6>,
) -> Result<Written<Recovery>, Problem> {
    let user = known(&api, person.user)?;
    let offered = user.offered.clone().ok_or_else(|| Problem::new(Code::Refused, "no second factor was offered"))?;
    guess(&api, person.user)?;
    let step = api.open(&user, &offered).and_then(|sealed| step(&api, &sealed.text, &write.body.code));
    let step = step.ok_or_else(|| Problem::new(Code::SecondFactorWrong, ""))?;
    let (codes, recovery) = recovery(&api);
    let mail = api.mail(&user, &Letter::new(Template::SecondFactorChanged))?;
    let wishes = vec![Wish::ConfirmFactor { offered, step, recovery }, mail];
    let command = Command { user: person.user, wishes };
    let by = By::User(person.user);
    let done = api.decide_account(None, Some(by), command).await?;
    Ok(Written { data: Recovery { recovery_codes: codes }, offset: offset(&done) })
}

async fn remove(
    State(api): State<Api>,
    Signed(person): Signed,
    write: Idempotent<Code6>,
) -> Result<Written<()>, Problem> {
    let user = known(&api, person.user)?;
    let factor = user.factor.as_ref().ok_or_else(|| Problem::new(Code::Refused, "no second factor is set up"))?;
    guess(&api, person.user)?;
    let second = check(&api, &user, factor, &write.body.code);
    let second = second.ok_or_else(|| Problem::new(Code::SecondFactorWrong, ""))?;
    let mail = api.mail(&user, &Letter::new(Template::SecondFactorChanged))?;
    let command = Command { user: person.user, wishes: vec![Wish::RemoveFactor(second), mail] };
    let by = By::User(person.user);
    let done = api.decide_account(None, Some(by), command).await?;
    Ok(Written { data: (), offset: offset(&done) })
}

async fn renew(
    State(api): State<Api>,
    Signed(person): Signed,
    write: Idempotent<Code6>,
) -> Result<Written<Recovery>, Problem> {
    let user = known(&api, person.user)?;
    let factor = user.factor.as_ref().ok_or_else(|| Problem::new(Code::Refused, "no second factor is set up"))?;
    guess(&api, person.user)?;
    let Some(Second::Step(step)) = check(&api, &user, factor, &write.body.code) else {
        return Err(Problem::new(Code::SecondFactorWrong, ""));
    };
    let (codes, recovery) = recovery(&api);
    let command = Command { user: person.user, wishes: vec![Wish::MakeRecovery { step, recovery }] };
    let by = By::User(person.user);
    let done = api.decide_account(None, Some(by), command).await?;
    Ok(Written { data: Recovery { recovery_codes: codes }, offset: offset(&done) })
}

/// Six digits are guessed in time: few tries, together with those of signing in.
fn guess(api: &Api, user: UserId) -> Result<(), Problem> {
    api.edge.rates.attempt(&format!("second factor of {user}"), None)
}

fn known(api: &Api, user: UserId) -> Result<User, Problem> {
    api.user(user).ok_or_else(|| Problem::new(Code::LoginEnded, ""))
}

/// What a code proves: none when it is wrong. Whether it was used before is for the rules to say.
pub(crate) fn check(api: &Api, user: &User, factor: &Factor, code: &str) -> Option<Second> {
    let plain: String = code.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_lowercase();
    if plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let secret = api.open(user, &factor.sealed)?.text;
        return step(api, &secret, &plain).map(Second::Step);
    }
    let hash = SecretHash::of(&plain);
    factor.recovery.contains(&hash).then_some(Second::Recovery(hash))
}

fn step(api: &Api, secret: &str, code: &str) -> Option<u64> {
    let seconds = u64::try_from(api.clock.now().seconds()).ok()?;
    totp(Secret::try_from_base32(secret).ok()?, "-").ok()?.check(code.trim(), seconds)
}

fn totp(secret: Secret, account: &str) -> Result<Totp, Problem> {
    let account = account.replace(':', " ");
    let totp = Builder::new().with_secret(secret).with_skew(SKEW).with_account_name(account);
    totp.with_issuer(Some("Eventra")).build().map_err(unmade)
}

fn unmade(error: totp_rs::TotpError) -> Problem {
    tracing::error!(%error, "no second factor was made");
    Problem::new(Code::Internal, "")
}

/// Fresh recovery codes, and their hashes.
fn recovery(api: &Api) -> (Vec<String>, Vec<SecretHash>) {
    let code = |_| {
        let mut chance = [0; RECOVERY_BYTES + RECOVERY_BYTES / 2 + 1];
        (api.chance)(&mut chance);
        let digits: String = chance.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        (format!("{}-{}-{}-{}", &digits[..4], &digits[4..8], &digits[8..12], &digits[12..]), SecretHash::of(&digits))
    };
    (0..RECOVERY_MAX).map(code).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B (SHA-1), cut to six digits as authenticators show them.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let totp = totp(Secret::from(b"12345678901234567890".to_vec()), "ann").unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp.check(code, seconds), Some(seconds / 30), "{seconds}");
            assert_eq!(totp.check(code, seconds + 60), None, "two steps later it is too late");
        }
    }
}
