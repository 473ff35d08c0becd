//! Segments against a naive recount of every visitor's records, and the laws.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use records::{Currency, Kind, OrganizationId, SegmentId, SessionId, Text, Timestamp, Token};
use rules::segment::{Rule, SegmentPlan, SegmentRule, Trait};
use rules::window::tick;

use super::*;
use crate::laws;

const ACME: OrganizationId = OrganizationId(1);
/// The log begins at a round instant, so that failures read well.
const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

const RULES: [&str; 7] = [
    r#""count(item_viewed) >= 3""#,
    r#""count(item_viewed, 10m) >= 2""#,
    r#"{"all":["count(session_joined, 1h) >= 1",{"not":"seen within 2m"}]}"#,
    r#"{"any":["spend(EUR) >= 500","sessions >= 2"]}"#,
    r#"{"all":["country(DE)","category(rust) >= 1"]}"#,
    r#""first_seen within 20m""#,
    r#"{"all":["countries >= 2",{"any":["session(s2)","count(order_reported, 24h) = 1"]}]}"#,
];

fn plan(version: u32, rules: &[&str]) -> SegmentInput {
    let rules: Vec<SegmentRule> = rules
        .iter()
        .map(|text| {
            let place = RULES.iter().position(|known| known == text).unwrap();
            let id = SegmentId::parse(&format!("s{place}")).unwrap();
            SegmentRule { id, title: String::new(), when: serde_json::from_str(text).unwrap() }
        })
        .collect();
    SegmentInput::Rules { organization: ACME, plan: Arc::new(SegmentPlan::new(version, &rules)) }
}

fn seen(actor: u64, what: u8) -> SegmentInput {
    let kinds = [Kind::ItemViewed, Kind::SessionJoined, Kind::OrderReported, Kind::Page];
    let kind = kinds[usize::from(what % 4)];
    let joined = if kind == Kind::SessionJoined {
        SessionId::parse(&format!("s{}", what % 3)).unwrap()
    } else {
        SessionId::NONE
    };
    let paid = if kind == Kind::OrderReported { 300 } else { 0 };
    let country = Text::new(["", "DE", "FR"][usize::from(what % 3)]);
    let category = Text::new(["", "rust", "go", "ml", "web"][usize::from(what % 5)]);
    let seen = Seen { kind, country, category, joined, paid, currency: Currency::EUR };
    SegmentInput::Seen { organization: ACME, actor: Token(actor), seen }
}

fn key(actor: u64) -> VisitorKey {
    VisitorKey { organization: ACME, actor: Token(actor) }
}

/// Whether a condition holds, from everything that a visitor did while rules were in force.
fn naive(condition: &Trait, past: &[(Timestamp, Seen)], now: Timestamp) -> bool {
    let countries: Vec<&Text> = past.iter().map(|(_, seen)| &seen.country).filter(|text| text.is_some()).collect();
    let joined: BTreeSet<SessionId> =
        past.iter().map(|(_, seen)| seen.joined).filter(|session| session.is_some()).collect();
    match condition {
        Trait::Count(kind, window, compare, value) => {
            let inside = |at: Timestamp| window.is_none_or(|window| window.floor(tick(at)) >= window.start(tick(now)));
            let count = past.iter().filter(|(at, seen)| seen.kind == *kind && inside(*at)).count();
            compare.holds(count as i64, *value)
        }
        Trait::Spend(currency, compare, value) => {
            let paid = past.iter().filter(|(_, seen)| seen.currency == *currency).map(|(_, seen)| seen.paid).sum();
            compare.holds(paid, *value)
        }
        Trait::Category(name, compare, value) => {
            compare.holds(past.iter().filter(|(_, seen)| seen.category == *name).count() as i64, *value)
        }
        Trait::Sessions(compare, value) => compare.holds(joined.len() as i64, *value),
        Trait::Countries(compare, value) => {
            compare.holds(countries.iter().collect::<BTreeSet<_>>().len() as i64, *value)
        }
        Trait::Session(session) => joined.contains(session),
        Trait::Country(code) => countries.last().is_some_and(|last| *last == code),
        Trait::SeenWithin(length) => now < past.last().unwrap().0 + length.0,
        Trait::FirstSeenWithin(length) => now < past[0].0 + length.0,
    }
}

fn told(rows: &[SegmentChangeRow]) -> Vec<SegmentChangeRow> {
    let mut rows = rows.to_vec();
    rows.sort();
    rows
}

/// Who is in what after all changes, in the order in which they came.
fn standing(rows: &[SegmentChangeRow]) -> BTreeSet<(Token, SegmentId)> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.number);
    let mut standing = BTreeSet::new();
    for row in rows {
        let turned = if row.joined {
            standing.insert((row.actor, row.segment))
        } else {
            standing.remove(&(row.actor, row.segment))
        };
        assert!(turned, "nobody joins twice or leaves what they are not in: {row:?}");
    }
    standing
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn memberships_equal_a_recount(
        steps in proptest::collection::vec((0i64..400, 1u64..4, 0u8..60), 1..60),
        idle in 0i64..90_000,
        republish in any::<prop::sample::Index>(),
        chance: u64,
    ) {
        let mut inputs = vec![(1, plan(1, &RULES))];
        inputs.extend(steps.iter().map(|(gap, actor, what)| (gap * 1_000_000, seen(*actor, *what))));
        // Rules change on the way: some segments go, the others get other bits. Windows are asked about throughout.
        let again = 1 + republish.index(inputs.len());
        let kept = [RULES[2], RULES[1], RULES[6], RULES[0], RULES[5], RULES[3]];
        inputs.insert(again, (1, plan(2, &kept)));
        // Time goes on although nobody does anything.
        inputs.push((idle * 1_000_000, SegmentInput::Rules { organization: OrganizationId(9), plan: Arc::default() }));
        let log = laws::log(START, inputs);
        let ask = |fold: &Segments| {
            let visitors: Vec<_> = (1..4).map(|actor| (fold.segments_of(key(actor)), fold.profile(key(actor)))).collect();
            (visitors, fold.counts(ACME).collect::<Vec<_>>())
        };
        laws::check::<Segments, _, _>(&log, chance, ask, told);

        let (fold, run) = laws::whole::<Segments>(&log);
        let now = log.last().unwrap().0.now();
        let mut past = BTreeMap::<Token, Vec<(Timestamp, Seen)>>::new();
        for (at, input) in &log {
            if let SegmentInput::Seen { actor, seen, .. } = input {
                past.entry(*actor).or_default().push((at.now(), seen.clone()));
            }
        }
        let mut expected = BTreeSet::new();
        for (actor, past) in &past {
            for text in kept {
                let rule: Rule = serde_json::from_str(text).unwrap();
                if rule.holds(&mut |condition| naive(condition, past, now)) {
                    let place = RULES.iter().position(|known| *known == text).unwrap();
                    expected.insert((*actor, SegmentId::parse(&format!("s{place}")).unwrap()));
                }
            }
        }
        let live: BTreeSet<_> = past
            .keys()
            .flat_map(|actor| fold.segments_of(key(actor.0)).into_iter().map(|segment| (*actor, segment)))
            .collect();
        prop_assert_eq!(&live, &expected);
        prop_assert_eq!(standing(&run.landed), expected);
        for (segment, count) in fold.counts(ACME) {
            let members = live.iter().filter(|(_, known)| *known == segment).count() as u64;
            prop_assert_eq!(count, members);
            prop_assert_eq!(fold.members(ACME, segment).len() as u64, members);
        }
    }
}

#[test]
fn somebody_leaves_at_the_instant_a_condition_ends() {
    let seen_lately = |at: i64| (at, plan(1, &[RULES[5]]));
    let log = laws::log(START, [seen_lately(1), (1, seen(1, 3)), (3_600_000_000, seen(2, 3))]);
    let (_, run) = laws::whole::<Segments>(&log);
    let first = log[1].0.now();
    let left: Vec<_> = run.landed.iter().filter(|row| !row.joined).collect();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].actor, left[0].at), (Token(1), first + records::Span::from_seconds(1_200)));
}

#[test]
fn without_segments_nothing_is_kept() {
    let log = laws::log(START, [(1, seen(1, 0)), (1, plan(1, &[])), (1, seen(1, 0))]);
    let (fold, run) = laws::whole::<Segments>(&log);
    assert_eq!((crate::state::Fold::len(&fold), run.landed.len()), (0, 0));
}

#[test]
fn who_is_forgotten_leaves() {
    let half = PROFILES_PER_BIN_MAX as u64 / 2;
    let mut inputs = vec![(1, plan(1, &[RULES[3]]))];
    // Visitor 0 spends, then everybody else comes by.
    inputs.extend([(1, seen(0, 2)), (1, seen(0, 2))]);
    inputs.extend((1..=2 * half).map(|actor| (1, seen(actor, 3))));
    let (fold, run) = laws::whole::<Segments>(&laws::log(START, inputs));
    let changes: Vec<bool> = run.landed.iter().map(|row| row.joined).collect();
    assert_eq!((changes, fold.counts(ACME).count(), fold.forgotten()), (vec![true, false], 0, half));
}
