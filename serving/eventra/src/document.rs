//! The file that `eventra apply` takes: what an organization is, who may write and read, what is on, and the rules.
//!
//! ```toml
//! [[organization]]
//! id = "acme"
//! name = "Acme Events"
//! zone = "Europe/Berlin"
//!
//! [[organization.key]]
//! name = "web"
//! scopes = ["write"]          # no secret: one is made and printed once
//!
//! [[organization.event]]
//! id = "conf-26"
//! title = "Conference 2026"
//! starts = 2026-11-20T09:00:00Z
//! ends = 2026-11-21T18:00:00Z
//!
//! [[organization.event.item]]
//! id = "talk-1"
//! session = "talk-1"
//! title = "Opening"
//!
//! [organization.rules]        # or: rules_file = "rules.toml"
//! ```

use std::path::Path;

use anyhow::{Context as _, bail};
use records::fact::Scope;
use records::{EventId, ItemId, OrganizationId, SecretHash, SessionId, Text, Timestamp, Zone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Bytes of chance in a made key: as many as its hash has.
const SECRET_BYTES: usize = 32;

/// Everything that one file says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// The organizations.
    #[serde(default, rename = "organization")]
    pub(crate) organizations: Vec<Organization>,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Organization {
    /// Its id: a short name or a UUID.
    pub(crate) id: OrganizationId,
    /// What people call it.
    pub(crate) name: String,
    /// The zone in which its days turn; UTC when not said.
    #[serde(default = "Zone::utc")]
    pub(crate) zone: Zone,
    /// Its keys.
    #[serde(default, rename = "key")]
    pub(crate) keys: Vec<Key>,
    /// Its events.
    #[serde(default, rename = "event")]
    pub(crate) events: Vec<Event>,
    /// Its rules, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<Value>,
    /// A file with the rules, beside this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules_file: Option<String>,
}

/// A key. Its secret is given as a hash, in a file of its own, or made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// The name to revoke it by.
    pub(crate) name: String,
    /// What it may do.
    #[serde(default)]
    pub(crate) scopes: Vec<Scope>,
    /// BLAKE3 of the secret, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
    /// A file with the secret, beside this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_file: Option<String>,
    /// Whether it may no longer be used.
    #[serde(default)]
    pub(crate) revoked: bool,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: EventId,
    /// What people call it.
    pub(crate) title: String,
    /// The zone in which its days turn; the organization's when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) zone: Option<Zone>,
    /// When it begins.
    pub(crate) starts: Moment,
    /// When it is over.
    pub(crate) ends: Moment,
    /// What can be visited or bought there.
    #[serde(default, rename = "item")]
    pub(crate) items: Vec<Item>,
}

/// An item of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// Its id.
    pub(crate) id: ItemId,
    /// The session, when it is one.
    #[serde(default)]
    pub(crate) session: SessionId,
    /// What people call it.
    pub(crate) title: String,
    /// Its track or category.
    #[serde(default)]
    pub(crate) track: Text,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) starts: Option<Moment>,
    /// When it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<Moment>,
    /// How many fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) capacity: Option<u32>,
}

/// An instant as people write it: RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Reads a document and the files that it names, and checks it.
///
/// # Errors
/// When a file cannot be read or says something that makes no sense; the message says where.
pub(crate) fn read(path: &Path) -> anyhow::Result<Document> {
    let mut document: Document =
        serde_json::from_value(read_value(path)?).with_context(|| format!("in `{}`", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    for organization in &mut document.organizations {
        resolve(organization, folder).with_context(|| format!("organization `{}`", organization.id))?;
    }
    Ok(document)
}

fn resolve(organization: &mut Organization, folder: &Path) -> anyhow::Result<()> {
    if let Some(file) = organization.rules_file.take() {
        if organization.rules.is_some() {
            bail!("`rules` and `rules_file` are both given; one is enough");
        }
        organization.rules = Some(read_value(&folder.join(file))?);
    }
    for key in &mut organization.keys {
        if let Some(file) = key.secret_file.take() {
            let file = folder.join(file);
            let secret = std::fs::read_to_string(&file).with_context(|| format!("reading `{}`", file.display()))?;
            key.hash = Some(SecretHash::of(check_secret(secret.trim())?).to_string());
        }
    }
    check(organization)
}

fn check_secret(secret: &str) -> anyhow::Result<&str> {
    // A key that can be guessed is no key: 16 characters is what a careful person types at most.
    if !(16..=api::callers::SECRET_BYTES_MAX).contains(&secret.len()) {
        bail!("the secret of a key has 16 to {} bytes", api::callers::SECRET_BYTES_MAX);
    }
    Ok(secret)
}

fn check(organization: &Organization) -> anyhow::Result<()> {
    if !organization.id.is_some() {
        bail!("an organization needs an `id`");
    }
    for key in &organization.keys {
        if key.scopes.is_empty() && !key.revoked {
            bail!("key `{}` has no `scopes`: `write`, `read` or both", key.name);
        }
    }
    for event in &organization.events {
        if event.ends < event.starts {
            bail!("event `{}` ends before it starts", event.id);
        }
        for item in &event.items {
            if let (Some(starts), Some(ends)) = (item.starts, item.ends)
                && ends < starts
            {
                bail!("item `{}` of event `{}` ends before it starts", item.id, event.id);
            }
        }
    }
    if let Some(rules) = &organization.rules {
        crate::rules_check::check(rules)?;
    }
    Ok(())
}

/// Reads TOML or, for `*.json`, JSON.
fn read_value(path: &Path) -> anyhow::Result<Value> {
    let place = || format!("reading `{}`", path.display());
    if std::fs::metadata(path).with_context(place)?.len() > FILE_BYTES_MAX {
        bail!("`{}` is larger than {FILE_BYTES_MAX} bytes", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(place)?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(&text).with_context(place);
    }
    let table: toml::Table = toml::from_str(&text).with_context(place)?;
    to_json(toml::Value::Table(table)).with_context(place)
}

/// TOML as JSON; instants become RFC 3339 texts.
fn to_json(value: toml::Value) -> anyhow::Result<Value> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .with_context(|| format!("`{number}` is no number that can be kept"))?,
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(instant) => Value::String(instant.to_string()),
        toml::Value::Array(values) => values.into_iter().map(to_json).collect::<anyhow::Result<_>>()?,
        toml::Value::Table(table) => Value::Object(
            table.into_iter().map(|(key, value)| Ok((key, to_json(value)?))).collect::<anyhow::Result<_>>()?,
        ),
    })
}

/// A new secret of 256 bits of chance, such as `ek_3f2a...`.
pub(crate) fn make_secret() -> String {
    use std::fmt::Write as _;
    let chance: [u8; SECRET_BYTES] = rand::random();
    chance.iter().fold("ek_".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[organization]]
        id = "acme"
        name = "Acme Events"
        zone = "Europe/Berlin"
        [[organization.key]]
        name = "web"
        scopes = ["write"]
        secret_file = "web.key"
        [[organization.event]]
        id = "conf-26"
        title = "Conference 2026"
        starts = 2026-11-20T09:00:00Z
        ends = "2026-11-21T18:00:00+01:00"
        [[organization.event.item]]
        id = "talk-1"
        title = "Opening"
    "#;

    fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_document_is_read_with_its_files_and_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "web.key", "a-long-enough-secret\n");
        let document = read(&write(folder.path(), "acme.toml", FILE)).unwrap();
        let organization = &document.organizations[0];
        assert_eq!(organization.zone.name(), "Europe/Berlin");
        assert_eq!(
            organization.keys[0].hash.as_deref(),
            Some(SecretHash::of("a-long-enough-secret").to_string().as_str())
        );
        assert_eq!(organization.events[0].ends.0.to_string(), "2026-11-21T17:00:00Z");
        let sent = serde_json::to_string(&document).unwrap();
        assert!(!sent.contains("long-enough"));
        assert_eq!(serde_json::from_str::<Document>(&sent).unwrap(), document);
    }

    #[test]
    fn mistakes_say_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let check = |text: &str, wanted: &str| {
            let error = format!("{:#}", read(&write(folder.path(), "x.toml", text)).unwrap_err());
            assert!(error.contains(wanted), "{error}");
        };
        check("[[organisation]]\nid = 'x'", "organisation");
        check("[[organization]]\nid = 'x'\nname = 'x'\n[[organization.key]]\nname = 'k'", "`k` has no `scopes`");
        write(folder.path(), "web.key", "a-long-enough-secret");
        check(&FILE.replace("2026-11-21T18", "2026-11-19T18"), "ends before it starts");
        check(&FILE.replace("Europe/Berlin", "Mars/Base"), "Mars/Base");
        write(folder.path(), "web.key", "short");
        check(FILE, "16 to 256 bytes");
    }

    #[test]
    fn made_secrets_differ_and_are_long() {
        let secret = make_secret();
        assert_eq!(secret.len(), 3 + 64);
        assert_ne!(secret, make_secret());
    }
}
