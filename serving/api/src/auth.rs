//! Authentication: the key of a request, from its headers or, as some of Segment's libraries send it, from its body.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use records::fact::Scope;

use crate::keys::{KEY_BYTES_MAX, KeyRing, Principal};
use crate::problem::{Code, Problem};

/// Finds out who is asking and whether they may.
///
/// # Errors
/// `key_missing`, `key_unknown` or `scope_missing`.
pub fn authorize(
    ring: &KeyRing,
    headers: &HeaderMap,
    body_key: Option<&str>,
    scope: Scope,
) -> Result<Principal, Problem> {
    let header_key = key_of(headers)?;
    let key = header_key
        .as_deref()
        .or(body_key)
        .ok_or_else(|| Problem::new(Code::KeyMissing, "no `Authorization` header"))?;
    let principal = ring.principal(key).ok_or_else(|| Problem::new(Code::KeyUnknown, ""))?;
    if principal.may(scope) {
        return Ok(principal);
    }
    let (word, act) = match scope {
        Scope::Write => ("write", "send tracking"),
        Scope::Read => ("read", "read views"),
    };
    Err(Problem::new(
        Code::ScopeMissing,
        format!("the key `{}` has no `{word}` scope, so it may not {act}", principal.key),
    ))
}

/// The key in the `Authorization` header, if there is one.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let unreadable = || Problem::new(Code::KeyUnknown, "the `Authorization` header is neither Basic nor Bearer");
    let value = value.to_str().map_err(|_| unreadable())?;
    // Base64 of the longest key, its colon and padding: what is longer cannot be ours.
    if value.len() > KEY_BYTES_MAX * 2 + 16 {
        return Err(unreadable());
    }
    let (scheme, rest) = value.split_once(' ').ok_or_else(unreadable)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let plain = STANDARD.decode(rest).map_err(|_| unreadable())?;
    let plain = String::from_utf8(plain).map_err(|_| unreadable())?;
    let (user, _password) = plain.split_once(':').unwrap_or((&plain, ""));
    Ok(Some(user.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn keys_come_as_basic_user_or_bearer() {
        let basic = format!("Basic {}", STANDARD.encode("my-key:"));
        for value in [basic.as_str(), "Bearer my-key", "bearer  my-key"] {
            assert_eq!(key_of(&headers(value)).unwrap().as_deref(), Some("my-key"), "{value}");
        }
        assert_eq!(key_of(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn other_schemes_are_refused() {
        for value in ["Digest x", "Basic ???", "nothing", &format!("Bearer {}", "x".repeat(4_096))] {
            assert!(key_of(&headers(value)).is_err(), "{value}");
        }
    }
}
