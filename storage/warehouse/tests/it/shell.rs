//! SQL as people type it.

use warehouse::shell::{Next, Session};
use warehouse::sql::{Format, run};

use crate::support::start;

async fn answer(client: &warehouse::Client, statement: &str, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    run(client, statement, format, &mut out).await.unwrap();
    out
}

async fn text(client: &warehouse::Client, statement: &str, format: Format) -> String {
    String::from_utf8(answer(client, statement, format).await).unwrap()
}

#[tokio::test]
async fn answers_come_in_every_format_and_errors_with_their_code() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    let statement = "SELECT number AS n, 'a?b' AS t FROM numbers(2);";
    assert_eq!(text(&client, statement, Format::Csv).await, "\"n\",\"t\"\n0,\"a?b\"\n1,\"a?b\"\n");
    assert_eq!(text(&client, statement, Format::JsonLines).await, "{\"n\":0,\"t\":\"a?b\"}\n{\"n\":1,\"t\":\"a?b\"}\n");
    let table = text(&client, statement, Format::Table).await;
    assert!(table.contains("n") && table.contains("│ a?b │") && !table.contains('\u{1b}'), "{table}");
    assert_eq!(&answer(&client, statement, Format::Parquet).await[..4], b"PAR1");
    assert_eq!(text(&client, "SELECT 1 FORMAT TSV", Format::Csv).await, "1\n", "the statement's own format wins");
    let error = run(&client, "SELECT * FROM nowhere", Format::Csv, &mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("code 60"), "{error}");
    engine.stop().await;
}

#[tokio::test]
async fn shell_runs_statements_and_commands() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    let mut session = Session::new(client);
    let mut out = Vec::new();
    let lines = [
        "CREATE TABLE t (n UInt64 COMMENT 'a number') ENGINE = Memory; INSERT INTO t VALUES (41);",
        "\\format csv",
        "SELECT n + 1 AS answer\nFROM t;",
        "\\tables",
        "\\d t",
        "SELECT broken;",
        "\\nonsense",
    ];
    for line in lines {
        assert_eq!(session.input(line, &mut out).await, Next::Go, "{line}");
    }
    let said = String::from_utf8(out).unwrap();
    for part in
        ["\"answer\"\n42\n", "\"t\",\"Memory\"", "\"n\",\"UInt64\",\"a number\"", "code 47", "\\nonsense is unknown"]
    {
        assert!(said.contains(part), "{part} not in {said}");
    }
    assert_eq!(session.input("\\q", &mut Vec::new()).await, Next::Quit);
    engine.stop().await;
}
