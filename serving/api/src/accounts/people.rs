//! What is personal about users: sealed before it becomes a fact, opened when it is shown to somebody who may see it.

use std::fmt;

use collect::{Subjects, Who};
use records::seal::Sealed;
use records::{Blob, Timestamp, Token, UserId};
use rules::accounts::{User, platform};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Api;
use crate::problem::{Code, Problem};

/// The longest mail address, bytes (RFC 5321 §4.5.3.1.3).
const ADDRESS_BYTES_MAX: usize = 254;
/// The longest name, characters.
const NAME_MAX: usize = 120;

/// A mail address as accounts are found by: trimmed and in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// Why a text is no mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no mail address such as ann@example.org")]
pub struct AddressError;

impl std::str::FromStr for Address {
    type Err = AddressError;

    /// Reads an address. Whether mail arrives is another matter, which only a mail finds out.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim().to_lowercase();
        let (name, host) = text.rsplit_once('@').ok_or(AddressError)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
        let sound = !name.is_empty() && !host.is_empty() && !text.contains(odd) && !name.contains('@');
        (sound && text.len() <= ADDRESS_BYTES_MAX).then_some(Self(text)).ok_or(AddressError)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is personal about a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Personal {
    /// The mail address.
    pub email: String,
    /// What people call them.
    pub name: String,
}

impl Personal {
    /// As it is sealed.
    pub fn sealed(&self) -> Sealed {
        let personal = [("email".to_owned(), self.email.clone()), ("name".to_owned(), self.name.clone())];
        Sealed { personal: personal.into_iter().collect(), ..Sealed::default() }
    }

    fn of(sealed: &Sealed) -> Self {
        let field = |name| sealed.personal.get(name).cloned().unwrap_or_default();
        Self { email: field("email"), name: field("name") }
    }
}

/// Makes the key of somebody new, or finds it, durably: the number of the key and the pseudonym.
pub(crate) fn subject(subjects: &Subjects, address: &Address) -> Result<(u64, Token), Problem> {
    let person = subjects.resolve(platform(), Who::User(address.as_str()));
    subjects.sync().map_err(|error| {
        tracing::error!(%error, "the key store was not written");
        Problem::new(Code::LogRefuses, "the key store cannot be written")
    })?;
    Ok((person.subject, person.token))
}

/// Seals something for somebody whose key is known.
pub(crate) fn seal(subjects: &Subjects, address: &Address, sealed: &Sealed) -> Option<Blob> {
    let person = subjects.find(platform(), Who::User(address.as_str()))?;
    Some(Blob(subjects.seal(platform(), &person, sealed)))
}

impl Api {
    pub(crate) fn subjects(&self) -> &Subjects {
        self.door.appender().subjects()
    }

    /// What is personal about a user; empty when it cannot be opened any more.
    pub(crate) fn personal(&self, user: &User) -> Personal {
        self.open(user, &user.sealed).map_or_else(Personal::default, |sealed| Personal::of(&sealed))
    }

    pub(crate) fn open(&self, user: &User, blob: &Blob) -> Option<Sealed> {
        self.subjects().open_sealed(platform(), user.subject, &blob.0).ok()
    }

    /// Seals something for a user.
    pub(crate) fn seal(&self, user: &User, sealed: &Sealed) -> Result<Blob, Problem> {
        let address: Option<Address> = self.personal(user).email.parse().ok();
        let blob = address.and_then(|address| seal(self.subjects(), &address, sealed));
        blob.ok_or_else(|| Problem::new(Code::NotFound, "this user was erased"))
    }

    /// The user with this mail address.
    pub(crate) fn user_by_address(&self, address: &Address) -> Option<(UserId, User)> {
        let person = self.subjects().find(platform(), Who::User(address.as_str()))?;
        let found = |directory: &rules::Directory| {
            directory.accounts.by_person(person.token).map(|(id, user)| (id, user.clone()))
        };
        self.callers.read(found)
    }

    /// A user by id.
    pub(crate) fn user(&self, user: UserId) -> Option<User> {
        self.callers.read(|directory| directory.accounts.user(user).cloned())
    }
}

/// A mail address that somebody sent.
pub(crate) fn address(text: &str) -> Result<Address, Problem> {
    text.parse().map_err(|error: AddressError| Problem::new(Code::Refused, error.to_string()))
}

/// A name that somebody sent.
pub(crate) fn name(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.chars().count() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(Problem::new(
            Code::Refused,
            format!("a name has at most {NAME_MAX} characters, and no control ones"),
        ));
    }
    Ok(text.to_owned())
}

/// A language that somebody sent: a tag of BCP 47, or nothing.
pub(crate) fn language(text: &str) -> Result<String, Problem> {
    let sound = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if text.is_empty() || (text.len() <= 35 && text.split('-').all(sound)) {
        return Ok(text.to_owned());
    }
    Err(Problem::new(Code::Refused, "a language is a tag such as `en` or `pt-BR`"))
}

/// An instant as answers write it: RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String", inline, extend("format" = "date-time"))]
pub(crate) struct When(pub(crate) Timestamp);

impl Serialize for When {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for (text, read) in [(" Ann@Example.ORG ", "ann@example.org"), ("a@b", "a@b"), ("é@ü.de", "é@ü.de")] {
            assert_eq!(text.parse::<Address>().unwrap().as_str(), read);
        }
        for wrong in
            ["", "ann", "@b", "a@", "a b@c", "a@b@c", "a@b\r\nBcc: x", "<a@b>", &format!("{}@b", "x".repeat(260))]
        {
            assert_eq!(wrong.parse::<Address>(), Err(AddressError), "{wrong}");
        }
    }

    #[test]
    fn languages_are_tags() {
        assert!(["", "en", "pt-BR", "zh-Hant-TW"].iter().all(|tag| language(tag).is_ok()));
        assert!(["e n", "en_US", "-", "x".repeat(40).as_str()].iter().all(|tag| language(tag).is_err()));
    }
}
