//! The ledger of box offices: it balances after every fact, and SQL makes the same trial balance of the landed facts.

use std::collections::BTreeMap;

use anyhow::Context as _;
use records::booking::Account;
use records::{Fact, FactRow};
use rules::booking::Booking;
use sim::desk::{Scale, sell};
use warehouse::landing::{Lander, LanderConfig, LandingEpoch, cut, recover};
use warehouse::raw::{FactFrame, facts_batch};
use warehouse::schema::facts_table;

use crate::Settings;
use crate::engine::Warehouse;
use crate::report::Row;

/// Commands that organizers, buyers and providers ask for.
const COMMANDS: u64 = 500_000;
const SEED: u64 = 4;
/// Facts of one landing epoch.
const EPOCH: usize = 50_000;
/// How long the last rows may take to land.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// Balances by organization, event, currency and account, in words.
type Balances = BTreeMap<(String, String, String, String), i64>;

fn word(account: Account) -> anyhow::Result<String> {
    Ok(match serde_json::to_value(account)? {
        serde_json::Value::String(word) => word,
        other => format!("provider:{}", other["provider"].as_str().context("a provider has a word")?),
    })
}

/// What the fold's ledgers hold.
fn folded(booking: &Booking) -> anyhow::Result<Balances> {
    let mut balances = Balances::new();
    for (organization, event, office) in booking.offices() {
        for (currency, account, minor) in office.ledger().balances() {
            let key = (organization.to_string(), event.to_string(), currency.to_string(), word(account)?);
            balances.insert(key, minor);
        }
    }
    Ok(balances)
}

/// Lands facts and asks for the trial balance.
fn in_sql(rows: &[FactRow]) -> anyhow::Result<(Balances, u64)> {
    let warehouse = Warehouse::start()?;
    let client = &warehouse.client;
    warehouse.runtime.block_on(async {
        let recovery = recover(client, "raw", 1, &[facts_table()]).await?;
        let lander = Lander::start(client.clone(), recovery, &LanderConfig::default());
        let mut landed = 0;
        for (epoch, part) in (1..).zip(rows.chunks(EPOCH)) {
            let first = landed as u64;
            landed += part.len();
            let rows = (0..).zip(part.iter().cloned()).collect();
            let log_time = part.last().context("no part is empty")?.at;
            let frame = FactFrame { log_time, partition: 0, first, rows };
            let chunks = cut(&facts_table(), &facts_batch(&[frame])?, epoch, 0)?;
            lander.land(LandingEpoch { landing_epoch: epoch, chunks }).await?;
        }
        let progress = lander.stop(PATIENCE).await;
        anyhow::ensure!(progress.waiting == 0, "{} chunks have not landed", progress.waiting);
        let sql = "SELECT organization, event, currency, account, balance_minor FROM booking_trial_balance";
        let found: Vec<(String, String, String, String, i64)> = client.fetch_all(sql).await?;
        let unbalanced = "SELECT count() FROM (SELECT sum(minor) AS off FROM booking_ledger GROUP BY partition, offset HAVING off != 0)";
        let unbalanced: u64 = client.fetch_one(unbalanced).await?;
        Ok((found.into_iter().map(|(one, two, three, four, minor)| ((one, two, three, four), minor)).collect(), unbalanced))
    })
}

pub(in crate::rows) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let (mut rows, mut entries, mut off) = (Vec::new(), 0u64, 0u64);
    let sold = sell(SEED, settings.size(COMMANDS), Scale::busy(), |row, booking| {
        if let Some(Fact::Booking(fact)) = row.known()
            && let Some(entry) = fact.entry()
        {
            entries += u64::from(!entry.postings.is_empty());
            let office = booking.office(row.organization, fact.event());
            let balance = office.map_or(0, |office| office.ledger().balances().map(|(.., minor)| minor).sum::<i64>());
            off += u64::from(!entry.balances() || balance != 0);
        }
        rows.push(row.clone());
    });
    let (sold, booking) = sold?;
    let folded = folded(&booking)?;
    let (found, unbalanced) = in_sql(&rows)?;
    let different = folded.iter().filter(|(key, minor)| found.get(*key) != Some(*minor)).count()
        + found.keys().filter(|key| !folded.contains_key(*key)).count();
    let faults = off + unbalanced + different as u64;
    Ok(Row::new("booking-ledger", "faults", faults as f64, "0; equal", faults == 0 && !folded.is_empty())
        .part("commands", "", sold.commands as f64)
        .part("facts", "", sold.facts as f64)
        .part("entries, each followed by a look at its ledger", "", entries as f64)
        .part("ledgers that were off after a fact", "", off as f64)
        .part("entries in SQL that do not sum to 0", "", unbalanced as f64)
        .part("accounts with a balance, of all events and currencies", "", folded.len() as f64)
        .part("of these another balance in SQL", "", different as f64))
}
