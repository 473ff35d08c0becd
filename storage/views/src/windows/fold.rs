//! The fold of windowed counts.

use std::collections::BTreeMap;

use records::hash::{join, wide};
use records::{EventId, Kind, OrganizationId, SessionId, Span, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::panes::{self, Panes};
use super::uniques::Uniques;
use crate::arrivals::Arrivals;
use crate::codec::{FixedMap, In, Out};
use crate::state::{At, Effects, Fold, StateError};

/// Series of one organization in one bin: a million over all bins. Past it the oldest is forgotten and counted.
pub const SERIES_MAX: usize = 4_096;
/// Minutes that a series keeps, if all of them have records: a week.
pub const MINUTES_MAX: usize = 7 * 24 * 60;
/// Hours that a series keeps, if all of them have records: a hundred days.
pub const HOURS_MAX: usize = 100 * 24;
/// Hours whose uniques a series keeps: two days of up to 8 kB each.
pub const UNIQUE_HOURS_MAX: usize = 48;
/// Untold counts are merged when there are more: a landing normally comes first.
const UNTOLD_MAX: usize = 4_096;

/// The length of a tumbling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Size {
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Its length.
    pub const fn span(self) -> Span {
        match self {
            Self::Minute => Span::MINUTE,
            Self::Hour => Span::HOUR,
        }
    }

    /// How many windows of a series are kept.
    pub(super) const fn most(self) -> usize {
        match self {
            Self::Minute => MINUTES_MAX,
            Self::Hour => HOURS_MAX,
        }
    }
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Series {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none for records outside any.
    pub event: EventId,
    /// The session; none for the whole event.
    pub session: SessionId,
    /// The kind of record.
    pub kind: Kind,
}

impl Series {
    /// The hash that decides its bin: series of one event spread over all bins.
    #[inline]
    pub fn hash(&self) -> u64 {
        let hash = join(wide(self.organization.0), wide(self.event.0));
        join(join(hash, wide(self.session.0)), u64::from(self.kind.code()))
    }

    /// The hash of the bin that counts the late records of an event.
    #[inline]
    pub fn late_hash(organization: OrganizationId, event: EventId) -> u64 {
        join(wide(organization.0), wide(event.0))
    }

    /// The series of every kind for an event or session.
    pub fn kinds(organization: OrganizationId, event: EventId, session: SessionId) -> impl Iterator<Item = Self> {
        // Dead letters are counted too, but nobody did anything by them.
        let kinds = Kind::ALL.iter().filter(|kind| kind.is_activity()).copied();
        kinds.chain([Kind::Unknown]).map(move |kind| Self { organization, event, session, kind })
    }
}

/// What happened in one frame: records are added up before they travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// Records of one minute count. Goes to the bin of their series.
    Count {
        /// The series.
        series: Series,
        /// An event time in the minute.
        time: Timestamp,
        /// How many records.
        records: u32,
        /// Who did it; repeats do no harm.
        actors: Vec<Token>,
    },
    /// Records were late. Goes to the bin of [`Series::late_hash`].
    Late {
        /// The tenant.
        organization: OrganizationId,
        /// The event.
        event: EventId,
        /// How many.
        late: u32,
        /// How many of them the rules kept out of the counts.
        excluded: u32,
    },
}

/// A difference for the warehouse: rows of a key add up to its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowCountRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// The session; none for the whole event.
    pub session: SessionId,
    /// The kind.
    pub kind: Kind,
    /// When the window begins, event time.
    pub window_start: Timestamp,
    /// Its length.
    pub window_seconds: u32,
    /// Records more than the warehouse knew.
    pub count_diff: i64,
}

/// One series' state.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) series: Series,
    pub(super) total: u64,
    pub(super) panes: [Panes; 2],
    // Boxed: most series of a large organization have counts only in few windows, and this is the large part.
    pub(super) uniques: Box<HourUniques>,
}

#[derive(Debug, Default)]
pub(super) struct HourUniques {
    pub(super) overall: Uniques,
    // By hour, sorted.
    pub(super) hours: Vec<(i32, Uniques)>,
}

impl HourUniques {
    fn add(&mut self, hour: i32, actors: &[Token]) {
        actors.iter().for_each(|actor| self.overall.add(*actor));
        let place = match self.hours.binary_search_by_key(&hour, |entry| entry.0) {
            Ok(place) => place,
            Err(0) if self.hours.len() == UNIQUE_HOURS_MAX => return,
            Err(mut place) => {
                if self.hours.len() == UNIQUE_HOURS_MAX {
                    self.hours.remove(0);
                    place -= 1;
                }
                self.hours.insert(place, (hour, Uniques::default()));
                place
            }
        };
        actors.iter().for_each(|actor| self.hours[place].1.add(*actor));
    }
}

#[derive(Debug, Default)]
struct Owner {
    // Series in the order in which they were first seen.
    series: Arrivals<Series>,
    late: BTreeMap<EventId, (u64, u64)>,
}

/// Counts that the warehouse does not know: (slot, size, window) and how many.
type Untold = ((u32, u8, i32), i64);

/// One bin of windowed counts.
#[derive(Debug, Default)]
pub struct Windows {
    index: FixedMap<Series, u32>,
    slots: Vec<Option<Counters>>,
    vacant: Vec<u32>,
    owners: BTreeMap<OrganizationId, Owner>,
    untold: Vec<Untold>,
    // How many entries were left when `untold` was last merged: it is merged again at twice as many.
    merged: usize,
    parting: Vec<WindowCountRow>,
}

/// Events whose late records one bin counts for one organization; more go unnamed, under no event.
const LATE_EVENTS_MAX: usize = 1_024;

impl Windows {
    pub(super) fn counters(&self, series: &Series) -> Option<&Counters> {
        self.slots[*self.index.get(series)? as usize].as_ref()
    }

    pub(super) fn late_of(&self, organization: OrganizationId, event: EventId) -> (u64, u64) {
        self.owners.get(&organization).and_then(|owner| owner.late.get(&event)).copied().unwrap_or_default()
    }

    /// Series of an organization that were forgotten at the bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, |owner| owner.series.forgotten())
    }

    /// Records of one kind of all organizations and events in this bin since the beginning.
    pub fn total_of(&self, kind: Kind) -> u64 {
        let all = self.slots.iter().flatten().filter(|counters| counters.series.kind == kind);
        all.filter(|counters| !counters.series.session.is_some()).map(|counters| counters.total).sum()
    }

    /// How many windowed counters it holds.
    pub fn windows(&self) -> usize {
        self.slots.iter().flatten().flat_map(|counters| &counters.panes).map(Panes::len).sum()
    }

    /// Bytes on the heap of counts, uniques not included.
    pub fn count_bytes(&self) -> usize {
        let panes = self.slots.iter().flatten().flat_map(|counters| &counters.panes);
        self.index.allocation_size()
            + self.slots.capacity() * size_of::<Option<Counters>>()
            + self.owners.values().map(|owner| owner.series.bytes()).sum::<usize>()
            + panes.map(Panes::bytes).sum::<usize>()
    }

    /// Bytes on the heap of uniques.
    pub fn unique_bytes(&self) -> usize {
        let uniques = self.slots.iter().flatten().map(|counters| &counters.uniques);
        let one = |uniques: &HourUniques| {
            let hours = uniques.hours.iter().map(|(_, hour)| hour.bytes()).sum::<usize>();
            size_of::<HourUniques>()
                + uniques.hours.capacity() * size_of::<(i32, Uniques)>()
                + hours
                + uniques.overall.bytes()
        };
        uniques.map(|uniques| one(uniques)).sum()
    }

    fn count(&mut self, series: Series, time: Timestamp, records: u32, actors: &[Token]) {
        let slot = match self.index.get(&series) {
            Some(slot) => *slot,
            None => self.make(series),
        };
        let counters = self.slots[slot as usize].as_mut().expect("the index names slots in use");
        counters.total += u64::from(records);
        for (size, panes) in Size::ALL.into_iter().zip(&mut counters.panes) {
            let number = panes::number(time, size.span());
            panes.add(number, records, size.most());
            if size == Size::Hour && actors.iter().any(|actor| actor.is_some()) {
                counters.uniques.add(number, actors);
            }
            tell(&mut self.untold, &mut self.merged, (slot, size as u8, number), i64::from(records));
        }
    }

    fn make(&mut self, series: Series) -> u32 {
        let owner = self.owners.entry(series.organization).or_default();
        if let Some(oldest) = owner.series.come(series, SERIES_MAX) {
            self.forget(oldest);
        }
        let counters = Counters { series, total: 0, panes: Default::default(), uniques: Box::default() };
        let slot = match self.vacant.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(counters);
                slot
            }
            None => {
                self.slots.push(Some(counters));
                u32::try_from(self.slots.len() - 1).expect("series are bounded far below 2^32")
            }
        };
        self.index.insert(series, slot);
        slot
    }

    fn forget(&mut self, series: Series) {
        let slot = self.index.remove(&series).expect("owners list the series that are there");
        merge(&mut self.untold);
        let (gone, kept) = std::mem::take(&mut self.untold).into_iter().partition(|((owner, ..), _)| *owner == slot);
        self.untold = kept;
        self.parting.extend(gone.into_iter().map(|untold| row(series, untold)));
        self.slots[slot as usize] = None;
        self.vacant.push(slot);
    }
}

fn tell(untold: &mut Vec<Untold>, merged: &mut usize, key: (u32, u8, i32), records: i64) {
    // The last two entries are the minute and the hour of the record before, often of the same windows.
    if let Some(entry) = untold.iter_mut().rev().take(2).find(|entry| entry.0 == key) {
        entry.1 += records;
        return;
    }
    if untold.len() >= UNTOLD_MAX.max(2 * *merged) {
        merge(untold);
        *merged = untold.len();
    }
    untold.push((key, records));
}

/// Sums entries of the same key.
fn merge(untold: &mut Vec<Untold>) {
    untold.sort_unstable_by_key(|entry| entry.0);
    untold.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        earlier.1 += if same { later.1 } else { 0 };
        same
    });
}

fn row(series: Series, ((_, size, number), count_diff): Untold) -> WindowCountRow {
    let span = Size::ALL[usize::from(size)].span();
    WindowCountRow {
        organization: series.organization,
        event: series.event,
        session: series.session,
        kind: series.kind,
        window_start: panes::start(number, span),
        window_seconds: u32::try_from(span.seconds()).expect("sizes are an hour at most"),
        count_diff,
    }
}

impl Fold for Windows {
    const NAME: &'static str = "windows";
    const VERSION: u32 = 1;
    type Input = Input;
    type Output = ();
    type Key = Series;
    type Row = WindowCountRow;

    fn apply(&mut self, _at: At, input: &Input, effects: &mut Effects<Self>) {
        match input {
            Input::Count { series, time, records, actors } => {
                self.count(*series, *time, *records, actors);
                if effects.changed.last() != Some(series) {
                    effects.changed.push(*series);
                }
            }
            Input::Late { organization, event, late, excluded } => {
                let events = &mut self.owners.entry(*organization).or_default().late;
                let known = events.len() < LATE_EVENTS_MAX || events.contains_key(event);
                let counts = events.entry(if known { *event } else { EventId::NONE }).or_default();
                counts.0 += u64::from(*late);
                counts.1 += u64::from(*excluded);
            }
        }
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<WindowCountRow>) {
        let start = rows.len();
        rows.append(&mut self.parting);
        merge(&mut self.untold);
        for untold in self.untold.drain(..) {
            let counters = self.slots[untold.0.0 as usize].as_ref().expect("forgotten series told theirs before");
            rows.push(row(counters.series, untold));
        }
        self.untold.shrink_to(UNTOLD_MAX);
        self.merged = 0;
        rows[start..].sort_unstable();
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, owner) in &self.owners {
            out.id(organization.0);
            out.u64(owner.series.forgotten());
            out.len(owner.late.len());
            for (event, (late, excluded)) in &owner.late {
                out.id(event.0);
                out.u64(*late);
                out.u64(*excluded);
            }
            out.len(owner.series.len());
            for series in &owner.series {
                self.counters(series).expect("owners list the series that are there").encode(&mut out);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(4)? {
            let organization = OrganizationId(input.id()?);
            let mut owner = Owner { series: Arrivals::after(input.u64()?), ..Owner::default() };
            for _ in 0..input.len(3)? {
                let event = EventId(input.id()?);
                owner.late.insert(event, (input.u64()?, input.u64()?));
            }
            for slot in 0..input.len(8)? {
                let counters = Counters::decode(&mut input, organization)?;
                let slot = u32::try_from(this.slots.len().max(slot)).map_err(|_| input.damaged())?;
                owner.series.restore(counters.series);
                if this.index.insert(counters.series, slot).is_some() {
                    return Err(input.damaged());
                }
                this.slots.push(Some(counters));
            }
            this.owners.insert(organization, owner);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.index.len()
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

impl Counters {
    fn encode(&self, out: &mut Out<'_>) {
        out.id(self.series.event.0);
        out.id(self.series.session.0);
        out.u32(u32::from(self.series.kind.code()));
        out.u64(self.total);
        self.panes.iter().for_each(|panes| panes.encode(out));
        self.uniques.overall.encode(out);
        out.len(self.uniques.hours.len());
        for (hour, uniques) in &self.uniques.hours {
            out.i64(i64::from(*hour));
            uniques.encode(out);
        }
    }

    fn decode(input: &mut In<'_>, organization: OrganizationId) -> Result<Self, StateError> {
        let (event, session) = (EventId(input.id()?), SessionId(input.id()?));
        let code = u16::try_from(input.u32()?).map_err(|_| input.damaged())?;
        let total = input.u64()?;
        let panes = [Panes::decode(input, MINUTES_MAX)?, Panes::decode(input, HOURS_MAX)?];
        let mut uniques = HourUniques { overall: Uniques::decode(input)?, hours: Vec::new() };
        for _ in 0..input.len(3)? {
            let hour = i32::try_from(input.i64()?).map_err(|_| input.damaged())?;
            uniques.hours.push((hour, Uniques::decode(input)?));
        }
        if !uniques.hours.is_sorted_by(|left, right| left.0 < right.0) || uniques.hours.len() > UNIQUE_HOURS_MAX {
            return Err(input.damaged());
        }
        let series = Series { organization, event, session, kind: Kind::from_code(code) };
        Ok(Self { series, total, panes, uniques: Box::new(uniques) })
    }
}
