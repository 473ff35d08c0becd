//! Rows of views in the real engine: a conference at its own pace, so that minutes and hours of log time pass, which no test
//! of the running process can wait for.

use std::sync::Arc;
use std::time::Duration;

use dataflow::computations::Product;
use dataflow::twin::Twin;
use dataflow::{Config, Hooks, Sink, SinkError, Stepper, aggregates};
use eventlog::clock::ManualClock;
use eventlog::disk::RealDisk;
use eventlog::{EventLog, Lane, MemoryLog, NewFrame, PartitionId};
use parking_lot::Mutex;
use records::{Batch, Currency, Span, Timestamp};
use warehouse::engine::{Engine, EngineConfig, find};
use warehouse::landing::{self, Chunk, Lander, LanderConfig, LandingEpoch};
use warehouse::{Client, migrate, schema};
use workload::{Conference, Scale};

/// Rows of a frame: less than a minute of the people there, so that they do not seem to have gone in between.
const FRAME_ROWS: usize = 20;
/// Longest wait for the engine: a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A small conference, its clock the log's.
fn log() -> Arc<MemoryLog> {
    let scale = Scale { attendees: 12, sessions: 6, weeks_before: 1, ..Scale::small() };
    let mut conference = Conference::new(7, scale);
    let clock = Arc::new(ManualClock::new(Timestamp(conference.begins().0 - 1)));
    let log = Arc::new(MemoryLog::new(7, Arc::clone(&clock)));
    let append = |lane, body: Vec<u8>, rows: usize, dedup| {
        let rows = u32::try_from(rows).unwrap();
        let partition = PartitionId(0);
        log.append(vec![NewFrame { lane, partition, body: body.into(), rows, dedup, claim: None }]).unwrap();
    };
    let facts = conference.facts();
    append(Lane::Facts, records::fact::encode(&facts), facts.len(), Vec::new());
    let mut rows = Vec::new();
    while conference.fill(&mut rows, FRAME_ROWS) > 0 {
        clock.set(conference.clock());
        let batch = Batch::from_records(&rows);
        append(Lane::Activity, batch.encode(), rows.len(), batch.dedup());
        rows.clear();
    }
    // Every minute and hour ends.
    clock.advance(2 * 3_600_000_000);
    log
}

/// Folds the log; returns its recount, and what landed, cut as the process cuts it.
fn folded(log: Arc<dyn EventLog>) -> (Twin, Vec<LandingEpoch>) {
    let folder = tempfile::tempdir().unwrap();
    let epochs = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&epochs);
    let tables = schema::aggregate_tables();
    let sink: Sink = Box::new(move |epoch| {
        let failed = |error: &dyn std::fmt::Display| SinkError(error.to_string());
        let mut chunks: Vec<Chunk> = Vec::new();
        for part in aggregates::parts(epoch).map_err(|error| failed(&error))? {
            let table = tables.iter().find(|table| table.stored_name() == part.table).expect("every part has a table");
            let cut = landing::cut(table, &part.batch, epoch.number, part.shard);
            chunks.extend(cut.map_err(|error| failed(&error))?);
        }
        kept.lock().push(LandingEpoch { landing_epoch: epoch.number, chunks });
        Ok(epoch.number)
    });
    let disk = Arc::new(RealDisk::new(folder.path()).unwrap());
    // Landing seldom, so that the engine takes few small inserts.
    let config = Config { claim_id: 1, landing_every: Span::HOUR, ..Config::default() };
    let hooks = Hooks { sink: Some(sink), ..Hooks::default() };
    let mut dataflow = Stepper::<Product>::open(config, Arc::clone(&log), disk, hooks).unwrap();
    dataflow.run().unwrap();
    let (views, progress) = (dataflow.views(), dataflow.progress());
    dataflow.close().unwrap();
    let twin = Twin::recount(&*log, progress.current().log_time).unwrap();
    for view in twin.compare(&views) {
        assert_eq!(view.found(), 0, "{view:?}");
    }
    let epochs = std::mem::take(&mut *epochs.lock());
    (twin, epochs)
}

async fn land(client: &Client, incarnation: u64, epochs: Vec<LandingEpoch>) {
    let tables = schema::aggregate_tables();
    let recovery = landing::recover(client, "views", incarnation, &tables).await.unwrap();
    let lander = Lander::start(client.clone(), recovery, &LanderConfig::default());
    let newest = epochs.last().map(|epoch| epoch.landing_epoch);
    for epoch in epochs {
        lander.land(epoch).await.unwrap();
    }
    let mut progress = lander.progress();
    let landed = progress.wait_for(|progress| progress.landed == newest);
    tokio::time::timeout(PATIENCE, landed).await.expect("everything lands").unwrap();
    lander.stop(PATIENCE).await;
}

/// The figures of the new tables: a statement, and what the recount has.
fn expected(twin: &Twin) -> Vec<(&'static str, i64)> {
    let now = twin.as_of();
    let (minutes, trending, lists) =
        (twin.attendance.minutes(now), twin.trending.minutes(now), twin.recommend.told(now));
    let funnels = twin.funnels.landed();
    let (revenue, audience) = (twin.revenue.minutes(), twin.audience.counts());
    let count = |number: usize| i64::try_from(number).unwrap();
    let sum = |numbers: &mut dyn Iterator<Item = u64>| numbers.sum::<u64>().cast_signed();
    let euros = revenue.iter().filter(|((till, _), _)| till.currency == Currency::EUR);
    vec![
        ("sum(gross_minor) FROM revenue_current", revenue.values().map(|one| one.gross_minor).sum()),
        ("sum(net_minor) FROM revenue_current", revenue.values().map(|one| one.gross_minor - one.refunded_minor).sum()),
        ("sum(orders) FROM revenue_current WHERE currency = 'EUR'", sum(&mut euros.map(|(_, one)| one.orders))),
        ("uniqExact(event, currency, minute) FROM revenue", count(revenue.len())),
        ("count() FROM audience_current", count(audience.len())),
        ("sum(visitors) FROM audience_current", sum(&mut audience.values().map(|visitors| visitors.count))),
        ("count() FROM attendance_minutes", count(minutes.len())),
        ("sum(joined) FROM attendance_minutes", sum(&mut minutes.values().map(|one| one[0]))),
        ("sum(present) FROM attendance_minutes", sum(&mut minutes.values().map(|one| one[1]))),
        ("sum(peak) FROM attendance_minutes", sum(&mut minutes.values().map(|one| one[2]))),
        ("sum(left) FROM attendance_minutes", sum(&mut minutes.values().map(|one| one[3]))),
        ("sum(focused_ms) FROM attendance_minutes", sum(&mut minutes.values().map(|one| one[4]))),
        (
            "sum(toUnixTimestamp(minute)) FROM attendance_minutes",
            minutes.keys().map(|(_, start)| start.seconds()).sum(),
        ),
        ("count() FROM trending_scores", count(trending.len())),
        ("sum(score) FROM trending_scores", sum(&mut trending.values().copied())),
        ("sum(toUnixTimestamp(minute)) FROM trending_scores", trending.keys().map(|(.., start)| start.seconds()).sum()),
        ("count() FROM item_neighbours", count(lists.len())),
        ("sum(visits) FROM item_neighbours", lists.values().map(|(visits, _)| i64::from(*visits)).sum()),
        (
            "sum(arraySum(together)) FROM item_neighbours",
            lists.values().flat_map(|(_, list)| list).map(|(_, visits)| i64::from(*visits)).sum(),
        ),
        ("sum(reached) FROM funnel_steps_current", funnels.values().map(|sums| sums.reached).sum()),
        ("sum(duration_ms_diff) FROM funnel_steps", funnels.values().map(|sums| sums.duration_ms).sum()),
        (
            "sum(reached_diff * step) FROM funnel_steps",
            funnels.iter().map(|((_, step, _), sums)| sums.reached * (i64::from(*step) + 1)).sum(),
        ),
        // Whoever came is in exactly one row of the newest state, and the last minute of each session is that state.
        (
            "sum(joined) FROM (SELECT session, argMax(joined, minute) AS joined FROM attendance_minutes GROUP BY event, session)",
            twin.attendance.figures(now).values().map(|figures| figures.joined.cast_signed()).sum(),
        ),
    ]
}

#[test]
fn what_was_told_of_funnels_minutes_and_hours_is_in_the_engine_as_the_recount_has_it() {
    let log: Arc<dyn EventLog> = log();
    let incarnation = log.identity().incarnation.id;
    let (twin, epochs) = folded(log);
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_eventra");
    let config = EngineConfig {
        library: find::library(|name| std::env::var_os(name), None).unwrap_or_else(|error| panic!("{error}")),
        command: vec![binary.into(), "__engine".into()],
        root: folder.path().join("engine"),
        password: "of a test".into(),
        memory_bytes: 1 << 30,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::start(config).await.unwrap();
        let client = Client::embedded(engine.endpoint());
        migrate::migrate(&client, &schema::tables()).await.unwrap();
        land(&client, incarnation, epochs).await;
        for (what, number) in expected(&twin) {
            let (figure, rest) = what.split_once(" FROM ").unwrap();
            let found: i64 = client.fetch_one(&format!("SELECT toInt64({figure}) FROM {rest}")).await.unwrap();
            assert!(number > 0, "{what}: nothing to compare");
            assert_eq!(found, number, "{what}");
        }
        engine.stop().await;
    });
}
