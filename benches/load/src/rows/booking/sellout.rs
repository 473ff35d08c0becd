//! A sell-out: everybody comes before the room opens, is drawn, and buys one ticket of what is left, until nothing is.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use eventlog::clock::{Clock as _, SystemClock};
use parking_lot::Mutex;
use records::{Span, Timestamp};
use serde_json::{Value, json};

use super::client::{Answer, Buyer, Numbers, all, runtime};
use super::{SHOP, buyer, furnished, offered, put};
use crate::Settings;
use crate::peers::scripts;
use crate::report::{Row, say};
use crate::rows::served::{Connection, Served};

const BUYERS: u64 = 100_000;
/// Tickets of each of [`CATEGORIES`].
const TICKETS: u64 = 5_000;
const CATEGORIES: [&str; 4] = ["front", "middle", "back", "stand"];
/// Buyers whose requests are under way at the same time.
const CONNECTIONS: usize = 96;
/// As many as a room lets in.
const PER_MINUTE: u64 = 1_000_000;
/// How long somebody who was let in may take.
const STAY_S: u64 = 600;
/// How long a buyer waits before looking again whether they are let in.
const LOOK: Duration = Duration::from_millis(250);
/// How often a buyer looks at the most: the draw is made within a second, and everybody let in within ten.
const LOOKS_MAX: u32 = 400;
const GOAL_S: f64 = 60.0;

/// What became of one buyer.
enum Fate {
    Bought(String),
    Late,
}

fn ensure(answer: &Answer, status: u16) -> anyhow::Result<()> {
    let body = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(answer.status == status, "answered {}: {body}", answer.status);
    Ok(())
}

fn open(served: &Served, at: Timestamp) -> anyhow::Result<()> {
    let room = json!({"opens": at.to_string(), "per_minute": PER_MINUTE, "stay_s": STAY_S});
    put(&mut Connection::open(served.address)?, "/room", &room)
}

/// Has everybody wait; their places.
async fn come(address: SocketAddr, buyers: u64) -> anyhow::Result<Vec<String>> {
    let (numbers, places) = (Numbers::default(), Arc::new(Mutex::new(vec![String::new(); buyers as usize])));
    let came = all(CONNECTIONS, |_| {
        let (numbers, places) = (numbers.clone(), Arc::clone(&places));
        async move {
            let mut own = Buyer::open(address, "").await?;
            while let Some(number) = numbers.next(buyers) {
                let joined = own.post(&format!("{SHOP}/room"), &json!({"contact": buyer(number)}).to_string()).await?;
                ensure(&joined, 201)?;
                places.lock()[number as usize] = joined.text("id")?;
            }
            Ok(())
        }
    });
    came.await?;
    Ok(Arc::into_inner(places).context("everybody has come")?.into_inner())
}

/// Waits until they are let in, takes what they want most or what is left, and orders it.
async fn buy(own: &mut Buyer, number: u64, place: &str) -> anyhow::Result<Fate> {
    let path = format!("{SHOP}/room/{place}");
    let mut looks = 0;
    loop {
        let stands = own.get(&path).await?;
        ensure(&stands, 200)?;
        match stands.text("standing")?.as_str() {
            "admitted" => break,
            "undrawn" | "waits" if looks < LOOKS_MAX => looks += 1,
            standing => anyhow::bail!("buyer {number} stands `{standing}` after {looks} looks"),
        }
        tokio::time::sleep(LOOK).await;
    }
    let mut wanted = CATEGORIES[(number % 4) as usize].to_owned();
    loop {
        let cart = json!({"lines": [{"product": wanted, "count": 1}], "currency": "EUR", "place": place});
        let held = own.post(&format!("{SHOP}/holds"), &cart.to_string()).await?;
        if held.status == 201 {
            let order = json!({"hold": held.text("id")?, "buyer": buyer(number), "provider": "free"});
            let placed = own.post(&format!("{SHOP}/orders"), &order.to_string()).await?;
            ensure(&placed, 201)?;
            let order = placed.data()?;
            anyhow::ensure!(order["status"] == "confirmed", "an order is not confirmed");
            let ticket = order["tickets"][0]["id"].as_str().context("an order has a ticket")?;
            return Ok(Fate::Bought(ticket.to_owned()));
        }
        ensure(&held, 409)?;
        // Somebody else was quicker: what is left?
        let shop = own.get(SHOP).await?.data()?;
        let products = shop["products"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        let left = products.iter().find(|product| product["availability"] != "sold_out");
        match left.and_then(|product| product["id"].as_str()) {
            Some(product) => product.clone_into(&mut wanted),
            None => return Ok(Fate::Late),
        }
    }
}

/// Lets everybody buy; the tickets that were sold.
async fn sell(address: SocketAddr, places: Vec<String>) -> anyhow::Result<Vec<String>> {
    let (numbers, places) = (Numbers::default(), Arc::new(places));
    let sold = all(CONNECTIONS, |_| {
        let (numbers, places) = (numbers.clone(), Arc::clone(&places));
        async move {
            let (mut own, mut bought) = (Buyer::open(address, "").await?, Vec::new());
            while let Some(number) = numbers.next(places.len() as u64) {
                if let Fate::Bought(ticket) = buy(&mut own, number, &places[number as usize]).await? {
                    bought.push(ticket);
                }
            }
            Ok(bought)
        }
    });
    Ok(sold.await?.into_iter().flatten().collect())
}

/// Has the stranger's script do its part: it knows the public address and nothing else.
fn stranger(served: &Served, word: &str, kept: &std::path::Path) -> anyhow::Result<String> {
    let url = format!("http://{}{SHOP}/draw", served.address);
    let done = Command::new("python3").arg(scripts().join("draw.py")).args([word, &url]).arg(kept).output()?;
    let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    anyhow::ensure!(
        done.status.success(),
        "the draw is not what it says: {said} {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(said)
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let (buyers, tickets) = (settings.size(BUYERS), settings.size(TICKETS));
    let served = furnished(&CATEGORIES.map(|category| (category, tickets)))?;
    let runtime = runtime()?;
    open(&served, SystemClock.now().saturating_add(Span::HOUR))?;
    let started = Instant::now();
    let places = runtime.block_on(come(served.address, buyers))?;
    let came = started.elapsed();
    // The stranger keeps the list while nobody can know the draw; that takes no time of the buyers'.
    let kept = tempfile::NamedTempFile::new_in(crate::rows::base()?)?;
    say!("{buyers} wait after {:.1} s; {}", came.as_secs_f64(), stranger(&served, "keep", kept.path())?);
    let opened = Instant::now();
    open(&served, SystemClock.now())?;
    let bought = runtime.block_on(sell(served.address, places))?;
    let sold = opened.elapsed();
    let total = (came + sold).as_secs_f64();
    let distinct: BTreeSet<&String> = bought.iter().collect();
    let all = tickets * CATEGORIES.len() as u64;
    let offer = offered(&served)?;
    let counted = offer["quotas"].as_array().map_or(0, Vec::len) == CATEGORIES.len()
        && offer["quotas"]
            .as_array()
            .is_some_and(|quotas| quotas.iter().all(|quota| quota["sold"] == tickets && quota["held"] == 0));
    let exact = counted && bought.len() as u64 == all && distinct.len() as u64 == all;
    anyhow::ensure!(exact, "{} tickets, {} of them different, of {all}: {offer}", bought.len(), distinct.len());
    let verified = stranger(&served, "verify", kept.path())?;
    say!("{verified}");
    Ok(Row::new("booking-sellout", "s", total, "60 s, each ticket once, draw verified", total <= GOAL_S)
        .part("until everybody waits", "s", came.as_secs_f64())
        .part("from opening to the last buyer", "s", sold.as_secs_f64())
        .part("buyers", "", buyers as f64)
        .part("tickets, each sold once", "", distinct.len() as f64))
}
