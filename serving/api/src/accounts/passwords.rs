//! Passwords: argon2id (RFC 9106), on threads of its own, a few at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::Api;
use crate::problem::{Code, Problem};

/// The shortest password, characters (NIST SP 800-63B-4 §3.1.1.2: 8 beside a second factor, 15 alone; between them here,
/// because length alone is asked for).
pub(crate) const CHARACTERS_MIN: usize = 12;
/// The longest, bytes: more than any passphrase, and bounded work.
pub(crate) const BYTES_MAX: usize = 256;
/// Hashes that are made at once: each takes 19 MiB and some 30 ms of a core (OWASP's first choice of parameters, which
/// are this crate's defaults).
const AT_ONCE: usize = 2;
/// Bytes of the salt.
const SALT_BYTES: usize = 16;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Refuses passwords that anybody would guess.
///
/// # Errors
/// `refused`, with what is wrong.
pub(crate) fn check(password: &str, personal: &[&str]) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::new(Code::Refused, detail));
    if password.chars().count() < CHARACTERS_MIN {
        return refuse(format!("a password has at least {CHARACTERS_MIN} characters; several words are easiest"));
    }
    if password.len() > BYTES_MAX {
        return refuse(format!("a password has at most {BYTES_MAX} bytes"));
    }
    let lower = password.to_lowercase();
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 {
        return refuse("the password is the same few characters over and over".into());
    }
    if personal.iter().any(|known| known.len() >= 4 && lower.contains(&known.to_lowercase())) {
        return refuse("the password holds your name or mail address".into());
    }
    Ok(())
}

/// The hash of a password, as a PHC string.
pub(crate) async fn hash(api: &Api, password: String) -> Result<String, Problem> {
    let mut salt = [0; SALT_BYTES];
    (api.chance)(&mut salt);
    apart(move || {
        let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| {
            tracing::error!(%error, "a password was not hashed");
            Problem::new(Code::Internal, "")
        })
    })
    .await?
}

/// Whether a password is the one with this hash; without a hash the same time is taken, so that nobody learns who has
/// an account.
pub(crate) async fn verify(password: String, hash: Option<String>) -> Result<bool, Problem> {
    apart(move || {
        let known = hash.as_deref().unwrap_or(NOBODYS);
        let right = PasswordHash::new(known)
            .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
        right && hash.is_some()
    })
    .await
}

/// The hash of nothing that anybody knows, with the same parameters.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
    6ZgbCdbZMXS1TR5b2PAbQwWV1LXGLXn7Iu3Jz5oUmC8";

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let _place = PLACES.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "work on a password ended");
        Problem::new(Code::Internal, "")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_would_guess_is_refused() {
        for wrong in ["short", "aaaaaaaaaaaaaaaa", "ann.example-2026", "abababababab"] {
            assert!(check(wrong, &["ann.example"]).is_err(), "{wrong}");
        }
        assert!(check(&"x1y2z".repeat(60), &[]).is_err());
        assert_eq!(check("correct horse battery", &["ann.example", "Ann"]), Ok(()));
    }

    #[test]
    fn nobodys_hash_costs_what_everybodys_does() {
        let hash = Argon2::default().hash_password_with_salt(b"a password", &[7; SALT_BYTES]).unwrap().to_string();
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(NOBODYS), parameters(&hash));
        assert!(PasswordHash::new(NOBODYS).is_ok());
    }
}
