//! Where the engine's library is looked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::release;

/// Names a library file directly, before any other place.
pub const LIBRARY_VARIABLE: &str = "EVENTRA_LIBCHDB";

/// Why no library was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// `EVENTRA_LIBCHDB` names a file that is not there.
    #[error("`{LIBRARY_VARIABLE}` names `{0}`, which is not a file; correct it, or unset it and run `{install}`", install = release::INSTALL_COMMAND)]
    Named(PathBuf),
    /// No place has it.
    #[error("the embedded ClickHouse engine {version} is not installed (looked in {places}); run `{install}`, or pass a server's address as `--warehouse`",
        version = release::VERSION, places = list(.0), install = release::INSTALL_COMMAND)]
    Missing(Vec<PathBuf>),
}

fn list(places: &[PathBuf]) -> String {
    places.iter().map(|place| format!("`{}`", place.display())).collect::<Vec<_>>().join(", ")
}

/// Returns the user's data directory (`XDG_DATA_HOME`, else `HOME/.local/share`), or `None` when neither is set.
pub fn user_data_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))
}

/// Returns the folder under `user_data_dir` that holds the pinned engine.
pub fn install_dir(user_data_dir: &Path) -> PathBuf {
    user_data_dir.join("eventra/engine").join(release::VERSION)
}

/// Returns the library: `EVENTRA_LIBCHDB`, beside the executable, the user's data directory, `/usr/local/lib`.
///
/// # Errors
/// Names every place that was looked in, and the command that installs the engine.
pub fn library(variable: impl Fn(&str) -> Option<OsString>, executable: Option<&Path>) -> Result<PathBuf, FindError> {
    if let Some(named) = variable(LIBRARY_VARIABLE).filter(|value| !value.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() { Ok(named) } else { Err(FindError::Named(named)) };
    }
    let beside = executable.and_then(Path::parent).map(Path::to_path_buf);
    let installed = user_data_dir(&variable).map(|data| install_dir(&data));
    let places: Vec<PathBuf> = [beside, installed, Some(PathBuf::from("/usr/local/lib"))]
        .into_iter()
        .flatten()
        .map(|folder| folder.join(release::LIBRARY))
        .collect();
    places.iter().find(|place| place.is_file()).cloned().ok_or(FindError::Missing(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &Path)]) -> impl Fn(&str) -> Option<OsString> + use<> {
        let pairs: Vec<(String, OsString)> =
            pairs.iter().map(|(name, path)| ((*name).to_owned(), path.as_os_str().to_owned())).collect();
        move |name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn data_dir_prefers_xdg_and_ignores_relative_paths() {
        let xdg = Path::new("/x");
        let home = Path::new("/h");
        assert_eq!(user_data_dir(variables(&[("XDG_DATA_HOME", xdg), ("HOME", home)])), Some("/x".into()));
        assert_eq!(user_data_dir(variables(&[("HOME", home)])), Some("/h/.local/share".into()));
        let relative = Path::new("data");
        assert_eq!(
            user_data_dir(variables(&[("XDG_DATA_HOME", relative), ("HOME", home)])),
            Some("/h/.local/share".into())
        );
    }

    #[test]
    fn search_order_is_named_then_beside_then_user_data() {
        let home = tempfile::tempdir().unwrap();
        let bin = tempfile::tempdir().unwrap();
        let executable = bin.path().join("eventra");
        let installed = install_dir(home.path());
        std::fs::create_dir_all(&installed).unwrap();
        std::fs::write(installed.join("libchdb.so"), b"x").unwrap();
        let lookup = |name: &str| (name == "XDG_DATA_HOME").then(|| home.path().as_os_str().to_owned());
        assert_eq!(library(lookup, Some(&executable)).unwrap(), installed.join("libchdb.so"));

        std::fs::write(bin.path().join("libchdb.so"), b"x").unwrap();
        assert_eq!(library(lookup, Some(&executable)).unwrap(), bin.path().join("libchdb.so"));

        let named = home.path().join("mine.so");
        std::fs::write(&named, b"x").unwrap();
        let lookup = variables(&[(LIBRARY_VARIABLE, &named)]);
        assert_eq!(library(lookup, Some(&executable)).unwrap(), named);
    }

    #[test]
    fn missing_library_names_the_command_that_mends_it() {
        let home = tempfile::tempdir().unwrap();
        let lookup = |name: &str| (name == "XDG_DATA_HOME").then(|| home.path().as_os_str().to_owned());
        // A machine may have one in /usr/local/lib, which is a right answer too.
        if let Err(error) = library(lookup, None) {
            let text = error.to_string();
            assert!(text.contains("eventra engine install") && text.contains("26.7.3"), "{text}");
        }
        let error = library(variables(&[(LIBRARY_VARIABLE, Path::new("/nope.so"))]), None).unwrap_err();
        assert!(error.to_string().contains("/nope.so"), "{error}");
    }
}
