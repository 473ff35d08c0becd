//! Requests: bytes, what they are, and who sent them.

use records::{OrganizationId, Timestamp};

use crate::body::{Encoding, decompress};
use crate::draft::{Arrival, ParseError, Parsed};
use crate::limits::BATCH_BYTES_MAX;
use crate::parse::segment::Endpoint;
use crate::parse::{cloudevents, ndjson, segment};

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format<'a> {
    /// A route of the Segment spec, whatever the content type says (browsers send `text/plain`).
    Segment(Endpoint),
    /// `application/cloudevents+json`
    CloudEvent,
    /// `application/cloudevents-batch+json`
    CloudEvents,
    /// CloudEvents in binary mode: the header names after `ce-`, with their values.
    CloudEventBinary(&'a [(&'a str, &'a str)]),
    /// `application/x-ndjson`
    Ndjson,
}

impl Format<'_> {
    /// The format of a content type, for the routes that take several: none for other types. Binary CloudEvents are
    /// known by their `ce-specversion` header instead.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/cloudevents+json" => Some(Self::CloudEvent),
            "application/cloudevents-batch+json" => Some(Self::CloudEvents),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Some(Self::Ndjson)
            }
            _ => None,
        }
    }
}

/// One request, authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The tenant that the write key belongs to.
    pub organization: OrganizationId,
    /// What the body is.
    pub format: Format<'a>,
    /// How it is compressed.
    pub encoding: Encoding,
    /// The body as it came.
    pub body: &'a [u8],
    /// The sender's network address; empty when unknown.
    pub address: &'a str,
    /// The `User-Agent` header; empty when there is none.
    pub user_agent: &'a str,
    /// When it arrived.
    pub received: Timestamp,
}

impl Request<'_> {
    /// What the door knows beside the body.
    pub fn arrival(&self, keeps_origins: bool) -> Arrival<'_> {
        Arrival {
            organization: self.organization,
            received: self.received,
            address: self.address,
            user_agent: self.user_agent,
            keeps_origins,
        }
    }

    /// The most bytes that the body may have after decompression.
    pub fn limit(&self, ndjson: usize) -> usize {
        if self.format == Format::Ndjson { ndjson } else { BATCH_BYTES_MAX }
    }

    /// Decompresses and parses the body; `ndjson` is the limit of NDJSON uploads, `arrival` is [`Request::arrival`].
    ///
    /// # Errors
    /// When nothing of it can be read.
    pub fn parse(&self, ndjson: usize, arrival: &Arrival<'_>) -> Result<Vec<Parsed>, ParseError> {
        let body = decompress(self.encoding, self.body, self.limit(ndjson))?;
        match self.format {
            Format::Segment(endpoint) => segment::parse(endpoint, &body, arrival),
            Format::CloudEvent => cloudevents::parse_structured(&body, arrival),
            Format::CloudEvents => cloudevents::parse_batch(&body, arrival),
            Format::CloudEventBinary(headers) => cloudevents::parse_binary(headers, &body, arrival),
            Format::Ndjson => ndjson::parse(&body, arrival),
        }
    }
}
