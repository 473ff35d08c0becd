//! Invoices and credit notes on paper.

use records::books::{Invoice, InvoiceKind};

use super::sheet::{Face, MARGIN, RIGHT, Sheet};
use super::words::Words;
use super::{Addressee, amount, percent};

/// The size of most letters, in points.
const TEXT: f32 = 9.5;
/// Where columns end.
const TITLE_WIDTH: f32 = 220.0;
const COUNT: f32 = MARGIN + 262.0;
const PRICE: f32 = MARGIN + 345.0;
const RATE: f32 = MARGIN + 395.0;

/// Writes an invoice; none when that fails.
pub(crate) fn write(invoice: &Invoice, buyer: &Addressee) -> Option<Vec<u8>> {
    let words = Words::of(&invoice.language);
    let kind = words.kind(invoice.kind);
    let mut sheet = Sheet::new(&format!("{kind} {}", invoice.number), &invoice.language);
    issuer(&mut sheet, invoice, words);
    addressee(&mut sheet, buyer, words);
    sheet.text(MARGIN, 16.0, Face::Bold, &format!("{kind} {}", invoice.number));
    sheet.next(18.0);
    about(&mut sheet, invoice, words);
    lines(&mut sheet, invoice, words);
    sums(&mut sheet, invoice, words);
    sheet.down(14.0);
    let paid = match invoice.kind {
        InvoiceKind::Invoice => words.pick("The amount has been paid.", "Der Betrag ist bezahlt."),
        InvoiceKind::CreditNote => {
            words.pick("This corrects the invoice named above.", "Dies korrigiert die oben genannte Rechnung.")
        }
    };
    sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, paid);
    sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, &invoice.note);
    sheet.finish()
}

fn issuer(sheet: &mut Sheet, invoice: &Invoice, words: Words) {
    sheet.lines(MARGIN, RIGHT - MARGIN, 12.0, Face::Bold, &invoice.issuer.name);
    sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, &invoice.issuer.address);
    if !invoice.issuer.tax_id.is_empty() {
        let text = format!("{}: {}", words.pick("Tax number", "Steuernummer/USt-IdNr."), invoice.issuer.tax_id);
        sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, &text);
    }
    sheet.down(22.0);
}

fn addressee(sheet: &mut Sheet, buyer: &Addressee, words: Words) {
    sheet.lines(MARGIN, 260.0, TEXT, Face::Regular, &buyer.name);
    sheet.lines(MARGIN, 260.0, TEXT, Face::Regular, &buyer.address);
    if !buyer.tax_id.is_empty() {
        let text = format!("{}: {}", words.pick("Tax number", "USt-IdNr."), buyer.tax_id);
        sheet.lines(MARGIN, 260.0, TEXT, Face::Regular, &text);
    }
    sheet.down(30.0);
}

fn about(sheet: &mut Sheet, invoice: &Invoice, words: Words) {
    let mut tell = |label: &str, text: &str| {
        if !text.is_empty() {
            sheet.text(MARGIN, TEXT, Face::Regular, label);
            sheet.lines(MARGIN + 110.0, RIGHT - MARGIN - 110.0, TEXT, Face::Regular, text);
        }
    };
    tell(words.pick("Date", "Datum"), &invoice.date);
    tell(words.pick("Event", "Veranstaltung"), &invoice.about);
    tell(words.pick("Order", "Bestellung"), &invoice.order.to_string());
    tell(words.pick("Corrects invoice", "Korrigiert Rechnung"), invoice.corrects.as_deref().unwrap_or_default());
    sheet.down(12.0);
}

fn lines(sheet: &mut Sheet, invoice: &Invoice, words: Words) {
    sheet.text(MARGIN, TEXT, Face::Bold, words.pick("Item", "Position"));
    sheet.ending(COUNT, TEXT, Face::Bold, words.pick("Count", "Anzahl"));
    sheet.ending(PRICE, TEXT, Face::Bold, words.pick("Price", "Preis"));
    sheet.ending(RATE, TEXT, Face::Bold, words.pick("Tax", "Steuer"));
    sheet.ending(RIGHT, TEXT, Face::Bold, words.pick("Amount", "Betrag"));
    sheet.next(TEXT);
    sheet.rule();
    for line in &invoice.lines {
        let title = words.line(line.reason, &line.title);
        sheet.room(3.0 * TEXT);
        sheet.ending(COUNT, TEXT, Face::Regular, &line.count.to_string());
        sheet.ending(PRICE, TEXT, Face::Regular, &amount(line.price, invoice.currency, words.german));
        sheet.ending(RATE, TEXT, Face::Regular, &percent(line.rate, words.german));
        sheet.ending(RIGHT, TEXT, Face::Regular, &amount(line.gross, invoice.currency, words.german));
        sheet.lines(MARGIN, TITLE_WIDTH, TEXT, Face::Regular, if title.is_empty() { "-" } else { &title });
    }
    sheet.down(2.0);
    sheet.rule();
}

fn sums(sheet: &mut Sheet, invoice: &Invoice, words: Words) {
    let mut sum = |label: &str, minor: i64, face: Face| {
        sheet.room(2.0 * TEXT);
        sheet.ending(RATE, TEXT, face, label);
        sheet.ending(RIGHT, TEXT, face, &amount(minor, invoice.currency, words.german));
        sheet.next(TEXT);
    };
    for total in &invoice.taxes {
        let rate = percent(total.rate, words.german);
        sum(&format!("{} {rate}", words.pick("Net at", "Netto zu")), total.net, Face::Regular);
        sum(&format!("{} {rate}", words.pick("Tax at", "Steuer zu")), total.tax, Face::Regular);
    }
    let label = match invoice.kind {
        InvoiceKind::Invoice => words.pick("Total with tax", "Gesamt mit Steuer"),
        InvoiceKind::CreditNote => words.pick("Credited with tax", "Gutgeschrieben mit Steuer"),
    };
    sum(label, invoice.gross, Face::Bold);
}
