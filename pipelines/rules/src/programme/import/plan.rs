//! What an import changes: the wishes that make a programme what a file says, and how many of each kind.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::command::Wish;
use super::super::state::EventProgramme;
use super::Imported;

/// How many of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// In the file.
    pub read: usize,
    /// Not there before.
    pub added: usize,
    /// There, but otherwise.
    pub changed: usize,
    /// There already, and not in the file: they go only when that was asked for.
    pub missing: usize,
}

/// What an import comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Rooms.
    pub halls: Counts,
    /// Tracks.
    pub tracks: Counts,
    /// Speakers.
    pub speakers: Counts,
    /// Sessions.
    pub sessions: Counts,
    /// What makes it so, in this order; nothing for what stands already.
    pub wishes: Vec<Wish>,
}

/// Compares a file with the programme. With `remove`, sessions that the file does not have go.
///
/// Times that ticket holders were given (capacities, materials for holders, recurrence) are the organizer's own: a file says
/// nothing of them, and they stay.
pub fn plan(known: &EventProgramme, file: &Imported, remove: bool) -> Plan {
    let mut plan = Plan::default();
    plan.halls = wanted(&file.halls, known.halls(), &mut plan.wishes, |id, spec, before| {
        let capacity = spec.capacity.or_else(|| before.and_then(|before| before.capacity));
        let rank = before.map_or(spec.rank, |before| before.rank);
        Wish::SetHall(*id, records::programme::Hall { capacity, rank, ..spec.clone() })
    });
    plan.tracks = wanted(&file.tracks, known.tracks(), &mut plan.wishes, |id, spec, before| {
        let color = before.map_or_else(|| spec.color.clone(), |before| before.color.clone());
        Wish::SetTrack(*id, records::programme::Track { color, ..spec.clone() })
    });
    plan.speakers =
        wanted(&file.speakers, known.speakers(), &mut plan.wishes, |id, spec, _| Wish::SetSpeaker(*id, spec.clone()));
    let sessions: BTreeMap<_, _> = known.sessions().iter().map(|(id, listed)| (id, listed.spec.clone())).collect();
    plan.sessions = wanted(&file.sessions, &sessions, &mut plan.wishes, |id, spec, before| {
        let mut spec = spec.clone();
        if let Some(before) = before {
            spec.capacity = before.capacity;
            spec.recurrence = before.recurrence.clone();
            let own = before.materials.iter().filter(|one| one.audience == records::programme::Audience::Holders);
            spec.materials.extend(own.cloned());
        }
        // Real programmes overlap; organizers are told of it.
        Wish::SetSession { session: *id, spec: Box::new(spec), overlap: true }
    });
    if remove {
        let stays: BTreeSet<_> = file.sessions.keys().copied().collect();
        let gone = sessions.keys().filter(|id| !stays.contains(id));
        plan.wishes.extend(gone.map(|id| Wish::RemoveSession(*id)));
    }
    plan
}

/// Adds the wishes for what is not there as wanted. A wish is made of what the file says and what was there.
fn wanted<K: Ord + Copy, V: PartialEq + Clone>(
    file: &BTreeMap<K, V>,
    known: &BTreeMap<K, V>,
    wishes: &mut Vec<Wish>,
    wish: impl Fn(&K, &V, Option<&V>) -> Wish,
) -> Counts
where
    Wish: Says<V>,
{
    let mut counts = Counts { read: file.len(), ..Counts::default() };
    for (id, spec) in file {
        let before = known.get(id);
        let wish = wish(id, spec, before);
        match before {
            Some(before) if wish.says() == Some(before) => continue,
            Some(_) => counts.changed += 1,
            None => counts.added += 1,
        }
        wishes.push(wish);
    }
    counts.missing = known.keys().filter(|id| !file.contains_key(id)).count();
    counts
}

/// What a wish would have there be.
trait Says<V> {
    fn says(&self) -> Option<&V>;
}

macro_rules! says {
    ($($kind:ident: $pattern:pat => $value:expr),+ $(,)?) => {$(
        impl Says<records::programme::$kind> for Wish {
            fn says(&self) -> Option<&records::programme::$kind> {
                match self { $pattern => Some($value), _ => None }
            }
        }
    )+};
}

says! {
    Hall: Wish::SetHall(_, spec) => spec,
    Track: Wish::SetTrack(_, spec) => spec,
    Speaker: Wish::SetSpeaker(_, spec) => spec,
    Session: Wish::SetSession { spec, .. } => spec,
}
