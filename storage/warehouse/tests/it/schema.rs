//! The schema on a real engine.

use warehouse::migrate::{MigrateError, Migration, migrate, migrate_with, migrations};
use warehouse::schema::{Column, current_views, tables};

use crate::support::{number, start};
use crate::turnstiles::turnstiles;

#[tokio::test]
async fn migrating_twice_changes_nothing_and_every_column_is_documented() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    // An older build kept scores in a table where there is a view now.
    client.execute("CREATE TABLE leaderboard_scores (score Int64) ENGINE = MergeTree ORDER BY ()").await.unwrap();
    let first = migrate(&client, &tables()).await.unwrap();
    assert_eq!(first.applied, [1, 2, 3]);
    assert_eq!(first.added_columns, Vec::<String>::new());
    let second = migrate(&client, &tables()).await.unwrap();
    assert_eq!((second.applied.len(), second.added_columns.len()), (0, 0));
    let undocumented = "SELECT count() FROM system.columns AS c JOIN system.tables AS t ON c.database = t.database AND c.table = t.name \
                        WHERE c.database = currentDatabase() AND t.engine LIKE '%MergeTree' AND c.comment = ''";
    assert_eq!(number(&client, undocumented).await, 0);
    // Restarted on the same data, views included.
    engine.stop().await;
    let (engine, client) = start(root.path()).await;
    assert_eq!(migrate(&client, &tables()).await.unwrap().applied.len(), 0);
    for view in current_views() {
        assert_eq!(number(&client, &format!("SELECT count() FROM {}", view.name)).await, 0, "{}", view.name);
        let sql = format!(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{}' ORDER BY position",
            view.name
        );
        let columns: Vec<String> = client.fetch_all(&sql).await.unwrap();
        assert!(columns.iter().eq(view.columns.iter().map(|(name, _)| name)), "{}: {columns:?}", view.name);
    }
    neighbours_are_those_of_the_newest_list(&client).await;
    awards_add_up_to_the_boards_that_they_are_on(&client).await;
    engine.stop().await;
}

/// What the schema's page promises of the view over lists.
async fn neighbours_are_those_of_the_newest_list(client: &warehouse::Client) {
    let rows = "('acme', 'c', 'a', 1, 3, ['b', 'd'], [2, 1]), ('acme', 'c', 'a', 2, 4, ['d'], [3]), ('acme', 'c', 'b', 1, 2, ['a'], [2])";
    let columns = "organization, event, item, as_of, visits, neighbours, together";
    client.execute(&format!("INSERT INTO item_neighbours ({columns}) VALUES {rows}")).await.unwrap();
    let found: Vec<(String, String, i64, i64)> = client
        .fetch_all("SELECT item, neighbour, together, visits FROM item_neighbours_current ORDER BY item")
        .await
        .unwrap();
    let row = |item: &str, neighbour: &str, together, visits| (item.to_owned(), neighbour.to_owned(), together, visits);
    assert_eq!(found, [row("a", "d", 3, 4), row("b", "a", 2, 2)]);
    client.execute("INSERT INTO trending_scores (session, score) VALUES ('s', 1572864)").await.unwrap();
    assert_eq!(client.fetch_one::<f64>("SELECT score FROM trending_by_minute").await.unwrap(), 1.5);
}

#[tokio::test]
async fn newer_or_changed_schema_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    let mut newer = migrations();
    let next = u32::try_from(newer.len()).unwrap() + 1;
    newer.push(Migration { number: next, name: "of tomorrow", statements: vec!["SELECT 1".to_owned()] });
    assert_eq!(migrate_with(&client, &newer, &[]).await.unwrap().applied, (1..=next).collect::<Vec<_>>());

    let error = migrate(&client, &[]).await.unwrap_err();
    assert!(matches!(error, MigrateError::Newer { found, known } if (found, known) == (next, next - 1)), "{error}");
    assert!(error.to_string().contains("newer eventra"), "{error}");

    newer[usize::try_from(next - 1).unwrap()].statements.push("SELECT 2".to_owned());
    let error = migrate_with(&client, &newer, &[]).await.unwrap_err();
    assert!(matches!(error, MigrateError::Changed { number, .. } if number == next), "{error}");
    engine.stop().await;
}

#[tokio::test]
async fn new_columns_are_added_and_other_types_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    migrate(&client, &[turnstiles()]).await.unwrap();
    let mut wider = turnstiles();
    wider.columns.push(Column::new("country", "LowCardinality(String)", "ISO 3166-1 alpha-2 code"));
    assert_eq!(migrate(&client, std::slice::from_ref(&wider)).await.unwrap().added_columns, ["turnstiles.country"]);
    // The older build still finds what it needs.
    migrate(&client, &[turnstiles()]).await.unwrap();

    wider.columns[2].clickhouse_type = "UInt64".into();
    let error = migrate(&client, &[wider.clone()]).await.unwrap_err();
    assert!(matches!(&error, MigrateError::ColumnType { column, .. } if column == "n"), "{error}");
    // A new version of the view is a new table.
    wider.view_version = 2;
    migrate(&client, &[wider]).await.unwrap();
    assert_eq!(number(&client, "SELECT count() FROM turnstiles_v2").await, 0);
    engine.stop().await;
}

/// Two awards on all four boards of an event, one outside any event, one after a reset.
async fn awards_add_up_to_the_boards_that_they_are_on(client: &warehouse::Client) {
    let columns = "organization, leaderboard, generation, event, track, day, rule, scopes, actor, points_diff, awards_diff, landing_epoch";
    let rows = "('acme', 'all', 0, 'c', 'rust', '2026-11-20', 'join', 15, 255, 5, 1, 7), \
                ('acme', 'all', 0, 'c', 'go', '2026-11-20', 'ask', 15, 255, 3, 2, 8), \
                ('acme', 'all', 0, '', '', '2026-11-21', 'ask', 12, 255, 1, 1, 9), \
                ('acme', 'all', 1, 'c', 'rust', '2026-11-20', 'join', 15, 1, 5, 1, 9)";
    client.execute(&format!("INSERT INTO awards ({columns}) VALUES {rows}")).await.unwrap();
    let sql = "SELECT arrayStringConcat([scope, event, track, day], '/'), participant, score, awards, landing_epoch \
               FROM leaderboard_scores WHERE leaderboard = 'all' AND generation = 0 ORDER BY 1";
    let found: Vec<(String, String, i64, i64, u64)> = client.fetch_all(sql).await.unwrap();
    let expected = [
        ("all_time///", 9, 4, 9),
        ("day///2026-11-21", 1, 1, 9),
        ("day/c//2026-11-20", 8, 3, 8),
        ("event/c//", 8, 3, 8),
        ("track/c/go/", 3, 2, 8),
        ("track/c/rust/", 5, 1, 7),
    ];
    let expected = expected
        .map(|(board, score, awards, epoch)| (board.to_owned(), "00000000000000ff".to_owned(), score, awards, epoch));
    assert_eq!(found, expected);
    let later = "SELECT count() FROM leaderboard_scores WHERE generation = 1 AND participant = '0000000000000001'";
    assert_eq!(number(client, later).await, 4);
}
