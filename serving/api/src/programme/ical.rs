//! Calendars as RFC 5545 has them: what an event, a session or a ticket holder's places are to a calendar program.
//!
//! Nothing here reads a clock: `DTSTAMP` is when a thing was last changed, by the log, and `SEQUENCE` how often, so the same log
//! gives the same bytes. Times are local with the zone's rules beside them (`VTIMEZONE`), which hold for as long as the calendar
//! does; a zone without rules (UTC) needs none.

use std::fmt::Write as _;

use jiff::tz::{Dst, TimeZone};
use records::{Timestamp, Zone};

/// Octets of a line (§3.1), without its end.
const LINE_OCTETS: usize = 75;
/// Changes of a zone's offset that are told: a century of them.
const CHANGES_MAX: usize = 200;

/// One entry of a calendar.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Stays what it is, whatever changes.
    pub(super) uid: String,
    pub(super) sequence: u32,
    pub(super) changed: Timestamp,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) location: String,
    pub(super) url: String,
    pub(super) categories: Vec<String>,
    pub(super) cancelled: bool,
    /// An RRULE, with what is excepted and what comes besides.
    pub(super) recurrence: Option<Recurs>,
}

/// When an entry comes again.
#[derive(Debug, Clone)]
pub(super) struct Recurs {
    /// Without UNTIL as a local time: with a zone, it is in UTC (§3.3.10).
    pub(super) rule: String,
    pub(super) except: Vec<Timestamp>,
    pub(super) also: Vec<Timestamp>,
    /// When the last one is over.
    pub(super) last: Timestamp,
}

/// A calendar.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    pub(super) title: String,
    pub(super) zone: Zone,
    pub(super) entries: Vec<Entry>,
    pub(super) made_for: Use,
}

/// How a calendar comes to its reader.
#[derive(Debug, Clone)]
pub(super) enum Use {
    /// It is asked for again and again.
    Subscription,
    /// A mail brings it (RFC 5546), from an organizer of this name.
    Mail { method: Method, organizer: String },
}

/// What a calendar is to do with what a mail brings (RFC 5546 §1.4): nobody is asked whether they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Take it, in the place of what has the same UID and a lower SEQUENCE.
    Publish,
    /// Take it away.
    Cancel,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Cancel => "CANCEL",
        }
    }

    /// The media type of such a file.
    pub(crate) fn media(self) -> &'static str {
        match self {
            Self::Publish => "text/calendar; charset=utf-8; method=PUBLISH",
            Self::Cancel => "text/calendar; charset=utf-8; method=CANCEL",
        }
    }
}

impl Calendar {
    /// Its text, lines ended by CRLF.
    pub(super) fn text(&self) -> String {
        let mut out = Lines::default();
        out.line("BEGIN", "VCALENDAR");
        out.line("VERSION", "2.0");
        out.line("PRODID", "-//Eventra//Eventra//EN");
        out.line("CALSCALE", "GREGORIAN");
        match &self.made_for {
            Use::Mail { method, .. } => out.line("METHOD", method.word()),
            Use::Subscription => {
                out.line("METHOD", "PUBLISH");
                out.line("NAME", &escaped(&self.title));
                out.line("X-WR-CALNAME", &escaped(&self.title));
                out.line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
            }
        }
        if !is_utc(&self.zone) && !self.entries.is_empty() {
            self.zone_rules(&mut out);
        }
        self.entries.iter().for_each(|entry| self.entry(entry, &mut out));
        out.line("END", "VCALENDAR");
        out.0
    }

    fn entry(&self, entry: &Entry, out: &mut Lines) {
        out.line("BEGIN", "VEVENT");
        out.line("UID", &entry.uid);
        out.line("DTSTAMP", &utc(entry.changed));
        out.line("LAST-MODIFIED", &utc(entry.changed));
        out.line("SEQUENCE", &entry.sequence.to_string());
        self.times("DTSTART", &[entry.starts], out);
        self.times("DTEND", &[entry.ends], out);
        if let Some(recurs) = &entry.recurrence {
            if !recurs.rule.is_empty() {
                out.line("RRULE", &recurs.rule);
            }
            self.times("EXDATE", &recurs.except, out);
            self.times("RDATE", &recurs.also, out);
        }
        out.line("SUMMARY", &escaped(&entry.title));
        for (name, text) in [("DESCRIPTION", &entry.description), ("LOCATION", &entry.location)] {
            if !text.is_empty() {
                out.line(name, &escaped(text));
            }
        }
        if !entry.url.is_empty() {
            out.line("URL", &entry.url);
            // Whoever reads a mail has to know whose word it is (RFC 5546 §3.2); an event's page is its organizer's address here,
            // as nobody is to be answered.
            if let Use::Mail { organizer, .. } = &self.made_for {
                out.line(&format!("ORGANIZER;CN=\"{}\"", quoted(organizer)), &entry.url);
            }
        }
        if !entry.categories.is_empty() {
            out.line("CATEGORIES", &entry.categories.iter().map(|one| escaped(one)).collect::<Vec<_>>().join(","));
        }
        out.line("STATUS", if entry.cancelled { "CANCELLED" } else { "CONFIRMED" });
        out.line("TRANSP", if entry.cancelled { "TRANSPARENT" } else { "OPAQUE" });
        out.line("END", "VEVENT");
    }

    fn times(&self, name: &str, times: &[Timestamp], out: &mut Lines) {
        if times.is_empty() {
            return;
        }
        if is_utc(&self.zone) {
            out.line(name, &times.iter().map(|at| utc(*at)).collect::<Vec<_>>().join(","));
        } else {
            let all: Vec<String> =
                times.iter().map(|at| self.zone.clock(*at).strftime("%Y%m%dT%H%M%S").to_string()).collect();
            out.line(&format!("{name};TZID={}", self.zone.name()), &all.join(","));
        }
    }

    /// The offsets of the zone from before the first entry until after the last, each with when it begins (§3.6.5).
    fn zone_rules(&self, out: &mut Lines) {
        let first = self.entries.iter().map(|entry| entry.starts).min().unwrap_or_default();
        let last = self.entries.iter().map(|entry| entry.recurrence.as_ref().map_or(entry.ends, |recurs| recurs.last));
        let last = instant(last.max().unwrap_or_default());
        let zone = self.zone.rules();
        let first = instant(first);
        // The change before the first entry; where there never was one, what holds at the beginning of time.
        let before = zone.preceding(first).next().map(|change| change.timestamp());
        let begin = before.unwrap_or_else(|| jiff::Timestamp::from_second(0).unwrap_or(first).min(first));
        let mut all = vec![begin];
        all.extend(
            zone.following(first).map(|change| change.timestamp()).take_while(|at| *at <= last).take(CHANGES_MAX),
        );
        out.line("BEGIN", "VTIMEZONE");
        out.line("TZID", self.zone.name());
        for at in all {
            observance(zone, at, out);
        }
        out.line("END", "VTIMEZONE");
    }
}

fn observance(zone: &TimeZone, at: jiff::Timestamp, out: &mut Lines) {
    let info = zone.to_offset_info(at);
    let just_before = at.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(at);
    let before = zone.to_offset(just_before).seconds();
    let kind = if info.dst() == Dst::Yes { "DAYLIGHT" } else { "STANDARD" };
    out.line("BEGIN", kind);
    // When it begins is told by the clocks before the change.
    let clock = jiff::Timestamp::from_second(at.as_second() + i64::from(before)).unwrap_or(at);
    out.line("DTSTART", &TimeZone::UTC.to_datetime(clock).strftime("%Y%m%dT%H%M%S").to_string());
    out.line("TZOFFSETFROM", &offset(before));
    out.line("TZOFFSETTO", &offset(info.offset().seconds()));
    out.line("TZNAME", &escaped(info.abbreviation()));
    out.line("END", kind);
}

fn offset(seconds: i32) -> String {
    let (sign, seconds) = if seconds < 0 { ('-', -seconds) } else { ('+', seconds) };
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { format!("{sign}{hours:02}{minutes:02}") } else { format!("{sign}{hours:02}{minutes:02}{rest:02}") }
}

fn is_utc(zone: &Zone) -> bool {
    matches!(zone.name(), "UTC" | "Etc/UTC" | "Etc/GMT" | "GMT")
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// An instant as UTC.
pub(super) fn utc(at: Timestamp) -> String {
    instant(at).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// What may stand between quotes of a parameter (§3.2, RFC 6868).
fn quoted(text: &str) -> String {
    text.replace('^', "^^").replace('"', "^'").chars().filter(|one| !one.is_control()).collect()
}

/// A TEXT value (§3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for one in text.replace("\r\n", "\n").chars() {
        match one {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(one);
            }
            '\n' | '\r' => out.push_str("\\n"),
            one if one.is_control() && one != '\t' => {}
            one => out.push(one),
        }
    }
    out
}

/// Writes a calendar in which all words are these.
///
/// # Panics
/// When words become lines of the calendar, or its lines are too long.
pub(super) fn write_words(words: &str) {
    let text = || words.to_owned();
    let entry = Entry {
        uid: "1@eventra".into(),
        sequence: 1,
        changed: Timestamp(1),
        starts: Timestamp(2),
        ends: Timestamp(3),
        title: text(),
        description: text(),
        location: text(),
        url: "https://example.org/e".into(),
        categories: vec![text(), text()],
        cancelled: false,
        recurrence: None,
    };
    for made_for in [Use::Subscription, Use::Mail { method: Method::Cancel, organizer: text() }] {
        let fields = if matches!(made_for, Use::Subscription) { 24 } else { 22 };
        let told = Calendar { title: text(), zone: Zone::utc(), entries: vec![entry.clone()], made_for }.text();
        let whole = told.replace("\r\n ", "");
        assert!(told.split("\r\n").all(|line| line.len() <= LINE_OCTETS), "no line is longer than it may be");
        let lines = whole.lines().filter(|line| !line.is_empty()).count();
        let allowed = fields - if words.is_empty() { 2 } else { 0 };
        assert_eq!(lines, allowed, "words stay where they stand: {whole}");
        assert!(!whole.replace("\r\n", "").contains(['\r', '\n']), "and end no line");
    }
}

/// Lines that are folded at 75 octets, between characters.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, value: &str) {
        let mut room = LINE_OCTETS;
        for one in name.chars().chain([':']).chain(value.chars()) {
            if one.len_utf8() > room {
                self.0.push_str("\r\n ");
                room = LINE_OCTETS - 1;
            }
            room -= one.len_utf8();
            let _ = self.0.write_char(one);
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(starts: &str, ends: &str) -> Entry {
        Entry {
            uid: "1@eventra".into(),
            sequence: 2,
            changed: Timestamp::parse("2026-01-02T03:04:05Z").unwrap(),
            starts: Timestamp::parse(starts).unwrap(),
            ends: Timestamp::parse(ends).unwrap(),
            title: "Semi; comma, back\\slash".into(),
            description: "First line\nsecond line ".repeat(8),
            location: "Straße 5".into(),
            url: "https://example.org/e".into(),
            categories: vec!["A, B".into()],
            cancelled: false,
            recurrence: None,
        }
    }

    fn text(zone: &str, entries: Vec<Entry>) -> String {
        Calendar { title: "Conf".into(), zone: Zone::parse(zone).unwrap(), entries, made_for: Use::Subscription }.text()
    }

    #[test]
    fn lines_are_folded_between_characters_and_texts_escaped() {
        let mut long = entry("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z");
        long.title = "ü".repeat(200);
        let told = text("UTC", vec![long]);
        assert!(told.split("\r\n").all(|line| line.len() <= LINE_OCTETS), "{told}");
        assert_eq!(told.replace("\r\n ", "").matches('ü').count(), 200);
        let told = text("UTC", vec![entry("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z")]).replace("\r\n ", "");
        assert!(told.contains("SUMMARY:Semi\\; comma\\, back\\\\slash\r\n") && told.contains("First line\\nsecond"));
        assert!(told.contains("DTSTART:20261120T090000Z\r\n") && told.contains("DTSTAMP:20260102T030405Z\r\n"));
        assert!(!told.contains("VTIMEZONE") && told.contains("CATEGORIES:A\\, B\r\n"));
    }

    #[test]
    fn a_zone_is_told_with_the_offsets_that_hold_meanwhile() {
        let told = text("Europe/Berlin", vec![entry("2026-03-28T09:00:00Z", "2026-03-30T10:00:00Z")]);
        assert!(told.contains("DTSTART;TZID=Europe/Berlin:20260328T100000\r\n"), "{told}");
        assert!(told.contains("DTEND;TZID=Europe/Berlin:20260330T120000\r\n"));
        assert!(
            told.contains("BEGIN:STANDARD\r\nDTSTART:20251026T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n")
        );
        assert!(
            told.contains("BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n")
        );
        // A zone that never changes has one.
        let told = text("Asia/Kolkata", vec![entry("2026-03-28T09:00:00Z", "2026-03-28T10:00:00Z")]);
        assert!(told.contains("TZOFFSETTO:+0530\r\n") && told.matches("BEGIN:STANDARD").count() == 1, "{told}");
    }
}
