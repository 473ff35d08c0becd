//! Stripe's objects, as far as they are read here. What is not known is passed over: accounts have webhooks of other versions.

use std::collections::BTreeMap;

use records::booking::PaymentStatus;
use records::{Currency, EventId, OrganizationId, PaymentId, RefundId};
use serde::Deserialize;
use serde_json::Value;

use super::money::from_stripe;
use crate::provider::{Message, News, Refunded, Seen};

/// Characters of a reason that are kept.
const REASON_MAX: usize = 200;

/// Values of metadata are texts.
type Metadata = BTreeMap<String, String>;

/// A PaymentIntent.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    id: String,
    status: String,
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    client_secret: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    last_payment_error: Option<Declined>,
    /// A name, or the charge itself when it was asked for.
    latest_charge: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Declined {
    message: Option<String>,
    payment_method: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct BalanceTransaction {
    fee: i64,
    currency: String,
}

impl Intent {
    /// What it says; none when it is not in the currency that was asked for.
    pub(super) fn seen(&self, asked: Option<Currency>) -> Option<Seen> {
        let currency = Currency::parse(&self.currency).ok()?;
        if asked.is_some_and(|asked| asked != currency) {
            return None;
        }
        let declined = self.last_payment_error.as_ref();
        let status = match self.status.as_str() {
            "requires_payment_method" if declined.is_some() => PaymentStatus::Failed,
            "requires_capture" => PaymentStatus::Authorized,
            "succeeded" => PaymentStatus::Captured,
            "canceled" => PaymentStatus::Voided,
            _ => PaymentStatus::Pending,
        };
        let captured = match status {
            PaymentStatus::Captured => from_stripe(self.amount_received.unwrap_or(self.amount), currency)?,
            _ => 0,
        };
        let message = declined.and_then(|declined| declined.message.as_deref()).unwrap_or("");
        Some(Seen {
            status,
            captured,
            reference: self.id.clone(),
            secret: self.client_secret.clone(),
            fee: self.fee(currency),
            card: self.card(),
            declined: message.chars().take(REASON_MAX).collect(),
        })
    }

    /// Of the charge, when it is there, or of the card that was declined.
    fn card(&self) -> Option<String> {
        let charge = self.latest_charge.as_ref();
        let charged = charge.and_then(|charge| charge.pointer("/payment_method_details/card/fingerprint"));
        let declined = self.last_payment_error.as_ref().and_then(|error| error.payment_method.as_ref());
        let declined = declined.and_then(|method| method.pointer("/card/fingerprint"));
        charged.or(declined)?.as_str().filter(|print| !print.is_empty()).map(str::to_owned)
    }

    fn fee(&self, currency: Currency) -> Option<i64> {
        let transaction = self.latest_charge.as_ref()?.get("balance_transaction")?;
        let transaction = BalanceTransaction::deserialize(transaction).ok()?;
        let same = Currency::parse(&transaction.currency) == Ok(currency);
        // Of an account in another currency the fee is taken there, and nothing of this one.
        if same { from_stripe(transaction.fee, currency) } else { Some(0) }
    }
}

/// A refund.
#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    /// Old refunds have none, and so had those of old accounts.
    status: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

impl Refund {
    pub(super) fn is_ours(&self, refund: &str) -> bool {
        self.metadata.get("refund").is_some_and(|known| known == refund)
    }

    pub(super) fn state(&self) -> Refunded {
        match self.status.as_deref() {
            Some("succeeded") => Refunded::Settled,
            Some(status @ ("failed" | "canceled")) => {
                let reason = self.failure_reason.as_deref().unwrap_or(status);
                Refunded::Failed(reason.chars().take(REASON_MAX).collect())
            }
            _ => Refunded::Pending,
        }
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// What a webhook is.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: Inside,
}

#[derive(Debug, Deserialize)]
struct Inside {
    object: Value,
}

impl Event {
    pub(super) fn message(self) -> Message {
        let news = self.news().unwrap_or(News::Other);
        Message { id: self.id, kind: self.kind, news }
    }

    fn news(&self) -> Option<News> {
        let object = &self.data.object;
        if self.kind.starts_with("payment_intent.") {
            let intent = Intent::deserialize(object).ok()?;
            let (organization, event) = place(&intent.metadata)?;
            let payment = PaymentId::parse(intent.metadata.get("payment")?).ok()?;
            return Some(News::Payment { organization, event, payment, seen: intent.seen(None)? });
        }
        if self.kind.starts_with("refund.") || self.kind == "charge.refund.updated" {
            let refund = Refund::deserialize(object).ok()?;
            let (organization, event) = place(&refund.metadata)?;
            let id = RefundId::parse(refund.metadata.get("refund")?).ok()?;
            return Some(News::Refund { organization, event, refund: id, state: refund.state() });
        }
        None
    }
}

fn place(metadata: &Metadata) -> Option<(OrganizationId, EventId)> {
    let organization = OrganizationId::parse(metadata.get("organization")?).ok()?;
    Some((organization, EventId::parse(metadata.get("event")?).ok()?))
}

/// A refusal.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) error: Fault,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn intent(more: Value) -> Intent {
        let mut object = json!({"id": "pi_1", "status": "requires_payment_method", "amount": 500, "currency": "eur",
            "metadata": {"organization": "acme", "event": "conf", "order": "o1", "payment": "p1"}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Intent::deserialize(object).unwrap()
    }

    #[test]
    fn each_status_of_an_intent_means_one_of_ours() {
        for (status, ours) in [
            ("requires_payment_method", PaymentStatus::Pending),
            ("requires_confirmation", PaymentStatus::Pending),
            ("requires_action", PaymentStatus::Pending),
            ("processing", PaymentStatus::Pending),
            ("requires_capture", PaymentStatus::Authorized),
            ("canceled", PaymentStatus::Voided),
            ("succeeded", PaymentStatus::Captured),
            ("something_new", PaymentStatus::Pending),
        ] {
            assert_eq!(intent(json!({"status": status})).seen(None).unwrap().status, ours, "{status}");
        }
        let declined = intent(json!({"last_payment_error": {"message": "Your card was declined.",
                "payment_method": {"card": {"fingerprint": "f1"}}}}))
        .seen(None)
        .unwrap();
        assert_eq!((declined.status, declined.declined.as_str()), (PaymentStatus::Failed, "Your card was declined."));
        assert_eq!(declined.card.as_deref(), Some("f1"));
    }

    #[test]
    fn what_came_in_is_what_was_received_and_the_fee_is_in_the_same_currency() {
        let charge = |currency: &str| {
            json!({"status": "succeeded", "amount_received": 400,
            "latest_charge": {"balance_transaction": {"fee": 29, "currency": currency}}})
        };
        let seen = intent(charge("eur")).seen(Some(Currency::EUR)).unwrap();
        assert_eq!((seen.captured, seen.fee), (400, Some(29)));
        assert_eq!(intent(charge("usd")).seen(None).unwrap().fee, Some(0));
        assert_eq!(intent(json!({"status": "succeeded", "latest_charge": "ch_1"})).seen(None).unwrap().captured, 500);
        assert_eq!(intent(json!({})).seen(Some(Currency::USD)), None);
    }

    #[test]
    fn events_of_ours_are_news_and_others_are_not() {
        let event = |kind: &str, object: Value| {
            Event::deserialize(json!({"id": "evt_1", "type": kind, "data": {"object": object}})).unwrap().message().news
        };
        let ours = json!({"organization": "acme", "event": "conf", "order": "o1", "payment": "p1", "refund": "r1"});
        let paid = json!({"id": "pi_1", "status": "succeeded", "amount": 500, "currency": "eur", "metadata": ours});
        let News::Payment { payment, seen, .. } = event("payment_intent.succeeded", paid.clone()) else { panic!() };
        assert_eq!((payment, seen.captured), (PaymentId::parse("p1").unwrap(), 500));
        let back = json!({"id": "re_1", "status": "failed", "failure_reason": "lost_or_stolen_card", "metadata": ours});
        let News::Refund { state, .. } = event("refund.failed", back) else { panic!() };
        assert_eq!(state, Refunded::Failed("lost_or_stolen_card".into()));
        assert_eq!(event("charge.dispute.created", paid.clone()), News::Other);
        assert_eq!(event("payment_intent.succeeded", json!({"id": "pi_1"})), News::Other);
        let foreign = json!({"id": "pi_1", "status": "succeeded", "amount": 500, "currency": "eur", "metadata": {}});
        assert_eq!(event("payment_intent.succeeded", foreign), News::Other);
    }
}
