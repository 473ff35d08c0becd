//! What a letter says, made of what is known when it is sent.

use records::booking::{Ending, Provider, RefundReason};
use records::books::LetterId;
use records::{EventId, HoldId, Money, OrderId, OrganizationId, TicketId, WaitId};
use rules::booking::office::{Order, OrderStatus, Ticket};

use super::{Attachment, BuyerLetter, Due, Facts, Kind, Occasion, Outcome, PATIENCE, Somebody};
use crate::Api;
use crate::accounts::Personal;
use crate::booking::{Claims, Contact};
use crate::paper;
use crate::problem::Problem;
use crate::programme::Method;

/// Tickets that are attached; of larger orders all are behind the link.
const ATTACHED_MAX: usize = 20;

pub(super) type At = (OrganizationId, EventId);

/// What people are told of an event.
pub(super) struct About {
    pub(super) organization: String,
    event: Option<rules::Event>,
    language: String,
}

impl About {
    pub(super) fn title(&self) -> String {
        self.event.as_ref().map_or_else(String::new, |event| event.title.clone())
    }
}

/// A letter before it is known whom it goes to.
pub(super) struct Body {
    pub(super) occasion: Occasion,
    pub(super) facts: Facts,
    pub(super) link: String,
    pub(super) attachments: Vec<Attachment>,
}

impl Api {
    pub(super) async fn worded(&self, organization: OrganizationId, id: LetterId, due: &Due) -> Outcome {
        let made = match &due.kind {
            Kind::Placed { event, order } => {
                let at = (organization, *event);
                let now = self.clock.now();
                match self.order(at, *order) {
                    Some(known) if known.status != OrderStatus::Pending => Ok(None),
                    Some(known)
                        if known.provider != Provider::Transfer
                            && known.review.is_none()
                            && now.since(due.at) < PATIENCE =>
                    {
                        return Outcome::Later;
                    }
                    _ => self.about_order(at, *order, id, None).await,
                }
            }
            Kind::Confirmed { event, order } => self.about_order((organization, *event), *order, id, None).await,
            Kind::Again { event, order } => self.about_order((organization, *event), *order, id, None).await,
            Kind::Ended { event, order, why } => self.about_order((organization, *event), *order, id, Some(*why)).await,
            Kind::Back { event, order, refund, why } => {
                let at = (organization, *event);
                let amount = self.office(at, |office| office.refund(*refund).map(|known| known.amount)).ok().flatten();
                self.about_money(at, *order, id, amount.unwrap_or(0), *why).await
            }
            Kind::Given { event, ticket, holder } => self.about_given((organization, *event), *ticket, holder.as_ref()),
            Kind::Got { event, ticket } => self.about_got((organization, *event), *ticket).await,
            Kind::News { event, order, to, was } => Ok(self.about_news((organization, *event), *order, *to, was)),
            Kind::Offered { event, wait, hold, until, waiting } => {
                Ok(self.about_offer((organization, *event), (*wait, *hold), *until, waiting))
            }
        };
        match made {
            Ok(Some((contact, body))) if !contact.email.is_empty() => self.addressed(organization, contact, body),
            Ok(Some(_)) => Outcome::Never("nobody is known any more by this mail address"),
            Ok(None) => Outcome::Never("what it was about has changed"),
            // It was logged where it failed, and is tried again.
            Err(_) => Outcome::Later,
        }
    }

    fn addressed(&self, organization: OrganizationId, contact: Contact, body: Body) -> Outcome {
        let language = if contact.language.is_empty() { self.language_of(organization) } else { contact.language };
        let to = Personal { email: contact.email, name: contact.name };
        let Body { occasion, facts, link, attachments } = body;
        Outcome::Send(Box::new(BuyerLetter { to, language, occasion, facts, link, attachments }))
    }

    pub(super) fn about(&self, (organization, event): At, contact: &Contact) -> About {
        let name =
            self.callers.read(|directory| directory.organization(organization).and_then(|known| known.name.clone()));
        let book = self.rules.read().expect("nothing panics under the lock");
        let known = book.tenant(organization).and_then(|tenant| tenant.event(event)).cloned();
        drop(book);
        let language =
            if contact.language.is_empty() { self.language_of(organization) } else { contact.language.clone() };
        About { organization: name.unwrap_or_default(), event: known, language }
    }

    pub(super) fn order(&self, at: At, order: OrderId) -> Option<Order> {
        self.office(at, |office| office.order(order).cloned()).ok().flatten()
    }

    /// Where an order is shown to whoever has the link.
    pub(super) fn order_link(&self, (organization, event): At, order: OrderId) -> String {
        let secret = self.order_secret(organization, order);
        format!("{}/shop/{organization}/{event}/orders/{order}#secret={secret}", self.accounts.public_url)
    }

    /// About an order as it is, or about an end of some of it.
    async fn about_order(
        &self,
        at: At,
        order: OrderId,
        id: LetterId,
        ended: Option<Ending>,
    ) -> Result<Option<(Contact, Body)>, Problem> {
        let Some(known) = self.order(at, order) else { return Ok(None) };
        let contact = self.contact(at.0, known.subject, &known.sealed);
        let about = self.about(at, &contact);
        let occasion = match (ended, known.status) {
            (Some(Ending::Unpaid), _) => Occasion::Expired,
            (Some(Ending::Refused), _) => Occasion::Refused,
            (Some(_), OrderStatus::Confirmed) => Occasion::PartCancelled,
            (Some(_), _) => Occasion::Cancelled,
            (None, OrderStatus::Pending) if known.review.is_some() => Occasion::InReview,
            (None, OrderStatus::Pending) if known.provider == Provider::Transfer => Occasion::TransferAwaited,
            (None, OrderStatus::Pending) => Occasion::Placed,
            (None, OrderStatus::Confirmed) => Occasion::Confirmed,
            (None, OrderStatus::Ended(_)) => return Ok(None),
        };
        let owed = match occasion {
            Occasion::Placed | Occasion::TransferAwaited => known.total() - known.paid,
            _ => known.total(),
        };
        let is_pending = known.status == OrderStatus::Pending;
        let until = about.event.as_ref().filter(|_| is_pending).map(|event| event.zone.minute(known.due));
        let facts = Facts {
            organization: about.organization.clone(),
            event: about.title(),
            order: order.to_string(),
            amount: Money { minor: owed, currency: known.currency }.to_string(),
            until: until.unwrap_or_default(),
            bank: if occasion == Occasion::TransferAwaited { self.invoicing(at.0).bank } else { String::new() },
            ..Facts::default()
        };
        let mut attachments = self.papers(at, order, id, occasion == Occasion::Confirmed).await?;
        if occasion == Occasion::Confirmed {
            attachments.extend(self.tickets(at, order, &known, &contact, &about).await?);
            attachments.extend(self.calendar(at, &about, Method::Publish));
        }
        let link = self.order_link(at, order);
        Ok(Some((contact, Body { occasion, facts, link, attachments })))
    }

    /// The papers that the letter's fact led to, or all of an order's.
    async fn papers(&self, at: At, order: OrderId, id: LetterId, all: bool) -> Result<Vec<Attachment>, Problem> {
        let numbers: Vec<String> = self.booking.books.ask(at.0, |shelf| {
            let wanted = shelf.of_order(at.1, order).filter(|issued| all || issued.cause == id.cause);
            wanted.map(|issued| issued.number.clone()).collect()
        });
        let mut papers = Vec::new();
        for number in numbers.into_iter().take(ATTACHED_MAX) {
            let bytes = self.invoice_pdf(at.0, &number).await?;
            papers.push(Attachment { name: format!("{number}.pdf"), media: paper::MEDIA, bytes });
        }
        Ok(papers)
    }

    /// The tickets of an order that are still the buyer's.
    async fn tickets(
        &self,
        at: At,
        order: OrderId,
        known: &Order,
        buyer: &Contact,
        about: &About,
    ) -> Result<Vec<Attachment>, Problem> {
        let mut attached = Vec::new();
        for (place, id) in (1..).zip(known.tickets.iter().filter(|id| id.is_some())).take(ATTACHED_MAX) {
            let ticket = self.office(at, |office| office.ticket(*id).cloned())?;
            let Some(ticket) = ticket.filter(|ticket| !ticket.cancelled && ticket.holder().is_none()) else { continue };
            let bytes = self.ticket_pdf(at, *id, &ticket, buyer, about).await?;
            let name = format!("ticket-{place}-{}.pdf", order.to_string().chars().take(8).collect::<String>());
            attached.push(Attachment { name, media: paper::MEDIA, bytes });
        }
        Ok(attached)
    }

    async fn ticket_pdf(
        &self,
        at: At,
        id: TicketId,
        ticket: &Ticket,
        holder: &Contact,
        about: &About,
    ) -> Result<Vec<u8>, Problem> {
        let (product, valid) = self.office(at, |office| {
            let position =
                office.order(ticket.order).and_then(|order| order.positions.get(usize::from(ticket.position)).copied());
            let title = position.map(|position| rules::books::draft::title(office, &position)).unwrap_or_default();
            (title, office.validity(ticket))
        })?;
        let claims = Claims { event: at.1, ticket: id, product: ticket.choice.product, revision: ticket.revision };
        let event = about.event.clone();
        let sheet = paper::ticket::Sheeted {
            organization: about.organization.clone(),
            title: about.title(),
            zone: event.as_ref().map_or_else(records::Zone::utc, |event| event.zone.clone()),
            starts: event.as_ref().map(|event| event.starts).unwrap_or_default(),
            ends: event.map(|event| event.ends).unwrap_or_default(),
            product,
            // Whoever was named for the position, while the ticket is the buyer's.
            holder: if ticket.holder().is_some() {
                holder.name.clone()
            } else {
                holder.attendee(ticket.position).to_owned()
            },
            order: ticket.order,
            ticket: id,
            revision: ticket.revision,
            text: claims.text_valid(valid, &self.ticket_key(at.0)),
            language: about.language.clone(),
        };
        paper::made(move || paper::ticket::write(&sheet)).await
    }

    /// The ticket of a buyer as a document; none when it is not theirs any more.
    pub(super) async fn buyers_ticket(&self, at: At, order: OrderId, id: TicketId) -> Result<Option<Vec<u8>>, Problem> {
        let found = self.office(at, |office| Some((office.order(order)?.clone(), office.ticket(id)?.clone())))?;
        let mine = |ticket: &Ticket| ticket.order == order && !ticket.cancelled && ticket.holder().is_none();
        let Some((known, ticket)) = found.filter(|(_, ticket)| mine(ticket)) else { return Ok(None) };
        let buyer = self.contact(at.0, known.subject, &known.sealed);
        let about = self.about(at, &buyer);
        self.ticket_pdf(at, id, &ticket, &buyer, &about).await.map(Some)
    }

    pub(super) fn calendar(&self, at: At, about: &About, method: Method) -> Option<Attachment> {
        let bytes = self.mailed_calendar(at, &about.organization, method)?.into_bytes();
        Some(Attachment { name: "event.ics".into(), media: method.media(), bytes })
    }

    async fn about_money(
        &self,
        at: At,
        order: OrderId,
        id: LetterId,
        amount: i64,
        why: RefundReason,
    ) -> Result<Option<(Contact, Body)>, Problem> {
        let Some(known) = self.order(at, order) else { return Ok(None) };
        let contact = self.contact(at.0, known.subject, &known.sealed);
        let about = self.about(at, &contact);
        let occasion = match why {
            RefundReason::Late => Occasion::PaidLate,
            RefundReason::Surplus => Occasion::PaidTooMuch,
            RefundReason::Asked | RefundReason::Cancelled => Occasion::Refunded,
        };
        let facts = Facts {
            organization: about.organization.clone(),
            event: about.title(),
            order: order.to_string(),
            amount: Money { minor: amount, currency: known.currency }.to_string(),
            ..Facts::default()
        };
        let attachments = self.papers(at, order, id, false).await?;
        Ok(Some((contact, Body { occasion, facts, link: self.order_link(at, order), attachments })))
    }

    /// To whoever had a ticket: the holder before, or the buyer.
    fn about_given(
        &self,
        at: At,
        ticket: TicketId,
        holder: Option<&Somebody>,
    ) -> Result<Option<(Contact, Body)>, Problem> {
        let found = self.office(at, |office| {
            let known = office.ticket(ticket)?;
            let order = office.order(known.order)?;
            Some((known.order, order.subject, order.sealed.clone()))
        })?;
        let Some((order, subject, sealed)) = found else { return Ok(None) };
        let (contact, link) = match holder {
            Some(holder) => (self.contact(at.0, holder.subject, &holder.sealed), String::new()),
            None => (self.contact(at.0, subject, &sealed), self.order_link(at, order)),
        };
        let about = self.about(at, &contact);
        let facts = Facts { organization: about.organization.clone(), event: about.title(), ..Facts::default() };
        Ok(Some((contact, Body { occasion: Occasion::TicketGiven, facts, link, attachments: Vec::new() })))
    }

    /// To whoever has a ticket now.
    async fn about_got(&self, at: At, id: TicketId) -> Result<Option<(Contact, Body)>, Problem> {
        let found = self.office(at, |office| {
            let ticket = office.ticket(id)?.clone();
            let order = office.order(ticket.order)?;
            Some((ticket, order.subject, order.sealed.clone()))
        })?;
        let Some((ticket, subject, sealed)) = found.filter(|(ticket, ..)| !ticket.cancelled) else { return Ok(None) };
        let is_buyers = ticket.holder().is_none();
        let contact = if is_buyers {
            self.contact(at.0, subject, &sealed)
        } else {
            self.contact(at.0, ticket.subject, &ticket.sealed)
        };
        let about = self.about(at, &contact);
        let bytes = self.ticket_pdf(at, id, &ticket, &contact, &about).await?;
        let mut attachments = vec![Attachment { name: "ticket.pdf".into(), media: paper::MEDIA, bytes }];
        attachments.extend(self.calendar(at, &about, Method::Publish));
        let facts = Facts { organization: about.organization.clone(), event: about.title(), ..Facts::default() };
        // The order is the buyer's: whoever got a ticket sees the event.
        let (organization, event) = at;
        let link = if is_buyers {
            self.order_link(at, ticket.order)
        } else {
            format!("{}/e/{organization}/{event}", self.accounts.public_url)
        };
        Ok(Some((contact, Body { occasion: Occasion::TicketGot, facts, link, attachments })))
    }

    fn about_offer(
        &self,
        at: At,
        (wait, hold): (WaitId, HoldId),
        until: records::Timestamp,
        waiting: &Somebody,
    ) -> Option<(Contact, Body)> {
        let contact = self.contact(at.0, waiting.subject, &waiting.sealed);
        let about = self.about(at, &contact);
        // Taken, given back or over: nobody needs to hear of it.
        let kept = self.office(at, |office| {
            let kept = office.hold(hold)?;
            let total: i64 = kept.positions.iter().map(|position| position.price).sum();
            let product = rules::books::draft::title(office, kept.positions.first()?);
            Some((Money { minor: total, currency: kept.currency }.to_string(), product, kept.until))
        });
        let (amount, product, now_until) = kept.ok().flatten()?;
        let until = about.event.as_ref().map_or_else(|| until.to_string(), |event| event.zone.minute(now_until));
        let (organization, event) = at;
        let link = format!("{}/shop/{organization}/{event}#wait={wait}", self.accounts.public_url);
        let facts = Facts {
            organization: about.organization.clone(),
            event: about.title(),
            amount,
            until,
            product,
            ..Facts::default()
        };
        Some((contact, Body { occasion: Occasion::Offered, facts, link, attachments: Vec::new() }))
    }
}
