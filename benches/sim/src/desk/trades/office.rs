//! The trade of offices: organizations with their keys, members, settings, events, items, rules and saved queries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use records::fact::{By, Role, Scope};
use records::{
    CampaignId, EventId, Fact, FactRow, ItemId, LeaderboardId, OrganizationId, QueryId, SecretHash, SessionId, Span,
    Text, Timestamp, UserId, Zone,
};
use rules::accounts::platform;
use rules::domains::{Command, Order};
use rules::office::{self, Wish};
use workload::chance::Chance;

use super::{Scale, Trade};
use crate::desk::known::Known;

/// Names that an organization gives to its keys and boards.
const KEYS: [&str; 4] = ["web", "scanner", "importer", "notebook"];
const BOARDS: [&str; 3] = ["engagement", "quiz", "visitors"];
const NAMES: [&str; 3] = ["Acme", "Acme Ltd", "Acme Events"];
/// Saved queries of an organization.
const QUERIES: u64 = 5;

pub(crate) struct Offices {
    scale: Scale,
    laws: Laws,
}

impl Offices {
    pub(crate) fn new(scale: Scale) -> Self {
        Self { scale, laws: Laws::default() }
    }

    fn wish(&self, organization: OrganizationId, known: &Known, now: Timestamp, chance: &mut Chance) -> Wish {
        let key = || KEYS[0].to_owned();
        let key = if chance.per_mille(500) { key() } else { (*chance.pick(&KEYS)).to_owned() };
        let number = chance.bits();
        let secret = || SecretHash::of(&number.to_string());
        match chance.below(100) {
            0..10 => {
                let name = (*chance.pick(&NAMES)).to_owned();
                Wish::Stand(Fact::OrganizationRegistered { name, zone: Zone::utc() })
            }
            10..20 => {
                let language = ["en", "de"][chance.below(2) as usize].to_owned();
                let origins = vec![format!("https://{}.example.org", chance.below(3))];
                Wish::Stand(Fact::SettingsChanged { language, origins })
            }
            20..32 => {
                let scopes = [vec![Scope::Write], vec![Scope::Read, Scope::Sql]];
                Wish::MakeKey { key, scopes: chance.pick(&scopes).clone(), hash: secret().to_string() }
            }
            32..40 => {
                let until = now.saturating_add(Span::from_millis(chance.between(0, 5_000)));
                Wish::RotateKey { key, hash: secret(), until }
            }
            40..44 => Wish::RevokeKey { key },
            44..60 => Wish::Stand(self.granted(chance)),
            60..68 => Wish::EndMembership(self.user(chance)),
            68..78 => self.query(organization, known, chance),
            78..82 => Wish::RemoveQuery(QueryId(1 + u128::from(chance.below(QUERIES)))),
            82..86 => Wish::Stand(Fact::RulesPublished { document: document(chance.below(2) == 0) }),
            86..92 => Wish::ResetLeaderboard { leaderboard: board(BOARDS[chance.below(3) as usize]) },
            92..97 => Wish::Tell(Fact::KeyUsed { key }),
            _ => {
                let (act, route, why) = ("run_sql".into(), "/v1/logins".into(), String::new());
                Wish::Tell(Fact::AccessRefused { act, route, why, more: chance.below(3) })
            }
        }
    }

    fn user(&self, chance: &mut Chance) -> UserId {
        UserId(1 + u128::from(chance.below(self.scale.users)))
    }

    fn granted(&self, chance: &mut Chance) -> Fact {
        let role = *chance.pick(&[Role::Organizer, Role::Organizer, Role::Moderator, Role::Analyst, Role::Advertiser]);
        let events = if chance.per_mille(300) { vec![EventId(1)] } else { Vec::new() };
        let campaigns = if role == Role::Advertiser { vec![CampaignId(7)] } else { Vec::new() };
        Fact::MembershipGranted { user: self.user(chance), role, events, campaigns }
    }

    /// Somebody saves a query anew, or on what they have read; sometimes long ago.
    fn query(&self, organization: OrganizationId, known: &Known, chance: &mut Chance) -> Wish {
        let query = QueryId(1 + u128::from(chance.below(QUERIES)));
        let saved = |title: String, sql: String| Fact::QuerySaved { query, title, sql };
        let fact = saved(format!("Visits {}", chance.below(3)), "SELECT count() FROM visits".into());
        if chance.per_mille(500) {
            return Wish::Stand(fact);
        }
        let read = known.directory.organization(organization).and_then(|known| known.queries.get(&query));
        let seen = read.filter(|_| chance.per_mille(800)).map(|read| saved(read.title.clone(), read.sql.clone()));
        Wish::Replace { fact, seen: seen.map(Box::new) }
    }

    fn of_event(&self, event: EventId, chance: &mut Chance) -> Wish {
        let starts = Timestamp::from_seconds(1_800_000_000 + 3_600 * chance.between(0, 3));
        let ends = starts.saturating_add(Span::from_seconds(3_600));
        if chance.per_mille(150) {
            let title = format!("Conference {}", chance.below(3));
            return Wish::Stand(Fact::EventScheduled { event, title, zone: Zone::utc(), starts, ends });
        }
        let item = ItemId(1 + u128::from(chance.below(self.scale.items)));
        let capacity = Some(chance.below(500) as u32);
        let (title, track) = (format!("Talk {}", item.0), Text::from("main"));
        let (starts, ends, session) = (Some(starts), Some(ends), SessionId(item.0));
        Wish::Stand(Fact::ItemListed { event, item, session, title, track, starts, ends, capacity })
    }
}

fn board(name: &str) -> LeaderboardId {
    LeaderboardId::parse(name).expect("a short name is an id")
}

/// One of two documents: with one board, or with two.
fn document(short: bool) -> Arc<serde_json::Value> {
    static DOCUMENTS: OnceLock<[Arc<serde_json::Value>; 2]> = OnceLock::new();
    let made = DOCUMENTS.get_or_init(|| {
        [1, 2].map(|boards| {
            let boards: Vec<_> =
                BOARDS[..boards].iter().map(|name| serde_json::json!({"leaderboard": name, "points": []})).collect();
            Arc::new(serde_json::json!({"format": 1, "leaderboards": boards}))
        })
    });
    Arc::clone(&made[usize::from(!short)])
}

impl Trade for Offices {
    fn ask(&mut self, known: &Known, now: Timestamp, chance: &mut Chance) -> Command {
        let mut organization = OrganizationId(1_000 + u128::from(chance.below(self.scale.organizations)));
        let of_event = known.is_registered(organization) && chance.per_mille(500);
        let event = EventId(if of_event { 1 + u128::from(chance.below(self.scale.events)) } else { 0 });
        let count = 1 + chance.below(8).saturating_sub(5);
        let mut wishes: Vec<Wish> = (0..count)
            .map(|_| if of_event { self.of_event(event, chance) } else { self.wish(organization, known, now, chance) })
            .collect();
        if chance.per_mille(10) {
            // What belongs to another aggregate, or to nobody's organization.
            wishes.push(self.of_event(EventId(99), chance));
            organization = platform();
        }
        let by = match chance.below(3) {
            0 => By::Operator,
            1 => By::Key(KEYS[0].to_owned()),
            _ => By::User(self.user(chance)),
        };
        Command { by: Some(by), order: Order::Office(office::Command { organization, event, wishes }) }
    }

    fn judge(&mut self, row: &FactRow) -> Result<(), String> {
        row.known().map_or(Ok(()), |fact| self.laws.judge(row.organization, fact))
    }
}

/// What must hold of offices, said without their rules.
#[derive(Debug, Default)]
struct Laws {
    organizers: BTreeMap<OrganizationId, BTreeSet<UserId>>,
    members: BTreeSet<(OrganizationId, UserId)>,
    keys: BTreeSet<(OrganizationId, String)>,
    queries: BTreeSet<(OrganizationId, QueryId)>,
    boards: BTreeMap<OrganizationId, Vec<String>>,
    names: BTreeMap<OrganizationId, String>,
}

impl Laws {
    fn judge(&mut self, organization: OrganizationId, fact: &Fact) -> Result<(), String> {
        let holds = match fact {
            Fact::OrganizationRegistered { name, .. } => {
                organization != platform()
                    && self.names.insert(organization, name.clone()).is_none_or(|before| before != *name)
            }
            Fact::KeyAdded { key, .. } => {
                self.keys.insert((organization, key.clone()));
                true
            }
            Fact::KeyRotated { key, .. } => self.keys.contains(&(organization, key.clone())),
            Fact::KeyRevoked { key } => self.keys.remove(&(organization, key.clone())),
            Fact::QuerySaved { query, .. } => {
                self.queries.insert((organization, *query));
                true
            }
            Fact::QueryRemoved { query } => self.queries.remove(&(organization, *query)),
            Fact::MembershipGranted { user, role, events, .. } => {
                self.members.insert((organization, *user));
                self.now_organizer(organization, *user, *role == Role::Organizer && events.is_empty())
            }
            Fact::MembershipEnded { user } => {
                self.members.remove(&(organization, *user)) && self.now_organizer(organization, *user, false)
            }
            Fact::RulesPublished { document } => {
                let boards = document["leaderboards"].as_array().into_iter().flatten();
                let boards = boards.filter_map(|board| board["leaderboard"].as_str().map(str::to_owned));
                self.boards.insert(organization, boards.collect());
                true
            }
            Fact::LeaderboardReset { leaderboard } => {
                let named = self.boards.get(&organization);
                named.is_some_and(|named| named.iter().any(|name| board(name) == *leaderboard))
            }
            _ => true,
        };
        if holds { Ok(()) } else { Err(format!("no office decides {fact:?} of {organization} as things stand")) }
    }

    /// Once there is somebody who may do everything, there always is.
    fn now_organizer(&mut self, organization: OrganizationId, user: UserId, is: bool) -> bool {
        let organizers = self.organizers.entry(organization).or_default();
        let before = organizers.len();
        if is {
            organizers.insert(user)
        } else {
            organizers.remove(&user)
        };
        before == 0 || !organizers.is_empty()
    }
}
