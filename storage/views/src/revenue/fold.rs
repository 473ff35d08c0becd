//! The fold of revenue.

use std::collections::BTreeMap;

use records::{Currency, EventId, OrganizationId, Span, Timestamp};

use super::takings::{RevenueSeries, RevenueWindow, Source, Takings, Till, Took, WINDOWS_ALL_MAX, WINDOWS_MAX};
use crate::arrivals::Arrivals;
use crate::codec::{In, Out};
use crate::state::{At, Effects, Fold, StateError};
use crate::windows::Size;

/// Tills of one organization in one bin: a quarter of a million over all bins. Past it the oldest is forgotten and counted.
pub const TILLS_MAX: usize = 1_024;
/// Minutes that a till keeps, if something was told in all of them: a week.
pub const MINUTES_MAX: usize = 7 * 24 * 60;
/// Hours that a till keeps: a hundred days.
pub const HOURS_MAX: usize = 100 * 24;

/// What one minute adds: additive, so the sum of a minute's rows is what was taken in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevenueRow {
    /// Where it belongs.
    pub till: Till,
    /// When the minute begins, event time.
    pub start: Timestamp,
    /// What is added.
    pub added: Takings,
}

/// The windows of one size by when they begin.
type Windows = BTreeMap<Timestamp, Takings>;

#[derive(Debug, Default)]
struct Series {
    total: Takings,
    /// By [`Size`].
    windows: [Windows; 2],
}

/// One bin of revenue.
#[derive(Debug, Default)]
pub struct Revenue {
    tills: BTreeMap<Till, Series>,
    owners: BTreeMap<OrganizationId, Arrivals<Till>>,
    untold: BTreeMap<(Till, Timestamp), Takings>,
}

const fn most(size: Size) -> usize {
    match size {
        Size::Minute => MINUTES_MAX,
        Size::Hour => HOURS_MAX,
    }
}

impl Series {
    fn add(&mut self, time: Timestamp, takings: Takings) {
        self.total += takings;
        for (size, windows) in Size::ALL.into_iter().zip(&mut self.windows) {
            *windows.entry(time.floor(size.span())).or_default() += takings;
            if windows.len() > most(size) {
                windows.pop_first();
            }
        }
    }

    fn newest(&self, size: Size, from: Timestamp, until: Timestamp, most: usize) -> Vec<RevenueWindow> {
        if from >= until {
            return Vec::new();
        }
        let windows = self.windows[size as usize].range(from..until).rev().take(most);
        let mut newest: Vec<_> =
            windows.map(|(start, takings)| RevenueWindow { start: *start, takings: *takings }).collect();
        newest.reverse();
        newest
    }
}

impl Revenue {
    /// The tills of an event, by currency and source, with the windows that begin in `from..until`: the newest
    /// [`WINDOWS_MAX`] of each, fewer when they are more than [`WINDOWS_ALL_MAX`] together.
    pub fn of(
        &self,
        organization: OrganizationId,
        event: EventId,
        currency: Option<Currency>,
        size: Size,
        (from, until): (Timestamp, Timestamp),
    ) -> Vec<RevenueSeries> {
        let wanted = |till: &&Till| currency.is_none_or(|wanted| till.currency == wanted);
        let tills: Vec<&Till> = self.tills(organization, Some(event)).filter(wanted).collect();
        let most = (WINDOWS_ALL_MAX / tills.len().max(1)).clamp(1, WINDOWS_MAX);
        let series = tills.into_iter().map(|till| {
            let series = &self.tills[till];
            let windows = series.newest(size, from, until, most);
            RevenueSeries { currency: till.currency, source: till.source, total: series.total, windows }
        });
        series.collect()
    }

    /// Everything that a till took, windows that are no longer kept included.
    pub fn total(&self, till: &Till) -> Option<Takings> {
        self.tills.get(till).map(|series| series.total)
    }

    /// Every window of a till that is kept, by when it begins.
    pub fn kept(&self, till: &Till, size: Size) -> Option<&BTreeMap<Timestamp, Takings>> {
        self.tills.get(till).map(|series| &series.windows[size as usize])
    }

    /// The tills of an organization in this bin, or of one event, in order.
    pub fn tills(&self, organization: OrganizationId, event: Option<EventId>) -> impl Iterator<Item = &Till> + '_ {
        let till =
            |event, currency| Till { organization, event, currency: Currency(currency), source: Source::Reported };
        let first = till(event.unwrap_or(EventId(0)), 0);
        let of = move |till: &&Till| till.organization == organization && event.is_none_or(|event| till.event == event);
        self.tills.range(first..).map(|(till, _)| till).take_while(of)
    }

    /// Tills of an organization that were forgotten at the bound.
    pub fn forgotten(&self, organization: OrganizationId) -> u64 {
        self.owners.get(&organization).map_or(0, Arrivals::forgotten)
    }
}

impl Fold for Revenue {
    const NAME: &'static str = "revenue";
    const VERSION: u32 = 2;
    type Input = Took;
    type Output = ();
    type Key = Till;
    type Row = RevenueRow;

    fn apply(&mut self, _at: At, took: &Took, effects: &mut Effects<Self>) {
        let Took { till, time, takings } = *took;
        *self.untold.entry((till, time.floor(Span::MINUTE))).or_default() += takings;
        if !self.tills.contains_key(&till) {
            let gone = self.owners.entry(till.organization).or_default().come(till, TILLS_MAX);
            gone.iter().for_each(|gone| _ = self.tills.remove(gone));
            effects.changed.extend(gone);
        }
        self.tills.entry(till).or_default().add(time, takings);
        effects.changed.push(till);
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<RevenueRow>) {
        let untold = std::mem::take(&mut self.untold).into_iter();
        rows.extend(untold.map(|((till, start), added)| RevenueRow { till, start, added }));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.owners.len());
        for (organization, tills) in &self.owners {
            out.id(organization.0);
            out.u64(tills.forgotten());
            out.len(tills.len());
            for till in tills {
                out.id(till.event.0);
                out.u32(u32::from(till.currency.0));
                out.u8(till.source as u8);
                self.tills[till].encode(&mut out);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(3)? {
            let organization = OrganizationId(input.id()?);
            let mut tills = Arrivals::after(input.u64()?);
            for _ in 0..input.len(11)? {
                let event = EventId(input.id()?);
                let currency = Currency(u16::try_from(input.u32()?).map_err(|_| input.damaged())?);
                let source = Source::from_code(input.u8()?).ok_or_else(|| input.damaged())?;
                let till = Till { organization, event, currency, source };
                tills.restore(till);
                if this.tills.insert(till, Series::decode(&mut input)?).is_some() {
                    return Err(input.damaged());
                }
            }
            this.owners.insert(organization, tills);
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.tills.len()
    }
}

impl Series {
    fn encode(&self, out: &mut Out<'_>) {
        write(out, &self.total);
        for windows in &self.windows {
            out.len(windows.len());
            let mut last = 0;
            for (start, takings) in windows {
                // Neighbouring windows differ little: a few bytes instead of eight.
                out.i64(start.0.wrapping_sub(last));
                last = start.0;
                write(out, takings);
            }
        }
    }

    fn decode(input: &mut In<'_>) -> Result<Self, StateError> {
        let mut this = Self { total: read(input)?, ..Self::default() };
        for (size, windows) in Size::ALL.into_iter().zip(&mut this.windows) {
            let count = input.len(7)?;
            let mut last = 0i64;
            for _ in 0..count {
                last = last.wrapping_add(input.i64()?);
                windows.insert(Timestamp(last), read(input)?);
            }
            if windows.len() != count || count > most(size) {
                return Err(input.damaged());
            }
        }
        Ok(this)
    }
}

fn write(out: &mut Out<'_>, takings: &Takings) {
    out.i64(takings.gross_minor);
    out.i64(takings.refunded_minor);
    for count in [takings.orders, takings.refunds, takings.late_counted, takings.late_excluded] {
        out.u64(count);
    }
}

fn read(input: &mut In<'_>) -> Result<Takings, StateError> {
    Ok(Takings {
        gross_minor: input.i64()?,
        refunded_minor: input.i64()?,
        orders: input.u64()?,
        refunds: input.u64()?,
        late_counted: input.u64()?,
        late_excluded: input.u64()?,
    })
}
