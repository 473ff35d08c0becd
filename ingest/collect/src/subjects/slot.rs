//! Slots of the key store: fixed places of 128 bytes, written once and overwritten only by zeros.

use records::seal::SubjectKey;
use records::{OrganizationId, Token};

/// Bytes of one slot. A power of two, so that no slot crosses a page or a sector.
pub(crate) const SLOT_BYTES: usize = 128;

const STATE: usize = 0;
const CRC: std::ops::Range<usize> = 4..8;
const ORGANIZATION: std::ops::Range<usize> = 8..24;
const LOOKUP: std::ops::Range<usize> = 24..40;
const TOKEN: std::ops::Range<usize> = 40..48;
const KEY: std::ops::Range<usize> = 48..80;
const FROM: std::ops::Range<usize> = 80..88;
const TO: std::ops::Range<usize> = 88..96;

const PERSON: u8 = 1;
const LINK: u8 = 2;
const ERASING: u8 = 3;

/// What a slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Never written, or erased.
    Empty,
    /// One subject.
    Person(Person),
    /// The subject `from` (anonymous) belongs to the subject `to` (known).
    Link { from: u64, to: u64 },
    /// The subject `number` is being erased, and `subject_erased` may not have been appended yet.
    Erasing { organization: OrganizationId, number: u64, token: Token },
}

/// A subject as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) organization: OrganizationId,
    /// The keyed hash by which the plaintext id finds it.
    pub(crate) lookup: u128,
    pub(crate) token: Token,
    pub(crate) key: SubjectKey,
}

/// The slot's bytes are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Slot {
    pub(crate) fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        match self {
            Self::Empty => return bytes,
            Self::Person(person) => {
                bytes[STATE] = PERSON;
                bytes[ORGANIZATION].copy_from_slice(&person.organization.0.to_le_bytes());
                bytes[LOOKUP].copy_from_slice(&person.lookup.to_le_bytes());
                bytes[TOKEN].copy_from_slice(&person.token.0.to_le_bytes());
                bytes[KEY].copy_from_slice(&person.key.0);
            }
            Self::Link { from, to } => {
                bytes[STATE] = LINK;
                bytes[FROM].copy_from_slice(&from.to_le_bytes());
                bytes[TO].copy_from_slice(&to.to_le_bytes());
            }
            Self::Erasing { organization, number, token } => {
                bytes[STATE] = ERASING;
                bytes[ORGANIZATION].copy_from_slice(&organization.0.to_le_bytes());
                bytes[TOKEN].copy_from_slice(&token.0.to_le_bytes());
                bytes[FROM].copy_from_slice(&number.to_le_bytes());
            }
        }
        let crc = crc(&bytes);
        bytes[CRC].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; SLOT_BYTES]) -> Result<Self, Damaged> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Self::Empty);
        }
        if crc(bytes).to_le_bytes() != bytes[CRC] {
            return Err(Damaged);
        }
        let organization = || OrganizationId(wide(&bytes[ORGANIZATION]));
        let token = || Token(word(&bytes[TOKEN]));
        match bytes[STATE] {
            PERSON => Ok(Self::Person(Person {
                organization: organization(),
                lookup: wide(&bytes[LOOKUP]),
                token: token(),
                key: SubjectKey(bytes[KEY].try_into().expect("a key has 32 bytes")),
            })),
            LINK => Ok(Self::Link { from: word(&bytes[FROM]), to: word(&bytes[TO]) }),
            ERASING => Ok(Self::Erasing { organization: organization(), number: word(&bytes[FROM]), token: token() }),
            _ => Err(Damaged),
        }
    }
}

fn crc(bytes: &[u8; SLOT_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..CRC.start]), &bytes[CRC.end..])
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("the range has 8 bytes"))
}

fn wide(bytes: &[u8]) -> u128 {
    u128::from_le_bytes(bytes.try_into().expect("the range has 16 bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slots() -> Vec<Slot> {
        vec![
            Slot::Person(Person {
                organization: OrganizationId(7),
                lookup: 9,
                token: Token(3),
                key: SubjectKey([8; 32]),
            }),
            Slot::Link { from: 1, to: 2 },
            Slot::Erasing { organization: OrganizationId(7), number: 5, token: Token(6) },
            Slot::Empty,
        ]
    }

    #[test]
    fn slots_round_trip() {
        for slot in slots() {
            assert_eq!(Slot::decode(&slot.encode()), Ok(slot));
        }
    }

    proptest! {
        #[test]
        fn a_torn_slot_is_never_taken_for_another(which in 0usize..3, at in 0usize..96, flip in 1u8..) {
            let mut bytes = slots()[which].encode();
            bytes[at] ^= flip;
            prop_assert_eq!(Slot::decode(&bytes), Err(Damaged));
        }
    }
}
