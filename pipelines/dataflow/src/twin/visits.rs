//! Visits: all times of a visitor, sorted, cut where half an hour passes without any.

use std::collections::BTreeMap;

use records::kind::Origin;
use records::{EventId, OrganizationId, Span, Timestamp};
use views::shards::Reader;
use views::state::Fold;
use views::visits::{Visit, VisitSums, Visitor, Visits as View, summarize};

use super::{Differences, Row};

/// Idle for so long, and the next record begins another visit.
const IDLE: Span = Span::from_seconds(1_800);

/// Every event time of every visitor.
#[derive(Debug, Default)]
pub struct Visits(BTreeMap<Visitor, Vec<Timestamp>>);

/// The sums of one event.
#[derive(Debug, Default)]
struct Event {
    visitors: u64,
    total: VisitSums,
    hours: BTreeMap<Timestamp, VisitSums>,
}

impl Visits {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        if record.kind.origin() != Origin::Tracked || !record.actor.is_some() {
            return;
        }
        let visitor = Visitor { organization: record.organization, event: record.event, actor: record.actor };
        self.0.entry(visitor).or_default().push(record.event_time);
    }

    /// The visits of a visitor, oldest first.
    pub fn of(&self, visitor: &Visitor) -> Vec<Visit> {
        let mut times = self.0.get(visitor).cloned().unwrap_or_default();
        times.sort_unstable();
        let runs = times.chunk_by(|before, after| *after - *before < IDLE);
        runs.map(|run| Visit { start: run[0], end: run[run.len() - 1], records: run.len() as u32 }).collect()
    }

    /// Sums by organization, event and the hour in which visits begin: what the landed rows add up to.
    pub fn landed(&self) -> BTreeMap<(OrganizationId, EventId, Timestamp), VisitSums> {
        let by_hour = |((organization, event), sums): ((OrganizationId, EventId), Event)| {
            sums.hours.into_iter().map(move |(hour, sums)| ((organization, event, hour), sums))
        };
        self.events().into_iter().flat_map(by_hour).collect()
    }

    fn events(&self) -> BTreeMap<(OrganizationId, EventId), Event> {
        let mut events = BTreeMap::<_, Event>::new();
        for visitor in self.0.keys() {
            let event = events.entry((visitor.organization, visitor.event)).or_default();
            event.visitors += 1;
            for visit in self.of(visitor) {
                let hour = Timestamp(visit.start.0 - visit.start.0.rem_euclid(Span::HOUR.0));
                add(&mut event.total, &visit);
                add(event.hours.entry(hour).or_default(), &visit);
            }
        }
        events
    }

    /// Compares the sums of every event and hour, and each visitor's newest visits.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        for ((organization, event), twin) in self.events() {
            let (summary, _) = summarize(reader, organization, event, Timestamp::MIN, Timestamp::MAX);
            differences.same(|| format!("{event} visitors"), &summary.visitors, &twin.visitors);
            differences.same(|| format!("{event} total"), &summary.total, &twin.total);
            let hours = summary.hours.into_iter().filter(|hour| hour.sums != VisitSums::default());
            differences.same_map(&hours.map(|hour| (hour.start, hour.sums)).collect(), &twin.hours);
        }
        for visitor in self.0.keys() {
            let (shown, _) = reader.read(visitor.hash(), |bin| bin.of(visitor));
            let twin = self.of(visitor);
            // The view keeps the newest few.
            let newest = twin[twin.len() - shown.len().min(twin.len())..].to_vec();
            differences.same(|| format!("{visitor:?}"), &shown, &newest);
            differences.same(|| format!("{visitor:?} has visits"), &shown.is_empty(), &twin.is_empty());
        }
        differences
    }
}

fn add(sums: &mut VisitSums, visit: &Visit) {
    sums.visits += 1;
    sums.single += i64::from(visit.records == 1);
    sums.records += i64::from(visit.records);
    sums.duration_ms += visit.end.millis() - visit.start.millis();
}
