//! Rounds: what providers did not say by themselves, they are asked; what they have to be told, they are told. Also after a
//! restart, because what is to be done is not kept here but follows from the facts.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use records::{EventId, OrganizationId, PaymentId, RefundId, Span, Timestamp};
use rules::booking::payments::Errand;

use crate::Api;

/// Things done in one round: the others come in the next.
const ROUND_MAX: usize = 64;
/// Of those, at the same time: a provider takes some tens of requests a second.
const AT_ONCE: usize = 8;
/// Before a payment is first asked about: mostly its provider says by itself how far it is.
const FIRST_LOOK: Span = Span::from_seconds(5);
/// Before a payment is begun by us that was begun by a buyer's page, whose request may take 30 s.
const FIRST_START: Span = Span::from_seconds(40);
/// Before something is tried or asked again; twice as long each time.
const PAUSE: Span = Span::from_seconds(5);
/// The longest of those.
const PAUSE_MAX: Span = Span::from_seconds(600);
/// Times that a provider is asked for a fee: some never say.
const FEE_TRIES: u32 = 6;

/// What has to be done for a payment or a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// Its provider has to be asked or told this, and when it began.
    Payment(PaymentId, Errand, Timestamp),
    /// Its provider has to give it back.
    Refund(RefundId),
}

type Task = (OrganizationId, EventId, What);

#[derive(Debug)]
struct Pause {
    until: Timestamp,
    next: Span,
    tries: u32,
}

/// When things are tried next. Lost with the process, and then everything is tried soon.
#[derive(Debug, Default)]
pub struct Rounds {
    pauses: BTreeMap<Task, Pause>,
}

impl Rounds {
    /// Does what is due now, a bounded number of things; what fails is tried again after a pause. Returns how many were tried.
    pub async fn round(&mut self, api: &Api) -> usize {
        let now = api.clock.now();
        let due = self.due(api.booking.errands(), now);
        let tried = due.len();
        let done = futures_util::stream::iter(due).map(|task| async move {
            let (organization, event, what) = task;
            let done = match what {
                What::Payment(payment, ..) => api.pursue((organization, event), payment).await,
                What::Refund(refund) => api.give_back((organization, event), refund).await,
            };
            if let Err(problem) = done {
                let (code, detail) = (problem.code.word(), problem.detail);
                tracing::warn!(%organization, %event, ?what, code, detail, "tried again later");
            }
        });
        done.buffer_unordered(AT_ONCE).collect::<()>().await;
        tried
    }

    /// What is due, the longest waiting first; each waits from here on.
    fn due(&mut self, tasks: Vec<Task>, now: Timestamp) -> Vec<Task> {
        let before = std::mem::take(&mut self.pauses);
        for task in tasks {
            let pause = Pause { until: now.saturating_add(first(task.2, now)), next: PAUSE, tries: 0 };
            self.pauses.insert(task, pause);
        }
        for (task, pause) in before {
            self.pauses.entry(task).and_modify(|fresh| *fresh = pause);
        }
        let is_over = |task: &Task, pause: &Pause| {
            matches!(task.2, What::Payment(_, Errand::AskFee, _)) && pause.tries >= FEE_TRIES
        };
        let waiting = self.pauses.iter().filter(|(task, pause)| pause.until <= now && !is_over(task, pause));
        let mut due: Vec<(Timestamp, Task)> = waiting.map(|(task, pause)| (pause.until, *task)).collect();
        due.sort_unstable();
        due.truncate(ROUND_MAX);
        for (_, task) in &due {
            let pause = self.pauses.get_mut(task).expect("it was just found there");
            pause.until = now.saturating_add(pause.next);
            pause.next = Span(pause.next.0.saturating_mul(2)).min(PAUSE_MAX);
            pause.tries += 1;
        }
        due.into_iter().map(|(_, task)| task).collect()
    }
}

/// How long something waits before it is done for the first time.
fn first(what: What, now: Timestamp) -> Span {
    match what {
        What::Payment(_, Errand::Start, started) => Span(FIRST_START.0 - now.since(started).0.clamp(0, FIRST_START.0)),
        What::Payment(_, Errand::Read, _) => FIRST_LOOK,
        What::Payment(_, Errand::AskFee | Errand::Capture | Errand::Cancel, _) | What::Refund(_) => Span::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000 + seconds)
    }

    fn task(id: u128, errand: Errand) -> Task {
        (OrganizationId(1), EventId(2), What::Payment(PaymentId(id), errand, at(0)))
    }

    #[test]
    fn what_stays_is_asked_about_ever_more_rarely_and_what_changes_at_once() {
        let (mut rounds, read) = (Rounds::default(), task(1, Errand::Read));
        let asked: Vec<i64> = (0..400).filter(|second| !rounds.due(vec![read], at(*second)).is_empty()).collect();
        assert_eq!(asked, [5, 10, 20, 40, 80, 160, 320]);
        let capture = task(1, Errand::Capture);
        assert_eq!(rounds.due(vec![capture], at(400)), [capture]);
        assert!(rounds.due(vec![capture], at(400)).is_empty());
    }

    #[test]
    fn a_page_has_time_to_begin_its_payment_and_fees_are_not_asked_for_for_ever() {
        let mut rounds = Rounds::default();
        let start = task(1, Errand::Start);
        assert!(rounds.due(vec![start], at(39)).is_empty() && rounds.due(vec![start], at(40)) == [start]);
        let fee = task(2, Errand::AskFee);
        let asked = (0..100_000).step_by(100).filter(|second| !rounds.due(vec![fee], at(*second)).is_empty()).count();
        assert_eq!(asked, FEE_TRIES as usize);
    }

    #[test]
    fn a_round_is_bounded_and_nobody_waits_for_ever() {
        let mut rounds = Rounds::default();
        let tasks: Vec<Task> = (0..150).map(|id| task(id, Errand::Cancel)).collect();
        let sizes: Vec<usize> = (0..4).map(|second| rounds.due(tasks.clone(), at(second)).len()).collect();
        assert_eq!(sizes, [64, 64, 22, 0]);
    }
}
