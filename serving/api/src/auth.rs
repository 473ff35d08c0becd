//! Authentication: what a request presents, from its headers, its cookie or, as some of Segment's libraries send it,
//! its body; and the decision whether whoever presents it may do something.

use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use records::{OrganizationId, SecretHash};
use rules::access::{self, Act, Denied, On, Principal};
use rules::accounts::platform;

use crate::Api;
use crate::callers::SECRET_BYTES_MAX;
use crate::problem::{Code, Problem, Refused};

/// The cookie of a login over plain HTTP, which is for this machine only.
pub const COOKIE: &str = "eventra_login";
/// The cookie of a login over TLS: browsers bind it to the host and never send it in the clear.
pub const COOKIE_TLS: &str = "__Host-eventra_login";

/// Whoever a request is from.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Who it is.
    pub principal: Principal,
    /// The hash of what they presented; none when they presented nothing.
    pub secret: Option<SecretHash>,
}

/// Finds out who is asking.
///
/// # Errors
/// `key_unknown`, `login_ended`, or `origin_foreign` when another site's page uses a login's cookie.
pub fn present(api: &Api, method: &Method, headers: &HeaderMap, body_key: Option<&str>) -> Result<Presented, Problem> {
    let header_key = key_of(headers)?;
    if let Some(key) = header_key.as_deref().or(body_key) {
        return found(api, key).ok_or_else(|| Problem::new(Code::KeyUnknown, ""));
    }
    let Some(secret) = cookie_of(headers) else {
        return Ok(Presented { principal: Principal::Nobody, secret: None });
    };
    if !is_harmless(method, headers) && !is_same_origin(headers) {
        return Err(Problem::new(Code::OriginForeign, ""));
    }
    found(api, secret).ok_or_else(|| Problem::new(Code::LoginEnded, ""))
}

fn found(api: &Api, secret: &str) -> Option<Presented> {
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        return None;
    }
    let hash = SecretHash::of(secret);
    let principal = api.callers.principal(&hash, api.clock.now())?;
    if let Principal::Key(holder) = &principal {
        api.note_use(holder);
    }
    Some(Presented { principal, secret: Some(hash) })
}

impl Presented {
    /// Decides whether they may do something.
    ///
    /// # Errors
    /// `key_missing`, `scope_missing` or `access_denied`.
    pub fn may(&self, act: Act, on: &On) -> Result<(), Problem> {
        access::decide(&self.principal, act, on).map_err(|denied| {
            let code = match denied {
                Denied::Nobody => return Problem::new(Code::KeyMissing, "no `Authorization` header and no login"),
                Denied::Scope(_) => Code::ScopeMissing,
                _ => Code::AccessDenied,
            };
            let detail = match &self.principal {
                Principal::Key(holder) => format!("key `{}`: {denied}, so it may not `{act}`", holder.name),
                _ => denied.to_string(),
            };
            let refused = self.refused(act, on.organization, "");
            Problem { refused: Some(Box::new(refused)), ..Problem::new(code, detail) }
        })
    }

    /// That they were not let do something about an organization, for the audit trail.
    pub fn refused(&self, act: Act, about: OrganizationId, why: &'static str) -> Refused {
        Refused { by: self.principal.by(), act, organization: self.home(about), why }
    }

    /// Whose audit trail tells of what they were refused: that of the organization that knows them.
    fn home(&self, about: OrganizationId) -> OrganizationId {
        match &self.principal {
            Principal::Key(holder) => holder.organization,
            Principal::Person(person) if person.membership(about).is_some() => about,
            _ => platform(),
        }
    }

    /// The organization that a request without one in its path is about: a key's own, or the one that is named, or the
    /// only one that a person belongs to.
    ///
    /// # Errors
    /// `key_missing`, `organization_missing`, or `access_denied` for another one than the key's.
    pub fn organization(&self, named: Option<OrganizationId>) -> Result<OrganizationId, Problem> {
        match (&self.principal, named) {
            (Principal::Nobody, _) => Err(Problem::new(Code::KeyMissing, "no `Authorization` header and no login")),
            (Principal::Key(holder), None) => Ok(holder.organization),
            (Principal::Holder(holder), None) => Ok(holder.organization),
            (_, Some(named)) => Ok(named),
            (Principal::Person(person), None) => match &*person.memberships {
                [only] => Ok(only.organization),
                _ => Err(Problem::new(Code::OrganizationMissing, "")),
            },
            (Principal::Operator, None) => Err(Problem::new(Code::OrganizationMissing, "")),
        }
    }

    /// Who it is, in one word: what bounds are counted by.
    pub fn who(&self) -> String {
        match &self.principal {
            Principal::Nobody => "nobody".to_owned(),
            Principal::Operator => "operator".to_owned(),
            Principal::Key(holder) => format!("key {} of {}", holder.name, holder.organization),
            Principal::Person(person) => format!("user {}", person.user),
            Principal::Holder(holder) => format!("ticket {}", holder.ticket),
        }
    }
}

/// Reads what a request presents. For the fuzzer.
pub(crate) fn read(method: &Method, headers: &HeaderMap) {
    if let Ok(Some(key)) = key_of(headers) {
        assert!(key.len() <= SECRET_BYTES_MAX * 2 + 16, "keys are bounded");
    }
    let _ = (cookie_of(headers), is_harmless(method, headers), is_same_origin(headers));
}

/// The key in the `Authorization` header, if there is one.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let unreadable = || Problem::new(Code::KeyUnknown, "the `Authorization` header is neither Basic nor Bearer");
    let value = value.to_str().map_err(|_| unreadable())?;
    // Base64 of the longest key, its colon and padding: what is longer cannot be ours.
    if value.len() > SECRET_BYTES_MAX * 2 + 16 {
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

/// What the cookie of a login holds. The one that browsers protect better wins, wherever it stands.
fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, &[COOKIE_TLS, COOKIE])
}

/// What the first of these cookies holds that was sent.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, wanted: &[&str]) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let place = |name: &str| wanted.iter().position(|known| *known == name);
    let found = pairs.filter_map(|(name, value)| Some((place(name)?, value)));
    found.min_by_key(|(place, _)| *place).map(|(_, value)| value)
}

/// A request that changes nothing, and is answered to pages of this origin only.
fn is_harmless(method: &Method, headers: &HeaderMap) -> bool {
    method.is_safe() && !headers.contains_key(header::UPGRADE)
}

/// Whether the page that asks is one of ours. Browsers tell by `Sec-Fetch-Site` (Fetch Metadata) or `Origin` (RFC 6454),
/// which pages cannot forge; who sends neither is no browser and has no business with a cookie.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == text("host")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn keys_come_as_basic_user_or_bearer() {
        let basic = format!("Basic {}", STANDARD.encode("my-key:"));
        for value in [basic.as_str(), "Bearer my-key", "bearer  my-key"] {
            assert_eq!(key_of(&headers(&[("authorization", value)])).unwrap().as_deref(), Some("my-key"), "{value}");
        }
        assert_eq!(key_of(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn other_schemes_are_refused() {
        for value in ["Digest x", "Basic ???", "nothing", &format!("Bearer {}", "x".repeat(4_096))] {
            assert!(key_of(&headers(&[("authorization", value)])).is_err(), "{value}");
        }
    }

    #[test]
    fn the_protected_cookie_wins() {
        let cookie = |value: &str| cookie_of(&headers(&[("cookie", value)])).map(str::to_owned);
        assert_eq!(cookie("a=b; eventra_login=one").as_deref(), Some("one"));
        assert_eq!(cookie("eventra_login=one; __Host-eventra_login=two").as_deref(), Some("two"));
        assert_eq!(cookie("my_eventra_login=one; x"), None);
    }

    #[test]
    fn only_pages_of_this_origin_may_change_anything_with_a_cookie() {
        for (ours, asked) in [
            (true, vec![("sec-fetch-site", "same-origin")]),
            (true, vec![("origin", "http://localhost:7171"), ("host", "localhost:7171")]),
            (false, vec![("sec-fetch-site", "same-site")]),
            (false, vec![("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")]),
            (false, vec![("sec-fetch-site", "none")]),
            (false, vec![("origin", "http://evil.example"), ("host", "localhost:7171")]),
            (false, vec![("origin", "null"), ("host", "localhost:7171")]),
            (false, vec![("host", "localhost:7171")]),
        ] {
            assert_eq!(is_same_origin(&headers(&asked)), ours, "{asked:?}");
        }
        assert!(is_harmless(&Method::GET, &HeaderMap::new()) && !is_harmless(&Method::POST, &HeaderMap::new()));
        assert!(!is_harmless(&Method::GET, &headers(&[("upgrade", "websocket")])), "no page of others may listen");
    }
}
