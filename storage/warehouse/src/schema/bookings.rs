//! Typed views over the facts of box offices: orders, positions, payments, refunds, tickets, scans, and the ledger's postings,
//! from which SQL makes the trial balance again.
//!
//! They read the table of facts, so they are as new as it is, and what may be seen of it decides what is seen here.

use super::records::FACTS_TABLE;
use super::views::{EVENT, ORGANIZATION, View};

const ORDER: (&str, &str) = ("order", "order");
const CURRENCY: (&str, &str) = ("currency", "ISO 4217 code");

/// Returns the views over facts of box offices, by name.
pub(super) fn booking_views() -> Vec<View> {
    vec![ledger(), orders(), payments(), positions(), refunds(), scans(), tickets(), trial_balance()]
}

/// A text field of a fact, under its own name.
fn text(name: &str) -> String {
    format!("JSONExtractString(body, '{name}') AS `{name}`")
}

/// A field of microseconds as a time.
fn time(field: &str, name: &str) -> String {
    format!("fromUnixTimestamp64Micro(JSONExtractInt(body, '{field}'), 'UTC') AS `{name}`")
}

/// A pseudonym as other tables have it.
fn token(field: &str, name: &str) -> String {
    format!("reinterpretAsUInt64(reverse(unhex(JSONExtractString(body, '{field}')))) AS `{name}`")
}

fn orders() -> View {
    let placed = format!(
        "SELECT organization, event, {}, {}, {}, {}, JSONExtractInt(body, 'total') AS total_minor, {}, {}, {} FROM facts \
         WHERE kind = 'order_placed'",
        text("order"),
        text("hold"),
        token("person", "actor"),
        text("currency"),
        text("provider"),
        time("at", "placed"),
        "JSONExtractInt(body, 'review', 'score') AS review_score"
    );
    // An order that ended unpaid and was revived is none that ended.
    let came = "SELECT organization, event, JSONExtractString(body, 'order') AS `order`, \
         argMax(kind, (log_time, partition, offset)) AS last, \
         argMax(JSONExtractString(body, 'why'), (log_time, partition, offset)) AS why, \
         maxIf(log_time, kind = 'order_confirmed') AS confirmed, \
         uniqExactArrayIf(JSONExtract(body, 'positions', 'Array(UInt16)'), kind = 'order_cancelled' \
         AND JSONExtractString(body, 'why') != 'unpaid') AS given_up \
         FROM facts WHERE kind IN ('order_placed', 'order_approved', 'order_confirmed', 'order_revived', 'order_cancelled') \
         GROUP BY organization, event, `order`";
    let held = "SELECT organization, event, JSONExtractString(body, 'hold') AS hold, \
         any(length(JSONExtractArrayRaw(body, 'positions'))) AS positions FROM facts \
         WHERE kind IN ('hold_placed', 'wait_offered') GROUP BY organization, event, hold";
    View::new(
        FACTS_TABLE,
        "booking_orders",
        "Orders of box offices as of the newest fact about each.",
        &[
            ORGANIZATION,
            EVENT,
            ORDER,
            ("actor", "token of the buyer"),
            CURRENCY,
            ("total_minor", "what was ordered came to, minor units, tax within"),
            ("provider", "how it was to be paid"),
            ("positions", "positions that were ordered"),
            ("cancelled", "positions that were cancelled"),
            ("status", "`pending`, `confirmed`, `cancelled` or `unpaid`"),
            ("review_score", "fraud score for which it waited for the organizer; 0 when it did not"),
            ("placed", "when it was placed"),
            ("confirmed", "when its positions were sold; 1970 when they were not"),
        ],
        format!(
            "SELECT placed.organization AS organization, placed.event AS event, placed.`order` AS `order`, actor, currency, \
             total_minor, provider, held.positions AS positions, \
             if(came.last = 'order_cancelled' AND came.why = 'unpaid', held.positions, came.given_up) AS cancelled, \
             multiIf(came.last = 'order_cancelled' AND came.why = 'unpaid', 'unpaid', \
             came.given_up >= held.positions, 'cancelled', came.confirmed > toDateTime64(0, 6, 'UTC'), 'confirmed', 'pending') AS status, \
             review_score, placed, came.confirmed AS confirmed FROM ({placed}) AS placed \
             LEFT JOIN ({came}) AS came ON placed.organization = came.organization AND placed.event = came.event \
             AND placed.`order` = came.`order` \
             LEFT JOIN ({held}) AS held ON placed.organization = held.organization AND placed.event = held.event \
             AND placed.hold = held.hold"
        ),
    )
}

fn positions() -> View {
    let int = |field: &str, name: &str| format!("JSONExtractInt(unit.2, '{field}') AS `{name}`");
    let held = "SELECT organization, event, JSONExtractString(body, 'hold') AS hold, \
         arrayZip(range(length(JSONExtractArrayRaw(body, 'positions'))), JSONExtractArrayRaw(body, 'positions')) AS all \
         FROM facts WHERE kind IN ('hold_placed', 'wait_offered')";
    let placed = format!(
        "SELECT organization, event, {}, {}, {}, {} FROM facts WHERE kind = 'order_placed'",
        text("order"),
        text("hold"),
        text("currency"),
        time("at", "placed"),
    );
    View::new(
        FACTS_TABLE,
        "booking_positions",
        "What was ordered at box offices, one row for each unit, at the prices that it was ordered at.",
        &[
            ORGANIZATION,
            EVENT,
            ORDER,
            ("position", "place in the order, from 0"),
            ("product", "product"),
            ("variation", "variation; empty when none"),
            ("tier", "which of the product's prices, from 0"),
            CURRENCY,
            ("list_minor", "price before discounts, minor units"),
            ("promo_off_minor", "what a promo code took off, minor units"),
            ("group_off_minor", "what a group discount took off, minor units"),
            ("price_minor", "what is paid for it, minor units, tax within"),
            ("tax_minor", "the tax within, minor units"),
            ("rate_bp", "rate of that tax, hundredths of a percent"),
            ("placed", "when it was ordered"),
        ],
        format!(
            "SELECT organization, event, `order`, toUInt16(unit.1) AS position, \
             JSONExtractString(unit.2, 'product') AS product, JSONExtractString(unit.2, 'variation') AS variation, \
             {}, currency, {}, {}, {}, {}, {}, {}, placed FROM (SELECT placed.organization AS organization, \
             placed.event AS event, placed.`order` AS `order`, currency, placed, held.all AS all FROM ({placed}) AS placed \
             INNER JOIN ({held}) AS held ON placed.organization = held.organization AND placed.event = held.event \
             AND placed.hold = held.hold) ARRAY JOIN all AS unit",
            int("tier", "tier"),
            int("list", "list_minor"),
            int("promo_off", "promo_off_minor"),
            int("group_off", "group_off_minor"),
            int("price", "price_minor"),
            int("tax", "tax_minor"),
            int("rate", "rate_bp"),
        ),
    )
}

fn payments() -> View {
    View::new(
        FACTS_TABLE,
        "booking_payments",
        "Payments of orders of box offices as of the newest fact about each.",
        &[
            ORGANIZATION,
            EVENT,
            ("payment", "payment: one attempt"),
            ORDER,
            ("attempt", "which attempt of the order, from 1"),
            ("provider", "who was asked"),
            ("amount_minor", "what was asked for, minor units of the order's currency"),
            ("status", "`created`, `pending`, `failed`, `authorized` or `captured`"),
            ("captured_minor", "what the provider has, minor units"),
            ("reference", "the provider's name for it"),
            ("started", "when the provider was asked"),
        ],
        "SELECT organization, event, JSONExtractString(body, 'payment') AS payment, any(JSONExtractString(body, 'order')) AS `order`, \
         maxIf(JSONExtractInt(body, 'attempt'), kind = 'payment_started') AS attempt, \
         anyIf(JSONExtractString(body, 'provider'), kind = 'payment_started') AS provider, \
         maxIf(JSONExtractInt(body, 'amount'), kind = 'payment_started') AS amount_minor, \
         if(countIf(kind = 'payment_observed') = 0, 'created', \
         argMaxIf(JSONExtractString(body, 'status'), (log_time, partition, offset), kind = 'payment_observed')) AS status, \
         maxIf(JSONExtractInt(body, 'captured'), kind = 'payment_observed') AS captured_minor, \
         argMaxIf(JSONExtractString(body, 'reference'), (log_time, partition, offset), kind = 'payment_observed') AS reference, \
         minIf(fromUnixTimestamp64Micro(JSONExtractInt(body, 'at'), 'UTC'), kind = 'payment_started') AS started \
         FROM facts WHERE kind IN ('payment_started', 'payment_observed') GROUP BY organization, event, payment",
    )
}

fn refunds() -> View {
    View::new(
        FACTS_TABLE,
        "booking_refunds",
        "Refunds of orders of box offices as of the newest fact about each.",
        &[
            ORGANIZATION,
            EVENT,
            ("refund", "refund"),
            ORDER,
            ("payment", "payment that it is taken from"),
            ("amount_minor", "what goes back, minor units of the order's currency"),
            ("why", "`asked`, `late`, `surplus` or `cancelled`"),
            ("status", "`started`, `settled` or `failed`"),
            ("started", "when the provider was asked"),
        ],
        "SELECT organization, event, JSONExtractString(body, 'refund') AS refund, any(JSONExtractString(body, 'order')) AS `order`, \
         anyIf(JSONExtractString(body, 'payment'), kind = 'refund_started') AS payment, \
         maxIf(JSONExtractInt(body, 'amount'), kind = 'refund_started') AS amount_minor, \
         anyIf(JSONExtractString(body, 'why'), kind = 'refund_started') AS why, \
         substring(argMax(kind, (log_time, partition, offset)), 8) AS status, \
         minIf(fromUnixTimestamp64Micro(JSONExtractInt(body, 'at'), 'UTC'), kind = 'refund_started') AS started \
         FROM facts WHERE kind IN ('refund_started', 'refund_settled', 'refund_failed') GROUP BY organization, event, refund",
    )
}

fn ledger() -> View {
    View::new(
        FACTS_TABLE,
        "booking_ledger",
        "Postings of the ledgers of box offices, one row for each. The postings of one place in the log are one entry and sum to 0.",
        &[
            ("log_time", "when the log took the fact"),
            ("partition", "log partition of the fact"),
            ("offset", "place of the fact in the partition"),
            ORGANIZATION,
            EVENT,
            ("kind", "what was decided"),
            ORDER,
            CURRENCY,
            (
                "account",
                "`receivable`, `sales`, `tax`, `commission`, `commission_due`, `refunds_due`, `paid_out` or `provider:` and its name",
            ),
            ("minor", "minor units; above zero is a debit"),
        ],
        "SELECT log_time, partition, offset, organization, event, kind, JSONExtractString(body, 'order') AS `order`, \
         JSONExtractString(body, 'entry', 'currency') AS currency, \
         if(JSONType(posting, 'account') = 'Object', concat('provider:', JSONExtractString(posting, 'account', 'provider')), \
         JSONExtractString(posting, 'account')) AS account, JSONExtractInt(posting, 'minor') AS minor \
         FROM facts ARRAY JOIN JSONExtractArrayRaw(body, 'entry', 'postings') AS posting \
         WHERE kind IN ('order_confirmed', 'order_cancelled', 'payment_observed', 'fee_told', 'refund_started', 'refund_settled', \
         'refund_failed', 'payout_made')",
    )
}

fn trial_balance() -> View {
    View::new(
        FACTS_TABLE,
        "booking_trial_balance",
        "Balances of the ledgers of box offices: of each event and currency they sum to 0.",
        &[
            ORGANIZATION,
            EVENT,
            CURRENCY,
            ("account", "as in `booking_ledger`"),
            ("balance_minor", "minor units; above zero is a debit"),
        ],
        "SELECT organization, event, currency, account, sum(minor) AS balance_minor FROM booking_ledger GROUP BY ALL \
         HAVING balance_minor != 0",
    )
}

fn tickets() -> View {
    View::new(
        FACTS_TABLE,
        "booking_tickets",
        "Tickets that box offices have sold. Those of cancelled positions are among them.",
        &[
            ORGANIZATION,
            EVENT,
            ("ticket", "ticket"),
            ORDER,
            ("place", "which of its order's tickets, from 0"),
            ("sold", "when it was sold"),
            ("revision", "the revision that is valid, from 0"),
            ("transferred", "1 when it belongs to somebody other than the buyer"),
        ],
        "SELECT sold.organization AS organization, sold.event AS event, sold.ticket AS ticket, sold.`order` AS `order`, \
         sold.place AS place, sold.sold AS sold, changed.revision AS revision, changed.transferred AS transferred FROM \
         (SELECT organization, event, JSONExtractString(body, 'order') AS `order`, sold_one.2 AS ticket, toUInt32(sold_one.1) AS place, \
         fromUnixTimestamp64Micro(JSONExtractInt(body, 'at'), 'UTC') AS sold FROM facts \
         ARRAY JOIN arrayZip(range(length(JSONExtract(body, 'tickets', 'Array(String)'))), JSONExtract(body, 'tickets', 'Array(String)')) AS sold_one \
         WHERE kind = 'order_confirmed') AS sold LEFT JOIN \
         (SELECT organization, event, JSONExtractString(body, 'ticket') AS ticket, max(JSONExtractUInt(body, 'revision')) AS revision, \
         max(kind = 'ticket_transferred') AS transferred FROM facts WHERE kind IN ('ticket_transferred', 'ticket_reissued') \
         GROUP BY organization, event, ticket) AS changed \
         ON sold.organization = changed.organization AND sold.event = changed.event AND sold.ticket = changed.ticket",
    )
}

fn scans() -> View {
    View::new(
        FACTS_TABLE,
        "booking_scans",
        "Looks at tickets at doors, and what each comes to after all that are known.",
        &[
            ORGANIZATION,
            EVENT,
            ("door", "door"),
            ("ticket", "ticket"),
            ("scan", "the device's id of the look"),
            ("revision", "the revision that the ticket showed"),
            ("scanned", "when the device looked"),
            ("leaving", "1 when somebody was leaving"),
            ("gate", "where, as the device was told"),
            ("device", "the device"),
            (
                "outcome",
                "`admitted`, `left`, `duplicate`, `replaced`, `cancelled`, `wrong_door`, `not_now` or `voided`",
            ),
        ],
        "SELECT organization, event, any(JSONExtractString(body, 'door')) AS door, \
         anyIf(JSONExtractString(body, 'scan', 'ticket'), kind = 'ticket_scanned') AS ticket, \
         if(kind = 'ticket_scanned', JSONExtractString(body, 'scan', 'scan'), JSONExtractString(body, 'scan')) AS scan, \
         maxIf(JSONExtractUInt(body, 'scan', 'revision'), kind = 'ticket_scanned') AS revision, \
         maxIf(fromUnixTimestamp64Micro(JSONExtractInt(body, 'scan', 'scanned'), 'UTC'), kind = 'ticket_scanned') AS scanned, \
         maxIf(JSONExtractBool(body, 'scan', 'exit'), kind = 'ticket_scanned') AS leaving, \
         anyIf(JSONExtractString(body, 'scan', 'gate'), kind = 'ticket_scanned') AS gate, \
         anyIf(JSONExtractString(body, 'scan', 'device'), kind = 'ticket_scanned') AS device, \
         argMax(if(kind = 'scan_voided', 'voided', JSONExtractString(body, 'outcome')), (log_time, partition, offset)) AS outcome \
         FROM facts WHERE kind IN ('ticket_scanned', 'scan_corrected', 'scan_voided') GROUP BY organization, event, scan",
    )
}
