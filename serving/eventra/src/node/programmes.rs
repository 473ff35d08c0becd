//! Programmes that the command line brings, and that of the simulated conference.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use records::programme::{Address, Format, Hall, Page, Session, Speaker, Track};
use records::{EventId, Fact, FactRow, HallId, OrganizationId, SpeakerId, TrackId};
use rules::programme::import::{self, BYTES_MAX};
use rules::programme::{Command, Wish};
use serde_json::{Value, json};

use super::Core;

/// Wishes of one command: others get in between.
const CHUNK: usize = 250;
/// Colours of tracks, told apart on light and dark paper.
const COLORS: [&str; 6] = ["#0b7a5c", "#a8480e", "#3257b8", "#8a2f8f", "#7a6a00", "#b3263a"];

/// What is to be imported, and how.
pub(super) struct Import<'a> {
    pub(super) file: &'a Path,
    pub(super) organization: OrganizationId,
    pub(super) event: EventId,
    pub(super) dry_run: bool,
    pub(super) remove: bool,
}

/// Makes the programme of an event what a file says; what that came to.
///
/// # Errors
/// When the file cannot be read, there is no such event, or the rules or the log refuse.
pub(super) fn import(core: &Core, wanted: &Import<'_>) -> anyhow::Result<Value> {
    let size = std::fs::metadata(wanted.file)?.len();
    if size > BYTES_MAX as u64 {
        bail!("`{}` has more than {BYTES_MAX} bytes", wanted.file.display());
    }
    let bytes = std::fs::read(wanted.file)?;
    let at = (wanted.organization, wanted.event);
    let programmes = core.booking.programmes();
    let zone = programmes.ask(at, |known| known.scheduled().zone.clone());
    let zone = zone.with_context(|| format!("`{}` has no event `{}`", at.0, at.1))?;
    let file = import::read(&bytes, &zone).map_err(|faults| {
        let all: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        anyhow::anyhow!("the file has faults, and nothing was changed:\n{}", all.join("\n"))
    })?;
    let plan = programmes.ask(at, |known| import::plan(known, &file, wanted.remove)).context("the event is gone")?;
    if !wanted.dry_run {
        arrange(core, at, &plan.wishes)?;
    }
    let notes: Vec<String> = file.notes.iter().map(ToString::to_string).collect();
    Ok(json!({
        "kind": file.kind, "title": file.title, "rooms": plan.halls, "tracks": plan.tracks, "speakers": plan.speakers,
        "sessions": plan.sessions, "changes": plan.wishes.len(), "notes": notes
    }))
}

fn arrange(core: &Core, (organization, event): (OrganizationId, EventId), wishes: &[Wish]) -> anyhow::Result<()> {
    for wishes in wishes.chunks(CHUNK) {
        core.facts()?.decide(Command { organization, event, wishes: wishes.to_vec() })?;
    }
    Ok(())
}

/// Publishes what a simulated conference says of its sessions, so that there are pages to look at.
///
/// # Errors
/// When the log refuses.
pub(super) fn publish(core: &Core, rows: &[FactRow]) -> anyhow::Result<()> {
    let mut wishes: BTreeMap<(OrganizationId, EventId), Vec<Wish>> = BTreeMap::new();
    for row in rows {
        if let Some(Fact::EventScheduled { event, .. }) = row.known() {
            wishes.insert((row.organization, *event), vec![Wish::SetPage(page()), hall()]);
        }
    }
    let mut speakers = 0;
    for row in rows {
        let Some(Fact::ItemListed { event, session, title, track, starts, ends, capacity, .. }) = row.known() else {
            continue;
        };
        let (Some(starts), Some(ends), true) = (*starts, *ends, session.is_some()) else { continue };
        let Some(wishes) = wishes.get_mut(&(row.organization, *event)) else { continue };
        let track = track_of(track, wishes);
        let speaker = SpeakerId::parse(&format!("speaker-{}", speakers % NAMES.len()))?;
        if speakers < NAMES.len() {
            wishes.push(Wish::SetSpeaker(speaker, Speaker { name: NAMES[speakers].into(), ..Speaker::default() }));
        }
        speakers += 1;
        let spec = Session {
            title: title.clone(),
            summary: format!("**{title}**: what worked, what did not, and what to try at home."),
            kind: "talk".into(),
            starts,
            ends,
            hall: if track.is_some() { HallId(track.0) } else { HallId::parse("main")? },
            track,
            speakers: vec![speaker],
            capacity: *capacity,
            ..Session::default()
        };
        if track.is_some() && !wishes.iter().any(|wish| matches!(wish, Wish::SetHall(id, _) if id.0 == track.0)) {
            let title = format!("Room {}", wishes.iter().filter(|wish| matches!(wish, Wish::SetHall(..))).count());
            wishes.push(Wish::SetHall(HallId(track.0), Hall { title, ..Hall::default() }));
        }
        wishes.push(Wish::SetSession { session: *session, spec: Box::new(spec), overlap: true });
    }
    for (at, mut wishes) in wishes {
        wishes.push(Wish::Publish);
        arrange(core, at, &wishes)?;
    }
    Ok(())
}

/// People who speak at the simulated conference.
const NAMES: [&str; 12] = [
    "Ada Example",
    "Bela Sample",
    "Chidi Model",
    "Dana Muster",
    "Emre Örnek",
    "Fatima Mithal",
    "Goran Primjer",
    "Hana Vzor",
    "Ines Exemplo",
    "Jonas Prøve",
    "Kaja Näidis",
    "Luca Esempio",
];

fn page() -> Page {
    Page {
        format: Format::Hybrid,
        summary: "Three days about what people build, simulated from a seed.".into(),
        description: "Talks, workshops and long breaks.\n\n* every talk is recorded\n* every room has a live stream"
            .into(),
        venue: "Harbour Hall".into(),
        address: Address {
            street: "Pier 1".into(),
            postal_code: "20457".into(),
            locality: "Hamburg".into(),
            country: "DE".into(),
        },
        online: "https://live.example.org/summit".into(),
        language: "en".into(),
        tags: vec!["conference".into(), "simulated".into()],
        ..Page::default()
    }
}

fn hall() -> Wish {
    let main = HallId::parse("main").unwrap_or(HallId::NONE);
    Wish::SetHall(main, Hall { title: "Main hall".into(), rank: -1, ..Hall::default() })
}

fn track_of(title: &str, wishes: &mut Vec<Wish>) -> TrackId {
    let Ok(id) = TrackId::parse(title) else { return TrackId::NONE };
    let known = wishes.iter().filter(|wish| matches!(wish, Wish::SetTrack(..))).count();
    if !wishes.iter().any(|wish| matches!(wish, Wish::SetTrack(known, _) if *known == id)) {
        let color = COLORS[known % COLORS.len()].into();
        wishes.push(Wish::SetTrack(id, Track { title: title.to_owned(), color }));
    }
    id
}
