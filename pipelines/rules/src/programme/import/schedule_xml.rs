//! Schedules in XML: Pentabarf's (days, rooms, events), and EuroPython's (days, entries).

use records::programme::{Audience, Material, Session, Speaker};
use records::{HallId, Span, SpeakerId, Timestamp, Zone};
use roxmltree::{Document, Node, ParsingOptions};

use super::schedule_json::{distinct, language, link};
use super::text::{duration, instant, line, on_day, text, web};
use super::{Fault, Imported};

/// Nodes of a document: what the longest file can hold.
const NODES_MAX: u32 = 2_000_000;

pub(super) fn read(xml: &str, zone: &Zone) -> Result<Imported, Fault> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml, options)
        .map_err(|error| Fault { place: format!("line {}", error.pos().row), problem: error.to_string() })?;
    let root = document.root_element();
    if !root.has_tag_name("schedule") {
        return Err(Fault {
            place: "line 1".into(),
            problem: "is no programme that is known here: it begins with `schedule`".into(),
        });
    }
    let mut imported = Imported { kind: "schedule.xml", ..Imported::default() };
    if let Some(conference) = child(root, "conference") {
        imported.title = line(&own(conference, "title"));
        let named = own(conference, "time_zone_name");
        if !named.is_empty() {
            imported.zone =
                Some(Zone::parse(&named).map_err(|error| Fault {
                    place: "conference.time_zone_name".into(),
                    problem: error.to_string(),
                })?);
        }
    }
    let zone = imported.zone.clone().unwrap_or_else(|| zone.clone());
    let lines = Lines::of(xml);
    for (number, day) in root.children().filter(|node| node.has_tag_name("day")).enumerate() {
        let date = day.attribute("date").unwrap_or_default();
        let of = Day { number, date, zone: &zone, lines: &lines };
        for room in day.children().filter(|node| node.has_tag_name("room")) {
            let hall = imported.hall(room.attribute("name").unwrap_or_default());
            for one in room.children().filter(|node| node.has_tag_name("event")) {
                event(&mut imported, of, hall, one);
            }
        }
        for one in day.children().filter(|node| node.has_tag_name("entry")) {
            imported.kind = "europython";
            entry(&mut imported, of, one);
        }
    }
    Ok(imported)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// All text in a child; empty when there is none.
fn own(node: Node<'_, '_>, name: &str) -> String {
    child(node, name).map(whole).unwrap_or_default()
}

fn whole(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect()
}

/// A day of the file, with what is needed to read what is in it.
#[derive(Clone, Copy)]
struct Day<'a> {
    number: usize,
    date: &'a str,
    zone: &'a Zone,
    lines: &'a Lines,
}

impl Day<'_> {
    /// Where in the file something stands.
    fn place(&self, kind: &str, id: &str, one: Node<'_, '_>) -> String {
        let row = self.lines.row(one.range().start);
        format!("day[{}].{kind}[{}] (line {row})", self.number, if id.is_empty() { "?" } else { id })
    }
}

/// Where each line begins: asking the document for a row reads all that stands before it.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    fn row(&self, at: usize) -> usize {
        self.0.partition_point(|begins| *begins <= at)
    }
}

fn event(imported: &mut Imported, day: Day<'_>, hall: HallId, one: Node<'_, '_>) {
    let id = one.attribute("id").or_else(|| one.attribute("guid")).unwrap_or_default();
    let (place, date, zone) = (day.place("event", id, one), day.date, day.zone);
    let told = own(one, "date");
    let starts = if told.trim().is_empty() { on_day(date, &own(one, "start"), zone) } else { instant(&told, zone) };
    let Some(starts) = starts else {
        return imported.fault(format!("{place}.date"), "is not a time such as 2026-11-20T09:00:00+01:00");
    };
    let Some(length) = duration(&own(one, "duration")) else {
        return imported.fault(format!("{place}.duration"), "is not a duration such as 00:45");
    };
    let mut speakers: Vec<SpeakerId> = Vec::new();
    for person in child(one, "persons").into_iter().flat_map(|persons| persons.children()).filter(Node::is_element) {
        let told = Speaker { name: line(&whole(person)), ..Speaker::default() };
        speakers.extend(imported.speaker(person.attribute("id").unwrap_or_default(), told));
    }
    let mut materials = Vec::new();
    for part in ["links", "attachments"] {
        for node in child(one, part).into_iter().flat_map(|links| links.children()).filter(Node::is_element) {
            let url = node.attribute("href").unwrap_or_default();
            match web(url) {
                Some(url) => materials.push(material(&whole(node), url)),
                None => imported.note(
                    format!("{place}.{part}"),
                    format!("`{}` is not an address of the web, and was left out", line(url)),
                ),
            }
        }
    }
    let track = imported.track(&own(one, "track"));
    let session = Session {
        title: line(&own(one, "title")),
        subtitle: line(&own(one, "subtitle")),
        summary: text(&own(one, "abstract")),
        description: text(&own(one, "description")),
        kind: line(&own(one, "type")),
        hall,
        track,
        speakers: distinct(speakers),
        materials,
        language: language(own(one, "language").trim()),
        url: web(&own(one, "url")).unwrap_or_default(),
        ..lasting(starts, length)
    };
    add(imported, &place, id, session);
}

fn lasting(starts: Timestamp, length: Span) -> Session {
    Session { starts, ends: starts + length, ..Session::default() }
}

fn material(title: &str, url: String) -> Material {
    let title = line(title);
    Material { title: if title.is_empty() { url.clone() } else { title }, url, audience: Audience::Everybody }
}

fn add(imported: &mut Imported, place: &str, id: &str, session: Session) {
    if session.title.is_empty() {
        return imported.fault(format!("{place}.title"), "is missing");
    }
    imported.session(place, id, session);
}

/// An entry of EuroPython: `start` as `0930` on the day, `duration` in minutes, `category` for the track.
fn entry(imported: &mut Imported, day: Day<'_>, one: Node<'_, '_>) {
    let id = one.attribute("id").unwrap_or_default();
    let place = day.place("entry", id, one);
    let Some(starts) = on_day(day.date, &own(one, "start"), day.zone) else {
        return imported.fault(format!("{place}.start"), "is not a time such as 0930");
    };
    let minutes =
        own(one, "duration").trim().parse::<i64>().ok().filter(|minutes| (1..=14 * 24 * 60).contains(minutes));
    let Some(minutes) = minutes else {
        return imported.fault(format!("{place}.duration"), "is not a number of minutes");
    };
    let mut speakers: Vec<SpeakerId> = Vec::new();
    for node in child(one, "speakers").into_iter().flat_map(|all| all.children()).filter(Node::is_element) {
        let told = Speaker {
            name: line(&own(node, "name")),
            biography: text(&own(node, "description")),
            links: link("", &own(node, "profile")).into_iter().collect(),
            ..Speaker::default()
        };
        speakers.extend(imported.speaker(node.attribute("id").unwrap_or_default(), told));
    }
    let (summary, description) = (text(&own(one, "abstract")), text(&own(one, "description")));
    let hall = imported.hall(&own(one, "room"));
    let track = child(one, "topics").and_then(|topics| child(topics, "topic")).map(whole).unwrap_or_default();
    let track = imported.track(&track);
    let session = Session {
        title: line(&own(one, "title")),
        // Many say the same twice.
        summary: if summary == description { String::new() } else { summary },
        description,
        kind: line(&own(one, "category")),
        hall,
        track,
        speakers: distinct(speakers),
        ..lasting(starts, Span::from_seconds(minutes * 60))
    };
    add(imported, &place, id, session);
}
