//! Analysts of two organizations on one real engine: each finds its own rows and nothing else, and nothing of the machine.

use futures_util::StreamExt as _;
use warehouse::analysts::{
    Ask, AskError, Cut, Gateway, Limits, RUNNING_OF_ASKER_MAX, Secret, cuts, lacking_rights, server_statements,
    takes_table_function,
};
use warehouse::engine::Engine;
use warehouse::{Client, migrate, schema};

use crate::support::start;

const MINE: &str = "acme-org";
const OTHERS: &str = "globex-org";

/// An engine whose every table has rows of two organizations, two each; the second ones are of a later landing epoch.
async fn house(root: &std::path::Path) -> (Engine, Client, Gateway) {
    let (engine, client) = start(root).await;
    migrate::migrate(&client, &schema::tables()).await.unwrap();
    for table in schema::tables() {
        for organization in [MINE, OTHERS] {
            let rows = |epoch: u8| format!("('{organization}', {epoch}, {epoch})");
            let sql = format!(
                "INSERT INTO {} (organization, landing_epoch, landing_chunk) VALUES {}, {}",
                table.stored_name(),
                rows(1),
                rows(2)
            );
            client.execute(&sql).await.unwrap();
        }
    }
    // The password that the tests' engines are started with.
    let gateway = Gateway::embedded(client.clone(), Secret::of("test password"), Limits::for_engine(2 << 30));
    gateway.prepare().await.unwrap();
    (engine, client, gateway)
}

fn question(organization: &str, text: &str) -> Ask {
    Ask { organization: organization.into(), asker: organization.into(), text: text.into(), ..Ask::default() }
}

/// The whole answer as text; an error's words count as found, too.
async fn answer(gateway: &Gateway, ask: Ask) -> Result<String, AskError> {
    let mut reply = gateway.ask(ask).await?;
    let mut text = Vec::new();
    while let Some(bytes) = reply.body.next().await {
        text.extend_from_slice(&bytes.map_err(AskError::Unavailable)?);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn ask(gateway: &Gateway, text: &str) -> Result<String, AskError> {
    answer(gateway, question(MINE, text)).await
}

async fn names(client: &Client, sql: &str) -> Vec<String> {
    client.fetch_all::<String>(sql).await.unwrap()
}

#[tokio::test]
async fn every_table_and_view_shows_the_askers_rows_only() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client, gateway) = house(root.path()).await;
    let views = names(&client, "SELECT name FROM system.tables WHERE database = 'eventra' ORDER BY name").await;
    assert_eq!(views.len(), schema::tables().len() + schema::current_views().len(), "{views:?}");
    for view in views {
        let whole = ask(&gateway, &format!("SELECT * FROM {view}")).await.unwrap();
        assert!(!whole.contains(OTHERS), "{view}: {whole}");
        let counted = format!("SELECT count() FROM {view} WHERE organization = '{MINE}'");
        let wanted = match schema::tables().iter().find(|table| table.name == view) {
            Some(schema::TableSchema { rows: schema::Rows::Upsert(_), .. }) => 1,
            _ => client.fetch_one::<u64>(&counted).await.unwrap(),
        };
        for (shape, times) in [
            ("SELECT count() FROM {}", 1),
            ("SELECT count() FROM {} FINAL", 1),
            ("SELECT count() FROM eventra.{}", 1),
            ("SELECT count() FROM (SELECT * FROM {} UNION ALL SELECT * FROM {})", 2),
            ("WITH c AS (SELECT * FROM {}) SELECT count() FROM c", 1),
            ("SELECT count() FROM {} WHERE organization != 'acme-org'", 0),
            ("SELECT count() FROM {} a WHERE organization IN (SELECT organization FROM {})", 1),
            ("SELECT count() FROM {} PREWHERE 1", 1),
        ] {
            match ask(&gateway, &shape.replace("{}", &view)).await {
                Ok(count) => assert_eq!(count.trim(), (wanted * times).to_string(), "{shape} of {view}"),
                // Views take no PREWHERE, and some no FINAL: refused is fine, wrong is not.
                Err(error) => assert!(shape.contains("PREWHERE") || shape.contains("FINAL"), "{shape}: {error}"),
            }
        }
        let joined = format!("SELECT uniqExact(b.organization) <= 1 FROM {view} a FULL JOIN {view} b ON 1 = 1");
        assert_eq!(ask(&gateway, &joined).await.unwrap().trim(), "1", "{view}");
    }
    // Two seats, each for its own; and the first again.
    let whose = "SELECT DISTINCT organization FROM records";
    for organization in [MINE, OTHERS, MINE] {
        assert_eq!(answer(&gateway, question(organization, whose)).await.unwrap().trim(), organization);
    }
    assert_eq!(answer(&gateway, question("nobody", whose)).await.unwrap(), "");
    assert!(engine.stop().await);
}

/// What must find nothing: of the other organization, of the engine, of the machine.
const ATTACKS: &[&str] = &[
    // Past the views.
    "SELECT * FROM default.records",
    "SELECT * FROM `default`.`records`",
    "SELECT count() FROM default.epochs",
    "SELECT * FROM default.sql_seats",
    "SELECT * FROM sql_seats",
    "DESCRIBE default.records",
    "SHOW CREATE TABLE default.records",
    "SHOW TABLES FROM default",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM merge('.*')",
    "SELECT * FROM mergeTreeIndex('default', 'records')",
    "SELECT * FROM mergeTreeProjection('default', 'records', 'x')",
    "SELECT * FROM loop('default', 'records') LIMIT 9",
    "SELECT * FROM viewIfPermitted(SELECT * FROM default.records ELSE null('a UInt8'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM default.records))",
    "SELECT * FROM remote('127.0.0.1', default.records)",
    "SELECT * FROM cluster('default', default.records)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT joinGet('default.records', 'kind', 1)",
    "SELECT hasColumnInTable('default', 'records', 'kind')",
    "EXPLAIN ESTIMATE SELECT * FROM records",
    "EXPLAIN indexes = 1 SELECT * FROM records",
    "EXPLAIN SELECT * FROM default.records",
    "SELECT _part, _part_offset FROM records",
    // Errors and order of evaluation.
    "SELECT count() FROM records WHERE throwIf(organization = 'globex-org', 'globex-org is here')",
    "SELECT throwIf(organization != 'acme-org', organization) FROM records",
    "SELECT * FROM records WHERE organization = 'globex-org' OR 1",
    "SELECT groupUniqArray(organization) FROM records HAVING throwIf(length(groupUniqArray(organization)) > 1)",
    "SELECT min(organization), max(organization), topK(9)(organization) FROM records",
    // System tables.
    "SELECT * FROM system.parts",
    "SELECT * FROM system.parts_columns",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.users",
    "SELECT * FROM system.row_policies",
    "SELECT * FROM system.settings_profiles",
    "SELECT * FROM system.grants",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.build_options",
    "SELECT * FROM system.macros",
    "SELECT * FROM system.metrics",
    "SELECT * FROM system.asynchronous_metrics",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.text_log",
    "SELECT * FROM system.mutations",
    "SELECT * FROM system.replicas",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.stack_trace",
    "SELECT * FROM system.certificates",
    "SELECT * FROM system.user_directories",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT * FROM system.databases",
    "SELECT data_path FROM system.databases",
    "SELECT d.* FROM system.databases d",
    "SELECT tuple(*) FROM system.databases",
    "SELECT * EXCEPT(name) FROM system.databases",
    "SHOW PROCESSLIST",
    "SHOW USERS",
    "SHOW ACCESS",
    "SHOW ROW POLICIES",
    "SHOW CREATE USER analyst_01",
    "SHOW CREATE ROW POLICY ON default.records",
    "SHOW CLUSTERS",
    // Files and other machines.
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT `\\x66ile`('/etc/passwd')",
    "SELECT file/**/('/etc/passwd')",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "WITH file AS f SELECT f('/etc/passwd')",
    "SELECT * FROM (SELECT * FROM eval('SELECT fi' || 'le(\\'/etc/passwd\\')') SETTINGS allow_experimental_eval_table_function = 1)",
    "SELECT * FROM (SELECT 1 SETTINGS additional_result_filter = 'file(\\'/etc/passwd\\') = 1')",
    "SELECT 1 SETTINGS additional_table_filters = {'system.one': 'file(\\'/etc/passwd\\') = 1'}",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'a String')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM sqlite('/tmp/x', 't')",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('mongodb://127.0.0.1:1/d', 'c', 'a String')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM jdbc('x', 'd', 't')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM dictionary('x')",
    "SELECT dictGet('x', 'y', 1)",
    "SELECT * FROM filesystem('/etc')",
    "SELECT 1 INTO OUTFILE '/tmp/eventra-analysts'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/passwd'",
    "SELECT 1 SETTINGS format_schema = '/etc/passwd:x'",
    "SELECT catboostEvaluate('/etc/passwd', 1)",
    "SELECT aiGenerate('x')",
    "SELECT showCertificate()",
    // The machine.
    "SELECT hostName()",
    "SELECT hostname()",
    "SELECT FQDN()",
    "SELECT fullHostName()",
    "SELECT displayName()",
    "SELECT getOSKernelVersion()",
    "SELECT tcpPort()",
    "SELECT getServerPort('http_port')",
    "SELECT getServerSetting('max_server_memory_usage')",
    "SELECT getMacro('x')",
    "SELECT buildId(), serverUUID(), uptime()",
    "SELECT filesystemAvailable(), filesystemCapacity()",
    "SELECT getClientHTTPHeader('Authorization')",
    "SELECT * FROM (SELECT getClientHTTPHeader('Authorization') SETTINGS allow_get_client_http_header = 1)",
    "SELECT addressToLine(1) SETTINGS allow_introspection_functions = 1",
    "SELECT demangle('x'), tid()",
    "SELECT logTrace('x')",
    // Settings.
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS readonly = 2",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_execution_time = 100000",
    "SELECT 1 SETTINGS max_threads = 64",
    "SELECT 1 SETTINGS max_result_rows = 0",
    "SELECT 1 SETTINGS use_query_cache = 1, query_cache_share_between_users = 1",
    "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
    "SELECT 1 SETTINGS dialect = 'kusto'",
    "SET readonly = 0",
    // No questions.
    "INSERT INTO records SELECT * FROM records",
    "INSERT INTO FUNCTION file('/tmp/eventra-analysts') SELECT 1",
    "CREATE TABLE x (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a UInt8)",
    "CREATE VIEW eventra.x AS SELECT 1",
    "CREATE FUNCTION x AS (a) -> file(a)",
    "CREATE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LIFETIME(0) LAYOUT(FLAT())",
    "ALTER TABLE records DELETE WHERE 1",
    "DROP VIEW records",
    "TRUNCATE TABLE records",
    "RENAME TABLE records TO x",
    "ATTACH TABLE x FROM '/etc'",
    "DETACH VIEW records",
    "EXCHANGE TABLES records AND facts",
    "OPTIMIZE TABLE records",
    "CHECK TABLE records",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "BACKUP TABLE records TO File('x')",
    "RESTORE TABLE records FROM File('x')",
    "GRANT SELECT ON *.* TO analyst_00",
    "CREATE USER x",
    "EXECUTE AS app SELECT 1",
    "USE default",
    "WATCH records",
    "SELECT 1; SELECT 2",
    "SELECT 1;SYSTEM FLUSH LOGS",
    // Texts that two readers might cut in two ways.
    "SELECT $$x$$, file('/etc/passwd')",
    "SELECT \u{2018} ' \u{2019}, file('/etc/passwd') --'",
    "SELECT 1 # ' \n, file('/etc/passwd') --'",
    "SELECT /* /* */ ' */ file('/etc/passwd') --'",
    "SELECT x'27', file('/etc/passwd')",
];

#[tokio::test]
async fn attacks_find_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client, gateway) = house(root.path()).await;
    // Another organization has asked before: what the engine remembers of it must not show either.
    answer(&gateway, question(OTHERS, "SELECT count() FROM records")).await.unwrap();
    let machine = std::fs::read_to_string("/etc/hostname").unwrap_or_else(|_| "no hostname".into());
    let folder = root.path().display().to_string();
    let secrets = [OTHERS, "root:", machine.trim(), "analyst_0", "sql_reader", &folder];
    for attack in ATTACKS {
        let found = match ask(&gateway, attack).await {
            Ok(found) => found,
            Err(AskError::Unavailable(error)) => panic!("{attack}: {error}"),
            // What is repeated from the question is not found.
            Err(error) => error.to_string().replace(OTHERS, ""),
        };
        for secret in secrets.iter().filter(|secret| !attack.contains(**secret) || **secret == OTHERS) {
            assert!(!found.contains(secret), "{attack} finds {secret}: {found}");
        }
        let rows = found.lines().count();
        assert!(rows < 9, "{attack} finds {rows} rows: {found}");
    }
    // Nothing of it had an effect.
    assert_eq!(client.fetch_one::<u64>("SELECT count() FROM records").await.unwrap(), 4);
    assert!(!std::path::Path::new("/tmp/eventra-analysts").exists());
    let statistics = "SELECT sum(total_rows), sum(total_bytes), max(length(data_paths)) FROM system.tables WHERE database != 'system'";
    assert_eq!(ask(&gateway, statistics).await.unwrap().trim(), r"\N	\N	0");
    let columns = "SELECT sum(data_compressed_bytes) FROM system.columns WHERE database = 'eventra'";
    assert_eq!(ask(&gateway, columns).await.unwrap().trim(), "0");
    assert_eq!(ask(&gateway, "SHOW DATABASES").await.unwrap().trim(), "eventra");
    assert_eq!(ask(&gateway, "SELECT name FROM system.databases").await.unwrap().trim(), "eventra");
    // No table that everybody may read holds a path of this machine, but the one that the gate watches.
    for table in
        names(&client, "SELECT name FROM system.tables WHERE database = 'system' AND name != 'databases'").await
    {
        let paths =
            format!("SELECT arrayStringConcat(tupleToNameValuePairs(tuple(*)).2::Array(String)) FROM system.{table}");
        let plain = format!("SELECT * FROM system.{table} LIMIT 5000 FORMAT TSV");
        for text in [paths, plain] {
            let found = ask(&gateway, &text).await.unwrap_or_default();
            assert!(!found.contains(&folder) && !found.contains(OTHERS), "{table}");
        }
    }
    assert!(engine.stop().await);
}

#[tokio::test]
async fn the_walls_behind_the_gate_hold_by_themselves() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client, gateway) = house(root.path()).await;
    ask(&gateway, "SELECT 1").await.unwrap();
    // Who has a seat's password and the engine's port, past the gate.
    let open = engine.endpoint().borrow().clone().unwrap();
    let seats: Vec<(String, String)> = client.fetch_all("SELECT seat, organization FROM sql_seats").await.unwrap();
    assert_eq!(seats, [("analyst_00".to_owned(), MINE.to_owned())]);
    let seat = |user: &str, password: &str| {
        Client::server(warehouse::Endpoint {
            user: user.into(),
            password: password.into(),
            database: "eventra".into(),
            ..open.clone()
        })
    };
    for (user, password) in
        [("analyst_00", ""), ("analyst_00", "test password"), ("sql_reader", ""), ("sql_reader", "test password")]
    {
        assert_eq!(seat(user, password).execute("SELECT 1").await.unwrap_err().code(), Some(516), "{user}");
    }
    // Statements that the engine itself must refuse to a seat: it asks the engine's own list of grants.
    let granted = names(
        &client,
        "SELECT DISTINCT access_type::String FROM system.grants WHERE startsWith(assumeNotNull(user_name), 'analyst_')",
    )
    .await;
    assert_eq!(granted, ["SELECT"]);
    let of = "SELECT DISTINCT assumeNotNull(database) || '.' || ifNull(table, '*') FROM system.grants WHERE startsWith(assumeNotNull(user_name), 'analyst_')";
    assert_eq!(names(&client, of).await, ["eventra.*"]);
    let unguarded = "SELECT name FROM system.tables WHERE database = 'default' AND name IN (SELECT table FROM system.grants \
        WHERE user_name = 'sql_reader') AND engine NOT IN ('View', 'ReplacingMergeTree') AND name NOT IN \
        (SELECT table FROM system.row_policies WHERE has(apply_to_list, 'sql_reader')) AND name != 'sql_seats'";
    assert_eq!(names(&client, unguarded).await, Vec::<String>::new());
    assert!(engine.stop().await);
}

#[tokio::test]
async fn bounds_hold_and_are_named() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _, gateway) = house(root.path()).await;
    for bomb in [
        "SELECT arrayReduce('sum', range(2000000000))",
        "SELECT groupArray(number) FROM numbers(10000000000)",
        "SELECT repeat('x', 5000000000)",
        "SELECT * FROM numbers(5000000)",
        "SELECT count() FROM (SELECT a.number, b.number FROM numbers(1000000) a CROSS JOIN numbers(1000000) b ORDER BY rand())",
    ] {
        let mut ask = question(MINE, bomb);
        ask.settings = vec![("max_execution_time".into(), "2".into()), ("wait_end_of_query".into(), "1".into())];
        let error = answer(&gateway, ask).await.expect_err(bomb);
        // 69 and 131: arrays and texts that are too large by themselves.
        let refused = matches!(error, AskError::Refused { code: 69 | 131, .. });
        assert!(error.is_limit() || refused, "{bomb}: {error:?}");
    }
    let mut ask = question(MINE, "SELECT 1");
    ask.settings = vec![("max_execution_time".into(), "31".into())];
    let error = answer(&gateway, ask).await.unwrap_err().to_string();
    assert!(error.contains("max_execution_time") && error.contains("30"), "{error}");
    assert!(engine.stop().await);
}

#[tokio::test]
async fn an_asker_cancels_its_own_questions_and_has_so_many_places() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _, gateway) = house(root.path()).await;
    let long = |id: &str| Ask {
        id: Some(id.into()),
        ..question(MINE, "SELECT sum(sleepEachRow(0.1)) FROM numbers(200) SETTINGS max_block_size = 1")
    };
    let running: Vec<_> = (0..RUNNING_OF_ASKER_MAX)
        .map(|n| {
            let (gateway, ask) = (gateway.clone(), long(&n.to_string()));
            tokio::spawn(async move { answer(&gateway, ask).await })
        })
        .collect();
    // The places are taken once the engine knows all of them.
    for n in 0..RUNNING_OF_ASKER_MAX {
        while !known(&engine, &n.to_string()).await {
            tokio::task::yield_now().await;
        }
    }
    assert!(matches!(ask(&gateway, "SELECT 1").await, Err(AskError::TooMany)));
    assert!(answer(&gateway, question(OTHERS, "SELECT 1")).await.is_ok(), "others have places");
    for n in 0..RUNNING_OF_ASKER_MAX {
        assert!(!gateway.cancel(OTHERS, &n.to_string()).await.unwrap(), "another asker's id is another question");
        assert!(gateway.cancel(MINE, &n.to_string()).await.unwrap());
    }
    for task in running {
        let error = task.await.unwrap();
        let said = error.as_ref().map_or_else(ToString::to_string, Clone::clone);
        assert!(said.contains("QUERY_WAS_CANCELLED"), "{said}");
    }
    assert!(ask(&gateway, "SELECT 1").await.is_ok(), "the places are free again");
    assert!(engine.stop().await);
}

async fn known(engine: &Engine, id: &str) -> bool {
    let client = Client::embedded(engine.endpoint());
    let sql = format!("SELECT count() FROM system.processes WHERE endsWith(query_id, '-{id}')");
    client.fetch_one::<u64>(&sql).await.unwrap() > 0
}

#[tokio::test]
async fn a_cut_shows_what_had_landed_then() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _, gateway) = house(root.path()).await;
    for (cut, rows) in
        [(Cut { raw: 0, views: 9 }, "0"), (Cut { raw: 1, views: 0 }, "1"), (Cut { raw: 2, views: 0 }, "2")]
    {
        let counted = Ask { cut: Some(cut), ..question(MINE, "SELECT count() FROM records") };
        assert_eq!(answer(&gateway, counted).await.unwrap().trim(), rows);
    }
    let cut = Some(Cut { raw: 9, views: 1 });
    let view = Ask { cut, ..question(MINE, "SELECT count() FROM (SELECT * FROM visits)") };
    assert_eq!(answer(&gateway, view).await.unwrap().trim(), "1");
    for (text, exact) in [("SELECT 1 FROM attendance_current", false), ("SELECT 1 FROM visits_current", true)] {
        assert_eq!(gateway.ask(Ask { cut, ..question(MINE, text) }).await.unwrap().exact, exact, "{text}");
    }
    assert!(engine.stop().await);
}

#[tokio::test]
async fn a_restarted_engine_stands_for_the_same_organizations() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _, gateway) = house(root.path()).await;
    let whose = "SELECT DISTINCT organization FROM records";
    assert_eq!(ask(&gateway, whose).await.unwrap().trim(), MINE);
    let old = crate::support::kill(&engine);
    crate::support::restarted(&engine, old).await;
    assert_eq!(ask(&gateway, whose).await.unwrap().trim(), MINE);
    assert_eq!(answer(&gateway, question(OTHERS, whose)).await.unwrap().trim(), OTHERS);
    assert!(engine.stop().await);
}

#[tokio::test]
async fn an_engine_that_gives_no_rights_is_told_in_words() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client, _) = house(root.path()).await;
    for statement in server_statements("shop", &Secret::of("x"), &Limits::for_engine(1 << 30)) {
        let read = format!("SELECT length(formatQuery('{}'))", statement.replace('\\', "\\\\").replace('\'', "\\'"));
        assert!(client.fetch_one::<u64>(&read).await.is_ok_and(|length| length > 0), "the engine reads {statement}");
    }
    assert_eq!(lacking_rights(&client).await.unwrap(), ["CREATE USER", "CREATE ROW POLICY", "CREATE SETTINGS PROFILE"]);
    // The library takes no accounts by statement, as a server of somebody else may not.
    let gateway = Gateway::server(client, Secret::of("x"), Limits::for_engine(1 << 30));
    let error = gateway.prepare().await.unwrap_err().to_string();
    assert!(error.contains("ACCESS MANAGEMENT") && error.contains("sql_listen"), "{error}");
    assert!(engine.stop().await);
}

#[tokio::test]
async fn every_function_of_the_engine_that_makes_tables_is_judged() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client, gateway) = house(root.path()).await;
    for name in names(&client, "SELECT name FROM system.table_functions").await {
        assert!(takes_table_function(&name).is_some(), "`{name}` is new: judge it in words.rs");
    }
    // Functions by categories in which some tell about the machine: a new one of these must be looked at.
    let sql = "SELECT lower(name) FROM system.functions WHERE categories IN ('AI', 'Introspection', 'Other', '') AND NOT is_aggregate AND \
        (name ILIKE '%host%' OR name ILIKE '%server%' OR name ILIKE '%file%' OR name ILIKE 'ai%' OR name ILIKE '%port%' OR name ILIKE '%kernel%')";
    for name in names(&client, sql).await {
        if name.starts_with("is")
            || ["servertimezone", "reportfile"].contains(&name.as_str())
            || name.contains("profile")
        {
            continue;
        }
        let refused = ask(&gateway, &format!("SELECT {name}()")).await;
        assert!(matches!(refused, Err(AskError::Forbidden(_))), "{name}: {refused:?}");
    }
    assert!(engine.stop().await);
}

/// Random texts of everything that has to do with quotes: where we cut, the engine cuts.
#[tokio::test]
async fn statements_are_cut_as_the_engine_cuts_them() {
    const PIECES: &[&str] = &[
        "'", "''", "\\'", "\\\\", "\\", "\"", "`", "a", "file", "x", " ", "\n", "\r", "--", "-", "/*", "*/", "/", "*",
        "//", "1", ".", "e5", "(", ")", "_b", "'x'", "`q`", "\t", "é", "{", "}", ":", ";", "::", "->", "!=", "0x1",
        "1_000", "b", "X",
    ];
    let root = tempfile::tempdir().unwrap();
    let (engine, client, _) = house(root.path()).await;
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        // SplitMix64: no law depends on its quality.
        chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (usize::try_from(mixed >> 33).unwrap()) % bound
    };
    let texts: Vec<String> = (0..20_000)
        .map(|_| (0..1 + next(12)).map(|_| PIECES[next(PIECES.len())]).collect())
        .filter(|text: &String| cuts(text).is_some())
        .collect();
    assert!(texts.len() > 500, "{}", texts.len());
    for chunk in texts.chunks(200) {
        let literals: Vec<String> = chunk
            .iter()
            .map(|text| format!("unhex('{}')", text.bytes().map(|byte| format!("{byte:02X}")).collect::<String>()))
            .collect();
        let sql = format!(
            "SELECT arrayMap(t -> (t.1, t.2), arrayFilter(t -> t.3 IN ('BareWord', 'QuotedIdentifier', 'StringLiteral'), tokenizeQuery(s))) \
             FROM (SELECT arrayJoin([{}]) AS s)",
            literals.join(", ")
        );
        let rows = client.fetch_all::<Vec<(u64, u64)>>(&sql).await.unwrap();
        for (text, engines) in chunk.iter().zip(rows) {
            let ours: Vec<(u64, u64)> =
                cuts(text).unwrap().into_iter().map(|(begin, end)| (begin as u64, end as u64)).collect();
            // What is a word to us and part of a number to the engine (`.e5`) is looked at for nothing, which does no harm.
            let more = ours
                .iter()
                .filter(|cut| !engines.contains(cut))
                .all(|(begin, _)| text[*begin as usize..].starts_with('e'));
            assert!(engines.iter().all(|cut| ours.contains(cut)) && more, "{text:?}: {ours:?}, {engines:?}");
        }
    }
    assert!(engine.stop().await);
}

#[tokio::test]
async fn answers_as_rows_and_as_files_are_whole_or_an_error() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _, gateway) = house(root.path()).await;
    let numbers = "SELECT number AS n, {suffix:String} AS s FROM numbers({many:UInt32})";
    let numbered = |many: &str| Ask {
        parameters: vec![("many".into(), many.into()), ("suffix".into(), "x'\"".into())],
        ..question(MINE, numbers)
    };
    let rows = gateway.rows(numbered("5"), 3).await.unwrap();
    assert_eq!(rows.columns, [("n".to_owned(), "UInt64".to_owned()), ("s".to_owned(), "String".to_owned())]);
    assert_eq!((rows.data.len(), rows.truncated), (3, true));
    assert_eq!(rows.data[2].get(), r#"["2", "x'\""]"#);
    assert!(!gateway.rows(numbered("3"), 3).await.unwrap().truncated);
    let chosen = gateway.rows(question(MINE, "SELECT 1 FORMAT CSV"), 3).await.unwrap_err();
    assert!(chosen.to_string().contains("FORMAT"), "{chosen}");
    let wrong = gateway.rows(question(MINE, "SELECT nothing FROM records"), 3).await.unwrap_err();
    assert!(wrong.to_string().contains("nothing") && !wrong.is_limit(), "{wrong}");

    let (csv, _) = gateway.file(numbered("100000"), "CSVWithNames", None).await.unwrap();
    let parts: Vec<_> = csv.collect().await;
    let text: Vec<u8> = parts.into_iter().flat_map(|part| part.unwrap().to_vec()).collect();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 100_001);
    let (parquet, _) = gateway.file(numbered("10"), "Parquet", Some(4)).await.unwrap();
    let bytes: Vec<u8> = parquet.flat_map(|part| futures_util::stream::iter(part.unwrap().to_vec())).collect().await;
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    // More rows than an answer may have: some come, then it breaks off, and not quietly.
    let (endless, _) = gateway.file(numbered("3000000"), "CSVWithNames", None).await.unwrap();
    let parts: Vec<_> = endless.collect().await;
    assert!(parts.len() > 1 && parts.last().unwrap().is_err(), "{}", parts.len());
    assert!(engine.stop().await);
}
