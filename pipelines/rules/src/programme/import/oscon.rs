//! OSCON's feed: events, speakers and venues by their serial numbers, local times.

use std::collections::BTreeMap;

use records::programme::{Session, Speaker};
use records::{HallId, SpeakerId, Zone};
use serde_json::Value;

use super::schedule_json::{distinct, link, list, string};
use super::text::{instant, line, text, web};
use super::{Fault, Imported};

pub(super) fn read(value: &Value, zone: &Zone) -> Result<Imported, Fault> {
    let schedule = value.get("Schedule").filter(|schedule| schedule.get("events").is_some_and(Value::is_array));
    let schedule =
        schedule.ok_or_else(|| Fault { place: "Schedule.events".into(), problem: "is not a list".into() })?;
    let mut imported = Imported { kind: "oscon", ..Imported::default() };
    let mut venues: BTreeMap<String, HallId> = BTreeMap::new();
    for venue in list(schedule, "venues") {
        let hall = imported.hall(&string(venue, "name"));
        venues.insert(string(venue, "serial"), hall);
    }
    let mut speakers: BTreeMap<String, SpeakerId> = BTreeMap::new();
    for one in list(schedule, "speakers") {
        let serial = string(one, "serial");
        if let Some(id) = imported.speaker(&serial, speaker(one)) {
            speakers.insert(serial, id);
        }
    }
    for (number, one) in list(schedule, "events").iter().enumerate() {
        let serial = string(one, "serial");
        let place = format!("events[{}]", if serial.is_empty() { number.to_string() } else { serial.clone() });
        event(&mut imported, &place, &serial, one, (&venues, &speakers), zone);
    }
    // Venues that nothing takes place in are a directory, not rooms of this programme.
    let used: std::collections::BTreeSet<HallId> = imported.sessions.values().map(|session| session.hall).collect();
    imported.halls.retain(|hall, _| used.contains(hall));
    Ok(imported)
}

fn speaker(one: &Value) -> Speaker {
    let (position, affiliation) = (line(&string(one, "position")), line(&string(one, "affiliation")));
    let parts: Vec<&str> =
        [position.as_str(), affiliation.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    let photo = string(one, "photo");
    Speaker {
        name: line(&string(one, "name")),
        affiliation: line(&parts.join(", ")),
        biography: text(&string(one, "bio")),
        picture: web(&photo).filter(|url| url.starts_with("https://")).unwrap_or_default(),
        links: link("", &string(one, "url")).into_iter().collect(),
    }
}

fn event(
    imported: &mut Imported,
    place: &str,
    serial: &str,
    one: &Value,
    (venues, speakers): (&BTreeMap<String, HallId>, &BTreeMap<String, SpeakerId>),
    zone: &Zone,
) {
    let title = line(&string(one, "name"));
    if title.is_empty() {
        return imported.fault(format!("{place}.name"), "is missing");
    }
    let times = ["time_start", "time_stop"].map(|field| instant(&string(one, field), zone));
    let [Some(starts), Some(ends)] = times else {
        return imported
            .fault(format!("{place}.time_start"), "and `time_stop` are not times such as 2014-07-23 17:00:00");
    };
    if ends <= starts {
        return imported.fault(format!("{place}.time_stop"), "is not after `time_start`");
    }
    let mut named = Vec::new();
    for serial in list(one, "speakers") {
        match speakers.get(&serial.to_string()) {
            Some(speaker) => named.push(*speaker),
            None => {
                imported.note(format!("{place}.speakers"), format!("{serial} is nobody who is there, and was left out"))
            }
        }
    }
    let track = list(one, "categories").first().and_then(Value::as_str).unwrap_or_default().to_owned();
    let track = imported.track(&track);
    let session = Session {
        title,
        description: text(&string(one, "description")),
        kind: line(&string(one, "event_type")),
        starts,
        ends,
        hall: venues.get(&string(one, "venue_serial")).copied().unwrap_or(HallId::NONE),
        track,
        speakers: distinct(named),
        url: web(&string(one, "website_url")).unwrap_or_default(),
        ..Session::default()
    };
    imported.session(place, serial, session);
}
