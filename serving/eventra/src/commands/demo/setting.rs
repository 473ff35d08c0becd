//! Where a demo takes place: a directory of its own, a free port, a key that may write, read and ask.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use records::OrganizationId;
use records::fact::Scope;

use crate::document::{Document, make_secret};
use crate::settings::{Loaded, Settings, WarehouseChoice};

/// The name of the demo's key; each run makes a new one of this name, which replaces the last.
const KEY: &str = "demo";

/// Who looks at the demo's pages.
pub(super) const USER: &str = "demo@example.org";

/// The settings of a demo, and whether the directory was the user's choice.
pub(super) fn settings(loaded: &Loaded, name: &str) -> anyhow::Result<Settings> {
    let mut settings = loaded.settings.clone();
    let chosen = |key: &str| loaded.places.get(key).is_some_and(|place| place != "the default");
    if !chosen("data_dir") {
        settings.data_dir = directory(name)?;
    }
    if !chosen("listen") {
        settings.listen.set_port(0);
    }
    if !chosen("sql_listen") && settings.warehouse != WarehouseChoice::None {
        settings.sql_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    }
    if !chosen("smtp_url") {
        settings.mailbox = true;
        settings.test_payments = true;
    }
    if !chosen("log_filter") {
        // The live view owns the terminal; what must be known still comes.
        settings.log_filter = "error".into();
    }
    Ok(settings)
}

fn directory(name: &str) -> anyhow::Result<PathBuf> {
    let user_data = warehouse::engine::find::user_data_dir(|name| std::env::var_os(name)).context("HOME is not set")?;
    Ok(user_data.join("eventra").join(name))
}

/// A document with one new key for an organization, and the key.
pub(super) fn key(organization: OrganizationId, name: &str) -> anyhow::Result<(Document, String)> {
    let secret = make_secret();
    let document = serde_json::from_value(serde_json::json!({"organization": [{
        "id": organization.to_string(),
        "name": name,
        "key": [{"name": KEY, "scopes": [Scope::Write, Scope::Read, Scope::Sql], "hash": records::SecretHash::of(&secret).to_string()}],
    }]}))?;
    Ok((document, secret))
}

/// How long a demo without a terminal runs, from `DEMO_SECONDS`.
pub(super) fn seconds() -> Option<u64> {
    std::env::var("DEMO_SECONDS").ok().and_then(|text| text.parse().ok())
}

/// Records of one attendee over the whole conference, on average.
const RECORDS_EACH: u64 = 1_450;

/// A conference of as many people as give the wanted rate when it is played within so many seconds.
pub(super) fn conference(arguments: &super::Arguments, seconds: u64) -> crate::control::Simulation {
    let attendees = (arguments.rate * seconds / RECORDS_EACH).clamp(50, 1_000_000);
    crate::control::Simulation {
        seed: arguments.seed.unwrap_or_else(rand::random),
        rate: arguments.rate,
        attendees: u32::try_from(attendees).expect("it was just clamped"),
        seconds: None,
        within_seconds: Some(seconds),
    }
}
