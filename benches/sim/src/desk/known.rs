//! What clients and operators know: the read models, as every process folds them from the facts.

use std::collections::BTreeSet;

use desk::Place;
use records::{Fact, FactRow, OrganizationId, SecretHash, Timestamp, UserId};
use rules::{Directory, Rulebook};

use super::lately::Offices;

/// The read models of one process, and what they were told.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) directory: Directory,
    pub(crate) rulebook: Rulebook,
    pub(crate) lately: Offices,
    /// Where each fact stood that was told, in the order in which it was.
    pub(crate) told: Vec<Place>,
}

impl Known {
    pub(crate) fn hear(&mut self, place: Place, row: &FactRow) {
        self.told.push(place);
        self.take(row);
    }

    pub(crate) fn take(&mut self, row: &FactRow) {
        self.directory.apply(row);
        self.rulebook.apply(row);
        self.lately.take(row);
    }

    /// Everything that they answer about these facts, in an order that does not depend on how they came to it.
    pub(crate) fn answers(&self, rows: &[FactRow], now: Timestamp) -> String {
        let (mut organizations, mut users, mut secrets) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for row in rows {
            organizations.insert(row.organization);
            users.extend(row.known().and_then(user_of));
            secrets.extend(row.known().and_then(secret_of));
        }
        let directory = &self.directory;
        let organizations: Vec<_> = organizations.iter().map(|id| (id, directory.organization(*id))).collect();
        let places: Vec<_> = users.iter().map(|user| (user, directory.memberships(*user))).collect();
        let opened: Vec<_> = secrets
            .iter()
            .map(|secret| (directory.key(secret, now), directory.person(secret, now).map(|person| person.user)))
            .collect();
        let accounts = &directory.accounts;
        let users: Vec<_> = accounts.users().collect();
        let mails: Vec<_> = accounts.mails().collect();
        let mut rules = Vec::new();
        self.rulebook.encode(&mut rules);
        let rules = String::from_utf8_lossy(&rules);
        format!("{organizations:?} {places:?} {opened:?} {users:?} {mails:?} {rules}")
    }

    /// The name of somebody's organization, for commands that build on what was read.
    pub(crate) fn is_registered(&self, organization: OrganizationId) -> bool {
        self.directory.organization(organization).is_some_and(|known| known.name.is_some())
    }
}

fn user_of(fact: &Fact) -> Option<UserId> {
    match fact {
        Fact::MembershipGranted { user, .. } | Fact::UserRegistered { user, .. } => Some(*user),
        _ => None,
    }
}

fn secret_of(fact: &Fact) -> Option<SecretHash> {
    match fact {
        Fact::KeyAdded { hash, .. } => SecretHash::parse(hash),
        Fact::KeyRotated { hash, .. } => Some(*hash),
        Fact::LoginOpened { secret, .. } => Some(*secret),
        _ => None,
    }
}
