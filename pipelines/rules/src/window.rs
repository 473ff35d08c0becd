//! The ladder of sliding windows that fraud signals and segments count over.
//!
//! A window slides in whole slices: it is the slice that holds "now" and the slices before it. Each rung's slice is a
//! whole multiple of the finer one's, so one list of slices, coarsened with age, answers every rung exactly.

use std::fmt;
use std::str::FromStr;

use records::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds of one tick, the finest slice. Ticks of 32 bits last until the year 2650.
pub const TICK_SECONDS: i64 = 5;

/// A sliding window, from the shortest to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Window {
    /// One minute, in slices of 5 s.
    Minute1 = 0,
    /// Ten minutes, in slices of 30 s.
    Minutes10 = 1,
    /// One hour, in slices of 2 min.
    Hour1 = 2,
    /// 24 hours, in slices of 1 h.
    Hours24 = 3,
    /// Seven days, in slices of 6 h.
    Days7 = 4,
    /// Thirty days, in slices of 24 h.
    Days30 = 5,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Self; 6] = [Self::Minute1, Self::Minutes10, Self::Hour1, Self::Hours24, Self::Days7, Self::Days30];

    /// Its rung on the ladder, `0..6`.
    pub const fn rung(self) -> usize {
        self as usize
    }

    /// Its bit in a set of windows.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Ticks of one of its slices.
    pub const fn slice_ticks(self) -> u32 {
        [1, 6, 24, 720, 4_320, 17_280][self.rung()]
    }

    /// Ticks of the whole window.
    pub const fn ticks(self) -> u32 {
        [12, 120, 720, 17_280, 120_960, 518_400][self.rung()]
    }

    /// The first tick of the slice of this window that holds `tick`.
    pub const fn floor(self, tick: u32) -> u32 {
        tick - tick % self.slice_ticks()
    }

    /// The first tick inside the window when the clock shows `clock`.
    pub const fn start(self, clock: u32) -> u32 {
        (self.floor(clock) + self.slice_ticks()).saturating_sub(self.ticks())
    }

    /// Whether something at `tick` is inside the window when the clock shows `clock` (never earlier than `tick`).
    pub const fn holds(self, tick: u32, clock: u32) -> bool {
        self.floor(tick) >= self.start(clock)
    }

    /// The first tick at which something at `tick` is outside.
    pub const fn leaves(self, tick: u32) -> u32 {
        self.floor(tick) + self.ticks()
    }

    /// Its word in rules, such as `24h`.
    pub const fn word(self) -> &'static str {
        ["1m", "10m", "1h", "24h", "7d", "30d"][self.rung()]
    }

    /// The window with this rung.
    pub fn from_rung(rung: usize) -> Option<Self> {
        Self::ALL.get(rung).copied()
    }
}

/// The tick that holds an instant; instants before 1970 count as 1970.
pub fn tick(at: Timestamp) -> u32 {
    u32::try_from(at.seconds().max(0) / TICK_SECONDS).unwrap_or(u32::MAX / 2).min(u32::MAX / 2)
}

/// The instant at which a tick begins.
pub fn tick_start(tick: u32) -> Timestamp {
    Timestamp::from_seconds(i64::from(tick) * TICK_SECONDS)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a text is not a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a window; take 1m, 10m, 1h, 24h, 7d or 30d")]
pub struct WindowError(String);

impl FromStr for Window {
    type Err = WindowError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|window| window.word() == text).ok_or_else(|| WindowError(text.into()))
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_nest() {
        for pair in Window::ALL.windows(2) {
            assert_eq!(pair[1].slice_ticks() % pair[0].slice_ticks(), 0);
            assert!(pair[1].ticks() > pair[0].ticks());
        }
        for window in Window::ALL {
            assert_eq!(window.ticks() % window.slice_ticks(), 0);
        }
    }

    #[test]
    fn a_window_holds_its_ticks_until_they_leave() {
        for window in Window::ALL {
            for tick in [1_000_000u32, 1_000_719, 1_003_333] {
                let leaves = window.leaves(tick);
                assert!(window.holds(tick, tick) && window.holds(tick, leaves - 1) && !window.holds(tick, leaves));
            }
        }
    }
}
