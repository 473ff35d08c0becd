//! A ranking: exact rank, neighbours and top places of millions of participants, updated one at a time.
//!
//! Participants stand in one sequence by score, highest first; whoever reaches a score goes behind those who already
//! have it. So the order inside a tie is the order of the log and needs no key of its own. The sequence is a tree of
//! fixed depth with counts (after the order-statistics B-tree, Cormen et al. §14.1): leaves of up to 128 entries in
//! groups of up to 128 leaves in one list. Every search is a scan or bisection of a small contiguous array, and a
//! participant's leaf is known, so an update costs two leaves, and a rank the sums of two short arrays of counts.

use hashbrown::HashTable;
use records::Token;
use records::hash::mix;

/// Entries of a leaf: 1.5 kB, which moves in well under 100 ns.
const LEAF: usize = 128;
/// Leaves of a group. One million participants make some 100 groups, ten million a thousand.
const GROUP: usize = 128;

#[derive(Debug, Clone)]
struct Leaf {
    scores: [i64; LEAF],
    ids: [u32; LEAF],
    len: usize,
    group: u32,
}

impl Leaf {
    const EMPTY: Self = Self { scores: [0; LEAF], ids: [0; LEAF], len: 0, group: 0 };

    fn insert(&mut self, place: usize, id: u32, score: i64) {
        self.ids.copy_within(place..self.len, place + 1);
        self.scores.copy_within(place..self.len, place + 1);
        (self.ids[place], self.scores[place]) = (id, score);
        self.len += 1;
    }

    fn remove(&mut self, place: usize) {
        self.ids.copy_within(place + 1..self.len, place);
        self.scores.copy_within(place + 1..self.len, place);
        self.len -= 1;
    }

    fn low(&self) -> i64 {
        self.scores[self.len - 1]
    }

    fn place_of(&self, id: u32) -> usize {
        find(&self.ids[..self.len], id).expect("a participant stands in its leaf")
    }
}

/// Numbers that are compared at once.
const AT_ONCE: usize = 16;

/// Where a number stands. Sixteen are compared before anything is decided, which processors do as one piece; asking
/// after each number is several times slower.
#[inline]
fn find(numbers: &[u32], wanted: u32) -> Option<usize> {
    let pieces = numbers.chunks_exact(AT_ONCE);
    let rest = pieces.remainder();
    for (piece, sixteen) in pieces.enumerate() {
        if sixteen.iter().fold(false, |found, number| found | (*number == wanted)) {
            return sixteen.iter().position(|number| *number == wanted).map(|place| piece * AT_ONCE + place);
        }
    }
    rest.iter().position(|number| *number == wanted).map(|place| numbers.len() - rest.len() + place)
}

/// Children in order: their numbers, how many entries each holds, and the lowest score of each.
#[derive(Debug, Clone, Default)]
struct Level {
    numbers: Vec<u32>,
    counts: Vec<u32>,
    lows: Vec<i64>,
}

impl Level {
    fn insert(&mut self, place: usize, number: u32, count: u32, low: i64) {
        lean_insert(&mut self.numbers, place, number);
        lean_insert(&mut self.counts, place, count);
        lean_insert(&mut self.lows, place, low);
    }

    fn remove(&mut self, place: usize) {
        self.numbers.remove(place);
        self.counts.remove(place);
        self.lows.remove(place);
    }

    fn place_of(&self, number: u32) -> usize {
        find(&self.numbers, number).expect("a child stands in its parent")
    }

    /// The child behind all entries of at least `score`: the first that also holds a lower one, else the last.
    fn child_for(&self, score: i64) -> usize {
        self.lows.partition_point(|low| *low >= score).min(self.lows.len() - 1)
    }

    fn before(&self, place: usize) -> u64 {
        // In 32 bits, which participant numbers are bounded by: twice as many at once.
        u64::from(self.counts[..place].iter().sum::<u32>())
    }

    fn total(&self) -> u32 {
        self.counts.iter().sum()
    }

    /// The child that holds the entry at `position`, and the position inside it.
    fn child_at(&self, mut position: u64) -> Option<(usize, u64)> {
        for (place, count) in self.counts.iter().enumerate() {
            if position < u64::from(*count) {
                return Some((place, position));
            }
            position -= u64::from(*count);
        }
        None
    }

    fn bytes(&self) -> usize {
        self.numbers.capacity() * 4 + self.counts.capacity() * 4 + self.lows.capacity() * 8
    }
}

/// A participant and the leaf that it stands in: 12 bytes without padding, and one cache miss for both.
#[derive(Debug, Clone, Copy)]
struct Person {
    token: [u32; 2],
    home: u32,
}

impl Person {
    fn new(token: Token) -> Self {
        Self { token: [token.0 as u32, (token.0 >> 32) as u32], home: 0 }
    }

    #[inline]
    fn token(self) -> Token {
        Token(u64::from(self.token[0]) | u64::from(self.token[1]) << 32)
    }
}

/// Participants by score, highest first; among equals, whoever reached the score first.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    // By participant number.
    people: Vec<Person>,
    vacant: Vec<u32>,
    // Token -> participant number.
    index: HashTable<u32>,
    leaves: Vec<Leaf>,
    free_leaves: Vec<u32>,
    groups: Vec<Level>,
    free_groups: Vec<u32>,
    top: Level,
}

/// One participant's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub participant: Token,
    /// With which score.
    pub score: i64,
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// The participant's number in this ranking, small and stable while it is in.
    pub number: u32,
    /// The new score.
    pub score: i64,
}

// Where an entry stands: group in the top level, leaf in the group, entry in the leaf.
#[derive(Debug, Clone, Copy)]
struct Spot {
    group: usize,
    leaf: usize,
    entry: usize,
}

impl Ranking {
    /// How many participants.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Adds points (of either sign) to a participant's score, which starts at 0. Scores stop at the ends of 64 bits.
    pub fn add(&mut self, participant: Token, points: i64) -> Update {
        match self.number(participant) {
            Some(number) => {
                let spot = self.spot(number);
                let old = self.leaf_at(spot).scores[spot.entry];
                let score = old.saturating_add(points);
                if score != old {
                    self.take_out(spot);
                    self.put_in(number, score);
                }
                Update { number, score }
            }
            None => {
                let number = self.enroll(participant);
                self.put_in(number, points);
                Update { number, score: points }
            }
        }
    }

    /// The score of a participant.
    pub fn score(&self, participant: Token) -> Option<i64> {
        let number = self.number(participant)?;
        let leaf = &self.leaves[self.people[number as usize].home as usize];
        Some(leaf.scores[leaf.place_of(number)])
    }

    /// How many stand before a participant (its rank minus one), and its score.
    pub fn place(&self, participant: Token) -> Option<(u64, i64)> {
        let spot = self.spot(self.number(participant)?);
        Some((self.position_of(spot), self.leaf_at(spot).scores[spot.entry]))
    }

    /// Up to `count` entries from `position` on, in order.
    pub fn from(&self, position: u64, count: usize) -> impl Iterator<Item = Entry> + '_ {
        let start = self.top.child_at(position).and_then(|(group, position)| {
            let (leaf, position) = self.groups[self.top.numbers[group] as usize].child_at(position)?;
            Some((group, leaf, usize::try_from(position).ok()?))
        });
        let (group, leaf, skip) = start.unwrap_or((self.top.numbers.len(), 0, 0));
        self.leaves_from(group, leaf)
            .flat_map(|leaf| leaf.ids[..leaf.len].iter().zip(&leaf.scores))
            .skip(skip)
            .take(count)
            .map(|(id, score)| Entry { participant: self.people[*id as usize].token(), score: *score })
    }

    /// The participant with this number, with its score, if it is still in.
    pub fn numbered(&self, number: u32) -> Option<Entry> {
        let participant = self.people.get(number as usize)?.token();
        Some(Entry { participant, score: self.score(participant)? })
    }

    /// Takes out whoever stands last.
    pub fn remove_last(&mut self) -> Option<Entry> {
        let group = self.top.numbers.len().checked_sub(1)?;
        let leaf = self.groups[self.top.numbers[group] as usize].numbers.len() - 1;
        let spot = Spot { group, leaf, entry: 0 };
        let last = self.leaf_at(spot);
        let (entry, number) = (last.len - 1, last.ids[last.len - 1]);
        let removed = Entry { participant: self.people[number as usize].token(), score: last.scores[entry] };
        self.take_out(Spot { entry, ..spot });
        let hash = mix(removed.participant.0);
        let found = self.index.find_entry(hash, |other| *other == number);
        found.expect("whoever stands in the ranking is in the index").remove();
        self.people[number as usize] = Person::new(Token::NONE);
        self.vacant.push(number);
        Some(removed)
    }

    /// Makes a ranking of entries in their order; none when they are out of order or one is there twice.
    pub fn in_order(entries: impl ExactSizeIterator<Item = Entry>) -> Option<Self> {
        let mut this = Self::default();
        this.people.reserve_exact(entries.len());
        this.index.reserve(entries.len(), |_| 0);
        let mut last = i64::MAX;
        for entry in entries {
            if entry.score > last || this.number(entry.participant).is_some() {
                return None;
            }
            last = entry.score;
            let number = this.enroll(entry.participant);
            this.put_in(number, entry.score);
        }
        Some(this)
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.people.capacity() * size_of::<Person>()
            + self.vacant.capacity() * 4
            + self.index.allocation_size()
            + self.leaves.capacity() * size_of::<Leaf>()
            + self.groups.capacity() * size_of::<Level>()
            + self.groups.iter().map(Level::bytes).sum::<usize>()
            + self.top.bytes()
    }

    #[inline]
    fn number(&self, participant: Token) -> Option<u32> {
        self.index.find(mix(participant.0), |number| self.people[*number as usize].token() == participant).copied()
    }

    fn enroll(&mut self, participant: Token) -> u32 {
        let number = match self.vacant.pop() {
            Some(number) => {
                self.people[number as usize] = Person::new(participant);
                number
            }
            None => {
                let number = u32::try_from(self.people.len()).expect("callers bound participants far below 2^32");
                lean_push(&mut self.people, Person::new(participant));
                number
            }
        };
        self.index.insert_unique(mix(participant.0), number, |other| mix(self.people[*other as usize].token().0));
        number
    }

    fn spot(&self, number: u32) -> Spot {
        let home = self.people[number as usize].home;
        let leaf = &self.leaves[home as usize];
        let group = self.top.place_of(leaf.group);
        let entry = leaf.place_of(number);
        Spot { group, leaf: self.groups[leaf.group as usize].place_of(home), entry }
    }

    fn position_of(&self, spot: Spot) -> u64 {
        let group = &self.groups[self.top.numbers[spot.group] as usize];
        self.top.before(spot.group) + group.before(spot.leaf) + spot.entry as u64
    }

    fn leaf_at(&self, spot: Spot) -> &Leaf {
        let group = &self.groups[self.top.numbers[spot.group] as usize];
        &self.leaves[group.numbers[spot.leaf] as usize]
    }

    fn leaves_from(&self, group: usize, leaf: usize) -> impl Iterator<Item = &Leaf> + '_ {
        let groups = self.top.numbers.get(group..).unwrap_or(&[]);
        groups
            .iter()
            .flat_map(|number| &self.groups[*number as usize].numbers)
            .skip(leaf)
            .map(|number| &self.leaves[*number as usize])
    }

    fn take_out(&mut self, spot: Spot) {
        let group_number = self.top.numbers[spot.group];
        let group = &mut self.groups[group_number as usize];
        let leaf_number = group.numbers[spot.leaf];
        let leaf = &mut self.leaves[leaf_number as usize];
        leaf.remove(spot.entry);
        group.counts[spot.leaf] -= 1;
        self.top.counts[spot.group] -= 1;
        if leaf.len == 0 {
            group.remove(spot.leaf);
            self.free_leaves.push(leaf_number);
        } else {
            group.lows[spot.leaf] = leaf.low();
            // Not at every removal: a failed try costs little, but not nothing.
            if leaf.len < LEAF / 2 && leaf.len.is_multiple_of(8) {
                self.join_leaves(group_number, spot.leaf);
            }
        }
        self.settle_group(spot.group);
    }

    /// Drops an empty group, joins a small one with the next, and notes its lowest score.
    fn settle_group(&mut self, place: usize) {
        let number = self.top.numbers[place];
        let group = &self.groups[number as usize];
        match group.lows.last() {
            None => {
                self.top.remove(place);
                self.free_groups.push(number);
            }
            Some(low) => {
                self.top.lows[place] = *low;
                if group.numbers.len() < GROUP / 4 {
                    self.join_groups(place);
                }
            }
        }
    }

    /// Joins a sparse leaf with a neighbour of its group, so that two neighbours are never both sparse for long.
    fn join_leaves(&mut self, group: u32, place: usize) {
        let level = &mut self.groups[group as usize];
        let left = if place + 1 < level.numbers.len() { place } else { place.wrapping_sub(1) };
        let Some(sum) = level.counts.get(left).zip(level.counts.get(left.wrapping_add(1))).map(|(a, b)| a + b) else {
            return;
        };
        if sum as usize > LEAF * 3 / 4 {
            return;
        }
        let (into, from) = (level.numbers[left], level.numbers[left + 1]);
        let moved = self.leaves[from as usize].clone();
        let target = &mut self.leaves[into as usize];
        target.ids[target.len..target.len + moved.len].copy_from_slice(&moved.ids[..moved.len]);
        target.scores[target.len..target.len + moved.len].copy_from_slice(&moved.scores[..moved.len]);
        target.len += moved.len;
        (level.counts[left], level.lows[left]) = (sum, target.low());
        level.remove(left + 1);
        moved.ids[..moved.len].iter().for_each(|id| self.people[*id as usize].home = into);
        self.free_leaves.push(from);
    }

    fn join_groups(&mut self, place: usize) {
        let left = if place + 1 < self.top.numbers.len() { place } else { place.wrapping_sub(1) };
        let (Some(into), Some(from)) = (self.top.numbers.get(left), self.top.numbers.get(left.wrapping_add(1))) else {
            return;
        };
        let (into, from) = (*into, *from);
        if self.groups[into as usize].numbers.len() + self.groups[from as usize].numbers.len() > GROUP * 3 / 4 {
            return;
        }
        let moved = std::mem::take(&mut self.groups[from as usize]);
        moved.numbers.iter().for_each(|leaf| self.leaves[*leaf as usize].group = into);
        let target = &mut self.groups[into as usize];
        target.numbers.extend(moved.numbers);
        target.counts.extend(moved.counts);
        target.lows.extend(moved.lows);
        self.top.counts[left] = target.total();
        self.top.lows[left] = *target.lows.last().expect("joined groups hold leaves");
        self.top.remove(left + 1);
        self.free_groups.push(from);
    }

    /// Puts a participant behind everybody with at least this score.
    fn put_in(&mut self, number: u32, score: i64) {
        if self.top.numbers.is_empty() {
            let group = self.new_group();
            self.top.insert(0, group, 0, score);
            let leaf = self.new_leaf(group);
            self.groups[group as usize].insert(0, leaf, 0, score);
        }
        let mut spot = self.spot_for(score);
        if self.leaf_at(spot).len == LEAF {
            self.make_room(spot);
            spot = self.spot_for(score);
        }
        let group = &mut self.groups[self.top.numbers[spot.group] as usize];
        let home = group.numbers[spot.leaf];
        let leaf = &mut self.leaves[home as usize];
        leaf.insert(spot.entry, number, score);
        self.people[number as usize].home = home;
        group.counts[spot.leaf] += 1;
        group.lows[spot.leaf] = leaf.low();
        self.top.counts[spot.group] += 1;
        self.top.lows[spot.group] = *group.lows.last().expect("a group holds leaves");
    }

    fn spot_for(&self, score: i64) -> Spot {
        let group_place = self.top.child_for(score);
        let group = &self.groups[self.top.numbers[group_place] as usize];
        let leaf_place = group.child_for(score);
        let leaf = &self.leaves[group.numbers[leaf_place] as usize];
        let entry = leaf.scores[..leaf.len].partition_point(|other| *other >= score);
        Spot { group: group_place, leaf: leaf_place, entry }
    }

    /// Splits a full leaf, and its group first when that is full too.
    fn make_room(&mut self, spot: Spot) {
        let mut place = spot;
        let mut group_number = self.top.numbers[place.group];
        if self.groups[group_number as usize].numbers.len() == GROUP {
            self.split_group(place.group);
            if place.leaf >= GROUP / 2 {
                place.group += 1;
                place.leaf -= GROUP / 2;
                group_number = self.top.numbers[place.group];
            }
        }
        if self.share(group_number, place.leaf) {
            return;
        }
        let leaf_number = self.groups[group_number as usize].numbers[place.leaf];
        let fresh = self.new_leaf(group_number);
        // Behind the very last entry nothing is ever inserted between: the full leaf stays full.
        let last = place.group + 1 == self.top.numbers.len()
            && place.leaf + 1 == self.groups[group_number as usize].numbers.len()
            && place.entry == LEAF;
        let kept = if last { LEAF - 1 } else { LEAF / 2 };
        let old = &mut self.leaves[leaf_number as usize];
        let (ids, scores) = (old.ids, old.scores);
        old.len = kept;
        let old_low = old.low();
        let new = &mut self.leaves[fresh as usize];
        new.len = LEAF - kept;
        new.ids[..new.len].copy_from_slice(&ids[kept..]);
        new.scores[..new.len].copy_from_slice(&scores[kept..]);
        let (new_len, new_low) = (new.len, new.low());
        ids[kept..].iter().for_each(|id| self.people[*id as usize].home = fresh);
        let group = &mut self.groups[group_number as usize];
        (group.counts[place.leaf], group.lows[place.leaf]) = (kept as u32, old_low);
        group.insert(place.leaf + 1, fresh, new_len as u32, new_low);
    }

    /// Moves a part of a full leaf to a neighbour that is at most half full, if there is one. Scores that many share are
    /// filled at one place only, and would leave half-empty leaves behind if they always split.
    fn share(&mut self, group: u32, place: usize) -> bool {
        let level = &mut self.groups[group as usize];
        let sparse = |other: &usize| level.counts.get(*other).is_some_and(|count| *count as usize <= LEAF / 2);
        let Some(other) = [place.wrapping_sub(1), place + 1].into_iter().find(sparse) else { return false };
        let (full_number, other_number) = (level.numbers[place], level.numbers[other]);
        let mut full = self.leaves[full_number as usize].clone();
        let target = &mut self.leaves[other_number as usize];
        let moved = (LEAF - target.len) / 2;
        let (from, to) = if other < place { (0, target.len) } else { (LEAF - moved, 0) };
        // Make room at the front, if it goes there, and take from the end; or the other way round.
        if to == 0 {
            target.ids.copy_within(..target.len, moved);
            target.scores.copy_within(..target.len, moved);
        }
        target.ids[to..to + moved].copy_from_slice(&full.ids[from..from + moved]);
        target.scores[to..to + moved].copy_from_slice(&full.scores[from..from + moved]);
        target.len += moved;
        full.ids[from..from + moved].iter().for_each(|id| self.people[*id as usize].home = other_number);
        if from == 0 {
            full.ids.copy_within(moved.., 0);
            full.scores.copy_within(moved.., 0);
        }
        full.len -= moved;
        for (place, leaf) in [(other, &*target), (place, &full)] {
            (level.counts[place], level.lows[place]) = (leaf.len as u32, leaf.low());
        }
        self.leaves[full_number as usize] = full;
        true
    }

    fn split_group(&mut self, place: usize) {
        let number = self.top.numbers[place];
        let fresh = self.new_group();
        let old = &mut self.groups[number as usize];
        let right = Level {
            numbers: old.numbers.split_off(GROUP / 2),
            counts: old.counts.split_off(GROUP / 2),
            lows: old.lows.split_off(GROUP / 2),
        };
        let (count, low) = (old.total(), *old.lows.last().expect("half of a full group is there"));
        (self.top.counts[place], self.top.lows[place]) = (count, low);
        right.numbers.iter().for_each(|leaf| self.leaves[*leaf as usize].group = fresh);
        let (count, low) = (right.total(), *right.lows.last().expect("half of a full group is there"));
        self.groups[fresh as usize] = right;
        self.top.insert(place + 1, fresh, count, low);
    }

    fn new_leaf(&mut self, group: u32) -> u32 {
        let number = self.free_leaves.pop().unwrap_or_else(|| {
            lean_push(&mut self.leaves, Leaf::EMPTY);
            u32::try_from(self.leaves.len() - 1).expect("there are fewer leaves than participants")
        });
        let leaf = &mut self.leaves[number as usize];
        (leaf.len, leaf.group) = (0, group);
        number
    }

    fn new_group(&mut self) -> u32 {
        let number = self.free_groups.pop().unwrap_or_else(|| {
            self.groups.push(Level::default());
            u32::try_from(self.groups.len() - 1).expect("there are fewer groups than participants")
        });
        self.groups[number as usize] = Level::default();
        number
    }
}

/// Grows by an eighth instead of doubling: participants are many, and half-empty tables would double their memory.
fn lean_push<T>(vec: &mut Vec<T>, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 8).max(4));
    }
    vec.push(value);
}

fn lean_insert<T>(vec: &mut Vec<T>, place: usize, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 4).max(1));
    }
    vec.insert(place, value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The naive twin: a list that is sorted again after every change, ties by the number of the change.
    #[derive(Default)]
    struct Twin(Vec<(i64, usize, Token)>, usize);

    impl Twin {
        fn add(&mut self, participant: Token, points: i64) {
            self.1 += 1;
            match self.0.iter_mut().find(|entry| entry.2 == participant) {
                Some(entry) if points != 0 => (entry.0, entry.1) = (entry.0 + points, self.1),
                Some(_) => {}
                None => self.0.push((points, self.1, participant)),
            }
            self.0.sort_by_key(|(score, reached, _)| (-score, *reached));
        }
    }

    fn agree(ranking: &Ranking, twin: &Twin) {
        assert_eq!(ranking.len(), twin.0.len());
        let all: Vec<_> = ranking.from(0, usize::MAX).map(|entry| (entry.score, entry.participant)).collect();
        assert_eq!(all, twin.0.iter().map(|(score, _, token)| (*score, *token)).collect::<Vec<_>>());
        for (place, (score, _, token)) in twin.0.iter().enumerate() {
            assert_eq!((ranking.place(*token), ranking.score(*token)), (Some((place as u64, *score)), Some(*score)));
        }
    }

    fn many(count: u64, people: u64, points: impl Fn(u64) -> i64) -> (Ranking, Twin) {
        let (mut ranking, mut twin) = (Ranking::default(), Twin::default());
        for step in 0..count {
            let who = Token(mix(step) % people + 1);
            ranking.add(who, points(mix(step ^ 99)));
            twin.add(who, points(mix(step ^ 99)));
        }
        (ranking, twin)
    }

    #[test]
    fn a_large_ranking_equals_a_sorted_list() {
        let (ranking, twin) = many(3_000, 900, |bits| (bits % 40).cast_signed() - 10);
        agree(&ranking, &twin);
    }

    #[test]
    fn equal_scores_keep_the_order_of_the_log() {
        let (ranking, twin) = many(2_000, 1_200, |_| 5);
        agree(&ranking, &twin);
    }

    #[test]
    fn groups_split_and_join() {
        let mut ranking = Ranking::default();
        let people = 60_000u64;
        (1..=people).for_each(|who| _ = ranking.add(Token(who), mix(who).cast_signed() >> 40));
        assert!(ranking.top.numbers.len() > 4, "several groups");
        // Everybody ends at the same score: all other leaves empty out and join.
        for who in 1..=people {
            let score = ranking.score(Token(who)).unwrap();
            ranking.add(Token(who), 7 - score);
        }
        let all: Vec<_> = ranking.from(0, usize::MAX).collect();
        assert_eq!(all.len(), 60_000);
        assert!(all.iter().all(|entry| entry.score == 7));
        assert_eq!(ranking.from(59_999, 9).count(), 1);
        while ranking.remove_last().is_some() {}
        assert!(ranking.is_empty() && ranking.top.numbers.is_empty());
        ranking.add(Token(4), -1);
        assert_eq!(ranking.place(Token(4)).map(|place| place.0), Some(0));
    }

    #[test]
    fn entries_out_of_order_are_refused() {
        let entry = |participant, score| Entry { participant: Token(participant), score };
        assert!(Ranking::in_order([entry(1, 5), entry(2, 6)].into_iter()).is_none());
        assert!(Ranking::in_order([entry(1, 5), entry(1, 4)].into_iter()).is_none());
        assert_eq!(Ranking::in_order([entry(2, 5), entry(1, 5)].into_iter()).unwrap().place(Token(1)), Some((1, 5)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_updates_equal_a_sorted_list(
            steps in proptest::collection::vec((1u64..60, -20i64..20, prop::bool::weighted(0.05)), 0..400)
        ) {
            let (mut ranking, mut twin) = (Ranking::default(), Twin::default());
            for (who, points, drop_last) in steps {
                if drop_last {
                    let removed = ranking.remove_last().map(|entry| entry.participant);
                    prop_assert_eq!(removed, twin.0.pop().map(|entry| entry.2));
                } else {
                    ranking.add(Token(who), points);
                    twin.add(Token(who), points);
                }
            }
            agree(&ranking, &twin);
            let entries: Vec<Entry> = ranking.from(0, usize::MAX).collect();
            agree(&Ranking::in_order(entries.into_iter()).unwrap(), &twin);
        }
    }
}
