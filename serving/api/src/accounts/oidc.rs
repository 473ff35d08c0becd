//! Signing in with an OpenID Connect provider: authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636).
//!
//! What a browser has begun is kept in memory until it comes back, and bound to it by a cookie: another browser that is sent
//! to the end of it signs nobody in. A restart forgets it, and the browser begins again.

mod client;
mod provider;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use openidconnect::{Nonce, PkceCodeVerifier};
use records::fact::By;
use records::{SecretHash, Span, Timestamp, UserId};
use rules::accounts::{Command, Proof, Wish, platform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::people::{Address, Personal};
use super::secrets;
use crate::Api;
use crate::lists::One;
use crate::openapi::{Gives, Routes, Sketch};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Named, Params};

pub(super) use provider::Provider;
pub use provider::{Providers, ProvidersError};

/// How long a browser may take at the provider.
const WITHIN: Span = Span::from_seconds(600);
/// Browsers that have begun and not come back; the oldest are forgotten, so that strangers cannot fill the memory.
const BEGUN_MAX: usize = 10_000;
/// The cookie that binds a browser to what it has begun.
const COOKIE: &str = "eventra_oidc";
/// Where people go when the provider's answer lets nobody in.
const SIGN_IN: &str = "/sign-in";

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/sign-in", "What the page for signing in offers", offers)
        .get("/v1/oidc/{provider}", "Sends the browser to a provider", begin)
        .may(&[Code::NotFound, Code::ProviderFailed])
        .get("/v1/oidc/{provider}/callback", "Where the provider sends the browser back", end)
        // Providers send what else they like.
        .with(|operation| operation.open())
}

/// What a browser has begun.
struct Begun {
    provider: String,
    binding: SecretHash,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    return_to: String,
    at: Timestamp,
}

/// What browsers have begun, by the hash of their state.
#[derive(Default)]
pub(crate) struct Pending(Mutex<BTreeMap<SecretHash, Begun>>);

impl Pending {
    fn add(&self, state: &str, begun: Begun) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= BEGUN_MAX {
            let since = begun.at - WITHIN;
            all.retain(|_, known| known.at > since);
        }
        if all.len() >= BEGUN_MAX {
            let oldest = all.iter().min_by_key(|(_, known)| known.at).map(|(state, _)| *state);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(SecretHash::of(state), begun);
    }

    /// Takes what was begun: a second browser finds nothing.
    fn take(&self, state: &str, now: Timestamp) -> Option<Begun> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&SecretHash::of(state)).filter(|begun| now.since(begun.at) < WITHIN)
    }
}

/// What the page for signing in offers.
#[derive(Serialize, JsonSchema)]
struct Offers {
    /// Providers to sign in with.
    providers: Vec<Offer>,
}

/// A provider to sign in with.
#[derive(Serialize, JsonSchema)]
struct Offer {
    /// What stands in addresses.
    id: String,
    /// What people call it.
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Where {
    /// The page to show afterwards; `/` when it is not given or is not one of ours.
    return_to: Option<String>,
}

/// What the provider says.
#[derive(Deserialize, JsonSchema)]
struct Said {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// Who says it (RFC 9207), so that one provider's answer is not taken for another's.
    iss: Option<String>,
}

/// On to another page.
struct Onwards {
    to: String,
    cookies: Vec<String>,
}

impl IntoResponse for Onwards {
    fn into_response(self) -> Response {
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(to) = HeaderValue::try_from(self.to) {
            headers.insert(LOCATION, to);
        }
        for cookie in self.cookies.iter().filter_map(|cookie| HeaderValue::try_from(cookie.as_str()).ok()) {
            headers.append(SET_COOKIE, cookie);
        }
        response
    }
}

impl Gives for Onwards {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers_empty(303, "The browser goes on to the address in `Location`.");
    }
}

async fn offers(State(api): State<Api>) -> One<Offers> {
    let offer = |provider: &Provider| Offer { id: provider.id.clone(), name: provider.name.clone() };
    One { data: Offers { providers: api.accounts.providers.iter().map(offer).collect() } }
}

async fn begin(
    State(api): State<Api>,
    Named(id): Named<String>,
    Params(Where { return_to }): Params<Where>,
) -> Result<Onwards, Problem> {
    let provider = provider(&api, &id)?;
    let [state, binding, nonce, verifier] = std::array::from_fn(|_| secrets::make(&api.chance, ""));
    let known = provider.known(api.clock.now()).await?;
    let callback = callback(&api, &id);
    let to = known.authorize(&callback, &state, &nonce, &verifier)?;
    let return_to = return_to.filter(|page| is_ours(page)).unwrap_or_else(|| "/".into());
    let begun = Begun {
        provider: id,
        binding: SecretHash::of(&binding),
        nonce: Nonce::new(nonce),
        verifier: PkceCodeVerifier::new(verifier),
        return_to,
        at: api.clock.now(),
    };
    api.accounts.pending.add(&state, begun);
    Ok(Onwards { to, cookies: vec![bound(&api, &binding, WITHIN.seconds())] })
}

/// A page of this server: nothing that a browser takes for another one.
fn is_ours(page: &str) -> bool {
    page.starts_with('/')
        && !page.starts_with("//")
        && page.bytes().all(|byte| byte.is_ascii_graphic())
        && !page.contains('\\')
}

/// A page that is taken for ours is ours for browsers, too (WHATWG URL).
pub(super) fn read_page(page: &str) {
    let home = openidconnect::url::Url::parse("https://eventra.example").expect("an address");
    if is_ours(page) {
        let there = home.join(page).expect("a page has an address");
        assert_eq!(there.origin(), home.origin(), "`{page}` is no page of this server");
    }
}

fn bound(api: &Api, binding: &str, seconds: i64) -> String {
    let secure = if api.accounts.secure { "; Secure" } else { "" };
    // Lax: the way back from the provider is a navigation from another site.
    format!("{COOKIE}={binding}; Path=/v1/oidc; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

fn callback(api: &Api, id: &str) -> String {
    format!("{}/v1/oidc/{id}/callback", api.accounts.public_url)
}

fn provider<'a>(api: &'a Api, id: &str) -> Result<&'a Provider, Problem> {
    let found = api.accounts.providers.iter().find(|provider| provider.id == id);
    found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such provider"))
}

async fn end(
    State(api): State<Api>,
    Named(id): Named<String>,
    Params(said): Params<Said>,
    headers: HeaderMap,
) -> Onwards {
    let cookies = vec![bound(&api, "", 0)];
    match finish(&api, &id, said, &headers).await {
        Ok((return_to, cookie)) => Onwards { to: return_to, cookies: [cookies, vec![cookie]].concat() },
        Err(problem) => {
            tracing::info!(provider = id, code = problem.code.word(), detail = problem.detail, "nobody signed in");
            Onwards { to: format!("{SIGN_IN}?problem={}", problem.code.word()), cookies }
        }
    }
}

/// Who has come back is signed in: the page that they wanted, and their cookie.
async fn finish(api: &Api, id: &str, said: Said, headers: &HeaderMap) -> Result<(String, String), Problem> {
    let wrong = |detail: &str| Problem::new(Code::ProviderRefused, detail);
    let state = said.state.ok_or_else(|| wrong("the provider's answer has no state"))?;
    let begun = api.accounts.pending.take(&state, api.clock.now()).ok_or_else(|| wrong("nobody has begun this"))?;
    let binding = crate::auth::cookie(headers, &[COOKIE]).map(SecretHash::of);
    if begun.provider != id || binding != Some(begun.binding) {
        return Err(wrong("another browser has begun this"));
    }
    if let Some(error) = said.error {
        // The provider's word: it may hold anything, so only its beginning is kept.
        return Err(wrong(&error.chars().filter(char::is_ascii_graphic).take(80).collect::<String>()));
    }
    let provider = provider(api, id)?;
    if said.iss.is_some_and(|issuer| !provider.is(&issuer)) {
        return Err(wrong("another provider says this"));
    }
    let code = said.code.ok_or_else(|| wrong("the provider's answer has no code"))?;
    let known = provider.known(api.clock.now()).await?;
    let claims = known.exchange(&callback(api, id), code, begun.verifier, &begun.nonce, api.clock.now()).await?;
    let (user, identity) = api.user_of_identity(provider, &claims).await?;
    let known = api.user(user).ok_or_else(|| wrong("this user was erased"))?;
    let signed_in = api.open_login(user, &known, Proof::Identity(identity), headers, false).await?;
    let cookie = signed_in.cookie.ok_or_else(|| Problem::new(Code::Internal, ""))?;
    Ok((begun.return_to, cookie))
}

/// What a provider says about somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// The mail address, if the provider says that it is theirs.
    pub(crate) email: Option<String>,
    pub(crate) name: String,
}

impl Api {
    /// The user whom a provider speaks of: known by it, or by the mail address that it vouches for, or made.
    async fn user_of_identity(
        &self,
        provider: &Provider,
        claims: &Claims,
    ) -> Result<(UserId, records::Token), Problem> {
        let text = format!("{}\n{}", claims.issuer, claims.subject);
        let identity = self.subjects().token(platform(), "identity", &text);
        if let Some(user) = self.callers.read(|known| known.accounts.by_identity(identity).map(|(user, _)| user)) {
            return Ok((user, identity));
        }
        let unknown = || Problem::new(Code::ProviderRefused, "nobody has this mail address here");
        let address: Address = claims.email.as_deref().and_then(|email| email.parse().ok()).ok_or_else(unknown)?;
        let link = Wish::LinkIdentity { provider: provider.id.clone(), identity };
        let known = self.user_by_address(&address);
        let (user, wishes) = match known {
            Some((user, _)) => (user, vec![link]),
            None if provider.register => {
                let user = UserId::mint(self.clock.now(), self.draw());
                let personal = Personal { email: address.to_string(), name: claims.name.clone() };
                let mut wishes = self.registration(&address, &personal, "").await?;
                wishes.push(link);
                (user, wishes)
            }
            None => return Err(unknown()),
        };
        self.decide_account(None, Some(By::User(user)), Command { user, wishes }).await?;
        Ok((user, identity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_server_are_returned_to() {
        assert!(["/", "/o/acme?x=1#y"].iter().all(|page| is_ours(page)));
        for other in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:x", "/a b", "/a\r\nX: y"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn what_was_begun_is_taken_once_and_in_time() {
        let pending = Pending::default();
        let begun = |at| Begun {
            provider: "p".into(),
            binding: SecretHash::of("b"),
            nonce: Nonce::new("n".into()),
            verifier: PkceCodeVerifier::new("v".into()),
            return_to: "/".into(),
            at: Timestamp::from_seconds(at),
        };
        pending.add("s", begun(0));
        assert!(pending.take("other", Timestamp::from_seconds(1)).is_none());
        assert!(pending.take("s", Timestamp::from_seconds(1)).is_some());
        assert!(pending.take("s", Timestamp::from_seconds(1)).is_none());
        pending.add("s", begun(0));
        assert!(pending.take("s", Timestamp::from_seconds(600)).is_none());
        for number in 0..BEGUN_MAX as i64 + 3 {
            pending.add(&format!("{number}"), begun(number / 1_000));
        }
        assert_eq!(pending.0.lock().unwrap().len(), BEGUN_MAX);
    }
}
