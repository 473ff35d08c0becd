//! Documents as PDF: invoices, credit notes, tickets, statements. Pure: the same facts give the same bytes, whenever and
//! wherever, because no clock and no chance goes in.
//!
//! The font is DejaVu Sans, embedded as far as its letters are used: Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and
//! Arabic. Other scripts (Chinese, Japanese, Korean, Indic, Thai) and emoji appear as empty boxes; text that is copied out of
//! the document has them.

pub(crate) mod invoice;
mod sheet;
pub(crate) mod statement;
pub(crate) mod ticket;
mod words;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use records::{Currency, Money};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use crate::openapi::Sketch;
use crate::problem::{Code, Problem};

/// The media type.
pub(crate) const MEDIA: &str = "application/pdf";

/// Whom an invoice is for; empty once they were erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Addressee {
    /// The name.
    pub(crate) name: String,
    /// The address, with its lines.
    pub(crate) address: String,
    /// Their number at the tax office.
    pub(crate) tax_id: String,
}

/// A document with the name that it is saved by.
pub(crate) struct Pdf {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Pdf {
    /// The document as an answer, shown by browsers.
    pub(crate) fn answer(self) -> Response {
        let plain: String =
            self.name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter)).collect();
        let named =
            HeaderValue::try_from(format!("inline; filename=\"{plain}.pdf\"")).expect("plain letters make a header");
        let media = HeaderValue::from_static(MEDIA);
        ([(header::CONTENT_TYPE, media), (header::CONTENT_DISPOSITION, named)], self.bytes).into_response()
    }
}

/// Makes a document: some milliseconds of work, not on a thread that serves others.
///
/// # Errors
/// When it cannot be made.
pub(crate) async fn made(make: impl FnOnce() -> Option<Vec<u8>> + Send + 'static) -> Result<Vec<u8>, Problem> {
    let made = tokio::task::spawn_blocking(make).await.ok().flatten();
    made.ok_or_else(|| {
        tracing::error!("a document could not be made");
        Problem::new(Code::Internal, "")
    })
}

/// Says in the API's document that a route answers with a PDF.
pub(crate) fn describe(sketch: &mut Sketch<'_>) {
    sketch.answers_as(200, "The document.", MEDIA, json_schema!({"type": "string", "format": "binary"}));
}

/// An amount as people of a language write it.
fn amount(minor: i64, currency: Currency, german: bool) -> String {
    let text = Money { minor, currency }.to_string();
    if german { text.replace('.', ",") } else { text }
}

/// A rate as people of a language write it: `19 %`, `5.5 %`.
fn percent(rate: records::booking::BasisPoints, german: bool) -> String {
    let (whole, part) = (rate.0 / 100, rate.0 % 100);
    let part = format!("{part:02}");
    let part = part.trim_end_matches('0');
    let point = if german { ',' } else { '.' };
    if part.is_empty() { format!("{whole} %") } else { format!("{whole}{point}{part} %") }
}

fn is_german(language: &str) -> bool {
    language.split('-').next() == Some("de")
}
