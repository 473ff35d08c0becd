//! What is personal about buyers and holders: sealed under a key of the organization's, opened for who may see it.

use collect::Who;
use records::seal::Sealed;
use records::{Blob, OrganizationId, Token};
use rules::booking::catalogue::ORDER_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::accounts::{Address, name};
use crate::problem::{Code, Problem};

/// Answers of one form.
const ANSWERS_MAX: usize = 100;
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 4_000;
/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 1_000;

/// How the sealed names of those who come begin.
const ATTENDEE: &str = "attendee:";

/// Who buys or holds something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contact {
    /// The mail address.
    pub(crate) email: String,
    /// What people call them.
    #[serde(default)]
    pub(crate) name: String,
    /// What they answered, by question.
    #[serde(default)]
    pub(crate) answers: std::collections::BTreeMap<String, String>,
    /// Where an invoice goes, with its lines.
    #[serde(default)]
    pub(crate) address: String,
    /// Their number at the tax office, for invoices.
    #[serde(default)]
    pub(crate) tax_id: String,
    /// The language of mails to them, BCP 47; the organization's when it is empty.
    #[serde(default)]
    pub(crate) language: String,
    /// Who comes with each position of an order, by its place; the buyer where nothing stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attendees: Vec<String>,
}

/// Those who wait for the key store: the first one has it synced, for all who have come by then, until nobody waits.
#[derive(Debug, Default)]
pub(crate) struct Syncs(std::sync::Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    /// As many as requests are under way.
    waiting: Vec<tokio::sync::oneshot::Sender<bool>>,
    is_running: bool,
}

impl Syncs {
    /// None when there is nothing to wait for; else what to wait with, and whether somebody has to [`Syncs::run`].
    fn wait(&self, is_done: impl FnOnce() -> bool) -> Option<(tokio::sync::oneshot::Receiver<bool>, bool)> {
        if is_done() {
            return None;
        }
        let (done, ticket) = tokio::sync::oneshot::channel();
        let mut line = self.0.lock().expect("nothing panics under the lock");
        line.waiting.push(done);
        let is_first = !std::mem::replace(&mut line.is_running, true);
        Some((ticket, is_first))
    }

    /// Syncs until nobody waits.
    fn run(&self, sync: impl Fn() -> bool) {
        loop {
            let mut line = self.0.lock().expect("nothing panics under the lock");
            let waiting = std::mem::take(&mut line.waiting);
            line.is_running = !waiting.is_empty();
            drop(line);
            if waiting.is_empty() {
                return;
            }
            let synced = sync();
            // Whoever asked may have gone.
            waiting.into_iter().for_each(|waiting| _ = waiting.send(synced));
        }
    }
}

/// Somebody whose key is durable.
pub(crate) struct Known {
    /// The number of the key.
    pub(crate) subject: u64,
    /// The pseudonym.
    pub(crate) person: Token,
    /// What is personal, sealed.
    pub(crate) sealed: Blob,
}

impl Contact {
    fn checked(&self) -> Result<(Address, Sealed), Problem> {
        let address: Address =
            self.email.parse().map_err(|_| Problem::new(Code::FieldsWrong, "`email` is no mail address"))?;
        let long = |text: &str| text.len() > ANSWER_BYTES_MAX || text.contains('\0');
        if self.answers.len() > ANSWERS_MAX || self.answers.iter().any(|(of, answer)| long(of) || long(answer)) {
            let detail = format!("`answers` has at most {ANSWERS_MAX} of {ANSWER_BYTES_MAX} bytes each");
            return Err(Problem::new(Code::FieldsWrong, detail));
        }
        for (field, text, most) in [
            ("address", &self.address, ADDRESS_BYTES_MAX),
            ("tax_id", &self.tax_id, 64),
            ("language", &self.language, 35),
        ] {
            let wrong = |letter: char| letter.is_control() && !(letter == '\n' && field == "address");
            if text.len() > most || text.contains(wrong) {
                let detail = format!("`{field}` has at most {most} bytes, and no control characters");
                return Err(Problem::new(Code::FieldsWrong, detail));
            }
        }
        let mut personal: std::collections::BTreeMap<String, String> =
            self.answers.iter().map(|(of, answer)| (format!("answer:{of}"), answer.clone())).collect();
        if self.attendees.len() > usize::from(ORDER_MAX) {
            return Err(Problem::new(Code::FieldsWrong, format!("`attendees` has at most {ORDER_MAX}")));
        }
        for (place, attendee) in self.attendees.iter().enumerate().filter(|(_, attendee)| !attendee.trim().is_empty()) {
            personal.insert(format!("{ATTENDEE}{place}"), name(attendee)?);
        }
        personal.insert("email".into(), address.to_string());
        personal.insert("name".into(), name(&self.name)?);
        let rest = [("address", &self.address), ("tax_id", &self.tax_id), ("language", &self.language)];
        personal
            .extend(rest.into_iter().filter(|(_, text)| !text.is_empty()).map(|(of, text)| (of.into(), text.clone())));
        Ok((address, Sealed { personal, ..Sealed::default() }))
    }

    fn attends(&mut self, place: &str, attendee: String) {
        let place = place.parse().unwrap_or(usize::MAX);
        if place < usize::from(ORDER_MAX) {
            self.attendees.resize(self.attendees.len().max(place + 1), String::new());
            self.attendees[place] = attendee;
        }
    }

    /// Who comes with a position: the buyer where nobody else was named.
    pub(crate) fn attendee(&self, place: u16) -> &str {
        let named = self.attendees.get(usize::from(place)).filter(|named| !named.is_empty());
        named.unwrap_or(&self.name)
    }

    fn of(sealed: Sealed) -> Self {
        let mut contact = Self::default();
        for (field, text) in sealed.personal {
            match field.as_str() {
                "email" => contact.email = text,
                "name" => contact.name = text,
                "address" => contact.address = text,
                "tax_id" => contact.tax_id = text,
                "language" => contact.language = text,
                field if field.starts_with(ATTENDEE) => contact.attends(&field[ATTENDEE.len()..], text),
                field => {
                    let of = field.strip_prefix("answer:").unwrap_or(field).to_owned();
                    contact.answers.insert(of, text);
                }
            }
        }
        contact
    }
}

impl Api {
    /// Makes the key of somebody, or finds it, durably, and seals what they said under it.
    pub(crate) async fn sealed(&self, organization: OrganizationId, contact: &Contact) -> Result<Known, Problem> {
        let (address, sealed) = contact.checked()?;
        let subjects = self.subjects();
        let person = subjects.resolve(organization, Who::User(address.as_str()));
        // Whoever was here before may be so new that their key is still on its way to the disk.
        self.keys_durable().await?;
        let sealed = Blob(subjects.seal(organization, &person, &sealed));
        Ok(Known { subject: person.subject, person: person.token, sealed })
    }

    /// Waits until every key that was made so far is on the disk.
    async fn keys_durable(&self) -> Result<(), Problem> {
        let Some((ticket, is_first)) = self.booking.syncs.wait(|| self.subjects().is_synced()) else { return Ok(()) };
        if is_first {
            let api = self.clone();
            // The key store is written and synced: not on a thread that serves others, and once for all who wait by then.
            tokio::task::spawn_blocking(move || {
                api.booking.syncs.run(|| {
                    let synced = api.subjects().sync();
                    synced.inspect_err(|error| tracing::error!(%error, "the key store was not written")).is_ok()
                });
            });
        }
        if ticket.await.unwrap_or(false) {
            return Ok(());
        }
        Err(Problem::new(Code::LogRefuses, "the key store cannot be written"))
    }

    /// What was sealed; empty when the person was erased.
    pub(crate) fn contact(&self, organization: OrganizationId, subject: u64, sealed: &Blob) -> Contact {
        self.subjects().open_sealed(organization, subject, &sealed.0).map(Contact::of).unwrap_or_default()
    }
}
