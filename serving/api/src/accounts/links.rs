//! Links for who has no password, or has forgotten it.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use records::fact::{By, LinkPurpose};
use records::seal::Sealed;
use records::{SecretHash, Span, UserId};
use rules::accounts::{Command, Grounds, User, Wish};
use schemars::JsonSchema;
use serde::Deserialize;

use super::mails::{Letter, Template};
use super::people::address;
use super::{passwords, secrets};
use crate::Api;
use crate::edge::client::Client;
use crate::openapi::{Gives, Routes, Sketch};
use crate::problem::{Code, Problem};
use crate::writes::Idempotent;

/// How long a link to choose a password works.
pub(crate) const PASSWORD_WITHIN: Span = Span::from_seconds(3_600);
/// How long the link of an invitation works.
pub(crate) const INVITATION_WITHIN: Span = Span::from_seconds(7 * 86_400);

pub(crate) fn routes() -> Routes {
    Routes::new()
        .post("/v1/password-resets", "Asks for a link to choose another password, by mail", ask)
        .may(&[Code::Refused])
        .may(&[Code::Refused])
        .put("/v1/password-resets", "Chooses a password with such a link", choose)
        .may(&[Code::LinkWrong, Code::Refused])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordReset")]
struct Ask {
    /// The mail address.
    email: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordChoice")]
struct Choose {
    /// What follows `#token=` in the link.
    token: String,
    /// The password, 12 characters at least.
    password: String,
}

/// Accepted: the same answer whether or not somebody has this address.
struct Taken;

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

impl Gives for Taken {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers_empty(202, "If somebody has this mail address, a mail is on its way.");
    }
}

/// Done, and there is nothing to say.
pub(crate) struct Nothing;

impl IntoResponse for Nothing {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Gives for Nothing {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers_empty(204, "Done.");
    }
}

async fn ask(
    State(api): State<Api>,
    client: Option<Extension<Client>>,
    write: Idempotent<Ask>,
) -> Result<Taken, Problem> {
    let address = address(&write.body.email)?;
    // Nobody's mailbox is filled by others.
    api.edge.rates.attempt(&format!("reset of {}", write.body.email), client.map(|client| client.address))?;
    if let Some((id, user)) = api.user_by_address(&address) {
        // Apart, so that the answer takes the same time for everybody.
        tokio::spawn(async move {
            if let Err(problem) = api.send_reset(id, &user).await {
                tracing::warn!(code = problem.code.word(), "a password reset was not sent");
            }
        });
    }
    Ok(Taken)
}

async fn choose(State(api): State<Api>, write: Idempotent<Choose>) -> Result<Nothing, Problem> {
    let Choose { token, password } = write.body;
    let (id, user, link) = api.user_by_link(&token, LinkPurpose::Password)?;
    let sealed = api.sealed_password(&user, password).await?;
    let mail = api.mail(&user, &Letter::new(Template::PasswordChanged))?;
    let wishes = vec![Wish::SetPassword { sealed, on: Grounds::Link(link) }, mail];
    api.decide_account(None, Some(By::User(id)), Command { user: id, wishes }).await?;
    Ok(Nothing)
}

impl Api {
    /// A password that may be chosen, hashed and sealed.
    pub(crate) async fn sealed_password(&self, user: &User, password: String) -> Result<records::Blob, Problem> {
        let personal = self.personal(user);
        let local = personal.email.split('@').next().unwrap_or("");
        passwords::check(&password, &[local, &personal.name])?;
        let hash = passwords::hash(self, password).await?;
        self.seal(user, &Sealed { text: hash, ..Sealed::default() })
    }

    async fn send_reset(&self, id: UserId, user: &User) -> Result<(), Problem> {
        let (wish, link) = self.link(LinkPurpose::Password, PASSWORD_WITHIN);
        let mail = self.mail(user, &Letter { link, ..Letter::new(Template::PasswordReset) })?;
        self.decide_account(None, None, Command { user: id, wishes: vec![wish, mail] }).await?;
        Ok(())
    }

    /// The wish for a link, and where it leads.
    pub(crate) fn link(&self, purpose: LinkPurpose, within: Span) -> (Wish, String) {
        let token = secrets::make(&self.chance, secrets::LINK);
        let until = self.clock.now().saturating_add(within);
        let page = match purpose {
            LinkPurpose::SignIn => "sign-in/link",
            LinkPurpose::Password => "reset-password",
        };
        // Behind a `#`: browsers keep it from servers, proxies and their logs.
        let link = format!("{}/{page}#token={token}", self.accounts.public_url);
        (Wish::MakeLink { link: SecretHash::of(&token), purpose, until }, link)
    }
}
