//! Settings: one table that gives the file's keys, the environment's variables, the flags and the documentation.
//!
//! Later places win: the default, the file (`eventra.toml` in the data directory, or `--config`), `EVENTRA_...`
//! variables, flags. A key that is not in the table is refused, with the nearest one that is.

mod layers;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) use layers::{Flags, Loaded, load};
pub(crate) use value::{LogFormat, ProxyHeader, Secret, TrustedProxies, Value, WarehouseChoice, Within};

/// One row of the table, for documentation and flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The key in the file; `-` for `_` in the flag.
    pub(crate) name: &'static str,
    /// The default, as it is written in the file.
    pub(crate) default: &'static str,
    /// What values look like.
    pub(crate) shape: fn() -> String,
    /// What it does.
    pub(crate) doc: &'static [&'static str],
}

impl Row {
    /// The environment's variable.
    pub(crate) fn variable(&self) -> String {
        format!("{}{}", layers::PREFIX, self.name.to_uppercase())
    }

    /// The flag, without its dashes.
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The documentation in one line.
    pub(crate) fn doc_line(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:literal;)+) => {
        /// Everything that can be set.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct Settings {
            $($(#[doc = $doc])+ pub(crate) $name: $type,)+
        }

        /// The table.
        pub(crate) const TABLE: &[Row] = &[
            $(Row { name: stringify!($name), default: $default, shape: <$type as Value>::shape, doc: &[$($doc),+] },)+
        ];

        impl Settings {
            /// Builds the settings from texts; `text_of` gives the text of a key and where it stands.
            fn read(text_of: impl Fn(&Row) -> (String, String)) -> anyhow::Result<Self> {
                let mut rows = TABLE.iter();
                Ok(Self {
                    $($name: {
                        let row = rows.next().expect("the table has a row for each field");
                        let (text, place) = text_of(row);
                        <$type as Value>::read(&text).map_err(|problem| {
                            anyhow::anyhow!("`{}` {problem} (it is `{text}`, from {place})", row.name)
                        })?
                    },)+
                })
            }

            /// The effective value of each key, secrets blotted out.
            pub(crate) fn shown(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($name), self.$name.show()),)+]
            }
        }
    };
}

settings! {
    /// The directory of the log, the keys, the snapshots, the engine's tables and the control socket.
    /// Only one process may use it. Without a value: `eventra/data` in the user's data directory.
    data_dir: PathBuf = "";
    /// The address that HTTP is served on. Port 0 takes a free one.
    listen: SocketAddr = "127.0.0.1:7171";
    /// The certificate to serve with TLS 1.3, with its chain, as PEM. Needs `tls_key`; without both HTTP is plain, which is
    /// for this machine and for proxies that end TLS. Both files are read again when they change, and on SIGHUP.
    tls_certificate: PathBuf = "";
    /// The key of `tls_certificate`, as PEM.
    tls_key: PathBuf = "";
    /// The proxies whose word about their clients is believed: addresses and blocks, parted by commas
    /// (`10.0.0.0/8, ::1`). Nobody else's is.
    trusted_proxies: TrustedProxies = "";
    /// Which header these proxies write: `x-forwarded-for` (with `X-Forwarded-Proto`), or `forwarded` (RFC 7239).
    proxy_header: ProxyHeader = "x-forwarded-for";
    /// Requests a second of one key, twice as many at once.
    rate_key: Within<1, 1000000> = "20000";
    /// Requests a second of one signed-in person over all devices, five times as many at once.
    rate_user: Within<1, 1000000> = "100";
    /// Requests a second of one address (of IPv6: one /64) that name nobody, 25 times as many at once, because a venue's
    /// guests share one. Health is not counted.
    rate_address: Within<1, 1000000> = "200";
    /// Requests of tracking a second of one key from one address, five times as many at once: the key stands in a page.
    rate_tracking: Within<1, 1000000> = "2000";
    /// Open live feeds of the process (server-sent events and WebSockets). An idle one takes some 40 KB, a WebSocket some 10.
    feed_connections: Within<1, 12288> = "12288";
    /// Open live feeds of one key or person.
    feed_connections_of_caller: Within<1, 12288> = "10240";
    /// Subscriptions of one WebSocket.
    feed_subscriptions: Within<1, 1024> = "64";
    /// Updates a second that one subscription is told at most.
    feed_updates: Within<1, 1000> = "50";
    /// Where people reach the pages, as in `https://live.example.org`: links in mails begin with it. Without a value: the
    /// address that HTTP is served on.
    public_url: String = "";
    /// Days that a device stays signed in.
    login_days: Within<1, 365> = "30";
    /// The mail server that mails to users go to: `smtp://user:password@host:587?tls=required` (STARTTLS) or
    /// `smtps://user:password@host`. Without a value mails wait.
    smtp_url: Secret = "";
    /// Who writes them.
    mail_from: String = "Eventra <no-reply@localhost>";
    /// A demo's way to see mails without a mail server: platform admins read them, links included, on the page `/mailbox`.
    mailbox: bool = "false";
    /// Whether orders may be paid by the test provider, which believes whatever a buyer's page says: for trying things out.
    test_payments: bool = "false";
    /// Where Stripe's API is. Only tests have another one.
    stripe_url: String = "https://api.stripe.com";
    /// Where buyers' pages load Stripe's script, which takes the card's number so that we never see it.
    stripe_script: String = "https://js.stripe.com/v3/";
    /// Whether webhooks may go to addresses of private networks and of this machine, and without TLS. Nobody else's requests
    /// reach what stands behind this machine while it is off.
    webhooks_private: bool = "false";
    /// A TOML file of OpenID Connect providers to sign in with: `[[provider]]` with `id`, `name`, `issuer`, `client_id`,
    /// and if wanted `client_secret` and `register = true` (who is known to nobody becomes a user). They send browsers back to
    /// `PUBLIC_URL/v1/oidc/ID/callback`.
    oidc_file: PathBuf = "";
    /// Whether `/metrics` answers callers that are not on this machine.
    metrics_public: bool = "false";
    /// Dataflow workers, each one thread. 0: half of the machine's cores.
    workers: Within<0, 64> = "0";
    /// Partitions of each lane of a new log. A log keeps the number that it was made with.
    partitions: Within<1, 64> = "8";
    /// Milliseconds between live epochs while records arrive: how fresh views are.
    epoch_ms: Within<1, 1000> = "10";
    /// Seconds between snapshots: how much is read again after a crash.
    snapshot_s: Within<1, 3600> = "10";
    /// Days that activity is kept; facts are always kept. 0 keeps it for ever. Nothing is dropped before it has landed.
    retention_days: Within<0, 36500> = "0";
    /// People, anonymous visitors and links between them that one organization may have; each takes 128 bytes of the key
    /// store and about 100 of memory. Messages of newcomers past it become dead letters with the reason `quota`, which
    /// `eventra dead-letters replay` sends again when this is higher.
    people_max: Within<1000, 4294967295> = "20000000";
    /// The ClickHouse that rows land in: `embedded`, `none`, or the address of a server
    /// (`http://user:password@host:8123/database`).
    warehouse: WarehouseChoice = "embedded";
    /// The most memory that the embedded engine may take for queries and merges, in MiB.
    engine_memory_mb: Within<256, 1048576> = "1024";
    /// The address of the ClickHouse endpoint for analysts' own clients (BI tools, notebooks, libraries), who show a key with
    /// the scope `sql` as the password. Nothing: none is served.
    sql_listen: Option<SocketAddr> = "";
    /// How this process logs: `text`, `json`, or `auto` (text on a terminal, JSON otherwise).
    log_format: LogFormat = "auto";
    /// Which log lines are written, as in `info` or `info,dataflow=debug`.
    log_filter: String = "info";
}

impl Settings {
    /// How many dataflow workers to start on a machine with this many cores.
    pub(crate) fn worker_count(&self, cores: usize) -> usize {
        match self.workers.0 {
            // The other half serves HTTP, syncs the log and feeds the engine.
            0 => (cores / 2).max(1),
            chosen => chosen as usize,
        }
    }

    /// How addresses of this process begin.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls_certificate.as_os_str().is_empty() { "http" } else { "https" }
    }

    /// The certificate that HTTP is served with.
    ///
    /// # Errors
    /// When only one of the two files is named, or they cannot be used.
    pub(crate) fn tls(&self) -> anyhow::Result<Option<api::tls::Tls>> {
        let named = |path: &PathBuf| !path.as_os_str().is_empty();
        match (named(&self.tls_certificate), named(&self.tls_key)) {
            (false, false) => Ok(None),
            (true, true) => Ok(Some(api::tls::Tls::http(&self.tls_certificate, &self.tls_key)?)),
            (true, false) => anyhow::bail!("`tls_certificate` is set and `tls_key` is not: TLS needs both"),
            (false, true) => anyhow::bail!("`tls_key` is set and `tls_certificate` is not: TLS needs both"),
        }
    }

    /// Who may ask how often, and whose word is believed.
    pub(crate) fn edge(&self) -> api::edge::Edge {
        let (key, user) = (self.rate_key.0, self.rate_user.0);
        let bounds = api::edge::rates::Bounds::per_second(key, user, self.rate_address.0, self.rate_tracking.0);
        api::edge::Edge {
            rates: api::edge::rates::Rates::new(bounds),
            proxies: self.trusted_proxies.0.clone().writing(self.proxy_header.0),
        }
    }

    /// The bounds of live feeds.
    pub(crate) fn feeds(&self) -> api::limits::Feeds {
        api::limits::Feeds {
            connections: self.feed_connections.0 as usize,
            connections_of_key: self.feed_connections_of_caller.0 as usize,
            subscriptions: self.feed_subscriptions.0 as usize,
            updates_per_second: self.feed_updates.0,
            ..api::limits::Feeds::default()
        }
    }

    /// The path of the control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}

/// The table as Markdown: the content of `docs/configuration.md`.
pub(crate) fn markdown() -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "# Configuration\n\nWritten by `eventra config --markdown`; a test compares it with the table in the code.\n\n\
         Later places win: the default, the file (`eventra.toml` in the data directory, or `--config FILE`), the\n\
         environment, the flag. Keys that are not listed here are refused.\n\n\
         | key | values | default | environment | flag | what it does |\n|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let default = if row.default.is_empty() { "-".to_owned() } else { format!("`{}`", row.default) };
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | `{}` | `--{}` | {} |",
            row.name,
            (row.shape)(),
            row.variable(),
            row.flag(),
            row.doc_line()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        let settings = Settings::read(|row| (row.default.to_owned(), "the default".into())).unwrap();
        assert_eq!(settings.worker_count(2), 1);
        assert_eq!(settings.worker_count(8), 4);
        assert_eq!(settings.warehouse, WarehouseChoice::Embedded);
    }

    #[test]
    fn the_settings_of_feeds_and_bounds_begin_as_the_code_does() {
        let settings = Settings::read(|row| (row.default.to_owned(), "the default".into())).unwrap();
        let (feeds, known) = (settings.feeds(), api::limits::Feeds::default());
        assert_eq!(format!("{feeds:?}"), format!("{known:?}"));
        assert_eq!(settings.edge().rates.bounds(), api::edge::rates::Bounds::default());
        assert!(settings.tls().unwrap().is_none());
        let half = Settings { tls_key: "key.pem".into(), ..settings };
        assert!(half.tls().unwrap_err().to_string().contains("`tls_certificate` is not"));
    }

    #[test]
    fn every_setting_is_documented() {
        for row in TABLE {
            assert!(row.doc_line().len() > 10, "{}", row.name);
            assert!(markdown().contains(&row.variable()), "{}", row.name);
        }
    }

    #[test]
    fn configuration_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert!(
            page == markdown(),
            "docs/configuration.md is stale: run `eventra config --markdown > docs/configuration.md`"
        );
    }
}
