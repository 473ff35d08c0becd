//! Segment's official libraries post to a real server, unchanged but for the address.
//!
//! They are installed through npm and pip into the user's cache, pinned; a machine without those clients fails this
//! test with a message that says so, because a compatibility that is not tried is not one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use records::{Kind, Record};

use crate::house::{House, WRITE};

const NODE_PACKAGE: &str = "@segment/analytics-node@3.1.0";
const PYTHON_PACKAGE: &str = "segment-analytics-python==2.4.0";

const NODE_SCRIPT: &str = r#"
const { Analytics } = require('@segment/analytics-node');
const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, flushAt: 3, flushInterval: 200, maxRetries: 0 });
analytics.on('error', (error) => { console.error(error); process.exitCode = 3; });
analytics.identify({ userId: 'ada', anonymousId: 'browser-1', traits: { email: 'ada@example.org' } });
analytics.track({ userId: 'ada', event: 'session_joined', properties: { session: 'talk-12' } });
analytics.page({ userId: 'ada', name: 'Home', properties: { path: '/home' } });
analytics.screen({ userId: 'ada', name: 'Start' });
analytics.group({ userId: 'ada', groupId: 'speakers' });
analytics.alias({ userId: 'ada', previousId: 'browser-1' });
analytics.track({ userId: 'ada', event: 'Signed Up', properties: { plan: 'pro' } });
analytics.closeAndFlush({ timeout: 20000 }).catch((error) => { console.error(error); process.exitCode = 4; });
"#;

const PYTHON_SCRIPT: &str = r#"
import sys
import segment.analytics as analytics
failed = []
analytics.host, analytics.write_key = sys.argv[1], sys.argv[2]
analytics.max_retries, analytics.debug = 0, False
analytics.on_error = lambda error, items: failed.append(error)
analytics.identify('ada', {'email': 'ada@example.org'})
analytics.track('ada', 'session_joined', {'session': 'talk-12'})
analytics.page('ada', None, 'Home', {'path': '/home'})
analytics.screen('ada', None, 'Start')
analytics.group('ada', 'speakers')
analytics.alias('browser-1', 'ada')
analytics.track('ada', 'Signed Up', {'plan': 'pro'})
analytics.shutdown()
if failed:
    print(failed, file=sys.stderr)
    sys.exit(3)
"#;

/// A server on loopback, until the test ends.
pub(crate) fn serve(house: &House) -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(api::server::serve(listener, house.router.clone(), std::future::pending()));
    (address, runtime)
}

fn cache(name: &str) -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = base.or(home).expect("HOME says where the cache is").join("eventra/test").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Fills a folder of the cache once: under another name until it is whole, so that a stopped run leaves nothing that looks done.
pub(crate) fn installed(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let folder = cache("").join(name);
    if !folder.is_dir() {
        let begun = tempfile::Builder::new().prefix(name).tempdir_in(cache("")).unwrap();
        install(begun.path());
        // Another run may have been quicker, with the same pinned packages.
        if std::fs::rename(begun.path(), &folder).is_err() {
            assert!(folder.is_dir(), "{} cannot be made", folder.display());
        }
    }
    folder
}

pub(crate) fn must_run(command: &mut Command, what: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}; this test needs the package client"));
    assert!(
        output.status.success(),
        "{what} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn check(records: &[Record]) {
    let count = |kind: Kind| records.iter().filter(|record| record.kind == kind).count();
    let found: Vec<Kind> = records.iter().map(|record| record.kind).collect();
    assert_eq!(records.len(), 7, "{found:?}");
    assert_eq!((count(Kind::Page), count(Kind::Screen), count(Kind::Group)), (1, 1, 1), "{found:?}");
    // `alias` links as `identify` does.
    assert_eq!((count(Kind::Identify), count(Kind::SessionJoined), count(Kind::Track)), (2, 1, 1), "{found:?}");
    let joined = records.iter().find(|record| record.kind == Kind::SessionJoined).unwrap();
    assert_eq!(joined.session.to_string(), "talk-12");
    let tracked = records.iter().find(|record| record.kind == Kind::Track).unwrap();
    assert_eq!(tracked.name.as_str(), "Signed Up");
    assert!(records.iter().all(|record| record.message.is_some()), "the libraries number their messages");
    // One person in all of them.
    assert!(records.iter().all(|record| record.actor == joined.actor));
}

#[test]
fn the_node_library_posts_unchanged() {
    let folder = installed("segment-node-3.1.0", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(folder).arg(NODE_PACKAGE);
        must_run(&mut npm, "npm install of Segment's library");
    });
    let script = folder.join("post.cjs");
    std::fs::write(&script, NODE_SCRIPT).unwrap();
    let house = House::new();
    let (address, _runtime) = serve(&house);
    let mut node = Command::new("node");
    must_run(node.arg(&script).arg(format!("http://{address}")).arg(WRITE), "Segment's Node library");
    check(&house.records());
}

#[test]
fn the_python_library_posts_unchanged() {
    let folder = installed("segment-python-2.4.0", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
            .arg(folder)
            .arg(PYTHON_PACKAGE);
        must_run(&mut pip, "pip install of Segment's library");
    });
    let script = write(&folder, "post.py", PYTHON_SCRIPT);
    let house = House::new();
    let (address, _runtime) = serve(&house);
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", &folder).arg(&script).arg(format!("http://{address}")).arg(WRITE);
    must_run(&mut python, "Segment's Python library");
    check(&house.records());
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
