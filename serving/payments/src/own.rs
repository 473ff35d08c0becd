//! Providers without a machine at the other end: nothing to pay, bank transfers, and the one for trying things out.

use records::Timestamp;
use records::booking::PaymentStatus;

use crate::failure::{Failure, Unheard};
use crate::provider::{Answer, Attempt, Message, Provider, Refund, Refunded, Seen};

/// Nothing has to be paid, so nothing is ever asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Free;

/// A bank transfer: somebody looks at the account and says what came and what was sent back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transfer;

/// The test provider: it has whatever a page says that it has, and does at once what it is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Test;

fn ready<'a, T: Send + 'a>(answer: Result<T, Failure>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

fn seen(status: PaymentStatus, captured: i64, reference: String) -> Result<Seen, Failure> {
    Ok(Seen { status, captured, reference, ..Seen::default() })
}

impl Provider for Free {
    fn start<'a>(&'a self, _: &'a Attempt) -> Answer<'a, Seen> {
        ready(Err(Failure::NothingToPay))
    }

    fn read<'a>(&'a self, _: &'a Attempt, _: &'a str) -> Answer<'a, Seen> {
        ready(Err(Failure::NothingToPay))
    }

    fn capture<'a>(&'a self, _: &'a Attempt, _: &'a str) -> Answer<'a, Seen> {
        ready(Err(Failure::NothingToPay))
    }

    fn cancel<'a>(&'a self, _: &'a Attempt, _: &'a str) -> Answer<'a, Seen> {
        ready(Err(Failure::NothingToPay))
    }

    fn refund<'a>(&'a self, _: &'a Refund) -> Answer<'a, Refunded> {
        ready(Err(Failure::NothingToPay))
    }

    fn hear(&self, _: &str, _: &[u8], _: Timestamp) -> Result<Message, Unheard> {
        Err(Unheard::Silent)
    }
}

impl Provider for Transfer {
    /// The reference is what the buyer writes into the transfer.
    fn start<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Pending, 0, transfer_reference(attempt)))
    }

    fn read<'a>(&'a self, attempt: &'a Attempt, _: &'a str) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Pending, 0, transfer_reference(attempt)))
    }

    fn capture<'a>(&'a self, _: &'a Attempt, _: &'a str) -> Answer<'a, Seen> {
        ready(Err(Failure::ByHand))
    }

    /// Nobody waits for it any more; what comes all the same is a receipt of its own.
    fn cancel<'a>(&'a self, _: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Voided, 0, reference.to_owned()))
    }

    fn refund<'a>(&'a self, _: &'a Refund) -> Answer<'a, Refunded> {
        ready(Err(Failure::ByHand))
    }

    fn hear(&self, _: &str, _: &[u8], _: Timestamp) -> Result<Message, Unheard> {
        Err(Unheard::Silent)
    }
}

/// What a buyer writes into a transfer: 12 digits of the order, in groups, because people type them.
fn transfer_reference(attempt: &Attempt) -> String {
    let digits = format!("{:012X}", records::hash::wide(attempt.order.0) & 0xffff_ffff_ffff);
    format!("EV-{}-{}-{}", &digits[..4], &digits[4..8], &digits[8..])
}

impl Provider for Test {
    fn start<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Pending, 0, format!("test_{}", attempt.payment)))
    }

    /// It knows nothing but what it was told, which is known.
    fn read<'a>(&'a self, _: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Pending, 0, reference.to_owned()))
    }

    fn capture<'a>(&'a self, attempt: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Captured, attempt.amount.minor, reference.to_owned()))
    }

    fn cancel<'a>(&'a self, _: &'a Attempt, reference: &'a str) -> Answer<'a, Seen> {
        ready(seen(PaymentStatus::Voided, 0, reference.to_owned()))
    }

    fn refund<'a>(&'a self, _: &'a Refund) -> Answer<'a, Refunded> {
        ready(Ok(Refunded::Settled))
    }

    fn hear(&self, _: &str, _: &[u8], _: Timestamp) -> Result<Message, Unheard> {
        Err(Unheard::Silent)
    }
}

#[cfg(test)]
mod tests {
    use records::{Currency, EventId, Money, OrderId, OrganizationId, PaymentId};

    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            organization: OrganizationId(1),
            event: EventId(2),
            order: OrderId(3),
            payment: PaymentId(4),
            number: 1,
            amount: Money { minor: 500, currency: Currency::EUR },
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_transfers_reference_is_short_and_always_the_same() {
        let reference = now(Transfer.start(&attempt())).unwrap().reference;
        assert_eq!(reference, now(Transfer.start(&attempt())).unwrap().reference);
        assert_eq!((reference.len(), &reference[..3]), (17, "EV-"));
        assert_eq!(now(Transfer.capture(&attempt(), &reference)), Err(Failure::ByHand));
    }

    #[test]
    fn the_test_provider_takes_and_gives_at_once() {
        let attempt = attempt();
        let begun = now(Test.start(&attempt)).unwrap();
        assert_eq!((begun.status, begun.captured), (PaymentStatus::Pending, 0));
        let taken = now(Test.capture(&attempt, &begun.reference)).unwrap();
        assert_eq!((taken.status, taken.captured), (PaymentStatus::Captured, 500));
        assert_eq!(Test.hear("", b"", Timestamp(0)), Err(Unheard::Silent));
    }
}
