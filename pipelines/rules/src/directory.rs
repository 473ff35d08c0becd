//! The directory: who is asking, and where they belong, as all facts so far say. The read model of keys, logins,
//! members, settings and saved queries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use records::fact::{By, Role, Scope};
use records::hash::FixedState;
use records::{
    CampaignId, EventId, Fact, FactRow, LoginId, OrganizationId, QueryId, SecretHash, Timestamp, UserId, Zone,
};

use crate::access::{KeyHolder, Membership, Person};
use crate::accounts::{Accounts, LOGINS_MAX};

/// The fold of the facts about who may do what.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Who can sign in.
    pub accounts: Accounts,
    organizations: BTreeMap<OrganizationId, Organization>,
    keys: HashMap<SecretHash, (OrganizationId, Arc<str>), FixedState>,
    places: HashMap<UserId, BTreeSet<OrganizationId>, FixedState>,
}

/// One tenant, without its events and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// What people call it; none before it is registered.
    pub name: Option<String>,
    /// The zone in which its days turn.
    pub zone: Zone,
    /// The language of its pages, BCP 47.
    pub language: String,
    /// Origins whose pages may call the API with a key.
    pub origins: Arc<[String]>,
    /// Members by user.
    pub members: BTreeMap<UserId, Member>,
    /// Keys that may be used, by name.
    pub keys: BTreeMap<Arc<str>, Key>,
    /// Saved queries.
    pub queries: BTreeMap<QueryId, Query>,
}

/// A member of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What they are.
    pub role: Role,
    /// The events that it is limited to; none for all.
    pub events: Vec<EventId>,
    /// The campaigns of an advertiser.
    pub campaigns: Vec<CampaignId>,
    /// Since when they belong to it.
    pub since: Timestamp,
}

/// A key that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// BLAKE3 of the secret.
    pub hash: SecretHash,
    /// The one before, and until when it works, too.
    pub old: Option<(SecretHash, Timestamp)>,
    /// What it may do.
    pub scopes: Arc<[Scope]>,
    /// The events that it is limited to; none for all.
    pub events: Arc<[EventId]>,
    /// When it got its secret.
    pub made: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub used: Option<Timestamp>,
}

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What people call it.
    pub title: String,
    /// Its text.
    pub sql: String,
    /// Who saved it last.
    pub by: Option<By>,
    /// When.
    pub saved: Timestamp,
}

impl Default for Organization {
    fn default() -> Self {
        Self {
            name: None,
            zone: Zone::utc(),
            language: String::new(),
            origins: [].into(),
            members: BTreeMap::new(),
            keys: BTreeMap::new(),
            queries: BTreeMap::new(),
        }
    }
}

impl Key {
    /// Whether it works at a time.
    pub fn works(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn opens(&self, hash: &SecretHash, now: Timestamp) -> bool {
        let old = self.old.is_some_and(|(old, until)| old == *hash && until > now);
        self.works(now) && (self.hash == *hash || old)
    }
}

impl Directory {
    /// An organization that facts have named.
    pub fn organization(&self, organization: OrganizationId) -> Option<&Organization> {
        self.organizations.get(&organization)
    }

    /// Organizations that were registered, by id.
    pub fn registered(&self) -> impl Iterator<Item = (OrganizationId, &Organization)> {
        self.organizations.iter().filter(|(_, known)| known.name.is_some()).map(|(id, known)| (*id, known))
    }

    /// Whose key this is, if it may be used now.
    pub fn key(&self, hash: &SecretHash, now: Timestamp) -> Option<KeyHolder> {
        let (organization, name) = self.keys.get(hash)?;
        let key = self.organizations.get(organization)?.keys.get(name)?;
        key.opens(hash, now).then(|| KeyHolder {
            organization: *organization,
            name: Arc::clone(name),
            scopes: Arc::clone(&key.scopes),
            events: Arc::clone(&key.events),
        })
    }

    /// Whose key this is, or was before its time was over or it got another secret; it need not open anything.
    pub fn key_of(&self, hash: &SecretHash) -> Option<(OrganizationId, &Arc<str>)> {
        self.keys.get(hash).map(|(organization, name)| (*organization, name))
    }

    /// How many keys there are, those included whose time is over.
    pub fn keys(&self) -> usize {
        self.organizations.values().map(|organization| organization.keys.len()).sum()
    }

    /// Who is signed in on the device that presents this.
    pub fn person(&self, secret: &SecretHash, now: Timestamp) -> Option<Person> {
        let (user, login, known) = self.accounts.by_login(secret, now)?;
        Some(self.person_of(user, login, known.admin))
    }

    fn person_of(&self, user: UserId, login: LoginId, platform_admin: bool) -> Person {
        Person { user, login, platform_admin, memberships: self.memberships(user).into() }
    }

    /// Where a user belongs, by organization.
    pub fn memberships(&self, user: UserId) -> Vec<Membership> {
        let of = |organization: &OrganizationId| {
            let member = self.organizations.get(organization)?.members.get(&user)?;
            let (events, campaigns) = (member.events.clone(), member.campaigns.clone());
            Some(Membership { organization: *organization, role: member.role, events, campaigns })
        };
        self.places.get(&user).into_iter().flatten().filter_map(of).collect()
    }

    /// Takes one fact; facts about other things change nothing. Whether it may have taken something
    /// from somebody who was let in.
    pub fn apply(&mut self, row: &FactRow) -> bool {
        let Some(fact) = row.known() else { return false };
        if !row.organization.is_some() {
            return false;
        }
        // A device more changes nothing for the others, unless it takes the place of one.
        let full = |user| self.accounts.user(user).is_some_and(|user| user.logins.len() >= LOGINS_MAX);
        let quiet = matches!(fact, Fact::LoginOpened { user, .. } if !full(*user));
        self.accounts.apply(row);
        if quiet {
            return false;
        }
        match fact {
            Fact::KeyAdded { .. } | Fact::KeyRotated { .. } | Fact::KeyRevoked { .. } | Fact::KeyLimited { .. } => {
                self.apply_key(row, fact)
            }
            Fact::MembershipGranted { user, role, events, campaigns } => {
                let members = &mut self.at(row.organization).members;
                let since = members.get(user).map_or(row.at, |known| known.since);
                let (events, campaigns) = (events.clone(), campaigns.clone());
                members.insert(*user, Member { role: *role, events, campaigns, since });
                self.places.entry(*user).or_default().insert(row.organization);
            }
            Fact::MembershipEnded { user } => {
                self.at(row.organization).members.remove(user);
                if let Some(places) = self.places.get_mut(user) {
                    places.remove(&row.organization);
                }
            }
            Fact::PlatformAdminSet { .. }
            | Fact::PasswordSet { .. }
            | Fact::LoginOpened { .. }
            | Fact::LoginClosed { .. }
            | Fact::LoginsClosed { .. }
            | Fact::SubjectErased { .. } => {}
            fact => {
                self.apply_quiet(row, fact);
                return false;
            }
        }
        true
    }

    /// What changes nothing of who may do what.
    fn apply_quiet(&mut self, row: &FactRow, fact: &Fact) {
        match fact {
            Fact::OrganizationRegistered { name, zone } => {
                let known = self.at(row.organization);
                (known.name, known.zone) = (Some(name.clone()), zone.clone());
            }
            Fact::SettingsChanged { language, origins } => {
                let known = self.at(row.organization);
                (known.language, known.origins) = (language.clone(), origins.clone().into());
            }
            Fact::KeyUsed { key } => {
                if let Some(known) = self.at(row.organization).keys.get_mut(key.as_str()) {
                    known.used = Some(row.at);
                }
            }
            Fact::QuerySaved { query, title, sql } => {
                let (title, sql, by) = (title.clone(), sql.clone(), row.by.clone());
                self.at(row.organization).queries.insert(*query, Query { title, sql, by, saved: row.at });
            }
            Fact::QueryRemoved { query } => _ = self.at(row.organization).queries.remove(query),
            _ => {}
        }
    }

    fn at(&mut self, organization: OrganizationId) -> &mut Organization {
        self.organizations.entry(organization).or_default()
    }

    fn apply_key(&mut self, row: &FactRow, fact: &Fact) {
        let organization = row.organization;
        let keys = &mut self.organizations.entry(organization).or_default().keys;
        match fact {
            Fact::KeyAdded { key, hash, scopes, expires } => {
                let name: Arc<str> = key.as_str().into();
                let old = keys.remove(&name);
                old.as_ref().into_iter().for_each(|old| forget(&mut self.keys, old));
                // What is no hash was never a key that could be used.
                let Some(hash) = SecretHash::parse(hash) else { return };
                let used = old.as_ref().and_then(|old| old.used);
                let kept = old.filter(|old| old.hash == hash);
                let made = kept.as_ref().map_or(row.at, |kept| kept.made);
                // The same secret stays as limited as it was, whatever it may do now.
                let events = kept.as_ref().map_or_else(|| [].into(), |kept| Arc::clone(&kept.events));
                let old = kept.and_then(|kept| kept.old);
                let added = Key { hash, old, scopes: scopes.clone().into(), events, made, expires: *expires, used };
                remember(&mut self.keys, organization, &name, &added);
                keys.insert(name, added);
            }
            Fact::KeyRotated { key, hash, until } => {
                let Some((name, known)) = keys.get_key_value(key.as_str()) else { return };
                forget(&mut self.keys, known);
                let (name, mut known) = (Arc::clone(name), known.clone());
                known.old = Some((known.hash, *until));
                (known.hash, known.made) = (*hash, row.at);
                remember(&mut self.keys, organization, &name, &known);
                keys.insert(name, known);
            }
            Fact::KeyLimited { key, events } => {
                if let Some(known) = keys.get_mut(key.as_str()) {
                    known.events = events.clone().into();
                }
            }
            Fact::KeyRevoked { key } => {
                keys.remove(key.as_str()).iter().for_each(|old| forget(&mut self.keys, old));
            }
            _ => {}
        }
    }
}

type Owners = HashMap<SecretHash, (OrganizationId, Arc<str>), FixedState>;

fn remember(owners: &mut Owners, organization: OrganizationId, name: &Arc<str>, key: &Key) {
    for hash in std::iter::once(key.hash).chain(key.old.map(|(old, _)| old)) {
        owners.insert(hash, (organization, Arc::clone(name)));
    }
}

fn forget(owners: &mut Owners, key: &Key) {
    for hash in std::iter::once(key.hash).chain(key.old.map(|(old, _)| old)) {
        owners.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: OrganizationId = OrganizationId(7);
    const OTHER: OrganizationId = OrganizationId(8);

    fn told(directory: &mut Directory, organization: OrganizationId, at: i64, fact: Fact) -> bool {
        directory.apply(&FactRow::new(organization, Timestamp(at), fact))
    }

    fn added(key: &str, secret: &str, scopes: &[Scope]) -> Fact {
        let hash = SecretHash::of(secret).to_string();
        Fact::KeyAdded { key: key.into(), hash, scopes: scopes.to_vec(), expires: None }
    }

    fn holder(directory: &Directory, secret: &str, now: i64) -> Option<KeyHolder> {
        directory.key(&SecretHash::of(secret), Timestamp(now))
    }

    #[test]
    fn a_key_names_its_organization_and_scopes_until_it_is_revoked_or_replaced() {
        let mut directory = Directory::default();
        assert!(told(&mut directory, ACME, 1, added("web", "one", &[Scope::Write])));
        told(&mut directory, OTHER, 1, added("web", "two", &[Scope::Write]));
        let known = holder(&directory, "one", 2).unwrap();
        assert_eq!((known.organization, known.has(Scope::Write), known.has(Scope::Read)), (ACME, true, false));
        told(&mut directory, ACME, 3, added("web", "three", &[Scope::Read]));
        assert!(holder(&directory, "one", 4).is_none() && holder(&directory, "three", 4).is_some());
        told(&mut directory, ACME, 5, Fact::KeyRevoked { key: "web".into() });
        assert!(holder(&directory, "three", 6).is_none() && holder(&directory, "two", 6).is_some());
        assert_eq!((directory.keys(), holder(&directory, "", 6)), (1, None));
    }

    #[test]
    fn a_rotated_key_works_beside_the_new_one_for_a_while() {
        let mut directory = Directory::default();
        told(&mut directory, ACME, 1, added("web", "one", &[Scope::Write]));
        let rotated = |secret, until| Fact::KeyRotated {
            key: "web".into(),
            hash: SecretHash::of(secret),
            until: Timestamp(until),
        };
        told(&mut directory, ACME, 5, rotated("two", 10));
        let works =
            |directory: &Directory, now| ["one", "two", "three"].map(|key| holder(directory, key, now).is_some());
        assert_eq!(works(&directory, 9), [true, true, false]);
        assert_eq!(works(&directory, 10), [false, true, false]);
        told(&mut directory, ACME, 6, rotated("three", 20));
        assert_eq!(works(&directory, 9), [false, true, true], "only one before works");
        told(&mut directory, ACME, 7, added("web", "three", &[Scope::Read]));
        assert_eq!(works(&directory, 9), [false, true, true], "other scopes change no secret");
        told(&mut directory, ACME, 8, Fact::KeyRevoked { key: "web".into() });
        assert_eq!(works(&directory, 9), [false; 3]);
    }

    #[test]
    fn a_key_ends_when_it_was_said_to() {
        let mut directory = Directory::default();
        let hash = SecretHash::of("one").to_string();
        let fact = Fact::KeyAdded { key: "web".into(), hash, scopes: vec![], expires: Some(Timestamp(9)) };
        told(&mut directory, ACME, 1, fact);
        assert!(holder(&directory, "one", 8).is_some() && holder(&directory, "one", 9).is_none());
        let known = directory.key_of(&SecretHash::of("one")).map(|(organization, name)| (organization, &**name));
        assert_eq!(known, Some((ACME, "web")));
    }

    #[test]
    fn members_belong_where_they_were_let_in() {
        let mut directory = Directory::default();
        let granted = |role| Fact::MembershipGranted { user: UserId(1), role, events: vec![], campaigns: vec![] };
        assert!(told(&mut directory, ACME, 1, granted(Role::Analyst)));
        assert!(told(&mut directory, OTHER, 2, granted(Role::Organizer)));
        told(&mut directory, ACME, 3, granted(Role::Moderator));
        let roles = |directory: &Directory| {
            directory
                .memberships(UserId(1))
                .into_iter()
                .map(|known| (known.organization, known.role))
                .collect::<Vec<_>>()
        };
        assert_eq!(roles(&directory), [(ACME, Role::Moderator), (OTHER, Role::Organizer)]);
        assert_eq!(directory.organization(ACME).unwrap().members[&UserId(1)].since, Timestamp(1));
        told(&mut directory, OTHER, 4, Fact::MembershipEnded { user: UserId(1) });
        assert_eq!(roles(&directory), [(ACME, Role::Moderator)]);
    }
}
