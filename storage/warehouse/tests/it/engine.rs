//! The child process: start, stop, crash, and the errors that people will see.

use std::process::Stdio;

use warehouse::engine::{Engine, EngineState, StartError};
use warehouse::{Client, Endpoint};

use crate::support::{PATIENCE, config, host, kill, library, number, restarted, start};

#[tokio::test]
async fn starts_answers_and_stops_by_itself() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    assert_eq!(number(&client, "SELECT count() FROM numbers(10)").await, 10);
    let status = engine.status();
    assert_eq!(status.state, EngineState::Running);
    assert!(status.resident_bytes.unwrap() > 50 << 20, "{status:?}");
    assert_eq!(status.restarts, 0);
    assert!(client.version().await.unwrap().starts_with("26."));
    assert!(engine.stop().await, "closing the pipe is enough");
    let error = client.version().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn relative_folder_takes_durable_inserts() {
    let here = std::env::current_dir().unwrap();
    let root = tempfile::tempdir_in(&here).unwrap();
    let (engine, client) = start(root.path().strip_prefix(&here).unwrap()).await;
    let table = "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";
    client.execute(table).await.unwrap();
    client.execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(number(&client, "SELECT count() FROM t").await, 1);
    assert!(engine.stop().await);
}

#[tokio::test]
async fn killed_engine_comes_back_with_what_it_acknowledged() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    client
        .execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1")
        .await
        .unwrap();
    client.execute("INSERT INTO t SELECT number FROM numbers(1000)").await.unwrap();
    let old = kill(&engine);
    restarted(&engine, old).await;
    assert_eq!(number(&client, "SELECT count() FROM t").await, 1000);
    assert_eq!(engine.status().restarts, 1);
    assert!(engine.stop().await);
}

#[tokio::test]
async fn second_process_on_the_same_data_is_told_who_is_in_the_way() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _client) = start(root.path()).await;
    let error = Engine::start(config(root.path())).await.unwrap_err();
    assert!(matches!(error, StartError::InUse(_)), "{error}");
    assert!(error.to_string().contains("in use by another engine process"), "{error}");
    assert!(engine.stop().await);
    let (engine, _client) = start(root.path()).await;
    assert!(engine.stop().await, "the first one's end frees the data");
}

#[tokio::test]
async fn passwordless_session_may_not_read_or_write() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    client.execute("CREATE TABLE secret (n UInt64) ENGINE = MergeTree ORDER BY n").await.unwrap();
    let open = engine.endpoint().borrow().clone().unwrap();
    let as_default = |password: &str, user: &str| {
        Client::server(Endpoint { user: user.to_owned(), password: password.to_owned(), ..open.clone() })
    };
    let nobody = as_default("", "default");
    for sql in
        ["SELECT count() FROM secret", "CREATE TABLE x (n UInt64) ENGINE = Memory", "INSERT INTO secret VALUES (1)"]
    {
        assert_eq!(nobody.execute(sql).await.unwrap_err().code(), Some(497), "{sql}");
    }
    assert_eq!(as_default("wrong", "app").execute("SELECT 1").await.unwrap_err().code(), Some(516));
    // Who finds the port does not find where statements are taken: that session may read files.
    let port = engine.status().port.unwrap();
    for path in ["", "/", "/query", "/play", "/dashboard"] {
        let stranger = Client::server(Endpoint {
            url: format!("http://127.0.0.1:{port}{path}"),
            user: "default".to_owned(),
            password: String::new(),
            database: "default".to_owned(),
        });
        let error = stranger.fetch_one::<u8>("SELECT 1").await.unwrap_err();
        assert_eq!(error.code(), None, "{path}: {error}");
        assert!(error.to_string().contains("There is no handle"), "{path}: {error}");
    }
    let shown = format!("{open:?}");
    assert!(!shown.contains(open.url.rsplit('/').next().unwrap()), "{shown}");
    assert!(engine.stop().await);
}

#[tokio::test]
async fn library_of_another_kind_fails_with_its_reason() {
    let root = tempfile::tempdir().unwrap();
    let mut wrong = config(root.path());
    wrong.library = "libc.so.6".into();
    let error = Engine::start(wrong).await.unwrap_err().to_string();
    assert!(error.contains("too old") && error.contains("eventra engine install"), "{error}");
}

#[tokio::test]
async fn engine_ends_when_its_parent_dies() {
    use warehouse::engine::child::ChildArguments;
    let root = tempfile::tempdir().unwrap();
    // Writes the configuration, then lets go of the data.
    let (engine, _client) = start(root.path()).await;
    assert!(engine.stop().await);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = ChildArguments {
        library: library(),
        data: root.path().join("data"),
        config: root.path().join("config.xml"),
        port,
    };
    let mut child = std::process::Command::new(host())
        .args(arguments.to_arguments())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let answers = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answers).await.expect("the engine listens");
    assert!(child.try_wait().unwrap().is_none(), "it stays up while the pipe is open");
    // A parent that dies leaves only this behind: a closed pipe.
    drop(child.stdin.take());
    let ended = tokio::task::spawn_blocking(move || child.wait());
    let status = tokio::time::timeout(PATIENCE, ended).await.expect("the engine ends").unwrap().unwrap();
    assert!(status.success(), "{status}");
}
