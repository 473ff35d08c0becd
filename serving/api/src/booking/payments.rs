//! Money over HTTP: providers that organizations set, payments that buyers begin, what providers send, and the rounds in
//! which they are asked what they did not say.
//!
//! Nothing about a payment is kept here: what is to be done next follows from the facts (`BoxOffice::errand_of`), what a
//! provider says becomes a fact, and whoever does something twice does it under the same key. So a crash between a
//! provider's answer and the fact costs a question.

mod begin;
mod inbox;
mod pursue;
mod rounds;
mod settings;

use std::sync::Arc;

use payments::stripe::{Endpoint, Place};
use payments::{Attempt, Failure, Free, Keys, Stripe, Test, Transfer};
use records::booking::{PaymentStatus, Provider};
use records::{EventId, Money, OrganizationId, PaymentId, Token};
use rules::booking::{BoxOffice, Wish};

pub(super) use begin::under_way_ends;
pub use rounds::Rounds;
pub(crate) use rounds::What;

use crate::Api;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};

type At = (OrganizationId, EventId);

/// What cards' pseudonyms are made for: the door makes those of cards that other systems report for the same.
const CARD: &str = "card";

/// Where payment providers are.
#[derive(Debug, Clone)]
pub struct Options {
    /// The way to Stripe.
    pub stripe: Arc<Endpoint>,
    /// Where Stripe is, for pages.
    pub stripe_place: Place,
    /// Where pages load Stripe's script.
    pub stripe_script: Place,
}

impl Options {
    /// Stripe at a place, its script at another.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(stripe_place: Place, stripe_script: Place) -> std::io::Result<Self> {
        Ok(Self { stripe: Arc::new(Endpoint::new(stripe_place.clone())?), stripe_place, stripe_script })
    }
}

pub(super) fn routes() -> Routes {
    settings::routes().merge(begin::routes()).merge(inbox::routes())
}

/// A payment as its provider knows it.
struct Known {
    attempt: Attempt,
    provider: Provider,
    reference: String,
    status: PaymentStatus,
}

fn known(office: &BoxOffice, (organization, event): At, payment: PaymentId) -> Option<Known> {
    let known = office.payment(payment)?;
    let currency = office.order(known.order)?.currency;
    let amount = Money { minor: known.amount, currency };
    let attempt = Attempt { organization, event, order: known.order, payment, number: known.attempt, amount };
    Some(Known { attempt, provider: known.provider, reference: known.reference.clone(), status: known.status })
}

/// What a provider's failure is to whoever asked.
fn failed(organization: OrganizationId, failure: &Failure) -> Problem {
    match failure {
        Failure::Key => {
            tracing::error!(%organization, %failure, "payments cannot be taken");
            Problem::new(Code::PaymentProviderFailed, failure.to_string()).retry_after(30)
        }
        failure if failure.is_passing() => {
            tracing::warn!(%organization, %failure, "a payment provider failed");
            Problem::new(Code::PaymentProviderFailed, failure.to_string()).retry_after(2)
        }
        failure => Problem::new(Code::BookingRefused, failure.to_string()).because("payment_refused"),
    }
}

impl Api {
    /// Whoever moves money for an organization.
    fn payment_provider(
        &self,
        organization: OrganizationId,
        provider: Provider,
    ) -> Result<Box<dyn payments::Provider>, Problem> {
        let not_taken = |what: &str| {
            let detail = format!("{what}: choose another way to pay");
            Err(Problem::new(Code::BookingRefused, detail).because("provider_not_possible"))
        };
        match provider {
            Provider::Free => Ok(Box::new(Free)),
            Provider::Transfer => Ok(Box::new(Transfer)),
            Provider::Test if self.test_payments => Ok(Box::new(Test)),
            Provider::Test => not_taken("the test provider is not in use here"),
            Provider::Stripe => match self.stripe_keys(organization) {
                Some((keys, _)) => Ok(Box::new(Stripe::new(Arc::clone(&self.payments.stripe), keys))),
                None => not_taken("card payments are not set up here"),
            },
        }
    }

    /// The keys of an organization at Stripe, and what pages name it by.
    fn stripe_keys(&self, organization: OrganizationId) -> Option<(Keys, String)> {
        let account = self.booking.providers(|known| known.account(organization, Provider::Stripe).cloned())?;
        let sealed = self.subjects().open_sealed(organization, account.subject, &account.sealed.0);
        let mut sealed = sealed
            .inspect_err(|error| tracing::error!(%organization, %error, "keys of a payment provider do not open"))
            .ok()?;
        let mut take = |field: &str| sealed.personal.remove(field);
        let keys = Keys { secret: take(settings::SECRET)?, webhook: take(settings::WEBHOOK)? };
        Some((keys, account.publishable))
    }

    /// What a provider has of a payment becomes facts, as far as it is new.
    async fn observe(&self, at: At, payment: PaymentId, seen: &payments::Seen) -> Result<(), Problem> {
        let (is_new, fee_is_new) = self.office(at, |office| {
            let known = office.payment(payment);
            let is_new = known.is_some_and(|known| {
                seen.status > known.status
                    || seen.captured > known.captured
                    || (known.reference != seen.reference && !seen.reference.is_empty())
            });
            (is_new, known.is_some_and(|known| known.fee.is_none()))
        })?;
        if is_new {
            let (status, captured, reference) = (seen.status, seen.captured, seen.reference.clone());
            let card = seen.card.as_deref().map_or(Token::NONE, |card| self.subjects().token(at.0, CARD, card));
            self.book(None, None, at, Wish::Observe { payment, status, captured, reference, card }).await?;
        }
        if let Some(fee) = seen.fee.filter(|_| fee_is_new && seen.status == PaymentStatus::Captured) {
            self.book(None, None, at, Wish::TellFee { payment, fee }).await?;
        }
        Ok(())
    }
}
