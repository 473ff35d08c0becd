//! Stories and laws of books: what is issued for what box offices did, and that it comes to what their ledgers say.

use std::collections::BTreeMap;

use proptest::prelude::*;
use records::booking::{
    Account, BasisPoints, BookingFact, Ending, PaymentStatus, Product, Provider, Quota, RefundPolicy, Sales, Tier,
};
use records::books::{BooksFact, Cause, Invoice, InvoiceKind, Invoicing, LetterId, LineReason};
use records::{
    Blob, Currency, EventId, Fact, FactRow, HoldId, ItemId, Money, OrderId, OrganizationId, PaymentId, PlaceId,
    QuotaId, RefundId, RequestId, Timestamp, Token, Zone,
};

use super::draft::{self, Figures};
use super::journal::Journal;
use super::{Books, Command, Refusal, Wish};
use crate::booking::laws::{ACME, cases, run, step};
use crate::booking::{self, Booking, Line};

const EVENT: EventId = EventId(3);

/// Folds the facts of a box office, and issues what follows from each.
#[derive(Default)]
struct Office {
    booking: Booking,
    books: Books,
    journal: Journal,
    issued: Vec<Invoice>,
    offset: u64,
}

impl Office {
    fn ask(&mut self, wish: Wish, now: Timestamp) -> Result<Vec<BooksFact>, Refusal> {
        let facts = self.books.decide(&Command { organization: ACME, wish }, now)?;
        for fact in &facts {
            self.books.apply(&FactRow::new(ACME, now, fact.clone().into()));
            if let BooksFact::InvoiceIssued { invoice, .. } = fact {
                self.issued.push((**invoice).clone());
            }
        }
        Ok(facts)
    }

    fn hear(&mut self, row: &FactRow) {
        self.offset += 1;
        let before = draft::before(&self.booking, row);
        self.booking.apply(row);
        self.journal.apply(row);
        let cause = Cause { partition: 0, offset: self.offset };
        let Some(draft) = before.and_then(|before| before.draft(&self.booking, row, cause)) else { return };
        // Told twice, in one command and in two, it is issued once.
        let twice = vec![draft.clone(), draft.clone()];
        assert_eq!(self.ask(Wish::Issue(twice), row.at).unwrap().len(), 1);
        assert_eq!(self.ask(Wish::Issue(vec![draft]), row.at), Ok(Vec::new()));
    }

    /// What all papers of an order come to, by rate.
    fn papers(&self, order: OrderId) -> Figures {
        let mut sums = Figures::new();
        for invoice in self.issued.iter().filter(|invoice| invoice.order == order) {
            let sign = if invoice.kind == InvoiceKind::Invoice { 1 } else { -1 };
            for total in &invoice.taxes {
                let sum = sums.entry(total.rate).or_default();
                *sum = (sum.0 + sign * (total.net + total.tax), sum.1 + sign * total.tax);
            }
        }
        sums.retain(|_, sum| *sum != (0, 0));
        sums
    }

    fn check(&self) {
        let faults = self.books.audit();
        assert!(faults.is_empty(), "{faults:?}");
        let Some(office) = self.booking.office(ACME, EVENT) else { return };
        let mut sums: BTreeMap<Account, i64> = BTreeMap::new();
        for (id, order) in office.orders() {
            let mut sold = draft::figures(order);
            sold.retain(|_, sum| *sum != (0, 0));
            assert_eq!(self.papers(id), sold, "order {id}");
            // What is kept of what was given back is turnover that no paper of the order takes back.
            *sums.entry(Account::Sales).or_default() -= order.fees;
            for (gross, tax) in sold.values() {
                *sums.entry(Account::Sales).or_default() -= gross - tax;
                *sums.entry(Account::Tax).or_default() -= tax;
            }
        }
        for account in [Account::Sales, Account::Tax] {
            let told = sums.get(&account).copied().unwrap_or(0);
            assert_eq!(office.ledger().balance(Currency::EUR, account), told, "{account:?}");
        }
        let statement = self.journal.statement(&(Timestamp(i64::MIN)..Timestamp(i64::MAX)), None);
        let closing = statement.accounts.iter().filter(|told| told.closing != 0);
        let closing: Vec<_> = closing.map(|told| (told.currency, told.account, told.closing)).collect();
        assert_eq!(closing, office.ledger().balances().collect::<Vec<_>>());
        for told in &statement.accounts {
            assert_eq!(told.opening + told.movements.iter().map(|moved| moved.minor).sum::<i64>(), told.closing);
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn papers_come_to_what_the_ledger_says_after_every_fact(steps in proptest::collection::vec(step(), 1..150)) {
        let (_, log) = run(steps);
        let mut office = Office::default();
        for row in &log {
            office.hear(row);
            office.check();
        }
        for kind in [InvoiceKind::Invoice, InvoiceKind::CreditNote] {
            let serials: Vec<u64> =
                office.issued.iter().filter(|invoice| invoice.kind == kind).map(|invoice| invoice.serial).collect();
            prop_assert_eq!(&serials, &(1..=serials.len() as u64).collect::<Vec<_>>());
        }
        let stored = serde_json::to_vec(&office.books.stored()).unwrap();
        let back = Books::restore(serde_json::from_slice(&stored).unwrap());
        prop_assert_eq!(&back, &office.books);
        // Statements of periods that meet go on where the one before ended.
        if let (Some(first), Some(last)) = (log.first(), log.last()) {
            let middle = Timestamp((first.at.0 + last.at.0) / 2 / 900_000_000 * 900_000_000);
            let told = |from, until| office.journal.statement(&(from..until), None).accounts;
            let (early, late) = (told(Timestamp(0), middle), told(middle, Timestamp(i64::MAX)));
            for account in &late {
                let same = early.iter().find(|other| (other.currency, other.account) == (account.currency, account.account));
                prop_assert_eq!(account.opening, same.map_or(0, |other| other.closing));
            }
        }
    }
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

/// An order of two passes at 119.00 with 19 % and one book at 10.70 with 7 %, paid.
fn sold() -> Office {
    let mut office = Office::default();
    let zone = Zone::parse("Europe/Berlin").unwrap();
    office.books.apply(&FactRow::new(ACME, Timestamp(0), Fact::OrganizationRegistered { name: "Acme".into(), zone }));
    let product = |title: &str, price, tax| Product {
        title: title.into(),
        tiers: vec![Tier { title: "T".into(), prices: vec![eur(price)], ..Tier::default() }],
        tax: BasisPoints(tax),
        ..Product::default()
    };
    let of = |product| records::booking::Choice { product: ItemId(product), ..Default::default() };
    let quota = Quota { title: "Q".into(), size: None, products: vec![of(1), of(2)] };
    let lines = vec![Line { choice: of(1), count: 2 }, Line { choice: of(2), count: 1 }];
    let (hold, order, payment) = (HoldId(1), OrderId(1), PaymentId(1));
    let (person, currency, code, place) = (Token::NONE, Currency::EUR, String::new(), PlaceId::NONE);
    let sealed = Blob([7].into());
    for wish in [
        booking::Wish::SetProduct(ItemId(1), product("Pass", 11_900, 1_900)),
        booking::Wish::SetProduct(ItemId(2), product("Book", 1_070, 700)),
        booking::Wish::SetQuota(QuotaId(1), quota),
        booking::Wish::Hold { hold, person, currency, lines, code, place, asked: 1 },
        booking::Wish::PlaceOrder {
            order,
            hold,
            subject: 5,
            person: Token(5),
            sealed,
            provider: Provider::Test,
            score: None,
            asked: 1,
        },
        booking::Wish::StartPayment { payment, order, provider: Provider::Test },
        booking::Wish::Observe {
            payment,
            status: PaymentStatus::Captured,
            captured: 24_870,
            reference: "r".into(),
            card: Token::NONE,
        },
    ] {
        happen(&mut office, wish);
    }
    office
}

fn happen(office: &mut Office, wish: booking::Wish) {
    let now = Timestamp::parse("2026-12-31T23:30:00Z").unwrap();
    let command = booking::Command { organization: ACME, event: EVENT, wish };
    let facts = office.booking.decide(&command, now).unwrap();
    facts.into_iter().for_each(|fact| office.hear(&FactRow::new(ACME, now, fact.into())));
    office.check();
}

#[test]
fn what_was_sold_is_invoiced_once_with_its_taxes_on_the_day_of_the_organizations_zone() {
    let office = sold();
    let [invoice] = office.issued.as_slice() else { panic!("{:?}", office.issued) };
    // It is half past midnight in Berlin.
    assert_eq!((invoice.number.as_str(), invoice.date.as_str()), ("INV-2027-000001", "2027-01-01"));
    assert_eq!((invoice.gross, invoice.tax, invoice.issuer.name.as_str()), (24_870, 3_870, "Acme"));
    let lines: Vec<_> =
        invoice.lines.iter().map(|line| (line.title.as_str(), line.count, line.gross, line.tax)).collect();
    assert_eq!(lines, [("Pass", 2, 23_800, 3_800), ("Book", 1, 1_070, 70)]);
    let taxes: Vec<_> = invoice.taxes.iter().map(|total| (total.rate.0, total.net, total.tax)).collect();
    assert_eq!(taxes, [(700, 1_000, 70), (1_900, 20_000, 3_800)]);
    assert_eq!((invoice.subject, &invoice.sealed), (5, &Blob([7].into())));
}

#[test]
fn what_is_cancelled_or_given_back_is_credited_and_names_the_invoice() {
    let mut office = sold();
    happen(&mut office, booking::Wish::Refund { refund: RefundId(1), order: OrderId(1), amount: Some(2_487) });
    let goodwill = &office.issued[1];
    assert_eq!((goodwill.kind, goodwill.corrects.as_deref()), (InvoiceKind::CreditNote, Some("INV-2027-000001")));
    // A tenth of everything: a tenth of each rate.
    let taxes: Vec<_> = goodwill.taxes.iter().map(|total| (total.rate.0, total.net, total.tax)).collect();
    assert_eq!(taxes, [(700, 100, 7), (1_900, 2_000, 380)]);
    assert!(goodwill.lines.iter().all(|line| line.reason == LineReason::Reduced));
    let cancel = |positions| booking::Wish::CancelOrder { order: OrderId(1), positions, why: Ending::Buyer };
    happen(&mut office, cancel(vec![0]));
    let note = &office.issued[2];
    assert_eq!(
        (note.number.as_str(), note.lines[0].title.as_str(), note.lines[0].gross),
        ("CN-2027-000002", "Pass", 11_900)
    );
    assert!(note.gross < 11_900, "what was given back already is not given back twice");
    happen(&mut office, cancel(Vec::new()));
    assert_eq!(office.papers(OrderId(1)), Figures::new(), "nothing is left of an order that was cancelled");
    // The money goes back: that is no turnover.
    happen(&mut office, booking::Wish::Refund { refund: RefundId(2), order: OrderId(1), amount: None });
    assert_eq!(office.issued.len(), 4);
}

#[test]
fn what_is_kept_of_a_refund_is_the_invoice_less_the_credit_note_and_the_fee() {
    let mut office = sold();
    let refunds = Some(RefundPolicy { until: None, fee: BasisPoints(1_000) });
    happen(&mut office, booking::Wish::SetSales(Sales { refunds, ..Sales::default() }));
    let (request, order) = (RequestId(1), OrderId(1));
    let sealed = Blob::default();
    happen(&mut office, booking::Wish::RequestRefund { request, order, positions: vec![0], sealed });
    happen(&mut office, booking::Wish::AnswerRequest { request, granted: true, words: String::new(), fee: None });
    let now = Timestamp::parse("2026-12-31T23:30:00Z").unwrap();
    let due = office.booking.due(now).expect("what was granted goes back by itself");
    let Some(Fact::Booking(BookingFact::RefundStarted { refund, amount, .. })) = due.known().cloned() else {
        panic!("{due:?}")
    };
    office.hear(&due);
    office.check();
    happen(&mut office, booking::Wish::SettleRefund(refund));
    let [invoice, note] = office.issued.as_slice() else { panic!("{:?}", office.issued) };
    assert_eq!((invoice.gross, note.gross, amount), (24_870, 11_900, 10_710));
    let (fees, kept) = {
        let known = office.booking.office(ACME, EVENT).unwrap().order(order).unwrap();
        (known.fees, known.paid)
    };
    assert_eq!((fees, kept), (1_190, 24_870 - 10_710));
    assert_eq!(invoice.gross - note.gross + fees, kept, "papers and fee are what was kept");
    let balance = |account| office.booking.office(ACME, EVENT).unwrap().ledger().balance(Currency::EUR, account);
    assert_eq!(balance(Account::Sales) + balance(Account::Tax), -kept, "and so says the ledger");
    assert_eq!(balance(Account::Receivable), 0);
}

#[test]
fn numbers_begin_anew_with_each_beginning_and_each_fiscal_year() {
    let mut office = sold();
    let spec = Invoicing { year_begins: 4, invoice_prefix: "R{year}-".into(), ..Invoicing::default() };
    office.ask(Wish::SetInvoicing(spec.clone()), Timestamp(5)).unwrap();
    assert_eq!(office.ask(Wish::SetInvoicing(spec), Timestamp(5)), Ok(Vec::new()));
    let mut draft = crate::books::Draft {
        cause: Cause { partition: 9, offset: 1 },
        kind: InvoiceKind::Invoice,
        event: EVENT,
        order: OrderId(2),
        about: String::new(),
        language: String::new(),
        currency: Currency::EUR,
        lines: office.issued[0].lines.clone(),
        taxes: office.issued[0].taxes.clone(),
        subject: 1,
        sealed: Blob::default(),
    };
    let mut number = |office: &mut Office, date: &str| {
        draft.cause.offset += 1;
        draft.order = OrderId(draft.order.0 + 1);
        office.ask(Wish::Issue(vec![draft.clone()]), Timestamp::parse(date).unwrap()).unwrap();
        office.issued.last().unwrap().number.clone()
    };
    assert_eq!(number(&mut office, "2027-03-31T12:00:00Z"), "R2026-000001");
    assert_eq!(number(&mut office, "2027-04-01T12:00:00Z"), "R2027-000001");
    assert_eq!(number(&mut office, "2027-04-02T12:00:00Z"), "R2027-000002");
    let plain = Invoicing::default();
    office.ask(Wish::SetInvoicing(plain), Timestamp(5)).unwrap();
    assert_eq!(number(&mut office, "2027-04-02T12:00:00Z"), "INV-2027-000002", "a series goes on where it was");
}

#[test]
fn what_does_not_add_up_or_corrects_nothing_is_refused_and_nothing_is_issued() {
    let mut office = sold();
    let of = |order, kind| crate::books::Draft {
        cause: Cause { partition: 9, offset: 1 },
        kind,
        event: EVENT,
        order: OrderId(order),
        about: String::new(),
        language: String::new(),
        currency: Currency::EUR,
        lines: office.issued[0].lines.clone(),
        taxes: office.issued[0].taxes.clone(),
        subject: 1,
        sealed: Blob::default(),
    };
    let (stray, second, mut wrong) =
        (of(2, InvoiceKind::CreditNote), of(1, InvoiceKind::Invoice), of(2, InvoiceKind::Invoice));
    wrong.taxes[0].net += 1;
    for (draft, refusal) in [(stray, Refusal::NoInvoice), (second, Refusal::HasInvoice), (wrong, Refusal::DoesNotAddUp)]
    {
        assert_eq!(office.ask(Wish::Issue(vec![draft]), Timestamp(5)), Err(refusal));
    }
    for (field, spec) in [
        ("invoice_prefix", Invoicing { invoice_prefix: "A1".into(), ..Invoicing::default() }),
        ("invoice_prefix", Invoicing { invoice_prefix: "A{year}".into(), ..Invoicing::default() }),
        ("credit_prefix", Invoicing { credit_prefix: "INV-{year}-".into(), ..Invoicing::default() }),
        ("year_begins", Invoicing { year_begins: 13, ..Invoicing::default() }),
        ("address", Invoicing { address: "a\rb".into(), ..Invoicing::default() }),
    ] {
        let refused = office.ask(Wish::SetInvoicing(spec), Timestamp(5));
        assert!(matches!(refused, Err(Refusal::Invalid { field: told, .. }) if told == field), "{refused:?}");
    }
    assert_eq!(office.issued.len(), 1);
}

#[test]
fn what_became_of_a_letter_is_written_once() {
    let mut office = Office::default();
    let letter = LetterId { cause: Cause { partition: 1, offset: 2 }, ..LetterId::default() };
    let settle = || Wish::SettleLetters(vec![(letter, None), (letter, Some("again".into()))]);
    assert_eq!(office.ask(settle(), Timestamp(5)).unwrap().len(), 1);
    assert_eq!(office.ask(settle(), Timestamp(5)), Ok(Vec::new()));
    let other = Command { organization: OrganizationId(8), wish: settle() };
    assert_eq!(office.books.decide(&other, Timestamp(5)).unwrap().len(), 1, "of another organization's");
}
