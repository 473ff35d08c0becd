//! Signing in and out.

use axum::Extension;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use records::fact::{By, LinkPurpose, Means};
use records::seal::Sealed;
use records::{LoginId, SecretHash, UserId};
use rules::accounts::{Command, Proof, Second, User, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::Signed;
use super::people::{When, address};
use super::{passwords, second, secrets};
use crate::Api;
use crate::auth::{COOKIE, COOKIE_TLS};
use crate::edge::client::Client;
use crate::openapi::{Gives, Routes, Sketch};
use crate::problem::{Code, Problem};
use crate::writes::Idempotent;

/// Characters of what a device says of itself that are kept.
const DEVICE_MAX: usize = 200;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .post("/v1/logins", "Sign in with a password", open)
        .may(&[Code::LoginRefused, Code::SecondFactorNeeded, Code::SecondFactorWrong, Code::Refused])
        .post("/v1/logins/link", "Sign in with a link that was sent or shown", open_by_link)
        .may(&[Code::LinkWrong, Code::SecondFactorNeeded, Code::SecondFactorWrong])
        .delete("/v1/logins/current", "Sign out", close)
}

/// How the login is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LoginHeld")]
enum Held {
    /// As a cookie of a browser.
    #[default]
    Cookie,
    /// As a token that the answer holds.
    Bearer,
}

/// Mail address and password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The mail address.
    email: String,
    /// The password.
    password: String,
    /// A code of the second factor: six digits of the authenticator, or a recovery code.
    code: Option<String>,
    /// How the login is to be held.
    #[serde(default)]
    r#as: Held,
}

/// What a link holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LinkSignIn")]
struct LinkIn {
    /// What follows `#token=` in the link.
    token: String,
    /// A code of the second factor, if one is set up.
    code: Option<String>,
    /// How the login is to be held.
    #[serde(default)]
    r#as: Held,
}

/// A device that is signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenedLogin")]
struct Opened {
    /// The login.
    login: LoginId,
    /// When it ends by itself.
    expires: When,
    /// What to send as `Authorization: Bearer`; only when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// The answer of signing in: the cookie is in its headers.
pub(crate) struct SignedIn {
    opened: Opened,
    pub(crate) cookie: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenedLoginAnswer")]
struct Body<T> {
    data: T,
}

impl IntoResponse for SignedIn {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, axum::Json(Body { data: self.opened })).into_response();
        if let Some(cookie) = self.cookie {
            set(&mut response, &cookie);
        }
        response
    }
}

impl Gives for SignedIn {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers::<Body<Opened>>(201, "Signed in. A cookie is in `Set-Cookie`.");
    }
}

/// Signed out, and the cookie taken back.
struct SignedOut(String);

impl IntoResponse for SignedOut {
    fn into_response(self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        set(&mut response, &self.0);
        response
    }
}

impl Gives for SignedOut {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers_empty(204, "Signed out.");
    }
}

fn set(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The cookie of a login, or with an age of 0 its end.
fn cookie(secure: bool, secret: &str, seconds: i64) -> String {
    let (name, more) = if secure { (COOKIE_TLS, "; Secure") } else { (COOKIE, "") };
    format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{more}")
}

async fn open(
    State(api): State<Api>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    write: Idempotent<SignIn>,
) -> Result<SignedIn, Problem> {
    let SignIn { email, password, code, r#as } = write.body;
    // Before anything is looked at: whether there is such an account must not show.
    api.edge.rates.attempt(&email, client.map(|client| client.address))?;
    let refused = || Problem::new(Code::LoginRefused, "");
    let address = address(&email).map_err(|_| refused())?;
    if password.len() > passwords::BYTES_MAX {
        return Err(refused());
    }
    let found = api.user_by_address(&address);
    let hash = found.as_ref().and_then(|(_, user)| api.open(user, user.password.as_ref()?)).map(|sealed| sealed.text);
    let right = passwords::verify(password, hash).await?;
    let Some((id, user)) = found else { return Err(refused()) };
    if !right {
        api.refuse(id, Means::Password).await;
        return Err(refused());
    }
    let second = api.second(id, &user, code.as_deref()).await?;
    let proof = Proof::Password { passwords: user.passwords, second };
    api.open_login(id, &user, proof, &headers, r#as == Held::Bearer).await
}

async fn open_by_link(
    State(api): State<Api>,
    headers: HeaderMap,
    write: Idempotent<LinkIn>,
) -> Result<SignedIn, Problem> {
    let LinkIn { token, code, r#as } = write.body;
    let (id, user, link) = api.user_by_link(&token, LinkPurpose::SignIn)?;
    let second = api.second(id, &user, code.as_deref()).await?;
    api.open_login(id, &user, Proof::Link { link, second }, &headers, r#as == Held::Bearer).await
}

async fn close(State(api): State<Api>, Signed(person): Signed, _: Idempotent) -> Result<SignedOut, Problem> {
    let wishes = vec![Wish::CloseLogin(person.login)];
    let closed = api.decide_account(None, Some(By::User(person.user)), Command { user: person.user, wishes }).await;
    match closed {
        // Closed meanwhile, by another device: that was what they wanted.
        Err(problem) if problem.code != Code::NotFound => Err(problem),
        _ => Ok(SignedOut(cookie(api.accounts.secure, "", 0))),
    }
}

impl Api {
    /// Whose link this is, while it works.
    pub(crate) fn user_by_link(
        &self,
        token: &str,
        purpose: LinkPurpose,
    ) -> Result<(UserId, User, SecretHash), Problem> {
        let (link, now) = (SecretHash::of(token), self.clock.now());
        let found = self.callers.read(|directory| {
            let (id, user) = directory.accounts.by_link(&link)?;
            user.link_works(&link, purpose, now).then(|| (id, user.clone()))
        });
        let (id, user) = found.ok_or_else(|| Problem::new(Code::LinkWrong, ""))?;
        Ok((id, user, link))
    }

    /// Checks the code of the second factor, if there is one.
    async fn second(&self, id: UserId, user: &User, code: Option<&str>) -> Result<Option<Second>, Problem> {
        let Some(factor) = &user.factor else { return Ok(None) };
        let Some(code) = code.filter(|code| !code.trim().is_empty()) else {
            return Err(Problem::new(Code::SecondFactorNeeded, ""));
        };
        // Six digits are guessed in time: who has the password or a link gets few tries from everywhere together.
        self.edge.rates.attempt(&format!("second factor of {id}"), None)?;
        let found = second::check(self, user, factor, code);
        if found.is_none() {
            self.refuse(id, Means::Password).await;
            return Err(Problem::new(Code::SecondFactorWrong, ""));
        }
        Ok(found)
    }

    /// Tells that somebody did not prove who they are.
    async fn refuse(&self, user: UserId, means: Means) {
        let command = Command { user, wishes: vec![Wish::Refuse(means)] };
        if let Err(problem) = self.decide_account(None, None, command).await {
            tracing::warn!(code = problem.code.word(), "a refused login was not recorded");
        }
    }

    pub(crate) async fn open_login(
        &self,
        id: UserId,
        user: &User,
        proof: Proof,
        headers: &HeaderMap,
        bearer: bool,
    ) -> Result<SignedIn, Problem> {
        let token = secrets::make(&self.chance, secrets::LOGIN);
        let until = self.clock.now().saturating_add(self.accounts.login);
        let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
        let device = Sealed { text: agent.chars().take(DEVICE_MAX).collect(), ..Sealed::default() };
        let login = LoginId::mint(self.clock.now(), self.draw());
        let (secret, device) = (SecretHash::of(&token), self.seal(user, &device)?);
        let wish = Wish::OpenLogin { login, secret, until, device, proof };
        self.decide_account(None, Some(By::User(id)), Command { user: id, wishes: vec![wish] }).await?;
        let cookie = (!bearer).then(|| cookie(self.accounts.secure, &token, self.accounts.login.seconds()));
        let opened = Opened { login, expires: When(until), token: bearer.then_some(token) };
        Ok(SignedIn { opened, cookie })
    }
}
