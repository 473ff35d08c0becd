//! Letters to buyers, holders and those who wait: which facts lead to one, and which have not been sent yet.
//!
//! What a letter says is made when it is sent, of what is known then. Until then it is a line in memory, made again from
//! the log; that a mail server took it is a fact.

mod content;
mod news;
mod routes;

use std::sync::Arc;

use records::booking::{BookingFact, Ending, RefundReason};
use records::books::{BooksFact, Cause, LetterId};
use records::{
    Blob, EventId, Fact, FactRow, HoldId, OrderId, OrganizationId, RefundId, Span, TicketId, Timestamp, WaitId,
};
use rules::booking::Booking;
use rules::books::Wish;

pub(super) use routes::routes;

use crate::Api;
use crate::accounts::Personal;
use crate::problem::Problem;
use crate::programme::Programmes;
pub(super) use news::Plan;

/// How to pay is told after so long to who could have paid at once, and has not.
const PATIENCE: Span = Span::from_seconds(120);
/// A letter waits no longer for the paper that goes with it.
const PAPER_WITHIN: Span = Span::from_seconds(3_600);

/// What a fact leads to.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// An order was placed and is to be paid.
    Placed { event: EventId, order: OrderId },
    /// An order is paid.
    Confirmed { event: EventId, order: OrderId },
    /// An order, or some of it, ended.
    Ended { event: EventId, order: OrderId, why: Ending },
    /// Money goes back.
    Back { event: EventId, order: OrderId, refund: RefundId, why: RefundReason },
    /// A ticket is somebody else's; to whoever had it: the buyer when nobody stands here.
    Given { event: EventId, ticket: TicketId, holder: Option<Somebody> },
    /// A ticket is theirs now, or a new one of theirs replaces an old one.
    Got { event: EventId, ticket: TicketId },
    /// What they waited for is kept for them.
    Offered { event: EventId, wait: WaitId, hold: HoldId, until: Timestamp, waiting: Somebody },
    /// An order's letter is wanted again.
    Again { event: EventId, order: OrderId },
    /// The event takes place otherwise than its ticket holders were told, or not at all.
    News { event: EventId, order: OrderId, to: Option<TicketId>, was: Arc<Plan> },
}

/// Somebody's data, sealed.
#[derive(Debug, Clone)]
pub(super) struct Somebody {
    subject: u64,
    sealed: Blob,
}

/// A letter that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Due {
    /// Since when.
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
}

impl Kind {
    /// The order that needs no word about how to pay any more.
    pub(super) fn ends_waiting(&self) -> Option<(EventId, OrderId)> {
        match self {
            Self::Confirmed { event, order } | Self::Ended { event, order, .. } => Some((*event, *order)),
            _ => None,
        }
    }
}

/// Whether a fact may be news for everybody who has a ticket.
pub(super) fn is_news(row: &FactRow) -> bool {
    news::about(row).is_some()
}

/// Who is concerned, and what they were told, as known before a fact only.
#[derive(Debug)]
pub(super) struct Earlier {
    somebody: Option<Somebody>,
    plan: Option<Plan>,
}

/// Looks before a fact is applied.
pub(super) fn earlier(booking: &Booking, programmes: &Programmes, row: &FactRow) -> Earlier {
    let plan = news::about(row).and_then(|event| programmes.ask((row.organization, event), Plan::of));
    Earlier { somebody: somebody(booking, row), plan }
}

fn somebody(booking: &Booking, row: &FactRow) -> Option<Somebody> {
    let office = |event: EventId| booking.office(row.organization, event);
    match row.known() {
        Some(Fact::Booking(BookingFact::TicketTransferred { event, ticket, .. })) => {
            let known = office(*event).and_then(|office| office.ticket(*ticket));
            known
                .filter(|known| known.holder().is_some())
                .map(|known| Somebody { subject: known.subject, sealed: known.sealed.clone() })
        }
        Some(Fact::Booking(BookingFact::WaitOffered { event, wait, .. })) => {
            let known = office(*event).and_then(|office| office.waitlist().get(*wait));
            known.map(|known| Somebody { subject: known.subject, sealed: known.sealed.clone() })
        }
        _ => None,
    }
}

/// The letters that a fact leads to.
pub(super) fn of(row: &FactRow, cause: Cause, earlier: Earlier, booking: &Booking) -> Vec<(LetterId, Kind)> {
    if let Some(was) = earlier.plan {
        return news::of(row, cause, was, booking);
    }
    let kinds = match row.known() {
        Some(Fact::Booking(fact)) => of_booking(fact, earlier.somebody),
        Some(Fact::Books(BooksFact::LetterAsked { event, order })) => {
            vec![Kind::Again { event: *event, order: *order }]
        }
        _ => Vec::new(),
    };
    (0..).zip(kinds).map(|(part, kind)| (LetterId { cause, part, ..LetterId::default() }, kind)).collect()
}

fn of_booking(fact: &BookingFact, earlier: Option<Somebody>) -> Vec<Kind> {
    match fact {
        BookingFact::OrderPlaced { event, order, .. } => vec![Kind::Placed { event: *event, order: *order }],
        BookingFact::OrderConfirmed { event, order, .. } => vec![Kind::Confirmed { event: *event, order: *order }],
        BookingFact::OrderCancelled { event, order, why, .. } => {
            vec![Kind::Ended { event: *event, order: *order, why: *why }]
        }
        BookingFact::RefundStarted { event, order, refund, why, .. } => {
            vec![Kind::Back { event: *event, order: *order, refund: *refund, why: *why }]
        }
        BookingFact::TicketTransferred { event, ticket, .. } => vec![
            Kind::Given { event: *event, ticket: *ticket, holder: earlier },
            Kind::Got { event: *event, ticket: *ticket },
        ],
        BookingFact::TicketReissued { event, ticket, .. } => vec![Kind::Got { event: *event, ticket: *ticket }],
        BookingFact::WaitOffered { event, wait, hold, until, .. } => earlier
            .map(|waiting| Kind::Offered { event: *event, wait: *wait, hold: *hold, until: *until, waiting })
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// Which words a letter has; whoever sends it knows them in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Pay by the link, until a time.
    Placed,
    /// Pay by bank transfer, until a time.
    TransferAwaited,
    /// The organizer looks at it first.
    InReview,
    /// It is paid, or free; tickets are attached.
    Confirmed,
    /// It was not paid in time.
    Expired,
    /// It was cancelled.
    Cancelled,
    /// Some of it was cancelled.
    PartCancelled,
    /// The organizer refused it.
    Refused,
    /// Money goes back.
    Refunded,
    /// Money came too late and goes back.
    PaidLate,
    /// More came than was owed, and goes back.
    PaidTooMuch,
    /// Their ticket is somebody else's.
    TicketGiven,
    /// A ticket is theirs.
    TicketGot,
    /// What they waited for is kept for them.
    Offered,
    /// The event takes place at another time or place.
    Changed,
    /// The event does not take place.
    CalledOff,
    /// The same, to somebody who has paid.
    CalledOffPaid,
    /// The same, to somebody who may ask for their money back.
    CalledOffAsk,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Placed,
        Self::TransferAwaited,
        Self::InReview,
        Self::Confirmed,
        Self::Expired,
        Self::Cancelled,
        Self::PartCancelled,
        Self::Refused,
        Self::Refunded,
        Self::PaidLate,
        Self::PaidTooMuch,
        Self::TicketGiven,
        Self::TicketGot,
        Self::Offered,
        Self::Changed,
        Self::CalledOff,
        Self::CalledOffPaid,
        Self::CalledOffAsk,
    ];
}

/// What goes into a letter's words; empty for what it does not speak of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The organization's name.
    pub organization: String,
    /// What people call the event.
    pub event: String,
    /// The order's id.
    pub order: String,
    /// An amount with its currency, such as `12.50 EUR`.
    pub amount: String,
    /// A moment, as the event's clocks show it.
    pub until: String,
    /// How bank transfers reach the organization, with its lines.
    pub bank: String,
    /// What was bought, or waited for.
    pub product: String,
    /// Why an event was called off, as the organizer says.
    pub reason: String,
    /// When the event takes place, and when it was said to; the latter is empty where it has not changed.
    pub when: (String, String),
    /// The same of where.
    pub place: (String, String),
}

/// Something attached to a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name that it is saved by.
    pub name: String,
    /// Its media type.
    pub media: &'static str,
    /// It.
    pub bytes: Vec<u8>,
}

/// A letter, ready to be worded and sent.
#[derive(Debug, Clone)]
pub struct BuyerLetter {
    /// Whom it goes to.
    pub to: Personal,
    /// The language they read, BCP 47.
    pub language: String,
    /// What it is about.
    pub occasion: Occasion,
    /// What goes into its words.
    pub facts: Facts,
    /// Where it leads; empty for nowhere.
    pub link: String,
    /// What comes with it.
    pub attachments: Vec<Attachment>,
}

/// What is to be done about a letter.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is sent.
    Send(Box<BuyerLetter>),
    /// Its time has not come.
    Later,
    /// It is not sent.
    Never(&'static str),
}

/// A letter that no mail server took yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The organization.
    pub organization: OrganizationId,
    /// Which letter.
    pub id: LetterId,
    /// Since when it waits.
    pub queued: Timestamp,
    /// Whether it is one of many that say the same to all who have tickets.
    pub to_all: bool,
}

impl Api {
    /// Letters whose time has come, of each organization the first in the order of the log: `most` of somebody's own, and after
    /// them as many that go to everybody who has a ticket.
    pub fn letters(&self, most: usize) -> Vec<Waiting> {
        let now = self.clock.now();
        let shelves = self.booking.books.read();
        let (mut own, mut news) = (Vec::new(), Vec::new());
        for (organization, shelf) in shelves.iter() {
            let has_paper =
                |id: &LetterId, due: &Due| !shelf.drafts.contains_key(&id.cause) || now.since(due.at) > PAPER_WITHIN;
            let waiting = |to_all: bool| {
                move |(id, due): (&LetterId, &Due)| Waiting {
                    organization: *organization,
                    id: *id,
                    queued: due.at,
                    to_all,
                }
            };
            let ready = shelf.letters.iter().filter(|(id, due)| has_paper(id, due)).take(most);
            own.extend(ready.map(waiting(false)));
            let calm = shelf.news.iter().filter(|(_, due)| now.since(due.at) >= news::CALM).take(most);
            news.extend(calm.map(waiting(true)));
        }
        drop(shelves);
        for all in [&mut own, &mut news] {
            all.sort_unstable_by_key(|waiting| (waiting.queued, waiting.id));
            all.truncate(most);
        }
        own.append(&mut news);
        own
    }

    /// What a letter says now.
    pub async fn letter(&self, waiting: &Waiting) -> Outcome {
        let found = self.booking.books.ask(waiting.organization, |shelf| shelf.due(&waiting.id).cloned());
        let Some(due) = found else { return Outcome::Later };
        self.worded(waiting.organization, waiting.id, &due).await
    }

    /// Servers took letters, or they are given up for a reason.
    ///
    /// # Errors
    /// When the log does not take it.
    pub async fn letters_settled(
        &self,
        organization: OrganizationId,
        letters: Vec<(LetterId, Option<String>)>,
    ) -> Result<(), Problem> {
        self.write_book(organization, Wish::SettleLetters(letters)).await.map(|_| ())
    }
}
