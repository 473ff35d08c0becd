//! What a payment provider is asked and what it says, whoever it is.

use std::pin::Pin;

use records::booking::PaymentStatus;
use records::{EventId, Money, OrderId, OrganizationId, PaymentId, RefundId, Timestamp};

use crate::failure::{Failure, Unheard};

/// What comes when a provider has answered.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// One attempt to pay an order. The same attempt is the same request, however often it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Who sells.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// What is paid.
    pub order: OrderId,
    /// The attempt's id.
    pub payment: PaymentId,
    /// Which attempt of the order, from 1.
    pub number: u16,
    /// What is to be paid.
    pub amount: Money,
}

impl Attempt {
    /// What names everything that is asked of a provider for this attempt: order and number, and whose order it is, because
    /// an account at a provider may serve several organizations.
    pub fn key(&self, purpose: &str) -> String {
        format!("{purpose}:{}:{}:{}:{}", self.organization, self.event, self.order, self.number)
    }
}

/// What a provider has of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// How far it is.
    pub status: PaymentStatus,
    /// What the provider has, minor units of the attempt's currency.
    pub captured: i64,
    /// The provider's name for it.
    pub reference: String,
    /// What the buyer's page pays with; shown to nobody else.
    pub secret: Option<String>,
    /// What the provider keeps of it, minor units of the attempt's currency; none while it does not say.
    pub fee: Option<i64>,
    /// What tells the card that was used from others; none while the provider does not say. Personal: never kept as it is.
    pub card: Option<String>,
    /// Why it failed, in the provider's sentence; empty when it did not.
    pub declined: String,
}

/// Money to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The payment that it is taken from.
    pub attempt: Attempt,
    /// The provider's name for that.
    pub reference: String,
    /// The refund's id.
    pub refund: RefundId,
    /// How much.
    pub amount: Money,
}

/// How far money is on its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refunded {
    /// On its way.
    Pending,
    /// It went.
    Settled,
    /// It did not go, and will not; why.
    Failed(String),
}

/// A provider's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The provider's name for it: the same message twice has the same.
    pub id: String,
    /// What it is about, in the provider's word.
    pub kind: String,
    /// What it says, as far as it concerns us.
    pub news: News,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something of a payment.
    Payment {
        /// Whose it is.
        organization: OrganizationId,
        /// The event.
        event: EventId,
        /// The payment.
        payment: PaymentId,
        /// What is so.
        seen: Seen,
    },
    /// Something of a refund.
    Refund {
        /// Whose it is.
        organization: OrganizationId,
        /// The event.
        event: EventId,
        /// The refund.
        refund: RefundId,
        /// What is so.
        state: Refunded,
    },
    /// Nothing that is known here, or about nothing of ours.
    Other,
}

/// Who moves money.
///
/// A provider promises that asking again for the same attempt or refund does nothing twice. It does not promise that what it
/// says is the newest, nor in any order: whoever hears it takes only what is more than was known.
pub trait Provider: Send + Sync {
    /// Asks for the money of an attempt.
    ///
    /// # Errors
    /// As [`Failure`] says; after those that pass it may have been done.
    fn start<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, Seen>;

    /// What the provider has of an attempt now.
    ///
    /// # Errors
    /// As [`Failure`] says.
    fn read<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen>;

    /// Takes what was kept ready.
    ///
    /// # Errors
    /// As [`Failure`] says; after those that pass it may have been done.
    fn capture<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen>;

    /// Lets go of what was asked for. When it was taken meanwhile, the answer says so.
    ///
    /// # Errors
    /// As [`Failure`] says; after those that pass it may have been done.
    fn cancel<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen>;

    /// Gives money back, or says how far that is when it was asked for before.
    ///
    /// # Errors
    /// As [`Failure`] says; after those that pass it may have been done.
    fn refund<'a>(&'a self, refund: &'a Refund) -> Answer<'a, Refunded>;

    /// Believes a message that the provider has sent by itself, or not.
    ///
    /// # Errors
    /// Why it is not believed.
    fn hear(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Message, Unheard>;
}
