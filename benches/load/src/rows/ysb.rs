//! The Yahoo streaming benchmark from a file of JSON lines: ours beside Flink SQL, both checked against DuckDB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context;
use dataflow::computations::campaigns;
use dataflow::{Config, Hooks, Stepper};
use eventlog::disk::RealDisk;
use eventlog::{EventLog, Lane, NewFrame, Offset, PartitionId};
use records::batch::Columns;
use records::{AdId, Batch, CampaignId, Fact, FactRow, Kind, OrganizationId, Timestamp};
use serde::Deserialize;
use views::campaigns::Campaigns;
use workload::ysb;

use super::event::AdEvent;
use super::fraud::claim;
use super::{input, lines};
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
/// Views of one frame: what the door gathers under load.
const FRAME_ROWS: usize = 4_096;
const FRAMES_OF_STEP: usize = 4;
const GOAL: f64 = 8.0;
const ORGANIZATION: OrganizationId = OrganizationId(1);

dataflow::program! {
    /// The readers.
    pub struct CampaignViews;
    /// Campaign counts and nothing else.
    pub struct CampaignsOnly;
    campaigns: Campaigns = {campaigns::route};
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
    let mut feed = Feed { log, dataflow, newest: Timestamp::MIN, columns: Columns::default(), frames: Vec::new() };
    // The only `from_str` of this crate: its parts are inlined here because nobody else calls them, which is a seventh of
    // the whole run.
    lines::each(File::open(events)?, |line| feed.take(serde_json::from_str(line)?))?;
    feed.frame()?;
    feed.step()
}

/// Gathers views into frames and hands them to the dataflow.
struct Feed<'a> {
    log: &'a dyn EventLog,
    dataflow: &'a mut Stepper<CampaignsOnly>,
    newest: Timestamp,
    columns: Columns,
    frames: Vec<NewFrame>,
}

impl Feed<'_> {
    fn take(&mut self, event: AdEvent<'_>) -> anyhow::Result<()> {
        let event_time = Timestamp::from_millis(event.at_ms);
        self.newest = self.newest.max(event_time);
        // The query counts views only, in every engine.
        if !event.viewed {
            return Ok(());
        }
        self.columns.ad.push(AdId::parse(&event.ad)?);
        self.columns.event_time.push(event_time);
        self.columns.late_by.push(self.newest - event_time);
        if self.columns.ad.len() == FRAME_ROWS {
            self.frame()?;
        }
        if self.frames.len() == FRAMES_OF_STEP { self.step() } else { Ok(()) }
    }

    fn frame(&mut self) -> anyhow::Result<()> {
        let rows = self.columns.ad.len();
        if rows > 0 {
            self.columns.kind.resize(rows, Kind::AdViewed);
            self.columns.organization.resize(rows, ORGANIZATION);
            self.frames.push(input::frame_of(&Batch::from_columns(rows, &self.columns), 0)?);
            self.columns.clear();
        }
        Ok(())
    }

    /// One epoch of the frames at hand. Then the log in memory lets go of what every view reflects. Retention would wait
    /// for a snapshot; here what would bring the state back is the file, as it is for Flink, which takes no checkpoint.
    fn step(&mut self) -> anyhow::Result<()> {
        self.log.append(std::mem::take(&mut self.frames))?;
        self.dataflow.step()?;
        for end in self.dataflow.progress().current().offsets.iter().filter(|end| end.lane == Lane::Activity as u8) {
            self.log.truncate_before(Lane::Activity, PartitionId(end.partition), Offset(end.end))?;
        }
        Ok(())
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
    let figures: Flink = serde_json::from_slice(script("flink_ysb.py", &[events, table, out.path()])?.as_bytes())?;
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
    let oracle = if settings.peers {
        Some(serde_json::from_slice::<Oracle>(script("duckdb_ysb.py", &[&large])?.as_bytes())?)
    } else {
        None
    };
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
