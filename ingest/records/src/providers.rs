//! Facts about the payment providers of an organization: what it is known by there, and what they have sent.

use serde::{Deserialize, Serialize};

use crate::booking::Provider;
use crate::secret::Blob;

/// One thing about an organization's payment providers. Fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum ProviderFact {
    /// An organization takes payments with a provider from here on, or with other keys.
    PaymentProviderSet {
        /// The provider.
        provider: Provider,
        /// What pages of buyers name it by; no secret.
        publishable: String,
        /// The number of the key that seals the secrets.
        subject: u64,
        /// The secrets, sealed.
        sealed: Blob,
    },
    /// An organization takes no more payments with a provider.
    PaymentProviderRemoved {
        /// The provider.
        provider: Provider,
    },
    /// A provider has sent a message that is signed by it, for the first time.
    PaymentMessageHeard {
        /// The provider.
        provider: Provider,
        /// The provider's name for the message.
        message: String,
        /// What it is about, in the provider's word.
        about: String,
        /// Whether it says something that is known here, of something of ours.
        understood: bool,
        /// The number of the key that seals it.
        subject: u64,
        /// The message as it came, sealed: it holds names and addresses.
        sealed: Blob,
    },
}

impl From<ProviderFact> for crate::Fact {
    fn from(fact: ProviderFact) -> Self {
        Self::Providers(fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, FactRow, OrganizationId, Timestamp, fact};

    #[test]
    fn they_read_back_among_the_other_facts() {
        let (message, about) = ("evt_1".into(), "payment_intent.succeeded".into());
        let (subject, sealed, understood) = (3, Blob([1].into()), true);
        let heard = ProviderFact::PaymentMessageHeard {
            provider: Provider::Stripe,
            message,
            about,
            understood,
            subject,
            sealed,
        };
        for known in [heard, ProviderFact::PaymentProviderRemoved { provider: Provider::Stripe }] {
            let row = FactRow::new(OrganizationId(1), Timestamp(2), Fact::from(known));
            let bytes = fact::encode(std::slice::from_ref(&row));
            assert_eq!(fact::decode(&bytes).unwrap(), [row]);
        }
    }
}
