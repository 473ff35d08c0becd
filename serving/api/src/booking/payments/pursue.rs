//! One payment, as far as it can be brought now: its provider is asked or told what follows from what is known.

use payments::{Failure, Refund, Refunded, Seen};
use records::booking::PaymentStatus;
use records::{Money, PaymentId, RefundId};
use rules::booking::Wish;
use rules::booking::office::OrderStatus;
use rules::booking::payments::Errand;
use views::fraud::Buyer;

use super::super::risk::review;
use super::{At, Known, failed, known};
use crate::Api;
use crate::problem::{Code, Problem};

/// Steps of one payment at once: asked, kept ready, held or taken, its fee.
const STEPS_MAX: usize = 4;

/// What is done about money that is kept ready.
enum Look {
    Take,
    /// The organizer decides first.
    Wait,
    /// The order is over, so there is nothing that the organizer could look at.
    Leave,
}

impl Api {
    /// Does for a payment what can be done now. Doing it twice, or at the same time, changes nothing.
    ///
    /// # Errors
    /// When its provider fails, or the desk does not decide.
    pub(super) async fn pursue(&self, at: At, payment: PaymentId) -> Result<(), Problem> {
        let mut before = None;
        for _ in 0..STEPS_MAX {
            let next = self.office(at, |office| Some((office.errand_of(payment)?, known(office, at, payment)?)))?;
            let Some((errand, known)) = next else { return Ok(()) };
            // What was just asked is not asked again at once.
            if before == Some(errand) {
                return Ok(());
            }
            before = Some(errand);
            self.step(at, payment, errand, &known).await?;
        }
        Ok(())
    }

    async fn step(&self, at: At, payment: PaymentId, errand: Errand, known: &Known) -> Result<(), Problem> {
        let (attempt, reference) = (&known.attempt, known.reference.as_str());
        let seen = match (errand, self.payment_provider(at.0, known.provider)) {
            (Errand::Cancel, _) => return self.let_go(at, payment, known).await,
            (_, Err(problem)) => return Err(problem),
            (Errand::Start, Ok(provider)) => provider.start(attempt).await,
            (Errand::Read | Errand::AskFee, Ok(provider)) => provider.read(attempt, reference).await,
            (Errand::Capture, Ok(provider)) => match self.looked_into(at, payment).await? {
                Look::Take => provider.capture(attempt, reference).await,
                Look::Wait => return Ok(()),
                Look::Leave => provider.cancel(attempt, reference).await,
            },
        };
        self.heard(at, payment, &seen).await?;
        seen.map(|_| ()).map_err(|failure| failed(at.0, &failure))
    }

    /// What a provider has answered becomes facts; that there is nothing and never will be, too.
    pub(super) async fn heard(&self, at: At, payment: PaymentId, seen: &Result<Seen, Failure>) -> Result<(), Problem> {
        match seen {
            Ok(seen) => self.observe(at, payment, seen).await,
            Err(failure) if !failure.is_passing() => {
                let begun = self.office(at, |office| office.payment(payment).map(|known| known.status))?;
                // Refused at its beginning: there is nothing at the provider.
                if begun == Some(PaymentStatus::Created) {
                    let seen = Seen { status: PaymentStatus::Voided, ..Seen::default() };
                    self.observe(at, payment, &seen).await?;
                }
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// Lets go of what nobody wants any more, after a look at what became of it meanwhile.
    pub(super) async fn let_go(&self, at: At, payment: PaymentId, known: &Known) -> Result<(), Problem> {
        let Ok(provider) = self.payment_provider(at.0, known.provider) else {
            // Nobody here can ask it any more, so nobody can take the money: nothing will come of it.
            let seen = Seen { status: PaymentStatus::Voided, ..Seen::default() };
            return self.observe(at, payment, &seen).await;
        };
        let attempt = &known.attempt;
        // Whether it was ever asked for is not known without its name: under the same key it is the same.
        let seen = match known.reference.as_str() {
            "" => provider.start(attempt).await,
            reference => provider.read(attempt, reference).await,
        };
        self.heard(at, payment, &seen).await?;
        let seen = seen.map_err(|failure| failed(at.0, &failure))?;
        let is_over = matches!(seen.status, PaymentStatus::Captured | PaymentStatus::Voided);
        // Somebody may have agreed to pay in the last moment.
        let is_wanted = seen.status == PaymentStatus::Authorized
            && self.office(at, |office| office.errand_of(payment))? == Some(Errand::Capture);
        if is_over || is_wanted {
            return Ok(());
        }
        let gone = provider.cancel(attempt, &seen.reference).await;
        self.heard(at, payment, &gone).await?;
        gone.map(|_| ()).map_err(|failure| failed(at.0, &failure))
    }

    /// What is done about an order's money, after the dataflow was asked once more.
    async fn looked_into(&self, at: At, payment: PaymentId) -> Result<Look, Problem> {
        let organization = at.0;
        let found = self.office(at, |office| {
            let paid = office.payment(payment)?;
            let (order, of) = (paid.order, office.order(paid.order)?);
            let from = office.catalogue().sales().review_from.filter(|_| !of.released);
            let buyer = Buyer { organization, person: of.person, card: paid.card, order, amount: of.total() };
            Some((buyer, from, of.status == OrderStatus::Pending))
        })?;
        let Some((buyer, from, is_pending)) = found else { return Ok(Look::Wait) };
        let risk = from.and_then(|_| self.risk(&buyer));
        let is_high = risk.as_ref().is_some_and(|risk| from.is_some_and(|from| u32::from(risk.score) >= from));
        let order = buyer.order;
        match risk {
            Some(_) if is_high && !is_pending => return Ok(Look::Leave),
            Some(risk) if is_high => {
                self.book(None, None, at, Wish::HoldOrder { order, score: review(&risk) }).await?;
            }
            _ => {}
        }
        let waits = self.office(at, |office| office.order(order).is_some_and(|order| order.review.is_some()))?;
        Ok(if waits { Look::Wait } else { Look::Take })
    }

    /// Has money given back, or learns how far that is.
    pub(super) async fn give_back(&self, at: At, refund: RefundId) -> Result<(), Problem> {
        let wanted = self.office(at, |office| {
            let back = office.refund(refund)?;
            Some((known(office, at, back.payment)?, back.amount))
        })?;
        let (known, minor) = wanted.ok_or_else(|| Problem::new(Code::NotFound, "there is no such refund"))?;
        let amount = Money { minor, currency: known.attempt.amount.currency };
        let provider = self.payment_provider(at.0, known.provider)?;
        let (attempt, reference) = (known.attempt, known.reference);
        match provider.refund(&Refund { attempt, reference, refund, amount }).await {
            Ok(state) => self.refunded(at, refund, state).await,
            Err(failure) if failure.is_passing() => Err(failed(at.0, &failure)),
            Err(failure) => self.refunded(at, refund, Refunded::Failed(failure.to_string())).await,
        }
    }

    /// How far a refund is becomes a fact, when it is over.
    pub(super) async fn refunded(&self, at: At, refund: RefundId, state: Refunded) -> Result<(), Problem> {
        let wish = match state {
            Refunded::Pending => return Ok(()),
            Refunded::Settled => Wish::SettleRefund(refund),
            Refunded::Failed(reason) => Wish::FailRefund { refund, reason },
        };
        self.book(None, None, at, wish).await.map(|_| ())
    }
}
