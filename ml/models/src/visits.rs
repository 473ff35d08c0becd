//! The index of recent visits: session-kNN in the manner of VMIS-kNN (Kersbergen, Sprangers, Schelter: "Serenade - Low-Latency
//! Session-Based Recommendation in e-Commerce at Scale", SIGMOD 2022), kept up to date view by view.
//!
//! A visit is a list of distinct items, the last viewed one last. Each item knows its [`RECENT_MAX`] most recent
//! visits by number; visits are numbered as they open, and the oldest are forgotten first. The index holds integers
//! only; scores are made at the time of the question.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;
use records::hash::FixedState;

use crate::exact::ln;

/// The most visits that an item remembers: `m` of the paper.
pub const RECENT_MAX: usize = 500;
/// The most items of one visit; a longer one goes on as another visit, so that one robot cannot own the index.
pub const VISIT_ITEMS_MAX: usize = 32;
/// The most items of the current visit that a question looks at: the weight of older ones is 0 anyway.
pub const EVOLVING_MAX: usize = 10;

/// The number of a visit. Numbers wrap after 2^32 visits; far fewer are alive.
pub type Visit = u32;

/// An incremental index of visits over items of type `K`.
#[derive(Debug, Clone)]
pub struct VisitIndex<K> {
    visits: VecDeque<Open>,
    first: Visit,
    visits_max: usize,
    places: HashMap<K, u32, FixedState>,
    items: Vec<Item<K>>,
    free: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
struct Open {
    // Places in `items`, the last viewed last.
    items: Vec<u32>,
    // The scope: idf counts visits of the same one.
    scope: u64,
}

#[derive(Debug, Clone)]
struct Item<K> {
    key: K,
    // Visit numbers, ascending as they were opened.
    recent: VecDeque<Visit>,
    // All live visits with it, those beyond RECENT_MAX included.
    visits: u32,
}

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// How many of the most recent matching visits are compared: `m` of the paper.
    pub recent: usize,
    /// How many of the most similar of those vote: `k` of the paper.
    pub neighbours: usize,
    /// How many items are wanted.
    pub limit: usize,
    /// How many visits there are in the scope of the question; 0 for all of the index.
    pub population: u64,
}

impl Default for Query {
    fn default() -> Self {
        Self { recent: RECENT_MAX, neighbours: 100, limit: 20, population: 0 }
    }
}

/// An item that similar visits went on to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suggestion<K> {
    /// The item.
    pub item: K,
    /// Its score; comparable within one answer only.
    pub score: f64,
    /// The item of the current visit that speaks most for it.
    pub because: K,
}

/// What neighbours said for one item.
struct Vote {
    place: u32,
    idf: f64,
    score: f64,
    by: [f64; EVOLVING_MAX],
}

/// Votes by item: a small map to places in a list, because the votes themselves are too large to move about.
struct Votes {
    by_item: HashMap<u32, u32, FixedState>,
    list: Vec<Vote>,
}

impl<K: Copy + Ord + Hash> VisitIndex<K> {
    /// An empty index that keeps at most `visits_max` visits.
    ///
    /// # Panics
    /// When `visits_max` is 0 or beyond 2^31, where visit numbers could no longer be told apart.
    pub fn new(visits_max: usize) -> Self {
        assert!((1..=1 << 31).contains(&visits_max), "visits are numbered by 32 bits");
        Self {
            visits: VecDeque::new(),
            first: 0,
            visits_max,
            places: HashMap::default(),
            items: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Opens a visit in a scope; the oldest visit of all scopes is forgotten when the index is full.
    pub fn open(&mut self, scope: u64) -> Visit {
        if self.visits.len() >= self.visits_max {
            self.forget();
        }
        let visit = self.first.wrapping_add(count(self.visits.len()));
        self.visits.push_back(Open { items: Vec::new(), scope });
        visit
    }

    /// The scope of the visit that the next [`VisitIndex::open`] forgets, if it forgets one.
    pub fn next_forgotten(&self) -> Option<u64> {
        (self.visits.len() >= self.visits_max).then(|| self.visits.front().map(|visit| visit.scope)).flatten()
    }

    /// Adds an item to a visit, or makes it the last viewed one. Returns whether it could: a visit that is forgotten or
    /// full takes no more.
    pub fn add(&mut self, visit: Visit, key: K) -> bool {
        let Some(at) = self.at(visit) else { return false };
        if let Some(known) = self.places.get(&key).copied()
            && let Some(found) = self.visits[at].items.iter().position(|item| *item == known)
        {
            self.visits[at].items[found..].rotate_left(1);
            return true;
        }
        if self.visits[at].items.len() >= VISIT_ITEMS_MAX {
            return false;
        }
        let place = self.place(key);
        let items = &mut self.visits[at].items;
        if items.len() == items.capacity() {
            // Most visits are short: doubling from 4 would waste half of a million small lists.
            items.reserve_exact(items.len().max(2));
        }
        items.push(place);
        let first = self.first;
        self.items[place as usize].remember(visit, first);
        true
    }

    /// The items of a visit, the last viewed last; none when it is forgotten.
    pub fn items_of(&self, visit: Visit) -> impl DoubleEndedIterator<Item = K> + '_ {
        let items = self.at(visit).map_or(&[] as &[u32], |at| &self.visits[at].items);
        items.iter().map(|place| self.items[*place as usize].key)
    }

    /// Whether a visit is still in the index.
    pub fn knows(&self, visit: Visit) -> bool {
        self.at(visit).is_some()
    }

    /// How many live visits hold an item.
    pub fn visits_of(&self, key: K) -> u32 {
        self.places.get(&key).map_or(0, |place| self.items[*place as usize].visits)
    }

    /// How many visits it holds.
    pub fn len(&self) -> usize {
        self.visits.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty()
    }

    /// How many items it knows.
    pub fn items(&self) -> usize {
        self.places.len()
    }

    /// What visits like this one went on to: `current` is the current visit, the last viewed item last; `allowed` says
    /// which items may be suggested. Best first; equal scores by item.
    ///
    /// Of the visits that share an item with the current one, the `recent` most recent are compared; the similarity
    /// of a visit is the sum of the shared items' places in the current visit (linear decay). The `neighbours` most
    /// similar vote for their items with similarity x (1 - 0.1 x steps since the last shared item) x idf.
    pub fn next(&self, current: &[K], query: &Query, allowed: impl Fn(K) -> bool) -> Vec<Suggestion<K>> {
        let evolving = &current[current.len().saturating_sub(EVOLVING_MAX)..];
        let places: Vec<Option<u32>> = evolving.iter().map(|key| self.places.get(key).copied()).collect();
        let population = if query.population == 0 { self.visits.len() as u64 } else { query.population };
        let neighbours = self.neighbours(&places, query);
        // Grown once, not step by step: growing would cost as much as the voting.
        let most = neighbours.len() * 8;
        let by_item = HashMap::with_capacity_and_hasher(most, FixedState);
        let mut votes = Votes { by_item, list: Vec::with_capacity(most) };
        for (visit, similarity) in neighbours {
            self.vote(visit, similarity, &places, population, &mut votes);
        }
        // Only the last items say where the visit goes, but nothing that it holds is news.
        self.best(votes.list, evolving, query.limit, |item| !current.contains(&item) && allowed(item))
    }

    /// The items that visits with this one held most often, with in how many of its recent visits: co-visitation.
    pub fn also(&self, key: K, limit: usize, allowed: impl Fn(K) -> bool) -> Vec<(K, u32)> {
        let Some(place) = self.places.get(&key).copied() else { return Vec::new() };
        let mut counts = HashMap::<u32, u32, FixedState>::default();
        for visit in &self.items[place as usize].recent {
            let items = self.at(*visit).map_or(&[] as &[u32], |at| &self.visits[at].items);
            items.iter().filter(|item| **item != place).for_each(|item| *counts.entry(*item).or_default() += 1);
        }
        self.most(counts, limit, allowed)
    }

    /// The items that the last `visits` visits of a scope held most often: what to say to somebody new.
    pub fn popular(&self, scope: u64, visits: usize, limit: usize, allowed: impl Fn(K) -> bool) -> Vec<(K, u32)> {
        let mut counts = HashMap::<u32, u32, FixedState>::default();
        for visit in self.visits.iter().rev().filter(|visit| visit.scope == scope).take(visits) {
            visit.items.iter().for_each(|item| *counts.entry(*item).or_default() += 1);
        }
        self.most(counts, limit, allowed)
    }

    /// Every visit from the oldest on, as (scope, items with the last viewed last); with [`VisitIndex::first`] this is
    /// all there is to keep.
    pub fn all(&self) -> impl ExactSizeIterator<Item = (u64, Vec<K>)> + '_ {
        let keys = |open: &Open| open.items.iter().map(|place| self.items[*place as usize].key).collect();
        self.visits.iter().map(move |open| (open.scope, keys(open)))
    }

    /// The number of the oldest visit.
    pub fn first(&self) -> Visit {
        self.first
    }

    /// The index with these visits, as [`VisitIndex::all`] gave them.
    pub fn restore(visits_max: usize, first: Visit, visits: impl IntoIterator<Item = (u64, Vec<K>)>) -> Self {
        let mut this = Self { first, ..Self::new(visits_max) };
        for (scope, items) in visits {
            let visit = this.open(scope);
            items.into_iter().for_each(|item| {
                this.add(visit, item);
            });
        }
        this
    }

    fn at(&self, visit: Visit) -> Option<usize> {
        let at = visit.wrapping_sub(self.first) as usize;
        (at < self.visits.len()).then_some(at)
    }

    fn place(&mut self, key: K) -> u32 {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let item = Item { key, recent: VecDeque::new(), visits: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.items[place as usize] = item;
                place
            }
            None => {
                self.items.push(item);
                count(self.items.len() - 1)
            }
        };
        self.places.insert(key, place);
        place
    }

    fn forget(&mut self) {
        let Some(gone) = self.visits.pop_front() else { return };
        let visit = self.first;
        self.first = visit.wrapping_add(1);
        for place in gone.items {
            let item = &mut self.items[place as usize];
            item.visits -= 1;
            // The oldest visit of all is the oldest of each of its items.
            if item.recent.front() == Some(&visit) {
                item.recent.pop_front();
            }
            if item.visits == 0 {
                self.places.remove(&item.key);
                self.free.push(place);
            }
        }
    }

    /// The most similar of the most recent matching visits, most similar first; of equals the most recent first.
    fn neighbours(&self, places: &[Option<u32>], query: &Query) -> Vec<(Visit, f64)> {
        let lengths = places.iter().flatten().map(|place| self.items[*place as usize].recent.len());
        let mut similar = HashMap::<Visit, u32, FixedState>::with_capacity_and_hasher(lengths.sum(), FixedState);
        // A place in the current visit counts in whole steps; dividing by the length once gives the paper's decay.
        for (step, place) in (1u32..).zip(places) {
            let Some(place) = place else { continue };
            for visit in &self.items[*place as usize].recent {
                *similar.entry(*visit).or_default() += step;
            }
        }
        // Age from the newest, because numbers wrap.
        let newest = self.first.wrapping_add(count(self.visits.len()));
        let age = |visit: Visit| newest.wrapping_sub(visit);
        let mut found: Vec<(Visit, u32)> = similar.into_iter().collect();
        if found.len() > query.recent {
            found.select_nth_unstable_by_key(query.recent, |(visit, _)| age(*visit));
            found.truncate(query.recent);
        }
        let order = |entry: &(Visit, u32)| (std::cmp::Reverse(entry.1), age(entry.0));
        if found.len() > query.neighbours {
            found.select_nth_unstable_by_key(query.neighbours, order);
            found.truncate(query.neighbours);
        }
        found.sort_unstable_by_key(order);
        let length = f64::from(count(places.len().max(1)));
        found.into_iter().map(|(visit, steps)| (visit, f64::from(steps) / length)).collect()
    }

    /// Lets one neighbour vote for its items.
    fn vote(&self, visit: Visit, similarity: f64, places: &[Option<u32>], population: u64, votes: &mut Votes) {
        let Some(at) = self.at(visit) else { return };
        let items = &self.visits[at].items;
        // The shared item that was viewed last, and how many steps ago.
        let shared = places.iter().rposition(|place| place.is_some_and(|place| items.contains(&place)));
        let Some(shared) = shared else { return };
        let steps = f64::from(count(places.len() - 1 - shared));
        let weight = similarity * (1.0 - 0.1 * steps);
        for item in items {
            let next = count(votes.list.len());
            let at = *votes.by_item.entry(*item).or_insert(next);
            if at == next {
                let idf = ln(population as f64 / f64::from(self.items[*item as usize].visits.max(1)));
                // An item that everybody viewed has no idf; it still ranks above nothing.
                let idf = idf.max(0.0) + 1e-3;
                votes.list.push(Vote { place: *item, idf, score: 0.0, by: [0.0; EVOLVING_MAX] });
            }
            let vote = &mut votes.list[at as usize];
            let part = weight * vote.idf;
            vote.score += part;
            vote.by[shared] += part;
        }
    }

    fn best(&self, votes: Vec<Vote>, evolving: &[K], limit: usize, allowed: impl Fn(K) -> bool) -> Vec<Suggestion<K>> {
        let mut list: Vec<Suggestion<K>> = votes
            .into_iter()
            .filter_map(|vote| {
                let item = self.items[vote.place as usize].key;
                if !allowed(item) {
                    return None;
                }
                // Of equals the item viewed last: people remember it best.
                let because = (0..evolving.len())
                    .rev()
                    .fold(evolving.len() - 1, |best, place| if vote.by[place] > vote.by[best] { place } else { best });
                Some(Suggestion { item, score: vote.score, because: evolving[because] })
            })
            .collect();
        let order = |a: &Suggestion<K>, b: &Suggestion<K>| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item));
        if list.len() > limit {
            list.select_nth_unstable_by(limit, order);
            list.truncate(limit);
        }
        list.sort_unstable_by(order);
        list
    }

    fn most(&self, counts: HashMap<u32, u32, FixedState>, limit: usize, allowed: impl Fn(K) -> bool) -> Vec<(K, u32)> {
        let mut list: Vec<(K, u32)> = counts
            .into_iter()
            .map(|(place, count)| (self.items[place as usize].key, count))
            .filter(|(key, _)| allowed(*key))
            .collect();
        list.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
        list.truncate(limit);
        list
    }
}

impl<K> Item<K> {
    fn remember(&mut self, visit: Visit, first: Visit) {
        self.visits += 1;
        // Open visits are recent ones, so the place is near the end.
        let age = visit.wrapping_sub(first);
        let back = self.recent.iter().rev().take_while(|other| other.wrapping_sub(first) > age).count();
        let place = self.recent.len() - back;
        if self.recent.len() < RECENT_MAX {
            self.recent.insert(place, visit);
        } else if place > 0 {
            self.recent.insert(place, visit);
            self.recent.pop_front();
        }
    }
}

/// A length that is known to be small: visits and items are bounded far below 2^32.
fn count(length: usize) -> u32 {
    u32::try_from(length).expect("bounded by visits_max")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// The algorithm by the book, over a plain list of visits.
    fn naive(visits: &[Vec<u8>], kept: usize, current: &[u8], query: &Query) -> Vec<(u8, f64, u8)> {
        let alive: Vec<&Vec<u8>> = visits.iter().rev().take(kept).collect();
        let viewed = current;
        let current = &current[current.len().saturating_sub(EVOLVING_MAX)..];
        let mut matching: Vec<(usize, f64)> = Vec::new();
        for (age, visit) in alive.iter().enumerate() {
            let steps: usize =
                current.iter().enumerate().filter(|(_, item)| visit.contains(item)).map(|(at, _)| at + 1).sum();
            if steps > 0 {
                matching.push((age, steps as f64 / current.len() as f64));
            }
        }
        matching.truncate(query.recent);
        matching.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        matching.truncate(query.neighbours);
        let mut scores = BTreeMap::<u8, (f64, BTreeMap<usize, f64>)>::new();
        for (age, similarity) in matching {
            let shared = current.iter().rposition(|item| alive[age].contains(item)).unwrap();
            let weight = similarity * (1.0 - 0.1 * (current.len() - 1 - shared) as f64);
            for item in alive[age] {
                let holding = alive.iter().filter(|visit| visit.contains(item)).count();
                let part = weight * (ln(alive.len() as f64 / holding as f64).max(0.0) + 1e-3);
                let entry = scores.entry(*item).or_default();
                entry.0 += part;
                *entry.1.entry(shared).or_default() += part;
            }
        }
        let mut list: Vec<(u8, f64, u8)> = scores
            .into_iter()
            .filter(|(item, _)| !viewed.contains(item))
            .map(|(item, (score, by))| {
                let most = by.values().copied().fold(f64::MIN, f64::max);
                let place = by.iter().rev().find(|(_, part)| **part == most).unwrap().0;
                (item, score, current[*place])
            })
            .collect();
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(query.limit);
        list
    }

    fn distinct(items: Vec<u8>) -> Vec<u8> {
        let mut seen = BTreeSet::new();
        items.into_iter().filter(|item| seen.insert(*item)).collect()
    }

    fn visits() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let visit = proptest::collection::vec(0u8..12, 1..7).prop_map(distinct);
        proptest::collection::vec(visit, 1..40)
    }

    fn answers(index: &VisitIndex<u8>, current: &[u8], query: &Query) -> Vec<(u8, f64, u8)> {
        index.next(current, query, |_| true).iter().map(|found| (found.item, found.score, found.because)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn answers_equal_the_book(
            visits in visits(),
            kept in 1usize..50,
            current in proptest::collection::vec(0u8..14, 1..13).prop_map(distinct),
            recent in 1usize..30,
            neighbours in 1usize..20,
            limit in 1usize..8,
        ) {
            let mut index = VisitIndex::new(kept);
            for items in &visits {
                let visit = index.open(0);
                items.iter().for_each(|item| { index.add(visit, *item); });
            }
            let query = Query { recent, neighbours, limit, population: 0 };
            let expected = naive(&visits, kept, &current, &query);
            prop_assert_eq!(answers(&index, &current, &query), expected.clone());
            // A restored index answers the same, and forgets the same afterwards.
            let mut back = VisitIndex::restore(kept, index.first(), index.all());
            prop_assert_eq!(answers(&back, &current, &query), expected);
            prop_assert_eq!(back.open(0), index.open(0));
            prop_assert_eq!(back.all().collect::<Vec<_>>(), index.all().collect::<Vec<_>>());
        }

        #[test]
        fn co_visitation_equals_a_count(visits in visits(), item in 0u8..12) {
            let mut index = VisitIndex::new(100);
            for items in &visits {
                let visit = index.open(0);
                items.iter().for_each(|item| { index.add(visit, *item); });
            }
            let mut counts = BTreeMap::<u8, u32>::new();
            for other in visits.iter().filter(|visit| visit.contains(&item)).flatten().filter(|other| **other != item) {
                *counts.entry(*other).or_default() += 1;
            }
            let found: BTreeMap<u8, u32> = index.also(item, 100, |_| true).into_iter().collect();
            prop_assert_eq!(found, counts);
        }
    }

    #[test]
    fn interleaved_visits_keep_the_most_recent() {
        let mut index = VisitIndex::new(10_000);
        let visits: Vec<Visit> = (0..RECENT_MAX + 50).map(|_| index.open(0)).collect();
        // Opened in one order, viewed in the other: recency is the order of opening.
        visits.iter().rev().for_each(|visit| assert!(index.add(*visit, 1u8)));
        let item = &index.items[index.places[&1] as usize];
        assert!(item.recent.iter().is_sorted());
        assert_eq!((item.recent.len(), item.recent[0], item.visits), (RECENT_MAX, 50, RECENT_MAX as u32 + 50));
    }

    #[test]
    fn viewing_again_moves_to_the_end_and_long_visits_are_cut() {
        let mut index = VisitIndex::new(10);
        let visit = index.open(0);
        [1u8, 2, 3, 1].into_iter().for_each(|item| assert!(index.add(visit, item)));
        assert_eq!(index.items_of(visit).collect::<Vec<_>>(), [2, 3, 1]);
        let taken = (0..100u8).filter(|item| index.add(visit, *item)).count();
        assert_eq!((taken, index.items_of(visit).count()), (VISIT_ITEMS_MAX, VISIT_ITEMS_MAX));
    }

    #[test]
    fn numbers_wrap() {
        let mut index: VisitIndex<u8> = VisitIndex::restore(4, u32::MAX - 3, []);
        for round in 0..10u8 {
            let visit = index.open(0);
            assert!(index.add(visit, round) && index.add(visit, 200));
        }
        assert_eq!(index.len(), 4);
        assert_eq!(index.visits_of(200), 4);
        assert_eq!(index.next(&[9], &Query::default(), |_| true)[0].item, 200);
        assert_eq!(index.items(), 5);
    }
}
