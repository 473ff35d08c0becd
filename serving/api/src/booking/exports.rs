//! Exports: everything of an event's box office as CSV (RFC 4180), row by row, however much there is.
//!
//! Times stand in UTC and in the event's zone, with its name; amounts as decimals and in minor units. What people wrote and a
//! spreadsheet would take for a formula begins with an apostrophe. A file is of one offset, which its name, a header and each row
//! tell: what changes while it is written is in the next one ([`picture`]).

mod cells;
mod ledger;
mod picture;
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
use crate::writes::{OFFSET_HEADER, Offset};
use cells::Sheet;
pub(super) use picture::Pictures;
use picture::{Key, Picture};

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
    /// How the box office was when somebody asked.
    pub(super) picture: Arc<Picture>,
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
    offset: Offset,
    body: Body,
}

impl IntoResponse for Csv {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.name)),
            (CACHE_CONTROL, "no-store".to_owned()),
        ];
        (headers, [(OFFSET_HEADER, self.offset.to_string())], self.body).into_response()
    }
}

impl Gives for Csv {
    fn describe(sketch: &mut Sketch<'_>) {
        let what = "Rows under a line of column names, with commas, quotes and CRLF as RFC 4180 says.";
        sketch.answers_as(200, what, "text/csv", json_schema!({"type": "string"}));
        let text = "The offset that the file is of: everything up to it is there, and nothing after. Its name and each row tell it too.";
        sketch.answers_header("Eventra-Offset", text, &serde_json::json!({"type": "string"}));
    }
}

/// Streams what a source gives: one piece is made when the one before was taken.
fn file(about: About, what: &str, source: impl Source) -> Csv {
    let offset = about.picture.offset;
    let name =
        format!("{}-{what}-{}.csv", cells::file_name(&about.at.1.to_string()), cells::file_name(&offset.to_string()));
    let first = Some((about, source, true));
    let pieces = futures_util::stream::unfold(first, move |state| async move {
        let (about, mut source, begins) = state?;
        let made = tokio::task::spawn_blocking(move || {
            let mut sheet = Sheet::new(about.zone.clone(), offset.to_string());
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
    Csv { name, offset, body: Body::from_stream(pieces) }
}

type OfEvent = (Id<OrganizationId>, Id<EventId>);

/// What an export is about, and the orders that there are, the oldest first.
fn about(api: Api, caller: &Presented, at: (OrganizationId, EventId)) -> Result<(About, Vec<Key>), Problem> {
    caller.may(Act::ManageOrders, &On::event(at.0, at.1))?;
    let begun = api.booking.ask_gate(at, |office, _, (partition, offset)| {
        api.booking.pictures.begin(at, Offset { partition, offset }, office)
    });
    let absent = || Problem::new(Code::NotFound, "nothing is sold at this event");
    let (picture, keys) = begun.ok_or_else(absent)??;
    let book = api.rules.read().expect("nothing panics under the lock");
    let event = book.tenant(at.0).and_then(|tenant| tenant.event(at.1));
    let zone =
        event.map(|event| event.zone.clone()).ok_or_else(|| Problem::new(Code::NotFound, "there is no such event"))?;
    drop(book);
    Ok((About { api, at, zone, picture }, keys))
}

async fn orders(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let (about, keys) = about(api, &caller, (organization, event))?;
    Ok(file(about, "orders", rows::Orders::new(keys)))
}

async fn tickets(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let (about, keys) = about(api, &caller, (organization, event))?;
    Ok(file(about, "tickets", rows::Tickets::new(keys)))
}

async fn scans(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let (about, keys) = about(api, &caller, (organization, event))?;
    Ok(file(about, "scans", rows::Scans::new(keys)))
}

async fn ledger(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<Csv, Problem> {
    let (about, _) = about(api, &caller, (organization, event))?;
    let log = Arc::clone(&about.api.log);
    let Offset { partition, offset } = about.picture.offset;
    let from = log.starts(Lane::Facts)[usize::from(partition)];
    let source = ledger::Postings::new(log, PartitionId(partition), from, eventlog::Offset(offset + 1));
    Ok(file(about, "ledger", source))
}
