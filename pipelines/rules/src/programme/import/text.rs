//! Texts of other systems as ours: lines without controls, addresses that are addresses, durations, local times.

use jiff::civil::DateTime;
use records::{Span, Timestamp, Zone};

use super::super::valid::{LINE_MAX, TEXT_MAX};

/// One line of plain text: white space as single blanks, references of HTML as what they mean, cut at what a line takes.
pub(super) fn line(text: &str) -> String {
    let plain: String = unescaped(text).chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    cut(plain.split_whitespace().collect::<Vec<_>>().join(" "), LINE_MAX)
}

/// A text of several lines.
pub(super) fn text(text: &str) -> String {
    let plain = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = plain.chars().filter(|one| !one.is_control() || matches!(one, '\n' | '\t')).collect();
    cut(kept.trim().to_owned(), TEXT_MAX)
}

fn cut(mut text: String, most: usize) -> String {
    while text.len() > most {
        text.pop();
    }
    text
}

/// Replaces what HTML escapes in names and titles.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        match reference.and_then(|(name, after)| Some((referred(name)?, after))) {
            Some((one, after)) => {
                out.push(one);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn referred(name: &str) -> Option<char> {
    let number = |text: &str, base| char::from_u32(u32::from_str_radix(text, base).ok()?);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = name.strip_prefix('#')?;
            digits.strip_prefix(['x', 'X']).map_or_else(|| number(digits, 10), |digits| number(digits, 16))
        }
    }
}

/// An address that may be linked to.
pub(super) fn web(url: &str) -> Option<String> {
    let url = url.trim();
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80) && !url.contains(['"', '<', '>', '\\']);
    let web = url.starts_with("https://") || url.starts_with("http://");
    (web && plain && url.len() <= 2_000).then(|| url.to_owned())
}

/// `0:45`, `00:45` or `1:02:30` (days, hours, minutes).
pub(super) fn duration(text: &str) -> Option<Span> {
    let parts: Vec<i64> = text.trim().split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let minutes = match parts[..] {
        [hours, minutes] => hours.checked_mul(60)?.checked_add(minutes)?,
        [days, hours, minutes] => days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?,
        _ => return None,
    };
    (1..=14 * 24 * 60).contains(&minutes).then(|| Span::from_seconds(minutes * 60))
}

/// A time with an offset, or one on the clocks of a zone: `2014-12-27T11:00:00+01:00`, `2014-07-23 17:00:00`.
pub(super) fn instant(text: &str, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim();
    Timestamp::parse(text).ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(zone.instant(local))
    })
}

/// A day and a time of it (`09:30`, `0930`) on the clocks of a zone.
pub(super) fn on_day(day: &str, time: &str, zone: &Zone) -> Option<Timestamp> {
    let digits: String = time.trim().chars().filter(|one| *one != ':').collect();
    let digits = format!("{digits:0>4}");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    instant(&format!("{}T{}:{}:00", day.trim(), &digits[..2], &digits[2..]), zone)
}
