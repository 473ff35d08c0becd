//! The Yahoo streaming benchmark from a file of JSON lines: ours beside Flink SQL, both checked against DuckDB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context;
use dataflow::computations::campaigns;
use dataflow::{Config, Hooks, Stepper};
use eventlog::disk::RealDisk;
use eventlog::{EventLog, Lane, NewFrame, PartitionId};
use records::{AdId, CampaignId, Fact, FactRow, Kind, OrganizationId, Record, Timestamp};
use serde::Deserialize;
use views::campaigns::Campaigns;
use workload::ysb;

use super::fraud::claim;
use super::input;
use crate::Settings;
use crate::cpu::cost;
use crate::peers;
use crate::report::{Row, say};
use crate::rounds::quantile;

const ROWS: u64 = 20_000_000;
/// The smaller file has so many times fewer rows: what both sizes cost alike, such as starting, cancels in the slope.
const SMALLER: u64 = 4;
/// Rounds at most: one takes more than a minute of Flink.
const ROUNDS_MAX: usize = 3;
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
        say!("writing {rows} events to {}", events.display());
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

/// Views by campaign and start of the window in milliseconds.
type Windows = BTreeMap<(u32, i64), u64>;

/// What one run of ours found, and its CPU seconds.
struct Counted {
    windows: Windows,
    /// Late views that were excluded, by campaign.
    excluded: BTreeMap<u32, u64>,
    cpu: f64,
}

impl Counted {
    fn views(&self) -> u64 {
        self.windows.values().sum()
    }

    fn excluded(&self) -> u64 {
        self.excluded.values().sum()
    }
}

/// From the file to the windows: parse, batch, log in memory, join, count.
fn ours(events: &Path) -> anyhow::Result<Counted> {
    let folder = tempfile::tempdir_in(super::base()?)?;
    let disk = Arc::new(RealDisk::new(folder.path())?);
    let (cost, views) = cost(|| -> anyhow::Result<CampaignViews> {
        let log: Arc<dyn EventLog> = input::memory_log();
        let body = records::fact::encode(&[rules()]).into();
        let facts =
            NewFrame { lane: Lane::Facts, partition: PartitionId(0), body, rows: 1, dedup: vec![], claim: None };
        log.append(vec![facts])?;
        let config = Config { claim_id: claim(), ..Config::default() };
        let mut dataflow = Stepper::<CampaignsOnly>::open(config, Arc::clone(&log), disk, Hooks::default())?;
        feed(events, &*log, &mut dataflow)?;
        dataflow.run()?;
        Ok(dataflow.views())
    });
    let mut counted = Counted { windows: BTreeMap::new(), excluded: BTreeMap::new(), cpu: cost.cpu.as_secs_f64() };
    let numbers: BTreeMap<CampaignId, u32> = (0..ysb::CAMPAIGNS)
        .map(|number| Ok((CampaignId::parse(&ysb::campaign_name(number * ysb::ADS_OF_CAMPAIGN))?, number)))
        .collect::<anyhow::Result<_>>()?;
    views?.campaigns.scan(|_, bin| {
        for key in bin.of(ORGANIZATION) {
            let Some(campaign) = numbers.get(&key.campaign).copied() else { continue };
            for window in bin.windows(key, Timestamp::MIN, Timestamp::MAX) {
                if window.counts.viewed > 0 {
                    counted.windows.insert((campaign, window.window.millis()), window.counts.viewed);
                }
            }
            counted.excluded.insert(campaign, bin.total(key).late_excluded);
        }
    });
    Ok(counted)
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
    /// Campaign, start of the window, views that were not late, and late ones.
    windows: Vec<(u32, i64, u64, u64)>,
}

impl Oracle {
    fn views(&self) -> u64 {
        self.windows.iter().map(|(.., on_time, late)| on_time + late).sum()
    }

    /// Ours must be the same in every window, and in what was excluded from each campaign.
    fn check_ours(&self, counted: &Counted) -> anyhow::Result<()> {
        let mut excluded = BTreeMap::<u32, u64>::new();
        let mut windows = Windows::new();
        for (campaign, start, on_time, late) in &self.windows {
            *excluded.entry(*campaign).or_default() += late;
            if *on_time > 0 {
                windows.insert((*campaign, *start), *on_time);
            }
        }
        anyhow::ensure!(windows == counted.windows, "windows differ from DuckDB's");
        anyhow::ensure!(excluded == counted.excluded, "late views differ from DuckDB's");
        Ok(())
    }

    /// Flink tells the time a few times a second, so it may count some late views too; it must have every other one.
    fn check_flink(&self, counted: &Windows) -> anyhow::Result<()> {
        for (campaign, start, on_time, late) in &self.windows {
            let found = counted.get(&(*campaign, *start)).copied().unwrap_or(0);
            anyhow::ensure!(
                (*on_time..=on_time + late).contains(&found),
                "Flink counted {found} in a window of campaign {campaign}, where {on_time} to {} are right",
                on_time + late
            );
        }
        Ok(())
    }
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

/// What Flink takes for one file, and its windows.
fn flink(events: &Path, table: &Path) -> anyhow::Result<(Flink, Windows)> {
    let out = tempfile::tempdir_in(super::base()?)?;
    let figures: Flink = serde_json::from_str(&script("flink_ysb.py", &[events, table, out.path()])?)?;
    let mut windows = Windows::new();
    for entry in std::fs::read_dir(out.path())? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            let mut cells = line.split(',');
            let mut cell = || cells.next().with_context(|| format!("Flink wrote `{line}`"));
            let campaign = cell()?.trim_start_matches("campaign-").parse()?;
            let (start, views) = (cell()?.parse()?, cell()?.parse::<u64>()?);
            *windows.entry((campaign, start)).or_default() += views;
        }
    }
    Ok((figures, windows))
}

/// CPU seconds of one side for the large and the small file.
#[derive(Debug, Clone, Copy)]
struct Seconds {
    large: f64,
    small: f64,
}

impl Seconds {
    /// Rows per CPU-second, everything included.
    fn whole(self, rows: u64) -> f64 {
        rows as f64 / self.large
    }

    /// Rows per CPU-second of the rows between the two sizes: without what both sizes cost alike.
    fn slope(self, rows: u64) -> f64 {
        (rows - rows / SMALLER) as f64 / (self.large - self.small)
    }
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let rows = settings.size(ROWS);
    let (large, table) = files(rows)?;
    let (small, _) = files(rows / SMALLER)?;
    let oracle =
        if settings.peers { Some(serde_json::from_str::<Oracle>(&script("duckdb_ysb.py", &[&large])?)?) } else { None };
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    let (mut last, mut flink_views, mut flink_wall) = (None, 0, 0.0);
    for round in 1..=settings.rounds.min(ROUNDS_MAX) {
        let counted = ours(&large)?;
        mine.push(Seconds { large: counted.cpu, small: ours(&small)?.cpu });
        say!("round {round}: ours {:.1} CPU-seconds for {rows} rows", counted.cpu);
        if let Some(oracle) = &oracle {
            oracle.check_ours(&counted)?;
            let (figures, windows) = flink(&large, &table)?;
            oracle.check_flink(&windows)?;
            (flink_views, flink_wall) = (windows.values().sum(), figures.wall_s);
            theirs.push(Seconds { large: figures.cpu_s, small: flink(&small, &table)?.0.cpu_s });
            say!("round {round}: Flink {:.1} CPU-seconds", figures.cpu_s);
        }
        last = Some(counted);
    }
    let counted = last.context("there is at least one round")?;
    let (views, excluded) = (counted.views(), counted.excluded());
    let of = |sides: &[Seconds], figure: fn(Seconds, u64) -> f64| {
        quantile(sides.iter().map(|side| figure(*side, rows)).collect(), 0.5)
    };
    let (whole, slope) = (of(&mine, Seconds::whole), of(&mine, Seconds::slope));
    let mut row = Row::new("spine-ysb", "records per CPU-second", whole, "8 times Flink SQL", false)
        .part("views counted", "rows", views as f64)
        .part("late views excluded", "rows", excluded as f64)
        .part("ours by the slope between two sizes", "records per CPU-second", slope);
    row.peer_name = "Flink SQL 2.3".into();
    let Some(oracle) = oracle else { return Ok(row) };
    let (their_whole, their_slope) = (of(&theirs, Seconds::whole), of(&theirs, Seconds::slope));
    let (by_whole, by_slope) = (whole / their_whole, slope / their_slope);
    // The lower one counts: start-up must not make us look better than we are.
    (row.ours, row.peer, row.ratio, row.peer_name) = if by_whole <= by_slope {
        (whole, Some(their_whole), Some(by_whole), "Flink SQL 2.3, start-up included".into())
    } else {
        (slope, Some(their_slope), Some(by_slope), "Flink SQL 2.3, by slope, start-up cancelled".into())
    };
    row.holds = by_whole.min(by_slope) >= GOAL && views + excluded == oracle.views();
    Ok(row
        .part("ratio, start-up included", "", by_whole)
        .part("ratio by slope, start-up cancelled", "", by_slope)
        .part("Flink, start-up included", "records per CPU-second", their_whole)
        .part("Flink by slope", "records per CPU-second", their_slope)
        .part("all views, DuckDB's recount", "rows", oracle.views() as f64)
        .part("all views, counted plus excluded", "rows", (views + excluded) as f64)
        .part("views counted by Flink", "rows", flink_views as f64)
        .part("Flink, wall time", "s", flink_wall))
}
