//! The office of organizations: who they are, their keys, events, items and rules, and what is said about their people.
//!
//! Commands say what shall stand; only what does not stand yet becomes a fact. So the same document applied twice
//! changes nothing, and two clients that wish the same do not disturb each other.

use std::collections::BTreeMap;

use records::fact::Scope;
use records::{EventId, Fact, FactRow, ItemId, LeaderboardId, OrganizationId, Timestamp, hash};

use crate::decide::{Domain, StateError, UnknownFact};
use crate::rulebook::Rulebook;

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
    /// A fact that replaces an earlier one about the same: an organization, event, item, key or rules.
    Stand(Fact),
    /// A key by this name may do this. A key that stands keeps its secret; otherwise it gets the one with this hash.
    MakeKey {
        /// The name to revoke it by.
        key: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// BLAKE3 of a fresh secret, in hexadecimal.
        hash: String,
    },
    /// No key by this name may be used.
    RevokeKey {
        /// The name it was added by.
        key: String,
    },
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

    fn stands(&self, organization: OrganizationId, fact: &Fact) -> bool {
        about(fact).is_some_and(|about| self.standing.get(&(organization, about)) == Some(fact))
    }

    fn key(&self, organization: OrganizationId, key: &str) -> Option<&Fact> {
        self.standing.get(&(organization, About::Key(key.to_owned())))
    }

    /// The fact that a wish asks for; none when it stands.
    fn wished(&self, organization: OrganizationId, wish: &Wish) -> Result<Option<Fact>, Refusal> {
        Ok(match wish {
            Wish::Stand(fact) => (!self.stands(organization, fact)).then(|| fact.clone()),
            Wish::MakeKey { key, scopes, hash } => {
                let hash = match self.key(organization, key) {
                    Some(Fact::KeyAdded { hash, .. }) => hash.clone(),
                    _ => hash.clone(),
                };
                let added = Fact::KeyAdded { key: key.clone(), hash, scopes: scopes.clone() };
                (!self.stands(organization, &added)).then_some(added)
            }
            // Revoking what is not there would be a fact about nothing.
            Wish::RevokeKey { key } => {
                self.key(organization, key).is_some().then(|| Fact::KeyRevoked { key: key.clone() })
            }
            Wish::ResetLeaderboard { leaderboard } => Some(self.reset(organization, *leaderboard)?),
            Wish::Tell(fact) => Some(fact.clone()),
        })
    }

    fn reset(&self, organization: OrganizationId, leaderboard: LeaderboardId) -> Result<Fact, Refusal> {
        let rules = self.rulebook.rules(organization);
        let named: Vec<LeaderboardId> =
            rules.into_iter().flat_map(|rules| rules.points.leaderboards()).map(|known| known.leaderboard).collect();
        if named.contains(&leaderboard) {
            return Ok(Fact::LeaderboardReset { leaderboard });
        }
        let words: Vec<String> = named.iter().map(ToString::to_string).collect();
        let named = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        Err(Refusal::NoLeaderboard { organization, leaderboard, named })
    }
}

impl Domain for Office {
    const NAME: &'static str = "office";
    const VERSION: u32 = 1;
    type Command = Command;
    type Refusal = Refusal;

    fn aggregate(command: &Command) -> u64 {
        aggregate(command.organization, command.event)
    }

    fn aggregate_of(row: &FactRow) -> u64 {
        aggregate(row.organization, row.known().map_or(EventId::NONE, event_of))
    }

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<FactRow>, Refusal> {
        let mut rows = Vec::new();
        for wish in &command.wishes {
            let Some(fact) = self.wished(command.organization, wish)? else { continue };
            if event_of(&fact) != command.event {
                return Err(Refusal::Elsewhere(UnknownFact::of(&FactRow::new(command.organization, now, fact)).0));
            }
            rows.push(FactRow::new(command.organization, now, fact));
        }
        Ok(rows)
    }

    /// Nothing here ends by itself.
    fn due(&self, _now: Timestamp, _limit: usize) -> Vec<FactRow> {
        Vec::new()
    }

    fn apply(&mut self, row: &FactRow) -> Result<(), UnknownFact> {
        let fact = row.known().ok_or_else(|| UnknownFact::of(row))?;
        if let Fact::KeyRevoked { key } = fact {
            self.standing.remove(&(row.organization, About::Key(key.clone())));
        }
        if let Some(about) = about(fact) {
            self.standing.insert((row.organization, about), fact.clone());
        }
        self.rulebook.apply(row);
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let standing: Vec<(OrganizationId, &Fact)> =
            self.standing.iter().map(|((organization, _), fact)| (*organization, fact)).collect();
        let json = serde_json::to_vec(&standing).expect("facts have text keys only");
        out.extend((json.len() as u64).to_le_bytes());
        out.extend(json);
        self.rulebook.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |why: &dyn std::fmt::Display| StateError(why.to_string());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| damaged(&"it is cut short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|error| damaged(&error))?;
        let (json, book) = rest.split_at_checked(length).ok_or_else(|| damaged(&"it is cut short"))?;
        let facts: Vec<(OrganizationId, Fact)> = serde_json::from_slice(json).map_err(|error| damaged(&error))?;
        let standing = facts.into_iter().filter_map(|(organization, fact)| Some(((organization, about(&fact)?), fact)));
        let rulebook = Rulebook::decode(book).map_err(|error| damaged(&error))?;
        Ok(Self { standing: standing.collect(), rulebook })
    }
}

fn aggregate(organization: OrganizationId, event: EventId) -> u64 {
    if event.is_some() { aggregate_of_event(organization, event) } else { aggregate_of_organization(organization) }
}

/// The event whose aggregate a fact belongs to.
fn event_of(fact: &Fact) -> EventId {
    match fact {
        Fact::EventScheduled { event, .. } | Fact::ItemListed { event, .. } => *event,
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
        assert_eq!(Office::aggregate_of(&rows[0]), Office::aggregate(&own));
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
