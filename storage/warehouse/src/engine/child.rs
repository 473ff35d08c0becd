//! The child process: loads ClickHouse as a library and serves HTTP until its standard input closes.
//!
//! The library's `clickhouse-local` entry can start ClickHouse's own HTTP listener (`SYSTEM START LISTEN HTTP`). The
//! statement after it reads standard input to its end, which keeps the engine up exactly as long as the parent holds
//! the other end of the pipe: a parent that dies, however, takes the engine with it.
#![expect(unsafe_code, reason = "a C library is loaded and called; this module is the only place that does so")]

use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::release;

const QUERY: &str = "SYSTEM START LISTEN HTTP; \
                     SELECT count() FROM file('/dev/stdin', 'LineAsString', 'l String') FORMAT Null";

/// What the parent tells the child, as command-line arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildArguments {
    /// The library to load.
    pub library: PathBuf,
    /// The engine's data directory.
    pub data: PathBuf,
    /// Its configuration file.
    pub config: PathBuf,
    /// The loopback port to listen on.
    pub port: u16,
}

impl ChildArguments {
    /// Returns the arguments in the order that [`run`] reads them.
    pub fn to_arguments(&self) -> [OsString; 4] {
        [
            self.library.clone().into(),
            self.data.clone().into(),
            self.config.clone().into(),
            self.port.to_string().into(),
        ]
    }

    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter();
        let mut path = || arguments.next().map(PathBuf::from);
        let (library, data, config) = (path()?, path()?, path()?);
        let port = arguments.next()?.to_str()?.parse().ok()?;
        Some(Self { library, data, config, port })
    }
}

/// Runs the engine until standard input closes and returns the process's exit code; errors go to standard error.
///
/// It is started by [`super::Engine`], not by people. Call it on the main thread before any other thread exists, and
/// leave the process with the code that it returns.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let Some(arguments) = ChildArguments::parse(arguments) else {
        eprintln!("usage: LIBRARY DATA CONFIG PORT (started by eventra itself)");
        return 2;
    };
    match serve(&arguments) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("`{library}` cannot be loaded ({error}); run `{install}`", install = release::INSTALL_COMMAND)]
    Load { library: PathBuf, error: String },
    #[error("`{library}` is too old or not the engine ({error}); run `{install}` to get {version}",
        install = release::INSTALL_COMMAND, version = release::VERSION)]
    TooOld { library: PathBuf, error: String },
    #[error("a path holds a zero byte")]
    ZeroByte(#[from] std::ffi::NulError),
    #[error("{0}")]
    Engine(String),
}

fn serve(arguments: &ChildArguments) -> Result<(), ServeError> {
    let engine = Library26::load(&arguments.library)?;
    match engine.query_command_line(&command_line(arguments)?) {
        None => Ok(()),
        Some(said) if said.contains("http_port") => {
            Err(ServeError::TooOld { library: arguments.library.clone(), error: said })
        }
        Some(said) => Err(ServeError::Engine(said)),
    }
}

fn command_line(arguments: &ChildArguments) -> Result<Vec<CString>, ServeError> {
    let option = |name: &str, value: &OsStr| {
        let mut text = name.as_bytes().to_vec();
        text.extend_from_slice(value.as_bytes());
        CString::new(text)
    };
    Ok(vec![
        CString::new("clickhouse")?,
        option("--path=", arguments.data.as_os_str())?,
        option("--config-file=", arguments.config.as_os_str())?,
        option("--http_port=", OsStr::new(&arguments.port.to_string()))?,
        CString::new("--listen_host=127.0.0.1")?,
        // Lower levels repeat statements, and with them what somebody searched for, in a file that erasure does not know.
        // Errors reach the client that caused them anyway.
        CString::new("--log-level=fatal")?,
        CString::new("--query")?,
        CString::new(QUERY)?,
    ])
}

/// The few functions of `chdb.h` (chdb-core 26.7) that are used.
struct Library26 {
    query_cmdline: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void,
    result_error: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    destroy_query_result: unsafe extern "C" fn(*mut c_void),
}

impl Library26 {
    fn load(path: &Path) -> Result<Self, ServeError> {
        // SAFETY: loading runs the library's constructors. It is the engine's pinned release (or the file that the user
        // named instead), loaded once, before any other thread exists.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| ServeError::Load { library: path.to_path_buf(), error: with_cause(&error) })?;
        // Never unloaded: its threads and exit handlers outlive any scope here, and unloading under them is a crash at exit.
        let library: &'static Library = Box::leak(Box::new(library));
        let too_old =
            |error: libloading::Error| ServeError::TooOld { library: path.to_path_buf(), error: error.to_string() };
        // SAFETY: the names and signatures are those of chdb.h; a library that lacks one fails here by name.
        unsafe {
            let signal_handlers =
                library.get::<unsafe extern "C" fn(c_int)>(b"chdb_set_signal_handlers_enabled\0").map_err(too_old)?;
            // Its own handlers make a crash hang for minutes instead of ending the process. Before anything else is called.
            signal_handlers(0);
            Ok(Self {
                query_cmdline: *library.get(b"chdb_query_cmdline\0").map_err(too_old)?,
                result_error: *library.get(b"chdb_result_error\0").map_err(too_old)?,
                destroy_query_result: *library.get(b"chdb_destroy_query_result\0").map_err(too_old)?,
            })
        }
    }

    /// Runs `clickhouse-local` with these arguments and returns what it calls an error.
    fn query_command_line(&self, arguments: &[CString]) -> Option<String> {
        let mut argv: Vec<*mut c_char> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let argc = c_int::try_from(argv.len()).expect("eight arguments");
        argv.push(std::ptr::null_mut());
        // SAFETY: `argv` holds `argc` zero-terminated strings and a null, all alive during the call; the library does
        // not write to them. The result is null or a handle that is read and destroyed once, below.
        unsafe {
            let result = (self.query_cmdline)(argc, argv.as_mut_ptr());
            if result.is_null() {
                return Some("the engine returned nothing".to_owned());
            }
            let error = (self.result_error)(result);
            let said = (!error.is_null()).then(|| CStr::from_ptr(error).to_string_lossy().into_owned());
            (self.destroy_query_result)(result);
            said.filter(|said| !said.is_empty())
        }
    }
}

/// The loader's own words are the cause of what `libloading` says.
fn with_cause(error: &libloading::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_round_trip() {
        let arguments = ChildArguments {
            library: "/l/libchdb.so".into(),
            data: "/d with space".into(),
            config: "/c.xml".into(),
            port: 8123,
        };
        assert_eq!(ChildArguments::parse(arguments.to_arguments()), Some(arguments));
        assert_eq!(ChildArguments::parse(["a".into()]), None);
    }

    #[test]
    fn library_without_the_entry_points_is_called_too_old() {
        // libc is a library that every Linux has and that is not the engine.
        let error = Library26::load(Path::new("libc.so.6")).err().expect("libc is not the engine");
        let text = error.to_string();
        assert!(text.contains("too old") && text.contains("eventra engine install"), "{text}");
    }

    #[test]
    fn absent_library_is_named() {
        let error = Library26::load(Path::new("/nope/libchdb.so")).err().expect("no such file");
        assert!(error.to_string().contains("/nope/libchdb.so"), "{error}");
    }
}
