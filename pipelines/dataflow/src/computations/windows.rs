//! Routes records to the windowed counts of their event and of their session.

use hashbrown::HashMap;
use records::hash::FixedState;
use records::{EventId, Kind, OrganizationId, SessionId, Span, Timestamp, Token};
use rules::Lateness;
use views::state::Fold;
use views::windows::{Input, Series, Windows};

use crate::frame::{Emit, Sequenced};

/// Sends one input for each series and minute of the frame: records are added up here, where they are hot in the cache.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch() else { return };
    let mut tenant = (OrganizationId::NONE, Lateness::default_of(Windows::NAME));
    let (mut sums, mut late) = (Sums::default(), Late::default());
    for row in frame.rows() {
        let at = row as usize;
        let kind = batch.kind(at);
        if kind == Kind::DeadLettered {
            sums.add(row, dead(batch.organization(at)), batch.event_time(at).floor(Span::MINUTE), Token::NONE);
            continue;
        }
        if !kind.is_activity() {
            continue;
        }
        let organization = batch.organization(at);
        if organization != tenant.0 {
            tenant = (organization, frame.rulebook.lateness(organization, Windows::NAME));
        }
        let (event, late_by) = (batch.event(at), batch.late_by(at));
        if tenant.1.is_late(late_by) {
            let excluded = tenant.1.excludes(late_by);
            late.add(row, organization, event, excluded);
            if excluded {
                continue;
            }
        }
        let minute = batch.event_time(at).floor(Span::MINUTE);
        let (session, actor) = (batch.session(at), batch.actor(at));
        let whole = Series { organization, event, session: SessionId::NONE, kind };
        sums.add(row, whole, minute, actor);
        if session.is_some() {
            sums.add(row, Series { session, ..whole }, minute, actor);
        }
    }
    for (row, series, time, records, actors) in sums.list {
        emit.to(series.hash(), row, Input::Count { series, time, records, actors });
    }
    for (row, organization, event, late, excluded) in late.0 {
        emit.to(Series::late_hash(organization, event), row, Input::Late { organization, event, late, excluded });
    }
}

/// The series of an organization's dead letters: what could not be read belongs to no event, has nobody, and is never late.
fn dead(organization: OrganizationId) -> Series {
    Series { organization, event: EventId::NONE, session: SessionId::NONE, kind: Kind::DeadLettered }
}

/// The sums of a frame, in the order in which series and minutes first came.
struct Sums {
    places: HashMap<(Series, i64), usize, FixedState>,
    list: Vec<(u32, Series, Timestamp, u32, Vec<Token>)>,
    // By kind, the place of the last record of a whole event: most records are of the same event and minute as the
    // record of that kind before, and comparing is much cheaper than hashing three ids.
    last: [Option<usize>; KINDS],
}

/// Codes of kinds are below this; others share places, which costs time and nothing else.
const KINDS: usize = 128;

impl Default for Sums {
    fn default() -> Self {
        Self { places: HashMap::default(), list: Vec::new(), last: [None; KINDS] }
    }
}

impl Sums {
    fn add(&mut self, row: u32, series: Series, minute: Timestamp, actor: Token) {
        let place = self.place(row, series, minute);
        let (_, _, _, records, actors) = &mut self.list[place];
        *records += 1;
        if actor.is_some() && actors.last() != Some(&actor) {
            actors.push(actor);
        }
    }

    fn place(&mut self, row: u32, series: Series, minute: Timestamp) -> usize {
        let cached = usize::from(series.kind.code()) % KINDS;
        let same = |place: &usize| self.list[*place].1 == series && self.list[*place].2 == minute;
        if !series.session.is_some()
            && let Some(place) = self.last[cached].filter(same)
        {
            return place;
        }
        let place = *self.places.entry((series, minute.0)).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push((row, series, minute, 0, Vec::new()));
        }
        if !series.session.is_some() {
            self.last[cached] = Some(place);
        }
        place
    }
}

/// Late records by event, in the order in which events first came. They are few, so a list is enough.
#[derive(Default)]
struct Late(Vec<(u32, OrganizationId, EventId, u32, u32)>);

impl Late {
    fn add(&mut self, row: u32, organization: OrganizationId, event: EventId, excluded: bool) {
        // Replays may be all late, but then of one event after the other: the search looks at the newest first.
        let place = match self.0.iter().rposition(|entry| (entry.1, entry.2) == (organization, event)) {
            Some(place) => place,
            None => {
                self.0.push((row, organization, event, 0, 0));
                self.0.len() - 1
            }
        };
        self.0[place].3 += 1;
        self.0[place].4 += u32::from(excluded);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, Fact, FactRow, Record};
    use rules::Rulebook;

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    fn book() -> Arc<Rulebook> {
        let lateness = serde_json::json!({"format": 1, "lateness": {"windows": {"bound": "10s", "policy": "exclude"}}});
        let mut book = Rulebook::default();
        book.apply(&FactRow::new(ACME, Timestamp(0), Fact::RulesPublished { document: Arc::new(lateness) }));
        Arc::new(book)
    }

    fn record(session: u128, second: i64, late: i64, actor: u64) -> Record {
        Record {
            organization: ACME,
            event: EventId(2),
            session: SessionId(session),
            actor: Token(actor),
            event_time: Timestamp::from_seconds(second),
            late_by: Span::from_seconds(late),
            ..Record::new(Kind::SessionJoined)
        }
    }

    #[test]
    fn records_are_added_up_by_series_and_minute() {
        let records = [
            record(0, 1, 0, 5),
            record(3, 59, 0, 5),
            record(0, 60, 10, 6),
            record(0, 2, 11, 7),
            Record { organization: ACME, late_by: Span::HOUR, actor: Token(9), ..Record::new(Kind::DeadLettered) },
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(5), book()), &mut emit);
        let count = |session, minute: i64, records, actors: &[u64]| Input::Count {
            series: Series {
                organization: ACME,
                event: EventId(2),
                session: SessionId(session),
                kind: Kind::SessionJoined,
            },
            time: Timestamp::from_seconds(minute * 60),
            records,
            actors: actors.iter().map(|actor| Token(*actor)).collect(),
        };
        let late = Input::Late { organization: ACME, event: EventId(2), late: 1, excluded: 1 };
        let sent: Vec<_> = emit.sent().map(|(_, row, input)| (row, input.clone())).collect();
        let letter = Input::Count { series: dead(ACME), time: Timestamp(0), records: 1, actors: Vec::new() };
        let (one, other) = ((0, count(0, 0, 2, &[5])), (1, count(3, 0, 1, &[5])));
        assert_eq!(sent, [one, other, (2, count(0, 1, 1, &[6])), (4, letter), (3, late)]);
    }
}
