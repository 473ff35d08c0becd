//! The front door from the outside: parsers, key store, door, dead letters, replays.

mod door;
mod keys;
mod letters;
mod parsers;
mod replays;
mod support;
