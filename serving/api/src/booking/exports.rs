//! Exports: everything of an event's box office as CSV (RFC 4180), row by row, however much there is.
//!
//! Times stand in UTC and in the event's zone, with its name; amounts as decimals and in minor units. What people wrote and a
//! spreadsheet would take for a formula begins with an apostrophe. A row says how its order, ticket or scan was when it was written.

mod cells;
mod ledger;
mod rows;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use eventlog::{Lane, PartitionId};
use records::{EventId, OrganizationId, Zone};
use rules::access::{Act, On};
use schemars::json_schema;

use super::offer::at;
use crate::Api;
use crate::auth::Presented;
use crate::openapi::{Gives, Routes, Sketch};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use cells::Sheet;

/// Rows that are made at once: the box offices are locked for some of them at a time, and memory holds no more.
const CHUNK: usize = 500;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/exports/orders.csv"), "Orders, the oldest first, as CSV", orders)
        .may(&[Code::NotFound])
        .get(at!("/exports/tickets.csv"), "Tickets by order, with holders and answers, as CSV", tickets)
        .may(&[Code::NotFound])
        .get(at!("/exports/scans.csv"), "What devices saw, by door and ticket, as CSV", scans)
        .may(&[Code::NotFound])
        .get(at!("/exports/ledger.csv"), "Every posting of the event's ledger, in the order of the log, as CSV", ledger)
        .may(&[Code::NotFound])
}

/// What an export is about.
#[derive(Clone)]
pub(super) struct About {
    pub(super) api: Api,
    pub(super) at: (OrganizationId, EventId),
    pub(super) zone: Zone,
}

/// Something that gives rows until there are none left.
pub(super) trait Source: Send + 'static {
    /// The names of the columns.
    fn columns(&self) -> &'static [&'static str];

    /// Writes some rows; false when there are none left.
    ///
    /// # Errors
    /// When they cannot be read; the file is cut off then.
    fn write(&mut self, about: &About, sheet: &mut Sheet) -> std::io::Result<bool>;
}

/// A file.
struct Csv {
    name: String,
    body: Body,
}

impl IntoResponse for Csv {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.name)),
            (CACHE_CONTROL, "no-store".to_owned()),
        ];
        (headers, self.body).into_response()
    }
}

impl Gives for Csv {
    fn describe(sketch: &mut Sketch<'_>) {
        let what = "Rows under a line of column names, with commas, quotes and CRLF as RFC 4180 says.";
        sketch.answers_as(200, what, "text/csv", json_schema!({"type": "string"}));
    }
}

/// Streams what a source gives: one piece is made when the one before was taken.
fn file(about: About, what: &str, source: impl Source) -> Csv {
    let name = format!("{}-{what}.csv", cells::file_name(&about.at.1.to_string()));
    let first = Some((about, source, true));
    let pieces = futures_util::stream::unfold(first, |state| async move {
        let (about, mut source, begins) = state?;
        let made = tokio::task::spawn_blocking(move || {
            let mut sheet = Sheet::new(about.zone.clone());
            if begins {
                sheet.header(source.columns());
            }
            let more = source.write(&about, &mut sheet)?;
            Ok((Bytes::from(sheet.into_bytes()), more.then_some((about, source, false))))
        });
        match made.await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok((piece, next)) => Some((Ok(piece), next)),
            Err(error) => {
                // The answer is cut off, so that nobody takes it for whole.
                tracing::error!(%error, "an export was cut off");
                Some((Err(error), None))
            }
        }
    });
    Csv { name, body: Body::from_stream(pieces) }
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);

fn about(api: Api, caller: &Presented, at: (OrganizationId, EventId)) -> Result<About, Problem> {
    caller.may(Act::ManageOrders, &On::event(at.0, at.1))?;
    api.office(at, |_| ())?;
    let book = api.rules.read().expect("nothing panics under the lock");
    let event = book.tenant(at.0).and_then(|tenant| tenant.event(at.1));
    let zone =
        event.map(|event| event.zone.clone()).ok_or_else(|| Problem::new(Code::NotFound, "there is no such event"))?;
    drop(book);
    Ok(About { api, at, zone })
}

async fn orders(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let about = about(api, &caller, (organization, event))?;
    let source = rows::Orders::new(&about)?;
    Ok(file(about, "orders", source))
}

async fn tickets(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let about = about(api, &caller, (organization, event))?;
    let source = rows::Tickets::new(&about)?;
    Ok(file(about, "tickets", source))
}

async fn scans(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let about = about(api, &caller, (organization, event))?;
    let source = rows::Scans::new(&about)?;
    Ok(file(about, "scans", source))
}

async fn ledger(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let about = about(api, &caller, (organization, event))?;
    let log = Arc::clone(&about.api.log);
    let absent = || Problem::new(Code::NotFound, "nothing is sold at this event");
    let PartitionId(partition) = about.api.booking.partition_of(about.at).ok_or_else(absent)?;
    let index = usize::from(partition);
    let (from, end) = (log.starts(Lane::Facts)[index], log.ends(Lane::Facts)[index]);
    let source = ledger::Postings::new(log, PartitionId(partition), from, end);
    Ok(file(about, "ledger", source))
}
