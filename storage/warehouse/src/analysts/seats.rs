//! Seats: which account of the engine stands for which organization.
//!
//! An account is given to the next organization only while nobody asks through it, and the engine is told before the first
//! question. When it is not known whether the engine has heard, the account stands for nobody until it has.

use std::sync::Arc;

use parking_lot::Mutex;

use super::views::{SEATS_TABLE, quoted};
use super::{SEATS, accounts};
use crate::client::{Client, Error, literal};

#[derive(Debug, Default, Clone)]
struct Seat {
    // As the tables name it; none while the engine may think anything.
    organization: Option<String>,
    running: usize,
    // When it was last taken, counted in takings.
    taken: u64,
}

#[derive(Debug, Default)]
struct State {
    seats: Vec<Seat>,
    takings: u64,
}

impl State {
    fn take(&mut self, seat: usize) {
        self.takings += 1;
        self.seats[seat].running += 1;
        self.seats[seat].taken = self.takings;
    }
}

/// All seats.
#[derive(Debug)]
pub(super) struct Seats {
    state: Arc<Mutex<State>>,
    // The version that counts: above all that were ever written. Held while the engine is told, so that two askers of one
    // organization do not take two seats.
    telling: tokio::sync::Mutex<Option<u64>>,
}

/// A seat while somebody asks through it.
#[derive(Debug)]
pub(super) struct Lease {
    state: Arc<Mutex<State>>,
    seat: usize,
}

impl Lease {
    /// The number of the seat.
    pub(super) fn seat(&self) -> usize {
        self.seat
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.state.lock().seats[self.seat].running -= 1;
    }
}

impl Seats {
    pub(super) fn new() -> Self {
        let state = State { seats: vec![Seat::default(); SEATS], takings: 0 };
        Self { state: Arc::new(Mutex::new(state)), telling: tokio::sync::Mutex::new(None) }
    }

    /// Takes the seat of an organization, or gives it one; none when all are taken by others.
    pub(super) async fn lease(&self, client: &Client, organization: &str) -> Result<Option<Lease>, Error> {
        let mut version = self.telling.lock().await;
        if let Some(seat) = self.standing(organization) {
            return Ok(Some(seat));
        }
        let Some(lease) = self.free() else { return Ok(None) };
        let next = match *version {
            Some(version) => version + 1,
            None => newest(client).await? + 1,
        };
        // Whatever becomes of the statement, this version is used up.
        *version = Some(next);
        tell(client, lease.seat, organization, next).await?;
        self.state.lock().seats[lease.seat].organization = Some(organization.to_owned());
        Ok(Some(lease))
    }

    fn standing(&self, organization: &str) -> Option<Lease> {
        let mut state = self.state.lock();
        let seat = state.seats.iter().position(|seat| seat.organization.as_deref() == Some(organization))?;
        state.take(seat);
        Some(Lease { state: Arc::clone(&self.state), seat })
    }

    /// The seat that nobody has asked through for the longest time; it stands for nobody from now on.
    fn free(&self) -> Option<Lease> {
        let mut state = self.state.lock();
        let free = state.seats.iter().enumerate().filter(|(_, seat)| seat.running == 0);
        let (seat, _) = free.min_by_key(|(_, seat)| seat.taken)?;
        state.seats[seat].organization = None;
        state.take(seat);
        Some(Lease { state: Arc::clone(&self.state), seat })
    }
}

async fn newest(client: &Client) -> Result<u64, Error> {
    client.fetch_one(&format!("SELECT max(version) FROM {}", quoted(SEATS_TABLE))).await
}

async fn tell(client: &Client, seat: usize, organization: &str, version: u64) -> Result<(), Error> {
    let account = accounts::seat_account(&client.database()?, seat);
    let sql = format!(
        "INSERT INTO {} (seat, organization, version) VALUES ({}, {}, {version})",
        quoted(SEATS_TABLE),
        literal(&account),
        literal(organization)
    );
    client.execute(&sql).await
}

/// Lets all seats stand for nobody: what an earlier process has said does not count.
pub(super) async fn clear(client: &Client) -> Result<(), Error> {
    client.execute(&format!("TRUNCATE TABLE {}", quoted(SEATS_TABLE))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_taken_is_not_given_to_the_next() {
        let seats = Seats::new();
        let mut leases: Vec<Lease> = (0..SEATS).map(|_| seats.free().unwrap()).collect();
        assert!(seats.free().is_none());
        let freed = leases.remove(3).seat();
        assert_eq!(seats.free().map(|lease| lease.seat()), Some(freed));
    }

    #[test]
    fn the_longest_unused_seat_goes_first() {
        let seats = Seats::new();
        let order: Vec<usize> = (0..SEATS + 2).map(|_| seats.free().unwrap().seat()).collect();
        assert_eq!(order[SEATS], order[0]);
        assert_eq!(order[SEATS + 1], order[1]);
    }
}
