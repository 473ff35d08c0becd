//! Erasure: intent, zeros, fact. A crash between any two of them is finished at the next start.
//!
//! 1. `Erasing` slots are appended and synced: from here on the erasure will happen.
//! 2. The subjects' slots and links are overwritten with zeros and synced: from here on nothing can be opened.
//! 3. The caller appends `subject_erased` and calls [`Subjects::announced`], which zeroes the `Erasing` slots. Until
//!    then [`Subjects::pending_erasures`] gives the erasure again. The fact twice does no harm.

use std::collections::BTreeSet;
use std::io;

use records::{Fact, OrganizationId, Token};

use super::keys::{Entry, State, Subjects, SubjectsError, Who};
use super::slot::Slot;
use super::store::Store;

/// What was erased: what the fact `subject_erased` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The tenant.
    pub organization: OrganizationId,
    /// The numbers of the destroyed keys.
    pub subjects: Vec<u64>,
    /// The pseudonyms that they had.
    pub tokens: Vec<Token>,
    /// The slots that remember it until it is announced.
    slots: Vec<u64>,
}

impl Erasure {
    /// The fact to append.
    pub fn fact(&self) -> Fact {
        Fact::SubjectErased { subjects: self.subjects.clone(), tokens: self.tokens.clone() }
    }
}

impl Subjects {
    /// Erases whoever has this id as a user or anonymously, and every subject that was linked to them. Returns none
    /// when there is nobody. Afterwards append [`Erasure::fact`], then call [`Subjects::announced`].
    ///
    /// # Errors
    /// When the disk fails. If it failed after the intent was durable, the next start finishes the erasure.
    pub fn erase(&self, organization: OrganizationId, id: &str) -> Result<Option<Erasure>, SubjectsError> {
        let lookups = [Who::User(id), Who::Anonymous(id)].map(|who| self.lookup(organization, who));
        self.erase_found(organization, |state| {
            lookups.iter().filter_map(|lookup| state.index.get(lookup).copied()).collect()
        })
    }

    /// As [`Subjects::erase`], by pseudonym.
    ///
    /// # Errors
    /// As [`Subjects::erase`].
    pub fn erase_token(&self, organization: OrganizationId, token: Token) -> Result<Option<Erasure>, SubjectsError> {
        self.erase_found(organization, |state| {
            // The empty token marks empty slots.
            token.is_some().then(|| state.subject_of(organization, token)).flatten().into_iter().collect()
        })
    }

    /// Erases the key that seals what came without any id: unreadable messages, for example.
    ///
    /// # Errors
    /// As [`Subjects::erase`].
    pub fn erase_unattributed(&self, organization: OrganizationId) -> Result<Option<Erasure>, SubjectsError> {
        let lookup = self.lookup(organization, Who::Unattributed);
        self.erase_found(organization, |state| state.index.get(&lookup).copied().into_iter().collect())
    }

    /// Erasures whose fact may be missing: append it again, then call [`Subjects::announced`]. To be asked at start.
    pub fn pending_erasures(&self) -> Vec<Erasure> {
        let state = self.state.read();
        let mut pending = std::collections::BTreeMap::<OrganizationId, Erasure>::new();
        for (slot, (organization, number, token)) in &state.erasing {
            let erasure = pending.entry(*organization).or_insert_with(|| Erasure::of(*organization));
            erasure.push(*slot, *number, *token);
        }
        pending.into_values().collect()
    }

    /// Forgets an erasure whose fact is durable.
    ///
    /// # Errors
    /// When the disk fails; then it is merely announced once more at the next start.
    pub fn announced(&self, erasure: &Erasure) -> Result<(), SubjectsError> {
        let mut writer = self.writer.lock();
        if writer.poisoned {
            return Err(SubjectsError::Poisoned);
        }
        let zeroed = zero_all(&writer.store, erasure.slots.iter().copied());
        writer.poisoned = zeroed.is_err();
        zeroed?;
        let mut state = self.state.write();
        state.erasing.retain(|slot, _| !erasure.slots.contains(slot));
        Ok(())
    }

    fn erase_found(
        &self,
        organization: OrganizationId,
        find: impl FnOnce(&State) -> Vec<u64>,
    ) -> Result<Option<Erasure>, SubjectsError> {
        // Held throughout: nothing may be written between the intent and the zeros.
        let mut writer = self.writer.lock();
        self.flush(&mut writer)?;
        let (erasure, zeros) = {
            let mut state = self.state.write();
            let targets = state.with_linked(find(&state));
            if targets.is_empty() {
                return Ok(None);
            }
            let taken = state.take_out(organization, &targets);
            self.note_made(state.entries.len() as u64 + 1);
            taken
        };
        self.flush(&mut writer)?;
        let zeroed = zero_all(&writer.store, zeros.into_iter());
        writer.poisoned = zeroed.is_err();
        zeroed?;
        Ok(Some(erasure))
    }
}

impl Erasure {
    fn of(organization: OrganizationId) -> Self {
        Self { organization, subjects: Vec::new(), tokens: Vec::new(), slots: Vec::new() }
    }

    fn push(&mut self, slot: u64, number: u64, token: Token) {
        self.slots.push(slot);
        self.subjects.push(number);
        self.tokens.push(token);
    }
}

impl State {
    /// These subjects and all that are linked to them, over any number of steps.
    fn with_linked(&self, mut open: Vec<u64>) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        while let Some(number) = open.pop() {
            if all.insert(number) {
                open.extend(self.links.range((number, 0)..=(number, u64::MAX)).map(|((_, from), _)| *from));
            }
        }
        all
    }

    /// Takes subjects out of memory, queues their `Erasing` slots, and returns which slots to overwrite.
    fn take_out(&mut self, organization: OrganizationId, targets: &BTreeSet<u64>) -> (Erasure, BTreeSet<u64>) {
        self.index.retain(|_, number| !targets.contains(number));
        let mut erasure = Erasure::of(organization);
        for number in targets {
            let at = usize::try_from(number - 1).expect("slots fit in memory");
            let token = std::mem::replace(&mut self.entries[at], Entry::EMPTY).token;
            let slot = self.queue(&Slot::Erasing { organization, number: *number, token }, Entry::EMPTY);
            self.erasing.insert(slot, (organization, *number, token));
            erasure.push(slot, *number, token);
        }
        let mut zeros = self.cut_links(|number| targets.contains(&number));
        zeros.extend(targets);
        self.forget_people(organization, zeros.len() as u64);
        (erasure, zeros)
    }

    /// Removes links with an end that is gone; returns their slots.
    fn cut_links(&mut self, gone: impl Fn(u64) -> bool) -> BTreeSet<u64> {
        let cut: Vec<_> =
            self.links.iter().filter(|((to, from), _)| gone(*to) || gone(*from)).map(|(k, v)| (*k, *v)).collect();
        for ((to, from), _) in &cut {
            self.links.remove(&(*to, *from));
            self.linked_from.remove(&(*from, *to));
        }
        cut.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Zeroes what a crash left of subjects that were being erased; returns how many subjects were still there.
    pub(super) fn finish_erasures(&mut self, store: &Store) -> io::Result<u64> {
        let targets: BTreeSet<u64> = self.erasing.values().map(|(_, number, _)| *number).collect();
        if targets.is_empty() {
            return Ok(0);
        }
        let before = self.index.len();
        self.index.retain(|_, number| !targets.contains(number));
        for number in &targets {
            if let Some(entry) = usize::try_from(number - 1).ok().and_then(|at| self.entries.get_mut(at)) {
                *entry = Entry::EMPTY;
            }
        }
        let mut zeros = self.cut_links(|number| targets.contains(&number));
        // Written again although they may be zeros already: a torn slot looks damaged, and may hold half a key.
        zeros.extend(&targets);
        zero_all(store, zeros.into_iter())?;
        Ok((before - self.index.len()) as u64)
    }
}

fn zero_all(store: &Store, slots: impl Iterator<Item = u64>) -> io::Result<()> {
    for slot in slots {
        store.zero(slot)?;
    }
    store.sync()
}
