//! The words of documents, in English and German.

use records::booking::Account;
use records::books::{InvoiceKind, LineReason};
use rules::books::journal::Movement;

/// English or German.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) german: bool,
}

impl Words {
    pub(super) fn of(language: &str) -> Self {
        Self { german: super::is_german(language) }
    }

    /// One of two.
    pub(super) fn pick(self, english: &'static str, german: &'static str) -> &'static str {
        if self.german { german } else { english }
    }

    pub(super) fn kind(self, kind: InvoiceKind) -> &'static str {
        match kind {
            InvoiceKind::Invoice => self.pick("Invoice", "Rechnung"),
            InvoiceKind::CreditNote => self.pick("Credit note", "Gutschrift (Rechnungskorrektur)"),
        }
    }

    pub(super) fn line(self, reason: LineReason, title: &str) -> String {
        match (reason, title) {
            (LineReason::Sold, title) => title.to_owned(),
            (LineReason::Repriced, title) => format!("{}: {title}", self.pick("Change of price", "Preisänderung")),
            (LineReason::Reduced, _) => self.pick("Reduction", "Nachlass").to_owned(),
        }
    }

    pub(super) fn account(self, account: Account) -> String {
        use records::booking::Provider;
        let provider = |provider| match provider {
            Provider::Free => self.pick("none", "keiner"),
            Provider::Transfer => self.pick("bank transfer", "Überweisung"),
            Provider::Stripe => "Stripe",
            Provider::Test => self.pick("test", "Test"),
        };
        match account {
            Account::Receivable => self.pick("Owed by buyers", "Forderungen an Käufer").to_owned(),
            Account::Provider(of) => {
                format!("{} ({})", self.pick("Held by provider", "Beim Zahlungsanbieter"), provider(of))
            }
            Account::Sales => self.pick("Sales without tax", "Umsatz ohne Steuer").to_owned(),
            Account::Tax => self.pick("Tax on sales", "Steuer auf Umsatz").to_owned(),
            Account::Commission => self.pick("Commission", "Provision").to_owned(),
            Account::CommissionDue => {
                self.pick("Commission not yet taken", "Provision, noch nicht einbehalten").to_owned()
            }
            Account::RefundsDue => self.pick("On its way back to buyers", "Auf dem Weg zurück an Käufer").to_owned(),
            Account::Fees => self.pick("Fees of providers", "Gebühren der Zahlungsanbieter").to_owned(),
            Account::PaidOut => self.pick("Paid out", "Ausgezahlt").to_owned(),
        }
    }

    pub(super) fn movement(self, movement: Movement) -> &'static str {
        match movement {
            Movement::Sale => self.pick("sold", "verkauft"),
            Movement::Cancellation => self.pick("cancelled", "storniert"),
            Movement::Payment => self.pick("paid by buyers", "von Käufern bezahlt"),
            Movement::Refund => self.pick("refunds begun", "Erstattungen begonnen"),
            Movement::RefundSettled => self.pick("refunds made", "Erstattungen ausgeführt"),
            Movement::RefundFailed => self.pick("refunds failed", "Erstattungen gescheitert"),
            Movement::Payout => self.pick("payouts", "Auszahlungen"),
            Movement::Fee => self.pick("fees", "Gebühren"),
            Movement::Other => self.pick("other", "Sonstiges"),
        }
    }
}
