//! The desk over real logs: crashes, two writers, restarts, repeats.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod crash;
mod hall;
mod repeats;
mod support;
mod threads;
mod two;
