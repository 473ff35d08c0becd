//! Leaderboard increments: a few participants score all the time, most hardly ever.

use records::Token;

use crate::chance::Chance;
use crate::people::{self, Role};
use crate::zipf::Zipf;

/// An endless stream of increments over participants drawn by Zipf's law (exponent 1.0).
#[derive(Debug, Clone)]
pub struct Scores {
    seed: u64,
    zipf: Zipf,
    chance: Chance,
}

/// One increment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increment {
    /// The participant's number, `0..participants`; 0 scores most often.
    pub number: u32,
    /// The participant's pseudonym.
    pub participant: Token,
    /// Points to add, `0..=99`.
    pub points: i64,
}

impl Scores {
    /// Increments over so many participants.
    pub fn new(seed: u64, participants: u32) -> Self {
        Self { seed, zipf: Zipf::new(participants), chance: Chance::new(seed) }
    }

    /// The pseudonym of a participant.
    pub fn participant(&self, number: u32) -> Token {
        people::token(self.seed, Role::Account, number)
    }
}

impl Iterator for Scores {
    type Item = Increment;
    fn next(&mut self) -> Option<Increment> {
        let number = self.zipf.draw(&mut self.chance);
        let points = self.chance.between(0, 99);
        Some(Increment { number, participant: self.participant(number), points })
    }
}
