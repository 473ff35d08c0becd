//! The front door from the outside: parsers, key store, door, dead letters, replays.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bound;
mod crashes;
mod door;
mod keys;
mod letters;
mod parsers;
mod replays;
mod support;
mod sweep;
