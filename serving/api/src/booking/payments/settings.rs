//! The keys of an organization at Stripe: written, never read again.

use std::collections::BTreeMap;

use axum::extract::State;
use collect::Who;
use records::booking::Provider;
use records::seal::Sealed;
use records::{Blob, OrganizationId};
use rules::access::{Act, On};
use rules::domains::Order;
use rules::providers::{Command, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::accounts::{Nothing, offset};
use crate::auth::Presented;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

/// Where in what is sealed the keys stand.
pub(super) const SECRET: &str = "secret_key";
pub(super) const WEBHOOK: &str = "webhook_secret";
/// Whose key seals them: no name of a person begins like this.
const OWN: &str = "\u{1}payment providers";
/// Characters of a key.
const KEY_MAX: usize = 255;

const PATH: &str = "/v1/organizations/{organization}/payment-providers/stripe";

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(PATH, "How payments with Stripe are set up; no secrets", shown)
        .may(&[Code::NotFound])
        .put(PATH, "Takes payments with Stripe, with these keys", set)
        .may(&[Code::FieldsWrong, Code::LogRefuses])
        .delete(PATH, "Takes no more payments with Stripe", remove)
        .may(&[Code::NotFound])
}

/// The keys of an account at Stripe.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StripeKeys")]
struct Given {
    /// `pk_...`: what buyers' pages name the account by.
    publishable_key: String,
    /// `sk_...` or `rk_...`; the one before stays when none stands here. It is never shown again.
    secret_key: Option<String>,
    /// `whsec_...` of the endpoint that sends webhooks to `webhook_address`; the one before stays when none stands here.
    webhook_secret: Option<String>,
}

/// How payments with Stripe are set up.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StripeSettings")]
struct Shown {
    publishable_key: String,
    /// Where Stripe has to send webhooks to.
    webhook_address: String,
    /// The messages that it should send.
    webhook_events: Vec<&'static str>,
    /// Messages that came, by what they were about.
    heard: BTreeMap<String, u64>,
    /// Those of them that said nothing that is known here, of something of ours.
    not_understood: u64,
}

/// What says something of payments and refunds.
const EVENTS: [&str; 8] = [
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
];

impl Api {
    fn stripe_settings(&self, organization: OrganizationId) -> Result<Shown, Problem> {
        let known = self.booking.providers(|known| {
            let account = known.account(organization, Provider::Stripe)?.publishable.clone();
            Some((account, known.heard(organization, Provider::Stripe).cloned().unwrap_or_default()))
        });
        let (publishable_key, heard) =
            known.ok_or_else(|| Problem::new(Code::NotFound, "payments are not taken with Stripe"))?;
        Ok(Shown {
            publishable_key,
            webhook_address: format!("{}/v1/webhooks/stripe/{organization}", self.accounts.public_url),
            webhook_events: EVENTS.to_vec(),
            heard: heard.counts,
            not_understood: heard.not_understood,
        })
    }
}

async fn shown(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
) -> Result<One<Shown>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    Ok(One { data: api.stripe_settings(organization)? })
}

/// A key as Stripe gives it: a slip is told at once, and no secret stands where everybody sees it.
fn checked(key: &str, begins: &[&str], field: &str) -> Result<String, Problem> {
    let key = key.trim();
    let is_known = begins.iter().any(|begin| key.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()));
    let is_plain =
        key.len() <= KEY_MAX && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_known && is_plain {
        return Ok(key.to_owned());
    }
    let problem = format!("a key of Stripe that begins with {}", begins.join(" or "));
    let fault = records::json::FieldError::new(field.to_owned(), problem);
    Err(Problem::new(Code::FieldsWrong, fault.to_string()).with_fields(vec![fault]))
}

async fn set(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent<Given>,
) -> Result<Written<Shown>, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let (tag, given) = (write.tag(&caller.who()), write.body);
    let publishable = checked(&given.publishable_key, &["pk_"], "publishable_key")?;
    let before = api.stripe_keys(organization).map(|(keys, _)| keys);
    let missing =
        |field: &str| Problem::new(Code::FieldsWrong, format!("`{field}` is missing, and there was none before"));
    let secret = match given.secret_key {
        Some(key) => checked(&key, &["sk_", "rk_"], SECRET)?,
        None => before.as_ref().map(|keys| keys.secret.clone()).ok_or_else(|| missing(SECRET))?,
    };
    let webhook = match given.webhook_secret {
        Some(key) => checked(&key, &["whsec_"], WEBHOOK)?,
        None => before.map(|keys| keys.webhook).ok_or_else(|| missing(WEBHOOK))?,
    };
    let personal = BTreeMap::from([(SECRET.to_owned(), secret), (WEBHOOK.to_owned(), webhook)]);
    let (subject, sealed) = api.sealed_for_own(organization, Sealed { personal, ..Sealed::default() }).await?;
    let wish = Wish::Set { provider: Provider::Stripe, publishable, subject, sealed };
    let order = Order::Providers(Command { organization, wish });
    let done = api.decide(Some(tag), caller.principal.by(), order).await?;
    Ok(Written { data: api.stripe_settings(organization)?, offset: offset(&done) })
}

async fn remove(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    caller.may(Act::ManageOrganization, &On::organization(organization))?;
    let tag = write.tag(&caller.who());
    let order = Order::Providers(Command { organization, wish: Wish::Remove(Provider::Stripe) });
    api.decide(Some(tag), caller.principal.by(), order).await?;
    Ok(Nothing)
}

impl Api {
    /// Seals something under a key of the organization's own, which is durable then.
    pub(super) async fn sealed_for_own(
        &self,
        organization: OrganizationId,
        sealed: Sealed,
    ) -> Result<(u64, Blob), Problem> {
        let api = self.clone();
        // The key store is written and synced: not on a thread that serves others.
        let made = tokio::task::spawn_blocking(move || {
            let subjects = api.subjects();
            let own = subjects.resolve(organization, Who::User(OWN));
            subjects.sync().map(|()| (own.subject, Blob(subjects.seal(organization, &own, &sealed))))
        });
        let made = made.await.map_err(|_| Problem::new(Code::Internal, ""))?;
        made.map_err(|error| {
            tracing::error!(%error, "the key store was not written");
            Problem::new(Code::LogRefuses, "the key store cannot be written")
        })
    }
}
