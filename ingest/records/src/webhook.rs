//! Facts of webhooks: where an organization is told what happens at its box offices, and how far it was told.
//!
//! A webhook's cause is a fact at some offset of a partition of the facts; each endpoint has one cursor for each partition.

use serde::{Deserialize, Serialize};

use crate::id::{CommandId, EndpointId};
use crate::time::Timestamp;

/// What a webhook tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Topic {
    /// What a cart kept was ordered.
    #[serde(rename = "order.placed")]
    OrderPlaced,
    /// An order that waited for the organizer goes on.
    #[serde(rename = "order.approved")]
    OrderApproved,
    /// An order is paid, or free: its tickets are valid.
    #[serde(rename = "order.confirmed")]
    OrderConfirmed,
    /// An order that had ended has its positions again, because money came.
    #[serde(rename = "order.revived")]
    OrderRevived,
    /// An order, or some of its positions, ended.
    #[serde(rename = "order.cancelled")]
    OrderCancelled,
    /// Codes, links or files of an order were given to its buyer.
    #[serde(rename = "order.delivered")]
    OrderDelivered,
    /// A provider is asked for money.
    #[serde(rename = "payment.started")]
    PaymentStarted,
    /// A provider waits for somebody.
    #[serde(rename = "payment.pending")]
    PaymentPending,
    /// A provider keeps the amount ready.
    #[serde(rename = "payment.authorized")]
    PaymentAuthorized,
    /// A provider has the money.
    #[serde(rename = "payment.captured")]
    PaymentCaptured,
    /// Nothing will come of a payment, unless its provider says later that it was captured.
    #[serde(rename = "payment.failed")]
    PaymentFailed,
    /// A buyer asks for money back.
    #[serde(rename = "refund.requested")]
    RefundRequested,
    /// The organizer has answered a buyer who asked for money back.
    #[serde(rename = "refund.answered")]
    RefundAnswered,
    /// A provider is asked to give money back.
    #[serde(rename = "refund.started")]
    RefundStarted,
    /// Money went back.
    #[serde(rename = "refund.settled")]
    RefundSettled,
    /// A provider refuses to give money back.
    #[serde(rename = "refund.failed")]
    RefundFailed,
    /// The organizer was paid.
    #[serde(rename = "payout.made")]
    PayoutMade,
    /// A ticket belongs to somebody else.
    #[serde(rename = "ticket.transferred")]
    TicketTransferred,
    /// A ticket was replaced.
    #[serde(rename = "ticket.reissued")]
    TicketReissued,
    /// A ticket was looked at.
    #[serde(rename = "ticket.scanned")]
    TicketScanned,
    /// A look that came late has changed what another comes to.
    #[serde(rename = "ticket.scan_corrected")]
    TicketScanCorrected,
    /// Somebody waits for something that is sold out.
    #[serde(rename = "waitlist.joined")]
    WaitlistJoined,
    /// Somebody waits no longer.
    #[serde(rename = "waitlist.left")]
    WaitlistLeft,
    /// What somebody waited for is kept for them.
    #[serde(rename = "waitlist.offered")]
    WaitlistOffered,
    /// Somebody tries whether webhooks arrive; sent to one endpoint, whatever it asked for.
    #[serde(rename = "webhook.test")]
    Test,
}

/// Where webhooks go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Endpoint {
    /// The address that they are sent to.
    pub url: String,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// What it is told; everything when none stand here.
    #[serde(default)]
    pub topics: Vec<Topic>,
    /// Whether nothing is sent for now. Nothing is lost: it is sent when this is over.
    #[serde(default)]
    pub paused: bool,
}

/// A place in the facts: what comes next of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Next {
    /// The partition of the facts.
    pub source: u16,
    /// The offset from which on causes are told.
    pub next: u64,
}

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Answer {
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// How long it took, milliseconds.
    pub ms: u32,
    /// How its body begins, or why there was no answer. Only of what was not taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// A webhook that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Delivery {
    /// The offset of its cause.
    pub cause: u64,
    /// What it told.
    pub topic: Topic,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// What was answered.
    pub answer: Answer,
}

/// One thing that was decided about webhooks. Fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum WebhookFact {
    /// Webhooks go there from here on.
    WebhookAdded {
        /// The endpoint.
        endpoint: EndpointId,
        /// Where, and what.
        spec: Endpoint,
        /// What its secret follows from.
        key: CommandId,
        /// From where on causes are told; partitions that do not stand here are told from their start on.
        from: Vec<Next>,
    },
    /// An endpoint is another one, or paused, or not any more.
    WebhookChanged {
        /// The endpoint.
        endpoint: EndpointId,
        /// Where, and what.
        spec: Endpoint,
    },
    /// An endpoint has another secret.
    WebhookKeyRotated {
        /// The endpoint.
        endpoint: EndpointId,
        /// What the new secret follows from.
        key: CommandId,
        /// Until when webhooks are signed with the old one, too.
        until: Timestamp,
    },
    /// Nothing is sent there any more.
    WebhookRemoved {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Somebody tries whether webhooks arrive.
    WebhookTested {
        /// The endpoint.
        endpoint: EndpointId,
        /// The try.
        test: CommandId,
    },
    /// Everything of a partition up to a place was told, or did not have to be.
    WebhooksDelivered {
        /// The endpoint.
        endpoint: EndpointId,
        /// The partition.
        source: u16,
        /// Where its cursor stood.
        from: u64,
        /// Where its cursor stands.
        next: u64,
        /// What was sent, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deliveries: Vec<Delivery>,
    },
    /// A webhook was not taken; it is tried again, and what comes after it waits.
    WebhookFailed {
        /// The endpoint.
        endpoint: EndpointId,
        /// The partition.
        source: u16,
        /// The offset of its cause.
        cause: u64,
        /// What it tells.
        topic: Topic,
        /// Which try it was, from 1.
        attempt: u32,
        /// What was answered.
        answer: Answer,
        /// When it is tried again.
        again: Timestamp,
    },
    /// The endpoint says that it is gone (410): nothing is sent until the organizer says so. Nothing is lost.
    WebhookStopped {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// What happened from a place on is told again; or from a later place on, so that something is left out.
    WebhooksReplayed {
        /// The endpoint.
        endpoint: EndpointId,
        /// The partition.
        source: u16,
        /// Where its cursor stands.
        next: u64,
    },
}

impl From<WebhookFact> for crate::Fact {
    fn from(fact: WebhookFact) -> Self {
        Self::Webhook(fact)
    }
}

impl WebhookFact {
    /// The endpoint that it is about.
    pub fn endpoint(&self) -> EndpointId {
        match self {
            Self::WebhookAdded { endpoint, .. }
            | Self::WebhookChanged { endpoint, .. }
            | Self::WebhookKeyRotated { endpoint, .. }
            | Self::WebhookRemoved { endpoint }
            | Self::WebhookTested { endpoint, .. }
            | Self::WebhooksDelivered { endpoint, .. }
            | Self::WebhookFailed { endpoint, .. }
            | Self::WebhookStopped { endpoint }
            | Self::WebhooksReplayed { endpoint, .. } => *endpoint,
        }
    }
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::OrderPlaced,
        Self::OrderApproved,
        Self::OrderConfirmed,
        Self::OrderRevived,
        Self::OrderCancelled,
        Self::OrderDelivered,
        Self::PaymentStarted,
        Self::PaymentPending,
        Self::PaymentAuthorized,
        Self::PaymentCaptured,
        Self::PaymentFailed,
        Self::RefundRequested,
        Self::RefundAnswered,
        Self::RefundStarted,
        Self::RefundSettled,
        Self::RefundFailed,
        Self::PayoutMade,
        Self::TicketTransferred,
        Self::TicketReissued,
        Self::TicketScanned,
        Self::TicketScanCorrected,
        Self::WaitlistJoined,
        Self::WaitlistLeft,
        Self::WaitlistOffered,
        Self::Test,
    ];

    /// As webhooks name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OrderPlaced => "order.placed",
            Self::OrderApproved => "order.approved",
            Self::OrderConfirmed => "order.confirmed",
            Self::OrderRevived => "order.revived",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderDelivered => "order.delivered",
            Self::PaymentStarted => "payment.started",
            Self::PaymentPending => "payment.pending",
            Self::PaymentAuthorized => "payment.authorized",
            Self::PaymentCaptured => "payment.captured",
            Self::PaymentFailed => "payment.failed",
            Self::RefundRequested => "refund.requested",
            Self::RefundAnswered => "refund.answered",
            Self::RefundStarted => "refund.started",
            Self::RefundSettled => "refund.settled",
            Self::RefundFailed => "refund.failed",
            Self::PayoutMade => "payout.made",
            Self::TicketTransferred => "ticket.transferred",
            Self::TicketReissued => "ticket.reissued",
            Self::TicketScanned => "ticket.scanned",
            Self::TicketScanCorrected => "ticket.scan_corrected",
            Self::WaitlistJoined => "waitlist.joined",
            Self::WaitlistLeft => "waitlist.left",
            Self::WaitlistOffered => "waitlist.offered",
            Self::Test => "webhook.test",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, FactRow, OrganizationId, fact};

    #[test]
    fn they_read_back_among_the_other_facts() {
        let answer = Answer { status: 503, ms: 12, text: "later".into() };
        let delivery = Delivery { cause: 7, topic: Topic::TicketScanned, attempt: 2, answer: answer.clone() };
        let endpoint = EndpointId(3);
        let spec =
            Endpoint { url: "https://example.org/hook".into(), topics: vec![Topic::Test], ..Endpoint::default() };
        let facts = [
            WebhookFact::WebhookAdded { endpoint, spec, key: CommandId(4), from: vec![Next { source: 1, next: 9 }] },
            WebhookFact::WebhooksDelivered { endpoint, source: 1, from: 7, next: 8, deliveries: vec![delivery] },
            WebhookFact::WebhookStopped { endpoint },
            WebhookFact::WebhookFailed {
                endpoint,
                source: 1,
                cause: 8,
                topic: Topic::Test,
                attempt: 1,
                answer,
                again: Timestamp(9),
            },
        ];
        let rows: Vec<FactRow> =
            facts.into_iter().map(|fact| FactRow::new(OrganizationId(7), Timestamp(5), Fact::from(fact))).collect();
        assert_eq!(fact::decode(&fact::encode(&rows)).unwrap(), rows);
    }

    #[test]
    fn a_topic_is_written_as_its_word() {
        for topic in Topic::ALL {
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.word());
        }
    }
}
