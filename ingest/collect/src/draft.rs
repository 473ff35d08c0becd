//! Drafts: what a parser made of one message, with plaintext ids, before pseudonyms and sealing.

use records::json::FieldError;
use records::seal::Sealed;
use records::{MessageId, OrganizationId, Record, Timestamp, Token};
use serde::{Deserialize, Serialize};

use crate::subjects::Named;

/// What the door knows about a request beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrival<'a> {
    /// The tenant that the write key belongs to.
    pub organization: OrganizationId,
    /// When the request arrived.
    pub received: Timestamp,
    /// The sender's network address; empty when unknown.
    pub address: &'a str,
    /// The sender's `User-Agent` header; empty when unknown.
    pub user_agent: &'a str,
    /// Keep how each good message came ([`Draft::origin`]), because it may become a dead letter yet.
    pub keeps_origins: bool,
}

/// One good message. Empty texts stand for absent ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The declared columns. The door fills time, flags, tokens and the sealed blob.
    pub record: Record,
    /// The person's id in the client's own system.
    pub user: String,
    /// The id that a browser or app made up.
    pub anonymous: String,
    /// The id that the person had before (Segment `alias`).
    pub previous: String,
    /// The person at the other end of a chat message.
    pub receiver: String,
    /// The device.
    pub device: String,
    /// The visit.
    pub visit: String,
    /// The payment card, or any stable reference to it.
    pub card: String,
    /// The network address.
    pub address: String,
    /// The visitor's user agent.
    pub user_agent: String,
    /// What only the subject's key may open.
    pub sealed: Sealed,
    /// The client's times.
    pub stamps: Stamps,
    /// How the message came, when the arrival said to keep it.
    pub origin: Option<Box<Origin>>,
}

/// How a message came: what its dead letter would hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    place: String,
    original: String,
    format: String,
}

/// The times that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// When it happened, by the client's clock.
    pub timestamp: Option<Timestamp>,
    /// When the client sent it, by the same clock.
    pub sent_at: Option<Timestamp>,
    /// Somebody before us has already corrected `timestamp`.
    pub corrected: bool,
}

impl Draft {
    /// The ids that it names.
    pub fn named(&self) -> Named<'_> {
        Named { user: &self.user, anonymous: &self.anonymous, previous: &self.previous, receiver: &self.receiver }
    }

    /// The required columns that are missing.
    pub(crate) fn missing(&mut self) -> Vec<FieldError> {
        // The actor's token is made later; whether there will be one is known now.
        let named = !self.user.is_empty() || !self.anonymous.is_empty();
        self.record.actor = Token(u64::from(named));
        let missing = self.record.missing();
        self.record.actor = Token::NONE;
        missing
    }
}

/// Why a message became a dead letter. The word is stored in the record's `name`; details may hold personal text and
/// are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeadLetterReason")]
pub enum Reason {
    /// Not JSON, or not a JSON object.
    NotAnObject,
    /// More bytes than a message may have.
    TooLarge,
    /// Nested deeper than a message may be.
    TooDeep,
    /// A field has a wrong value.
    BadField,
    /// A required field is missing.
    MissingField,
    /// A row of a data set is not like the others.
    BadRow,
    /// It names somebody new, and the organization has as many people as it may.
    Quota,
}

impl Reason {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::BadField => "bad_field",
            Self::MissingField => "missing_field",
            Self::BadRow => "bad_row",
            Self::Quota => "quota",
        }
    }
}

/// One bad message: a dead letter to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Where in the request it was: `message 3`, `line 17`.
    pub place: String,
    /// Why.
    pub reason: Reason,
    /// Which fields, and what is wrong with each.
    pub errors: Vec<FieldError>,
    /// The message as it came, cut at [`crate::limits::ORIGINAL_BYTES_MAX`].
    pub original: String,
    /// How to read the original again; empty when it cannot be (a row of a data set).
    pub format: String,
    /// `sentAt` of the batch it came in, which is not part of the original.
    pub sent_at: Option<Timestamp>,
    /// The person, when that much was readable.
    pub user: String,
    /// The anonymous visitor, when that much was readable.
    pub anonymous: String,
    /// The message id, when that much was readable.
    pub message: MessageId,
}

impl Letter {
    /// A letter about a message of which nothing could be read.
    pub(crate) fn unread(place: String, reason: Reason, error: FieldError, original: &[u8], format: &str) -> Self {
        Self {
            place,
            reason,
            errors: vec![error],
            original: original_text(original),
            format: format.to_owned(),
            sent_at: None,
            user: String::new(),
            anonymous: String::new(),
            message: MessageId::NONE,
        }
    }

    /// A letter about a good draft whose people are more than the organization may have; none when its origin was not kept.
    pub(crate) fn over_quota(mut draft: Box<Draft>, people_max: u64) -> Result<Self, Box<Draft>> {
        let Some(origin) = draft.origin.take() else { return Err(draft) };
        let error = FieldError::new(
            "userId",
            format!("is somebody new, and the organization has as many people as it may: {people_max} (`people_max`)"),
        );
        let mut letter = Self::of(*draft, origin.place, vec![error], origin.original.as_bytes(), &origin.format);
        letter.reason = Reason::Quota;
        Ok(letter)
    }

    /// A letter about a draft whose fields are wrong.
    pub(crate) fn of(draft: Draft, place: String, errors: Vec<FieldError>, original: &[u8], format: &str) -> Self {
        let missing = errors.iter().all(|error| error.problem.starts_with("is missing"));
        Self {
            place,
            reason: if missing { Reason::MissingField } else { Reason::BadField },
            errors,
            original: original_text(original),
            format: format.to_owned(),
            sent_at: draft.stamps.sent_at,
            user: draft.user,
            anonymous: draft.anonymous,
            message: draft.record.message,
        }
    }
}

fn original_text(original: &[u8]) -> String {
    let kept = &original[..original.len().min(crate::limits::ORIGINAL_BYTES_MAX)];
    String::from_utf8_lossy(kept).into_owned()
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// A good one.
    Draft(Box<Draft>),
    /// A bad one.
    Letter(Box<Letter>),
}

impl Parsed {
    /// A draft without errors, else a letter.
    pub(crate) fn judge(
        mut draft: Draft,
        mut errors: Vec<FieldError>,
        place: String,
        original: &[u8],
        format: &str,
        arrival: &Arrival<'_>,
    ) -> Self {
        errors.extend(draft.missing());
        if errors.is_empty() {
            if arrival.keeps_origins {
                let (original, format) = (original_text(original), format.to_owned());
                draft.origin = Some(Box::new(Origin { place, original, format }));
            }
            Self::Draft(Box::new(draft))
        } else {
            Self::Letter(Box::new(Letter::of(draft, place, errors, original, format)))
        }
    }
}

/// Why a request was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The body could not be read.
    #[error(transparent)]
    Body(#[from] crate::body::BodyError),
    /// The body is not what its content type says.
    #[error("{0}")]
    Unparseable(FieldError),
    /// More messages than one request may have.
    #[error("request has more than {} messages", crate::limits::MESSAGES_MAX)]
    TooMany,
}
