//! Why a provider did not do what it was asked, and what to do about it.

/// Why a provider did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody knows whether it was done: ask again with the same key.
    #[error("the payment provider does not answer ({0}): it is asked again")]
    Unreachable(String),
    /// It was not asked, because it has not answered others.
    #[error("the payment provider has not answered lately: try again in some seconds")]
    Paused,
    /// It does not know who asks.
    #[error("the payment provider does not take the organizer's key: its secret key has to be set again")]
    Key,
    /// It does not do this.
    #[error("the payment provider refuses: {message}")]
    Refused {
        /// In the provider's word; empty when it has none.
        code: String,
        /// In the provider's sentence.
        message: String,
    },
    /// It answered what cannot be read.
    #[error("the payment provider's answer cannot be read: {0}")]
    Answer(String),
    /// The provider cannot be asked for such an amount.
    #[error("{0} cannot be paid with this provider: choose another way to pay")]
    Amount(records::Money),
    /// Nothing is to be paid.
    #[error("nothing is to be paid")]
    NothingToPay,
    /// A person has to do it.
    #[error("a person has to do this, and say when it is done")]
    ByHand,
}

impl Failure {
    /// Whether the same may be done when it is asked again later.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Paused | Self::Key | Self::Answer(_))
    }
}

/// Why a message is not believed to be the provider's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// This provider sends none.
    #[error("this provider sends no messages")]
    Silent,
    /// No signature, or none that can be read.
    #[error("the message has no signature that can be read")]
    Unsigned,
    /// Signed by somebody else.
    #[error("the signature is another one's: compare the webhook secret with that of the endpoint")]
    Forged,
    /// Signed too long ago, or in the future.
    #[error("the message was signed at another time: compare the clocks")]
    Stale,
    /// Signed, and not a message.
    #[error("the message cannot be read: {0}")]
    Unreadable(String),
}
