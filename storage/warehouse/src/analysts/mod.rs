//! Access for analysts: many organizations ask one engine, and each finds its own rows and nothing else.
//!
//! Four walls, each of which holds by itself against most of what the others hold against:
//!
//! 1. **Views.** Analysts may read the views of one database (`views`) and no table at all. Each view runs as the account
//!    `sql_reader`, to which nobody can log in.
//! 2. **Row policies.** `sql_reader` sees, in every table that has an organization, the rows of the organization that the
//!    account of the connection stands for just now (`seats`); of a seat that stands for nobody, no row.
//! 3. **Settings.** The accounts are read-only; of the settings, those of a list can be changed, within bounds (`settings`).
//! 4. **The gate.** A text is read before the engine gets it (`gate`): statements other than questions, table functions,
//!    and functions that tell about the machine are refused. The engine's library does not guard all of them itself.
//!
//! [`Gateway`] holds them together and passes questions on. It does not know keys, people or roles: who asks for which
//! organization is decided before.

mod accounts;
mod gate;
mod gateway;
mod lexer;
mod quota;
pub mod request;
mod seats;
mod settings;
mod views;
mod whole;
mod wire;
mod words;

pub use accounts::{AccountsError, grant, lacking_rights};
pub use gate::Forbidden;
pub use gateway::{Ask, AskError, Cut, Gateway, Reply, ReplyBody};
pub use settings::Limits;
pub use views::analysts_database;
pub use whole::{Rows, Whole};
pub use words::takes_table_function;

pub(crate) use accounts::users_xml;

/// The account as which views are run. Nobody can log in as it.
pub(crate) const READER: &str = "sql_reader";

/// Accounts for connections. One stands for one organization at a time, so this is how many organizations can ask at
/// once; it is above [`RUNNING_MAX`], so that one is always free for the next organization.
pub(crate) const SEATS: usize = 32;

/// Questions that run at once, of all organizations: each may take [`Limits::memory_bytes`].
pub const RUNNING_MAX: usize = 16;

/// Questions of one asker that run at once: a dashboard's charts, and room for others.
pub const RUNNING_OF_ASKER_MAX: usize = 4;

/// Bytes of one question with its parameters: long generated `IN` lists fit.
pub const QUESTION_BYTES_MAX: usize = 1 << 20;

/// The name of a seat's account.
pub(crate) fn seat_name(seat: usize) -> String {
    format!("analyst_{seat:02}")
}

/// What gateway and engine share: the passwords of the seats follow from it, and nobody keeps it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Follows from the password of the engine's own account, or from other text of at least 128 bits of chance that is drawn
    /// anew for each start. From a seat's password neither can be found.
    pub fn of(chance: &str) -> Self {
        Self(hex(&[b"analysts", chance.as_bytes()]))
    }

    /// The password of a seat: SHA-256 of the secret and its name, in hexadecimal.
    pub(crate) fn password(&self, seat: usize) -> String {
        hex(&[self.0.as_bytes(), seat_name(seat).as_bytes()])
    }

    /// A password that nobody learns.
    pub(crate) fn nobodys(&self) -> String {
        hex(&[self.0.as_bytes(), READER.as_bytes()])
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Where words, quoted names and texts of a statement begin and end, in bytes; none when it is refused. For the test that
/// compares it with the engine's own reading.
#[doc(hidden)]
pub fn cuts(text: &str) -> Option<Vec<(usize, usize)>> {
    let cuts = lexer::tokens(text).ok()?.into_iter().filter_map(|token| {
        let (part, quotes) = match token {
            lexer::Token::Word(part) | lexer::Token::Text(part) => (part, 0),
            lexer::Token::Quoted(part) => (part, 1),
            lexer::Token::Number | lexer::Token::Sign(_) => return None,
        };
        let begin = part.as_ptr() as usize - text.as_ptr() as usize;
        Some((begin - quotes, begin + part.len() + quotes))
    });
    Some(cuts.collect())
}

/// Whether the gate lets a statement with these values of parameters pass. For the fuzzer.
#[doc(hidden)]
pub fn passes(text: &str, parameters: &[&str]) -> bool {
    gate::check(text, parameters.iter().copied()).is_ok()
}

/// The statements by which a server's accounts are made. For the test that has the engine read them.
#[doc(hidden)]
pub fn server_statements(database: &str, secret: &Secret, limits: &Limits) -> Vec<String> {
    accounts::statements(database, secret, limits, |_| true)
}

/// SHA-256 of the parts, a zero byte after each, in hexadecimal.
pub(crate) fn hex(parts: &[&[u8]]) -> String {
    use std::fmt::Write as _;

    use sha2::{Digest, Sha256};
    let mut sum = Sha256::new();
    for part in parts {
        sum.update(part);
        sum.update([0]);
    }
    sum.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
