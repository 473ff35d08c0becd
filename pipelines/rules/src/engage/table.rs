//! Tables by pseudonym: a hash table while it is used, sorted bytes in a snapshot.

use base64_bytes as bytes;
use hashbrown::HashMap;
use records::hash::FixedState;
use records::{Timestamp, Token};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Something about each of many people. An entry costs its value and nine bytes in memory, a few bytes in a snapshot.
#[derive(Debug, Clone)]
pub struct Table<V>(HashMap<Token, V, FixedState>);

/// Something that is written as whole numbers.
pub trait Pack: Sized {
    /// Appends it.
    fn pack(&self, out: &mut Vec<u8>);
    /// Takes it from the front.
    fn unpack(from: &mut &[u8]) -> Option<Self>;
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<V: PartialEq> PartialEq for Table<V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<V> Table<V> {
    /// How many people there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is known of somebody.
    pub fn get(&self, person: Token) -> Option<&V> {
        self.0.get(&person)
    }

    /// Whether something is known of somebody.
    pub fn has(&self, person: Token) -> bool {
        self.0.contains_key(&person)
    }

    /// What is known, by pseudonym: in the same order in every run.
    pub fn sorted(&self) -> Vec<(Token, &V)> {
        let mut all: Vec<(Token, &V)> = self.0.iter().map(|(person, value)| (*person, value)).collect();
        all.sort_unstable_by_key(|(person, _)| *person);
        all
    }

    pub(super) fn insert(&mut self, person: Token, value: V) -> Option<V> {
        self.0.insert(person, value)
    }

    pub(super) fn remove(&mut self, person: Token) -> Option<V> {
        self.0.remove(&person)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn get_mut(&mut self, person: Token) -> Option<&mut V> {
        self.0.get_mut(&person)
    }

    /// Each value, in no order: for what comes to the same in any.
    pub(super) fn each_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.values_mut()
    }
}

impl<V: Default> Table<V> {
    pub(super) fn entry(&mut self, person: Token) -> &mut V {
        self.0.entry(person).or_default()
    }
}

impl<V: Pack> Serialize for Table<V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (mut out, mut before) = (Vec::new(), 0);
        for (person, value) in self.sorted() {
            // The distance from the one before: a byte or more less each.
            pack(person.0.wrapping_sub(before), &mut out);
            before = person.0;
            value.pack(&mut out);
        }
        bytes::serialize(&out, to)
    }
}

impl<'de, V: Pack> Deserialize<'de> for Table<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let packed = bytes::deserialize(from)?;
        let (mut rest, mut before, mut table) = (&packed[..], 0u64, Self::default());
        while !rest.is_empty() {
            let short = || de::Error::custom("a table of people is cut short");
            before = before.wrapping_add(unpack(&mut rest).ok_or_else(short)?);
            table.insert(Token(before), V::unpack(&mut rest).ok_or_else(short)?);
        }
        Ok(table)
    }
}

/// Appends a number: seven bits a byte, the lowest first (LEB128).
pub fn pack(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number from the front.
pub fn unpack(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

impl Pack for () {
    fn pack(&self, _: &mut Vec<u8>) {}
    fn unpack(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Pack for u64 {
    fn pack(&self, out: &mut Vec<u8>) {
        pack(*self, out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        unpack(from)
    }
}

impl Pack for u16 {
    fn pack(&self, out: &mut Vec<u8>) {
        pack(u64::from(*self), out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        unpack(from)?.try_into().ok()
    }
}

impl Pack for u8 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        Some(*byte)
    }
}

impl Pack for Timestamp {
    fn pack(&self, out: &mut Vec<u8>) {
        pack(self.0.cast_unsigned(), out);
    }
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(Self(unpack(from)?.cast_signed()))
    }
}

/// Bytes as text, in the one way that facts have for it.
mod base64_bytes {
    use records::Blob;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        Blob(bytes.into()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<[u8]>, D::Error> {
        Ok(Blob::deserialize(from)?.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tables_read_back_and_are_written_the_same_in_any_order(
            entries in prop::collection::btree_map(any::<u64>(), any::<u64>(), 0..50),
        ) {
            let (mut table, mut other) = (Table::default(), Table::default());
            entries.iter().for_each(|(person, value)| _ = table.insert(Token(*person), *value));
            entries.iter().rev().for_each(|(person, value)| _ = other.insert(Token(*person), *value));
            let json = serde_json::to_string(&table).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&other).unwrap());
            prop_assert!(serde_json::from_str::<Table<u64>>(&json).unwrap() == table);
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let mut table = Table::default();
        table.insert(Token(u64::MAX), u64::MAX);
        let json = serde_json::to_string(&table).unwrap();
        let cut =
            serde_json::to_string(&records::Blob(serde_json::from_str::<records::Blob>(&json).unwrap().0[..12].into()));
        assert!(serde_json::from_str::<Table<u64>>(&cut.unwrap()).is_err());
    }
}
