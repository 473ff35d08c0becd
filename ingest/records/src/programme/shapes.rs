//! The shapes that facts of a programme hold, and that people write: pages, rooms, speakers, sessions, forms, access.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{HallId, ItemId, SpeakerId, TrackId};
use crate::time::Timestamp;

/// How people take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EventFormat")]
pub enum Format {
    /// They come to a place.
    #[default]
    InPerson,
    /// Over the net only.
    Virtual,
    /// Either way.
    Hybrid,
}

/// A postal address; any part may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// Postal code.
    pub postal_code: String,
    /// Town.
    pub locality: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
}

/// What an event says of itself; its title, zone and times are the event's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Page {
    /// How people take part.
    pub format: Format,
    /// One or two sentences, plain text.
    pub summary: String,
    /// The rest, Markdown.
    pub description: String,
    /// The name of the place.
    pub venue: String,
    /// Where that is.
    pub address: Address,
    /// Where people take part over the net; shown to ticket holders only.
    pub online: String,
    /// The address of a picture, https.
    pub picture: String,
    /// What the picture shows, for who does not see it.
    pub picture_text: String,
    /// The language of the event, BCP 47; the organization's when it is empty.
    pub language: String,
    /// Words to find it by.
    pub tags: Vec<String>,
}

/// Who may see an event that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// Everybody; lists, search engines and the sitemap name it.
    #[default]
    Public,
    /// Whoever has its address; nothing names it.
    Unlisted,
    /// Members of the organization.
    Private,
    /// Whoever knows the password.
    Password,
    /// Whoever has an invitation.
    Invitation,
}

/// Who may see an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// Who.
    pub mode: AccessMode,
    /// The argon2id hash (PHC) of the password under the installation's secret: the log alone does not let anybody guess.
    pub password: String,
}

/// What an invitation allows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Invitation {
    /// Whom it is for, as the organizer calls them.
    pub title: String,
    /// How many devices it lets in; none for any number.
    pub uses: Option<u32>,
    /// When it ends.
    pub until: Option<Timestamp>,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Hall {
    /// What people call it.
    pub title: String,
    /// How to get there, plain text.
    pub description: String,
    /// How many fit.
    pub capacity: Option<u32>,
    /// Where it stands in lists, lowest first; then by title.
    pub rank: i32,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Track {
    /// What people call it.
    pub title: String,
    /// Its colour, `#rrggbb`; may be empty.
    pub color: String,
}

/// Somebody who speaks. What stands here is public.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Speaker {
    /// Their name.
    pub name: String,
    /// What they do, and where.
    pub affiliation: String,
    /// About them, Markdown.
    pub biography: String,
    /// The address of a picture, https.
    pub picture: String,
    /// Addresses of theirs.
    pub links: Vec<Link>,
}

/// An address with a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Link {
    /// What it is.
    pub title: String,
    /// `https://...`, or `http://...`.
    pub url: String,
}

/// Who sees a material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Whoever sees the session.
    #[default]
    Everybody,
    /// Holders of a ticket.
    Holders,
}

/// Something that goes with a session: slides, a recording, a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Material {
    /// What it is.
    pub title: String,
    /// `https://...`, or `http://...`.
    pub url: String,
    /// Who sees it.
    pub audience: Audience,
}

/// When a session comes again (RFC 5545), in the event's zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Recurrence {
    /// An RRULE such as `FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10`, daily at most; may be empty.
    pub rule: String,
    /// EXDATE: times at which it does not take place.
    pub except: Vec<Timestamp>,
    /// RDATE: further times at which it begins.
    pub also: Vec<Timestamp>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Session {
    /// What people call it.
    pub title: String,
    /// A second line.
    pub subtitle: String,
    /// What it is about in short, Markdown.
    pub summary: String,
    /// The rest, Markdown.
    pub description: String,
    /// What it is: `talk`, `workshop`, `break`, ...
    pub kind: String,
    /// When it begins, the first time.
    pub starts: Timestamp,
    /// When that ends.
    pub ends: Timestamp,
    /// Its room.
    pub hall: HallId,
    /// Its track.
    pub track: TrackId,
    /// Who speaks, in order.
    pub speakers: Vec<SpeakerId>,
    /// What goes with it.
    pub materials: Vec<Material>,
    /// Its language, BCP 47.
    pub language: String,
    /// How many places ticket holders may take; none for no places.
    pub capacity: Option<u32>,
    /// It does not take place, and says so.
    pub cancelled: bool,
    /// When it comes again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// A page of its own elsewhere.
    pub url: String,
}

/// What a field of a form takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One line.
    #[default]
    Text,
    /// Several lines.
    LongText,
    /// A decimal number.
    Number,
    /// A day, `2026-11-20`.
    Date,
    /// One of the options.
    Choice,
    /// Any number of the options, one a line.
    Several,
    /// `yes`, or nothing.
    Consent,
    /// A mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A country, ISO 3166-1 alpha-2.
    Country,
}

/// One of several answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Choosable {
    /// What is sent.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// A field is asked when another one has one of these answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Condition {
    /// The other field, which stands before this one.
    pub field: String,
    /// Its answers.
    pub is: Vec<String>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Field {
    /// Its name: answers are kept by it. Lower-case letters, digits, `_`.
    pub id: String,
    /// The question.
    pub label: String,
    /// What helps to answer it.
    pub help: String,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it must be answered, when it is asked.
    pub required: bool,
    /// What there is to choose from.
    pub options: Vec<Choosable>,
    /// When it is asked; always, when nothing stands here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The lowest number, or the shortest text in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The highest number, or the longest text in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// Of whom a form is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FormAskedOf")]
pub enum Asked {
    /// Once, of the buyer.
    #[default]
    Order,
    /// For each ticket of its products.
    Ticket,
}

/// A form that buyers fill in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Form {
    /// What people call it.
    pub title: String,
    /// Of whom it is asked.
    pub asked: Asked,
    /// With which products; with all, when none stand here.
    pub products: Vec<ItemId>,
    /// What is asked, in order.
    pub fields: Vec<Field>,
    /// It is asked no more; old answers stay readable.
    pub withdrawn: bool,
}

/// Why a ticket has no place any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Its holder gave it back.
    Left,
    /// The ticket was cancelled.
    TicketCancelled,
    /// The session is gone, or has no places any more.
    SessionGone,
}

/// What somebody answered, by field.
pub type Answers = BTreeMap<String, String>;
