//! Calendars as other programs read them: PyPI's `icalendar` (with `recurring-ical-events`) and npm's `ical.js` find the same
//! instants as we do, over changes of clocks, in several zones.

use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::{Method, StatusCode};
use records::fact::Scope;
use records::{EventId, Fact, SecretHash, Timestamp, Zone};
use rules::office::{self, Wish};
use serde_json::{Value, json};

use crate::house::{House, NOW, acme, request, run};
use crate::libraries::{installed, must_run};

const MANAGE: &str = "a-key-that-manages";
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];

/// Reads calendars, and tells when everything in them begins, one line each.
const PYTHON: &str = r#"
import sys, datetime, icalendar, recurring_ical_events
utc = datetime.timezone.utc
for path in sys.argv[1:]:
    calendar = icalendar.Calendar.from_ical(open(path, 'rb').read())
    rows = []
    for event in recurring_ical_events.of(calendar).between((2025, 1, 1), (2028, 1, 1)):
        begin, end = event['DTSTART'].dt.astimezone(utc), event['DTEND'].dt.astimezone(utc)
        rows.append(f"{begin:%Y-%m-%dT%H:%M:%SZ} {int((end - begin).total_seconds())} {event['SUMMARY']}")
    print(path)
    print('\n'.join(sorted(rows)))
"#;

const NODE: &str = r#"
const fs = require('fs');
const library = require('ical.js');
const ICAL = library.default || library;
for (const path of process.argv.slice(2)) {
  const calendar = new ICAL.Component(ICAL.parse(fs.readFileSync(path, 'utf8')));
  // The zones as the file itself tells them.
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
  const rows = [];
  for (const component of calendar.getAllSubcomponents('vevent')) {
    const event = new ICAL.Event(component);
    const tell = (begin, end) => {
      const [from, to] = [begin.toJSDate(), end.toJSDate()];
      rows.push(`${from.toISOString().slice(0, 19)}Z ${(to - from) / 1000} ${event.summary}`);
    };
    if (!event.isRecurring()) { tell(event.startDate, event.endDate); continue; }
    const iterator = event.iterator();
    for (let next = iterator.next(); next; next = iterator.next()) {
      const details = event.getOccurrenceDetails(next);
      tell(details.startDate, details.endDate);
    }
  }
  console.log(path);
  console.log(rows.sort().join('\n'));
}
"#;

/// Reads calendars that mails bring, and tells what is to be done with them, one line each.
const PYTHON_MAILED: &str = r#"
import sys, datetime, icalendar
for path in sys.argv[1:]:
    calendar = icalendar.Calendar.from_ical(open(path, 'rb').read())
    assert not calendar.errors, calendar.errors
    [event] = calendar.walk('VEVENT')
    assert not event.errors, event.errors
    begin = event['DTSTART'].dt.astimezone(datetime.timezone.utc)
    organizer = event['ORGANIZER']
    print(calendar['METHOD'], event['UID'], event['SEQUENCE'], event['STATUS'], f"{begin:%Y-%m-%dT%H:%M:%SZ}", organizer.params['CN'], organizer)
"#;

const NODE_MAILED: &str = r#"
const fs = require('fs');
const library = require('ical.js');
const ICAL = library.default || library;
for (const path of process.argv.slice(2)) {
  const calendar = new ICAL.Component(ICAL.parse(fs.readFileSync(path, 'utf8')));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
  const [component] = calendar.getAllSubcomponents('vevent');
  const event = new ICAL.Event(component);
  const organizer = component.getFirstProperty('organizer');
  const told = [calendar.getFirstPropertyValue('method'), event.uid, event.sequence, component.getFirstPropertyValue('status')];
  told.push(`${event.startDate.toJSDate().toISOString().slice(0, 19)}Z`, organizer.getParameter('cn'), organizer.getFirstValue());
  console.log(told.join(' '));
}
"#;

fn python() -> PathBuf {
    installed("icalendar-7.3.0", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        pip.arg(folder).args(["icalendar==7.3.0", "recurring-ical-events==3.8.2", "tzdata==2026.6"]);
        must_run(&mut pip, "pip install of icalendar");
    })
}

fn node() -> PathBuf {
    installed("ical.js-2.2.1", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]);
        must_run(npm.arg(folder).arg("ical.js@2.2.1"), "npm install of ical.js");
    })
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// What two other parsers read in calendars that mails bring, a line each: they say the same.
pub(crate) fn mailed(files: &[String]) -> Vec<String> {
    let (python, node, folder) = (python(), node(), tempfile::tempdir().unwrap());
    let paths: Vec<PathBuf> =
        (0..).zip(files).map(|(number, text)| script(folder.path(), &format!("{number}.ics"), text)).collect();
    let mut python3 = Command::new("python3");
    python3.arg(script(folder.path(), "mailed.py", PYTHON_MAILED)).args(&paths).env("PYTHONPATH", &python);
    let one = told(&mut python3, "icalendar");
    let mut program = Command::new("node");
    program.arg(script(&node, "mailed.cjs", NODE_MAILED)).args(&paths);
    assert_eq!(told(&mut program, "ical.js"), one);
    one.lines().map(str::to_owned).collect()
}

async fn ask(house: &House, method: Method, path: &str, body: &Value) -> Value {
    let authorization = format!("Bearer {MANAGE}");
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = house.send(request(method, path, &headers, body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.body);
    answer.body
}

/// Sessions whose times meet changes of clocks: by week, by the last Friday, by day, and one that does not come again.
fn sessions() -> Vec<(&'static str, Value)> {
    let at = |starts: &str, ends: &str, recurrence: Value| json!({"title": starts, "starts": starts, "ends": ends, "recurrence": recurrence});
    vec![
        ("once", at("2026-03-28T22:30:00Z", "2026-03-29T04:30:00Z", Value::Null)),
        (
            "weekly",
            at(
                "2026-03-02T12:00:00Z",
                "2026-03-02T13:30:00Z",
                json!({"rule": "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20261110T120000Z", "except": ["2026-03-11T12:00:00Z"], "also": ["2026-03-13T10:00:00Z"]}),
            ),
        ),
        (
            "monthly",
            at("2026-02-27T12:00:00Z", "2026-02-27T13:00:00Z", json!({"rule": "FREQ=MONTHLY;BYDAY=-1FR;COUNT=14"})),
        ),
        (
            "daily",
            at("2026-10-20T12:15:00Z", "2026-10-20T12:45:00Z", json!({"rule": "FREQ=DAILY;INTERVAL=2;COUNT=12"})),
        ),
        ("yearly", at("2025-11-02T12:00:00Z", "2025-11-02T13:00:00Z", json!({"rule": "FREQ=YEARLY;COUNT=2"}))),
    ]
}

/// The calendar of an event in this zone, and what we say takes place in it.
async fn calendar(house: &House, zone: &str, number: usize) -> (String, Vec<String>) {
    let name = format!("conf{number}");
    let event = EventId::parse(&name).unwrap();
    let ends = Timestamp(NOW.0 + 86_400_000_000);
    let fact = Fact::EventScheduled { event, title: zone.into(), zone: Zone::parse(zone).unwrap(), starts: NOW, ends };
    let command = office::Command { organization: acme(), event, wishes: vec![Wish::Stand(fact)] };
    (house.api.desk)(None, command.into()).unwrap().await.unwrap();
    let at = format!("/v1/organizations/acme/events/{name}/programme");
    ask(
        house,
        Method::PUT,
        &format!("{at}/page"),
        &json!({"venue": "Straße, 5; \\ \"quoted\"", "summary": "ü".repeat(90)}),
    )
    .await;
    for (session, body) in sessions() {
        ask(house, Method::PUT, &format!("{at}/sessions/{session}"), &body).await;
    }
    ask(house, Method::PUT, &format!("{at}/status"), &json!({"status": "published"})).await;
    let mut rows = Vec::new();
    let told = ask(house, Method::GET, &format!("/v1/programmes/acme/{name}/sessions?limit=200"), &Value::Null).await;
    for entry in told["data"].as_array().unwrap() {
        let (begins, ends) = (entry["begins"].as_str().unwrap(), entry["ends"].as_str().unwrap());
        let seconds = Timestamp::parse(ends).unwrap().since(Timestamp::parse(begins).unwrap()).seconds();
        rows.push(format!("{begins} {seconds} {}", entry["session"]["title"].as_str().unwrap()));
    }
    rows.sort();
    let ics = house.send(request(Method::GET, &format!("/e/acme/{name}/calendar.ics"), &[], "")).await;
    assert_eq!(ics.headers["content-type"], "text/calendar; charset=utf-8");
    (ics.body.as_str().unwrap().to_owned(), rows)
}

fn told(command: &mut Command, what: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn two_other_parsers_find_the_same_instants_over_changes_of_clocks() {
    let (python, node, folder) = (python(), node(), tempfile::tempdir().unwrap());
    let hash = SecretHash::of(MANAGE).to_string();
    let key = Fact::KeyAdded { key: "page".into(), hash, scopes: vec![Scope::Manage], expires: None };
    let (mut paths, mut expected) = (Vec::new(), String::new());
    run(async {
        let house = House::new();
        let command = office::Command { organization: acme(), event: EventId::NONE, wishes: vec![Wish::Stand(key)] };
        (house.api.desk)(None, command.into()).unwrap().await.unwrap();
        for (number, zone) in ZONES.into_iter().enumerate() {
            let (ics, rows) = calendar(&house, zone, number).await;
            assert!(ics.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{ics}");
            let path = folder.path().join(format!("{number}.ics"));
            std::fs::write(&path, ics).unwrap();
            expected += &format!("{}\n{}\n", path.display(), rows.join("\n"));
            paths.push(path);
        }
    });
    // 1 once, 73 by week, 14 by month, 12 by day, 2 by year, in each zone.
    assert!(expected.lines().count() > 4 * 95, "{expected}");
    let mut python3 = Command::new("python3");
    python3.arg(script(folder.path(), "read.py", PYTHON)).args(&paths).env("PYTHONPATH", &python);
    assert_eq!(told(&mut python3, "icalendar"), expected);
    let mut program = Command::new("node");
    program.arg(script(&node, "read.cjs", NODE)).args(&paths);
    assert_eq!(told(&mut program, "ical.js"), expected);
}
