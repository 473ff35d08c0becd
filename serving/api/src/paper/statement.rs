//! Statements on paper: every account with what it had, what came and went, and what it has.

use super::sheet::{Face, MARGIN, RIGHT, Sheet};
use super::words::Words;
use super::{amount, is_german};
use crate::books::Told;

/// The size of most letters, in points.
const TEXT: f32 = 9.0;

/// Writes a statement; none when that fails.
pub(crate) fn write(told: &Told, name: &str, language: &str) -> Option<Vec<u8>> {
    let words = Words::of(language);
    let title = format!("{} {} – {}", words.pick("Statement", "Abrechnung"), told.from, told.until);
    let mut sheet = Sheet::new(&title, language);
    sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, name);
    sheet.lines(MARGIN, RIGHT - MARGIN, 15.0, Face::Bold, &title);
    let days = words.pick(
        "From the beginning of the first day to the beginning of the last one, in the zone",
        "Vom Beginn des ersten bis zum Beginn des letzten Tages, in der Zone",
    );
    sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, &format!("{days} {}", told.zone));
    sheet.down(10.0);
    for account in &told.accounts {
        let shown = |minor: i64| amount(minor, account.currency, is_german(language));
        sheet.room(6.0 * TEXT);
        sheet.lines(MARGIN, RIGHT - MARGIN, TEXT + 1.0, Face::Bold, &words.account(account.account));
        sheet.rule();
        let mut row = |label: &str, minor: i64, face: Face| {
            sheet.room(2.0 * TEXT);
            sheet.ending(RIGHT, TEXT, face, &shown(minor));
            sheet.lines(MARGIN, 340.0, TEXT, face, label);
        };
        row(words.pick("at the beginning", "am Anfang"), account.opening, Face::Regular);
        for moved in &account.movements {
            let event = told.titles.get(&moved.event).cloned().unwrap_or_else(|| moved.event.to_string());
            row(&format!("{}, {event}", words.movement(moved.movement)), moved.minor, Face::Regular);
        }
        row(words.pick("at the end", "am Ende"), account.closing, Face::Bold);
        sheet.down(8.0);
    }
    if !told.payouts.is_empty() {
        sheet.room(5.0 * TEXT);
        sheet.lines(MARGIN, RIGHT - MARGIN, TEXT + 1.0, Face::Bold, words.pick("Payouts", "Auszahlungen"));
        sheet.rule();
        for paid in &told.payouts {
            let event = told.titles.get(&paid.payout.event).cloned().unwrap_or_else(|| paid.payout.event.to_string());
            let commission = amount(paid.payout.commission, paid.payout.currency, is_german(language));
            sheet.room(2.0 * TEXT);
            sheet.ending(
                RIGHT,
                TEXT,
                Face::Regular,
                &amount(paid.payout.amount, paid.payout.currency, is_german(language)),
            );
            let about = format!("{}, {event}, {} {commission}", paid.day, words.pick("commission", "Provision"));
            sheet.lines(MARGIN, 340.0, TEXT, Face::Regular, &about);
        }
    }
    sheet.finish()
}
