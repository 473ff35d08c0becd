//! Audiences as sets of people, one record after the other.

use std::collections::{BTreeMap, BTreeSet};

use records::{Text, Token};
use views::audience::{Audience as View, By, Crowd, Part, VALUES_MAX, device_of};
use views::shards::Reader;
use views::state::Fold;
use views::windows::{UniqueCount, Uniques};

use super::{Differences, Row};

/// How far an estimate may be off: five standard errors of 1.6 %.
const ESTIMATE_SLACK_PER_MILLE: u64 = 82;

/// The people of each audience.
#[derive(Debug, Default)]
pub struct Audience(BTreeMap<Crowd, People>);

#[derive(Debug, Default)]
struct People {
    all: BTreeSet<Token>,
    values: BTreeMap<Text, BTreeSet<Token>>,
    other: BTreeSet<Token>,
}

impl Audience {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        if !record.kind.is_activity() || !record.actor.is_some() {
            return;
        }
        for by in By::ALL {
            let value = match by {
                By::Device => Text::new(device_of(&record.platform)),
                By::Platform => record.platform.clone(),
                By::Country => record.country.clone(),
                By::Language => record.language.clone(),
            };
            if !value.is_some() {
                continue;
            }
            let people =
                self.0.entry(Crowd { organization: record.organization, event: record.event, by }).or_default();
            people.all.insert(record.actor);
            // The bound is part of what the view says it is.
            if people.values.len() < VALUES_MAX || people.values.contains_key(&value) {
                people.values.entry(value).or_default().insert(record.actor);
            } else {
                people.other.insert(record.actor);
            }
        }
    }

    /// The people of every audience and part, as they are counted: exactly, or by the estimate that follows from the set of
    /// them. This is what the newest landed rows say.
    pub fn counts(&self) -> BTreeMap<(Crowd, Part), UniqueCount> {
        self.people().map(|(key, people)| (key, people.iter().collect::<Uniques>().count())).collect()
    }

    fn people(&self) -> impl Iterator<Item = ((Crowd, Part), &BTreeSet<Token>)> {
        self.0.iter().flat_map(|(crowd, people)| {
            let values = people.values.iter().map(|(value, actors)| (Part::Value(value.clone()), actors));
            let all = [(Part::All, &people.all), (Part::Other, &people.other)];
            let some = all.into_iter().chain(values).filter(|(_, actors)| !actors.is_empty());
            some.map(|(part, actors)| ((*crowd, part), actors))
        })
    }

    /// Compares every count: what is exact with the number of people, what is estimated with the estimate of the same people
    /// and, within its error, with their number.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        let mut shown = BTreeMap::new();
        for crowd in self.0.keys() {
            let (split, _) = reader.read(crowd.hash(), |bin| bin.split(crowd, usize::MAX));
            let Some(split) = split else { continue };
            let values = split.shares.into_iter().map(|share| (Part::Value(share.value), share.visitors));
            let all = [(Part::All, split.visitors), (Part::Other, split.other)];
            let some = all.into_iter().chain(values).filter(|(_, visitors)| visitors.count > 0);
            shown.extend(some.map(|(part, visitors)| ((*crowd, part), visitors)));
        }
        differences.same_map(&shown, &self.counts());
        for (key, people) in self.people() {
            let (people, view) = (people.len() as u64, shown.get(&key).map_or(0, |view| view.count));
            let exact = shown.get(&key).is_some_and(|view| view.exact);
            let slack = if exact { 0 } else { people * ESTIMATE_SLACK_PER_MILLE / 1_000 };
            let close = if view.abs_diff(people) <= slack { people } else { view };
            differences.same(|| format!("{key:?} people"), &close, &people);
        }
        let mut crowds = 0;
        reader.scan(|_, bin| crowds += bin.len());
        differences.same(|| "audiences".into(), &crowds, &self.0.len());
        differences
    }
}
