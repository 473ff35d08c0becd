//! Subjects: from plaintext ids to pseudonyms and keys.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eventlog::disk::{Disk, RealDisk};
use parking_lot::{Mutex, RwLock};
use records::hash::FixedState;
use records::seal::{self, OpenError, Sealed, SubjectKey};
use records::{OrganizationId, Token};

use super::secret::{self, SECRET_FILE, Secrets};
use super::slot::{self, Slot};
use super::store::{KEYS_FILE, Store};
use crate::limits::{LINKS_MAX, PEOPLE_MAX};

/// A source of chance: fills the bytes. The binary seeds one from the operating system; tests bring their own.
pub type Chance = Box<dyn FnMut(&mut [u8]) + Send>;

/// Whose pseudonym is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// A person by the id that the client's own system uses.
    User(&'a str),
    /// A browser or app by the id it made up.
    Anonymous(&'a str),
    /// Nobody in particular: the key that seals what comes without any id, one for each organization.
    Unattributed,
}

/// A subject: its pseudonym and the key that seals its personal fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The number of the key, from 1.
    pub subject: u64,
    /// The pseudonym.
    pub token: Token,
    /// The key.
    pub key: SubjectKey,
    /// Whether this look-up made the subject.
    pub fresh: bool,
}

/// Why the key store cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubjectsError {
    /// The disk failed.
    #[error("key store: {0}")]
    Io(Arc<io::Error>),
    /// A write failed earlier: what is on the disk is not known until the store is opened again.
    #[error("key store is closed after a failed write")]
    Poisoned,
}

impl From<io::Error> for SubjectsError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

/// Why a sealed blob was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenSealedError {
    /// The subject was erased: nobody can open this any more.
    #[error("the subject was erased")]
    Erased,
    /// The blob or its row is not what was sealed.
    #[error(transparent)]
    Blob(#[from] OpenError),
}

/// What was found when the store was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// Living subjects.
    pub subjects: u64,
    /// Links between them.
    pub links: u64,
    /// Slots whose bytes are not what was written. The last ones after a crash were never used; others mean damage.
    pub damaged: Vec<u64>,
    /// Erasures that a crash had cut short and that were finished now.
    pub finished: u64,
}

/// The subjects of every organization of this installation. Shared by all threads of the process that holds the log.
pub struct Subjects {
    secrets: Secrets,
    pub(super) writer: Mutex<Writer>,
    pub(super) state: RwLock<State>,
    chance: Mutex<Chance>,
    /// The next number as it will be after the queued slots, and as it is on the disk.
    made: AtomicU64,
    synced: AtomicU64,
    opened: Opened,
    /// The most people of one organization, and how many messages it has kept out.
    pub(super) people_max: u64,
    pub(super) refused: AtomicU64,
}

pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) poisoned: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) index: hashbrown::HashMap<u128, u64, FixedState>,
    /// By number - 1; links and erased slots have no token.
    pub(super) entries: Vec<Entry>,
    /// Organizations by the small number that stands for them here.
    pub(super) organizations: BTreeMap<OrganizationId, u32>,
    /// Living subjects and links by the small number of their organization.
    pub(super) people: Vec<u64>,
    /// (to, from) -> the link's slot, and the other way round.
    pub(super) links: BTreeMap<(u64, u64), u64>,
    pub(super) linked_from: BTreeMap<(u64, u64), ()>,
    /// Slots that are made but not written, in order of their numbers.
    queued: Vec<u8>,
    /// Erasures whose fact may be missing: slot -> (organization, number, token).
    pub(super) erasing: BTreeMap<u64, (OrganizationId, u64, Token)>,
}

#[derive(Clone)]
pub(super) struct Entry {
    key: SubjectKey,
    pub(super) token: Token,
    pub(super) organization: u32,
}

impl Entry {
    pub(super) const EMPTY: Self = Self { key: SubjectKey([0; 32]), token: Token::NONE, organization: 0 };
}

impl Subjects {
    /// Opens the store under a directory of this machine. The files are created for their owner only (mode 0600).
    ///
    /// # Errors
    /// See [`Subjects::open`].
    pub fn open_at(root: &Path, chance: Chance) -> Result<Self, SubjectsError> {
        let disk = RealDisk::new(root)?;
        for name in [SECRET_FILE, KEYS_FILE] {
            create_private(&root.join(name))?;
        }
        Self::open(&disk, chance)
    }

    /// Opens the store of a disk, begins it when there is none, finishes erasures that a crash cut short.
    ///
    /// # Errors
    /// When the disk fails, or the secret of an existing store is missing or damaged.
    pub fn open(disk: &dyn Disk, mut chance: Chance) -> Result<Self, SubjectsError> {
        let fresh = !Store::exists(disk)?;
        let secrets = secret::open(disk, fresh, &mut chance)?;
        let mut state = State::default();
        let mut opened = Opened::default();
        let (store, next) = Store::open(disk, |number, slot| state.load(number, slot, &mut opened))?;
        // Also when the file ends in the middle of a slot: that number is spent.
        state.entries.resize(usize::try_from(next - 1).expect("slots fit in memory"), Entry::EMPTY);
        opened.finished = state.finish_erasures(&store)?;
        state.count_people();
        opened.subjects = state.index.len() as u64;
        opened.links = state.links.len() as u64;
        Ok(Self {
            secrets,
            writer: Mutex::new(Writer { store, poisoned: false }),
            state: RwLock::new(state),
            chance: Mutex::new(chance),
            made: AtomicU64::new(next),
            synced: AtomicU64::new(next),
            opened,
            people_max: PEOPLE_MAX,
            refused: AtomicU64::new(0),
        })
    }

    /// What was found when the store was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Finds or makes the subject. A new one is durable only after [`Subjects::sync`].
    pub fn resolve(&self, organization: OrganizationId, who: Who<'_>) -> Person {
        let lookup = self.lookup(organization, who);
        if let Some(person) = self.state.read().find(lookup) {
            return person;
        }
        let (token, key) = self.draw();
        let mut state = self.state.write();
        // Somebody else may have made it between the two locks.
        if let Some(person) = state.find(lookup) {
            return person;
        }
        let subject = state.add(organization, lookup, token, key.clone());
        self.made.store(subject + 1, Ordering::Release);
        Person { subject, token, key, fresh: true }
    }

    /// Finds the subject if there is one.
    pub fn find(&self, organization: OrganizationId, who: Who<'_>) -> Option<Person> {
        self.state.read().find(self.lookup(organization, who))
    }

    /// Notes that the anonymous subject belongs to the known one, so that erasing the one erases the other. At most
    /// [`LINKS_MAX`] for each anonymous subject. Durable only after [`Subjects::sync`].
    pub fn link(&self, anonymous: u64, known: u64) {
        if anonymous == known || self.state.read().links.contains_key(&(known, anonymous)) {
            return;
        }
        let mut state = self.state.write();
        let links = state.linked_from.range((anonymous, 0)..=(anonymous, u64::MAX)).count();
        if links < LINKS_MAX && !state.links.contains_key(&(known, anonymous)) {
            let next = state.add_link(anonymous, known);
            self.made.store(next, Ordering::Release);
        }
    }

    /// Whether every subject and link so far is durable.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire) >= self.made.load(Ordering::Acquire)
    }

    /// Makes every subject and link so far durable: one sync for all that came together, none when nothing is new.
    /// Call it before records that name them are appended.
    ///
    /// # Errors
    /// When the disk fails; then the store stays closed until it is opened again.
    pub fn sync(&self) -> Result<(), SubjectsError> {
        let wanted = self.made.load(Ordering::Acquire);
        if self.synced.load(Ordering::Acquire) >= wanted {
            return Ok(());
        }
        // Whoever waits here for another thread's sync mostly finds its own slots written too.
        let mut writer = self.writer.lock();
        self.flush(&mut writer)
    }

    pub(super) fn flush(&self, writer: &mut Writer) -> Result<(), SubjectsError> {
        if writer.poisoned {
            return Err(SubjectsError::Poisoned);
        }
        let (first, slots, next) = self.state.write().take_queued();
        if slots.is_empty() {
            return Ok(());
        }
        let done = writer.store.append(first, &slots).and_then(|()| writer.store.sync());
        writer.poisoned = done.is_err();
        done?;
        self.synced.store(next, Ordering::Release);
        Ok(())
    }

    pub(super) fn note_made(&self, next: u64) {
        self.made.store(next, Ordering::Release);
    }

    /// The key of a subject; none when it was erased or never was.
    pub fn key_of(&self, subject: u64) -> Option<SubjectKey> {
        let state = self.state.read();
        state.entry(subject).map(|entry| entry.key.clone())
    }

    /// The pseudonym of a subject; none when it was erased or never was.
    pub fn token_of(&self, subject: u64) -> Option<Token> {
        self.state.read().entry(subject).map(|entry| entry.token)
    }

    /// Seals what is personal for a subject.
    pub fn seal(&self, organization: OrganizationId, person: &Person, sealed: &Sealed) -> Box<[u8]> {
        let mut nonce = [0; 12];
        (self.chance.lock())(&mut nonce);
        seal::seal(&person.key, organization, person.subject, nonce, sealed)
    }

    /// Opens what a record holds sealed.
    ///
    /// # Errors
    /// When the subject was erased, or the blob is not its own.
    pub fn open_sealed(
        &self,
        organization: OrganizationId,
        subject: u64,
        blob: &[u8],
    ) -> Result<Sealed, OpenSealedError> {
        let key = self.key_of(subject).ok_or(OpenSealedError::Erased)?;
        Ok(seal::open(&key, organization, subject, blob)?)
    }

    /// The token of a device, card, network address or visit; none for the empty text.
    pub fn token(&self, organization: OrganizationId, purpose: &str, text: &str) -> Token {
        if text.is_empty() { Token::NONE } else { Token::keyed(&self.secrets.tokens, organization, purpose, text) }
    }

    pub(super) fn lookup(&self, organization: OrganizationId, who: Who<'_>) -> u128 {
        let (role, text) = match who {
            Who::User(text) => (1, text),
            Who::Anonymous(text) => (2, text),
            Who::Unattributed => (3, ""),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.secrets.lookup);
        hasher.update(&organization.0.to_le_bytes()).update(&[role]).update(text.as_bytes());
        let mut cut = [0; 16];
        cut.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_le_bytes(cut)
    }

    fn draw(&self) -> (Token, SubjectKey) {
        let mut bytes = [0; 40];
        (self.chance.lock())(&mut bytes);
        let (token, key) = bytes.split_at(8);
        let token = u64::from_le_bytes(token.try_into().expect("the split has 8 bytes")).max(1);
        (Token(token), SubjectKey(key.try_into().expect("the split has 32 bytes")))
    }
}

impl State {
    fn load(&mut self, number: u64, slot: Result<Slot, slot::Damaged>, opened: &mut Opened) {
        self.entries.push(Entry::EMPTY);
        match slot {
            Ok(Slot::Empty) => {}
            Ok(Slot::Person(person)) => {
                let organization = self.organization(person.organization);
                self.index.insert(person.lookup, number);
                *self.entries.last_mut().expect("just pushed") =
                    Entry { key: person.key, token: person.token, organization };
            }
            Ok(Slot::Link { from, to }) => self.note_link(from, to, number),
            Ok(Slot::Erasing { organization, number: target, token }) => {
                self.erasing.insert(number, (organization, target, token));
            }
            Err(slot::Damaged) => opened.damaged.push(number),
        }
    }

    fn find(&self, lookup: u128) -> Option<Person> {
        let subject = *self.index.get(&lookup)?;
        let entry = self.entry(subject)?;
        Some(Person { subject, token: entry.token, key: entry.key.clone(), fresh: false })
    }

    pub(super) fn entry(&self, subject: u64) -> Option<&Entry> {
        let at = usize::try_from(subject.checked_sub(1)?).ok()?;
        self.entries.get(at).filter(|entry| entry.token.is_some())
    }

    /// The living subject with this token, for erasure only: a scan.
    pub(super) fn subject_of(&self, organization: OrganizationId, token: Token) -> Option<u64> {
        let place = *self.organizations.get(&organization)?;
        let at = self.entries.iter().position(|entry| entry.token == token && entry.organization == place)?;
        Some(at as u64 + 1)
    }

    fn organization(&mut self, organization: OrganizationId) -> u32 {
        let next = u32::try_from(self.organizations.len()).expect("an installation has fewer than 2^32 organizations");
        let place = *self.organizations.entry(organization).or_insert(next);
        self.people.resize(self.organizations.len(), 0);
        place
    }

    fn add(&mut self, organization: OrganizationId, lookup: u128, token: Token, key: SubjectKey) -> u64 {
        let place = self.organization(organization);
        let slot = Slot::Person(slot::Person { organization, lookup, token, key: key.clone() });
        let number = self.queue(&slot, Entry { key, token, organization: place });
        self.index.insert(lookup, number);
        self.people[place as usize] += 1;
        number
    }

    fn add_link(&mut self, from: u64, to: u64) -> u64 {
        let number = self.queue(&Slot::Link { from, to }, Entry::EMPTY);
        self.note_link(from, to, number);
        if let Some(place) = self.entry(to).map(|entry| entry.organization as usize) {
            self.people[place] += 1;
        }
        number + 1
    }

    fn note_link(&mut self, from: u64, to: u64, number: u64) {
        self.links.insert((to, from), number);
        self.linked_from.insert((from, to), ());
    }

    /// Queues a slot and returns its number.
    pub(super) fn queue(&mut self, slot: &Slot, entry: Entry) -> u64 {
        self.entries.push(entry);
        self.queued.extend_from_slice(&slot.encode());
        self.entries.len() as u64
    }

    /// The number of the first queued slot, the slots, and the number after them.
    fn take_queued(&mut self) -> (u64, Vec<u8>, u64) {
        let slots = std::mem::take(&mut self.queued);
        let next = self.entries.len() as u64 + 1;
        (next - (slots.len() / slot::SLOT_BYTES) as u64, slots, next)
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn create_private(_: &Path) -> io::Result<()> {
    Ok(())
}
