//! Tickets on paper: what a door reads, and what people want to know.

use records::{OrderId, TicketId, Timestamp, Zone};

use super::sheet::{Face, MARGIN, RIGHT, Sheet};
use super::words::Words;

/// The size of most letters, in points.
const TEXT: f32 = 11.0;
/// The size of ids: one fits into a line beside the code, so that it can be searched for and copied.
const ID: f32 = 8.5;
/// How wide the code is, in points: 7 cm, with which scanners do at arm's length.
const CODE: f32 = 200.0;

/// What stands on a ticket.
#[derive(Debug, Clone)]
pub(crate) struct Sheeted {
    pub(crate) organization: String,
    pub(crate) title: String,
    pub(crate) zone: Zone,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    /// What it is for.
    pub(crate) product: String,
    /// Who holds it; empty when they gave no name.
    pub(crate) holder: String,
    pub(crate) order: OrderId,
    pub(crate) ticket: TicketId,
    pub(crate) revision: u32,
    /// What its code says.
    pub(crate) text: String,
    /// The language to write it in.
    pub(crate) language: String,
}

/// Writes a ticket; none when that fails.
pub(crate) fn write(ticket: &Sheeted) -> Option<Vec<u8>> {
    let words = Words::of(&ticket.language);
    let mut sheet = Sheet::new(&format!("{} {}", words.pick("Ticket", "Ticket"), ticket.ticket), &ticket.language);
    sheet.lines(MARGIN, RIGHT - MARGIN, TEXT, Face::Regular, &ticket.organization);
    sheet.down(6.0);
    sheet.lines(MARGIN, RIGHT - MARGIN, 22.0, Face::Bold, &ticket.title);
    sheet.down(10.0);
    let code = qrcode::QrCode::with_error_correction_level(&ticket.text, qrcode::EcLevel::M).ok()?;
    let dark = code.to_colors().into_iter().map(|color| color == qrcode::Color::Dark).collect();
    let top = sheet.y();
    sheet.squares(MARGIN, CODE, code.width(), dark);
    let (left, width) = (MARGIN + CODE + 24.0, RIGHT - MARGIN - CODE - 24.0);
    let mut tell = |size: f32, label: &str, text: &str| {
        if !text.is_empty() {
            sheet.lines(left, width, 8.5, Face::Regular, label);
            sheet.lines(left, width, size, Face::Bold, text);
            sheet.down(5.0);
        }
    };
    tell(TEXT, words.pick("Admits to", "Berechtigt zu"), &ticket.product);
    tell(TEXT, words.pick("Holder", "Inhaber"), &ticket.holder);
    tell(TEXT, words.pick("Begins", "Beginn"), &ticket.zone.minute(ticket.starts));
    tell(TEXT, words.pick("Ends", "Ende"), &ticket.zone.minute(ticket.ends));
    tell(TEXT, words.pick("Times are those of", "Zeiten gelten in"), ticket.zone.name());
    tell(ID, words.pick("Ticket", "Ticket"), &format!("{} / {}", ticket.ticket, ticket.revision));
    tell(ID, words.pick("Order", "Bestellung"), &ticket.order.to_string());
    let below = sheet.y().max(top + CODE) + 18.0;
    sheet.go_to(below);
    let once = words.pick(
        "Show this code at the door, on paper or on a screen. It lets in one person; whoever shows a copy after them is not let \
         in. A ticket that was passed on or cancelled is void.",
        "Zeigen Sie diesen Code am Einlass, auf Papier oder auf dem Bildschirm. Er gilt für eine Person; wer danach eine Kopie \
         zeigt, wird nicht eingelassen. Ein weitergegebenes oder storniertes Ticket ist ungültig.",
    );
    sheet.lines(MARGIN, RIGHT - MARGIN, 8.5, Face::Regular, once);
    sheet.finish()
}
