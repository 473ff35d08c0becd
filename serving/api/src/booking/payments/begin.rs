//! What buyers do: begin to pay, and ask how far it is. How they may is told with what is on sale.

use axum::extract::State;
use payments::Failure;
use records::booking::{PaymentStatus, Provider};
use records::{EventId, OrderId, OrganizationId, PaymentId, Token};
use rules::booking::Wish;
use rules::booking::payments::Errand;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::secret::OrderSecret;
use super::super::shop::orders::{Attempt, attempt};
use super::{At, Known, failed, known};
use crate::Api;
use crate::accounts::offset;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Made, Written};

macro_rules! at {
    ($rest:literal) => {
        concat!("/v1/shop/{seller}/{event}", $rest)
    };
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/orders/{order}/payments"), "Begins to pay an order", pay)
        .may(&[Code::NotFound, Code::BookingRefused, Code::PaymentProviderFailed])
        .post(at!("/orders/{order}/payments/{payment}/look"), "Asks the provider how far a payment is", look)
        .may(&[Code::NotFound, Code::BookingRefused, Code::PaymentProviderFailed])
        .post(at!("/orders/{order}/payments/{payment}/test"), "What the test provider says", test)
        .may(&[Code::NotFound, Code::BookingRefused])
}

type OfOrder = (Id<OrganizationId>, Id<EventId>, Id<OrderId>);
type OfPayment = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, Id<PaymentId>);

/// A payment to begin.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pay {
    provider: Provider,
}

/// A payment that has begun, with what the provider's script needs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PaymentBegun")]
struct Begun {
    #[serde(flatten)]
    attempt: Attempt,
    /// What the buyer's page confirms the payment with; for nobody else.
    client_secret: Option<String>,
    /// What the script is started with.
    publishable_key: Option<String>,
    /// The provider's script.
    script: Option<String>,
}

fn find(api: &Api, at: At, order: OrderId, payment: PaymentId) -> Result<Attempt, Problem> {
    let of_order = |office: &rules::booking::BoxOffice| {
        office.payment(payment).filter(|known| known.order == order)?;
        attempt(office, payment)
    };
    api.office(at, of_order)?.ok_or_else(|| Problem::new(Code::NotFound, "there is no such payment"))
}

async fn pay(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    secret: OrderSecret,
    write: Idempotent<Pay>,
) -> Result<Made<Begun>, Problem> {
    secret.opens(&api, seller, order)?;
    let (at, payment, provider) = ((seller, event), PaymentId(write.id().0), write.body.provider);
    // Whether it can be asked comes first: what cannot be paid is not begun.
    drop(api.payment_provider(seller, provider)?);
    if api.office(at, |office| office.payment(payment).is_none())? {
        under_way_ends(&api, at, order).await?;
    }
    let done = api.book(Some(write.tag("buyer")), None, at, Wish::StartPayment { payment, order, provider }).await?;
    let client_secret = api.begin(at, payment).await?;
    let attempt = find(&api, at, order, payment)?;
    let is_stripe = client_secret.is_some();
    let data = Begun {
        attempt,
        client_secret,
        publishable_key: api.stripe_keys(seller).filter(|_| is_stripe).map(|(_, publishable)| publishable),
        script: is_stripe.then(|| api.payments.stripe_script.to_string()),
    };
    Ok(Made(Written { data, offset: offset(&done) }))
}

/// Ends what was begun of an order before and came to nothing yet, so that another attempt may begin and nobody pays twice.
/// What its provider keeps ready is taken: then the money is there.
pub(in crate::booking) async fn under_way_ends(api: &Api, at: At, order: OrderId) -> Result<(), Problem> {
    let open: Vec<(PaymentId, Known)> = api.office(at, |office| {
        let payments = office.order(order).map(|order| order.payments.clone()).unwrap_or_default();
        let known = payments.into_iter().filter_map(|id| Some((id, known(office, at, id)?)));
        let may_end = [PaymentStatus::Created, PaymentStatus::Pending, PaymentStatus::Failed];
        known.filter(|(_, known)| may_end.contains(&known.status)).collect()
    })?;
    for (payment, known) in open {
        let is_over = known.status == PaymentStatus::Failed;
        match api.let_go(at, payment, &known).await {
            // It failed before: the rounds see to the rest.
            Err(_) if is_over => {}
            done => done?,
        }
        // They have agreed to pay with it meanwhile.
        if api.office(at, |office| office.errand_of(payment))? == Some(Errand::Capture) {
            api.pursue(at, payment).await?;
        }
    }
    Ok(())
}

impl Api {
    /// Asks a provider for the money, or for what it was asked before; returns what the buyer's page pays with.
    async fn begin(&self, at: At, payment: PaymentId) -> Result<Option<String>, Problem> {
        let known = self.office(at, |office| known(office, at, payment))?;
        let Some(known) = known.filter(|known| matches!(known.provider, Provider::Stripe | Provider::Transfer)) else {
            return Ok(None);
        };
        let provider = self.payment_provider(at.0, known.provider)?;
        let seen = match known.reference.as_str() {
            "" => provider.start(&known.attempt).await,
            reference => provider.read(&known.attempt, reference).await,
        };
        self.heard(at, payment, &seen).await?;
        match seen {
            Ok(seen) => Ok(seen.secret),
            Err(failure @ Failure::Refused { .. }) => {
                tracing::warn!(organization = %at.0, %payment, %failure, "a payment was refused");
                Err(failed(at.0, &failure))
            }
            Err(failure) => Err(failed(at.0, &failure)),
        }
    }
}

async fn look(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(payment))): Named<OfPayment>,
    secret: OrderSecret,
) -> Result<One<Attempt>, Problem> {
    secret.opens(&api, seller, order)?;
    let at = (seller, event);
    find(&api, at, order, payment)?;
    api.pursue(at, payment).await?;
    Ok(One { data: find(&api, at, order, payment)? })
}

/// What the test provider is to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Say {
    status: PaymentStatus,
}

async fn test(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), Id(payment))): Named<OfPayment>,
    secret: OrderSecret,
    write: Idempotent<Say>,
) -> Result<Written<Attempt>, Problem> {
    secret.opens(&api, seller, order)?;
    let at = (seller, event);
    let known = api.office(at, |office| {
        let known = office.payment(payment).filter(|known| known.order == order)?;
        (known.provider == Provider::Test).then_some(known.amount)
    })?;
    let Some(amount) = known.filter(|_| api.test_payments) else {
        return Err(Problem::new(Code::NotFound, "there is no such payment at the test provider"));
    };
    let status = write.body.status;
    let captured = if status == PaymentStatus::Captured { amount } else { 0 };
    let (reference, card) = (format!("test_{payment}"), Token::NONE);
    let wish = Wish::Observe { payment, status, captured, reference, card };
    let done = api.book(Some(write.tag("buyer")), None, at, wish).await?;
    Ok(Written { data: find(&api, at, order, payment)?, offset: offset(&done) })
}
