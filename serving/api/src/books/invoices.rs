//! Invoices and credit notes over HTTP: for the organization, and for the buyer of an order.

use axum::extract::State;
use axum::response::Response;
use eventlog::{Lane, ReadLimits};
use records::books::{BooksFact, Invoice, InvoiceKind, InvoiceLine, Invoicing, Issuer, TaxTotal};
use records::{Currency, EventId, Fact, OrderId, OrganizationId};
use rules::access::{Act, On};
use rules::books::Wish;
use rules::domains::Order;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shelf::{Issued, Shelf};
use crate::Api;
use crate::accounts::offset;
use crate::auth::Presented;
use crate::booking::{Exact, OrderSecret};
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::paper::{self, Pdf};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/organizations/{organization}/invoicing", "How invoices are written", invoicing)
        .put("/v1/organizations/{organization}/invoicing", "Says how invoices are written from now on", set_invoicing)
        .get("/v1/organizations/{organization}/invoices", "Invoices and credit notes, the newest first", list)
        .get("/v1/organizations/{organization}/invoices/{number}", "An invoice or a credit note", one)
        .may(&[Code::NotFound])
        .get("/v1/organizations/{organization}/invoices/{number}/pdf", "The same as a document", pdf)
        .with(paper::describe)
        .may(&[Code::NotFound])
        .get("/v1/shop/{seller}/{event}/orders/{order}/invoices", "The invoices and credit notes of an order", buyers)
        .may(&[Code::NotFound])
        .get("/v1/shop/{seller}/{event}/orders/{order}/invoices/{number}/pdf", "One of them as a document", buyers_pdf)
        .with(paper::describe)
        .may(&[Code::NotFound])
}

/// An invoice in a list.
#[derive(Debug, Serialize, JsonSchema)]
struct InvoiceRow {
    number: String,
    kind: InvoiceKind,
    /// The invoice that a credit note corrects.
    corrects: Option<String>,
    /// The day of issue, in the organization's zone.
    date: String,
    event: EventId,
    order: OrderId,
    currency: Currency,
    /// With tax, minor units; what a credit note takes back is above zero, too.
    gross: i64,
    /// The tax within.
    tax: i64,
    /// The fact that it was issued for.
    cause: crate::writes::Offset,
}

impl From<&Issued> for InvoiceRow {
    fn from(issued: &Issued) -> Self {
        Self {
            number: issued.number.clone(),
            kind: issued.kind,
            corrects: issued.corrects.clone(),
            date: issued.date.clone(),
            event: issued.event,
            order: issued.order,
            currency: issued.currency,
            gross: issued.gross,
            tax: issued.tax,
            cause: crate::writes::Offset { partition: issued.cause.partition, offset: issued.cause.offset },
        }
    }
}

/// A whole invoice.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "InvoiceDetail")]
struct Detail {
    #[serde(flatten)]
    row: InvoiceRow,
    issuer: Issuer,
    /// Whom it is for; empty once they were erased.
    buyer: paper::Addressee,
    /// What people called the event.
    about: String,
    lines: Vec<InvoiceLine>,
    /// Its sums by rate of tax.
    taxes: Vec<TaxTotal>,
    note: String,
}

/// Which invoices.
#[derive(Debug, Deserialize, JsonSchema)]
struct Which {
    /// Only those of this event; needed by who may manage some events only.
    event: Option<EventId>,
    /// Only those of this order.
    order: Option<OrderId>,
    kind: Option<InvoiceKind>,
}

async fn invoicing(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization),)): Named<(Id<OrganizationId>,)>,
) -> Result<One<Invoicing>, Problem> {
    caller.may(Act::ManageOrders, &On::organization(organization))?;
    Ok(One { data: api.invoicing(organization) })
}

async fn set_invoicing(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization),)): Named<(Id<OrganizationId>,)>,
    write: Idempotent<Exact<Invoicing>>,
) -> Result<Written<Invoicing>, Problem> {
    caller.may(Act::ManageOrders, &On::organization(organization))?;
    let tag = write.tag(&caller.who());
    let wish = Wish::SetInvoicing(write.body.0);
    let order = Order::Books(rules::books::Command { organization, wish });
    let done = api.decide(Some(tag), caller.principal.by(), order).await?;
    Ok(Written { data: api.invoicing(organization), offset: offset(&done) })
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization),)): Named<(Id<OrganizationId>,)>,
    Params(which): Params<Which>,
    paging: Paging,
) -> Result<Page<InvoiceRow>, Problem> {
    caller.may(Act::ManageOrders, &on(organization, which.event))?;
    let before: Option<usize> = paging.after()?;
    Ok(api.booking.books.ask(organization, |shelf: &Shelf| {
        let older =
            shelf.issued[..before.unwrap_or(shelf.issued.len()).min(shelf.issued.len())].iter().enumerate().rev();
        let wanted = older.filter(|(_, issued)| {
            which.event.is_none_or(|event| issued.event == event)
                && which.order.is_none_or(|order| issued.order == order)
                && which.kind.is_none_or(|kind| issued.kind == kind)
        });
        let page = paging.page(wanted, |(at, _)| *at);
        Page { data: page.data.into_iter().map(|(_, issued)| issued.into()).collect(), next: page.next }
    }))
}

fn on(organization: OrganizationId, event: Option<EventId>) -> On {
    event.map_or_else(|| On::organization(organization), |event| On::event(organization, event))
}

type OfNumber = (Id<OrganizationId>, String);

fn no_invoice() -> Problem {
    Problem::new(Code::NotFound, "there is no invoice or credit note of this number")
}

impl Api {
    /// What was issued under a number, whole, read from the log.
    async fn issued(&self, organization: OrganizationId, number: &str) -> Result<(Issued, Invoice), Problem> {
        let found = self.booking.books.ask(organization, |shelf| shelf.numbered(number).cloned());
        let issued = found.ok_or_else(no_invoice)?;
        let (log, place, wanted) = (self.log.clone(), issued.place, number.to_owned());
        // A read of the log: not on a thread that serves others.
        let read = tokio::task::spawn_blocking(move || read(&*log, place, &wanted));
        let invoice = read.await.ok().flatten();
        invoice.map(|invoice| (issued, invoice)).ok_or_else(|| {
            tracing::error!(%organization, number, "an invoice is not where it was heard");
            Problem::new(Code::Internal, "")
        })
    }

    /// The document of an invoice.
    pub(super) async fn invoice_pdf(&self, organization: OrganizationId, number: &str) -> Result<Vec<u8>, Problem> {
        let (_, invoice) = self.issued(organization, number).await?;
        let buyer = self.addressee(organization, &invoice);
        paper::made(move || paper::invoice::write(&invoice, &buyer)).await
    }

    fn addressee(&self, organization: OrganizationId, invoice: &Invoice) -> paper::Addressee {
        let contact = self.contact(organization, invoice.subject, &invoice.sealed);
        paper::Addressee { name: contact.name, address: contact.address, tax_id: contact.tax_id }
    }

    /// The numbers of an order's papers of one kind, in the order of issue.
    pub(super) fn numbers_of(
        &self,
        organization: OrganizationId,
        event: EventId,
        order: OrderId,
    ) -> Vec<(InvoiceKind, String)> {
        self.booking.books.ask(organization, |shelf| {
            shelf.of_order(event, order).map(|issued| (issued.kind, issued.number.clone())).collect()
        })
    }
}

fn read(log: &dyn eventlog::EventLog, place: desk::Place, number: &str) -> Option<Invoice> {
    let limits = ReadLimits { max_rows: 1, ..ReadLimits::default() };
    let frame = log.read(Lane::Facts, place.partition, place.first, limits).ok()?.into_iter().next()?;
    let rows = records::fact::decode(&frame.body).ok()?;
    rows.into_iter().find_map(|row| match row.known() {
        Some(Fact::Books(BooksFact::InvoiceIssued { invoice, .. })) if invoice.number == number => {
            Some((**invoice).clone())
        }
        _ => None,
    })
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), number)): Named<OfNumber>,
) -> Result<One<Detail>, Problem> {
    may_see(&api, &caller, organization, &number)?;
    let (issued, invoice) = api.issued(organization, &number).await?;
    let buyer = api.addressee(organization, &invoice);
    let Invoice { issuer, about, lines, taxes, note, .. } = invoice;
    Ok(One { data: Detail { row: (&issued).into(), issuer, buyer, about, lines, taxes, note } })
}

/// Whoever may manage the event's orders sees its invoices; to others there is none.
fn may_see(api: &Api, caller: &Presented, organization: OrganizationId, number: &str) -> Result<(), Problem> {
    let event = api.booking.books.ask(organization, |shelf| shelf.numbered(number).map(|issued| issued.event));
    caller.may(Act::ManageOrders, &on(organization, event))?;
    event.map(|_| ()).ok_or_else(no_invoice)
}

async fn pdf(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), number)): Named<OfNumber>,
) -> Result<Response, Problem> {
    may_see(&api, &caller, organization, &number)?;
    let bytes = api.invoice_pdf(organization, &number).await?;
    Ok(Pdf { name: number, bytes }.answer())
}

type OfOrder = (Id<OrganizationId>, Id<EventId>, Id<OrderId>);
type OfPaper = (Id<OrganizationId>, Id<EventId>, Id<OrderId>, String);

async fn buyers(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order))): Named<OfOrder>,
    secret: OrderSecret,
) -> Result<One<Vec<InvoiceRow>>, Problem> {
    secret.opens(&api, seller, order)?;
    let rows = api.booking.books.ask(seller, |shelf| shelf.of_order(event, order).map(InvoiceRow::from).collect());
    Ok(One { data: rows })
}

async fn buyers_pdf(
    State(api): State<Api>,
    Named((Id(seller), Id(event), Id(order), number)): Named<OfPaper>,
    secret: OrderSecret,
) -> Result<Response, Problem> {
    secret.opens(&api, seller, order)?;
    let own = api.numbers_of(seller, event, order).into_iter().any(|(_, known)| known == number);
    if !own {
        return Err(no_invoice());
    }
    let bytes = api.invoice_pdf(seller, &number).await?;
    Ok(Pdf { name: number, bytes }.answer())
}
