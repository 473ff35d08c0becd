//! A ranking: exact rank, neighbours and top places of millions of participants, updated one at a time.
//!
//! Participants stand in one sequence by score, highest first; whoever reaches a score goes behind those who already
//! have it. So the order inside a tie is the order of the log and needs no key of its own. The sequence is a tree of
//! fixed depth with counts (after the order-statistics B-tree, Cormen et al. §14.1): leaves of up to 64 entries in
//! groups of up to 128 leaves in one list. Every search is a scan or bisection of a small contiguous array, a
//! participant's leaf is known and so is the leaf's place, and each level keeps running totals: so a rank is the sum of
//! three numbers, and an update costs one leaf when the participant overtakes few, two otherwise.
//!
//! What an update costs is cache misses: the index, the participant, its leaf, each known only when the one before is
//! there. Whoever knows many updates in advance has them overlap by `guess`, `home` and `read`.

use hashbrown::HashTable;
use records::Token;
use records::hash::mix;

use super::leaf::{LEAF, Leaf};
use super::level::Level;

/// Leaves of a group. One million participants make some 200 groups, ten million two thousand.
const GROUP: usize = 128;

/// Where a leaf stands and how many entries it has.
#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    group: u32,
    place: u16,
    len: u16,
}

/// Leaves in order, and where the group itself stands in the top level.
#[derive(Debug, Clone, Default)]
struct Group {
    leaves: Level,
    place: u32,
}

/// The home of nobody: of a number that is free.
const NOWHERE: u32 = u32::MAX;

/// A participant and the leaf that it stands in: 12 bytes without padding, and one cache miss for both.
#[derive(Debug, Clone, Copy)]
struct Person {
    token: [u32; 2],
    home: u32,
}

impl Person {
    fn new(token: Token) -> Self {
        Self { token: [token.0 as u32, (token.0 >> 32) as u32], home: NOWHERE }
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
    // By leaf number. Seats are kept apart because they are asked for when the leaf itself is not.
    leaves: Vec<Leaf>,
    seats: Vec<Seat>,
    free_leaves: Vec<u32>,
    groups: Vec<Group>,
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

// Where an entry stands: the leaf's number, and the place in the leaf.
#[derive(Debug, Clone, Copy)]
struct Spot {
    home: u32,
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
                let old = self.score_at(spot);
                let score = old.saturating_add(points);
                if score != old {
                    self.reseat(number, spot, score);
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
        Some(self.score_at(self.spot(self.number(participant)?)))
    }

    /// How many stand before a participant (its rank minus one), and its score.
    #[inline]
    pub fn place(&self, participant: Token) -> Option<(u64, i64)> {
        let spot = self.spot(self.number(participant)?);
        Some((self.position_of(spot), self.score_at(spot)))
    }

    /// Up to `count` entries from `position` on, in order.
    pub fn from(&self, position: u64, count: usize) -> impl Iterator<Item = Entry> + '_ {
        let start = self.top.child_at(position).and_then(|(group, position)| {
            let (leaf, position) = self.groups[self.top.numbers[group] as usize].leaves.child_at(position as u64)?;
            Some((group, leaf, position))
        });
        let (group, leaf, skip) = start.unwrap_or((self.top.len(), 0, 0));
        self.leaves_from(group, leaf)
            .flat_map(|(leaf, len)| leaf.ids[..len].iter().zip(&leaf.scores))
            .skip(skip)
            .take(count)
            .map(|(id, score)| Entry { participant: self.people[*id as usize].token(), score: *score })
    }

    /// The participant with this number, with its score, if it is still in.
    pub fn numbered(&self, number: u32) -> Option<Entry> {
        let person = self.people.get(number as usize).filter(|person| person.home != NOWHERE)?;
        Some(Entry { participant: person.token(), score: self.score_at(self.spot(number)) })
    }

    /// Takes out whoever stands last.
    pub fn remove_last(&mut self) -> Option<Entry> {
        let home = *self.groups[*self.top.numbers.last()? as usize].leaves.numbers.last()?;
        let spot = Spot { home, entry: usize::from(self.seats[home as usize].len) - 1 };
        let number = self.leaves[home as usize].ids[spot.entry];
        let removed = Entry { participant: self.people[number as usize].token(), score: self.score_at(spot) };
        self.take_out(spot);
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
            + self.seats.capacity() * size_of::<Seat>()
            + self.groups.capacity() * size_of::<Group>()
            + self.groups.iter().map(|group| group.leaves.bytes()).sum::<usize>()
            + self.top.bytes()
    }

    /// The number of whoever is found first under a participant's hash: nearly always the participant's own, and it
    /// is not looked at to know better. To be followed by [`Ranking::home`] and [`Ranking::read`], for many at a time.
    #[inline]
    pub(super) fn guess(&self, participant: Token) -> Option<u32> {
        self.index.find(mix(participant.0), |_| true).copied()
    }

    /// The leaf of a guessed number.
    #[inline]
    pub(super) fn home(&self, number: u32) -> u32 {
        self.people[number as usize].home
    }

    /// Reads a leaf for the sake of the cache; the result means nothing.
    #[inline]
    pub(super) fn read(&self, home: u32) -> u64 {
        self.leaves[home as usize].read()
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

    #[inline]
    fn spot(&self, number: u32) -> Spot {
        let home = self.people[number as usize].home;
        Spot { home, entry: self.leaves[home as usize].place_of(number) }
    }

    #[inline]
    fn score_at(&self, spot: Spot) -> i64 {
        self.leaves[spot.home as usize].scores[spot.entry]
    }

    #[inline]
    fn position_of(&self, spot: Spot) -> u64 {
        let seat = self.seats[spot.home as usize];
        let group = &self.groups[seat.group as usize];
        let before = self.top.before(group.place as usize) + group.leaves.before(usize::from(seat.place));
        u64::from(before) + spot.entry as u64
    }

    fn leaves_from(&self, group: usize, leaf: usize) -> impl Iterator<Item = (&Leaf, usize)> + '_ {
        let groups = self.top.numbers.get(group..).unwrap_or(&[]);
        groups
            .iter()
            .flat_map(|number| &self.groups[*number as usize].leaves.numbers)
            .skip(leaf)
            .map(|number| (&self.leaves[*number as usize], usize::from(self.seats[*number as usize].len)))
    }

    /// Gives a participant another score.
    fn reseat(&mut self, number: u32, from: Spot, score: i64) {
        if self.slide(from, score) {
            return;
        }
        let to = self.spot_for(score);
        if to.home == from.home || usize::from(self.seats[to.home as usize].len) == LEAF {
            self.take_out(from);
            self.put_in(number, score);
        } else {
            self.cross(number, from, to, score);
        }
    }

    /// Moves an entry within its leaf, if that is where its new score belongs. Most updates end here: who scores often
    /// stands where the scores are far apart.
    #[inline]
    fn slide(&mut self, from: Spot, score: i64) -> bool {
        let seat = self.seats[from.home as usize];
        let leaf = &mut self.leaves[from.home as usize];
        let (len, old) = (usize::from(seat.len), leaf.scores[from.entry]);
        let to = if score > old {
            let to = leaf.risen(from.entry, score);
            // At the very front it may belong before the leaf.
            if to == 0 && self.low_before(seat).is_some_and(|low| low < score) {
                return false;
            }
            to
        } else {
            // Its own old score counts among those that stand before it, so this is one too many.
            let to = leaf.at_least(len, score) - 1;
            // At the very end it may belong behind the leaf.
            if to + 1 == len {
                return false;
            }
            to
        };
        self.leaves[from.home as usize].slide(from.entry, to, score);
        if from.entry + 1 == len {
            self.note_low(from.home);
        }
        true
    }

    /// Moves an entry into another leaf, which has room.
    fn cross(&mut self, number: u32, from: Spot, to: Spot, score: i64) {
        let (old, new) = (self.seats[from.home as usize], self.seats[to.home as usize]);
        self.leaves[to.home as usize].insert(usize::from(new.len), to.entry, number, score);
        self.leaves[from.home as usize].remove(usize::from(old.len), from.entry);
        self.seats[to.home as usize].len += 1;
        self.seats[from.home as usize].len -= 1;
        self.people[number as usize].home = to.home;
        if old.group == new.group {
            self.groups[old.group as usize].leaves.shift(usize::from(old.place), usize::from(new.place), 1);
        } else {
            let [left, entered] = [old.group, new.group].map(|group| self.groups[group as usize].place as usize);
            self.groups[old.group as usize].leaves.shrink(usize::from(old.place), 1);
            self.groups[new.group as usize].leaves.grow(usize::from(new.place), 1);
            self.top.shift(left, entered, 1);
        }
        if to.entry == usize::from(new.len) {
            self.note_low(to.home);
        }
        self.settle_leaf(from);
    }

    fn take_out(&mut self, spot: Spot) {
        let seat = &mut self.seats[spot.home as usize];
        self.leaves[spot.home as usize].remove(usize::from(seat.len), spot.entry);
        seat.len -= 1;
        let group = &mut self.groups[seat.group as usize];
        group.leaves.shrink(usize::from(seat.place), 1);
        self.top.shrink(group.place as usize, 1);
        self.settle_leaf(spot);
    }

    /// Does what it takes after an entry left a leaf: drops it when it is empty, joins it with another when it is
    /// sparse, notes its lowest score when that was the one that left.
    fn settle_leaf(&mut self, left: Spot) {
        let seat = self.seats[left.home as usize];
        let (len, place) = (usize::from(seat.len), usize::from(seat.place));
        if len == 0 {
            self.drop_leaf(seat.group, place);
        } else {
            if left.entry == len {
                self.note_low(left.home);
            }
            // Not at every removal: a failed try costs little, but not nothing.
            if len >= LEAF / 2 || !len.is_multiple_of(8) || !self.join_leaves(seat.group, place) {
                return;
            }
        }
        self.settle_group(seat.group);
    }

    /// Drops an empty group, or joins a small one with a neighbour.
    fn settle_group(&mut self, number: u32) {
        let group = &self.groups[number as usize];
        let place = group.place as usize;
        if group.leaves.len() == 0 {
            self.drop_group(place);
        } else {
            self.top.lows[place] = *group.leaves.lows.last().expect("it has leaves");
            if group.leaves.len() < GROUP / 4 {
                self.join_groups(place);
            }
        }
    }

    /// Notes the lowest score of a leaf, and of its group when the leaf is the last there.
    fn note_low(&mut self, home: u32) {
        let seat = self.seats[home as usize];
        let low = self.leaves[home as usize].scores[usize::from(seat.len) - 1];
        let group = &mut self.groups[seat.group as usize];
        group.leaves.lows[usize::from(seat.place)] = low;
        if usize::from(seat.place) + 1 == group.leaves.len() {
            self.top.lows[group.place as usize] = low;
        }
    }

    /// The lowest score of all that stand before a leaf.
    fn low_before(&self, seat: Seat) -> Option<i64> {
        let group = &self.groups[seat.group as usize];
        match (seat.place, group.place) {
            (0, 0) => None,
            (0, place) => Some(self.top.lows[place as usize - 1]),
            (place, _) => Some(group.leaves.lows[usize::from(place) - 1]),
        }
    }

    /// Joins a sparse leaf with a neighbour of its group, so that two neighbours are never both sparse for long; false
    /// when there is too much in the two.
    fn join_leaves(&mut self, group: u32, place: usize) -> bool {
        let level = &self.groups[group as usize].leaves;
        let left = if place + 1 < level.len() { place } else { place.wrapping_sub(1) };
        let (Some(into), Some(from)) = (level.numbers.get(left), level.numbers.get(left.wrapping_add(1))) else {
            return false;
        };
        let (into, from) = (*into, *from);
        let (kept, moved) = (self.seats[into as usize].len, self.seats[from as usize].len);
        if usize::from(kept + moved) > LEAF * 3 / 4 {
            return false;
        }
        self.carry(from, 0, usize::from(moved), into, usize::from(kept));
        (self.seats[into as usize].len, self.seats[from as usize].len) = (kept + moved, 0);
        self.groups[group as usize].leaves.shift(left + 1, left, u32::from(moved));
        self.drop_leaf(group, left + 1);
        self.note_low(into);
        true
    }

    /// Copies entries from one leaf into another, which is their home from now on.
    fn carry(&mut self, from: u32, start: usize, count: usize, into: u32, at: usize) {
        let both = self.leaves.get_disjoint_mut([from as usize, into as usize]);
        let [source, target] = both.expect("two leaves have two numbers");
        source.copy(start, count, target, at);
        source.ids[start..start + count].iter().for_each(|id| self.people[*id as usize].home = into);
    }

    /// Drops a leaf without entries.
    fn drop_leaf(&mut self, group: u32, place: usize) {
        let level = &mut self.groups[group as usize].leaves;
        self.free_leaves.push(level.numbers[place]);
        level.remove(place);
        self.number_leaves(group, place);
    }

    /// Drops a group without leaves.
    fn drop_group(&mut self, place: usize) {
        self.free_groups.push(self.top.numbers[place]);
        self.top.remove(place);
        self.number_groups(place);
    }

    fn join_groups(&mut self, place: usize) {
        let left = if place + 1 < self.top.len() { place } else { place.wrapping_sub(1) };
        let (Some(into), Some(from)) = (self.top.numbers.get(left), self.top.numbers.get(left.wrapping_add(1))) else {
            return;
        };
        let (into, from) = (*into, *from);
        let kept = self.groups[into as usize].leaves.len();
        if kept + self.groups[from as usize].leaves.len() > GROUP * 3 / 4 {
            return;
        }
        let moved = std::mem::take(&mut self.groups[from as usize]).leaves;
        self.groups[into as usize].leaves.append(&moved);
        self.top.shift(left + 1, left, moved.total());
        self.top.lows[left] = self.top.lows[left + 1];
        self.drop_group(left + 1);
        self.number_leaves(into, kept);
    }

    /// Tells the leaves of a group from `place` on where they stand.
    fn number_leaves(&mut self, group: u32, place: usize) {
        for (place, leaf) in (0u16..).zip(&self.groups[group as usize].leaves.numbers).skip(place) {
            let seat = &mut self.seats[*leaf as usize];
            (seat.group, seat.place) = (group, place);
        }
    }

    /// Tells the groups from `place` on where they stand.
    fn number_groups(&mut self, place: usize) {
        for (place, group) in (0u32..).zip(&self.top.numbers).skip(place) {
            self.groups[*group as usize].place = place;
        }
    }

    /// Puts a participant behind everybody with at least this score.
    fn put_in(&mut self, number: u32, score: i64) {
        if self.top.len() == 0 {
            let group = self.add_group(0, Group::default(), score);
            self.add_leaf(group, 0, score);
        }
        let mut spot = self.spot_for(score);
        if usize::from(self.seats[spot.home as usize].len) == LEAF {
            self.make_room(spot);
            spot = self.spot_for(score);
        }
        let seat = &mut self.seats[spot.home as usize];
        let len = usize::from(seat.len);
        self.leaves[spot.home as usize].insert(len, spot.entry, number, score);
        seat.len += 1;
        self.people[number as usize].home = spot.home;
        let group = &mut self.groups[seat.group as usize];
        group.leaves.grow(usize::from(seat.place), 1);
        self.top.grow(group.place as usize, 1);
        if spot.entry == len {
            self.note_low(spot.home);
        }
    }

    #[inline]
    fn spot_for(&self, score: i64) -> Spot {
        let group = &self.groups[self.top.numbers[self.top.child_for(score)] as usize].leaves;
        let home = group.numbers[group.child_for(score)];
        let len = usize::from(self.seats[home as usize].len);
        Spot { home, entry: self.leaves[home as usize].at_least(len, score) }
    }

    /// Splits a full leaf, and its group first when that is full too; or gives a part to a neighbour.
    fn make_room(&mut self, spot: Spot) {
        let mut seat = self.seats[spot.home as usize];
        if self.groups[seat.group as usize].leaves.len() == GROUP {
            self.split_group(seat.group);
            seat = self.seats[spot.home as usize];
        }
        if self.share(spot.home) {
            return;
        }
        let group = &self.groups[seat.group as usize];
        // Behind the very last entry nothing is ever inserted between: the full leaf stays full.
        let last = group.place as usize + 1 == self.top.len()
            && usize::from(seat.place) + 1 == group.leaves.len()
            && spot.entry == LEAF;
        let kept = if last { LEAF - 1 } else { LEAF / 2 };
        let (place, low) = (usize::from(seat.place), group.leaves.lows[usize::from(seat.place)]);
        let fresh = self.add_leaf(seat.group, place + 1, low);
        self.carry(spot.home, kept, LEAF - kept, fresh, 0);
        self.leaves[spot.home as usize].truncate(kept);
        (self.seats[spot.home as usize].len, self.seats[fresh as usize].len) = (kept as u16, (LEAF - kept) as u16);
        self.groups[seat.group as usize].leaves.shift(place, place + 1, (LEAF - kept) as u32);
        self.note_low(spot.home);
    }

    /// Moves a part of a full leaf to a neighbour that is at most half full, if there is one. Scores that many share are
    /// filled at one place only, and would leave half-empty leaves behind if they always split.
    fn share(&mut self, home: u32) -> bool {
        let seat = self.seats[home as usize];
        let (level, place) = (&self.groups[seat.group as usize].leaves, usize::from(seat.place));
        let taken = |other: usize| level.numbers.get(other).map(|leaf| usize::from(self.seats[*leaf as usize].len));
        let sparse = |other: &usize| taken(*other).is_some_and(|len| len <= LEAF / 2);
        let Some(other) = [place.wrapping_sub(1), place + 1].into_iter().find(sparse) else { return false };
        let target = level.numbers[other];
        let len = usize::from(self.seats[target as usize].len);
        let moved = (LEAF - len) / 2;
        if other < place {
            self.carry(home, 0, moved, target, len);
            self.leaves[home as usize].drop_front(LEAF, moved);
        } else {
            self.leaves[target as usize].open_front(len, moved);
            self.carry(home, LEAF - moved, moved, target, 0);
            self.leaves[home as usize].truncate(LEAF - moved);
        }
        self.seats[home as usize].len -= moved as u16;
        self.seats[target as usize].len += moved as u16;
        self.groups[seat.group as usize].leaves.shift(place, other, moved as u32);
        self.note_low(home);
        self.note_low(target);
        true
    }

    fn split_group(&mut self, number: u32) {
        let old = &mut self.groups[number as usize];
        let place = old.place as usize;
        let leaves = old.leaves.split_off(GROUP / 2);
        let low = *old.leaves.lows.last().expect("half of a full group is there");
        let moved = leaves.total();
        let fresh = self.add_group(place + 1, Group { leaves, place: 0 }, self.top.lows[place]);
        self.top.lows[place] = low;
        self.top.shift(place, place + 1, moved);
        self.number_leaves(fresh, 0);
    }

    /// Adds an empty leaf at a place of a group.
    fn add_leaf(&mut self, group: u32, place: usize, low: i64) -> u32 {
        let number = self.free_leaves.pop().unwrap_or_else(|| {
            lean_push(&mut self.leaves, Leaf::EMPTY);
            lean_push(&mut self.seats, Seat::default());
            u32::try_from(self.leaves.len() - 1).expect("there are fewer leaves than participants")
        });
        self.leaves[number as usize].truncate(0);
        self.seats[number as usize].len = 0;
        self.groups[group as usize].leaves.insert(place, number, low);
        self.number_leaves(group, place);
        number
    }

    /// Adds a group at a place of the top level. The top level is told of its entries by the caller.
    fn add_group(&mut self, place: usize, group: Group, low: i64) -> u32 {
        let number = self.free_groups.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            u32::try_from(self.groups.len() - 1).expect("there are fewer groups than participants")
        });
        self.groups[number as usize] = group;
        self.top.insert(place, number, low);
        self.number_groups(place);
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

    /// What the parts say of each other is true.
    fn consistent(ranking: &Ranking) {
        let mut standing = 0;
        for (place, number) in ranking.top.numbers.iter().enumerate() {
            let group = &ranking.groups[*number as usize];
            assert_eq!(group.place as usize, place);
            assert_eq!(group.leaves.total(), ranking.top.count(place));
            assert_eq!(group.leaves.lows.last(), Some(&ranking.top.lows[place]));
            for (place, leaf) in group.leaves.numbers.iter().enumerate() {
                let (seat, leaf) = (ranking.seats[*leaf as usize], (*leaf, &ranking.leaves[*leaf as usize]));
                assert_eq!((seat.group, usize::from(seat.place)), (*number, place));
                assert_eq!((u32::from(seat.len), seat.len > 0), (group.leaves.count(place), true));
                assert_eq!(leaf.1.scores[usize::from(seat.len) - 1], group.leaves.lows[place]);
                let (taken, free) = leaf.1.ids.split_at(usize::from(seat.len));
                assert!(taken.iter().all(|id| ranking.people[*id as usize].home == leaf.0));
                assert!(free.iter().all(|id| ranking.people.get(*id as usize).is_none()), "nobody stands there");
                standing += taken.len();
            }
        }
        assert_eq!(standing, ranking.len());
        assert_eq!(ranking.people.len(), ranking.len() + ranking.vacant.len());
    }

    fn agree(ranking: &Ranking, twin: &Twin) {
        consistent(ranking);
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
        assert!(ranking.top.len() > 4, "several groups");
        consistent(&ranking);
        // Everybody ends at the same score: all other leaves empty out and join.
        for who in 1..=people {
            let score = ranking.score(Token(who)).unwrap();
            ranking.add(Token(who), 7 - score);
        }
        consistent(&ranking);
        let all: Vec<_> = ranking.from(0, usize::MAX).collect();
        assert_eq!(all.len(), 60_000);
        assert!(all.iter().all(|entry| entry.score == 7));
        assert_eq!(ranking.from(59_999, 9).count(), 1);
        while ranking.remove_last().is_some() {}
        assert!(ranking.is_empty() && ranking.top.len() == 0);
        ranking.add(Token(4), -1);
        assert_eq!(ranking.place(Token(4)).map(|place| place.0), Some(0));
    }

    #[test]
    fn a_number_tells_its_participant_until_it_is_dropped() {
        let (mut ranking, _) = many(200, 90, |bits| (bits % 40).cast_signed());
        for number in 0..ranking.len() as u32 {
            let entry = ranking.numbered(number).unwrap();
            assert_eq!(ranking.score(entry.participant), Some(entry.score));
        }
        let last = ranking.from(ranking.len() as u64 - 1, 1).next().unwrap();
        let number = ranking.number(last.participant).unwrap();
        assert_eq!(ranking.numbered(number), Some(last));
        ranking.remove_last();
        assert_eq!((ranking.numbered(number), ranking.numbered(200)), (None, None));
    }

    #[test]
    fn a_guess_leads_to_the_leaf() {
        let (ranking, twin) = many(3_000, 900, |bits| (bits % 40).cast_signed());
        let right = |token: &Token| ranking.guess(*token) == ranking.number(*token);
        assert!(twin.0.iter().filter(|entry| right(&entry.2)).count() > 800, "nearly always");
        for (_, _, token) in &twin.0 {
            // Whoever is found, it is somebody with a leaf.
            let home = ranking.home(ranking.guess(*token).unwrap());
            std::hint::black_box(ranking.read(home));
        }
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
