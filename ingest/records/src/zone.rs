//! Time zones by IANA name, and calendar days in them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// An IANA time zone (`Europe/Berlin`). The database is compiled in, so a replay does not depend on the machine's.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    zone: jiff::tz::TimeZone,
}

/// Why a text is not a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IANA time zone such as Europe/Berlin")]
pub struct ZoneError(String);

/// A calendar day in some zone: days since 1970-01-01 of the local calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Zone {
    /// Finds a zone by its IANA name.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let zone =
            jiff::tz::TimeZoneDatabase::bundled().get(name).map_err(|_| ZoneError(name.chars().take(64).collect()))?;
        Ok(Self { name: zone.iana_name().unwrap_or(name).into(), zone })
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".into(), zone: jiff::tz::TimeZone::UTC }
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What clocks there show at an instant; beyond the calendar (year ±9999) its first or last moment.
    pub fn clock(&self, at: Timestamp) -> jiff::civil::DateTime {
        let end = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        self.zone.to_datetime(jiff::Timestamp::from_microsecond(at.0).unwrap_or(end))
    }

    /// The instant at which clocks there show this. A time that comes twice is the first of them; one that never comes is
    /// told by the offset from before the gap (RFC 5545 §3.3.5).
    pub fn instant(&self, clock: jiff::civil::DateTime) -> Timestamp {
        let instant = self.zone.to_ambiguous_timestamp(clock).compatible();
        instant.map_or(Timestamp::MAX, |instant| Timestamp(instant.as_microsecond()))
    }

    /// The rules of the zone.
    pub fn rules(&self) -> &jiff::tz::TimeZone {
        &self.zone
    }

    /// The local calendar day at an instant. Instants beyond the calendar (year ±9999) get its first or last day.
    pub fn day(&self, at: Timestamp) -> Day {
        let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or(if at.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        let offset = i64::from(self.zone.to_offset(instant).seconds());
        let days = (instant.as_second() + offset).div_euclid(86_400);
        Day(i32::try_from(days).expect("years ±9999 have fewer days than i32 holds"))
    }

    /// An instant as clocks on walls show it, to the minute, with the zone's letters: `2026-11-20 10:00 CET`.
    pub fn minute(&self, at: Timestamp) -> String {
        let instant = jiff::Timestamp::from_microsecond(at.0);
        instant.map_or_else(
            |_| format!("{at}"),
            |instant| instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        )
    }

    /// When a day begins here; none beyond the calendar. Where midnight is left out, the day begins with what follows it.
    pub fn begins(&self, day: Day) -> Option<Timestamp> {
        let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(day.0).ok()?).ok()?;
        Some(Timestamp(date.to_zoned(self.zone.clone()).ok()?.timestamp().as_microsecond()))
    }
}

impl Day {
    /// Reads a date as `YYYY-MM-DD`.
    pub fn parse(date: &str) -> Option<Self> {
        let midnight = Timestamp::parse(&format!("{date}T00:00:00Z")).ok()?;
        i32::try_from(midnight.0.div_euclid(Span::DAY.0)).ok().map(Self)
    }

    /// The date as `YYYY-MM-DD`.
    pub fn date(self) -> String {
        let instant = jiff::Timestamp::from_second(i64::from(self.0) * 86_400);
        instant.map_or_else(|_| format!("day {}", self.0), |instant| instant.strftime("%Y-%m-%d").to_string())
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Zone {}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_turn_at_local_midnight() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let before = Timestamp::parse("2026-06-01T21:59:59Z").unwrap();
        let after = Timestamp::parse("2026-06-01T22:00:00Z").unwrap();
        assert_eq!(berlin.day(before).date(), "2026-06-01");
        assert_eq!(berlin.day(after).date(), "2026-06-02");
        assert_eq!(Zone::utc().day(after).date(), "2026-06-01");
    }

    #[test]
    fn walls_and_beginnings_of_days_follow_the_zone() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let at = Timestamp::parse("2026-06-01T21:59:59Z").unwrap();
        assert_eq!(berlin.minute(at), "2026-06-01 23:59 CEST");
        let begins = berlin.begins(Day::parse("2026-11-21").unwrap()).unwrap();
        assert_eq!(begins, Timestamp::parse("2026-11-20T23:00:00Z").unwrap());
        // Midnight was left out in Beirut on that day.
        let beirut = Zone::parse("Asia/Beirut").unwrap();
        let day = Day::parse("2022-03-27").unwrap();
        assert_eq!(beirut.day(beirut.begins(day).unwrap()), day);
    }

    #[test]
    fn unknown_zones_are_refused() {
        assert!(Zone::parse("Europe/Atlantis").is_err());
        assert_eq!(Zone::utc().day(Timestamp::MAX), Zone::utc().day(Timestamp(i64::MAX - 1)));
    }
}
