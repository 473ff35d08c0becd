//! From documents and rows to commands of the desk, and what came of them.

use std::sync::Arc;

use anyhow::Context as _;
use desk::{Desk, DeskError, Done, Listener, Parts, Pending};
use records::fact::CommandTag;
use records::{CommandId, EventId, Fact, FactRow, OrganizationId, SecretHash};
use rules::office::{Command, Wish};
use rules::{Domains, domains};

use crate::document::{Document, Event, Key, Organization, make_secret};

/// How often a command is sent again when nobody knows whether it was done.
const TRIES: u32 = 3;

/// A key that was made, to be shown once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Made {
    /// The organization.
    pub(crate) organization: OrganizationId,
    /// The key's name.
    pub(crate) name: String,
    /// The key itself.
    pub(crate) secret: String,
}

/// The desk of this installation's organizations: the only writer of the facts lane in this process.
#[derive(Debug)]
pub(crate) struct Facts(Desk<Domains>);

impl Facts {
    /// Reads every fact, tells the listener, and stands ready. Partitions are claimed when something is decided there.
    ///
    /// # Errors
    /// When the facts cannot be read.
    pub(crate) fn open(parts: Parts, listener: Listener) -> anyhow::Result<Self> {
        Ok(Self(Desk::open(parts, listener).context("reading the facts")?))
    }

    /// Has one command decided; returns when it is durable. What was asked under one id is done once, so a command whose
    /// fate is unknown is sent again.
    ///
    /// # Errors
    /// When the rules refuse it, or the log does.
    pub(crate) fn decide(&self, command: impl Into<domains::Command>) -> anyhow::Result<Done> {
        let command = command.into();
        // Nobody else sends under this id, so it needs no hash of what it asks.
        let tag = CommandTag { id: CommandId(rand::random::<u128>() | 1), hash: 0 };
        let mut tries = 1;
        loop {
            match self.0.submit(Some(tag), command.clone()).wait() {
                Err(DeskError::Again(_) | DeskError::Busy) if tries < TRIES => tries += 1,
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Sends a command; it is done once for each tag.
    pub(crate) fn submit(&self, tag: Option<CommandTag>, command: domains::Command) -> Pending<domains::Refusal> {
        self.0.submit(tag, command)
    }

    /// Has commands decided one after the other, so that their order is that of the log; returns the facts.
    ///
    /// # Errors
    /// As [`Facts::decide`]; what was decided before stands.
    pub(crate) fn decide_all(&self, commands: &[Command]) -> anyhow::Result<Vec<FactRow>> {
        let mut rows = Vec::new();
        for command in commands {
            rows.extend(self.decide(command.clone())?.rows);
        }
        Ok(rows)
    }

    /// Ends in order: what was sent is decided and answered.
    pub(crate) fn close(self) {
        self.0.close();
    }
}

/// The parts of a desk over this log and disk, reached at this address.
pub(crate) fn parts(
    log: Arc<dyn eventlog::EventLog>,
    disk: Arc<dyn eventlog::disk::Disk>,
    clock: Arc<dyn eventlog::clock::Clock>,
    address: String,
) -> Parts {
    Parts { log, disk, clock, address, chance: Arc::new(rand::random) }
}

/// The commands after which everything that the document says stands, and the keys that may be made for it: one is made
/// if its hash is in a fact.
pub(crate) fn commands(document: &Document) -> (Vec<Command>, Vec<Made>) {
    let mut made = Vec::new();
    let mut commands = Vec::new();
    for organization in &document.organizations {
        let (name, zone) = (organization.name.clone(), organization.zone.clone());
        let mut wishes = vec![Wish::Stand(Fact::OrganizationRegistered { name, zone })];
        wishes.extend(organization.keys.iter().map(|key| wished_key(organization.id, key, &mut made)));
        let rules = organization.rules.iter().map(|rules| Fact::RulesPublished { document: Arc::new(rules.clone()) });
        wishes.extend(rules.map(Wish::Stand));
        commands.push(Command { organization: organization.id, event: EventId::NONE, wishes });
        commands.extend(organization.events.iter().map(|event| wished_event(organization, event)));
    }
    (commands, made)
}

/// Those of the keys that were made.
pub(crate) fn really_made(candidates: Vec<Made>, rows: &[FactRow]) -> Vec<Made> {
    let added = |made: &Made| {
        let of = SecretHash::of(&made.secret).to_string();
        rows.iter().any(|row| matches!(row.known(), Some(Fact::KeyAdded { hash, .. }) if *hash == of))
    };
    candidates.into_iter().filter(added).collect()
}

/// The commands after which all of these facts stand: one for each aggregate, facts in their order.
pub(crate) fn commands_of(rows: Vec<FactRow>) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for row in rows {
        let Some(fact) = row.known() else { continue };
        let event = match fact {
            Fact::EventScheduled { event, .. } | Fact::ItemListed { event, .. } => *event,
            _ => EventId::NONE,
        };
        let wish = Wish::Stand(fact.clone());
        match commands.iter_mut().find(|known| (known.organization, known.event) == (row.organization, event)) {
            Some(command) => command.wishes.push(wish),
            None => commands.push(Command { organization: row.organization, event, wishes: vec![wish] }),
        }
    }
    commands
}

/// A command about an organization's own things.
pub(crate) fn own(organization: OrganizationId, wish: Wish) -> Command {
    Command { organization, event: EventId::NONE, wishes: vec![wish] }
}

fn wished_key(organization: OrganizationId, key: &Key, made: &mut Vec<Made>) -> Wish {
    if key.revoked {
        return Wish::RevokeKey { key: key.name.clone() };
    }
    let mut scopes = key.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    if let Some(hash) = &key.hash {
        return Wish::Stand(Fact::KeyAdded { key: key.name.clone(), hash: hash.to_lowercase(), scopes, expires: None });
    }
    let secret = make_secret();
    let hash = SecretHash::of(&secret).to_string();
    made.push(Made { organization, name: key.name.clone(), secret });
    Wish::MakeKey { key: key.name.clone(), scopes, hash }
}

fn wished_event(organization: &Organization, event: &Event) -> Command {
    let mut facts = vec![Fact::EventScheduled {
        event: event.id,
        title: event.title.clone(),
        zone: event.zone.clone().unwrap_or_else(|| organization.zone.clone()),
        starts: event.starts.0,
        ends: event.ends.0,
    }];
    facts.extend(event.items.iter().map(|item| Fact::ItemListed {
        event: event.id,
        item: item.id,
        session: item.session,
        title: item.title.clone(),
        track: item.track.clone(),
        starts: item.starts.map(|at| at.0),
        ends: item.ends.map(|at| at.0),
        capacity: item.capacity,
    }));
    Command { organization: organization.id, event: event.id, wishes: facts.into_iter().map(Wish::Stand).collect() }
}

#[cfg(test)]
mod tests {
    use eventlog::clock::ManualClock;
    use eventlog::disk::RealDisk;
    use eventlog::{EventLog, MemoryLog};
    use parking_lot::Mutex;
    use records::Timestamp;
    use records::fact::Scope;

    use super::*;

    fn document(title: &str) -> Document {
        serde_json::from_value(serde_json::json!({"organization": [{
            "id": "acme", "name": "Acme",
            "key": [{"name": "web", "scopes": ["write"]}],
            "event": [{
                "id": "conf", "title": title, "starts": "2026-11-20T09:00:00Z", "ends": "2026-11-20T18:00:00Z",
                "item": [{"id": "talk-1", "title": "Opening"}],
            }],
        }]}))
        .unwrap()
    }

    struct Installation {
        log: Arc<dyn EventLog>,
        folder: tempfile::TempDir,
    }

    impl Installation {
        fn new() -> Self {
            let log = Arc::new(MemoryLog::new(7, ManualClock::new(Timestamp(1_000))));
            Self { log, folder: tempfile::tempdir().unwrap() }
        }

        /// A process: its desk, and what it was told when it opened.
        fn open(&self) -> (Facts, Arc<Mutex<Vec<FactRow>>>) {
            let told = Arc::new(Mutex::new(Vec::new()));
            let hears = Arc::clone(&told);
            let disk = Arc::new(RealDisk::new(self.folder.path()).unwrap());
            let clock = Arc::new(ManualClock::new(Timestamp(5_000)));
            let parts = parts(Arc::clone(&self.log), disk, clock, "here".into());
            let facts = Facts::open(parts, Arc::new(move |_, row| hears.lock().push(row.clone()))).unwrap();
            (facts, told)
        }
    }

    fn apply(facts: &Facts, document: &Document) -> (usize, Vec<Made>) {
        let (commands, candidates) = commands(document);
        let rows = facts.decide_all(&commands).unwrap();
        (rows.len(), really_made(candidates, &rows))
    }

    #[test]
    fn the_same_document_twice_changes_nothing_also_in_another_process() {
        let installation = Installation::new();
        let (first, _) = installation.open();
        assert_eq!(apply(&first, &document("Conference")).0, 4);
        assert_eq!(apply(&first, &document("Conference")), (0, Vec::new()));
        first.close();
        let (second, told) = installation.open();
        assert_eq!(told.lock().iter().filter(|row| row.organization.is_some()).count(), 4);
        assert_eq!(apply(&second, &document("Conference")).0, 0);
        assert_eq!(apply(&second, &document("Conference, renamed")).0, 1);
    }

    #[test]
    fn a_key_without_a_secret_is_made_once() {
        let (facts, _) = Installation::new().open();
        assert_eq!(apply(&facts, &document("Conference")).1.len(), 1);
        let mut more = document("Conference");
        more.organizations[0].keys[0].scopes = vec![Scope::Write, Scope::Read, Scope::Write];
        assert_eq!(apply(&facts, &more), (1, Vec::new()), "other scopes keep the secret");
        more.organizations[0].keys[0].revoked = true;
        assert_eq!(apply(&facts, &more).0, 1);
        assert_eq!(apply(&facts, &more).0, 0);
    }

    #[test]
    fn rows_become_one_command_for_each_aggregate() {
        let rows: Vec<FactRow> = commands(&document("Conference"))
            .0
            .into_iter()
            .flat_map(|command| {
                command.wishes.into_iter().filter_map(move |wish| match wish {
                    Wish::Stand(fact) => Some(FactRow::new(command.organization, Timestamp(1), fact)),
                    _ => None,
                })
            })
            .collect();
        let sizes: Vec<usize> = commands_of(rows).iter().map(|command| command.wishes.len()).collect();
        assert_eq!(sizes, [1, 2]);
    }
}
