//! The places that settings come from, and what becomes of keys that nobody knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{Row, Settings, TABLE};

/// What the environment's variables begin with.
pub(super) const PREFIX: &str = "EVENTRA_";

/// Variables with our prefix that are no settings: the engine's library, the tests' data, benchmarks' and tests' knobs.
const OTHER_VARIABLES: [&str; 2] = ["EVENTRA_DATA", "EVENTRA_LIBCHDB"];
const OTHER_PREFIXES: [&str; 2] = ["EVENTRA_TEST_", "EVENTRA_BENCH_"];

/// Settings given as flags, by name, and the file named by `--config`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// The file, when one is named.
    pub(crate) config: Option<PathBuf>,
    /// Values by key.
    pub(crate) values: BTreeMap<&'static str, String>,
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self { config: matches.get_one::<PathBuf>("config").cloned(), ..Self::default() };
        for row in TABLE {
            if let Some(value) = matches.get_one::<String>(row.name) {
                flags.values.insert(row.name, value.clone());
            }
        }
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = clap::Arg::new("config")
            .long("config")
            .value_name("FILE")
            .global(true)
            .help_heading("Settings")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A file of settings instead of `eventra.toml` in the data directory");
        TABLE.iter().fold(command.arg(config), |command, row| command.arg(argument(row)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn argument(row: &Row) -> clap::Arg {
    let default = if row.default.is_empty() { String::new() } else { format!(" [default: {}]", row.default) };
    // `-h` stays short: only what people set every day is in it.
    let everyday = ["data_dir", "listen", "warehouse"].contains(&row.name);
    clap::Arg::new(row.name)
        .long(row.flag())
        .value_name("VALUE")
        .global(true)
        .help_heading("Settings")
        .hide_short_help(!everyday)
        .help(format!("{}{default} [env: {}]", row.doc_line(), row.variable()))
}

/// The effective settings, and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The values.
    pub(crate) settings: Settings,
    /// The place of each value, by key.
    pub(crate) places: BTreeMap<&'static str, String>,
}

/// Reads all places.
///
/// # Errors
/// When a file cannot be read, a key is unknown, or a value does not fit.
pub(crate) fn load(flags: &Flags, environment: &BTreeMap<String, String>) -> anyhow::Result<Loaded> {
    check_variables(environment)?;
    let named = flags.config.as_deref().map(read_file).transpose()?;
    let data_dir = data_dir(flags, environment, named.as_ref())?;
    let beside = data_dir.join("eventra.toml");
    let (file, file_place) = match (&flags.config, named) {
        (Some(path), Some(file)) => (file, path.clone()),
        _ if beside.is_file() => (read_file(&beside)?, beside),
        _ => (BTreeMap::new(), beside),
    };
    if flags.config.is_none() && file.contains_key("data_dir") {
        bail!(
            "`data_dir` cannot be set in `{}`, which is inside of it: use --data-dir or --config",
            file_place.display()
        );
    }
    let place_of = |row: &Row| -> (String, String) {
        if let Some(value) = flags.values.get(row.name) {
            return (value.clone(), format!("--{}", row.flag()));
        }
        if let Some(value) = environment.get(&row.variable()) {
            return (value.clone(), row.variable());
        }
        if let Some(value) = file.get(row.name) {
            return (value.clone(), file_place.display().to_string());
        }
        (row.default.to_owned(), "the default".to_owned())
    };
    let mut settings = Settings::read(place_of)?;
    settings.data_dir = data_dir;
    let places = TABLE.iter().map(|row| (row.name, place_of(row).1)).collect();
    Ok(Loaded { settings, places })
}

fn data_dir(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
    named: Option<&BTreeMap<String, String>>,
) -> anyhow::Result<PathBuf> {
    let chosen = flags
        .values
        .get("data_dir")
        .or_else(|| environment.get("EVENTRA_DATA_DIR"))
        .or_else(|| named.and_then(|file| file.get("data_dir")))
        .filter(|text| !text.is_empty())
        .map(PathBuf::from);
    let path = match chosen {
        Some(path) => path,
        None => warehouse::engine::find::user_data_dir(|name| environment.get(name).map(Into::into))
            .context("neither --data-dir nor HOME says where to keep data")?
            .join("eventra/data"),
    };
    std::path::absolute(&path).with_context(|| format!("`{}` is no path", path.display()))
}

fn read_file(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))?;
    parse_file(&text).with_context(|| format!("in `{}`", path.display()))
}

fn parse_file(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let table: toml::Table = toml::from_str(text)?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !TABLE.iter().any(|row| row.name == key) {
            bail!("{}", unknown(&key, TABLE.iter().map(|row| row.name.to_owned())));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            other => bail!("`{key}` must be a text, a whole number or a truth value, not {}", other.type_str()),
        };
        values.insert(key, text);
    }
    Ok(values)
}

fn check_variables(environment: &BTreeMap<String, String>) -> anyhow::Result<()> {
    for name in environment.keys().filter(|name| name.starts_with(PREFIX)) {
        let other =
            OTHER_VARIABLES.contains(&name.as_str()) || OTHER_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if !other && !TABLE.iter().any(|row| row.variable() == *name) {
            bail!("in the environment: {}", unknown(name, TABLE.iter().map(Row::variable)));
        }
    }
    Ok(())
}

/// The sentence about a key that nobody knows.
fn unknown(key: &str, known: impl Iterator<Item = String>) -> String {
    let nearest = known.min_by_key(|name| distance(key, name)).unwrap_or_default();
    format!("`{key}` is no setting; did you mean `{nearest}`? (`eventra config` lists all)")
}

/// How many characters must be added, dropped or changed to make `b` of `a` (Levenshtein 1966, by rows).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn later_places_win() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("eventra.toml"), "workers = 1\nepoch_ms = 5\nsnapshot_s = 3\n").unwrap();
        let place = folder.path().to_str().unwrap();
        let environment =
            environment(&[("EVENTRA_DATA_DIR", place), ("EVENTRA_WORKERS", "2"), ("EVENTRA_EPOCH_MS", "6")]);
        let flags = Flags { values: [("workers", "3".to_owned())].into(), ..Flags::default() };
        let loaded = load(&flags, &environment).unwrap();
        assert_eq!((loaded.settings.workers.0, loaded.settings.epoch_ms.0, loaded.settings.snapshot_s.0), (3, 6, 3));
        assert_eq!(loaded.places["workers"], "--workers");
        assert_eq!(loaded.places["epoch_ms"], "EVENTRA_EPOCH_MS");
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let error = parse_file("worker = 2").unwrap_err().to_string();
        assert!(error.contains("`workers`"), "{error}");
        let error = check_variables(&environment(&[("EVENTRA_LISTNE", "x")])).unwrap_err().to_string();
        assert!(error.contains("`EVENTRA_LISTEN`"), "{error}");
        check_variables(&environment(&[("EVENTRA_DATA", "x"), ("EVENTRA_TEST_X", "1"), ("HOME", "/")])).unwrap();
    }

    #[test]
    fn wrong_values_name_their_place() {
        let environment = environment(&[("HOME", "/nowhere"), ("EVENTRA_WORKERS", "many")]);
        let error = load(&Flags::default(), &environment).unwrap_err().to_string();
        assert!(error.contains("EVENTRA_WORKERS") && error.contains("0..=64"), "{error}");
    }

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
