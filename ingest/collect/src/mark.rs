//! Marking: drafts and letters become records: pseudonyms for plaintext ids, flags, times, sealed blobs.

use std::cell::RefCell;

use records::seal::Sealed;
use records::{Flags, Kind, MessageId, OrganizationId, Record, Source, Timestamp, Token};
use serde_json::{Value, json};

use crate::agents;
use crate::draft::{Arrival, Draft, Letter, Parsed};
use crate::language;
use crate::parse::holds_address;
use crate::subjects::{Named, Person, Subjects, Who};
use crate::times::{Times, settle};

/// Makes records for one organization. New subjects are durable only after [`Subjects::sync`], which
/// [`crate::Appender`] calls.
pub struct Marker<'a> {
    subjects: &'a Subjects,
    organization: OrganizationId,
    /// The last user agent and what it told: the messages of one request mostly have the same.
    agent: RefCell<(String, bool, &'static str)>,
}

impl<'a> Marker<'a> {
    /// A marker for an organization.
    pub fn new(subjects: &'a Subjects, organization: OrganizationId) -> Self {
        Self { subjects, organization, agent: RefCell::new((String::new(), false, "")) }
    }

    /// Whether everybody that a draft names is known, or the organization has room for them.
    pub fn admits(&self, draft: &Draft) -> bool {
        self.subjects.admits(self.organization, draft.named())
    }

    /// Turns a draft that names more people than the organization may have into a letter.
    pub(crate) fn admit(&self, message: Parsed) -> Parsed {
        match message {
            Parsed::Draft(draft) if !self.admits(&draft) => {
                match Letter::over_quota(draft, self.subjects.people_max()) {
                    Ok(letter) => {
                        self.subjects.note_refused(self.organization);
                        Parsed::Letter(Box::new(letter))
                    }
                    // Others have used up what was left since the request was parsed: it passes the bound by these few.
                    Err(draft) => Parsed::Draft(draft),
                }
            }
            other => other,
        }
    }

    /// The record of a draft that arrived now.
    pub fn record(&self, draft: Draft, arrival: &Arrival<'_>) -> Record {
        let times = settle(draft.stamps, arrival.received);
        self.record_at(draft, times)
    }

    /// The record of a draft whose times are settled.
    pub fn record_at(&self, mut draft: Draft, times: Times) -> Record {
        let mut record = std::mem::take(&mut draft.record);
        record.organization = self.organization;
        record.event_time = times.event_time;
        record.late_by = times.late_by;
        record.flags = record.flags.with(times.flags);
        self.read_agent(&mut record, &draft.user_agent);
        if !record.language.is_some() && !draft.sealed.text.is_empty() {
            record.language = language::of(&draft.sealed.text).into();
        }
        seal_addresses(&mut record, &mut draft);
        record.device = self.subjects.token(self.organization, "device", &draft.device);
        record.visit = self.subjects.token(self.organization, "visit", &draft.visit);
        record.card = self.subjects.token(self.organization, "card", &draft.card);
        record.address = self.subjects.token(self.organization, "address", &draft.address);
        let person = self.people(&mut record, &draft);
        self.seal(&mut record, person, draft);
        record
    }

    fn read_agent(&self, record: &mut Record, agent: &str) {
        let mut last = self.agent.borrow_mut();
        if last.0 != agent {
            *last = (agent.to_owned(), agents::is_bot(agent), agents::platform(agent));
        }
        if last.1 {
            record.flags = record.flags.with(Flags::BOT);
        }
        if !record.platform.is_some() {
            record.platform = last.2.into();
        }
    }

    /// Fills actor and linked; returns whose key seals.
    fn people(&self, record: &mut Record, draft: &Draft) -> Option<Person> {
        let resolve = |who| self.subjects.resolve(self.organization, who);
        let user = (!draft.user.is_empty()).then(|| resolve(Who::User(&draft.user)));
        let anonymous = (!draft.anonymous.is_empty()).then(|| resolve(Who::Anonymous(&draft.anonymous)));
        if let (Some(user), Some(anonymous)) = (&user, &anonymous) {
            self.subjects.link(anonymous.subject, user.subject);
        }
        match (record.kind, &user, &anonymous) {
            (Kind::Identify, Some(user), _) if !draft.previous.is_empty() => {
                let known = self.subjects.find(self.organization, Who::User(&draft.previous));
                let previous = known.unwrap_or_else(|| resolve(Who::Anonymous(&draft.previous)));
                self.subjects.link(previous.subject, user.subject);
                record.linked = previous.token;
            }
            (Kind::Identify, Some(_), Some(anonymous)) => record.linked = anonymous.token,
            _ if !draft.receiver.is_empty() => record.linked = resolve(Who::User(&draft.receiver)).token,
            _ => {}
        }
        if user.is_none() && anonymous.is_some() {
            record.flags = record.flags.with(Flags::ANONYMOUS);
        }
        let person = user.or(anonymous);
        record.actor = person.as_ref().map_or(Token::NONE, |person| person.token);
        person
    }

    fn seal(&self, record: &mut Record, person: Option<Person>, draft: Draft) {
        let mut sealed = draft.sealed;
        // The id itself is sealed where people are introduced, not with every click of theirs.
        let introduces = matches!(record.kind, Kind::Identify | Kind::RegistrationReported | Kind::CheckInReported);
        let fresh = person.as_ref().is_some_and(|person| person.fresh);
        if !draft.user.is_empty() && (introduces || fresh) {
            sealed.personal.insert("user_id".to_owned(), draft.user);
        }
        if sealed.is_empty() {
            return;
        }
        let person = person.unwrap_or_else(|| self.subjects.resolve(self.organization, Who::Unattributed));
        record.subject = person.subject;
        record.sealed = self.subjects.seal(self.organization, &person, &sealed);
    }

    /// The record of a dead letter. What was wrong may quote what came, so all but the reason's word and the place is
    /// sealed. The same letter again has the same message id.
    pub fn letter(&self, letter: Letter, arrival: &Arrival<'_>) -> Record {
        let mut record = Record::new(Kind::DeadLettered);
        record.organization = self.organization;
        record.event_time = arrival.received;
        record.source = source_of(&letter.format);
        record.message = letter_id(&letter);
        record.name = letter.reason.word().into();
        let field = letter.errors.first().map_or("", |error| error.field.as_str());
        record.path = crate::parse::segment::short(&format!("{}: {field}", letter.place));
        let who = self.whose(&letter);
        let person = self.subjects.resolve(self.organization, who);
        if matches!(who, Who::Anonymous(_)) {
            record.flags = record.flags.with(Flags::ANONYMOUS);
        }
        if who != Who::Unattributed {
            record.actor = person.token;
        }
        record.subject = person.subject;
        record.sealed = self.subjects.seal(self.organization, &person, &sealed_letter(letter, arrival));
        record
    }
}

impl Marker<'_> {
    /// Whose key seals a letter: the person's as far as it is readable and there is room for somebody new.
    fn whose<'l>(&self, letter: &'l Letter) -> Who<'l> {
        let (user, anonymous) = (letter.user.as_str(), letter.anonymous.as_str());
        let admits = |named| self.subjects.admits(self.organization, named);
        if !user.is_empty() && admits(Named { user, ..Named::default() }) {
            Who::User(user)
        } else if user.is_empty() && !anonymous.is_empty() && admits(Named { anonymous, ..Named::default() }) {
            Who::Anonymous(anonymous)
        } else {
            Who::Unattributed
        }
    }
}

/// What stands in a text column where an e-mail address was.
const SEALED: &str = "(sealed)";

/// Columns stay readable after an erasure, so an e-mail address that a client put into a text (a path such as
/// `/people/ada@a.example`, an event's name) moves into the sealed fields.
fn seal_addresses(record: &mut Record, draft: &mut Draft) {
    let columns = [
        ("name", &mut record.name),
        ("path", &mut record.path),
        ("referrer", &mut record.referrer),
        ("category", &mut record.category),
        ("choice", &mut record.choice),
        ("channel", &mut record.channel),
        ("country", &mut record.country),
        ("platform", &mut record.platform),
        ("language", &mut record.language),
    ];
    for (name, text) in columns.into_iter().filter(|(_, text)| holds_address(text)) {
        draft.sealed.personal.insert(format!("column_{name}"), text.to_string());
        *text = SEALED.into();
    }
}

fn sealed_letter(letter: Letter, arrival: &Arrival<'_>) -> Sealed {
    let mut properties = serde_json::Map::new();
    let errors: Vec<Value> =
        letter.errors.iter().map(|error| json!({"field": error.field, "problem": error.problem})).collect();
    properties.insert("errors".to_owned(), errors.into());
    properties.insert("format".to_owned(), letter.format.into());
    properties.insert("received".to_owned(), arrival.received.0.into());
    if letter.message.is_some() {
        properties.insert("message".to_owned(), letter.message.to_string().into());
    }
    if let Some(sent_at) = letter.sent_at {
        properties.insert("sent_at".to_owned(), sent_at.0.into());
    }
    for (field, text) in [("address", arrival.address), ("user_agent", arrival.user_agent)] {
        if !text.is_empty() {
            properties.insert(field.to_owned(), text.into());
        }
    }
    Sealed { original: letter.original, properties, ..Sealed::default() }
}

fn source_of(format: &str) -> Source {
    match format.split(':').next().unwrap_or("") {
        "segment" => Source::Segment,
        crate::parse::cloudevents::FORMAT => Source::CloudEvents,
        crate::parse::ndjson::FORMAT => Source::Ndjson,
        _ => Source::Replay,
    }
}

fn letter_id(letter: &Letter) -> MessageId {
    let mut hasher = blake3::Hasher::new_derive_key("eventra 2026 dead letter id v1");
    hasher.update(&letter.message.0.to_le_bytes());
    hasher.update(letter.format.as_bytes()).update(&[0]).update(letter.original.as_bytes());
    let mut cut = [0; 16];
    cut.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    MessageId(u128::from_be_bytes(cut).max(1))
}

/// What a sealed dead letter says about how it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) format: String,
    pub(crate) message: MessageId,
    pub(crate) received: Timestamp,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) address: String,
    pub(crate) user_agent: String,
}

impl Came {
    pub(crate) fn of(sealed: &Sealed) -> Self {
        let text = |field: &str| sealed.properties.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        let time = |field: &str| sealed.properties.get(field).and_then(Value::as_i64).map(Timestamp);
        Self {
            format: text("format"),
            message: MessageId::parse(&text("message")).unwrap_or(MessageId::NONE),
            received: time("received").unwrap_or_default(),
            sent_at: time("sent_at"),
            address: text("address"),
            user_agent: text("user_agent"),
        }
    }
}
