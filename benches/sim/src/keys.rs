//! Personal data: some records carry sealed fields, some persons are erased, and at the end only the living can be read.

use std::collections::{BTreeMap, BTreeSet};

use collect::subjects::{Erasure, KEYS_FILE, OpenSealedError, Who};
use collect::{Subjects, subjects::SubjectsError};
use eventlog::disk::{SimDisk, read_whole};
use records::seal::Sealed;
use records::{Batch, MessageId, OrganizationId, Record, Token};
use workload::chance::Chance;

/// Of the messages with an actor, one of so many has something to seal; always the same ones.
const SEALED_OF: u128 = 4;
/// Far more than the slots of one run.
const KEYS_BYTES_MAX: usize = 16 << 20;

/// What the world remembers about persons.
#[derive(Debug, Default)]
pub(crate) struct Privacy {
    /// Persons who were named in sealed fields.
    known: BTreeSet<(OrganizationId, Token)>,
    /// Numbers of destroyed keys.
    erased: BTreeSet<u64>,
    /// Those of them that the log was told of.
    announced: BTreeSet<u64>,
    /// The bytes of keys that must be gone.
    gone: BTreeMap<u64, [u8; 32]>,
}

/// Opens the key store of a disk.
pub(crate) fn open(disk: &SimDisk, chance: &mut Chance) -> Result<Subjects, SubjectsError> {
    let mut bits = Chance::new(chance.bits());
    Subjects::open(
        disk,
        Box::new(move |bytes| {
            bytes.chunks_mut(8).for_each(|chunk| {
                chunk.copy_from_slice(&bits.bits().to_le_bytes()[..chunk.len()]);
            })
        }),
    )
}

impl Privacy {
    /// The records as the door makes them from what clients send: personal fields are sealed under today's keys.
    pub(crate) fn seal(&mut self, subjects: &Subjects, plain: &[Record]) -> Vec<Record> {
        let mut sealed = plain.to_vec();
        for record in sealed.iter_mut().filter(|record| is_personal(record)) {
            self.known.insert((record.organization, record.actor));
            let person = subjects.resolve(record.organization, Who::User(&name(record.actor)));
            record.subject = person.subject;
            record.sealed = subjects.seal(record.organization, &person, &secret(record.message));
        }
        sealed
    }

    /// Somebody asks to be forgotten; none while nobody is known, or when they are forgotten already.
    pub(crate) fn erase(&mut self, subjects: &Subjects, chance: &mut Chance) -> Result<Option<Erasure>, SubjectsError> {
        let count = self.known.len() as u64;
        if count == 0 {
            return Ok(None);
        }
        let place = usize::try_from(chance.below(count)).expect("few persons are known");
        let (organization, actor) = *self.known.iter().nth(place).expect("the place is below their number");
        let id = name(actor);
        let person = subjects.find(organization, Who::User(&id));
        let erasure = subjects.erase(organization, &id)?;
        if let (Some(person), Some(erasure)) = (person, &erasure) {
            self.gone.insert(person.subject, person.key.0);
            self.note(erasure);
        }
        Ok(erasure)
    }

    /// Notes what is erased for good, also when a start finished it.
    pub(crate) fn note(&mut self, erasure: &Erasure) {
        self.erased.extend(&erasure.subjects);
    }

    /// Notes that the log says so.
    pub(crate) fn announced(&mut self, erasure: &Erasure) {
        self.announced.extend(&erasure.subjects);
    }

    /// Whether the log was told of every erasure.
    pub(crate) fn all_announced(&self) -> bool {
        self.announced == self.erased
    }

    /// How many persons are erased.
    pub(crate) fn erased(&self) -> u64 {
        self.erased.len() as u64
    }

    /// Checks one frame's records: what the erased left stays shut, what the others left opens and is theirs.
    pub(crate) fn check(&self, subjects: &Subjects, batch: &Batch, rows: &[u32]) -> Result<u64, String> {
        let mut opened = 0;
        for row in rows.iter().map(|row| *row as usize).filter(|row| !batch.sealed(*row).is_empty()) {
            let (message, subject) = (batch.message(row), batch.subject(row));
            let open = subjects.open_sealed(batch.organization(row), subject, &batch.sealed(row));
            match (open, self.erased.contains(&subject)) {
                (Err(OpenSealedError::Erased), true) => {}
                (Ok(sealed), false) if sealed == secret(message) => opened += 1,
                (Ok(_), true) => return Err(format!("message {message} opens although its subject was erased")),
                (other, _) => return Err(format!("message {message} does not open as it was sealed: {other:?}")),
            }
        }
        Ok(opened)
    }

    /// Checks that the file of keys holds no byte of a destroyed key's.
    pub(crate) fn check_gone(&self, disk: &SimDisk) -> Result<(), String> {
        let file = read_whole(disk, KEYS_FILE, KEYS_BYTES_MAX).map_err(|error| error.to_string())?;
        let windows: BTreeSet<&[u8]> = file.windows(32).collect();
        match self.gone.iter().find(|(_, key)| windows.contains(key.as_slice())) {
            None => Ok(()),
            Some((subject, _)) => Err(format!("the destroyed key of subject {subject} is still in `{KEYS_FILE}`")),
        }
    }
}

fn is_personal(record: &Record) -> bool {
    record.actor.is_some() && record.message.0.is_multiple_of(SEALED_OF)
}

fn name(actor: Token) -> String {
    format!("person {actor}")
}

fn secret(message: MessageId) -> Sealed {
    Sealed { text: format!("what message {message} says"), ..Sealed::default() }
}
