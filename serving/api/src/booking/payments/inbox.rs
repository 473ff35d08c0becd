//! What Stripe sends: believed by its signature, kept as a fact once, and told to the box office each time.
//!
//! The answer comes when both are durable. So a message that was answered is in the log with what it says; one that was not
//! is sent again, is kept no second time, and says the same again, which changes nothing.

use axum::extract::{FromRequest, Request, State};
use bytes::Bytes;
use payments::{Message, News, Provider as _, Stripe};
use records::booking::Provider;
use records::seal::Sealed;
use records::{Blob, OrganizationId, PaymentId};
use rules::domains::Order;
use rules::providers::{Command, Wish};
use serde_json::json;

use super::At;
use crate::Api;
use crate::accounts::Nothing;
use crate::openapi::{Routes, Sketch, Takes};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::read;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post("/v1/webhooks/stripe/{seller}", "Takes what Stripe sends about payments and refunds", hear)
        .may(&[Code::NotFound, Code::SignatureWrong, Code::BodyUnreadable, Code::DeskBusy, Code::LogRefuses])
}

/// A message with its signature.
struct Signed {
    signature: String,
    body: Bytes,
}

impl FromRequest<Api> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let signature = parts.headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self { signature: signature.to_owned(), body: read(body).await? })
    }
}

impl Takes for Signed {
    fn describe(sketch: &mut Sketch<'_>) {
        let text = "When it was signed and with what, as Stripe writes it: `t=...,v1=...`.";
        sketch.header("Stripe-Signature", text, json!({"type": "string", "minLength": 1}), true);
        sketch.body::<serde_json::Map<String, serde_json::Value>>();
        sketch.may(&[Code::SignatureWrong]);
    }
}

async fn hear(
    State(api): State<Api>,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    Signed { signature, body }: Signed,
) -> Result<Nothing, Problem> {
    let (keys, _) = api
        .stripe_keys(organization)
        .ok_or_else(|| Problem::new(Code::NotFound, "payments are not taken with Stripe here"))?;
    let stripe = Stripe::new(std::sync::Arc::clone(&api.payments.stripe), keys);
    let heard = stripe.hear(&signature, &body, api.clock.now());
    let message = heard.map_err(|error| match error {
        payments::Unheard::Unreadable(why) => Problem::new(Code::BodyUnreadable, why),
        error => {
            tracing::warn!(%organization, %error, "a message of stripe is not believed");
            Problem::new(Code::SignatureWrong, error.to_string())
        }
    })?;
    api.keep_message(organization, &message, &body).await?;
    api.take_news(organization, message.news).await?;
    Ok(Nothing)
}

impl Api {
    /// Keeps a message as it came, once: sealed for the buyer it is about, or for the organization.
    async fn keep_message(&self, organization: OrganizationId, message: &Message, body: &[u8]) -> Result<(), Problem> {
        if self.booking.providers(|known| known.knows(organization, Provider::Stripe, &message.id)) {
            return Ok(());
        }
        let original = String::from_utf8_lossy(body).into_owned();
        let original = Sealed { original, ..Sealed::default() };
        let (subject, sealed) = match self.sealed_for_buyer(organization, &message.news, &original) {
            Some(sealed) => sealed,
            None => self.sealed_for_own(organization, original).await?,
        };
        let understood = self.place_of(organization, &message.news).is_some();
        let (provider, about) = (Provider::Stripe, message.kind.clone());
        let message = message.id.clone();
        let wish = Wish::Hear { provider, message, about, understood, subject, sealed };
        self.decide(None, None, Order::Providers(Command { organization, wish })).await.map(|_| ())
    }

    /// Where what a message is about is, when it is ours and there: an account at Stripe may serve several organizations.
    fn place_of(&self, organization: OrganizationId, news: &News) -> Option<(At, PaymentId)> {
        match news {
            News::Payment { organization: of, event, payment, .. } if *of == organization => {
                let at = (organization, *event);
                self.booking.ask(at.0, at.1, |office| office.payment(*payment).map(|_| (at, *payment)))?
            }
            News::Refund { organization: of, event, refund, .. } if *of == organization => {
                let at = (organization, *event);
                self.booking.ask(at.0, at.1, |office| office.refund(*refund).map(|known| (at, known.payment)))?
            }
            News::Payment { .. } | News::Refund { .. } | News::Other => None,
        }
    }

    fn sealed_for_buyer(&self, organization: OrganizationId, news: &News, original: &Sealed) -> Option<(u64, Blob)> {
        let (at, payment) = self.place_of(organization, news)?;
        let subject =
            self.booking.ask(at.0, at.1, |office| Some(office.order(office.payment(payment)?.order)?.subject))??;
        let subjects = self.subjects();
        let (key, token) = (subjects.key_of(subject)?, subjects.token_of(subject)?);
        let buyer = collect::subjects::Person { subject, token, key, fresh: false };
        Some((subject, Blob(subjects.seal(organization, &buyer, original))))
    }

    /// What a message says becomes facts of the box office, as far as it is new.
    async fn take_news(&self, organization: OrganizationId, news: News) -> Result<(), Problem> {
        let Some((at, _)) = self.place_of(organization, &news) else { return Ok(()) };
        match news {
            News::Payment { payment, seen, .. } => {
                let fits = self.office(at, |office| {
                    let known = office.payment(payment);
                    known.is_some_and(|known| known.reference.is_empty() || known.reference == seen.reference)
                })?;
                if !fits {
                    tracing::warn!(%organization, %payment, "a message is about another intent of the same payment");
                    return Ok(());
                }
                self.observe(at, payment, &seen).await
            }
            News::Refund { refund, state, .. } => self.refunded(at, refund, state).await,
            News::Other => Ok(()),
        }
    }
}
