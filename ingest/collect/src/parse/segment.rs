//! The Segment spec: `/v1/track|identify|page|screen|group|alias|batch`, as its official libraries send it.
//!
//! | message | record |
//! |---|---|
//! | `track` | the kind whose word is the event's name; else as [`super::commerce`] says; else `tracked` with that name |
//! | `page`, `screen` | `page_viewed`, `screen_viewed`: `name`, `category`; `path` and `referrer` from properties, else from `context.page` |
//! | `identify` | `identified`, traits sealed; `linked` is the anonymous pseudonym |
//! | `alias` | `identified`; `linked` is the pseudonym of `previousId` |
//! | `group` | `grouped`; `name` is the group's id |
//! | any other `type` | `unknown`, kept whole and sealed |
//!
//! From `context`: `ip` → `address`; `userAgent` → bot mark and `platform` (unless `os.name` says it); `locale` →
//! `language`; `campaign.id`, else `campaign.name` → `campaign`; `campaign.source` → `channel`; `device.id` →
//! `device`; `sessionId` → `visit`; `event` → `event` (the conference); `location.country` → `country` when it has two
//! letters; `traits.createdAt` → `signup_time`. The whole `campaign` is kept sealed. Everything else in `context`, and
//! `integrations`, is ignored. Properties fill declared columns by name; the rest of them is sealed.

use records::json::FieldError;
use records::{CampaignId, Column, EventId, Kind, Source, Text, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::properties::{self, Style, set, take_personal};
use super::stamps::{host_of, mistake, name, object, path_of, text, time};
use super::{commerce, personal};
use crate::agents;
use crate::body::too_deep;
use crate::draft::{Arrival, Draft, Letter, ParseError, Parsed, Reason};
use crate::limits::{MESSAGE_BYTES_MAX, MESSAGES_MAX};

/// Which of Segment's routes a body came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/track`
    Track,
    /// `/v1/identify`
    Identify,
    /// `/v1/page`
    Page,
    /// `/v1/screen`
    Screen,
    /// `/v1/group`
    Group,
    /// `/v1/alias`
    Alias,
    /// `/v1/batch` and `/v1/import`
    Batch,
}

impl Endpoint {
    const NAMED: [(&'static str, Self); 8] = [
        ("track", Self::Track),
        ("identify", Self::Identify),
        ("page", Self::Page),
        ("screen", Self::Screen),
        ("group", Self::Group),
        ("alias", Self::Alias),
        ("batch", Self::Batch),
        ("import", Self::Batch),
    ];

    /// The endpoint with this last part of its path (`track`).
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(name, _)| *name == word).map(|(_, endpoint)| *endpoint)
    }

    /// Its word: also the `type` of its messages.
    pub fn word(self) -> &'static str {
        Self::NAMED.iter().find(|(_, endpoint)| *endpoint == self).map_or("", |(word, _)| word)
    }
}

#[derive(serde::Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "sentAt")]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
}

/// Reads a body of one of Segment's routes.
///
/// # Errors
/// When the body is no JSON object, or a batch without its list. Bad messages of a batch are letters.
pub fn parse(endpoint: Endpoint, body: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Parsed>, ParseError> {
    if endpoint != Endpoint::Batch {
        let raw = object_text(body)?;
        return Ok(vec![message(endpoint.word(), raw, "message 1", None, None, arrival)]);
    }
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(|error| unparseable("batch", &mistake(&error)))?;
    if batch.batch.len() > MESSAGES_MAX {
        return Err(ParseError::TooMany);
    }
    let mut errors = Vec::new();
    let stamps = batch.sent_at.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let sent_at = stamps.and_then(|value| time(&Map::from_iter([("sentAt".to_owned(), value)]), "sentAt", &mut errors));
    let context = batch.context.filter(|raw| raw.get().len() <= MESSAGE_BYTES_MAX && !too_deep(raw.get().as_bytes()));
    let context: Option<Map<String, Value>> = context.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let each = batch.batch.iter().enumerate();
    Ok(each
        .map(|(at, raw)| message("", raw.get(), &format!("message {}", at + 1), sent_at, context.as_ref(), arrival))
        .collect())
}

fn object_text(body: &[u8]) -> Result<&str, ParseError> {
    let text = std::str::from_utf8(body).map_err(|_| unparseable("body", "is not UTF-8"))?;
    // Only the syntax is checked here; the parser of serde_json skips values without recursion.
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| unparseable("body", &mistake(&error)))?;
    if raw.get().starts_with('{') { Ok(raw.get()) } else { Err(unparseable("body", "is not a JSON object")) }
}

fn unparseable(field: &str, problem: &str) -> ParseError {
    ParseError::Unparseable(FieldError::new(field, problem))
}

/// Reads one message. `kind` is its type when the route says it; the batch's `sent_at` and `context` serve where the
/// message has none.
pub(crate) fn message(
    kind: &str,
    raw: &str,
    place: &str,
    sent_at: Option<Timestamp>,
    context: Option<&Map<String, Value>>,
    arrival: &Arrival<'_>,
) -> Parsed {
    let format = format!("segment:{kind}");
    let unread = |reason, problem: &str| {
        let error = FieldError::new("message", problem);
        let mut letter = Letter::unread(place.to_owned(), reason, error, raw.as_bytes(), &format);
        letter.sent_at = sent_at;
        Parsed::Letter(Box::new(letter))
    };
    if raw.len() > MESSAGE_BYTES_MAX {
        return unread(Reason::TooLarge, "is larger than 32768 bytes");
    }
    if too_deep(raw.as_bytes()) {
        return unread(Reason::TooDeep, "is nested deeper than 32 levels");
    }
    let Ok(Value::Object(mut map)) = serde_json::from_str(raw) else {
        return unread(Reason::NotAnObject, "is not a JSON object");
    };
    if let (false, Some(context)) = (map.contains_key("context"), context) {
        map.insert("context".to_owned(), Value::Object(context.clone()));
    }
    let mut errors = Vec::new();
    let draft = read(kind, &mut map, raw, sent_at, arrival, &mut errors);
    Parsed::judge(draft, errors, place.to_owned(), raw.as_bytes(), &format, arrival)
}

fn read(
    kind: &str,
    map: &mut Map<String, Value>,
    raw: &str,
    sent_at: Option<Timestamp>,
    arrival: &Arrival<'_>,
    errors: &mut Vec<FieldError>,
) -> Draft {
    let mut draft = Draft::default();
    draft.record.source = Source::Segment;
    envelope(&mut draft, map, sent_at, errors);
    read_context(&mut draft, map, arrival);
    let kind = if kind.is_empty() { text(map, "type").to_owned() } else { kind.to_owned() };
    match kind.as_str() {
        "track" => track(&mut draft, map, errors),
        "page" => viewed(&mut draft, Kind::Page, map, errors),
        "screen" => viewed(&mut draft, Kind::Screen, map, errors),
        "identify" => identify(&mut draft, map, errors),
        "alias" => alias(&mut draft, map, errors),
        "group" => group(&mut draft, map, errors),
        "" => errors.push(FieldError::new("type", "is missing")),
        other => unknown(&mut draft, other, raw),
    }
    if draft.user.is_empty() && draft.anonymous.is_empty() {
        errors.push(FieldError::new("userId", "is missing; a message needs `userId` or `anonymousId`"));
    }
    draft
}

fn envelope(draft: &mut Draft, map: &Map<String, Value>, sent_at: Option<Timestamp>, errors: &mut Vec<FieldError>) {
    draft.user = name(map, "userId", errors);
    draft.anonymous = name(map, "anonymousId", errors);
    let message = name(map, "messageId", errors);
    if !message.is_empty() {
        match personal::message_id(&message) {
            Ok(id) => draft.record.message = id,
            Err(error) => errors.push(FieldError::new("messageId", format!("is no id: {error}"))),
        }
    }
    let original = time(map, "originalTimestamp", errors);
    let timestamp = time(map, "timestamp", errors);
    draft.stamps.sent_at = time(map, "sentAt", errors).or(sent_at);
    // Both together come out of somebody else's pipeline, which has corrected `timestamp` already.
    draft.stamps.corrected = original.is_some() && timestamp.is_some();
    draft.stamps.timestamp = timestamp.or(original);
}

fn read_context(draft: &mut Draft, map: &Map<String, Value>, arrival: &Arrival<'_>) {
    let none = Map::new();
    let context = object(map, "context").unwrap_or(&none);
    let ip = text(context, "ip");
    draft.address = if ip.is_empty() { arrival.address } else { ip }.to_owned();
    draft.user_agent = agents::of_visitor(text(context, "userAgent"), arrival.user_agent).to_owned();
    let mut ignored = Vec::new();
    draft.visit = name(context, "sessionId", &mut ignored);
    if let Some(device) = object(context, "device") {
        draft.device = name(device, "id", &mut ignored);
    }
    let record = &mut draft.record;
    record.language = language_tag(text(context, "locale"));
    let system = object(context, "os").map_or("", |os| text(os, "name"));
    record.platform = short(&system.to_ascii_lowercase());
    if let Some(campaign) = object(context, "campaign") {
        let named = [name(campaign, "id", &mut ignored), name(campaign, "name", &mut ignored)];
        record.campaign = named
            .iter()
            .filter(|named| !personal::holds_address(named))
            .find_map(|named| CampaignId::parse(named).ok())
            .unwrap_or(CampaignId::NONE);
        record.channel = short(text(campaign, "source"));
        draft.sealed.properties.insert("campaign".to_owned(), Value::Object(campaign.clone()));
    }
    let event = name(context, "event", &mut ignored);
    if !personal::holds_address(&event) {
        record.event = EventId::parse(&event).unwrap_or(EventId::NONE);
    }
    let country = object(context, "location").map_or("", |location| text(location, "country"));
    if country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        record.country = country.to_ascii_uppercase().as_str().into();
    }
    if let Some(traits) = object(context, "traits") {
        signed_up(draft, traits);
    }
}

fn signed_up(draft: &mut Draft, traits: &Map<String, Value>) {
    let created = ["createdAt", "created_at"].iter().find_map(|field| time(traits, field, &mut Vec::new()));
    draft.record.signup_time = created.unwrap_or(draft.record.signup_time);
}

fn track(draft: &mut Draft, map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    let event = name(map, "event", errors);
    let mut properties = take_object(map, "properties", errors);
    // A client cannot speak for the stream itself.
    let own = Kind::from_word(&event).filter(|kind| kind.is_activity());
    let known = if own.is_some() { None } else { commerce::find(&event, &properties) };
    draft.record.kind = own.or(known.map(|known| known.kind)).unwrap_or(Kind::Track);
    if own.is_none() {
        commerce::fill(&mut draft.record, known, &mut properties, "properties.", errors);
    }
    if known.is_some()
        && let Some(product) = properties.remove("name")
    {
        // In these events the name is the product's, not a person's.
        draft.sealed.properties.insert("name".to_owned(), product);
    }
    if draft.record.kind == Kind::Track {
        set(&mut draft.record, Column::name, &Value::String(event), "event.", errors);
    }
    properties::read(draft, properties, "properties.", Style::Segment, errors);
}

fn viewed(draft: &mut Draft, kind: Kind, map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    draft.record.kind = kind;
    let mut properties = take_object(map, "properties", errors);
    for (field, column) in [("name", Column::name), ("category", Column::category)] {
        // The page's name is repeated in its properties; there it is no person's either.
        let repeated = properties.remove(field);
        if let Some(value) = map.get(field).or(repeated.as_ref()) {
            set(&mut draft.record, column, value, "", errors);
        }
    }
    let none = Map::new();
    let page = object(map, "context").and_then(|context| object(context, "page")).unwrap_or(&none);
    let found = |properties: &Map<String, Value>, field: &str| {
        [text(properties, field), text(page, field)].into_iter().find(|text| !text.is_empty()).unwrap_or("").to_owned()
    };
    let (path, url, referrer) = (found(&properties, "path"), found(&properties, "url"), found(&properties, "referrer"));
    draft.record.path = short(path_of(if path.is_empty() { &url } else { &path }));
    draft.record.referrer = short(&host_of(&referrer));
    // Queries and full URLs may hold anything, so they are sealed with the rest.
    for field in ["path", "referrer"] {
        properties.remove(field);
    }
    if !referrer.is_empty() {
        draft.sealed.properties.insert("referrer".to_owned(), referrer.into());
    }
    properties::read(draft, properties, "properties.", Style::Segment, errors);
}

fn identify(draft: &mut Draft, map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    draft.record.kind = Kind::Identify;
    let traits = take_object(map, "traits", errors);
    signed_up(draft, &traits);
    seal_traits(draft, traits);
}

fn alias(draft: &mut Draft, map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    draft.record.kind = Kind::Identify;
    draft.previous = name(map, "previousId", errors);
    if draft.previous.is_empty() {
        errors.push(FieldError::new("previousId", "is missing"));
    }
}

fn group(draft: &mut Draft, map: &mut Map<String, Value>, errors: &mut Vec<FieldError>) {
    draft.record.kind = Kind::Group;
    let group = name(map, "groupId", errors);
    if group.is_empty() {
        errors.push(FieldError::new("groupId", "is missing"));
    }
    draft.record.name = group.as_str().into();
    let traits = take_object(map, "traits", errors);
    seal_traits(draft, traits);
}

/// Traits describe a person (or an account of several): all of them are sealed.
fn seal_traits(draft: &mut Draft, traits: Map<String, Value>) {
    for (key, value) in traits {
        if personal::canonical(&key).is_some() {
            take_personal(draft, &key, value);
        } else if !value.is_null() {
            properties::keep(draft, key, value);
        }
    }
}

fn unknown(draft: &mut Draft, kind: &str, raw: &str) {
    draft.record.kind = Kind::Unknown;
    draft.record.name = type_name(kind);
    draft.sealed.original = raw.to_owned();
}

/// The name of an unknown type, when it looks like one; a text with blanks or marks may be anything.
pub(crate) fn type_name(kind: &str) -> Text {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/');
    if kind.len() <= 128 && kind.bytes().all(plain) { kind.into() } else { Text::NONE }
}

fn take_object(map: &mut Map<String, Value>, field: &str, errors: &mut Vec<FieldError>) -> Map<String, Value> {
    match map.remove(field) {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(object)) => object,
        Some(_) => {
            errors.push(FieldError::new(field, "is not an object"));
            Map::new()
        }
    }
}

/// A text of context, cut where a column ends: context never makes a message bad.
pub(crate) fn short(text: &str) -> Text {
    let end = text.len().min(records::text::TEXT_BYTES_MAX);
    let end = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Text::new(&text[..end])
}

/// A locale as a BCP 47 tag (`de_AT` becomes `de-AT`); anything that cannot be one is dropped.
fn language_tag(locale: &str) -> Text {
    let tag = locale.replace('_', "-");
    let plain = (2..=35).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { tag.as_str().into() } else { Text::NONE }
}
