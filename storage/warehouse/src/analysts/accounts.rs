//! The accounts of analysts: in the embedded engine's users' file, or by statements on a server.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::views::{analysts_database, policied, policy, quoted, sources};
use super::{Limits, READER, SEATS, Secret, hex, seat_name, settings};
use crate::client::{Client, Error, literal};

/// The settings profile of analysts.
const PROFILE: &str = "analyst";

/// Why a server's accounts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The server refused it.
    #[error(
        "the warehouse does not let us make accounts for analysts ({0}); its user needs ACCESS MANAGEMENT, CREATE DATABASE \
         and SET DEFINER, or leave `sql_listen` empty"
    )]
    Refused(Error),
    /// It could not be asked.
    #[error(transparent)]
    Warehouse(Error),
}

impl From<Error> for AccountsError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused { .. } if !error.is_transient() => Self::Refused(error),
            other => Self::Warehouse(other),
        }
    }
}

/// Two pieces of the embedded engine's users' file: the profile, and the accounts.
pub(crate) fn users_xml(database: &str, secret: &Secret, limits: &Limits) -> (String, String) {
    let profile = format!("<{PROFILE}>{}</{PROFILE}>", settings::profile_xml(limits));
    let mut users = reader_xml(database, secret);
    for seat in 0..SEATS {
        let name = seat_name(seat);
        let _ = write!(
            users,
            "<{name}><password_sha256_hex>{}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks>\
             <profile>{PROFILE}</profile><quota>default</quota><default_database>{shown}</default_database>\
             <grants><query>GRANT SELECT ON {shown}.*</query></grants></{name}>",
            sha256(&secret.password(seat)),
            shown = analysts_database(database),
        );
    }
    (profile, users)
}

fn reader_xml(database: &str, secret: &Secret) -> String {
    let mut xml = format!(
        "<{READER}><password_sha256_hex>{}</password_sha256_hex><networks><ip>0.0.0.1</ip></networks>\
         <profile>default</profile><quota>default</quota><grants>",
        sha256(&secret.nobodys())
    );
    for name in sources() {
        let _ = write!(xml, "<query>GRANT SELECT ON {}.{}</query>", quoted(database), quoted(&name));
    }
    let _ = write!(xml, "</grants><databases><{database}>");
    for table in policied() {
        let filter = escape(&policy(database, &table));
        let _ = write!(xml, "<{table}><filter>{filter}</filter></{table}>");
    }
    let _ = write!(xml, "</{database}></databases></{READER}>");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// SHA-256 of a password as the users' file wants it.
fn sha256(password: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(password.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Rights that [`grant`] and the views need.
const RIGHTS: [&str; 5] =
    ["CREATE USER", "CREATE ROW POLICY", "CREATE SETTINGS PROFILE", "CREATE DATABASE", "SET DEFINER"];

/// Returns the rights that a server's account lacks for making those of analysts.
///
/// # Errors
/// The server's: an old one does not know the question.
pub async fn lacking_rights(client: &Client) -> Result<Vec<&'static str>, Error> {
    let mut lacking = Vec::new();
    for right in RIGHTS {
        if client.fetch_one::<u8>(&format!("CHECK GRANT {right} ON *.*")).await? == 0 {
            lacking.push(right);
        }
    }
    Ok(lacking)
}

/// Makes profile, accounts, grants and policies on a server. The names hold the database's, since a server may serve several.
/// May be repeated.
///
/// # Errors
/// See [`AccountsError`]; what was made before stays and gives nobody more than before.
pub async fn grant(client: &Client, secret: &Secret, limits: &Limits) -> Result<(), AccountsError> {
    let names: Vec<String> = client.fetch_all("SELECT name FROM system.settings").await?;
    let names: BTreeSet<String> = names.into_iter().collect();
    for statement in statements(&client.database()?, secret, limits, |name| names.contains(name)) {
        client.execute(&statement).await?;
    }
    Ok(())
}

/// The statements of [`grant`], with the settings that the server knows.
pub(super) fn statements(
    database: &str,
    secret: &Secret,
    limits: &Limits,
    known: impl Fn(&str) -> bool,
) -> Vec<String> {
    let shown = quoted(&analysts_database(database));
    let profile = quoted(&format!("{}_{PROFILE}", analysts_database(database)));
    let mut statements = vec![
        format!("CREATE SETTINGS PROFILE OR REPLACE {profile} SETTINGS {}", settings::profile_sql(limits, known)),
        format!(
            "CREATE USER IF NOT EXISTS {READER} IDENTIFIED WITH sha256_hash BY '{}' HOST NONE",
            sha256(&secret.nobodys())
        ),
    ];
    for name in sources() {
        statements.push(format!("GRANT SELECT ON {}.{} TO {READER}", quoted(database), quoted(&name)));
    }
    for table in policied() {
        let target = format!("{}.{}", quoted(database), quoted(&table));
        statements.push(format!(
            "CREATE ROW POLICY OR REPLACE eventra_analysts ON {target} FOR SELECT USING {} TO {READER}",
            policy(database, &table)
        ));
        // Where accounts without a policy see nothing, ours would not see its own rows any more.
        statements
            .push(format!("CREATE ROW POLICY OR REPLACE eventra_owner ON {target} FOR SELECT USING 1 TO CURRENT_USER"));
    }
    for seat in 0..SEATS {
        let name = quoted(&seat_account(database, seat));
        statements.push(format!(
            "CREATE USER OR REPLACE {name} IDENTIFIED WITH sha256_hash BY '{}' DEFAULT DATABASE {shown} SETTINGS PROFILE {}",
            sha256(&secret.password(seat)),
            literal(profile.trim_matches('`')),
        ));
        statements.push(format!("GRANT SELECT ON {shown}.* TO {name}"));
    }
    statements
}

/// The account of a seat: on a server that several installations share, each database has its own.
pub(super) fn seat_account(database: &str, seat: usize) -> String {
    match database {
        "default" => seat_name(seat),
        // Long names of databases must not make longer names of accounts than servers take.
        other => format!("{}_{}", seat_name(seat), &hex(&[other.as_bytes()])[..8]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_seats_differ_and_follow_from_the_secret() {
        let (one, other) = (Secret::of("a"), Secret::of("b"));
        assert_eq!(one.password(1), Secret::of("a").password(1));
        assert_ne!(one.password(1), one.password(2));
        assert_ne!(one.password(1), other.password(1));
        assert_eq!(format!("{one:?}"), "Secret");
    }

    #[test]
    fn the_users_file_holds_no_password() {
        let secret = Secret::of("chance");
        let (_, users) = users_xml("default", &secret, &Limits::for_engine(1 << 30));
        assert!(!users.contains(&secret.password(0)) && users.contains(&sha256(&secret.password(0))));
        assert!(users.contains("GRANT SELECT ON eventra.*") && !users.contains("GRANT SELECT ON default.*"));
    }

    #[test]
    fn accounts_of_two_databases_do_not_meet() {
        assert_eq!(seat_account("default", 3), "analyst_03");
        assert_ne!(seat_account("shop", 3), seat_account("stage", 3));
    }
}
