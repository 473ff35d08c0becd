//! The document itself: operations by path, schemas, problems, security, feeds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::names;
use super::operation::{Schemas, Told};
use super::routes::{Entry, query_names};
use crate::problem::{Code, Document, Problem};
use crate::routes;
use crate::tracking::SEGMENT;

/// What every route may be refused with: too many requests at once, too slow ones, too many of one caller, our faults.
const EVERYWHERE: [Code; 4] = [Code::RateLimited, Code::Overloaded, Code::TooSlow, Code::Internal];

/// Groups of routes by the first part of their address.
const TAGS: &[(&str, &str)] = &[
    ("tracking", "What happens comes in: Segment's calls, CloudEvents, NDJSON. Scope `write`."),
    ("views", "What the views hold. Every answer says what part of the log it reflects. Scope `read`."),
    ("feeds", "The same, told again whenever it changes: server-sent events, or a WebSocket. Scope `read`."),
    ("presence", "Who is here now. Scope `read`."),
    ("health", "Whether it lives, whether answers are current, its figures, this document."),
    ("logins", "Signing in and out."),
    ("me", "One's own account."),
    ("password-resets", "A new password for who has forgotten theirs."),
    ("sign-in", "What the sign-in page offers."),
    ("oidc", "Signing in with an identity provider (OpenID Connect)."),
    ("organizations", "Organizations with their members, keys, events, rules, saved queries, SQL and audit."),
    ("box-office", "What an event sells: products, quotas, codes, orders, money, doors. Scope `manage`."),
    ("programme", "What takes place at an event: its page, sessions, speakers, forms, who may see it. Scope `manage`."),
    ("programmes", "What visitors read of published events."),
    (
        "webhooks",
        "Where an organization is told what happens at its box offices, and what became of it (scope `manage`); what payment \
         providers send, signed by them.",
    ),
    ("shop", "What buyers do: look, hold, order, pay, wait. Nobody signs in; an order has a secret."),
    ("audit", "Who did what, for platform admins."),
    ("system", "How the process is, for platform admins."),
];

const ABOUT: &str = "One ordered log, live views, a warehouse. Every refusal is a problem document (RFC 9457) whose \
`code` never changes. Reads answer with `as_of`: everything up to it is in them; a write's `offset` is what `wait_for` \
of a read takes. Lists answer `data` and `next`, the cursor of the next page. Times in views are microseconds since \
1970, other times RFC 3339. Whole numbers stay below 2^53; hashes and pseudonyms are text.";

/// The document as text that people can compare: a line for each operation.
pub fn text() -> String {
    super::shared::lines(&document())
}

/// The OpenAPI 3.1 document of all routes.
///
/// # Panics
/// When a part of a path has no meaning, or a path no group; a test makes the document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let problem = schemas.written.subschema_for::<Document<'static>>().to_value();
    let mut refused = Map::new();
    let entries = routes::entries();
    let mut paths = Map::new();
    let mut used = BTreeSet::new();
    for entry in &entries {
        let told = entry.told(&mut schemas);
        for (path, entry, told) in spelled(entry, told, &entries, &mut schemas) {
            let tag = tag(&path);
            used.insert(tag);
            let method = entry.method.as_str().to_lowercase();
            paths.entry(path.clone()).or_insert_with(|| json!({}))[method] =
                operation(&path, &entry, told, tag, &problem, &mut refused);
        }
    }
    let tags: Vec<Value> = TAGS
        .iter()
        .filter(|(name, _)| used.contains(name))
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Eventra", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {"securitySchemes": security(), "examples": examples(), "responses": refused}
    });
    let components = components(schemas, &mut document);
    document["components"]["schemas"] = components;
    plain_words(&mut document);
    super::shared::share(&mut document);
    document
}

fn security() -> Value {
    json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key of an organization, or the token of a login."},
        "basic": {"type": "http", "scheme": "basic", "description": "A key as the user name, with an empty password."},
        "login": {
            "type": "apiKey", "in": "cookie", "name": "eventra_login",
            "description": "A login of a browser. Over TLS the cookie is `__Host-eventra_login`."
        }
    })
}

/// Every refusal as it is sent.
fn examples() -> Value {
    let example = |code: &Code| {
        let sent: Value = serde_json::from_str(&Problem::new(*code, "").json()).expect("a problem is JSON");
        (code.word().to_owned(), json!({"summary": code.title(), "value": sent}))
    };
    Value::Object(Code::ALL.iter().map(example).collect())
}

/// The group of a path. Tracking's calls are its own first parts.
///
/// # Panics
/// When a path belongs to no group.
fn tag(path: &str) -> &'static str {
    let first = path.trim_start_matches("/v1/").split('/').next().unwrap_or("");
    let name = match path {
        "/v1/events" | "/v1/import" => "tracking",
        _ if SEGMENT.iter().any(|(known, _)| *known == path) => "tracking",
        "/healthz" | "/readyz" | "/metrics" | "/v1/openapi.json" => "health",
        _ if path.contains("/box-office") => "box-office",
        _ if path.contains("{event}/programme") => "programme",
        _ if path.starts_with("/v1/organizations/{organization}/webhooks") => "webhooks",
        _ => first,
    };
    let known = TAGS.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("{path} belongs to no group of `openapi::document`")).0
}

/// An entry as the document spells it: a route of all feeds is one operation for each view.
fn spelled(entry: &Entry, told: Told, all: &[Entry], schemas: &mut Schemas) -> Vec<(String, Entry, Told)> {
    if !entry.path.contains("{*") {
        return vec![(entry.path.clone(), entry.clone(), told)];
    }
    let views = all.iter().filter(|other| other.path.starts_with("/v1/views/"));
    views
        .map(|view| {
            let mut read = view.told(schemas);
            let mut feed = told.clone();
            let changes = view.path.ends_with("/changes");
            // A feed of changes goes on from a position, in pieces of its own.
            read.query.retain(|parameter| !(changes && (parameter["name"] == "from" || parameter["name"] == "limit")));
            let own: Vec<String> = query_names(&feed).into_iter().map(str::to_owned).collect();
            read.query.retain(|parameter| own.iter().all(|name| parameter["name"] != **name));
            feed.query.splice(0..0, read.query);
            feed.codes.extend(read.codes.iter().filter(|code| **code != Code::NotFound));
            let path = view.path.replacen("/v1/views/", "/v1/feeds/", 1);
            (path, entry.about(view.summary), feed)
        })
        .collect()
}

fn operation(
    path: &str,
    entry: &Entry,
    told: Told,
    tag: &str,
    problem: &Value,
    refused: &mut Map<String, Value>,
) -> Value {
    let mut parameters = names::of_path(path);
    parameters.extend(told.query);
    parameters.extend(told.headers);
    let mut responses = Map::new();
    for (status, answer) in told.answers {
        responses.insert(status.to_string(), answer);
    }
    let everywhere = EVERYWHERE.into_iter().filter(|_| path.starts_with("/v1/"));
    for (status, codes) in by_status(told.codes.into_iter().chain(everywhere).collect()) {
        let name = group_name(&codes);
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
        refused.entry(name).or_insert_with(|| refusal(&codes, problem));
    }
    let mut operation = json!({
        "operationId": operation_id(entry.method.as_str(), path),
        "tags": [tag],
        "summary": entry.summary,
        "parameters": parameters,
        "responses": responses,
        // An empty list says that nobody has to say who they are.
        "security": told.security
    });
    if !told.description.is_empty() {
        operation["description"] = told.description.into();
    }
    if !told.body.is_empty() {
        operation["requestBody"] = json!({"required": true, "content": told.body});
    }
    operation
}

/// `get_views_visits_by_person`: it stays as long as the route does.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_lowercase();
    for part in path.trim_start_matches("/v1").split('/').filter(|part| !part.is_empty()) {
        id.push('_');
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => id += &format!("by_{name}"),
            None => id += &part.replace(['-', '.'], "_"),
        }
    }
    id
}

fn by_status(codes: BTreeSet<Code>) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(code);
    }
    by_status
}

/// What refusals with these codes are called: many operations share them.
fn group_name(codes: &[Code]) -> String {
    codes.iter().map(|code| code.word()).collect::<Vec<_>>().join(".")
}

/// Refusals of one status, each code with an example.
fn refusal(codes: &[Code], problem: &Value) -> Value {
    let lines: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.word(), code.title())).collect();
    let example = |code: &Code| {
        let word = code.word();
        (word.to_owned(), json!({"$ref": format!("#/components/examples/{word}")}))
    };
    let examples: Map<String, Value> = codes.iter().map(example).collect();
    json!({
        "description": lines.join("; "),
        "content": {"application/problem+json": {"schema": problem, "examples": examples}}
    })
}

/// The schemas of both kinds under one roof. What is read otherwise than it is written gets a name of its own.
fn components(mut schemas: Schemas, document: &mut Value) -> Value {
    let mut all = schemas.written.take_definitions(true);
    let mut read = schemas.read.take_definitions(true);
    let differing: Vec<String> = read
        .iter()
        .filter(|(name, schema)| all.get(*name).is_some_and(|known| known != *schema))
        .map(|(n, _)| n.clone())
        .collect();
    let mut read_value = Value::Object(std::mem::take(&mut read));
    for name in &differing {
        let (from, to) = (format!("#/components/schemas/{name}"), format!("#/components/schemas/{name}Sent"));
        refer(&mut read_value, &from, &to);
        for (_, path) in document["paths"].as_object_mut().into_iter().flatten() {
            for (_, operation) in path.as_object_mut().into_iter().flatten() {
                if let Some(body) = operation.get_mut("requestBody") {
                    refer(body, &from, &to);
                }
                if let Some(parameters) = operation.get_mut("parameters") {
                    refer(parameters, &from, &to);
                }
            }
        }
    }
    for (name, schema) in read_value.as_object_mut().map(std::mem::take).into_iter().flatten() {
        let name = if differing.contains(&name) { format!("{name}Sent") } else { name };
        all.insert(name, schema);
    }
    Value::Object(all)
}

/// Turns a choice of constants, each with its meaning, into one list of words with all meanings in its description: what
/// generators of clients make a type of.
fn plain_words(value: &mut Value) {
    if let Some((words, meanings)) = value.get("oneOf").and_then(Value::as_array).and_then(|choices| words_of(choices))
        && let Some(fields) = value.as_object_mut()
    {
        fields.remove("oneOf");
        fields.insert("type".into(), "string".into());
        fields.insert("enum".into(), words.into());
        let before = fields.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = [&[before.to_owned()], &meanings[..]].concat().join("\n");
        fields.insert("description".into(), description.trim().into());
    }
    match value {
        Value::Array(list) => list.iter_mut().for_each(plain_words),
        Value::Object(fields) => fields.values_mut().for_each(plain_words),
        _ => {}
    }
}

fn words_of(choices: &[Value]) -> Option<(Vec<Value>, Vec<String>)> {
    let (mut words, mut meanings) = (Vec::new(), Vec::new());
    for choice in choices {
        let own: Vec<&str> = match (choice.get("const"), choice.get("enum")) {
            (Some(word), None) => vec![word.as_str()?],
            (None, Some(list)) => list.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        if let ([word], Some(meaning)) = (&own[..], choice.get("description").and_then(Value::as_str)) {
            meanings.push(format!("`{word}`: {meaning}"));
        }
        words.extend(own.into_iter().map(Value::from));
    }
    Some((words, meanings))
}

fn refer(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => *text = to.to_owned(),
        Value::Array(list) => list.iter_mut().for_each(|value| refer(value, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|value| refer(value, from, to)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_operations_are_names_and_differ() {
        assert_eq!(operation_id("GET", "/v1/views/visits/{person}"), "get_views_visits_by_person");
        assert_eq!(operation_id("POST", "/v1/password-resets"), "post_password_resets");
        let document = document();
        let mut seen = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                assert!(seen.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
                let good = operation["responses"].as_object().unwrap().keys().any(|status| status < &"400".to_owned());
                assert!(good, "{path} says no answer but refusals");
                assert!(operation["summary"].as_str().is_some_and(|summary| summary.len() > 5), "{path}");
            }
        }
        assert!(seen.len() > 70, "{}", seen.len());
    }

    #[test]
    fn schemas_have_names_that_say_what_they_are() {
        for name in document()["components"]["schemas"].as_object().unwrap().keys() {
            // A digit is what two types of the same name get.
            assert!(
                !name.ends_with(|last: char| last.is_ascii_digit()),
                "{name}: `#[schemars(rename)]` one of the two"
            );
        }
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document();
        let text = document.to_string();
        for rest in text.split("\"#/components/schemas/").skip(1) {
            let name = rest.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
