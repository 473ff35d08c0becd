//! A small deterministic byte format for the state of folds: variable-length integers, lengths, everything checked.
//!
//! Integers are LEB128 (as in DWARF 5 §7.6), signed ones zigzag first. The same state always gives the same bytes as
//! long as the caller sorts what it writes.

use records::hash::FixedState;
use records::{Text, Timestamp, Token};

use crate::state::{Fold, StateError};

/// Appends values to a buffer.
#[derive(Debug)]
pub struct Out<'a>(&'a mut Vec<u8>);

impl<'a> Out<'a> {
    /// Starts the bytes of a fold with its version.
    pub fn open<F: Fold>(out: &'a mut Vec<u8>) -> Self {
        let mut this = Self(out);
        this.u32(F::VERSION);
        this
    }

    /// Writes to `out` without a header, for parts of a state.
    pub fn part(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Yes or no.
    pub fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// An unsigned integer, 1 to 5 bytes.
    pub fn u32(&mut self, value: u32) {
        self.u64(u64::from(value));
    }

    /// An unsigned integer, 1 to 10 bytes.
    pub fn u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A signed integer; small ones of either sign are short.
    pub fn i64(&mut self, value: i64) {
        self.u64(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// A length or count.
    pub fn len(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// 64 bits that look random, a token for example: 8 bytes.
    pub fn fixed(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// An id: one byte when it is none, else 17.
    pub fn id(&mut self, value: u128) {
        self.flag(value != 0);
        if value != 0 {
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// A pseudonym: 8 bytes.
    pub fn token(&mut self, value: Token) {
        self.fixed(value.0);
    }

    /// An instant.
    pub fn time(&mut self, value: Timestamp) {
        self.i64(value.0);
    }

    /// A float by its bits.
    pub fn f64(&mut self, value: f64) {
        self.fixed(value.to_bits());
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, value: &[u8]) {
        self.len(value.len());
        self.0.extend_from_slice(value);
    }

    /// A text with its length.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }
}

/// Reads values from bytes that may be damaged.
#[derive(Debug, Clone)]
pub struct In<'a> {
    rest: &'a [u8],
    name: &'static str,
}

impl<'a> In<'a> {
    /// Opens the bytes of a fold.
    ///
    /// # Errors
    /// When another version wrote them, or they are empty.
    pub fn open<F: Fold>(bytes: &'a [u8]) -> Result<Self, StateError> {
        let mut this = Self::part(F::NAME, bytes);
        let found = this.u32()?;
        if found == F::VERSION {
            Ok(this)
        } else {
            Err(StateError::Version { name: F::NAME, found, wanted: F::VERSION })
        }
    }

    /// Opens bytes without a header; `name` is named in errors.
    pub fn part(name: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, name }
    }

    /// The error for bytes that make no sense, for checks of the caller's own.
    pub fn damaged(&self) -> StateError {
        StateError::Damaged(self.name)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(StateError::Damaged(self.name))?;
        self.rest = rest;
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// As every method here: when the bytes end early or cannot be such a value.
    pub fn u8(&mut self) -> Result<u8, StateError> {
        Ok(self.take(1)?[0])
    }

    /// Yes or no.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn flag(&mut self) -> Result<bool, StateError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged()),
        }
    }

    /// An unsigned integer that fits 32 bits.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn u32(&mut self) -> Result<u32, StateError> {
        u32::try_from(self.u64()?).map_err(|_| self.damaged())
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn u64(&mut self) -> Result<u64, StateError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7F);
            if shift == 63 && part > 1 {
                return Err(self.damaged());
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                // An overlong form would decode, but encode to other bytes.
                return if byte == 0 && shift > 0 { Err(self.damaged()) } else { Ok(value) };
            }
        }
        Err(self.damaged())
    }

    /// A signed integer.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn i64(&mut self) -> Result<i64, StateError> {
        let value = self.u64()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A count of things that take at least `least` bytes each (at least 1 is assumed), so that damaged bytes cannot
    /// ask for more memory than they have themselves.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn len(&mut self, least: usize) -> Result<usize, StateError> {
        let length = usize::try_from(self.u64()?).map_err(|_| self.damaged())?;
        if length > self.rest.len() / least.max(1) { Err(self.damaged()) } else { Ok(length) }
    }

    /// 64 bits of fixed width.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn fixed(&mut self) -> Result<u64, StateError> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes were taken")))
    }

    /// An id's bits; 0 for none.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn id(&mut self) -> Result<u128, StateError> {
        if !self.flag()? {
            return Ok(0);
        }
        let value = u128::from_le_bytes(self.take(16)?.try_into().expect("sixteen bytes were taken"));
        if value == 0 { Err(self.damaged()) } else { Ok(value) }
    }

    /// A pseudonym.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn token(&mut self) -> Result<Token, StateError> {
        self.fixed().map(Token)
    }

    /// An instant.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn time(&mut self) -> Result<Timestamp, StateError> {
        self.i64().map(Timestamp)
    }

    /// A float.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn f64(&mut self) -> Result<f64, StateError> {
        self.fixed().map(f64::from_bits)
    }

    /// Bytes.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let length = self.len(1)?;
        self.take(length)
    }

    /// A text.
    ///
    /// # Errors
    /// See [`In::u8`].
    pub fn text(&mut self) -> Result<Text, StateError> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| StateError::Damaged(self.name))?;
        Ok(Text::new(text))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// When bytes are left over.
    pub fn done(&self) -> Result<(), StateError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.damaged()) }
    }
}

/// A hash map whose table is the same in every run; sort before anything reaches an output.
pub type FixedMap<K, V> = hashbrown::HashMap<K, V, FixedState>;
/// A hash set whose table is the same in every run; sort before anything reaches an output.
pub type FixedSet<K> = hashbrown::HashSet<K, FixedState>;

/// The entries of a map by key: what an encoder walks.
pub fn sorted<K: Ord, V>(map: &FixedMap<K, V>) -> Vec<(&K, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by(|left, right| left.0.cmp(right.0));
    entries
}

/// Serialises a value as the text that it prints as: pseudonyms do not fit the numbers of JavaScript.
///
/// # Errors
/// When the serialiser fails.
pub fn as_text<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_round_trip(a: u64, b: i64, c: u128, d: u32, text in "\\PC{0,20}") {
            let mut bytes = Vec::new();
            let mut out = Out::part(&mut bytes);
            out.u64(a);
            out.i64(b);
            out.id(c);
            out.u32(d);
            out.text(&text);
            let mut input = In::part("test", &bytes);
            prop_assert_eq!(input.u64(), Ok(a));
            prop_assert_eq!(input.i64(), Ok(b));
            prop_assert_eq!(input.id(), Ok(c));
            prop_assert_eq!(input.u32(), Ok(d));
            prop_assert_eq!(input.text(), Ok(Text::new(&text)));
            prop_assert_eq!(input.done(), Ok(()));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut input = In::part("test", &bytes);
            while input.u64().is_ok() && input.bytes().is_ok() && input.id().is_ok() {}
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        let mut bytes = Vec::new();
        Out::part(&mut bytes).len(1 << 40);
        assert_eq!(In::part("test", &bytes).len(1), Err(StateError::Damaged("test")));
    }

    #[test]
    fn overlong_numbers_are_refused() {
        assert!(In::part("test", &[0x80, 0x00]).u64().is_err());
        assert!(In::part("test", &[0xFF; 11]).u64().is_err());
    }
}
