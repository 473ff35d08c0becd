//! Audiences against sets made by hand, and the laws of folds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use records::{EventId, OrganizationId, Text, Timestamp, Token};

use super::*;
use crate::laws;
use crate::state::Fold;
use crate::windows::UniqueCount;

const ACME: OrganizationId = OrganizationId(7);

fn crowd(event: u128) -> Crowd {
    Crowd { organization: ACME, event: EventId(event), by: By::Country }
}

fn came(event: u128, value: &str, actors: &[u64]) -> Input {
    let actors = actors.iter().map(|actor| Token(*actor)).collect();
    Input { crowd: crowd(event), value: Text::new(value), actors }
}

fn run(inputs: &[Input]) -> (Audience, laws::Run<Audience>) {
    laws::whole::<Audience>(&laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone()))))
}

fn shares(split: &Split) -> Vec<(&str, u64)> {
    split.shares.iter().map(|share| (share.value.as_str(), share.visitors.count)).collect()
}

#[test]
fn somebody_with_two_values_is_in_both_and_in_the_whole_once() {
    let (fold, _) =
        run(&[came(1, "DE", &[5, 6]), came(1, "FR", &[6, 7, 7]), came(1, "DE", &[5, 8]), came(2, "DE", &[9])]);
    let split = fold.split(&crowd(1), 10).unwrap();
    assert_eq!(shares(&split), [("DE", 3), ("FR", 2)]);
    assert_eq!((split.visitors.count, split.values, split.other.count), (4, 2, 0));
    assert_eq!(shares(&fold.split(&crowd(1), 1).unwrap()), [("DE", 3)]);
    assert_eq!(fold.split(&crowd(3), 1), None);
}

#[test]
fn values_past_the_bound_are_one() {
    let value = |number: usize| format!("v{number:03}");
    let inputs: Vec<Input> = (0..VALUES_MAX + 3).map(|number| came(1, &value(number), &[number as u64 + 1])).collect();
    let (fold, _) = run(&[inputs, vec![came(1, &value(0), &[900]), came(1, &value(VALUES_MAX), &[900])]].concat());
    let split = fold.split(&crowd(1), usize::MAX).unwrap();
    assert_eq!((split.values, split.shares.len(), split.other.count), (VALUES_MAX, VALUES_MAX, 4));
    assert_eq!((shares(&split)[0], split.visitors.count), (("v000", 2), VALUES_MAX as u64 + 4));
}

#[test]
fn a_crowd_of_thousands_is_estimated_and_says_so() {
    let actors: Vec<u64> = (1..=5_000).collect();
    let (fold, run) = run(&[came(1, "DE", &actors)]);
    let found = fold.split(&crowd(1), 1).unwrap().shares[0].visitors;
    assert!(!found.exact && found.count.abs_diff(5_000) < 400, "{found:?}");
    let rows: Vec<_> = run.landed.iter().map(|row| (row.part.clone(), row.visitors)).collect();
    assert_eq!(rows, [(Part::All, found), (Part::Value("DE".into()), found)]);
}

#[test]
fn nothing_changes_when_nobody_new_comes() {
    use crate::state::{At, Effects};
    let (mut fold, mut effects) = (Audience::default(), Effects::default());
    let at = At { pos: records::Pos::default() };
    for (actors, changed) in [(&[5][..], 1), (&[5, 5], 0), (&[5, 6], 1)] {
        effects.changed.clear();
        fold.apply(at, &came(1, "DE", actors), &mut effects);
        assert_eq!(effects.changed.len(), changed, "{actors:?}");
    }
}

#[test]
fn the_oldest_crowd_is_forgotten_at_the_bound_but_landed() {
    let inputs: Vec<Input> = (1..=CROWDS_MAX as u128 + 1).map(|event| came(event, "DE", &[5])).collect();
    let (fold, run) = run(&[inputs, vec![came(1, "FR", &[6, 7])]].concat());
    assert_eq!((fold.len(), fold.forgotten(ACME), fold.split(&crowd(2), 1)), (CROWDS_MAX, 2, None));
    assert_eq!(shares(&fold.split(&crowd(1), 2).unwrap()), [("FR", 2)]);
    let told = table(&run.landed);
    assert_eq!(told[&(crowd(2), Part::All)].count, 1, "told before it was forgotten");
    assert_eq!((told[&(crowd(1), Part::All)].count, told[&(crowd(1), Part::Value("DE".into()))].count), (2, 1));
}

fn table(rows: &[AudienceRow]) -> BTreeMap<(Crowd, Part), UniqueCount> {
    rows.iter().map(|row| ((row.crowd, row.part.clone()), row.visitors)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn people_equal_their_naive_twin_and_keep_the_laws(
        steps in proptest::collection::vec((0u128..2, 0usize..4, proptest::collection::vec(0u64..9, 1..4)), 1..80),
        chance: u64,
    ) {
        let values = ["DE", "FR", "GB", "US"];
        let inputs: Vec<Input> = steps.iter().map(|(event, value, actors)| came(*event, values[*value], actors)).collect();
        let log = laws::log(Timestamp(0), inputs.iter().map(|input| (1, input.clone())));
        let (fold, landed) = run(&inputs);
        for event in [0, 1] {
            let mut twin = BTreeMap::<&str, BTreeSet<u64>>::new();
            let mut all = BTreeSet::new();
            for (_, value, actors) in steps.iter().filter(|step| step.0 == event) {
                let somebody = actors.iter().filter(|actor| **actor != 0);
                all.extend(somebody.clone());
                twin.entry(values[*value]).or_default().extend(somebody);
            }
            let split = fold.split(&crowd(event), usize::MAX);
            let shown: BTreeMap<&str, u64> = split.iter().flat_map(shares).collect();
            let people = |actors: &BTreeSet<u64>| actors.len() as u64;
            let expected: BTreeMap<&str, u64> = twin.iter().map(|(value, actors)| (*value, people(actors))).collect();
            prop_assert_eq!(&shown, &expected);
            prop_assert_eq!(split.as_ref().map_or(0, |split| split.visitors.count), people(&all));
            let told = table(&landed.landed);
            for (value, count) in expected.into_iter().filter(|(_, count)| *count > 0) {
                prop_assert_eq!(told[&(crowd(event), Part::Value(value.into()))].count, count);
            }
        }
        let ask = |fold: &Audience| [0, 1].map(|event| fold.split(&crowd(event), usize::MAX));
        laws::check::<Audience, _, _>(&log, chance, ask, table);
    }
}
