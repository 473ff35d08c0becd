//! Accounts: signing in, the own account, organizations with their members, keys, events, rules and saved queries.
//!
//! Every write is a command to the desk and is answered when its facts are durable; every read asks the directory,
//! which is a fold of these facts. There is no other database. Mail addresses, names and devices are sealed under the
//! user's key before they become facts, and opened here only, in memory.

mod ask;
mod audit;
pub(crate) mod decide;
mod events;
mod keys;
pub(crate) mod links;
mod logins;
mod mails;
mod me;
mod members;
pub mod notes;
mod oidc;
pub mod operator;
mod organizations;
pub(crate) mod passwords;
pub(crate) mod people;
mod queries;
mod second;
mod secrets;

use records::Span;

pub use ask::Signed;
pub(crate) use decide::offset;
pub(crate) use links::Nothing;
pub use mails::{Letter, Template, Waiting};
pub use oidc::{Providers, ProvidersError};
pub(crate) use organizations::taken;
pub use people::{Address, AddressError, Personal};
pub(crate) use people::{When, name};
pub use secrets::make as make_secret;

use crate::openapi::Routes;

/// What an installation chooses about accounts.
#[derive(Clone)]
pub struct Options {
    /// How long a device stays signed in without signing in again.
    pub login: Span,
    /// Where people reach the pages, without a slash at the end: links in mails begin with it.
    pub public_url: String,
    /// Whether pages are served over TLS, so that cookies are bound to it.
    pub secure: bool,
    /// OpenID Connect providers to sign in with.
    pub providers: Providers,
    /// Browsers that are on their way to one.
    pub(crate) pending: std::sync::Arc<oidc::Pending>,
}

impl Options {
    /// Options with what must be said.
    pub fn new(login: Span, public_url: String, providers: Providers) -> Self {
        let secure = public_url.starts_with("https://");
        Self { login, public_url, secure, providers, pending: std::sync::Arc::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(Span::from_seconds(30 * 86_400), "http://127.0.0.1:7171".into(), Providers::default())
    }
}

/// The routes of accounts and organizations.
pub(crate) fn routes() -> Routes {
    logins::routes()
        .merge(links::routes())
        .merge(oidc::routes())
        .merge(me::routes())
        .merge(second::routes())
        .merge(organizations::routes())
        .merge(members::routes())
        .merge(keys::routes())
        .merge(events::routes())
        .merge(queries::routes())
        .merge(audit::routes())
}

/// Reads a page that a browser would be sent back to. For the fuzzer.
pub(crate) fn read_page(page: &str) {
    oidc::read_page(page);
}
