//! Box offices alone, many commands in a row: what is sold, paid, told late or twice, given back; and every law as it goes.

use records::{FactRow, Timestamp};
use rules::Domain as _;
use rules::booking::Booking;
use rules::domains::Domains;
use workload::chance::Chance;

use super::known::Known;
use super::trades::{BoxOffices, Scale, Trade as _};
use crate::run::Failure;

/// Commands after which time has moved on.
const CHUNK: u64 = 256;
/// How far the clock moves for each chunk, microseconds.
const CHUNK_MICROS: i64 = 50_000;
/// Of 1,000 chunks, those after which nobody is there for a while: deadlines are moved.
const OUTAGES_PER_MILLE: u64 = 2;
/// The longest of these, microseconds.
const OUTAGE_MICROS: i64 = 60_000_000;
/// What time brings before the commands of a chunk.
const DUE_MAX: usize = 4_096;

/// What became of commands to box offices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sold {
    /// Commands.
    pub commands: u64,
    /// Those that became facts.
    pub done: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Facts, those that time has brought included.
    pub facts: u64,
}

/// Decides so many commands to box offices; `hear` is told each fact with the state after it.
///
/// # Errors
/// When a box office does not add up.
pub fn sell(
    seed: u64,
    commands: u64,
    scale: Scale,
    hear: impl FnMut(&FactRow, &Booking),
) -> Result<(Sold, Booking), Failure> {
    let mut floor = Floor {
        domains: Domains::default(),
        known: Known::default(),
        trade: BoxOffices::new(scale),
        sold: Sold::default(),
        hear,
    };
    floor.run(seed, commands).map_err(|what| Failure { seed, what })?;
    Ok((floor.sold, floor.domains.booking().clone()))
}

struct Floor<H> {
    domains: Domains,
    known: Known,
    trade: BoxOffices,
    sold: Sold,
    hear: H,
}

impl<H: FnMut(&FactRow, &Booking)> Floor<H> {
    fn run(&mut self, seed: u64, commands: u64) -> Result<(), String> {
        let mut chance = Chance::new(seed);
        let mut now = Timestamp::from_seconds(1_791_000_000);
        while self.sold.commands < commands {
            now = Timestamp(now.0 + CHUNK_MICROS);
            if chance.per_mille(OUTAGES_PER_MILLE) {
                now = Timestamp(now.0 + chance.between(0, OUTAGE_MICROS));
            }
            for _ in 0..DUE_MAX {
                let Some(row) = self.domains.due(now) else { break };
                self.take(&row)?;
            }
            for _ in 0..CHUNK.min(commands - self.sold.commands) {
                let command = self.trade.ask(&self.known, now, &mut chance);
                self.sold.commands += 1;
                match self.domains.decide(&command, now) {
                    Ok(rows) => {
                        self.sold.done += u64::from(!rows.is_empty());
                        rows.iter().try_for_each(|row| self.take(row))?;
                    }
                    Err(refusal) => {
                        self.sold.refused += 1;
                        self.trade.refused(&command, &refusal)?;
                    }
                }
            }
        }
        let faults = self.domains.booking().audit();
        faults.first().map_or(Ok(()), |fault| Err(format!("a box office does not add up: {fault}")))
    }

    fn take(&mut self, row: &FactRow) -> Result<(), String> {
        self.domains.apply(row).map_err(|error| error.to_string())?;
        self.trade.judge(row)?;
        self.known.take(row);
        self.sold.facts += 1;
        (self.hear)(row, self.domains.booking());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn box_offices_sell_and_every_ledger_stays_balanced() {
        let mut entries = 0;
        let sold = sell(1, 30_000, Scale::crowded(), |row, booking| {
            if let Some(records::Fact::Booking(fact)) = row.known()
                && let Some(entry) = fact.entry()
            {
                let office = booking.office(row.organization, fact.event()).unwrap();
                assert_eq!(office.ledger().balances().map(|(.., minor)| minor).sum::<i64>(), 0);
                entries += u32::from(!entry.postings.is_empty());
            }
        });
        let (sold, booking) = sold.unwrap();
        assert_eq!((sold.commands, sold.done + sold.refused <= sold.commands), (30_000, true));
        assert!(entries > 100 && booking.offices().count() == 2, "{entries}");
    }
}
