//! The engine's configuration files.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::analysts::{self, Limits, Secret};

/// The only account that may read and write; the password is the caller's.
pub(crate) const USER: &str = "app";
/// The database that the account works in.
pub(crate) const DATABASE: &str = "default";

/// Marks are 16 bytes per 8,192 rows and column: 64 MiB hold those of billions of values.
const MARK_CACHE_BYTES: u64 = 64 << 20;

/// Idle connections are closed after this: longer than the two seconds after which the client drops its own, so that it never
/// sends on a closed one, and no longer, because a stopping engine waits for them.
const KEEP_ALIVE_S: u32 = 3;

/// Writes `config.xml` and `users.xml` into `root`, readable by their owner only.
pub(crate) fn write(root: &Path, password: &str, memory_bytes: u64) -> io::Result<()> {
    private_file(&root.join("users.xml"), &users(password, &Limits::for_engine(memory_bytes)))?;
    private_file(&root.join("config.xml"), &server(root, memory_bytes, &path(password)))
}

/// The path at which the engine takes statements. The library's own session needs an account without a password, which may
/// read files; whoever else is on this machine finds the port, but not the path.
pub(crate) fn path(password: &str) -> String {
    format!("/{}", &analysts::hex(&[b"path", password.as_bytes()])[..32])
}

fn private_file(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// The log's level is an argument of the child (see `child`); this entry does not reach it.
///
/// Merged and mutated parts are synced before their sources go, since sources go after a few seconds: otherwise erased
/// rows would stay on the disk for eight minutes, and without the sync a power loss could take both.
fn server(root: &Path, memory_bytes: u64, path: &str) -> String {
    let root = escape(&root.display().to_string());
    format!(
        "<clickhouse>
  <logger>
    <log>{root}/engine.log</log>
    <size>16M</size>
    <count>2</count>
  </logger>
  <users_config>{root}/users.xml</users_config>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{MARK_CACHE_BYTES}</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <timezone>UTC</timezone>
  <keep_alive_timeout>{KEEP_ALIVE_S}</keep_alive_timeout>
  <http_handlers>
    <rule><url>/ping</url><handler><type>ping</type></handler></rule>
    <rule>
      <url>{path}</url>
      <handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>
    </rule>
  </http_handlers>
  <merge_tree>
    <old_parts_lifetime>{lifetime}</old_parts_lifetime>
    <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
</clickhouse>
",
        lifetime = crate::schema::OLD_PARTS_LIFETIME_S,
    )
}

/// The accounts of analysts stand here because the library takes accounts from this file only, when it starts.
///
/// `default` is the session that keeps the engine up; it logs in without a password from this process, and so may do nothing else.
fn users(password: &str, limits: &Limits) -> String {
    let (profile, accounts) = analysts::users_xml(DATABASE, &Secret::of(password), limits);
    let sum = Sha256::digest(password.as_bytes());
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "<clickhouse>
  <profiles><default/>{profile}</profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT SYSTEM, FILE, CREATE TEMPORARY TABLE ON *.*</query></grants>
    </default>
    <{USER}>
      <password_sha256_hex>{sum}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </{USER}>
    {accounts}
  </users>
</clickhouse>
"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_hold_no_plain_password() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "correct horse", 1 << 30).unwrap();
        for name in ["config.xml", "users.xml"] {
            let path = root.path().join(name);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(!fs::read_to_string(&path).unwrap().contains("correct horse"));
        }
    }
}
