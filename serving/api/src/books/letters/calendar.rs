//! An event as a file for calendars, RFC 5545. Times are told in UTC, which every calendar shows in its own zone.

use records::{EventId, OrganizationId, Timestamp};

/// Bytes of a line, without its end.
const LINE_MAX: usize = 75;

/// What a calendar keeps.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    pub(super) organization: OrganizationId,
    pub(super) event: EventId,
    pub(super) title: &'a str,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
    /// When it was said, as the log has it.
    pub(super) said: Timestamp,
    pub(super) link: &'a str,
}

pub(super) const MEDIA: &str = "text/calendar; charset=utf-8; method=PUBLISH";

impl Entry<'_> {
    /// The file.
    pub(super) fn write(&self) -> Vec<u8> {
        let lines = [
            "BEGIN:VCALENDAR".to_owned(),
            "VERSION:2.0".to_owned(),
            "PRODID:-//Eventra//Eventra//EN".to_owned(),
            "METHOD:PUBLISH".to_owned(),
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}@{}.eventra", self.event, self.organization),
            format!("DTSTAMP:{}", utc(self.said)),
            format!("DTSTART:{}", utc(self.starts)),
            format!("DTEND:{}", utc(self.ends)),
            format!("SUMMARY:{}", escaped(self.title)),
            format!("URL:{}", self.link),
            "END:VEVENT".to_owned(),
            "END:VCALENDAR".to_owned(),
        ];
        lines.iter().map(|line| folded(line)).collect::<String>().into_bytes()
    }
}

/// `20261121T090000Z`.
fn utc(at: Timestamp) -> String {
    let text = at.to_string();
    let plain: String = text
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches('Z')
        .chars()
        .filter(|letter| !"-:".contains(*letter))
        .collect();
    plain + "Z"
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\r', "").replace('\n', "\\n")
}

/// A line in pieces of at most 75 bytes, none of which begins inside a letter.
fn folded(line: &str) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for letter in line.chars() {
        if used + letter.len_utf8() > LINE_MAX {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(letter);
        used += letter.len_utf8();
    }
    out + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_letters_and_text_is_escaped() {
        let title = "Größe, Maß; und \\ Übermut ".repeat(5);
        let starts = Timestamp::parse("2026-11-21T09:00:00.5Z").unwrap();
        let entry = Entry {
            organization: OrganizationId(7),
            event: EventId(3),
            title: &title,
            starts,
            ends: Timestamp(starts.0 + 3_600_000_000),
            said: Timestamp(0),
            link: "https://x/e/acme/conf",
        };
        let text = String::from_utf8(entry.write()).unwrap();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_MAX), "{text}");
        assert!(
            text.contains("DTSTART:20261121T090000Z\r\n") && text.contains("DTSTAMP:19700101T000000Z\r\n"),
            "{text}"
        );
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains(&format!("SUMMARY:{}", escaped(&title))));
    }
}
