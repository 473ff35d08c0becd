//! The bound on the people of one organization: whoever has a write key may invent ids, and each id is a key for ever.
//!
//! Past the bound people who are known go on as before. A message that would need somebody new becomes a dead letter, sealed
//! under the organization's own key, and can be sent again when the bound is higher: nothing is lost.

use std::sync::atomic::Ordering;

use records::OrganizationId;

use super::keys::{State, Subjects, Who};

/// The ids that one message names; empty texts for those that it does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'a> {
    /// The person.
    pub user: &'a str,
    /// The anonymous visitor.
    pub anonymous: &'a str,
    /// The id that the person had before.
    pub previous: &'a str,
    /// The person at the other end.
    pub receiver: &'a str,
}

/// The most slots that one message can need: four ids and two links.
const SLOTS_OF_A_MESSAGE: u64 = 6;

impl Subjects {
    /// The same store with another bound on the people, anonymous visitors and links of one organization
    /// ([`crate::limits::PEOPLE_MAX`] unless set). Messages that come at the very same time may pass it by a few.
    #[must_use]
    pub fn with_people_max(mut self, most: u64) -> Self {
        self.people_max = most;
        self
    }

    /// The bound.
    pub fn people_max(&self) -> u64 {
        self.people_max
    }

    /// Whether anybody of this organization was ever seen and not erased.
    pub fn knows(&self, organization: OrganizationId) -> bool {
        self.people_of(organization) > 0
    }

    /// People, anonymous visitors and links between them, by organization.
    pub fn people(&self) -> Vec<(OrganizationId, u64)> {
        let state = self.state.read();
        state.organizations.iter().map(|(organization, place)| (*organization, state.people[*place as usize])).collect()
    }

    /// Messages that the bound has kept out since the store was opened.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many more this organization may have.
    pub fn room(&self, organization: OrganizationId) -> u64 {
        self.people_max.saturating_sub(self.people_of(organization))
    }

    /// Whether everybody that a message names is known or there is room for them.
    pub fn admits(&self, organization: OrganizationId, named: Named<'_>) -> bool {
        let room = self.room(organization);
        // Mostly there is, and nobody has to be looked up.
        room >= SLOTS_OF_A_MESSAGE || self.new_slots(organization, named) <= room
    }

    /// Counts a message that was kept out.
    pub(crate) fn note_refused(&self, organization: OrganizationId) {
        let before = self.refused.fetch_add(1, Ordering::Relaxed);
        // Each doubling is told once: the first one matters, and a million lines would hide it.
        if (before + 1).is_power_of_two() {
            tracing::warn!(
                %organization,
                people_max = self.people_max,
                refused = before + 1,
                "new people are kept out as dead letters: the organization has as many as it may"
            );
        }
    }

    fn people_of(&self, organization: OrganizationId) -> u64 {
        let state = self.state.read();
        state.organizations.get(&organization).map_or(0, |place| state.people[*place as usize])
    }

    fn new_slots(&self, organization: OrganizationId, named: Named<'_>) -> u64 {
        let find = |who| self.find(organization, who).map(|person| person.subject);
        let (user, anonymous) = (find(Who::User(named.user)), find(Who::Anonymous(named.anonymous)));
        let previous = find(Who::User(named.previous)).or_else(|| find(Who::Anonymous(named.previous)));
        let receiver = find(Who::User(named.receiver));
        let ids =
            [(named.user, user), (named.anonymous, anonymous), (named.previous, previous), (named.receiver, receiver)];
        let new = ids.iter().filter(|(id, known)| !id.is_empty() && known.is_none()).count();
        let state = self.state.read();
        let linked = |other: Option<u64>| {
            user.zip(other).is_some_and(|(known, other)| known == other || state.links.contains_key(&(known, other)))
        };
        let links = [(named.anonymous, anonymous), (named.previous, previous)];
        let new_links = links.iter().filter(|(id, other)| !id.is_empty() && !named.user.is_empty() && !linked(*other));
        (new + new_links.count()) as u64
    }
}

impl State {
    /// Counts everybody anew: at start, when all slots are read and unfinished erasures are finished.
    pub(super) fn count_people(&mut self) {
        self.people = vec![0; self.organizations.len()];
        for entry in self.entries.iter().filter(|entry| entry.token.is_some()) {
            self.people[entry.organization as usize] += 1;
        }
        let links: Vec<usize> =
            self.links.keys().filter_map(|(to, _)| self.entry(*to).map(|entry| entry.organization as usize)).collect();
        links.into_iter().for_each(|place| self.people[place] += 1);
    }

    /// Takes erased subjects and links off the count.
    pub(super) fn forget_people(&mut self, organization: OrganizationId, gone: u64) {
        if let Some(place) = self.organizations.get(&organization) {
            let count = &mut self.people[*place as usize];
            *count = count.saturating_sub(gone);
        }
    }
}
