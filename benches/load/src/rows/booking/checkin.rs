//! Doors: looks at tickets over HTTP, durable, one in each request; and fifty devices that were offline, whose looks are told in
//! any order and some twice, against what sorting all of them by hand gives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use records::hash::mix;
use serde_json::{Value, json};

use super::client::{Answer, Buyer, Numbers, all, runtime};
use super::{OFFICE, SHOP, buyer, furnished, put};
use crate::Settings;
use crate::report::{Row, say};
use crate::rounds::quantile;
use crate::rows::served::{Connection, KEY};

/// Looks of each round: every second one is at a ticket that was looked at before.
const LOOKS: u64 = 20_000;
/// Devices that scan at the same time.
const DEVICES: usize = 50;
/// Tickets of an order.
const OF_ORDER: u64 = 10;
/// Looks of each device that was offline.
const OFFLINE_EACH: u64 = 400;
/// Tickets that those look at: each about ten times.
const OFFLINE_TICKETS: u64 = 2_000;
/// Looks that a device which was offline tells at once.
const BATCH: usize = 100;
/// Things of one answer about what changed.
const PAGE: usize = 1_000;
/// The longest that such answers are followed.
const PAGES_MAX: usize = 1_000;
const GOAL: f64 = 1_000.0;

/// What the code of a ticket says.
#[derive(Debug, Clone)]
struct Ticket {
    text: String,
}

fn ensure(answer: &Answer, status: u16) -> anyhow::Result<()> {
    let body = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(answer.status == status, "answered {}: {body}", answer.status);
    Ok(())
}

fn authorization() -> String {
    format!("Authorization: Bearer {KEY}\r\n")
}

/// Buys so many tickets.
async fn sold(address: SocketAddr, tickets: u64, first: u64) -> anyhow::Result<Vec<Ticket>> {
    let (numbers, orders) = (Numbers::default(), tickets.div_ceil(OF_ORDER));
    let cart = json!({"lines": [{"product": "pass", "count": OF_ORDER}], "currency": "EUR"}).to_string();
    let bought = all(DEVICES, |_| {
        let (numbers, cart) = (numbers.clone(), cart.clone());
        async move {
            let (mut own, mut tickets) = (Buyer::open(address, "").await?, Vec::new());
            while let Some(number) = numbers.next(orders) {
                let held = own.post(&format!("{SHOP}/holds"), &cart).await?;
                ensure(&held, 201)?;
                let order = json!({"hold": held.text("id")?, "buyer": buyer(first + number), "provider": "free"});
                let placed = own.post(&format!("{SHOP}/orders"), &order.to_string()).await?;
                ensure(&placed, 201)?;
                for ticket in placed.data()?["tickets"].as_array().context("an order has tickets")? {
                    let text = |name: &str| ticket[name].as_str().map(str::to_owned).context("a ticket has texts");
                    tickets.push(Ticket { text: text("text")? });
                }
            }
            Ok(tickets)
        }
    });
    Ok(bought.await?.into_iter().flatten().collect())
}

/// What a round did.
struct Done {
    per_second: f64,
    /// Milliseconds.
    took: Vec<f64>,
}

/// Has all devices look at every ticket twice, one look in each request.
async fn scan(address: SocketAddr, door: &str, tickets: Vec<Ticket>, looks: u64) -> anyhow::Result<Done> {
    let (numbers, started) = (Numbers::default(), Instant::now());
    let tickets: std::sync::Arc<[Ticket]> = tickets.into();
    let path = format!("{OFFICE}/doors/{door}/scans");
    let took = all(DEVICES, |device| {
        let (numbers, tickets, path) = (numbers.clone(), tickets.clone(), path.clone());
        async move {
            let (mut own, mut took) = (Buyer::open(address, &authorization()).await?, Vec::new());
            while let Some(number) = numbers.next(looks) {
                let ticket = &tickets[usize::try_from(number)? / 2];
                let id = format!("{:08x}-0000-4000-8000-{:012x}", mix(number) >> 32, number);
                let at = (1_700_000_000_000_000 + number).to_string();
                let look = json!({"id": id, "text": ticket.text, "at": at, "device": format!("d{device}")});
                let answer = own.post(&path, &json!({ "scans": [look] }).to_string()).await?;
                ensure(&answer, 200)?;
                took.push(answer.took.as_secs_f64() * 1e3);
            }
            Ok(took)
        }
    });
    let took: Vec<f64> = took.await?.into_iter().flatten().collect();
    Ok(Done { per_second: looks as f64 / started.elapsed().as_secs_f64(), took })
}

/// A look of a device that was offline: when, its id, which ticket.
type Look = (i64, String, usize);

/// What every device has seen, some at the very same moment.
fn looks(device: u64, each: u64, tickets: usize) -> Vec<Look> {
    let look = |number: u64| {
        let draw = |what: u64| mix(device << 32 | number << 4 | what);
        let at = 1_700_000_000_000_000 + (draw(1) % 3_600 * 1_000_000).cast_signed();
        let id = format!("{:08x}-{:04x}-4000-8000-{:012x}", draw(2) >> 32, draw(3) >> 48, device << 16 | number);
        (at, id, draw(4) as usize % tickets)
    };
    (0..each).map(look).collect()
}

/// What everything comes to: of each ticket the look that was first, then by id, lets in, and no other.
fn by_hand(all: &[Look]) -> BTreeMap<String, &'static str> {
    let mut first: BTreeMap<usize, (i64, &str)> = BTreeMap::new();
    for (at, id, ticket) in all {
        let earliest = first.entry(*ticket).or_insert((*at, id.as_str()));
        *earliest = (*earliest).min((*at, id.as_str()));
    }
    let outcome = |id: &str, ticket: &usize| if first[ticket].1 == id { "admitted" } else { "duplicate" };
    all.iter().map(|(_, id, ticket)| (id.replace('-', ""), outcome(id, ticket))).collect()
}

/// Has every device tell what it saw while it was offline, in pieces, in an order of its own, the first piece twice.
async fn merge(address: SocketAddr, tickets: Vec<Ticket>, each: u64) -> anyhow::Result<(Vec<Look>, f64)> {
    let tickets: std::sync::Arc<[Ticket]> = tickets.into();
    let (path, started) = (format!("{OFFICE}/doors/offline/scans"), Instant::now());
    let told = all(DEVICES, |device| {
        let (tickets, path) = (tickets.clone(), path.clone());
        async move {
            let mut own = Buyer::open(address, &authorization()).await?;
            let all = looks(device as u64, each, tickets.len());
            let mut pieces: Vec<&[Look]> = all.chunks(BATCH).collect();
            pieces.sort_by_key(|piece| mix(piece[0].0.cast_unsigned()));
            pieces.extend(all.chunks(BATCH).next());
            for piece in pieces {
                let scans: Vec<Value> = piece
                    .iter()
                    .map(|(at, id, ticket)| {
                        let text = &tickets[*ticket].text;
                        json!({"id": id, "text": text, "at": at.to_string(), "device": format!("d{device}")})
                    })
                    .collect();
                ensure(&own.post(&path, &json!({ "scans": scans }).to_string()).await?, 200)?;
            }
            Ok(all)
        }
    });
    let all: Vec<Look> = told.await?.into_iter().flatten().collect();
    let per_second = all.len() as f64 / started.elapsed().as_secs_f64();
    Ok((all, per_second))
}

/// What every look at a door comes to, as devices are told it.
async fn told(address: SocketAddr, door: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let (mut own, mut after) = (Buyer::open(address, &authorization()).await?, String::new());
    let mut outcomes = BTreeMap::new();
    for _ in 0..PAGES_MAX {
        let answer = own.get(&format!("{OFFICE}/doors?limit={PAGE}&after={after}")).await?;
        ensure(&answer, 200)?;
        let data = answer.data()?;
        for looks in data["looks"].as_array().context("there are looks")?.iter().filter(|looks| looks["door"] == door) {
            for look in looks["seen"].as_array().context("there are looks of a ticket")? {
                let text = |name: &str| look[name].as_str().unwrap_or_default().to_owned();
                outcomes.insert(text("scan"), text("outcome"));
            }
        }
        after = data["offset"].as_str().context("there is an offset")?.to_owned();
        if data["more"] == false {
            return Ok(outcomes);
        }
    }
    anyhow::bail!("what changed has no end")
}

/// What is counted at a door.
async fn counted(address: SocketAddr, door: &str) -> anyhow::Result<(u64, u64)> {
    let mut own = Buyer::open(address, &authorization()).await?;
    let answer = own.get(&format!("{OFFICE}/doors?limit=1")).await?.data()?;
    let doors = answer["doors"].as_array().context("there are doors")?;
    let found = doors.iter().find(|known| known["id"] == door).context("there is the door")?;
    Ok((found["admitted"].as_u64().unwrap_or(0), found["inside"].as_u64().unwrap_or(0)))
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let looks = settings.size(LOOKS);
    let served = furnished(&[("pass", 100_000_000)])?;
    let mut organizer = Connection::open(served.address)?;
    let runtime = runtime()?;
    let (mut rates, mut took, mut cpu, mut scanned) = (Vec::new(), Vec::new(), Duration::ZERO, 0u64);
    // The first round is thrown away.
    for round in 0..=settings.rounds as u64 {
        let door = format!("round-{round}");
        put(&mut organizer, &format!("/doors/{door}"), &json!({"title": door}))?;
        let tickets = runtime.block_on(sold(served.address, looks.div_ceil(2), round * looks))?;
        let before = crate::cpu::of_process(served.pid())?;
        let done = runtime.block_on(scan(served.address, &door, tickets, looks))?;
        let used = crate::cpu::of_process(served.pid())? - before;
        let expected = looks.div_ceil(2);
        let inside = runtime.block_on(counted(served.address, &door))?;
        anyhow::ensure!(inside == (expected, expected), "{inside:?} were counted, {expected} were let in");
        if round == 0 {
            continue;
        }
        say!("round {round}: {:.0} scans/s", done.per_second);
        rates.push(done.per_second);
        took.extend(done.took);
        (cpu, scanned) = (cpu + used, scanned + looks);
    }
    put(&mut organizer, "/doors/offline", &json!({"title": "Offline"}))?;
    let (each, wanted) = (settings.size(OFFLINE_EACH), settings.size(OFFLINE_TICKETS));
    let tickets = runtime.block_on(sold(served.address, wanted, 1 << 40))?;
    let (all, merged_per_second) = runtime.block_on(merge(served.address, tickets, each))?;
    let (expected, found) = (by_hand(&all), runtime.block_on(told(served.address, "offline"))?);
    let wrong = expected.iter().filter(|(id, outcome)| found.get(*id).is_none_or(|told| told != *outcome)).count();
    let exact = wrong == 0 && found.len() == expected.len();
    let (rate, p99) = (quantile(rates, 0.5), quantile(took.clone(), 0.99));
    let goal = "1,000/s; 50 offline devices merged: exact";
    Ok(Row::new("booking-checkin", "scans/s", rate, goal, rate >= GOAL && exact)
        .part("p50 of a scan", "ms", quantile(took, 0.5))
        .part("p99 of a scan", "ms", p99)
        .part("CPU of the server for a scan", "us", cpu.as_secs_f64() * 1e6 / scanned as f64)
        .part("looks of 50 offline devices", "", expected.len() as f64)
        .part("of them told otherwise than by hand", "", wrong as f64)
        .part("looks merged", "per second", merged_per_second))
}
