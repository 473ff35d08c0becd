//! A domain that is quick to check: halls with so many seats, which are taken for a while.

use std::collections::BTreeMap;

use records::fact::{Fact, Known};
use records::{FactRow, OrganizationId, Timestamp};
use rules::Domain;
use rules::decide::{StateError, UnknownFact};
use serde_json::{Value, json};

/// What may be asked.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// A hall has so many seats.
    Build { hall: u128, seats: u64 },
    /// Somebody takes seats, until a time or for good.
    Take { hall: u128, seats: u64, until: Option<i64> },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{free} seats are free, {wanted} were wanted")]
pub(crate) struct SoldOut {
    pub(crate) free: u64,
    pub(crate) wanted: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hall {
    pub(crate) seats: u64,
    pub(crate) taken: u64,
    /// Seats by the time at which they are free again.
    pub(crate) until: BTreeMap<i64, u64>,
}

/// All halls of one partition.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Halls(pub(crate) BTreeMap<u128, Hall>);

fn row(hall: u128, at: Timestamp, fact: Value) -> FactRow {
    let Value::Object(fields) = fact else { panic!("facts are objects") };
    let fact = Known::Unknown(fields);
    FactRow { version: 1, organization: OrganizationId(hall), at, by: None, command: None, fact }
}

impl Domain for Halls {
    const NAME: &'static str = "halls";
    const VERSION: u32 = 1;
    type Command = Command;
    type Refusal = SoldOut;

    fn aggregate(command: &Command) -> u64 {
        let (Command::Build { hall, .. } | Command::Take { hall, .. }) = command;
        *hall as u64
    }

    fn aggregate_of(row: &FactRow) -> u64 {
        row.organization.0 as u64
    }

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<FactRow>, SoldOut> {
        match command {
            Command::Build { hall, seats } => {
                let stands = self.0.get(hall).is_some_and(|known| known.seats == *seats);
                Ok(if stands {
                    Vec::new()
                } else {
                    vec![row(*hall, now, json!({"fact": "hall_built", "seats": seats}))]
                })
            }
            Command::Take { hall, seats, until } => {
                let free = self.0.get(hall).map_or(0, |known| known.seats.saturating_sub(known.taken));
                if *seats > free {
                    return Err(SoldOut { free, wanted: *seats });
                }
                let taken = json!({"fact": "seats_taken", "seats": seats, "until": until});
                Ok(vec![row(*hall, now, taken)])
            }
        }
    }

    fn due(&self, now: Timestamp) -> Option<FactRow> {
        let over = self.0.iter().flat_map(|(hall, known)| {
            let over = known.until.range(..=now.0);
            over.map(move |(until, seats)| (*until, *hall, *seats))
        });
        let freed = |(until, hall, seats): (i64, u128, u64)| {
            row(hall, now, json!({"fact": "seats_freed", "seats": seats, "until": until}))
        };
        over.min().map(freed)
    }

    fn apply(&mut self, row: &FactRow) -> Result<(), UnknownFact> {
        let fields = match &row.fact {
            Known::Unknown(fields) => fields,
            Known::Fact(Fact::PartitionClaimed { .. } | Fact::Beat) => return Ok(()),
            Known::Fact(_) => return Err(UnknownFact::of(row)),
        };
        let hall = self.0.entry(row.organization.0).or_default();
        let seats = fields["seats"].as_u64().expect("seats are a number");
        match fields["fact"].as_str() {
            Some("hall_built") => hall.seats = seats,
            Some("seats_taken") => {
                hall.taken += seats;
                if let Some(until) = fields["until"].as_i64() {
                    *hall.until.entry(until).or_default() += seats;
                }
            }
            Some("seats_freed") => {
                hall.taken -= seats;
                hall.until.remove(&fields["until"].as_i64().expect("a time"));
            }
            _ => return Err(UnknownFact::of(row)),
        }
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let halls: Vec<_> =
            self.0.iter().map(|(id, hall)| (id.to_string(), hall.seats, hall.taken, &hall.until)).collect();
        serde_json::to_writer(out, &halls).expect("plain values");
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        type Stored = (String, u64, u64, BTreeMap<i64, u64>);
        let halls: Vec<Stored> = serde_json::from_slice(bytes).map_err(|error| StateError(error.to_string()))?;
        let halls =
            halls.into_iter().map(|(id, seats, taken, until)| (id.parse().unwrap(), Hall { seats, taken, until }));
        Ok(Self(halls.collect()))
    }
}
