//! The `schedule.json` of frab and pretalx: days, rooms by name, events in them.

use records::programme::{Audience, Link, Material, Session, Speaker};
use records::{HallId, SpeakerId, Zone};
use serde_json::Value;

use super::text::{duration, instant, line, text, web};
use super::{Fault, Imported};

pub(super) fn read(value: &Value, zone: &Zone) -> Result<Imported, Fault> {
    let fault = |place: &str, problem: &str| Fault { place: place.into(), problem: problem.into() };
    let conference = value
        .get("schedule")
        .and_then(|schedule| schedule.get("conference"))
        .filter(|conference| conference.is_object())
        .ok_or_else(|| fault("schedule.conference", "is missing: this is no programme that is known here"))?;
    let mut imported =
        Imported { kind: "schedule.json", title: line(&string(conference, "title")), ..Imported::default() };
    let named = string(conference, "time_zone_name");
    if !named.is_empty() {
        imported.zone =
            Some(Zone::parse(&named).map_err(|error| fault("schedule.conference.time_zone_name", &error.to_string()))?);
    }
    let zone = imported.zone.clone().unwrap_or_else(|| zone.clone());
    for room in list(conference, "rooms") {
        let hall = imported.hall(&string(room, "name"));
        if let Some(known) = imported.halls.get_mut(&hall) {
            known.description = text(&string(room, "description"));
            known.capacity = room.get("capacity").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        }
    }
    let days = conference
        .get("days")
        .and_then(Value::as_array)
        .ok_or_else(|| fault("schedule.conference.days", "is not a list"))?;
    for (number, day) in days.iter().enumerate() {
        let Some(rooms) = day.get("rooms").and_then(Value::as_object) else {
            imported.fault(format!("days[{number}].rooms"), "is not an object of rooms");
            continue;
        };
        for (room, events) in rooms {
            let Some(events) = events.as_array() else {
                imported.fault(format!("days[{number}].rooms[{room}]"), "is not a list");
                continue;
            };
            let hall = imported.hall(room);
            for (place, one) in events.iter().enumerate() {
                let id = identity(one);
                let place = if id.is_empty() { place.to_string() } else { id.clone() };
                event(&mut imported, &format!("days[{number}].rooms[{room}].events[{place}]"), (&id, hall), one, &zone);
            }
        }
    }
    Ok(imported)
}

/// A text, or a number as one; empty when there is none.
pub(super) fn string(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn identity(one: &Value) -> String {
    let id = string(one, "id");
    if id.is_empty() { string(one, "guid") } else { id }
}

fn event(imported: &mut Imported, place: &str, (id, hall): (&str, HallId), one: &Value, zone: &Zone) {
    let title = line(&string(one, "title"));
    if title.is_empty() {
        return imported.fault(format!("{place}.title"), "is missing");
    }
    let Some(starts) = instant(&string(one, "date"), zone) else {
        return imported.fault(format!("{place}.date"), "is not a time such as 2026-11-20T09:00:00+01:00");
    };
    let Some(length) = duration(&string(one, "duration")) else {
        return imported.fault(format!("{place}.duration"), "is not a duration such as 00:45");
    };
    let speakers: Vec<SpeakerId> = list(one, "persons").iter().filter_map(|person| speaker(imported, person)).collect();
    let materials = [("links", "title"), ("attachments", "title")]
        .into_iter()
        .flat_map(|(field, name)| list(one, field).iter().map(move |link| (field, name, link)))
        .filter_map(|(field, name, link)| material(imported, &format!("{place}.{field}"), name, link))
        .collect();
    let track = imported.track(&string(one, "track"));
    let session = Session {
        title,
        subtitle: line(&string(one, "subtitle")),
        summary: text(&string(one, "abstract")),
        description: text(&string(one, "description")),
        kind: line(&string(one, "type")),
        starts,
        ends: starts + length,
        hall,
        track,
        speakers: distinct(speakers),
        materials,
        language: language(&string(one, "language")),
        url: web(&string(one, "url")).unwrap_or_default(),
        ..Session::default()
    };
    imported.session(place, id, session);
}

fn speaker(imported: &mut Imported, person: &Value) -> Option<SpeakerId> {
    let mut name = ["public_name", "name", "full_public_name"].into_iter().map(|field| line(&string(person, field)));
    let name = name.find(|name| !name.is_empty())?;
    let id = ["id", "code", "guid"].into_iter().map(|field| string(person, field)).find(|id| !id.is_empty());
    let biography = text(&string(person, "biography"));
    imported.speaker(&id.unwrap_or_default(), Speaker { name, biography, ..Speaker::default() })
}

fn material(imported: &mut Imported, place: &str, name: &str, link: &Value) -> Option<Material> {
    let told = string(link, "url");
    let Some(url) = web(&told) else {
        imported.note(place, format!("`{}` is not an address of the web, and was left out", line(&told)));
        return None;
    };
    let title = line(&string(link, name));
    Some(Material { title: if title.is_empty() { url.clone() } else { title }, url, audience: Audience::Everybody })
}

/// A language such as `en`; anything else is none.
pub(super) fn language(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.len() <= 35 && text.bytes().all(plain) { text.to_owned() } else { String::new() }
}

/// Everybody once, in the order in which they are named.
pub(super) fn distinct(speakers: Vec<SpeakerId>) -> Vec<SpeakerId> {
    let mut seen = std::collections::BTreeSet::new();
    speakers.into_iter().filter(|speaker| seen.insert(*speaker)).collect()
}

/// A link of somebody's, when it is an address.
pub(super) fn link(title: &str, url: &str) -> Option<Link> {
    let url = web(url)?;
    Some(Link { title: line(title), url })
}
