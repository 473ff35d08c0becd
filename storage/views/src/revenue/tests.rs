//! Revenue against sums made by hand, and the laws of folds.

use std::collections::BTreeMap;

use proptest::prelude::*;
use records::{Currency, EventId, OrganizationId, Timestamp};

use super::*;
use crate::laws;
use crate::state::Fold;
use crate::windows::Size;

const ACME: OrganizationId = OrganizationId(7);
const ALL: (Timestamp, Timestamp) = (Timestamp::MIN, Timestamp::MAX);

fn till(event: u128, currency: Currency) -> Till {
    Till { organization: ACME, event: EventId(event), currency, source: Source::Reported }
}

fn took(event: u128, currency: Currency, seconds: i64, amount: i64) -> Took {
    Took { till: till(event, currency), time: Timestamp::from_seconds(seconds), takings: Takings::of(amount) }
}

fn run(inputs: &[Took]) -> (Revenue, laws::Run<Revenue>) {
    laws::whole::<Revenue>(&laws::log(Timestamp(0), inputs.iter().map(|input| (1, *input))))
}

#[test]
fn currencies_are_never_added_up_and_refunds_are_told_apart() {
    let (fold, _) = run(&[
        took(1, Currency::EUR, 30, 1_250),
        took(1, Currency::USD, 31, 900),
        took(1, Currency::EUR, 59, 750),
        took(1, Currency::EUR, 61, -500),
        took(2, Currency::EUR, 61, 1),
    ]);
    let found = fold.of(ACME, EventId(1), None, Size::Minute, ALL);
    let short =
        |one: &RevenueSeries| (one.currency, one.total.gross_minor, one.total.refunded_minor, one.windows.len());
    assert_eq!(
        found.iter().map(short).collect::<Vec<_>>(),
        [(Currency::EUR, 2_000, 500, 2), (Currency::USD, 900, 0, 1)]
    );
    let first = found[0].windows[0];
    assert_eq!((first.start, first.takings.gross_minor, first.takings.orders), (Timestamp(0), 2_000, 2));
    assert_eq!((found[0].total.orders, found[0].total.refunds), (2, 1));
    let hours = fold.of(ACME, EventId(1), Some(Currency::EUR), Size::Hour, ALL);
    assert_eq!((hours.len(), hours[0].windows.len(), hours[0].windows[0].takings), (1, 1, hours[0].total));
    assert!(fold.of(OrganizationId(8), EventId(1), None, Size::Minute, ALL).is_empty());
}

#[test]
fn a_late_order_corrects_its_minute() {
    let (fold, _) =
        run(&[took(1, Currency::EUR, 30, 10), took(1, Currency::EUR, 130, 20), took(1, Currency::EUR, 59, 5)]);
    let found = fold.of(ACME, EventId(1), None, Size::Minute, ALL);
    let sums: Vec<_> = found[0].windows.iter().map(|one| (one.start.seconds(), one.takings.gross_minor)).collect();
    assert_eq!(sums, [(0, 15), (120, 20)]);
    let some = fold.of(ACME, EventId(1), None, Size::Minute, (Timestamp(1), Timestamp::MAX));
    assert_eq!((some[0].windows.len(), some[0].total.gross_minor), (1, 35), "the total is of all time");
}

#[test]
fn an_answer_of_many_currencies_holds_fewer_windows_of_each() {
    let mut inputs = Vec::new();
    for currency in 1..=8 {
        inputs.extend((0..1_000).map(|minute| took(1, Currency(currency), minute * 60, 1)));
    }
    let found = run(&inputs).0.of(ACME, EventId(1), None, Size::Minute, ALL);
    let windows: Vec<_> =
        found.iter().map(|one| (one.windows.len(), one.windows.last().unwrap().start.seconds())).collect();
    assert_eq!(windows, [(WINDOWS_ALL_MAX / 8, 999 * 60); 8]);
}

#[test]
fn the_oldest_till_is_forgotten_at_the_bound_but_landed() {
    let inputs: Vec<Took> = (1..=TILLS_MAX as u128 + 1).map(|event| took(event, Currency::EUR, 1, 3)).collect();
    let (fold, run) = run(&inputs);
    assert_eq!((fold.len(), fold.forgotten(ACME)), (TILLS_MAX, 1));
    assert_eq!((fold.total(&till(1, Currency::EUR)), fold.total(&till(2, Currency::EUR)).unwrap().orders), (None, 1));
    assert_eq!(run.landed.len(), TILLS_MAX + 1);
}

#[test]
fn amounts_that_nobody_can_pay_end_at_64_bits() {
    let amounts = [i64::MAX, i64::MAX, i64::MIN, i64::MIN];
    let inputs = amounts.map(|amount| took(1, Currency::EUR, 1, amount));
    let total = run(&inputs).0.total(&till(1, Currency::EUR)).unwrap();
    assert_eq!((total.gross_minor, total.refunded_minor), (i64::MAX, i64::MAX));
}

fn table(rows: &[RevenueRow]) -> BTreeMap<(Till, Timestamp), Takings> {
    let mut sums = BTreeMap::<_, Takings>::new();
    rows.iter().for_each(|row| *sums.entry((row.till, row.start)).or_default() += row.added);
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn sums_equal_their_naive_twin_and_keep_the_laws(
        steps in proptest::collection::vec((0u128..2, 0usize..2, -200i64..9_000, -500i64..2_000), 1..100),
        chance: u64,
    ) {
        let currencies = [Currency::EUR, Currency::USD];
        let inputs: Vec<Took> =
            steps.iter().map(|(event, currency, time, amount)| took(*event, currencies[*currency], *time, *amount)).collect();
        let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, *input)));
        let (fold, landed) = run(&inputs);
        let mut twin = BTreeMap::<(Till, Timestamp), (i64, i64, u64)>::new();
        for (event, currency, time, amount) in &steps {
            let minute = Timestamp::from_seconds(time.div_euclid(60) * 60);
            let sums = twin.entry((till(*event, currencies[*currency]), minute)).or_default();
            *sums = (sums.0 + amount.max(&0), sums.1 - amount.min(&0), sums.2 + 1);
        }
        let short = |one: &Takings| (one.gross_minor, one.refunded_minor, one.orders + one.refunds);
        let mut shown = BTreeMap::new();
        for event in [0, 1] {
            for series in fold.of(ACME, EventId(event), None, Size::Minute, ALL) {
                let key = till(event, series.currency);
                shown.extend(series.windows.iter().map(|one| ((key, one.start), short(&one.takings))));
            }
        }
        prop_assert_eq!(&shown, &twin);
        let told: BTreeMap<_, _> = table(&landed.landed).into_iter().map(|(key, sums)| (key, short(&sums))).collect();
        prop_assert_eq!(&told, &twin);
        let ask = |fold: &Revenue| Size::ALL.map(|size| [0, 1].map(|event| fold.of(ACME, EventId(event), None, size, ALL)));
        laws::check::<Revenue, _, _>(&log, chance, ask, table);
    }
}
