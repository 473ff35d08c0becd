//! Hold and confirm over HTTP: each order is two requests and two synced commands; beside pretix, which takes an order with one.
//!
//! Twice: as many as it can, which says the rate, and as many as the goal asks for, each begun at its time whether or not the
//! ones before are done, which says how long a request takes at that rate (a closed loop would only say how many it keeps waiting).

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use super::client::{Answer, Buyer, Numbers, all, runtime};
use super::{SHOP, buyer, furnished, offered, pretix};
use crate::Settings;
use crate::report::{Row, say};
use crate::rounds::quantile;

/// Orders of each round.
const ORDERS: u64 = 60_000;
/// Buyers at the same time.
const CONNECTIONS: usize = 128;
/// Orders of each round that pretix takes: it takes some seconds for them.
const PEER_ORDERS: u64 = 60;
/// Buyers at the same time there: a few more than it has workers, as its documentation advises to plan for.
const PEER_CONNECTIONS: usize = 8;
/// Writes whose syncs are timed.
const SYNCS: usize = 400;
/// What a sync writes: what a busy batch is.
const SYNC_BYTES: usize = 64 << 10;
const GOAL: f64 = 5_000.0;
/// Orders that begin together when each has its time: as many as the goal asks for, every millisecond.
const TOGETHER: u64 = 5;
/// Orders of each round that have their times.
const TIMED_ORDERS: u64 = 30_000;
/// Requests that were timed in the first second: connections are opened, buffers are found.
const WARM: usize = 10_000;
const RATIO: f64 = 500.0;
const SYNCS_GOAL: f64 = 3.0;

/// What one side did in a round.
struct Done {
    per_second: f64,
    took: Vec<f64>,
}

fn ensure(answer: &Answer, status: u16) -> anyhow::Result<()> {
    let body = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(answer.status == status, "answered {}: {body}", answer.status);
    Ok(())
}

/// Places so many orders; how long each request took, milliseconds.
async fn sell(address: std::net::SocketAddr, orders: u64, first: u64) -> anyhow::Result<Done> {
    let (numbers, started) = (Numbers::default(), Instant::now());
    let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"}).to_string();
    let took = all(CONNECTIONS, |_| {
        let (numbers, cart) = (numbers.clone(), cart.clone());
        async move {
            let (mut own, mut took) = (Buyer::open(address, "").await?, Vec::new());
            while let Some(number) = numbers.next(orders) {
                took.extend(one(&mut own, &cart, first + number).await?);
            }
            Ok(took)
        }
    });
    let took: Vec<f64> = took.await?.into_iter().flatten().collect();
    Ok(Done { per_second: orders as f64 / started.elapsed().as_secs_f64(), took })
}

/// Places an order; how long its two requests took, milliseconds.
async fn one(own: &mut Buyer, cart: &str, number: u64) -> anyhow::Result<[f64; 2]> {
    let held = own.post(&format!("{SHOP}/holds"), cart).await?;
    ensure(&held, 201)?;
    let order = json!({"hold": held.text("id")?, "buyer": buyer(number), "provider": "free"});
    let placed = own.post(&format!("{SHOP}/orders"), &order.to_string()).await?;
    ensure(&placed, 201)?;
    anyhow::ensure!(placed.text("status")? == "confirmed", "an order is not confirmed");
    Ok([held.took, placed.took].map(|took| took.as_secs_f64() * 1e3))
}

/// Has an order begin at its time, [`TOGETHER`] each millisecond; how long each request took, milliseconds. An order that
/// finds no connection free has waited since its time, which counts as its first request's.
async fn in_time(address: std::net::SocketAddr, orders: u64, first: u64) -> anyhow::Result<Done> {
    let (begin, begun) = mpsc::channel::<(u64, Instant)>(orders as usize);
    let (begun, started) = (Arc::new(Mutex::new(begun)), Instant::now());
    let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"}).to_string();
    let took = tokio::spawn(all(CONNECTIONS, move |_| {
        let (begun, cart) = (Arc::clone(&begun), cart.clone());
        async move {
            let (mut own, mut took) = (Buyer::open(address, "").await?, Vec::new());
            loop {
                let next = begun.lock().await.recv().await;
                let Some((number, due)) = next else { return Ok(took) };
                let waited = due.elapsed().as_secs_f64() * 1e3;
                let [held, placed] = one(&mut own, &cart, number).await?;
                took.push((number, [waited + held, placed]));
            }
        }
    }));
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    for number in 0..orders {
        if number % TOGETHER == 0 {
            tick.tick().await;
        }
        begin.send((first + number, Instant::now())).await?;
    }
    drop(begin);
    let mut took: Vec<(u64, [f64; 2])> = took.await??.into_iter().flatten().collect();
    took.sort_unstable_by_key(|(number, _)| *number);
    let took = took.into_iter().flat_map(|(_, took)| took).skip(WARM.min(orders as usize)).collect();
    Ok(Done { per_second: orders as f64 / started.elapsed().as_secs_f64(), took })
}

/// Has pretix take so many orders.
async fn peer(shop: &pretix::Shop, orders: u64) -> anyhow::Result<Done> {
    let (numbers, started) = (Numbers::default(), Instant::now());
    let took = all(PEER_CONNECTIONS, |_| {
        let numbers = numbers.clone();
        let (address, headers, path) = (shop.address, shop.headers(), shop.orders());
        let item = shop.item;
        async move {
            let mut took = Vec::new();
            while let Some(number) = numbers.next(orders) {
                // Its server, run as its documentation says, keeps no connection.
                let mut own = Buyer::open(address, &headers).await?;
                let placed = own.post(&path, &peer_order(item, number)).await?;
                ensure(&placed, 201)?;
                anyhow::ensure!(placed.text("status")? == "p", "an order of pretix is not paid");
                took.push(placed.took.as_secs_f64() * 1e3);
            }
            Ok(took)
        }
    });
    let took: Vec<f64> = took.await?.into_iter().flatten().collect();
    Ok(Done { per_second: orders as f64 / started.elapsed().as_secs_f64(), took })
}

/// How long a plain append and fdatasync takes on the disk of the data, milliseconds.
fn syncs() -> anyhow::Result<Vec<f64>> {
    use std::io::Write as _;
    let mut file = tempfile::tempfile_in(crate::rows::base()?)?;
    let bytes = vec![7; SYNC_BYTES];
    let mut sync = || {
        let started = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        anyhow::Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    (0..SYNCS).map(|_| sync()).collect()
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let orders = settings.size(ORDERS);
    let served = furnished(&[("pass", 100_000_000)])?;
    let shop = if settings.peers { Some(pretix::Shop::start()?) } else { None };
    let runtime = runtime()?;
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut took, mut timed, mut timed_rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut peer_took, mut synced) = (Vec::new(), Vec::new());
    let (timed_orders, mut first) = (settings.size(TIMED_ORDERS), 0);
    let (mut cpu, mut counted) = (Duration::ZERO, 0u64);
    // The first round is thrown away.
    for round in 0..=settings.rounds as u64 {
        synced.extend(syncs()?);
        let before = crate::cpu::of_process(served.pid())?;
        let done = runtime.block_on(sell(served.address, orders, first))?;
        let used = crate::cpu::of_process(served.pid())? - before;
        let in_time = runtime.block_on(in_time(served.address, timed_orders, first + orders))?;
        first += orders + timed_orders;
        let other = match &shop {
            Some(shop) => Some(runtime.block_on(peer(shop, settings.size(PEER_ORDERS)))?),
            None => None,
        };
        if round == 0 {
            continue;
        }
        say!(
            "round {round}: {:.0} orders/s, at {:.0}/s p99 {:.2} ms, the peer {:?}",
            done.per_second,
            in_time.per_second,
            quantile(in_time.took.clone(), 0.99),
            other.as_ref().map(|other| other.per_second)
        );
        ours.push(done.per_second);
        took.extend(done.took);
        timed.extend(in_time.took);
        timed_rates.push(in_time.per_second);
        (cpu, counted) = (cpu + used, counted + orders);
        if let Some(other) = other {
            ratios.push(done.per_second / other.per_second);
            theirs.push(other.per_second);
            peer_took.extend(other.took);
        }
    }
    let sold = offered(&served)?["quotas"][0]["sold"].as_u64();
    anyhow::ensure!(sold == Some(first), "{sold:?} of {first} were sold");
    let (rate, p99, sync) = (quantile(ours, 0.5), quantile(timed.clone(), 0.99), quantile(synced.clone(), 0.99));
    let fast = rate >= GOAL && p99 <= SYNCS_GOAL * sync;
    let ratio = (!ratios.is_empty()).then(|| quantile(ratios, 0.5));
    let holds = fast && ratio.is_some_and(|ratio| ratio >= RATIO);
    let goal = "5,000/s, p99 3 x fdatasync's, 500 x the peer";
    let mut row = Row::new("booking-orders", "orders/s", rate, goal, holds);
    row.peer_name = "pretix 2026.8, PostgreSQL".into();
    row.peer = (!theirs.is_empty()).then(|| quantile(theirs, 0.5));
    row.ratio = ratio;
    row = row
        .part("orders/s begun at their times", "", quantile(timed_rates, 0.5))
        .part("p50 of a request at that rate", "ms", quantile(timed, 0.5))
        .part("p99 of a request at that rate", "ms", p99)
        .part("p50 of a request, 128 buyers without a pause", "ms", quantile(took.clone(), 0.5))
        .part("p99 of a request, 128 buyers without a pause", "ms", quantile(took, 0.99))
        .part("p99 of a plain fdatasync of 64 KiB", "ms", sync)
        .part("p50 of a plain fdatasync of 64 KiB", "ms", quantile(synced, 0.5))
        .part("CPU of the server for an order", "us", cpu.as_secs_f64() * 1e6 / counted as f64);
    if !peer_took.is_empty() {
        row = row.part("p99 of a request, pretix", "ms", quantile(peer_took, 0.99));
    }
    Ok(row)
}

fn peer_order(item: u64, number: u64) -> String {
    let position = json!({"item": item, "variation": null, "answers": [], "subevent": null});
    let email = format!("buyer-{number}@example.org");
    json!({"email": email, "locale": "en", "sales_channel": "web", "positions": [position]}).to_string()
}
