//! What lies in the warehouse's tables, read back by the names of their columns: the inverse of `dataflow::aggregates`,
//! written from the tables' documentation.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Debug;
use std::str::FromStr;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, ArrowPrimitiveType, RecordBatch};
use dataflow::twin::AwardKey;
use eventlog::Lane;
use records::zone::Day;
use records::{
    CampaignId, Currency, EventId, ItemId, Kind, OrganizationId, Pos, SegmentId, SessionId, Text, Timestamp, Token,
};
use rules::points::Scope;
use views::attendance::Place;
use views::audience::{By, Crowd, Part};
use views::campaigns::WINDOW;
use views::funnels::{FunnelKey, StepSums};
use views::revenue::{Source, Takings, Till};
use views::segments::VisitorKey;
use views::trending::{Stage, Thing};
use views::visits::VisitSums;
use views::windows::UniqueCount;

/// The figures of a session, in the tables' order.
const STANDING: [&str; 5] = ["joined", "present", "peak", "left", "focused_ms"];

/// A window: organization, event, session, kind, start, length in seconds.
type WindowKey = (OrganizationId, EventId, SessionId, Kind, Timestamp, u32);
/// A score: organization, points, and the rules that fired with what they say.
pub(crate) type ScoreRow = (OrganizationId, i64, Vec<(String, String)>);

/// What goes with an item: visits that hold it, and each neighbour with its own.
pub(crate) type Neighbours = (i64, Vec<(ItemId, i64)>);

/// Everything that landed, as queries see it: additive rows summed up, upserts by their newest.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    pub(crate) windows: BTreeMap<WindowKey, i64>,
    pub(crate) visits: BTreeMap<(OrganizationId, EventId, Timestamp), VisitSums>,
    pub(crate) attendance: BTreeMap<Place, [i64; 5]>,
    /// Points and how many awards.
    pub(crate) awards: BTreeMap<AwardKey, (i64, i64)>,
    pub(crate) scores: BTreeMap<Pos, ScoreRow>,
    pub(crate) campaigns: BTreeMap<(OrganizationId, CampaignId, Timestamp), [i64; 5]>,
    /// Who is in which segment, and by which change; absent or `false` is out.
    pub(crate) segments: BTreeMap<(VisitorKey, SegmentId), (u64, bool)>,
    pub(crate) minutes: BTreeMap<(Place, Timestamp), [i64; 5]>,
    pub(crate) funnels: BTreeMap<(FunnelKey, u8, Timestamp), StepSums>,
    pub(crate) trending: BTreeMap<(Stage, Thing, Timestamp), i64>,
    /// Lists by organization, event, item and time: visits, and what goes with it in how many of them.
    pub(crate) neighbours: BTreeMap<(OrganizationId, EventId, ItemId, Timestamp), Neighbours>,
    pub(crate) revenue: BTreeMap<(Till, Timestamp), Takings>,
    pub(crate) audience: BTreeMap<(Crowd, Part), UniqueCount>,
    /// How many rows there were.
    pub(crate) rows: u64,
}

impl Landed {
    /// Adds rows of a table. Batches come by landing epoch, so that newer rows replace older ones.
    pub(crate) fn add(&mut self, table: &str, batch: &RecordBatch) -> Result<(), String> {
        // A raised version is part of a table's name.
        let version = table.rsplit_once("_v").filter(|(_, version)| version.parse::<u32>().is_ok());
        let take = match version.map_or(table, |(name, _)| name) {
            "window_counts" => Self::window,
            "visits" => Self::visit,
            "attendance" => Self::attendance,
            "awards" => Self::award,
            "fraud_scores" => Self::score,
            "campaign_counts" => Self::campaign,
            "segment_changes" => Self::segment,
            "attendance_minutes" => Self::minute,
            "funnel_steps" => Self::step,
            "trending_scores" => Self::trend,
            "item_neighbours" => Self::neighbours,
            "revenue" => Self::revenue,
            "audience" => Self::audience,
            _ => return Err(format!("nobody here reads the table `{table}` back")),
        };
        let mut rows: Vec<Row<'_>> = (0..batch.num_rows()).map(|at| Row { batch, at }).collect();
        if table == "segment_changes" {
            // Rows of a landing epoch lie bin by bin; changes of one visitor are ordered by their number.
            rows.sort_by_key(|row| row.number::<UInt64Type>("pos").unwrap_or(0));
        }
        for row in &rows {
            take(self, row).map_err(|what| format!("{table}: {what}"))?;
        }
        self.rows += rows.len() as u64;
        Ok(())
    }

    fn window(&mut self, row: &Row<'_>) -> Result<(), String> {
        let seconds = row.number::<UInt32Type>("window_seconds")?;
        let key = (row.organization()?, row.id("event")?, row.id("session")?, row.kind()?, row.time("window_start")?);
        let key = (key.0, key.1, key.2, key.3, key.4, seconds);
        *self.windows.entry(key).or_default() += row.sum("count_diff")?;
        Ok(())
    }

    fn visit(&mut self, row: &Row<'_>) -> Result<(), String> {
        let key = (row.organization()?, row.id("event")?, row.time("hour")?);
        let sums = self.visits.entry(key).or_default();
        sums.visits += row.sum("visits_diff")?;
        sums.single += row.sum("single_diff")?;
        sums.records += row.sum("records_diff")?;
        sums.duration_ms += row.sum("duration_ms_diff")?;
        Ok(())
    }

    fn attendance(&mut self, row: &Row<'_>) -> Result<(), String> {
        self.attendance.insert(row.place()?, row.sums(STANDING)?);
        Ok(())
    }

    fn minute(&mut self, row: &Row<'_>) -> Result<(), String> {
        once(&mut self.minutes, (row.place()?, row.time("minute")?), row.sums(STANDING)?)
    }

    fn step(&mut self, row: &Row<'_>) -> Result<(), String> {
        let (organization, event, funnel) = (row.organization()?, row.id("event")?, row.id("funnel")?);
        let key = FunnelKey { organization, event, funnel, definition: row.number::<UInt64Type>("definition")? };
        // People count steps from 1.
        let step = row.number::<UInt8Type>("step")?.checked_sub(1).ok_or("there is no step 0")?;
        let diff = StepSums { reached: row.sum("reached_diff")?, duration_ms: row.sum("duration_ms_diff")? };
        self.funnels.entry((key, step, row.time("hour")?)).or_default().add(diff);
        Ok(())
    }

    fn trend(&mut self, row: &Row<'_>) -> Result<(), String> {
        let stage = Stage { organization: row.organization()?, event: row.id("event")? };
        let thing = match (row.id::<SessionId>("session")?, row.id::<ItemId>("item")?) {
            (session, ItemId::NONE) if session.is_some() => Thing::Session(session),
            (SessionId::NONE, item) if item.is_some() => Thing::Item(item),
            both => return Err(format!("{both:?} is neither a session nor an item")),
        };
        once(&mut self.trending, (stage, thing, row.time("minute")?), row.sum("score")?)
    }

    fn revenue(&mut self, row: &Row<'_>) -> Result<(), String> {
        let currency = Currency::parse(row.text("currency")?).map_err(|error| error.to_string())?;
        let source = Source::from_word(row.text("source")?).ok_or("nobody is such a source")?;
        let till = Till { organization: row.organization()?, event: row.id("event")?, currency, source };
        let count = |name: &str| row.sum(name).map(i64::cast_unsigned);
        let takings = self.revenue.entry((till, row.time("minute")?)).or_default();
        *takings += Takings {
            gross_minor: row.sum("gross_minor_diff")?,
            refunded_minor: row.sum("refunded_minor_diff")?,
            orders: count("orders_diff")?,
            refunds: count("refunds_diff")?,
            late_counted: count("late_counted_diff")?,
            late_excluded: count("late_excluded_diff")?,
        };
        Ok(())
    }

    fn audience(&mut self, row: &Row<'_>) -> Result<(), String> {
        let by = By::from_word(row.text("split_by")?).ok_or("people are not told apart like this")?;
        let crowd = Crowd { organization: row.organization()?, event: row.id("event")?, by };
        let part = match (row.text("part")?, row.text("value")?) {
            ("all", "") => Part::All,
            ("other", "") => Part::Other,
            ("value", value) if !value.is_empty() => Part::Value(Text::new(value)),
            both => return Err(format!("{both:?} is no part of an audience")),
        };
        let visitors =
            UniqueCount { count: row.sum("visitors")?.cast_unsigned(), exact: row.number::<UInt8Type>("exact")? == 1 };
        self.audience.insert((crowd, part), visitors);
        Ok(())
    }

    fn neighbours(&mut self, row: &Row<'_>) -> Result<(), String> {
        let key = (row.organization()?, row.id("event")?, row.id("item")?, row.time("as_of")?);
        let items = row.texts("neighbours")?.into_iter().map(|item| ItemId::parse(&item).map_err(|e| e.to_string()));
        let items = items.collect::<Result<Vec<_>, String>>()?;
        let together = row.sums_of("together")?;
        if items.len() != together.len() {
            return Err(format!("{} items, {} numbers", items.len(), together.len()));
        }
        once(&mut self.neighbours, key, (row.sum("visits")?, items.into_iter().zip(together).collect()))
    }

    fn award(&mut self, row: &Row<'_>) -> Result<(), String> {
        let (bits, day) = (row.number::<UInt8Type>("scopes")?, row.text("day")?);
        let scopes = (0..).zip(Scope::ALL).filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, scope)| scope);
        let key = AwardKey {
            organization: row.organization()?,
            leaderboard: row.id("leaderboard")?,
            generation: row.number::<UInt32Type>("generation")?,
            event: row.id("event")?,
            track: Text::new(row.text("track")?),
            day: Day::parse(day).ok_or_else(|| format!("`{day}` is no day"))?,
            rule: row.id("rule")?,
            scopes: scopes.collect(),
            participant: Token(row.number::<UInt64Type>("actor")?),
        };
        let sums = self.awards.entry(key).or_default();
        *sums = (sums.0 + row.sum("points_diff")?, sums.1 + row.sum("awards_diff")?);
        Ok(())
    }

    fn score(&mut self, row: &Row<'_>) -> Result<(), String> {
        let lane = row.text("lane")?;
        let lane = Lane::from_name(lane).ok_or_else(|| format!("`{lane}` is no lane"))?;
        let (partition, offset) = (row.number::<UInt16Type>("partition")?, row.number::<UInt64Type>("offset")?);
        let pos = Pos { log_time: row.time("log_time")?, lane: lane as u8, partition, offset };
        let reasons = row.texts("reasons")?.into_iter().zip(row.texts("reason_texts")?).collect();
        once(&mut self.scores, pos, (row.organization()?, row.sum("score")?, reasons))
    }

    fn campaign(&mut self, row: &Row<'_>) -> Result<(), String> {
        let seconds = row.number::<UInt32Type>("window_seconds")?;
        if i64::from(seconds) != WINDOW.seconds() {
            return Err(format!("a window of {seconds} s"));
        }
        let key = (row.organization()?, row.id("campaign")?, row.time("window_start")?);
        let more =
            row.sums(["impressions_diff", "views_diff", "clicks_diff", "late_excluded_diff", "late_counted_diff"])?;
        let sums = self.campaigns.entry(key).or_default();
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        Ok(())
    }

    fn segment(&mut self, row: &Row<'_>) -> Result<(), String> {
        let actor = Token(row.number::<UInt64Type>("actor")?);
        let key = (VisitorKey { organization: row.organization()?, actor }, row.id("segment")?);
        let joined = match row.text("change")? {
            "joined" => true,
            "left" => false,
            other => return Err(format!("`{other}` is no change")),
        };
        let number = row.number::<UInt64Type>("pos")?;
        let (last, was_in) = self.segments.insert(key, (number, joined)).unwrap_or((0, false));
        if was_in == joined || last >= number {
            return Err(format!("change {number} of {key:?} follows from no earlier one"));
        }
        Ok(())
    }
}

/// Adds a row that may be there once only.
fn once<K: Ord + Debug, V: Debug>(rows: &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), String> {
    match rows.entry(key) {
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
        Entry::Occupied(before) => {
            Err(format!("the row of {:?} is there twice, first as {:?}", before.key(), before.get()))
        }
    }
}

/// One row of a batch.
struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl Row<'_> {
    fn column(&self, name: &str) -> Result<&ArrayRef, String> {
        self.batch.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`"))
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        let texts = self.column(name)?.as_string_opt::<i32>();
        Ok(texts.ok_or_else(|| format!("column `{name}` holds no texts"))?.value(self.at))
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let lists = self.column(name)?.as_list_opt::<i32>();
        let list = lists.ok_or_else(|| format!("column `{name}` holds no lists"))?.value(self.at);
        let texts = list.as_string_opt::<i32>().ok_or_else(|| format!("lists of `{name}` hold no texts"))?;
        Ok(texts.iter().flatten().map(str::to_owned).collect())
    }

    fn sums_of(&self, name: &str) -> Result<Vec<i64>, String> {
        let lists = self.column(name)?.as_list_opt::<i32>();
        let list = lists.ok_or_else(|| format!("column `{name}` holds no lists"))?.value(self.at);
        let numbers = list.as_primitive_opt::<Int64Type>().ok_or_else(|| format!("lists of `{name}` hold no sums"))?;
        Ok(numbers.values().to_vec())
    }

    fn number<T: ArrowPrimitiveType>(&self, name: &str) -> Result<T::Native, String> {
        let numbers = self.column(name)?.as_primitive_opt::<T>();
        Ok(numbers.ok_or_else(|| format!("column `{name}` holds other numbers"))?.value(self.at))
    }

    fn sum(&self, name: &str) -> Result<i64, String> {
        self.number::<Int64Type>(name)
    }

    fn sums<const N: usize>(&self, names: [&str; N]) -> Result<[i64; N], String> {
        let mut sums = [0; N];
        for (sum, name) in sums.iter_mut().zip(names) {
            *sum = self.sum(name)?;
        }
        Ok(sums)
    }

    fn time(&self, name: &str) -> Result<Timestamp, String> {
        self.number::<TimestampMicrosecondType>(name).map(Timestamp)
    }

    /// An id; nothing is written for none.
    fn id<I: FromStr + Default>(&self, name: &str) -> Result<I, String> {
        match self.text(name)? {
            "" => Ok(I::default()),
            text => text.parse().map_err(|_| format!("`{text}` is no {name}")),
        }
    }

    fn organization(&self) -> Result<OrganizationId, String> {
        self.id("organization")
    }

    fn place(&self) -> Result<Place, String> {
        let (organization, event, session) = (self.organization()?, self.id("event")?, self.id("session")?);
        Ok(Place { organization, event, session })
    }

    fn kind(&self) -> Result<Kind, String> {
        let word = self.text("kind")?;
        Kind::from_word(word).ok_or_else(|| format!("`{word}` is no kind"))
    }
}
