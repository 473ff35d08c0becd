//! Bytes for each key at about a million keys: windowed counters, participants, fraud entities.

use std::sync::Arc;

use dataflow::{Config, Hooks, Stepper};
use eventlog::EventLog;
use eventlog::disk::SimDisk;
use records::{EventId, Kind, OrganizationId, Pos, SessionId, Span, Timestamp};
use views::state::{At, Effects, Fold};
use views::windows::{Input, Series, Windows};

use super::fraud::{FraudOnly, claim};
use super::input;
use super::leaderboard::Ours;
use crate::Settings;
use crate::peers::Redis;
use crate::report::Row;

const KEYS: u64 = 1_000_000;
/// Series of one bin; with so many minutes each they make a million counters.
const SERIES: u64 = 4_000;
/// Every twentieth record is scored and touches about three entities, which come again now and then.
const RECORDS_PER_ENTITY: u64 = 7;
const GOALS: [f64; 3] = [48.0, 60.0, 400.0];

fn windowed_counters(keys: u64) -> f64 {
    let (mut fold, mut effects) = (Windows::default(), Effects::default());
    let mut offset = 0;
    for minute in 0..keys / SERIES {
        for session in 1..=SERIES {
            let series = Series {
                organization: OrganizationId(1),
                event: EventId(1),
                session: SessionId(u128::from(session)),
                kind: Kind::SessionHeartbeat,
            };
            offset += 1;
            let pos = Pos { log_time: Timestamp(offset), lane: 1, partition: 0, offset: offset.unsigned_abs() };
            let time = Timestamp(Span::MINUTE.0 * minute.cast_signed());
            fold.apply(At { pos }, &Input::Count { series, time, records: 1, actors: vec![] }, &mut effects);
            effects.changed.clear();
        }
    }
    fold.count_bytes() as f64 / fold.windows() as f64
}

fn participants(keys: u64) -> anyhow::Result<f64> {
    Ok(Ours::new(u32::try_from(keys)?).bytes() as f64 / keys as f64)
}

fn fraud_entities(keys: u64) -> anyhow::Result<(f64, u64)> {
    let log: Arc<dyn EventLog> = input::memory_log();
    input::fill(&*log, 5, keys * RECORDS_PER_ENTITY, u32::try_from(keys)?)?;
    let config = Config { claim_id: claim(), ..Config::default() };
    let mut dataflow = Stepper::<FraudOnly>::open(config, log, Arc::new(SimDisk::new(1)), Hooks::default())?;
    dataflow.run()?;
    let (mut bytes, mut entities) = (0, 0);
    dataflow.views().signals.scan(|_, bin| {
        bytes += bin.bytes() as u64;
        entities += bin.len() as u64;
    });
    Ok((bytes as f64 / entities as f64, entities))
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let keys = settings.size(KEYS).max(2 * SERIES);
    let counter = windowed_counters(keys);
    let participant = participants(keys)?;
    let (entity, entities) = fraud_entities(keys)?;
    let holds = [counter, participant, entity].iter().zip(GOALS).all(|(bytes, goal)| *bytes <= goal);
    let goal = "bytes per key: counter 48, participant 60, fraud entity 400";
    let mut row = Row::new("spine-memory", "bytes per participant", participant, goal, holds)
        .part("bytes per windowed counter", "bytes", counter)
        .part("bytes per fraud entity", "bytes", entity)
        .part("fraud entities", "", entities as f64);
    row.peer_name = "Redis sorted set".into();
    if settings.peers {
        let mut redis = Redis::start()?;
        let before = redis.used_memory()?;
        super::leaderboard::prefill(&mut redis, u32::try_from(keys)?)?;
        let theirs = (redis.used_memory()? - before) as f64 / keys as f64;
        (row.peer, row.ratio) = (Some(theirs), Some(participant / theirs));
    }
    Ok(row)
}
