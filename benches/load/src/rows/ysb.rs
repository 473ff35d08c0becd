//! The Yahoo streaming benchmark from a file of JSON lines: ours beside Flink SQL, both checked against DuckDB.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context;
use dataflow::computations::campaigns;
use dataflow::{Config, Hooks, Stepper};
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, NewFrame, PartitionId};
use records::{AdId, Fact, FactRow, Kind, OrganizationId, Record, Timestamp};
use serde::Deserialize;
use views::campaigns::Campaigns;
use workload::ysb;

use super::fraud::claim;
use super::input;
use crate::Settings;
use crate::cpu::cost;
use crate::peers;
use crate::report::Row;
use crate::rounds::quantile;

const ROWS: u64 = 20_000_000;
const FRAME_ROWS: usize = 1_024;
const GOAL: f64 = 8.0;
const ORGANIZATION: OrganizationId = OrganizationId(1);

dataflow::program! {
    /// The readers.
    pub struct CampaignViews;
    /// Campaign counts and nothing else.
    pub struct CampaignsOnly;
    campaigns: Campaigns = {campaigns::route};
}

#[derive(Deserialize)]
struct Line<'a> {
    ad_id: &'a str,
    event_type: &'a str,
    event_time: i64,
}

/// The events and the join table, made once and kept for the next time.
fn files(rows: u64) -> anyhow::Result<(PathBuf, PathBuf)> {
    let folder = super::base()?.join("bench-data");
    std::fs::create_dir_all(&folder)?;
    let (events, table) = (folder.join(format!("ysb-{rows}.json")), folder.join("ysb-campaigns.csv"));
    if !events.exists() {
        eprintln!("  writing {rows} events");
        let part = events.with_extension("part");
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&part)?);
        ysb::write(&mut out, 9, rows)?;
        out.flush()?;
        std::fs::rename(part, &events)?;
    }
    let ads = ysb::CAMPAIGNS * ysb::ADS_OF_CAMPAIGN;
    let lines: String = (0..ads).map(|ad| format!("ad-{ad},{}\n", ysb::campaign_name(ad))).collect();
    std::fs::write(&table, lines)?;
    Ok((events, table))
}

fn rules() -> FactRow {
    let ads =
        |campaign: u32| (0..ysb::ADS_OF_CAMPAIGN).map(move |ad| format!("ad-{}", campaign * ysb::ADS_OF_CAMPAIGN + ad));
    let campaigns: Vec<_> = (0..ysb::CAMPAIGNS)
        .map(|one| serde_json::json!({"id": format!("campaign-{one}"), "ads": ads(one).collect::<Vec<_>>()}))
        .collect();
    let document = serde_json::json!({
        "format": 1,
        "campaigns": campaigns,
        "lateness": {"campaigns": {"bound": format!("{}s", ysb::BOUND_MS / 1_000), "policy": "exclude"}},
    });
    FactRow::new(ORGANIZATION, Timestamp(0), Fact::RulesPublished { document: Arc::new(document) })
}

struct Counted {
    views: u64,
    excluded: u64,
    rate: f64,
}

/// From the file to the windows: parse, batch, log in memory, join, count.
fn ours(events: &Path, rows: u64) -> anyhow::Result<Counted> {
    let (cost, totals) = cost(|| -> anyhow::Result<(u64, u64)> {
        let log: Arc<dyn EventLog> = input::memory_log();
        let body = records::fact::encode(&[rules()]).into();
        let facts =
            NewFrame { lane: Lane::Facts, partition: PartitionId(0), body, rows: 1, dedup: vec![], claim: None };
        log.append(vec![facts])?;
        let config = Config { claim_id: claim(), ..Config::default() };
        let disk = Arc::new(SimDisk::new(1));
        let mut dataflow = Stepper::<CampaignsOnly>::open(config, Arc::clone(&log), disk, Hooks::default())?;
        feed(events, &*log, &mut dataflow)?;
        dataflow.run()?;
        let (mut views, mut excluded) = (0, 0);
        dataflow.views().campaigns.scan(|_, bin| {
            for key in bin.of(ORGANIZATION) {
                let total = bin.total(key);
                (views, excluded) = (views + total.viewed, excluded + total.late_excluded);
            }
        });
        Ok((views, excluded))
    });
    let (views, excluded) = totals?;
    Ok(Counted { views, excluded, rate: rows as f64 / cost.cpu.as_secs_f64() })
}

fn feed(events: &Path, log: &dyn EventLog, dataflow: &mut Stepper<CampaignsOnly>) -> anyhow::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(events)?);
    let mut line = Vec::with_capacity(256);
    let mut newest = Timestamp::MIN;
    let mut batch: Vec<Record> = Vec::with_capacity(FRAME_ROWS);
    let mut frames = Vec::new();
    loop {
        line.clear();
        let more = reader.read_until(b'\n', &mut line)? > 0;
        if more {
            let event: Line<'_> = serde_json::from_slice(&line)?;
            // The query counts views only, in every engine.
            if event.event_type == "view" {
                let event_time = Timestamp::from_millis(event.event_time);
                newest = newest.max(event_time);
                let (ad, late_by) = (AdId::parse(event.ad_id)?, newest - event_time);
                batch.push(Record {
                    organization: ORGANIZATION,
                    ad,
                    event_time,
                    late_by,
                    ..Record::new(Kind::AdViewed)
                });
            } else {
                newest = newest.max(Timestamp::from_millis(event.event_time));
            }
        }
        if batch.len() == FRAME_ROWS || !more && !batch.is_empty() {
            frames.push(input::frame(&batch, 0)?);
            batch.clear();
        }
        if frames.len() == 16 || !more {
            log.append(std::mem::take(&mut frames))?;
            dataflow.step()?;
        }
        if !more {
            return Ok(());
        }
    }
}

#[derive(Deserialize)]
struct Oracle {
    views: u64,
}

#[derive(Deserialize)]
struct Flink {
    cpu_s: f64,
    wall_s: f64,
}

fn script(name: &str, arguments: &[&Path]) -> anyhow::Result<String> {
    let python = peers::cache()?.join("python/bin/python");
    anyhow::ensure!(python.exists(), "no Flink; run benches/peers/install.sh flink");
    let output = Command::new(python).arg(peers::scripts().join(name)).args(arguments).output()?;
    anyhow::ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().last().context("the script said nothing")?.to_owned())
}

/// Flink's CPU seconds on one file, and how many views it counted.
fn flink(events: &Path, table: &Path) -> anyhow::Result<(Flink, u64)> {
    let out = tempfile::tempdir_in(super::base()?)?;
    let figures: Flink = serde_json::from_str(&script("flink_ysb.py", &[events, table, out.path()])?)?;
    let mut views = 0;
    for entry in std::fs::read_dir(out.path())? {
        let path = entry?.path();
        if path.is_file() {
            let text = std::fs::read_to_string(path)?;
            let last = |line: &str| line.rsplit(',').next().and_then(|count| count.parse::<u64>().ok());
            views += text.lines().filter_map(last).sum::<u64>();
        }
    }
    Ok((figures, views))
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let rows = settings.size(ROWS);
    let (events, table) = files(rows)?;
    let mut runs = Vec::new();
    for round in 0..=settings.rounds.min(3) {
        let counted = ours(&events, rows)?;
        eprintln!("  round {round}: {} counted, {} excluded", counted.views, counted.excluded);
        runs.push(counted);
    }
    let rate = quantile(runs[1..].iter().map(|run| run.rate).collect(), 0.5);
    let total = runs[0].views + runs[0].excluded;
    let mut row = Row::new("spine-ysb", "records per CPU-second", rate, "8 times Flink SQL", false)
        .part("views counted", "rows", runs[0].views as f64)
        .part("late views excluded", "rows", runs[0].excluded as f64);
    row.peer_name = "Flink SQL 2.3, start-up included".into();
    if !settings.peers {
        return Ok(row);
    }
    let oracle: Oracle = serde_json::from_str(&script("duckdb_ysb.py", &[&events])?)?;
    let (figures, views) = flink(&events, &table)?;
    let theirs = rows as f64 / figures.cpu_s;
    (row.peer, row.ratio) = (Some(theirs), Some(rate / theirs));
    row.holds = rate / theirs >= GOAL && total == oracle.views;
    Ok(row
        .part("all views, DuckDB's recount", "rows", oracle.views as f64)
        .part("all views, counted plus excluded", "rows", total as f64)
        .part("views counted by Flink", "rows", views as f64)
        .part("Flink, wall time", "s", figures.wall_s))
}
