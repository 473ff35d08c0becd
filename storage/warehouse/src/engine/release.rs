//! The one release of the engine that this build is written and tested against.

/// Version of the library's packages; also the name of the folder it is installed in.
pub const VERSION: &str = "26.7.3";

/// npm package and exact version. Its `latest` tag is an older build without the HTTP listener.
pub const NPM_PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";

/// Sub-resource integrity of the package's archive, as `npm view NPM_PACKAGE dist.integrity` prints it.
pub const INTEGRITY: &str =
    "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==";

/// Size of the archive, bytes.
pub const ARCHIVE_BYTES: u64 = 177_817_999;

/// Path of the library inside the archive.
pub const MEMBER: &str = "package/libchdb.so";

/// Size of the unpacked library, bytes.
pub const LIBRARY_BYTES: u64 = 566_330_096;

/// File name of the library.
pub const LIBRARY: &str = "libchdb.so";

/// The command that installs the engine, as errors name it.
pub const INSTALL_COMMAND: &str = "eventra engine install";
