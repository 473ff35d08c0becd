//! Small files of each kind, faults with their places, and, where `EVENTRA_DATA` is set, the real ones.

use super::*;

const PENTABARF: &str = r#"<?xml version='1.0'?><schedule><conference><title>Winter Congress</title></conference>
<day date='2026-12-27' index='1'><room name='Hall 1'>
<event guid='g1' id='11'><date>2026-12-27T11:00:00+01:00</date><start>11:00</start><duration>00:30</duration>
<title>Opening &amp; more</title><subtitle/><track>Main</track><type>lecture</type><language>en</language>
<abstract>Short</abstract><description>Long</description>
<persons><person id='7'>Ada Example</person></persons>
<links><link href='https://example.org/a'>Slides</link><link href='javascript:alert(1)'>Bad</link></links></event>
</room></day></schedule>"#;
const ENTRIES: &str = r#"<schedule><day date="2026-07-21"><entry id="37"><start>0930</start><duration>30</duration>
<room id="1">C01</room><title>Welcome</title><description>Hi</description><topics><topic>Web</topic></topics>
<speakers><speaker id="3"><name>Bea</name><profile>https://example.org/b</profile><description>Writes</description></speaker></speakers>
</entry></day></schedule>"#;
const SCHEDULE: &str = r#"{"schedule": {"conference": {"title": "Camp", "time_zone_name": "Europe/Berlin",
"days": [{"date": "2026-08-21", "rooms": {"Curie": [{"id": 5, "guid": "g", "date": "2026-08-21T11:00:00+02:00",
"duration": "1:00", "title": "Tents", "track": "Camp", "persons": [{"id": 9, "public_name": "Cem", "biography": "Camps"}],
"links": [{"title": "Site", "url": "https://example.org"}], "attachments": []}]}}]}}}"#;
const FEED: &str = r#"{"Schedule": {"events": [{"serial": 1, "name": "Dart &amp; Polymer", "event_type": "Talk",
"time_start": "2026-07-23 17:00:00", "time_stop": "2026-07-23 17:40:00", "venue_serial": 4, "speakers": [2], "categories": ["Web"]}],
"speakers": [{"serial": 2, "name": "Dee", "position": "Engineer", "affiliation": "Example"}],
"venues": [{"serial": 4, "name": "Portland"}, {"serial": 5, "name": "Unused"}]}}"#;

fn zone() -> Zone {
    Zone::parse("America/Los_Angeles").unwrap()
}

fn check(text: &str, kind: &str, title: &str, starts: &str, speaker: &str) -> Imported {
    let read = read(text.as_bytes(), &zone()).unwrap();
    let session = read.sessions.values().next().unwrap();
    assert_eq!((read.kind, session.title.as_str(), session.starts.to_string().as_str()), (kind, title, starts));
    assert_eq!(read.speakers[&session.speakers[0]].name, speaker);
    assert!(read.halls.contains_key(&session.hall) && read.tracks.contains_key(&session.track));
    read
}

#[test]
fn each_kind_of_file_is_read() {
    let read = check(PENTABARF, "schedule.xml", "Opening & more", "2026-12-27T10:00:00Z", "Ada Example");
    let session = read.sessions.values().next().unwrap();
    assert_eq!((session.materials.len(), read.notes.len()), (1, 1), "what would run is left out, and told");
    check(ENTRIES, "europython", "Welcome", "2026-07-21T16:30:00Z", "Bea");
    check(SCHEDULE, "schedule.json", "Tents", "2026-08-21T09:00:00Z", "Cem");
    let read = check(FEED, "oscon", "Dart & Polymer", "2026-07-24T00:00:00Z", "Dee");
    assert_eq!(read.halls.len(), 1);
}

#[test]
fn faults_say_where_they_are_and_nothing_is_half_read() {
    let faults = |text: &str| read(text.as_bytes(), &zone()).unwrap_err();
    let bent = PENTABARF.replace("00:30", "soon");
    assert_eq!(faults(&bent)[0].place, "day[0].event[11] (line 3).duration");
    let bent = SCHEDULE.replace("2026-08-21T11", "2026-13-21T11");
    assert_eq!(faults(&bent)[0].place, "days[0].rooms[Curie].events[5].date");
    assert!(faults("<schedule>")[0].place.starts_with("line"));
    assert!(faults("{}")[0].problem.contains("no programme"));
    assert!(faults("hello")[0].problem.contains("neither"));
    assert!(faults("<schedule></schedule>")[0].problem.contains("no sessions"));
}

#[test]
fn entities_are_refused() {
    let bomb =
        format!("<!DOCTYPE s [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>{}", ENTRIES.replace("Welcome", "&b;"));
    assert!(read(bomb.as_bytes(), &zone()).is_err());
    let file = format!("<!DOCTYPE s [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>{}", ENTRIES.replace("Welcome", "&a;"));
    assert!(read(file.as_bytes(), &zone()).is_err());
}

/// Counts again, with other parsers: when each session begins, for how many minutes, who speaks, in which rooms.
const COUNT: &str = r#"
import sys, json, datetime, zoneinfo
import xml.etree.ElementTree as tree
path, zone = sys.argv[1], zoneinfo.ZoneInfo(sys.argv[2])
utc, rows, people, rooms = datetime.timezone.utc, [], set(), set()
def add(begin, minutes):
    if begin.tzinfo is None:
        begin = begin.replace(tzinfo=zone)
    rows.append(f"{begin.astimezone(utc):%Y-%m-%dT%H:%M:%SZ} {minutes}")
def length(text):
    hours, minutes = text.split(':')
    return int(hours) * 60 + int(minutes)
iso = datetime.datetime.fromisoformat
data = sys.stdin.read()
if data.lstrip().startswith('<'):
    for day in tree.fromstring(data).iter('day'):
        for event in day.iter('event'):
            add(iso(event.findtext('date')), length(event.findtext('duration')))
            people.update(person.get('id') for person in event.iter('person'))
            rooms.add(event.findtext('room'))
        for entry in day.iter('entry'):
            add(iso(day.get('date') + 'T' + entry.findtext('start')), int(entry.findtext('duration')))
            people.update(one.get('id') for one in entry.iter('speaker'))
            rooms.add(entry.findtext('room'))
else:
    value = json.loads(data)
    if 'Schedule' in value:
        value = value['Schedule']
        for event in value['events']:
            begin, end = iso(event['time_start']), iso(event['time_stop'])
            add(begin, int((end - begin).total_seconds()) // 60)
            rooms.add(event['venue_serial'])
        people.update(one['serial'] for one in value['speakers'])
    else:
        for day in value['schedule']['conference']['days']:
            for room, events in day['rooms'].items():
                rooms.add(room)
                for event in events:
                    add(iso(event['date']), length(event['duration']))
                    people.update(person['id'] for person in event['persons'])
print(len(people), len({room for room in rooms if room}))
print('\n'.join(sorted(rows)))
"#;

/// The files, and the zones of their events.
const REAL: [(&str, &str); 6] = [
    ("31C3_schedule.xml", "Europe/Berlin"),
    ("europython2014_schedule.xml", "Europe/Berlin"),
    ("oscon2014_feed.json", "America/Los_Angeles"),
    ("rc3_schedule.json", "Europe/Berlin"),
    ("camp2019_schedule.json", "Europe/Berlin"),
    ("democon_schedule.json", "UTC"),
];

#[test]
fn real_programmes_have_what_another_program_counts_in_them() {
    let Some(folder) = std::env::var_os("EVENTRA_DATA").map(std::path::PathBuf::from) else {
        println!("skipped: EVENTRA_DATA does not name a folder of public data sets");
        return;
    };
    for (name, zone) in REAL {
        let packed = std::fs::read(folder.join(format!("events/{name}.zst"))).unwrap();
        let bytes = zstd::decode_all(&packed[..]).unwrap();
        let read = read(&bytes, &Zone::parse(zone).unwrap()).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        let mut rows: Vec<String> = read
            .sessions
            .values()
            .map(|one| format!("{} {}", one.starts, one.ends.since(one.starts).seconds() / 60))
            .collect();
        rows.sort();
        let told = format!("{} {}\n{}\n", read.speakers.len(), read.halls.len(), rows.join("\n"));
        assert_eq!(told, counted(&bytes, zone), "{name}");
        println!("{name}: {} sessions, {} speakers, {} notes", rows.len(), read.speakers.len(), read.notes.len());
    }
}

fn counted(bytes: &[u8], zone: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut python = Command::new("python3");
    python.args(["-c", COUNT, "-", zone]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python3 counts again");
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
