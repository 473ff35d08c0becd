//! Recommendations against a naive cut of visits, and the laws.

use std::collections::BTreeMap;

use models::visits::{Query, VISIT_ITEMS_MAX, VisitIndex};
use proptest::prelude::*;
use records::{EventId, ItemId, OrganizationId, Span, Text, Timestamp, Token};

use super::fold::Place;
use super::*;
use crate::laws;
use crate::state::{Effects, Fold};

const ACME: OrganizationId = OrganizationId(1);
const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn viewed(event: u128, visitor: u64, item: u128, second: i64) -> RecommendInput {
    let (event, time) = (EventId(event), Timestamp::from_seconds(second));
    RecommendInput::Viewed { organization: ACME, event, visitor: Token(visitor), item: ItemId(item), time }
}

fn listed(item: u128, title: &str, ends: Option<i64>, capacity: Option<u32>) -> RecommendInput {
    RecommendInput::Listed {
        organization: ACME,
        event: EventId(1),
        item: ItemId(item),
        title: Text::new(title),
        ends: ends.map(Timestamp::from_seconds),
        capacity,
    }
}

fn place(item: u128, actor: u64, place: Place, taken: bool) -> RecommendInput {
    let (event, item) = (EventId(1), ItemId(item));
    RecommendInput::Place { organization: ACME, event, item, actor: Token(actor), place, taken }
}

fn key(event: u128, visitor: u64) -> VisitorKey {
    VisitorKey { organization: ACME, event: EventId(event), visitor: Token(visitor) }
}

fn fold(inputs: Vec<RecommendInput>) -> Recommend {
    laws::whole::<Recommend>(&laws::log(Timestamp(0), inputs.into_iter().map(|input| (1, input)))).0
}

fn next(fold: &Recommend, visitor: u64) -> Vec<(String, String)> {
    let answer = fold.next(key(1, visitor), NOW, 5);
    answer.next.into_iter().map(|found| (found.item.item.to_string(), found.reason)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn answers_equal_a_naive_cut_of_visits(
        views in proptest::collection::vec((0u128..2, 1u64..5, 1u128..9, 0i64..1_200, 0i64..4), 1..90),
        chance: u64,
    ) {
        let mut now = 0;
        let mut inputs = Vec::new();
        for (event, visitor, item, gap, late) in &views {
            now += gap;
            let second = if *late == 0 { now - 2_000 } else { now };
            inputs.push((*event, *visitor, *item, second));
        }
        let log = laws::log(
            Timestamp(0),
            inputs.iter().map(|(event, visitor, item, second)| (1, viewed(*event, *visitor, *item, *second))),
        );
        let ask = |fold: &Recommend| {
            let keys = [0, 1].into_iter().flat_map(|event| (1..5).map(move |visitor| key(event, visitor)));
            let answers: Vec<_> = keys.map(|key| fold.next(key, NOW, 9)).collect();
            (answers, fold.also_viewed(ACME, EventId(1), ItemId(3), NOW, 9), fold.late(), fold.visits())
        };
        let told = |rows: &[NeighbourRow]| {
            let mut rows = rows.to_vec();
            rows.sort_by_key(|row| (row.as_of, row.event, row.item));
            rows
        };
        laws::check::<Recommend, _, _>(&log, chance, ask, told);

        // The twin: all visits as lists, cut by idle time; then the index over one event's visits alone.
        let mut visits: Vec<(u128, Vec<u128>)> = Vec::new();
        let mut current = BTreeMap::<(u128, u64), (usize, i64)>::new();
        for (event, visitor, item, second) in inputs {
            let known = current.get(&(event, visitor)).copied();
            if known.is_some_and(|(_, last)| second + 1_800 < last) {
                continue;
            }
            let place = match known {
                Some((place, last)) if second <= last + 1_800 => place,
                _ => {
                    visits.push((event, Vec::new()));
                    visits.len() - 1
                }
            };
            visits[place].1.retain(|other| *other != item);
            visits[place].1.push(item);
            let last = known.filter(|(at, _)| *at == place).map_or(second, |(_, last)| last.max(second));
            current.insert((event, visitor), (place, last));
        }
        let (fold, _) = laws::whole::<Recommend>(&log);
        for ((event, visitor), (place, _)) in current {
            let mine = visits.iter().filter(|visit| visit.0 == event).map(|visit| (0, visit.1.clone()));
            let index = VisitIndex::restore(1_000, 0, mine.collect::<Vec<_>>());
            let expected = index.next(&visits[place].1, &Query { limit: 9, ..Query::default() }, |_| true);
            let found = fold.next(key(event, visitor), NOW, 9);
            let by_visits: Vec<_> = found.next.iter().filter(|found| found.because.is_some()).collect();
            prop_assert_eq!(by_visits.len(), expected.len());
            for (found, expected) in by_visits.into_iter().zip(expected) {
                prop_assert_eq!(found.item.item.0, expected.item);
                prop_assert_eq!(found.score, expected.score);
                prop_assert_eq!(found.because.as_ref().unwrap().item.0, expected.because);
            }
        }
    }
}

fn told_by(inputs: &[(i64, RecommendInput)], until: i64) -> Vec<NeighbourRow> {
    let seconds = inputs.iter().cloned().map(|(gap, input)| (gap * 1_000_000, input));
    let (mut fold, mut run) = laws::whole::<Recommend>(&laws::log(Timestamp(0), seconds));
    fold.advance(Timestamp::from_seconds(until), &mut Effects::default());
    fold.land(&mut run.landed);
    run.landed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_goes_with_what_is_told_as_it_was_when_it_was_due(
        views in proptest::collection::vec((1u64..5, 1u128..6, 0i64..1_500), 1..60),
    ) {
        let mut now = 0;
        let mut inputs = Vec::new();
        let mut times = Vec::new();
        for (visitor, item, gap) in views {
            now += gap.max(1);
            times.push((now, visitor, item));
            inputs.push((gap.max(1), viewed(1, visitor, item, now)));
        }
        let rows = told_by(&inputs, now + 4_000);
        let due = |second| next_telling(ACME, EventId(1), Timestamp::from_seconds(second)).seconds();
        // The twin: for each hour in which something changed, the state of all visits at its end.
        let mut expected = Vec::new();
        let mut visits: Vec<Vec<u128>> = Vec::new();
        let mut current = BTreeMap::<u64, (usize, i64)>::new();
        let mut changed = std::collections::BTreeSet::new();
        for (number, (second, visitor, item)) in times.iter().enumerate() {
            let place = match current.get(visitor) {
                Some((place, last)) if *second <= last + 1_800 => *place,
                _ => {
                    visits.push(Vec::new());
                    visits.len() - 1
                }
            };
            current.insert(*visitor, (place, *second));
            if !visits[place].contains(item) {
                visits[place].push(*item);
                changed.extend(visits[place].iter().copied());
            }
            if times.get(number + 1).is_some_and(|next| next.0 < due(*second)) {
                continue;
            }
            for item in std::mem::take(&mut changed) {
                let with = visits.iter().filter(|visit| visit.contains(&item));
                let mut counts = BTreeMap::<u128, u32>::new();
                with.clone().flatten().filter(|other| **other != item).for_each(|other| *counts.entry(*other).or_default() += 1);
                let mut counts: Vec<_> = counts.into_iter().collect();
                counts.sort_by_key(|(other, count)| (std::cmp::Reverse(*count), *other));
                expected.push((due(*second), item, with.count() as u32, counts));
            }
        }
        let mut found: Vec<_> = rows.into_iter().map(|row| {
            let neighbours: Vec<_> = row.neighbours.iter().map(|(item, visits)| (item.0, *visits)).collect();
            (row.as_of.seconds(), row.item.0, row.visits, neighbours)
        }).collect();
        found.sort();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn an_events_second_of_the_hour_comes_after_the_change() {
    for event in 0..50 {
        let (event, now) = (EventId(event), Timestamp::from_seconds(7_200));
        let due = next_telling(ACME, event, now);
        assert!(due > now && due <= now + Span::HOUR);
        assert_eq!(next_telling(ACME, event, Timestamp(due.0 - 1)), due);
        assert_eq!(next_telling(ACME, event, due), due + Span::HOUR, "what changes then is not in it");
    }
}

#[test]
fn of_very_many_items_the_most_visited_are_told() {
    let most = TOLD_MAX as u64 + 10;
    let mut inputs: Vec<_> = (0..most).map(|item| (0, viewed(1, item, u128::from(item) + 1, 0))).collect();
    inputs.push((1, viewed(1, most, u128::from(most), 0)));
    let rows = told_by(&inputs, 9_000);
    assert_eq!(rows.len(), TOLD_MAX);
    let twice = rows.iter().find(|row| row.item.0 == u128::from(most)).map(|row| row.visits);
    assert_eq!(twice, Some(2), "it is in more visits than any other");
    assert!(rows.iter().all(|row| row.item.0 == u128::from(most) || row.item.0 < u128::from(TOLD_MAX as u64 + 1)));
}

#[test]
fn reasons_name_what_was_viewed() {
    let item = |name: &str| ItemId::parse(name).unwrap().0;
    let mut inputs: Vec<_> = (1..4).flat_map(|v| [viewed(1, v, item("a"), 0), viewed(1, v, item("b"), 1)]).collect();
    inputs.extend([viewed(1, 9, item("z"), 0), viewed(1, 8, item("a"), 5), listed(item("a"), "Keynote", None, None)]);
    let found = next(&fold(inputs), 8);
    assert_eq!(found[0], ("b".into(), "because you viewed Keynote".into()));
    assert_eq!(found[1], ("z".into(), "popular now: in 1 recent visits".into()));
}

#[test]
fn ended_and_full_items_are_left_out() {
    let views = (1..4).flat_map(|visitor| (1..6).map(move |item| viewed(1, visitor, item, 0)));
    let mut inputs: Vec<_> = views.chain([viewed(1, 8, 1, 0)]).collect();
    inputs.extend([
        listed(2, "ended", Some(1_000), None),
        listed(3, "running", Some(1_001), None),
        listed(4, "full", None, Some(2)),
        listed(5, "free again", None, Some(1)),
        place(4, 11, Place::Registered, true),
        place(4, 11, Place::Registered, true),
        place(4, 12, Place::Registered, true),
        place(5, 11, Place::Present, true),
        place(5, 11, Place::Present, false),
    ]);
    let fold = fold(inputs);
    let mut items: Vec<u128> = fold.next(key(1, 8), NOW, 9).next.iter().map(|found| found.item.item.0).collect();
    items.sort_unstable();
    assert_eq!(items, [3, 5]);
}

#[test]
fn a_stranger_gets_what_is_popular_in_this_event() {
    let fold = fold(vec![viewed(1, 1, 5, 0), viewed(1, 2, 5, 0), viewed(1, 3, 6, 0), viewed(2, 4, 7, 0)]);
    let items: Vec<u128> = fold.next(key(1, 99), NOW, 9).next.iter().map(|found| found.item.item.0).collect();
    assert_eq!(items, [5, 6]);
}

#[test]
fn a_robots_endless_visit_is_cut() {
    let fold = fold((0..100).map(|item| viewed(1, 1, item + 1, 0)).collect());
    assert_eq!(fold.visits(), 100usize.div_ceil(VISIT_ITEMS_MAX));
}
