//! The office of organizations: who they are, their keys, events, items and rules, and what is said about their people.
//!
//! Commands say what shall stand; only what does not stand yet becomes a fact. So the same document applied twice
//! changes nothing, and two clients that wish the same do not disturb each other.

use std::collections::BTreeMap;

use records::fact::{Role, Scope};
use records::{
    EventId, Fact, FactRow, ItemId, LeaderboardId, OrganizationId, QueryId, SecretHash, Timestamp, UserId, hash,
};

use crate::accounts::platform;
use crate::decide::{StateError, UnknownFact};
use crate::rulebook::Rulebook;
use crate::tenant::Ruleset;

/// What shall stand in one aggregate: an organization's own things, or one event's.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event; none for what is the organization's own.
    pub event: EventId,
    /// What is wished, in this order.
    pub wishes: Vec<Wish>,
}

/// One thing that shall stand, or be said.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// A fact that replaces an earlier one about the same: an organization, event, item, key, member, query or rules.
    Stand(Fact),
    /// The same, if what stands now is what whoever asks has seen; none for nothing.
    Replace {
        /// What shall stand.
        fact: Fact,
        /// What they have seen.
        seen: Option<Box<Fact>>,
    },
    /// A key by this name may do this. A key that stands keeps its secret; otherwise it gets the one with this hash.
    MakeKey {
        /// The name to revoke it by.
        key: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// BLAKE3 of a fresh secret, in hexadecimal.
        hash: String,
    },
    /// A key that stands gets another secret.
    RotateKey {
        /// The name it was added by.
        key: String,
        /// BLAKE3 of the new secret.
        hash: SecretHash,
        /// Until when the old one works, too.
        until: Timestamp,
    },
    /// No key by this name may be used.
    RevokeKey {
        /// The name it was added by.
        key: String,
    },
    /// Somebody is no member.
    EndMembership(UserId),
    /// A query is not saved.
    RemoveQuery(QueryId),
    /// All boards of a leaderboard start again.
    ResetLeaderboard {
        /// The leaderboard, as the rules in force name it.
        leaderboard: LeaderboardId,
    },
    /// Something that has been done elsewhere and cannot be refused: an erasure.
    Tell(Fact),
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A wish that belongs to another aggregate.
    #[error("`{0}` is not decided together with the rest: send it as a command of its own")]
    Elsewhere(String),
    /// Something changed since whoever asks has seen it.
    #[error("it has changed since you read it: read it again, and decide again")]
    Changed,
    /// The organization of users is no tenant.
    #[error("`platform` is the organization that users belong to: choose another id")]
    Reserved,
    /// There would be nobody who may do everything in the organization.
    #[error("an organization keeps at least one organizer who is limited to no event: make another one first")]
    LastOrganizer,
    /// A key that does not stand.
    #[error("there is no key `{0}`")]
    NoKey(String),
    /// A leaderboard that the rules in force do not name.
    #[error("the rules of `{organization}` name no leaderboard `{leaderboard}`; they name: {named}")]
    NoLeaderboard {
        /// The tenant.
        organization: OrganizationId,
        /// What was asked for.
        leaderboard: LeaderboardId,
        /// Those that there are.
        named: String,
    },
}

/// What a fact is about, within its organization; a later fact about the same replaces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Organization,
    Key(String),
    Event(EventId),
    Item(EventId, ItemId),
    Rules,
    Settings,
    Member(UserId),
    Query(QueryId),
}

/// The newest fact about each thing, and the rules as they are in force.
#[derive(Debug, Default)]
pub struct Office {
    standing: BTreeMap<(OrganizationId, About), Fact>,
    rulebook: Rulebook,
}

/// The hash that decides the partition of what is an organization's own.
pub fn aggregate_of_organization(organization: OrganizationId) -> u64 {
    hash::wide(organization.0)
}

/// The hash that decides the partition of what is an event's.
pub fn aggregate_of_event(organization: OrganizationId, event: EventId) -> u64 {
    hash::join(hash::wide(organization.0), hash::wide(event.0))
}

impl Office {
    /// Every organization that was registered in this partition, with its name, by id.
    pub fn organizations(&self) -> impl Iterator<Item = (OrganizationId, &str)> {
        self.standing.iter().filter_map(|((organization, _), fact)| match fact {
            Fact::OrganizationRegistered { name, .. } => Some((*organization, name.as_str())),
            _ => None,
        })
    }
}

/// What stands for the next wish of a command: the state, and on top of it what the wishes before have changed.
struct Standing<'a> {
    office: &'a Office,
    organization: OrganizationId,
    /// What was decided since; none for what no longer stands. Nearly all commands have one wish, and nothing here.
    since: BTreeMap<About, Option<Fact>>,
    rules: Option<Ruleset>,
}

impl Standing<'_> {
    fn get(&self, about: About) -> Option<&Fact> {
        match self.since.get(&about) {
            Some(since) => since.as_ref(),
            None => self.office.standing.get(&(self.organization, about)),
        }
    }

    fn stands(&self, fact: &Fact) -> bool {
        about(fact).is_some_and(|about| self.get(about) == Some(fact))
    }

    fn key(&self, key: &str) -> Option<&Fact> {
        self.get(About::Key(key.to_owned()))
    }

    /// Takes what a wish has come to.
    fn take(&mut self, fact: &Fact) {
        if let Some((about, stands)) = change(fact, |about| self.get(about)) {
            self.since.insert(about, stands);
        }
        if let Fact::RulesPublished { document } = fact {
            let before =
                self.rules.take().or_else(|| self.office.rulebook.rules(self.organization).map(|r| (**r).clone()));
            self.rules = Some(before.unwrap_or_default().publish(document));
        }
    }

    /// The fact that a wish asks for; none when it stands.
    fn wished(&self, wish: &Wish) -> Result<Option<Fact>, Refusal> {
        Ok(match wish {
            Wish::Stand(fact) => {
                self.may_stand(fact)?;
                (!self.stands(fact)).then(|| fact.clone())
            }
            Wish::Replace { fact, seen } => {
                self.may_stand(fact)?;
                let stands = about(fact).and_then(|about| self.get(about));
                if stands != seen.as_deref() {
                    return Err(Refusal::Changed);
                }
                (stands != Some(fact)).then(|| fact.clone())
            }
            Wish::RotateKey { key, hash, until } => {
                self.key(key).ok_or_else(|| Refusal::NoKey(key.clone()))?;
                Some(Fact::KeyRotated { key: key.clone(), hash: *hash, until: *until })
            }
            Wish::EndMembership(user) => {
                self.keeps_an_organizer(*user)?;
                self.get(About::Member(*user)).is_some().then_some(Fact::MembershipEnded { user: *user })
            }
            Wish::RemoveQuery(query) => {
                self.get(About::Query(*query)).is_some().then_some(Fact::QueryRemoved { query: *query })
            }
            Wish::MakeKey { key, scopes, hash } => {
                let (hash, expires) = match self.key(key) {
                    Some(Fact::KeyAdded { hash, expires, .. }) => (hash.clone(), *expires),
                    _ => (hash.clone(), None),
                };
                let added = Fact::KeyAdded { key: key.clone(), hash, scopes: scopes.clone(), expires };
                (!self.stands(&added)).then_some(added)
            }
            // Revoking what is not there would be a fact about nothing.
            Wish::RevokeKey { key } => self.key(key).is_some().then(|| Fact::KeyRevoked { key: key.clone() }),
            Wish::ResetLeaderboard { leaderboard } => Some(self.reset(*leaderboard)?),
            Wish::Tell(fact) => Some(fact.clone()),
        })
    }

    /// Refuses what must never stand.
    fn may_stand(&self, fact: &Fact) -> Result<(), Refusal> {
        match fact {
            Fact::OrganizationRegistered { .. } if self.organization == platform() => Err(Refusal::Reserved),
            Fact::MembershipGranted { user, .. } if !is_whole_organizer(fact) => self.keeps_an_organizer(*user),
            _ => Ok(()),
        }
    }

    /// Refuses that the last one who may do everything is no longer one.
    fn keeps_an_organizer(&self, leaves: UserId) -> Result<(), Refusal> {
        let of = |user| (self.organization, About::Member(user));
        let before = self.office.standing.range(of(UserId::NONE)..=of(UserId(u128::MAX)));
        let kept = before.map(|((_, about), fact)| (about, fact)).filter(|(about, _)| !self.since.contains_key(*about));
        let since = self.since.iter().filter_map(|(about, stands)| Some((about, stands.as_ref()?)));
        let mut organizers = kept.chain(since).filter(|(_, fact)| is_whole_organizer(fact)).map(|(about, _)| about);
        let is_last = organizers.next().is_some_and(|about| *about == About::Member(leaves));
        if is_last && organizers.next().is_none() { Err(Refusal::LastOrganizer) } else { Ok(()) }
    }

    fn reset(&self, leaderboard: LeaderboardId) -> Result<Fact, Refusal> {
        let rules = self.rules.as_ref().or_else(|| self.office.rulebook.rules(self.organization).map(|rules| &**rules));
        let named: Vec<LeaderboardId> =
            rules.into_iter().flat_map(|rules| rules.points.leaderboards()).map(|known| known.leaderboard).collect();
        if named.contains(&leaderboard) {
            return Ok(Fact::LeaderboardReset { leaderboard });
        }
        let words: Vec<String> = named.iter().map(ToString::to_string).collect();
        let named = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        Err(Refusal::NoLeaderboard { organization: self.organization, leaderboard, named })
    }
}

impl Office {
    /// The facts after which the wishes stand; none when they stand already.
    ///
    /// # Errors
    /// When one of them is refused; then nothing is done.
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<FactRow>, Refusal> {
        let mut rows = Vec::new();
        let mut standing =
            Standing { office: self, organization: command.organization, since: BTreeMap::new(), rules: None };
        for (number, wish) in (1..).zip(&command.wishes) {
            let Some(fact) = standing.wished(wish)? else { continue };
            if number < command.wishes.len() {
                standing.take(&fact);
            }
            if event_of(&fact) != command.event {
                return Err(Refusal::Elsewhere(UnknownFact::of(&FactRow::new(command.organization, now, fact)).0));
            }
            rows.push(FactRow::new(command.organization, now, fact));
        }
        Ok(rows)
    }

    /// Takes one fact.
    ///
    /// # Errors
    /// When this build does not know it.
    pub fn apply(&mut self, row: &FactRow) -> Result<(), UnknownFact> {
        let fact = row.known().ok_or_else(|| UnknownFact::of(row))?;
        let known = |about| self.standing.get(&(row.organization, about));
        match change(fact, known) {
            Some((about, Some(stands))) => _ = self.standing.insert((row.organization, about), stands),
            Some((about, None)) => _ = self.standing.remove(&(row.organization, about)),
            None => {}
        }
        self.rulebook.apply(row);
        Ok(())
    }

    /// Appends the state's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let standing: Vec<(OrganizationId, &Fact)> =
            self.standing.iter().map(|((organization, _), fact)| (*organization, fact)).collect();
        let json = serde_json::to_vec(&standing).expect("facts have text keys only");
        out.extend((json.len() as u64).to_le_bytes());
        out.extend(json);
        self.rulebook.encode(out);
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |why: &dyn std::fmt::Display| StateError(why.to_string());
        let (json, book) = crate::decide::section(bytes)?;
        let facts: Vec<(OrganizationId, Fact)> = serde_json::from_slice(json).map_err(|error| damaged(&error))?;
        let standing = facts.into_iter().filter_map(|(organization, fact)| Some(((organization, about(&fact)?), fact)));
        let rulebook = Rulebook::decode(book).map_err(|error| damaged(&error))?;
        Ok(Self { standing: standing.collect(), rulebook })
    }
}

/// What stands otherwise after a fact, and how; none for what no longer stands.
fn change<'a>(fact: &Fact, known: impl FnOnce(About) -> Option<&'a Fact>) -> Option<(About, Option<Fact>)> {
    Some(match fact {
        Fact::KeyRevoked { key } => (About::Key(key.clone()), None),
        Fact::MembershipEnded { user } => (About::Member(*user), None),
        Fact::QueryRemoved { query } => (About::Query(*query), None),
        Fact::KeyRotated { key, hash: new, .. } => {
            let mut known = known(About::Key(key.clone())).cloned();
            if let Some(Fact::KeyAdded { hash, .. }) = &mut known {
                *hash = new.to_string();
            }
            (About::Key(key.clone()), Some(known?))
        }
        fact => (about(fact)?, Some(fact.clone())),
    })
}

fn is_whole_organizer(fact: &Fact) -> bool {
    matches!(fact, Fact::MembershipGranted { role: Role::Organizer, events, .. } if events.is_empty())
}

/// The hash of the aggregate that a fact is about.
pub(crate) fn aggregate_of(row: &FactRow) -> u64 {
    aggregate(row.organization, row.known().map_or(EventId::NONE, event_of))
}

/// The hash of an organization's or an event's aggregate.
pub(crate) fn aggregate(organization: OrganizationId, event: EventId) -> u64 {
    if event.is_some() { aggregate_of_event(organization, event) } else { aggregate_of_organization(organization) }
}

/// The event whose aggregate a fact belongs to.
fn event_of(fact: &Fact) -> EventId {
    match fact {
        Fact::EventScheduled { event, .. } | Fact::ItemListed { event, .. } => *event,
        Fact::Booking(fact) => fact.event(),
        Fact::Programme(fact) => fact.event(),
        Fact::Engage(fact) => fact.event(),
        _ => EventId::NONE,
    }
}

fn about(fact: &Fact) -> Option<About> {
    match fact {
        Fact::OrganizationRegistered { .. } => Some(About::Organization),
        Fact::KeyAdded { key, .. } => Some(About::Key(key.clone())),
        Fact::EventScheduled { event, .. } => Some(About::Event(*event)),
        Fact::ItemListed { event, item, .. } => Some(About::Item(*event, *item)),
        Fact::RulesPublished { .. } => Some(About::Rules),
        Fact::SettingsChanged { .. } => Some(About::Settings),
        Fact::MembershipGranted { user, .. } => Some(About::Member(*user)),
        Fact::QuerySaved { query, .. } => Some(About::Query(*query)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::fact::Known;
    use records::{Text, Zone};

    use super::*;

    const ACME: OrganizationId = OrganizationId(7);

    fn command(wishes: Vec<Wish>) -> Command {
        Command { organization: ACME, event: EventId::NONE, wishes }
    }

    fn done(office: &mut Office, command: &Command) -> usize {
        let rows = office.decide(command, Timestamp(5)).unwrap();
        rows.iter().for_each(|row| office.apply(row).unwrap());
        rows.len()
    }

    fn registered(name: &str) -> Wish {
        Wish::Stand(Fact::OrganizationRegistered { name: name.into(), zone: Zone::utc() })
    }

    fn rules(leaderboard: &str) -> Wish {
        let document = serde_json::json!({"format": 1, "leaderboards": [{"leaderboard": leaderboard, "points": []}]});
        Wish::Stand(Fact::RulesPublished { document: Arc::new(document) })
    }

    fn item(event: u128) -> Wish {
        Wish::Stand(Fact::ItemListed {
            event: EventId(event),
            item: ItemId(9),
            session: records::SessionId::NONE,
            title: "Talk".into(),
            track: Text::NONE,
            starts: None,
            ends: None,
            capacity: None,
        })
    }

    #[test]
    fn the_same_wish_twice_is_one_fact() {
        let mut office = Office::default();
        let wishes = command(vec![registered("Acme"), rules("a")]);
        assert_eq!((done(&mut office, &wishes), done(&mut office, &wishes)), (2, 0));
        assert_eq!(done(&mut office, &command(vec![registered("Acme Ltd"), rules("a")])), 1);
    }

    #[test]
    fn a_key_that_stands_keeps_its_secret_until_it_is_revoked() {
        let mut office = Office::default();
        let make = |hash: &str, scopes| command(vec![Wish::MakeKey { key: "web".into(), scopes, hash: hash.into() }]);
        assert_eq!(done(&mut office, &make("aa", vec![Scope::Write])), 1);
        assert_eq!(done(&mut office, &make("bb", vec![Scope::Write])), 0);
        let rows = office.decide(&make("cc", vec![Scope::Read]), Timestamp(5)).unwrap();
        assert!(matches!(rows[0].known(), Some(Fact::KeyAdded { hash, .. }) if hash == "aa"));
        let revoke = command(vec![Wish::RevokeKey { key: "web".into() }]);
        assert_eq!((done(&mut office, &revoke), done(&mut office, &revoke)), (1, 0));
        let rows = office.decide(&make("cc", vec![Scope::Write]), Timestamp(5)).unwrap();
        assert!(matches!(rows[0].known(), Some(Fact::KeyAdded { hash, .. }) if hash == "cc"));
    }

    #[test]
    fn a_rotated_key_keeps_its_new_secret() {
        let mut office = Office::default();
        let make = |scopes| command(vec![Wish::MakeKey { key: "web".into(), scopes, hash: "aa".into() }]);
        let rotate = |key: &str| {
            command(vec![Wish::RotateKey { key: key.into(), hash: SecretHash::of("new"), until: Timestamp(9) }])
        };
        assert_eq!(office.decide(&rotate("web"), Timestamp(5)), Err(Refusal::NoKey("web".into())));
        done(&mut office, &make(vec![Scope::Write]));
        assert_eq!(done(&mut office, &rotate("web")), 1);
        let rows = office.decide(&make(vec![Scope::Read]), Timestamp(5)).unwrap();
        let new = SecretHash::of("new").to_string();
        assert!(matches!(rows[0].known(), Some(Fact::KeyAdded { hash, .. }) if *hash == new));
    }

    #[test]
    fn an_organization_keeps_an_organizer() {
        let mut office = Office::default();
        let granted = |user, role, events: &[u128]| {
            let events = events.iter().copied().map(EventId).collect();
            command(vec![Wish::Stand(Fact::MembershipGranted { user: UserId(user), role, events, campaigns: vec![] })])
        };
        let end = |user| command(vec![Wish::EndMembership(UserId(user))]);
        assert_eq!(done(&mut office, &granted(2, Role::Analyst, &[])), 1, "one that has none may have none");
        assert_eq!(done(&mut office, &granted(1, Role::Organizer, &[])), 1);
        for last in [end(1), granted(1, Role::Analyst, &[]), granted(1, Role::Organizer, &[5])] {
            assert_eq!(office.decide(&last, Timestamp(5)), Err(Refusal::LastOrganizer));
        }
        assert_eq!((done(&mut office, &end(2)), done(&mut office, &end(2))), (1, 0));
        assert_eq!(done(&mut office, &granted(3, Role::Organizer, &[])), 1);
        assert_eq!(done(&mut office, &end(1)), 1);
    }

    #[test]
    fn a_wish_rests_on_those_before_it_in_its_command() {
        let mut office = Office::default();
        let granted = |user| {
            let fact = Fact::MembershipGranted {
                user: UserId(user),
                role: Role::Organizer,
                events: vec![],
                campaigns: vec![],
            };
            Wish::Stand(fact)
        };
        let end = |user| Wish::EndMembership(UserId(user));
        assert_eq!(done(&mut office, &command(vec![granted(1), granted(2), granted(2)])), 2);
        let both = command(vec![end(1), end(2)]);
        assert_eq!(office.decide(&both, Timestamp(5)), Err(Refusal::LastOrganizer));
        assert_eq!(done(&mut office, &command(vec![end(1), granted(3), end(2)])), 3);
        let revoke = || Wish::RevokeKey { key: "web".into() };
        let make = Wish::MakeKey { key: "web".into(), scopes: vec![Scope::Write], hash: "aa".into() };
        assert_eq!(done(&mut office, &command(vec![make, revoke(), revoke()])), 2);
        let reset = |name| Wish::ResetLeaderboard { leaderboard: LeaderboardId::parse(name).unwrap() };
        assert_eq!(done(&mut office, &command(vec![rules("a"), reset("a")])), 2);
        assert!(office.decide(&command(vec![rules("b"), reset("a")]), Timestamp(5)).is_err());
    }

    #[test]
    fn what_changed_since_it_was_read_is_not_replaced() {
        let mut office = Office::default();
        let saved = |title: &str| Fact::QuerySaved { query: QueryId(4), title: title.into(), sql: "SELECT 1".into() };
        let replace =
            |title, seen: Option<Fact>| command(vec![Wish::Replace { fact: saved(title), seen: seen.map(Box::new) }]);
        assert_eq!(office.decide(&replace("a", Some(saved("b"))), Timestamp(5)), Err(Refusal::Changed));
        assert_eq!(done(&mut office, &replace("a", None)), 1);
        assert_eq!(office.decide(&replace("b", None), Timestamp(5)), Err(Refusal::Changed));
        assert_eq!(done(&mut office, &replace("b", Some(saved("a")))), 1);
        assert_eq!(done(&mut office, &command(vec![Wish::RemoveQuery(QueryId(4))])), 1);
        assert_eq!(office.decide(&replace("c", Some(saved("b"))), Timestamp(5)), Err(Refusal::Changed));
    }

    #[test]
    fn the_platform_is_no_tenant() {
        let mut platforms = command(vec![registered("Mine")]);
        platforms.organization = platform();
        assert_eq!(Office::default().decide(&platforms, Timestamp(5)), Err(Refusal::Reserved));
    }

    #[test]
    fn a_reset_needs_a_leaderboard_that_the_rules_name() {
        let mut office = Office::default();
        let reset = |name| command(vec![Wish::ResetLeaderboard { leaderboard: LeaderboardId::parse(name).unwrap() }]);
        assert!(office.decide(&reset("a"), Timestamp(5)).unwrap_err().to_string().ends_with("they name: none"));
        done(&mut office, &command(vec![rules("a")]));
        assert_eq!(done(&mut office, &reset("a")), 1);
        assert_eq!(done(&mut office, &reset("a")), 1, "a reset is no state: it may come again");
        assert!(office.decide(&reset("b"), Timestamp(5)).unwrap_err().to_string().ends_with("they name: a"));
    }

    #[test]
    fn what_belongs_elsewhere_is_refused_whole() {
        let office = Office::default();
        let mixed = command(vec![registered("Acme"), item(3)]);
        assert_eq!(office.decide(&mixed, Timestamp(5)), Err(Refusal::Elsewhere("item_listed".into())));
        let own = Command { organization: ACME, event: EventId(3), wishes: vec![item(3)] };
        let rows = office.decide(&own, Timestamp(5)).unwrap();
        assert_eq!(aggregate_of(&rows[0]), aggregate_of_event(ACME, EventId(3)));
    }

    #[test]
    fn a_fact_of_a_newer_build_stops_it() {
        let row: FactRow = serde_json::from_str(r#"{"version":9,"at":5,"fact":"seat_sold"}"#).unwrap();
        assert!(matches!(row.fact, Known::Unknown(_)));
        assert_eq!(Office::default().apply(&row), Err(UnknownFact("seat_sold".into())));
    }

    #[test]
    fn a_state_reads_back_and_decides_the_same() {
        let mut office = Office::default();
        let wishes = command(vec![registered("Acme"), rules("a")]);
        done(&mut office, &wishes);
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        office.encode(&mut bytes);
        let back = Office::decode(&bytes).unwrap();
        back.encode(&mut again);
        assert_eq!(bytes, again);
        assert_eq!(back.decide(&wishes, Timestamp(6)), Ok(Vec::new()));
        assert_eq!(back.organizations().collect::<Vec<_>>(), [(ACME, "Acme")]);
        assert!(Office::decode(&bytes[..9]).is_err());
    }
}
