//! What the parameters of paths stand for: one meaning for each name, wherever it is.

use serde_json::{Value, json};

/// Name, meaning, example.
const NAMES: &[(&str, &str, &str)] = &[
    ("organization", "The organization, by its id.", "acme"),
    ("event", "The event, by its id.", "conf"),
    ("session", "The session (programme item), by its id.", "talk-12"),
    ("item", "The item, by its id.", "2244074"),
    ("leaderboard", "The leaderboard, as the rules name it.", "points"),
    ("campaign", "The campaign, by its id.", "spring"),
    ("funnel", "The funnel, as the rules name it.", "registration"),
    ("record", "An order, or a registration or click by its message id.", "order-7"),
    (
        "person",
        "Somebody by the organization's own id (`ada@example.org`, `user:...`, `anonymous:...`) or by a pseudonym of 16 \
         hexadecimal digits.",
        "ada@example.org",
    ),
    ("seller", "The organization that sells, by its id.", "acme"),
    ("product", "The product, by its id.", "pass"),
    ("quota", "The quota, by its id.", "hall"),
    ("promo", "The promo code, by its id, not by its text.", "early"),
    ("door", "The door, by its id.", "main"),
    ("scan", "The scan, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("device", "The device of door staff, by its name.", "phone 3"),
    ("hold", "What is kept, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("order", "The order, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("payment", "The payment, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("refund", "The refund, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("ticket", "The ticket, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("number", "The number of an invoice or a credit note.", "INV-2026-000001"),
    ("wait", "The entry in the waitlist, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("place", "The place in the waiting room, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("organizer", "The organization whose event it is, by its id.", "acme"),
    ("room", "The room, by its id.", "hall-1"),
    ("track", "The track, by its id.", "web"),
    ("speaker", "The speaker, by their id.", "1544"),
    ("form", "The form, by its id.", "attendee"),
    ("edition", "Which edition of the form, from 1.", "1"),
    ("invitation", "The invitation, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("agenda_key", "What opens the calendar of a ticket.", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    ("channel", "A channel of presence: any name of at most 64 bytes.", "lobby"),
    ("user", "The user, by their id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("login", "The login, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("provider", "The identity provider, as `GET /v1/sign-in` names it.", "company"),
    ("key", "The key, by its name.", "page"),
    ("endpoint", "Where webhooks go, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("delivery", "The webhook, by its `webhook-id`.", "msg_0193480f5c007abc8def0123456789ab"),
    ("query", "The saved query, by its id.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("query_id", "The running query, by the id that it was started with.", "0193480f-5c00-7abc-8def-0123456789ab"),
    ("letter", "The dead letter, by its place in the log.", "a3-1811"),
];

/// The parameters of a path such as `/v1/views/visits/{person}`.
///
/// # Panics
/// When a name is not in the table: it would be told without saying what it is.
pub(super) fn of_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let known = NAMES.iter().find(|(known, ..)| *known == name);
            let (_, description, example) =
                known.unwrap_or_else(|| panic!("`{name}` of {path} has no meaning in `openapi::names`"));
            json!({
                "name": name, "in": "path", "required": true, "description": description,
                "schema": {"type": "string", "minLength": 1, "maxLength": 512}, "example": example
            })
        })
        .collect()
}
