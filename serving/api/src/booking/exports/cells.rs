//! Cells: times, amounts and words as spreadsheets and programs read them alike.

use records::{Currency, Money, Timestamp, Zone};

/// Rows that are being written.
pub(in crate::booking) struct Sheet {
    writer: csv::Writer<Vec<u8>>,
    zone: Zone,
    as_of: String,
}

impl Sheet {
    /// `as_of` is the last cell of each row.
    pub(super) fn new(zone: Zone, as_of: String) -> Self {
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        Self { writer, zone, as_of }
    }

    pub(super) fn header(&mut self, columns: &[&str]) {
        let columns = columns.iter().copied().chain(["as_of"]);
        self.writer.write_record(columns).expect("memory takes every row");
    }

    pub(super) fn row(&mut self, mut cells: Vec<String>) {
        cells.push(self.as_of.clone());
        self.writer.write_record(cells).expect("memory takes every row, and all have as many cells");
    }

    /// A time in UTC, in the event's zone, and the zone's name.
    pub(super) fn time(&self, at: Option<Timestamp>) -> [String; 3] {
        at.map_or_else(Default::default, |at| [at.to_string(), self.zone.rfc3339(at), self.zone.name().to_owned()])
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner().expect("memory takes every row")
    }
}

/// An amount as a decimal, and in minor units.
pub(super) fn amount(minor: i64, currency: Currency) -> [String; 2] {
    let text = Money { minor, currency }.to_string();
    let decimal = text.split(' ').find(|part| part.contains(|c: char| c.is_ascii_digit())).unwrap_or(&text).to_owned();
    [decimal, minor.to_string()]
}

/// What people wrote. A spreadsheet takes what begins like this for a formula (OWASP, "CSV injection").
pub(super) fn words(text: &str) -> String {
    if text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']) {
        return format!("'{text}");
    }
    text.to_owned()
}

/// A word of a fact, as `serde` writes it.
pub(super) fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// What can stand in a file's name everywhere.
pub(super) fn file_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_none() {
        for formula in ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"] {
            assert_eq!(words(formula), format!("'{formula}"));
        }
        for plain in ["", "Ann", "a=b", "1-2"] {
            assert_eq!(words(plain), plain);
        }
    }

    #[test]
    fn amounts_are_decimals_of_their_currency() {
        let of = |minor, currency| amount(minor, Currency::parse(currency).unwrap());
        assert_eq!(of(11_900, "EUR"), ["119.00", "11900"]);
        assert_eq!(of(-5, "EUR"), ["-0.05", "-5"]);
        assert_eq!(of(500, "JPY"), ["500", "500"]);
    }

    #[test]
    fn a_time_stands_in_utc_and_in_the_zone_also_when_an_hour_comes_twice() {
        let sheet = Sheet::new(Zone::parse("Europe/Berlin").unwrap(), String::new());
        let local = |utc: &str| sheet.time(Some(Timestamp::parse(utc).unwrap()))[1].clone();
        assert_eq!(local("2026-10-25T00:30:00Z"), "2026-10-25T02:30:00+02:00");
        assert_eq!(local("2026-10-25T01:30:00Z"), "2026-10-25T02:30:00+01:00");
        assert_eq!(local("2026-03-29T00:59:59Z"), "2026-03-29T01:59:59+01:00");
        assert_eq!(local("2026-03-29T01:00:00Z"), "2026-03-29T03:00:00+02:00");
        assert_eq!(sheet.time(None), ["", "", ""]);
    }

    #[test]
    fn rows_are_quoted_as_rfc_4180_says() {
        let mut sheet = Sheet::new(Zone::utc(), "f3/7".into());
        sheet.row(vec!["a,b".into(), "say \"hi\"".into(), "two\nlines".into(), String::new()]);
        assert_eq!(
            String::from_utf8(sheet.into_bytes()).unwrap(),
            "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",,f3/7\r\n"
        );
    }
}
