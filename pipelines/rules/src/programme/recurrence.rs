//! When a session takes place: once, or by RFC 5545 in the event's zone.
//!
//! The rule is worked out in local time, and each local time becomes an instant by the zone's rules, so that a talk at nine
//! stays at nine when clocks change. A time that a change skips is told by the offset before it, one that comes twice is the
//! first (§3.3.5). A rule lasts exactly as long each time.

use chrono::{Datelike as _, NaiveDate, TimeZone as _, Timelike as _};
use jiff::civil::{DateTime, date};
use records::programme::{Recurrence, Session};
use records::{SessionId, Timestamp, Zone, id};
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};
use serde::Serialize;

use super::refusal::Refusal;

/// Times of one session: more than a daily one in three years.
pub const OCCURRENCES_MAX: usize = 1_000;
/// Bytes of a rule.
const RULE_BYTES_MAX: usize = 500;

/// One time at which a session takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Occurrence {
    /// When it begins.
    pub starts: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
    /// What it is known by: the session's own id where it does not recur.
    pub id: SessionId,
}

/// All times of a session, by when they begin.
///
/// # Errors
/// When the rule is not one, names more than [`OCCURRENCES_MAX`] times, or none.
pub fn occurrences(session: SessionId, spec: &Session, zone: &Zone) -> Result<Vec<Occurrence>, Refusal> {
    let Some(recurrence) = &spec.recurrence else {
        return Ok(vec![Occurrence { starts: spec.starts, ends: spec.ends, id: session }]);
    };
    let first = zone.clock(spec.starts);
    let mut times = by_rule(&recurrence.rule, first, zone)?;
    times.extend(recurrence.also.iter().map(|at| zone.clock(*at)));
    let except: Vec<DateTime> = recurrence.except.iter().map(|at| zone.clock(*at)).collect();
    times.retain(|time| !except.contains(time));
    times.sort_unstable();
    times.dedup();
    if times.is_empty() {
        return Err(Refusal::invalid("recurrence", "leaves no time at all"));
    }
    if times.len() > OCCURRENCES_MAX {
        return Err(too_many());
    }
    let length = spec.ends.since(spec.starts);
    let told = times.into_iter().map(|time| {
        let starts = zone.instant(time);
        Occurrence { starts, ends: starts.saturating_add(length), id: occurrence_id(session, time) }
    });
    Ok(told.collect())
}

/// What one time of a recurring session is known by. Local times name it, so that it stays when a zone's rules change.
fn occurrence_id(session: SessionId, time: DateTime) -> SessionId {
    let seconds = time.duration_since(date(1970, 1, 1).at(0, 0, 0, 0)).as_secs();
    SessionId(id::derived(session.0, "occurrence", seconds.cast_unsigned()))
}

fn too_many() -> Refusal {
    Refusal::invalid("recurrence.rule", format!("names more than {OCCURRENCES_MAX} times: add COUNT or UNTIL"))
}

fn by_rule(rule: &str, first: DateTime, zone: &Zone) -> Result<Vec<DateTime>, Refusal> {
    if rule.is_empty() {
        return Ok(vec![first]);
    }
    let wrong = |why: &dyn std::fmt::Display| Refusal::invalid("recurrence.rule", format!("is not one: {why}"));
    if rule.len() > RULE_BYTES_MAX {
        return Err(wrong(&"it is too long"));
    }
    let (rule, until) = without_until(rule, zone)?;
    let parsed: RRule<Unvalidated> = rule.parse().map_err(|error: rrule::RRuleError| wrong(&error))?;
    if !matches!(parsed.get_freq(), Frequency::Yearly | Frequency::Monthly | Frequency::Weekly | Frequency::Daily) {
        return Err(wrong(&"it is DAILY, WEEKLY, MONTHLY or YEARLY here"));
    }
    let start = floating(first).ok_or_else(|| wrong(&"its first time is beyond the calendar"))?;
    let parsed = match until {
        Some(until) => parsed.until(floating(until).ok_or_else(|| wrong(&"UNTIL is beyond the calendar"))?),
        None => parsed,
    };
    let valid = parsed.validate(start).map_err(|error| wrong(&error))?;
    let limit = u16::try_from(OCCURRENCES_MAX + 1).unwrap_or(u16::MAX);
    let told = RRuleSet::new(start).rrule(valid).all(limit);
    if told.limited || told.dates.len() > OCCURRENCES_MAX {
        return Err(too_many());
    }
    if told.dates.first() != Some(&start) {
        return Err(Refusal::invalid("starts", "is not a time that the rule names"));
    }
    Ok(told.dates.iter().map(clock).collect())
}

/// A local time as the crate counts with: as if it were UTC, where no clock ever changes.
fn floating(time: DateTime) -> Option<chrono::DateTime<Tz>> {
    let (year, month, day) = (i32::from(time.year()), time.month().unsigned_abs(), time.day().unsigned_abs());
    let (hour, minute, second) =
        (time.hour().unsigned_abs(), time.minute().unsigned_abs(), time.second().unsigned_abs());
    let day = NaiveDate::from_ymd_opt(year, month.into(), day.into())?;
    Some(Tz::UTC.from_utc_datetime(&day.and_hms_opt(hour.into(), minute.into(), second.into())?))
}

#[expect(clippy::cast_possible_truncation, reason = "parts of dates are small")]
fn clock(time: &chrono::DateTime<Tz>) -> DateTime {
    let day = date(time.year() as i16, time.month() as i8, time.day() as i8);
    day.at(time.hour() as i8, time.minute() as i8, time.second() as i8, 0)
}

/// Takes UNTIL out of a rule and says which local time it is: a day means all of it, `Z` an instant.
fn without_until(rule: &str, zone: &Zone) -> Result<(String, Option<DateTime>), Refusal> {
    let rule = rule.trim().strip_prefix("RRULE:").unwrap_or(rule.trim()).to_ascii_uppercase();
    let (mut kept, mut until) = (Vec::new(), None);
    for part in rule.split(';') {
        match part.strip_prefix("UNTIL=") {
            Some(text) => until = Some(read_until(text, zone)?),
            None => kept.push(part),
        }
    }
    Ok((kept.join(";"), until))
}

fn read_until(text: &str, zone: &Zone) -> Result<DateTime, Refusal> {
    let wrong = || {
        Refusal::invalid("recurrence.rule", "has an UNTIL that is not 20261120, 20261120T090000 or 20261120T090000Z")
    };
    let (text, utc) = text.strip_suffix('Z').map_or((text, false), |text| (text, true));
    let (day, time) = text.split_once('T').unwrap_or((text, "235959"));
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(day, 8) || !digits(time, 6) {
        return Err(wrong());
    }
    let part = |text: &str, from: usize, to: usize| text[from..to].parse::<i16>().unwrap_or(0);
    let small = |text: &str, from: usize| i8::try_from(part(text, from, from + 2)).unwrap_or(0);
    let local =
        DateTime::new(part(day, 0, 4), small(day, 4), small(day, 6), small(time, 0), small(time, 2), small(time, 4), 0)
            .map_err(|_| wrong())?;
    Ok(if utc { zone.clock(Zone::utc().instant(local)) } else { local })
}

/// A rule whose UNTIL is in UTC, as calendars want it beside a time with a zone (RFC 5545 §3.3.10).
pub fn with_utc_until(rule: &str, zone: &Zone) -> String {
    match without_until(rule, zone) {
        Ok((rule, Some(until))) => {
            let until = Zone::utc().clock(zone.instant(until));
            format!("{rule};UNTIL={}Z", until.strftime("%Y%m%dT%H%M%S"))
        }
        Ok((rule, None)) => rule,
        Err(_) => rule.to_owned(),
    }
}

/// The same recurrence, begun at another time: all its times move by as much on the clock as `from` to `to`.
pub fn moved(recurrence: &Recurrence, zone: &Zone, shift: &dyn Fn(Timestamp) -> Timestamp) -> Recurrence {
    let rule = match without_until(&recurrence.rule, zone) {
        Ok((rule, Some(until))) => {
            let until = zone.clock(shift(zone.instant(until)));
            format!("{rule};UNTIL={}", until.strftime("%Y%m%dT%H%M%S"))
        }
        _ => recurrence.rule.clone(),
    };
    let all = |times: &[Timestamp]| times.iter().map(|at| shift(*at)).collect();
    Recurrence { rule, except: all(&recurrence.except), also: all(&recurrence.also) }
}

#[cfg(test)]
mod tests {
    use records::Span;

    use super::*;

    fn berlin() -> Zone {
        Zone::parse("Europe/Berlin").unwrap()
    }

    fn told(starts: &str, rule: &str, except: &[&str], also: &[&str]) -> Result<Vec<String>, Refusal> {
        let at = |text: &&str| Timestamp::parse(text).unwrap();
        let starts = at(&starts);
        let recurrence = Recurrence {
            rule: rule.into(),
            except: except.iter().map(at).collect(),
            also: also.iter().map(at).collect(),
        };
        let spec = Session { starts, ends: starts + Span::HOUR, recurrence: Some(recurrence), ..Session::default() };
        let all = occurrences(SessionId(7), &spec, &berlin())?;
        Ok(all.iter().map(|one| one.starts.to_string()).collect())
    }

    #[test]
    fn nine_stays_nine_when_clocks_change() {
        let all = told("2026-03-27T08:00:00Z", "FREQ=DAILY;COUNT=4", &[], &[]).unwrap();
        let expected = ["2026-03-27T08:00:00Z", "2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_time_that_is_skipped_is_told_by_the_offset_before_and_one_that_comes_twice_is_the_first() {
        // 02:30 on 29 March 2026 does not exist in Berlin: 02:30 at +01:00 is 01:30Z.
        let skipped = told("2026-03-28T01:30:00Z", "FREQ=DAILY;COUNT=2", &[], &[]).unwrap();
        assert_eq!(skipped, ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"]);
        // 02:30 on 25 October 2026 comes twice: the first is at +02:00.
        let twice = told("2026-10-24T00:30:00Z", "FREQ=DAILY;COUNT=2", &[], &[]).unwrap();
        assert_eq!(twice, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"]);
    }

    #[test]
    fn exceptions_and_further_times_count() {
        let all = told(
            "2026-10-19T07:00:00Z",
            "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20261028T080000Z",
            &["2026-10-21T07:00:00Z"],
            &["2026-10-23T10:00:00Z"],
        );
        let expected = ["2026-10-19T07:00:00Z", "2026-10-23T10:00:00Z", "2026-10-26T08:00:00Z", "2026-10-28T08:00:00Z"];
        assert_eq!(all.unwrap(), expected);
    }

    #[test]
    fn what_is_no_rule_or_has_no_end_is_refused() {
        for rule in ["FREQ=DAILY", "FREQ=HOURLY;COUNT=3", "COUNT=3", "FREQ=DAILY;COUNT=2000", "FREQ=DAILY;UNTIL=soon"] {
            assert!(told("2026-03-27T08:00:00Z", rule, &[], &[]).is_err(), "{rule}");
        }
        // A Friday is no Monday.
        assert!(told("2026-03-27T08:00:00Z", "FREQ=WEEKLY;BYDAY=MO;COUNT=3", &[], &[]).is_err());
        assert!(told("2026-03-27T08:00:00Z", "FREQ=DAILY;COUNT=1", &["2026-03-27T08:00:00Z"], &[]).is_err());
    }

    #[test]
    fn each_time_has_an_id_that_stays() {
        let zone = berlin();
        let recurrence = |rule: &str| Some(Recurrence { rule: rule.into(), ..Recurrence::default() });
        let starts = Timestamp::parse("2026-03-27T08:00:00Z").unwrap();
        let mut spec = Session { starts, ends: starts + Span::HOUR, ..Session::default() };
        assert_eq!(occurrences(SessionId(7), &spec, &zone).unwrap()[0].id, SessionId(7));
        spec.recurrence = recurrence("FREQ=DAILY;COUNT=2");
        let two = occurrences(SessionId(7), &spec, &zone).unwrap();
        spec.recurrence = recurrence("FREQ=DAILY;COUNT=3");
        let three = occurrences(SessionId(7), &spec, &zone).unwrap();
        assert_eq!(two[..], three[..2]);
        assert_ne!(two[0].id, two[1].id);
    }
}
