//! Fetches the pinned engine, checks its sum, and puts the library in place in one step.
//!
//! The only source written into the code is the npm client with a package name; another file or address is the user's to give.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::fs::FlockOperation;

use super::{archive, release};

/// Where the archive comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `npm pack`, with whatever registry the user's npm is set up for.
    Npm,
    /// A file that the user has.
    File(PathBuf),
    /// An address that the user gave, fetched with `curl`.
    Address(String),
}

impl Source {
    /// Reads what `--from` was given: an http(s) address or a path.
    pub fn from_argument(argument: &str) -> Self {
        let is_address = argument.starts_with("http://") || argument.starts_with("https://");
        if is_address { Self::Address(argument.to_owned()) } else { Self::File(argument.into()) }
    }
}

/// What the installer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fetching the archive.
    Download,
    /// Summing the archive.
    Check,
    /// Unpacking the library.
    Unpack,
}

/// How far a step is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Why the engine could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// This machine's kind has no build of the library.
    #[error(
        "the embedded engine exists for 64-bit x86 Linux only; pass a ClickHouse server's address as `--warehouse`"
    )]
    Unsupported,
    /// A client program is missing.
    #[error("`{program}` is not installed; install it, or pass the archive of {package} with `--from FILE`", package = release::NPM_PACKAGE)]
    NoClient {
        /// The program that was to fetch the archive.
        program: &'static str,
    },
    /// A client program gave up.
    #[error(
        "`{program}` could not fetch {what}: {said}\nMend the network or the settings of `{program}` and run this again, \
         or bring the archive of {package} from elsewhere: `{command} --from FILE`",
        package = release::NPM_PACKAGE, command = release::INSTALL_COMMAND
    )]
    Fetch {
        /// The program.
        program: &'static str,
        /// What it was asked for.
        what: String,
        /// The last lines that it printed.
        said: String,
    },
    /// The archive is not the pinned one.
    #[error("`{archive}` is not {package}: its sum is {found}, expected {expected}", package = release::NPM_PACKAGE)]
    Checksum {
        /// The archive.
        archive: PathBuf,
        /// The pinned sum.
        expected: String,
        /// The sum of the file.
        found: String,
    },
    /// The disk is too full.
    #[error(
        "`{dir}` has {} MB free, and installing the engine needs {} MB; make room and run this again, \
         or let XDG_DATA_HOME name a folder on a larger disk",
        free / 1_000_000, needed.div_ceil(1_000_000)
    )]
    NoSpace {
        /// The folder of the engine.
        dir: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Another installer works in the same folder.
    #[error("another installation works in `{0}`; wait for it")]
    Busy(PathBuf),
    /// A file could not be read or written.
    #[error("`{path}`: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Which archive is right and what it holds; the tests install a small one.
struct Pin<'a> {
    integrity: &'a str,
    archive_bytes: u64,
    library_bytes: u64,
}

const PINNED: Pin<'_> =
    Pin { integrity: release::INTEGRITY, archive_bytes: release::ARCHIVE_BYTES, library_bytes: release::LIBRARY_BYTES };

/// Space kept free beside what the engine takes, so that an install never fills a disk to its last byte.
const SPARE_BYTES: u64 = 64 << 20;
/// How often the size of a growing download is looked at.
const DOWNLOAD_POLL: Duration = Duration::from_millis(200);
/// The folder npm works in.
const NPM_FOLDER: &str = "npm";
/// npm's own waits between tries add up to more than a minute, in which it says nothing; without a network that helps nobody.
const NPM_RETRIES: [&str; 3] = ["--fetch-retries=3", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"];
/// Longest tail of a client's own words that an error repeats.
const SAID_BYTES: usize = 600;

/// Installs the pinned engine under the user's data directory and returns the library's path.
///
/// Does nothing when it is there. A half-done install is taken up where it stopped: a checked archive is not fetched again, and the library appears
/// under its name only when it is complete and on the disk.
///
/// # Errors
/// See [`InstallError`]; nothing is left under the library's name.
pub fn install(
    user_data_dir: &Path,
    source: &Source,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, InstallError> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(InstallError::Unsupported);
    }
    install_pinned(&super::find::install_dir(user_data_dir), source, &PINNED, progress)
}

fn install_pinned(
    dir: &Path,
    source: &Source,
    pin: &Pin<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, InstallError> {
    let library = dir.join(release::LIBRARY);
    if is_complete(&library, pin) {
        return Ok(library);
    }
    fs::create_dir_all(dir).map_err(at(dir))?;
    let _lock = lock(dir)?;
    if is_complete(&library, pin) {
        return Ok(library);
    }
    let own = dir.join("archive.tgz");
    // What a stopped run left is of no use, except for a whole archive; it must not count against the space either.
    let _ = fs::remove_file(part_of(&library));
    let _ = fs::remove_dir_all(dir.join(NPM_FOLDER));
    check_space(dir, &own, pin)?;
    let archive = obtain(dir, &own, source, pin, progress)?;
    unpack(&archive, &library, pin, progress)?;
    if archive == own {
        fs::remove_file(&own).map_err(at(&own))?;
    }
    Ok(library)
}

fn at(path: &Path) -> impl Fn(io::Error) -> InstallError + '_ {
    move |error| InstallError::Io { path: path.to_path_buf(), error }
}

fn is_complete(library: &Path, pin: &Pin<'_>) -> bool {
    fs::metadata(library).is_ok_and(|found| found.is_file() && found.len() == pin.library_bytes)
}

fn lock(dir: &Path) -> Result<File, InstallError> {
    let path = dir.join(".installing");
    let file = File::create(&path).map_err(at(&path))?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| InstallError::Busy(dir.to_path_buf()))?;
    Ok(file)
}

fn check_space(dir: &Path, own: &Path, pin: &Pin<'_>) -> Result<(), InstallError> {
    let found = rustix::fs::statvfs(dir).map_err(|error| at(dir)(error.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let archive_bytes = if own.exists() { 0 } else { pin.archive_bytes };
    let needed = archive_bytes + pin.library_bytes + SPARE_BYTES;
    if free < needed { Err(InstallError::NoSpace { dir: dir.to_path_buf(), needed, free }) } else { Ok(()) }
}

/// Returns a checked archive: the user's own file where it is, or a fetched one under `own`.
fn obtain(
    dir: &Path,
    own: &Path,
    source: &Source,
    pin: &Pin<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, InstallError> {
    if let Source::File(path) = source {
        check(path, pin, progress)?;
        return Ok(path.clone());
    }
    // An earlier run may have stopped between fetching and unpacking.
    if own.exists() && check(own, pin, progress).is_ok() {
        return Ok(own.to_path_buf());
    }
    let part = dir.join("archive.part");
    match source {
        Source::Npm => fetch_with_npm(dir, &part, progress)?,
        Source::Address(address) => fetch_with_curl(address, &part, pin, progress)?,
        Source::File(_) => unreachable!("handled above"),
    }
    if let Err(error) = check(&part, pin, progress) {
        // Otherwise every later run would resume a file that can never be right.
        fs::remove_file(&part).map_err(at(&part))?;
        return Err(error);
    }
    fs::rename(&part, own).map_err(at(own))?;
    Ok(own.to_path_buf())
}

fn check(archive: &Path, pin: &Pin<'_>, progress: &mut dyn FnMut(Progress)) -> Result<(), InstallError> {
    let sum = archive::sha512(archive, &mut |done, total| progress(Progress { step: Step::Check, done, total }))
        .map_err(at(archive))?;
    let found = format!("sha512-{}", BASE64_STANDARD.encode(sum));
    if found == pin.integrity {
        return Ok(());
    }
    Err(InstallError::Checksum { archive: archive.to_path_buf(), expected: pin.integrity.to_owned(), found })
}

/// `npm pack` in a folder of its own: it names the file itself and knows the user's registry and proxy. Its cache is in that
/// folder too: there the download can be seen growing, and the user's cache does not keep a second copy.
fn fetch_with_npm(dir: &Path, part: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), InstallError> {
    let folder = dir.join(NPM_FOLDER);
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let child = Command::new("npm")
        .args(["pack", "--loglevel=error", "--cache=cache"])
        .args(NPM_RETRIES)
        .arg(release::NPM_PACKAGE)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.map_err(|error| not_spawned("npm", error))?;
    let child = watch(child, release::ARCHIVE_BYTES, progress, || bytes_under(&folder.join("cache")))?;
    finish(child, "npm", release::NPM_PACKAGE)?;
    let packed = only_archive(&folder)?;
    fs::rename(&packed, part).map_err(at(&packed))?;
    fs::remove_dir_all(&folder).map_err(at(&folder))
}

/// Bytes of the files under a folder; what comes and goes meanwhile counts nothing.
fn bytes_under(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_under(&entry.path()),
        found => found.map_or(0, |found| found.len()),
    };
    entries.map(bytes).sum()
}

/// Shows how far a client is until it ends.
fn watch(
    mut child: Child,
    total: u64,
    progress: &mut dyn FnMut(Progress),
    bytes: impl Fn() -> u64,
) -> Result<Child, InstallError> {
    while child.try_wait().map_err(at(Path::new("a package client")))?.is_none() {
        progress(Progress { step: Step::Download, done: bytes().min(total), total });
        std::thread::sleep(DOWNLOAD_POLL);
    }
    progress(Progress { step: Step::Download, done: bytes().min(total), total });
    Ok(child)
}

fn only_archive(folder: &Path) -> Result<PathBuf, InstallError> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| InstallError::Fetch {
            program: "npm",
            what: release::NPM_PACKAGE.to_owned(),
            said: "it ended well but left no archive".to_owned(),
        })
}

/// `curl -C -` takes up a download that stopped; a child process keeps TLS and proxies out of this crate.
fn fetch_with_curl(
    address: &str,
    part: &Path,
    pin: &Pin<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), InstallError> {
    let child = Command::new("curl")
        .args(["--fail", "--silent", "--show-error", "--location", "--retry", "3", "--continue-at", "-", "--output"])
        .arg(part)
        .args(["--", address])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.map_err(|error| not_spawned("curl", error))?;
    let bytes = || fs::metadata(part).map_or(0, |found| found.len());
    let child = watch(child, pin.archive_bytes, progress, bytes)?;
    finish(child, "curl", address)
}

fn not_spawned(program: &'static str, error: io::Error) -> InstallError {
    match error.kind() {
        io::ErrorKind::NotFound => InstallError::NoClient { program },
        _ => InstallError::Io { path: program.into(), error },
    }
}

fn finish(child: Child, program: &'static str, what: &str) -> Result<(), InstallError> {
    let output = child.wait_with_output().map_err(at(Path::new(program)))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    let start = (said.len().saturating_sub(SAID_BYTES)..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
    let said = if said.is_empty() { output.status.to_string() } else { said[start..].to_owned() };
    Err(InstallError::Fetch { program, what: what.to_owned(), said })
}

fn part_of(library: &Path) -> PathBuf {
    library.with_extension("part")
}

/// Writes the library under a temporary name, syncs it, renames it, syncs the folder: it is there whole or not at all.
fn unpack(
    archive: &Path,
    library: &Path,
    pin: &Pin<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), InstallError> {
    use std::os::unix::fs::PermissionsExt as _;
    let part = part_of(library);
    let mut file = File::create(&part).map_err(at(&part))?;
    let size = archive::extract(archive, release::MEMBER, &mut file, &mut |done, total| {
        progress(Progress { step: Step::Unpack, done, total });
    })
    .map_err(|error| {
        // A full disk is the fault of what is written, not of what is read.
        let full = error.kind() == io::ErrorKind::StorageFull;
        let _ = fs::remove_file(&part);
        at(if full { &part } else { archive })(error)
    })?;
    assert_eq!(size, pin.library_bytes, "an archive with the pinned sum holds the pinned library");
    file.set_permissions(fs::Permissions::from_mode(0o755)).map_err(at(&part))?;
    file.sync_all().map_err(at(&part))?;
    fs::rename(&part, library).map_err(at(library))?;
    let folder = library.parent().expect("the library is in the folder of the engine");
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::tar_gz;
    use super::*;

    const BODY: &[u8] = &[42; 3000];

    fn small_archive(dir: &Path) -> (PathBuf, String) {
        let path = dir.join("given.tgz");
        fs::write(&path, tar_gz(&[("package/package.json", b"{}"), (release::MEMBER, BODY)])).unwrap();
        let sum = archive::sha512(&path, &mut |_, _| ()).unwrap();
        (path, format!("sha512-{}", BASE64_STANDARD.encode(sum)))
    }

    fn pin(integrity: &str) -> Pin<'_> {
        Pin { integrity, archive_bytes: 1, library_bytes: BODY.len() as u64 }
    }

    #[test]
    fn install_is_idempotent_and_leaves_only_the_library() {
        let dir = tempfile::tempdir().unwrap();
        let (given, integrity) = small_archive(dir.path());
        let target = dir.path().join("engine");
        let mut steps = Vec::new();
        let library =
            install_pinned(&target, &Source::File(given.clone()), &pin(&integrity), &mut |now| steps.push(now.step))
                .unwrap();
        assert_eq!(fs::read(&library).unwrap(), BODY);
        assert_eq!(steps, [Step::Check, Step::Unpack]);
        assert!(given.exists(), "the user's file stays");

        fs::remove_file(&given).unwrap();
        let again =
            install_pinned(&target, &Source::File(given), &pin(&integrity), &mut |_| panic!("nothing to do")).unwrap();
        assert_eq!(again, library);
        let mut names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".installing", "libchdb.so"]);
    }

    #[test]
    fn half_done_install_is_taken_up_without_a_second_download() {
        let dir = tempfile::tempdir().unwrap();
        let (given, integrity) = small_archive(dir.path());
        let target = dir.path().join("engine");
        fs::create_dir_all(&target).unwrap();
        fs::rename(&given, target.join("archive.tgz")).unwrap();
        fs::write(target.join("libchdb.part"), b"torn").unwrap();
        // The address cannot be reached: it must not be asked.
        let source = Source::Address("http://127.0.0.1:1/none".to_owned());
        let library = install_pinned(&target, &source, &pin(&integrity), &mut |_| ()).unwrap();
        assert_eq!(fs::read(library).unwrap(), BODY);
    }

    #[test]
    fn wrong_sum_names_both_and_installs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (given, found) = small_archive(dir.path());
        let target = dir.path().join("engine");
        let error = install_pinned(&target, &Source::File(given), &pin("sha512-AAAA"), &mut |_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sha512-AAAA") && text.contains(&found), "{text}");
        assert!(!target.join(release::LIBRARY).exists());
    }

    #[test]
    fn full_disk_is_refused_before_any_byte_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (given, integrity) = small_archive(dir.path());
        let huge = Pin { integrity: &integrity, archive_bytes: u64::MAX / 4, library_bytes: 1 };
        let error = install_pinned(&dir.path().join("engine"), &Source::File(given), &huge, &mut |_| ()).unwrap_err();
        assert!(matches!(error, InstallError::NoSpace { .. }), "{error}");
    }

    #[test]
    fn archive_that_is_there_needs_no_space_again() {
        let dir = tempfile::tempdir().unwrap();
        let (given, integrity) = small_archive(dir.path());
        let target = dir.path().join("engine");
        fs::create_dir_all(&target).unwrap();
        fs::rename(&given, target.join("archive.tgz")).unwrap();
        let huge = Pin { archive_bytes: u64::MAX / 4, ..pin(&integrity) };
        install_pinned(&target, &Source::Npm, &huge, &mut |_| ()).unwrap();
    }

    #[test]
    fn second_installer_is_told_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let (given, integrity) = small_archive(dir.path());
        let _held = lock(dir.path()).unwrap();
        let error = install_pinned(dir.path(), &Source::File(given), &pin(&integrity), &mut |_| ()).unwrap_err();
        assert!(matches!(error, InstallError::Busy(_)), "{error}");
    }

    #[test]
    fn bytes_of_a_folder_are_those_of_all_its_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/one"), [0; 10]).unwrap();
        fs::write(dir.path().join("a/b/two"), [0; 5]).unwrap();
        assert_eq!(bytes_under(dir.path()), 15);
        assert_eq!(bytes_under(&dir.path().join("none")), 0);
    }

    #[test]
    fn unreachable_address_says_what_to_do_instead() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::Address("http://127.0.0.1:1/none".to_owned());
        let error = install_pinned(dir.path(), &source, &pin("sha512-AAAA"), &mut |_| ()).unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:1") && error.contains("eventra engine install --from FILE"), "{error}");
    }

    #[test]
    fn argument_is_an_address_or_a_path() {
        assert_eq!(Source::from_argument("https://x/y.tgz"), Source::Address("https://x/y.tgz".to_owned()));
        assert_eq!(Source::from_argument("y.tgz"), Source::File("y.tgz".into()));
    }
}
