//! Settings: one table that gives the file's keys, the environment's variables, the flags and the documentation.
//!
//! Later places win: the default, the file (`eventra.toml` in the data directory, or `--config`), `EVENTRA_...`
//! variables, flags. A key that is not in the table is refused, with the nearest one that is.

mod layers;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) use layers::{Flags, Loaded, load};
pub(crate) use value::{LogFormat, Value, WarehouseChoice, Within};

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
    /// Where people reach the pages, as in `https://live.example.org`: links in mails begin with it. Without a value:
    /// `http://` and the address that HTTP is served on.
    public_url: String = "";
    /// Days that a device stays signed in.
    login_days: Within<1, 365> = "30";
    /// Whether `/metrics` answers callers that are not on this machine.
    metrics_public: bool = "false";
    /// Dataflow workers, each one thread. 0: half of the machine's cores.
    workers: Within<0, 64> = "0";
    /// Partitions of each lane of a new log. A log keeps the number that it was made with.
    partitions: Within<1, 64> = "8";
    /// Milliseconds between live epochs while records arrive: how fresh views are.
    epoch_ms: Within<1, 1000> = "25";
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
