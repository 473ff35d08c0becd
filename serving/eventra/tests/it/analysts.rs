//! Analysts against the real process: the SQL page's routes, and ClickHouse's own clients, unchanged but for the address.
//!
//! The clients are installed through npm and pip into the user's cache, pinned; a machine without those fails these tests
//! with a message that says so, because a compatibility that is not tried is not one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::accounts::sign_in;
use crate::run::run;
use crate::serving::Process;

const NODE_PACKAGE: &str = "@clickhouse/client@1.20.0";
const PYTHON_PACKAGE: &str = "clickhouse-connect==1.12.0";

const ACME: &str = "a-secret-of-acme-that-is-long";
const GLOBEX: &str = "a-secret-of-globex-that-is-long";
const NO_SQL: &str = "a-secret-that-may-not-run-sql";

const FILE: &str = r#"
[[organization]]
id = "acme"
name = "Acme Events"
[[organization.key]]
name = "all"
scopes = ["write", "read", "sql"]
secret_file = "acme.key"
[[organization.key]]
name = "page"
scopes = ["write", "read"]
secret_file = "page.key"

[[organization]]
id = "globex"
name = "Globex"
[[organization.key]]
name = "all"
scopes = ["write", "read", "sql"]
secret_file = "globex.key"
"#;

/// Both clients are told to do the same, and print the same.
const NODE_SCRIPT: &str = r#"
const { createClient } = require('@clickhouse/client');
const [url, password] = process.argv.slice(2);
(async () => {
  const found = {};
  for (const response of [false, true]) {
    const client = createClient({ url, username: 'me', password, compression: { response }, log: { level: 127 } });
    if (!(await client.ping({ select: true })).success) throw new Error('no ping');
    const ask = async (query, more = {}) => (await client.query({ query, format: 'JSONEachRow', ...more })).json();
    found.rows = await ask('SELECT organization, session, toUInt32(count()) AS n FROM records GROUP BY ALL ORDER BY session');
    found.parameters = await ask('SELECT {x:String} AS x, {n:UInt32} + 1 AS n', { query_params: { x: "it's", n: 4 }, clickhouse_settings: { max_threads: 1 } });
    const stream = (await client.query({ query: 'SELECT number FROM numbers(100000)', format: 'CSV' })).stream();
    found.streamed = 0;
    for await (const rows of stream) found.streamed += rows.length;
    found.refused = [];
    for (const query of ['SELECT * FROM default.records', "SELECT file('/etc/passwd')", 'SELECT nothing FROM records']) {
      found.refused.push(await ask(query).then(() => 'answered', (error) => Number(error.code)));
    }
    await client.close();
  }
  console.log(JSON.stringify(found));
})().catch((error) => { console.error(error); process.exitCode = 3; });
"#;

const PYTHON_SCRIPT: &str = r#"
import json, sys
import clickhouse_connect
from urllib.parse import urlparse
url, password = urlparse(sys.argv[1]), sys.argv[2]
found = {}
for compress in (False, 'lz4', 'zstd', 'gzip'):
    client = clickhouse_connect.get_client(host=url.hostname, port=url.port, username='me', password=password, compress=compress)
    def ask(query, **more):
        result = client.query(query, **more)
        return [dict(zip(result.column_names, row)) for row in result.result_rows]
    found['rows'] = ask('SELECT organization, session, toUInt32(count()) AS n FROM records GROUP BY ALL ORDER BY session')
    found['parameters'] = ask('SELECT {x:String} AS x, {n:UInt32} + 1 AS n', parameters={'x': "it's", 'n': 4}, settings={'max_threads': 1})
    with client.query_row_block_stream('SELECT number FROM numbers(100000)') as stream:
        found['streamed'] = sum(len(block) for block in stream)
    found['refused'] = []
    for query in ('SELECT * FROM default.records', "SELECT file('/etc/passwd')", 'SELECT nothing FROM records'):
        try:
            ask(query)
            found['refused'].append('answered')
        except clickhouse_connect.driver.exceptions.DatabaseError as error:
            found['refused'].append(int(str(error).split('code: ')[1].split(',')[0]))
print(json.dumps(found))
"#;

/// A process with the engine, two organizations and rows of both that have landed.
fn house() -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for (name, text) in [("file.toml", FILE), ("acme.key", ACME), ("page.key", NO_SQL), ("globex.key", GLOBEX)] {
        write(name, text);
    }
    let applied = run(folder.path(), &["apply", folder.path().join("file.toml").to_str().unwrap()]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let settings = ["--warehouse", "embedded", "--log-filter", "warn", "--sql-listen", "127.0.0.1:0"];
    let process = Process::start_with(folder.path(), &settings, None);
    for (key, sessions) in [(ACME, ["talk", "talk", "lunch"]), (GLOBEX, ["secret", "secret", "secret"])] {
        for (n, session) in sessions.into_iter().enumerate() {
            let body = json!({"userId": n.to_string(), "event": "session_joined", "properties": {"event": "conf", "session": session}});
            assert_eq!(process.ask_with(key, "POST", "/v1/track", &body.to_string()).0, 200);
        }
    }
    process.landed(6);
    (folder, process)
}

pub(crate) fn cache(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let all = base.or(home).expect("HOME says where the cache is").join("eventra/test");
    std::fs::create_dir_all(&all).unwrap();
    let folder = all.join(name);
    if !folder.is_dir() {
        // Under another name until it is whole, so that a stopped run leaves nothing that looks done.
        let begun = tempfile::Builder::new().prefix(name).tempdir_in(&all).unwrap();
        install(begun.path());
        if std::fs::rename(begun.path(), &folder).is_err() {
            assert!(folder.is_dir(), "{} cannot be made", folder.display());
        }
    }
    folder
}

pub(crate) fn must_run(command: &mut Command, what: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}; this test needs the package client"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{what} failed\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn check(found: &str, rows: &Value) {
    let found: Value = serde_json::from_str(found).unwrap_or_else(|error| panic!("{error}: {found}"));
    assert_eq!(found["rows"], *rows);
    assert_eq!(found["parameters"], json!([{"x": "it's", "n": 5}]));
    assert_eq!(found["streamed"], 100_000);
    // ACCESS_DENIED twice, UNKNOWN_IDENTIFIER.
    assert_eq!(found["refused"], json!([497, 497, 47]));
}

#[test]
fn clickhouses_own_clients_work_unchanged_and_see_their_organization_only() {
    let node = cache("clickhouse-node-1.20.0", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(folder).arg(NODE_PACKAGE);
        must_run(&mut npm, "npm install of ClickHouse's client");
    });
    let python = cache("clickhouse-python-1.12.0", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
            .arg(folder)
            .arg(PYTHON_PACKAGE);
        must_run(&mut pip, "pip install of ClickHouse's client");
    });
    std::fs::write(node.join("ask.cjs"), NODE_SCRIPT).unwrap();
    std::fs::write(python.join("ask.py"), PYTHON_SCRIPT).unwrap();
    let (_folder, process) = house();
    let url = format!("http://{}", process.sql.as_deref().unwrap());
    let of =
        |organization: &str, session: &str, n: u32| json!({"organization": organization, "session": session, "n": n});
    for (key, rows) in
        [(ACME, json!([of("acme", "lunch", 1), of("acme", "talk", 2)])), (GLOBEX, json!([of("globex", "secret", 3)]))]
    {
        let mut command = Command::new("node");
        check(&must_run(command.arg(node.join("ask.cjs")).arg(&url).arg(key), "ClickHouse's Node client"), &rows);
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &python).arg(python.join("ask.py")).arg(&url).arg(key);
        check(&must_run(&mut command, "ClickHouse's Python client"), &rows);
    }
    refused_clients_are_in_the_audit_trail(&process, &node, &url);
    process.terminate();
}

/// What the clients above were refused is there, and so is who was not let in: each once, however often it was tried.
fn refused_clients_are_in_the_audit_trail(process: &Process, node: &Path, url: &str) {
    for (user, password) in [("acme", "no-key-of-anybody"), ("acme", "nor-is-this-one"), ("me", NO_SQL)] {
        let script = NODE_SCRIPT.replace("username: 'me'", &format!("username: '{user}'"));
        std::fs::write(node.join("refused.cjs"), script).unwrap();
        let output = Command::new("node").arg(node.join("refused.cjs")).arg(url).arg(password).output().unwrap();
        assert!(!output.status.success(), "a client was let in with `{password}`");
    }
    let added = process.run(&["user", "add", "ann@example.org", "--admin"]);
    assert_eq!(added.code, 0, "{}", added.err);
    let token = sign_in(process, "ann@example.org");
    let trail = |organization: &str| {
        let path = format!("/v1/organizations/{organization}/audit?act=access_refused");
        let (status, answer) = process.ask_with(&token, "GET", &path, "");
        assert_eq!(status, 200, "{answer}");
        let rows = answer["data"].as_array().unwrap().clone();
        let mut rows: Vec<_> = rows.iter().map(|row| json!([row["by"], row["about"], row["detail"]])).collect();
        rows.sort_by_key(Value::to_string);
        rows
    };
    let acme = [
        json!(["", "run_sql", "clickhouse: key_unknown"]),
        json!(["key all", "run_sql", "clickhouse: statement"]),
        json!(["key page", "run_sql", "clickhouse"]),
    ];
    process.wait("refusals are told", |_| trail("acme").len() >= acme.len());
    // A run that takes more than a minute tells again, and how often it was meanwhile.
    let told = |rows: Vec<Value>| {
        let mut rows: Vec<Value> = rows
            .into_iter()
            .map(|row| json!([row[0], row[1], row[2].as_str().unwrap().split(", and ").next().unwrap()]))
            .collect();
        rows.dedup();
        rows
    };
    assert_eq!(told(trail("acme")), acme);
    assert_eq!(told(trail("globex")), acme[1..2]);
}

/// Sends a request to the endpoint as it is; returns the status and everything that came.
fn endpoint(process: &Process, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(process.sql.as_deref().unwrap()).unwrap();
    write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (text.split_whitespace().nth(1).unwrap().parse().unwrap(), text)
}

#[test]
fn the_endpoint_takes_what_is_on_its_list_and_nothing_else() {
    let (_folder, process) = house();
    let ask = |parameters: &str, headers: &str, body: &str| {
        endpoint(&process, &format!("POST /?{parameters} HTTP/1.1\r\nX-ClickHouse-Key: {ACME}{headers}"), body)
    };
    let whose = "SELECT groupUniqArray(organization) FROM records";
    assert_eq!(endpoint(&process, "GET /ping HTTP/1.1", "").0, 200);
    for (parameters, headers, body) in [
        ("", "", whose),
        ("query=SELECT%20groupUniqArray(organization)", "", "FROM records"),
        ("database=default&session_id=x&readonly=0", "", whose),
        ("user=app&password=wrong", "\r\nX-ClickHouse-User: app", whose),
        ("param_t=records", "", "SELECT groupUniqArray(organization) FROM {t:Identifier}"),
    ] {
        let (status, text) = ask(parameters, headers, body);
        assert_eq!(status, 200, "{parameters}: {text}");
        assert!(text.contains("['acme']") && !text.contains("globex"), "{parameters}: {text}");
        assert!(text.contains("eventra-as-of: {\"landing_epoch\":"), "{text}");
    }
    let passwd = "SELECT {f:Identifier}";
    for (parameters, headers, body, status) in [
        ("max_memory_usage=0", "", whose, 500),
        ("additional_table_filters=%7B%7D", "", whose, 400),
        ("role=admin", "", whose, 400),
        ("allow_introspection_functions=1", "", whose, 400),
        ("database=system", "", whose, 404),
        ("decompress=1", "", whose, 400),
        ("", "\r\nContent-Encoding: gzip", whose, 400),
        ("", "\r\nContent-Type: multipart/form-data; boundary=x", whose, 400),
        ("param_f=file", "", &format!("{passwd} = 1 OR arrayMap({{f:Identifier}}, ['/etc/passwd'])"), 403),
        ("query_id=a%27b", "", whose, 400),
        ("", "", "SELECT * FROM file('/etc/passwd')", 403),
        ("", "", "DROP VIEW records", 403),
    ] {
        let (found, text) = ask(parameters, headers, body);
        assert_eq!(found, status, "{parameters}{headers} {body}: {text}");
        assert!(text.contains("x-clickhouse-exception-code: ") && text.contains("DB::Exception: "), "{text}");
        assert!(!text.contains("root:") && !text.contains("globex") && !text.contains("analyst_"), "{text}");
    }
    for (key, status) in [("", 401), ("nobodys", 401), (NO_SQL, 403), (GLOBEX, 200)] {
        let head = format!(
            "GET /?user=acme&password={key}&query=SELECT%20groupUniqArray(organization)%20FROM%20records HTTP/1.1"
        );
        let (found, text) = endpoint(&process, &head, "");
        assert_eq!((found, text.contains("acme'")), (status, false), "{key}: {text}");
    }
    process.terminate();
}

#[test]
fn the_sql_pages_routes_answer_with_what_the_answer_reflects() {
    let (_folder, process) = house();
    let ask = |body: Value| process.text_of(ACME, "/v1/organizations/acme/sql", &body);
    let question = "SELECT session, count() AS n FROM records WHERE kind = {kind:String} GROUP BY session ORDER BY n";
    process.wait("the cut is past the rows", |_| {
        ask(json!({"query": "SELECT count() FROM records"})).1.contains(r#""data":[["3"]]"#)
    });
    let (status, text) = ask(json!({"query": question, "parameters": {"kind": "session_joined"}}));
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200, "{text}");
    assert_eq!(answer["data"], json!([["lunch", "1"], ["talk", "2"]]));
    assert_eq!(answer["columns"][1], json!({"name": "n", "type": "UInt64"}));
    assert_eq!((&answer["truncated"], &answer["as_of"]["exact"]), (&json!(false), &json!(true)));
    assert!(answer["as_of"]["landing_epoch"].as_u64() > Some(0) && answer["as_of"]["log_time"].is_u64(), "{text}");
    // A table of newest rows cannot be cut, and says so.
    let (_, text) = ask(json!({"query": "SELECT count() FROM attendance"}));
    assert!(text.contains(r#""exact":false"#), "{text}");
    let (_, text) = ask(json!({"query": "SELECT number FROM numbers(9)", "limit": 2}));
    assert!(text.contains(r#""data":[["0"],["1"]],"truncated":true"#), "{text}");

    let (status, csv) = ask(json!({"query": "SELECT session FROM records ORDER BY session", "format": "csv"}));
    assert_eq!((status, csv.contains("\"lunch\"\n\"talk\"\n\"talk\"")), (200, true), "{csv}");
    let (_, parquet) = ask(json!({"query": "SELECT session FROM records", "format": "parquet"}));
    assert!(parquet.contains("PAR1"));

    for (body, status, code) in [
        (json!({"query": "SELECT nothing FROM records"}), 400, "sql_refused"),
        (json!({"query": "SELECT file('/etc/passwd')"}), 400, "sql_refused"),
        (json!({"query": "SELECT 1 FORMAT CSV"}), 400, "sql_refused"),
        (json!({"query": "SELECT groupArray(number) FROM numbers(10000000000)"}), 422, "sql_limit"),
        (json!({"query": "SELECT 1", "limit": 1_000_000}), 400, "parameter_wrong"),
        (json!({"statement": "SELECT 1"}), 400, "fields_wrong"),
    ] {
        let (found, text) = ask(body);
        assert_eq!((found, text.contains(&format!(r#""code":"{code}""#))), (status, true), "{text}");
    }
    for (key, status) in [(NO_SQL, 403), (GLOBEX, 403), ("nobodys", 401)] {
        let (found, text) = process.text_of(key, "/v1/organizations/acme/sql", &json!({"query": "SELECT 1"}));
        assert_eq!(found, status, "{text}");
    }
    let (status, schema) = process.ask_with(ACME, "GET", "/v1/organizations/acme/sql/schema", "");
    assert_eq!(status, 200);
    assert_eq!(schema["data"][0]["name"], "records");
    assert_eq!(schema["data"][0]["columns"][0]["name"], "log_time");
    cancels(&process);
    process.terminate();
}

fn cancels(process: &Process) {
    let path = "/v1/organizations/acme/sql/long-one";
    assert_eq!(process.ask_with(ACME, "DELETE", path, "").0, 404, "nothing runs yet");
    let long = json!({"query": "SELECT sum(sleepEachRow(0.1)) FROM numbers(250) SETTINGS max_block_size = 1", "query_id": "long-one"});
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| process.text_of(ACME, "/v1/organizations/acme/sql", &long));
        let foreign = "/v1/organizations/globex/sql/long-one";
        process.wait("it runs and is cancelled", |process| {
            assert_eq!(process.ask_with(GLOBEX, "DELETE", foreign, "").0, 404, "another's question is another one");
            process.ask_with(ACME, "DELETE", path, "").0 == 204
        });
        let (status, text) = asked.join().unwrap();
        assert_eq!((status, text.contains("sql_cancelled")), (409, true), "{text}");
    });
}
