//! Stripe: PaymentIntents that are captured by hand, refunds, and signed webhooks.
//!
//! Written against the API's version [`VERSION`], which every request names, so that an account's default does not matter.
//! Sources: the API reference on PaymentIntents, refunds, idempotent requests and errors; "Supported currencies"; "Verify
//! webhook signatures manually".
//!
//! * An attempt is a PaymentIntent with `capture_method=manual`, so that a review can come before the money does. Its
//!   metadata names organization, event, order and payment, by which webhooks find them.
//! * A key of idempotency is kept by Stripe for a day at least. What may be asked for later than that (a refund whose fact was
//!   lost) is looked for by its metadata first.
//! * A refused capture or cancellation is followed by a look: mostly what was wanted has happened already.

mod client;
mod money;
mod object;
mod signature;

use std::sync::Arc;

pub use client::{Endpoint, Place, PlaceError};
use records::booking::PaymentStatus;
use records::{Money, Timestamp};

use crate::failure::{Failure, Unheard};
use crate::provider::{Answer, Attempt, Message, Provider, Refund, Refunded, Seen};
use object::{Event, Intent, List};

/// The version of Stripe's API that this is written against.
pub const VERSION: &str = "2024-06-20";
/// Pages of 100 refunds of one payment that are looked through: more than an order may have.
const PAGES_MAX: usize = 3;

/// What an organization has from Stripe. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// What the API is asked with: `sk_...` or `rk_...`.
    pub secret: String,
    /// What webhooks are signed with: `whsec_...`.
    pub webhook: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// Stripe, asked for one organization.
#[derive(Debug, Clone)]
pub struct Stripe {
    endpoint: Arc<Endpoint>,
    keys: Keys,
}

impl Stripe {
    /// Stripe with an organization's keys.
    pub fn new(endpoint: Arc<Endpoint>, keys: Keys) -> Self {
        Self { endpoint, keys }
    }

    async fn post(&self, path: &str, key: &str, form: &[(String, String)]) -> Result<Vec<u8>, Failure> {
        self.endpoint.ask(&self.keys.secret, path, Some((key, form))).await
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.endpoint.ask(&self.keys.secret, path, None).await
    }

    async fn started(&self, attempt: &Attempt) -> Result<Seen, Failure> {
        let amount = money::to_stripe(attempt.amount).ok_or(Failure::Amount(attempt.amount))?;
        let mut form = vec![
            ("amount".to_owned(), amount.to_string()),
            ("currency".to_owned(), attempt.amount.currency.to_string().to_lowercase()),
            ("capture_method".to_owned(), "manual".to_owned()),
            ("payment_method_types[]".to_owned(), "card".to_owned()),
        ];
        form.extend(metadata(attempt));
        form.push(("metadata[payment]".to_owned(), attempt.payment.to_string()));
        let answer = self.post("/v1/payment_intents", &attempt.key("pay"), &form).await?;
        seen(&answer, attempt.amount)
    }

    async fn looked_at(&self, attempt: &Attempt, reference: &str) -> Result<Seen, Failure> {
        let path = format!("/v1/payment_intents/{}?expand[]=latest_charge.balance_transaction", plain(reference)?);
        seen(&self.get(&path).await?, attempt.amount)
    }

    /// Has something done to an intent; when that is refused, what is so decides.
    async fn acted(&self, attempt: &Attempt, reference: &str, act: Act) -> Result<Seen, Failure> {
        let path = format!("/v1/payment_intents/{}/{}", plain(reference)?, act.word());
        let form = act.form();
        match self.post(&path, &attempt.key(act.word()), &form).await {
            Ok(answer) => seen(&answer, attempt.amount),
            Err(refusal @ Failure::Refused { .. }) => {
                let seen = self.looked_at(attempt, reference).await?;
                let is_over = matches!(seen.status, PaymentStatus::Captured | PaymentStatus::Voided);
                if is_over { Ok(seen) } else { Err(refusal) }
            }
            Err(failure) => Err(failure),
        }
    }

    async fn refunded(&self, refund: &Refund) -> Result<Refunded, Failure> {
        if let Some(known) = self.find_refund(refund).await? {
            return Ok(known);
        }
        let amount = money::to_stripe(refund.amount).ok_or(Failure::Amount(refund.amount))?;
        let mut form = vec![
            ("payment_intent".to_owned(), refund.reference.clone()),
            ("amount".to_owned(), amount.to_string()),
            ("metadata[refund]".to_owned(), refund.refund.to_string()),
        ];
        form.extend(metadata(&refund.attempt));
        let key = format!("refund:{}:{}:{}", refund.attempt.organization, refund.attempt.event, refund.refund);
        let answer = self.post("/v1/refunds", &key, &form).await?;
        let made: object::Refund = read(&answer)?;
        Ok(made.state())
    }

    /// The refund as Stripe has it, when it was asked for before: also long after its key was forgotten.
    async fn find_refund(&self, refund: &Refund) -> Result<Option<Refunded>, Failure> {
        let mut path = format!("/v1/refunds?payment_intent={}&limit=100", plain(&refund.reference)?);
        let wanted = refund.refund.to_string();
        for _ in 0..PAGES_MAX {
            let page: List<object::Refund> = read(&self.get(&path).await?)?;
            if let Some(known) = page.data.iter().find(|known| known.is_ours(&wanted)) {
                return Ok(Some(known.state()));
            }
            let Some(last) = page.data.last().filter(|_| page.has_more) else { break };
            path = format!(
                "/v1/refunds?payment_intent={}&limit=100&starting_after={}",
                plain(&refund.reference)?,
                plain(&last.id)?
            );
        }
        Ok(None)
    }
}

#[derive(Clone, Copy)]
enum Act {
    Capture,
    Cancel,
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Cancel => "cancel",
        }
    }

    fn form(self) -> Vec<(String, String)> {
        match self {
            // The fee is known with the charge.
            Self::Capture => vec![("expand[]".to_owned(), "latest_charge.balance_transaction".to_owned())],
            Self::Cancel => Vec::new(),
        }
    }
}

fn metadata(attempt: &Attempt) -> [(String, String); 4] {
    [
        ("metadata[organization]".to_owned(), attempt.organization.to_string()),
        ("metadata[event]".to_owned(), attempt.event.to_string()),
        ("metadata[order]".to_owned(), attempt.order.to_string()),
        ("metadata[attempt]".to_owned(), attempt.number.to_string()),
    ]
}

/// A name of Stripe's that may stand in an address.
fn plain(name: &str) -> Result<&str, Failure> {
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain { Ok(name) } else { Err(Failure::Answer("a name that is none of Stripe's".into())) }
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::Answer(error.to_string()))
}

fn seen(answer: &[u8], asked: Money) -> Result<Seen, Failure> {
    let intent: Intent = read(answer)?;
    intent.seen(Some(asked.currency)).ok_or_else(|| Failure::Answer("the intent is in another currency".into()))
}

impl Provider for Stripe {
    fn start<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, Seen> {
        Box::pin(self.started(attempt))
    }

    fn read<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        Box::pin(self.looked_at(attempt, reference))
    }

    fn capture<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        Box::pin(self.acted(attempt, reference, Act::Capture))
    }

    fn cancel<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        Box::pin(self.acted(attempt, reference, Act::Cancel))
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Answer<'a, Refunded> {
        Box::pin(self.refunded(refund))
    }

    fn hear(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Message, Unheard> {
        signature::check(&self.keys.webhook, signature, body, now)?;
        let event: Event = serde_json::from_slice(body).map_err(|error| Unheard::Unreadable(error.to_string()))?;
        Ok(event.message())
    }
}
