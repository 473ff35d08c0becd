//! Every route of the document, for every kind of caller: nobody finds anything of an organization that is not theirs, and
//! everybody may do at home what their role says.

use std::collections::BTreeSet;

use api::accounts::Address;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use records::fact::{Role, Scope};
use records::{EventId, Fact, ItemId, OrganizationId, QueryId, SecretHash, SessionId, Text, Zone};
use rules::office::{Command, Wish};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::house::{House, acme, run};

/// Stands in everything of the other organization that has a name.
const PLANTED: &str = "planted-in-the-other";
const ROLES: [Role; 6] =
    [Role::Organizer, Role::Moderator, Role::Speaker, Role::Analyst, Role::Advertiser, Role::Attendee];

struct Caller {
    word: String,
    authorization: String,
}

fn other() -> OrganizationId {
    OrganizationId::parse("other").unwrap()
}

async fn stand(house: &House, organization: OrganizationId, event: EventId, facts: Vec<Fact>) {
    let command = Command { organization, event, wishes: facts.into_iter().map(Wish::Stand).collect() };
    (house.api.desk)(None, command.into()).unwrap().await.unwrap();
}

/// Two organizations with the same things in them, by the same ids; those of the other one have other names.
async fn furnish(house: &House, organization: OrganizationId, name: &str) {
    let user = house.api.register(&address(&format!("{name}@example.org")), name, false).await.unwrap();
    let own = vec![
        Fact::OrganizationRegistered { name: name.into(), zone: Zone::utc() },
        Fact::SettingsChanged { language: "en".into(), origins: vec![format!("https://{name}.example")] },
        Fact::MembershipGranted { user, role: Role::Organizer, events: vec![], campaigns: vec![] },
        Fact::QuerySaved { query: QueryId::parse("q").unwrap(), title: name.into(), sql: format!("SELECT '{name}'") },
        Fact::KeyAdded { key: name.into(), hash: SecretHash::of(name).to_string(), scopes: vec![], expires: None },
    ];
    stand(house, organization, EventId::NONE, own).await;
    let event = EventId::parse("conf").unwrap();
    let (starts, ends) = (crate::house::NOW, records::Timestamp(crate::house::NOW.0 + 1));
    let scheduled = Fact::EventScheduled { event, title: name.into(), zone: Zone::utc(), starts, ends };
    let (item, session) = (ItemId::parse("talk").unwrap(), SessionId::NONE);
    let (title, track, capacity) = (name.to_owned(), Text::NONE, None);
    let listed = Fact::ItemListed { event, item, session, title, track, starts: None, ends: None, capacity };
    stand(house, organization, event, vec![scheduled, listed]).await;
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A caller of each kind, all of them at home in `acme` only.
async fn callers(house: &House) -> Vec<Caller> {
    let mut callers = Vec::new();
    for (word, scopes) in [
        ("key with everything", vec![Scope::Write, Scope::Read, Scope::Sql, Scope::Manage]),
        ("key that writes", vec![Scope::Write]),
        ("key that reads", vec![Scope::Read]),
        ("key that asks", vec![Scope::Sql]),
        ("key that manages", vec![Scope::Manage]),
        ("key that checks in", vec![Scope::CheckIn]),
    ] {
        let secret = format!("the secret of a {word}");
        let hash = SecretHash::of(&secret).to_string();
        stand(house, acme(), EventId::NONE, vec![Fact::KeyAdded { key: word.into(), hash, scopes, expires: None }])
            .await;
        callers.push(Caller { word: word.into(), authorization: format!("Bearer {secret}") });
    }
    for role in ROLES {
        let word = format!("{role:?}").to_lowercase();
        let user = house.api.register(&address(&format!("{word}@example.org")), &word, false).await.unwrap();
        house.api.grant(acme(), user, role).await.unwrap();
        callers.push(signed_in(house, &word).await);
    }
    house.api.register(&address("stranger@example.org"), "", false).await.unwrap();
    callers.push(signed_in(house, "stranger").await);
    callers
}

async fn signed_in(house: &House, word: &str) -> Caller {
    let link = house.api.sign_in_link(&address(&format!("{word}@example.org"))).await.unwrap();
    let token = link.split_once("#token=").unwrap().1;
    let body = json!({"token": token, "as": "bearer"}).to_string();
    let request =
        Request::post("/v1/logins/link").header("content-type", "application/json").body(body.into()).unwrap();
    let answer = house.send(request).await;
    let token = answer.body["data"]["token"].as_str().unwrap_or_else(|| panic!("{:?}", answer.body)).to_owned();
    Caller { word: word.into(), authorization: format!("Bearer {token}") }
}

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Operation {
    fn word(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The request of somebody, about an organization.
    fn request(&self, organization: &str, caller: &Caller) -> Request<Body> {
        let mut path = self.path.clone();
        for (name, value) in [
            ("organization", organization),
            ("event", "conf"),
            ("item", "talk"),
            ("query", "q"),
            ("edition", "1"),
            ("key", PLANTED),
            ("user", "00000000-0000-7000-8000-000000000001"),
        ] {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        while let (Some(begin), Some(end)) = (path.find('{'), path.find('}')) {
            path.replace_range(begin..=end, "some-id");
        }
        let named = !self.path.contains("{organization}") && self.is_read_of_views();
        let query = if named { format!("?organization={organization}") } else { String::new() };
        let mut request = Request::builder().method(self.method.clone()).uri(path + &query);
        request = request.header("authorization", &caller.authorization);
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(body.into()).unwrap()
    }

    fn is_read_of_views(&self) -> bool {
        ["/v1/views", "/v1/feeds", "/v1/presence"].iter().any(|begin| self.path.starts_with(begin))
    }

    /// About an organization that the request names.
    fn is_of_an_organization(&self) -> bool {
        self.path.contains("{organization}") || self.is_read_of_views()
    }
}

/// A body that would be taken, for whoever may.
fn body(path: &str) -> Option<Value> {
    let times = json!({"title": "x", "starts": "2026-11-20T09:00:00Z", "ends": "2026-11-20T10:00:00Z"});
    Some(match path {
        "/v1/organizations/{organization}" => json!({"language": "de"}),
        "/v1/organizations/{organization}/members" => json!({"email": "new@example.org", "role": "analyst"}),
        "/v1/organizations/{organization}/members/{user}" => json!({"role": "analyst"}),
        "/v1/organizations/{organization}/keys" => json!({"name": "new", "scopes": ["read"]}),
        "/v1/organizations/{organization}/keys/{key}/rotation" => json!({"grace_s": 1}),
        "/v1/organizations/{organization}/events" | "/v1/organizations/{organization}/events/{event}" => times,
        "/v1/organizations/{organization}/events/{event}/items/{item}" => json!({"title": "x"}),
        "/v1/organizations/{organization}/rules" => json!({"format": 1}),
        "/v1/organizations/{organization}/queries" | "/v1/organizations/{organization}/queries/{query}" => {
            json!({"title": "x", "sql": "SELECT 1"})
        }
        _ if path.contains("/box-office/") => office_body(path.rsplit_once("/box-office").unwrap().1)?,
        "/v1/organizations/{organization}/webhooks" | "/v1/organizations/{organization}/webhooks/{endpoint}" => {
            json!({"url": "https://example.org/hooks"})
        }
        "/v1/organizations/{organization}/webhooks/{endpoint}/rotation" => json!({}),
        "/v1/organizations/{organization}/webhooks/{endpoint}/replays" => json!({"since": "2026-11-20T09:00:00Z"}),
        _ if path.contains("{event}/programme") => programme_body(path.rsplit_once("/programme").unwrap().1)?,
        "/v1/organizations/{organization}/sql" => json!({"query": "SELECT 1"}),
        "/v1/organizations/{organization}/invoicing" => json!({"name": "x"}),
        "/v1/organizations/{organization}/payment-providers/stripe" => {
            json!({"publishable_key": "pk_x", "secret_key": "sk_x", "webhook_secret": "whsec_x"})
        }
        "/v1/organizations" => json!({"name": "x", "zone": "UTC"}),
        _ => return None,
    })
}

fn programme_body(path: &str) -> Option<Value> {
    Some(match path {
        "/page" => json!({"summary": "x"}),
        "/status" => json!({"status": "published"}),
        "/rooms/{room}" | "/tracks/{track}" => json!({"title": "x"}),
        "/speakers/{speaker}" => json!({"name": "x"}),
        "/sessions/{session}" => {
            json!({"title": "x", "starts": "2026-11-20T09:00:00Z", "ends": "2026-11-20T10:00:00Z"})
        }
        "/forms/{form}" => json!({"title": "x", "fields": [{"id": "a", "label": "A"}]}),
        "/access" => json!({"mode": "public"}),
        "/invitations" => json!({"title": "x"}),
        "/imports" => json!({"schedule": {"conference": {"days": []}}}),
        "/duplicates" => json!({"id": "copy", "starts": "2026-12-20T09:00:00Z"}),
        _ => return None,
    })
}

fn office_body(path: &str) -> Option<Value> {
    let tiers = json!([{"title": "x", "prices": [{"minor": 1, "currency": "EUR"}]}]);
    Some(match path {
        "/sales" => json!({}),
        "/products/{product}" => json!({"title": "x", "tiers": tiers}),
        "/quotas/{quota}" => json!({"title": "x", "size": 1, "products": []}),
        "/promos/{promo}" => json!({"code": "x", "effect": "reveal"}),
        "/group-discounts" => json!([]),
        "/doors/{door}" => json!({"title": "x"}),
        "/doors/{door}/scans" => json!({"scans": []}),
        "/doors/{door}/scans/{scan}/void" => json!({"ticket": "some-id"}),
        "/devices" => json!({"name": "x"}),
        "/room" => {
            json!({"opens": "2026-11-20T09:00:00Z", "per_minute": 1, "stay_s": 60})
        }
        "/orders/{order}/cancellation" => json!({"why": "buyer"}),
        "/orders/{order}/receipts" => json!({"amount": 1, "reference": "x"}),
        "/orders/{order}/refunds" => json!({"amount": 1}),
        "/orders/{order}/refunds/{refund}/failure" => json!({"reason": "x"}),
        "/orders/{order}/tickets/{ticket}/reissue" => json!({"revision": 0}),
        "/goods" => json!({"product": "x", "texts": []}),
        "/goods/withdrawals" => json!({"goods": []}),
        "/refund-requests/{request}/answer" => json!({"granted": false}),
        "/payouts" => json!({"provider": "test", "currency": "EUR"}),
        _ => return None,
    })
}

fn operations() -> Vec<Operation> {
    let document = api::openapi::document();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.get(method).is_some() {
                let body = if method == "get" || method == "delete" { None } else { body(path) };
                let method = method.to_uppercase().parse().unwrap();
                operations.push(Operation { method, path: path.clone(), body });
            }
        }
    }
    operations
}

/// The status, and the first words of the answer; feeds have no end to wait for.
async fn answer(house: &House, operation: &Operation, organization: &str, caller: &Caller) -> (StatusCode, String) {
    let response = house.router.clone().oneshot(operation.request(organization, caller)).await.unwrap();
    let status = response.status();
    let live = response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
    if live {
        return (status, String::new());
    }
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn nobody_finds_anything_of_another_organization() {
    let house = House::new();
    run(async {
        furnish(&house, acme(), "acme-itself").await;
        furnish(&house, other(), PLANTED).await;
        let operations = operations();
        let of_organizations: Vec<_> = operations.iter().filter(|known| known.is_of_an_organization()).collect();
        assert!(of_organizations.len() > 60, "{}", of_organizations.len());
        for caller in callers(&house).await {
            for operation in &of_organizations {
                let (status, text) = answer(&house, operation, "other", &caller).await;
                let about = format!("{} of other as {}: {status} {text}", operation.word(), caller.word);
                assert!(matches!(status.as_u16(), 401 | 403 | 404), "{about}");
                assert!(!text.contains(PLANTED), "{about}");
                // Whether an organization exists is nobody else's business.
                let (nowhere, words) = answer(&house, operation, "nowhere", &caller).await;
                assert_eq!((nowhere, words), (status, text), "{about}");
            }
            // Routes that name no organization tell only of what is the caller's own.
            for operation in
                operations.iter().filter(|known| !known.is_of_an_organization() && known.method == Method::GET)
            {
                let (_, text) = answer(&house, operation, "acme", &caller).await;
                assert!(!text.contains(PLANTED), "{} as {}: {text}", operation.word(), caller.word);
            }
        }
    });
}

/// What every member needs, and keys that read or manage.
const HOME: &[&str] = &[
    "GET /v1/organizations/{organization}/events",
    "GET /v1/organizations/{organization}!",
    "GET /v1/views/freshness",
    "GET /v1/feeds/freshness",
    "GET /v1/feeds!",
];
const VIEWS: &[&str] =
    &["GET /v1/views/", "GET /v1/feeds/", "GET /v1/presence/", "GET /v1/organizations/{organization}/rules"];
const ASKS: &[&str] = &[
    "POST /v1/organizations/{organization}/sql",
    "DELETE /v1/organizations/{organization}/sql",
    "GET /v1/organizations/{organization}/sql",
    "GET /v1/organizations/{organization}/queries",
];
const SAVES: &[&str] = &[
    "POST /v1/organizations/{organization}/queries",
    "PUT /v1/organizations/{organization}/queries",
    "DELETE /v1/organizations/{organization}/queries",
];
/// What who checks in may, told by how routes of the box office end.
const CHECKS_IN: &[&str] = &[
    "GET /v1/organizations/{organization}/events/{event}/box-office/doors",
    "GET /v1/organizations/{organization}/events/{event}/box-office/doors/feed",
    "/doors/{door}/scans",
    "/doors/{door}/scans/{scan}/void",
    "/doors/{door}/tickets",
    "GET /v1/organizations/{organization}/events/{event}/box-office/tickets/{ticket}",
];
const MANAGES: &[&str] = &[
    "PATCH /v1/organizations/{organization}!",
    "POST /v1/organizations/{organization}/events",
    "PUT /v1/organizations/{organization}/events",
    "PUT /v1/organizations/{organization}/rules",
    "GET /v1/organizations/{organization}/invoicing",
    "PUT /v1/organizations/{organization}/invoicing",
    "GET /v1/organizations/{organization}/invoices",
    "GET /v1/organizations/{organization}/statements",
    "GET /v1/organizations/{organization}/payment-providers",
    "PUT /v1/organizations/{organization}/payment-providers",
    "DELETE /v1/organizations/{organization}/payment-providers",
];

/// What each caller is not refused at home, told by hand: routes by how they begin, or whole with a `!`.
fn is_allowed(word: &str, operation: &str) -> bool {
    let begin: &[&[&str]] = match word {
        "organizer" => return true,
        "moderator" if operation.contains("campaigns") => return false,
        "moderator" | "key that checks in" if CHECKS_IN.iter().any(|end| operation.ends_with(end)) => return true,
        "key that manages" | "key with everything"
            if operation.contains("/box-office")
                || operation.contains("/webhooks")
                || operation.contains("}/programme") =>
        {
            return true;
        }
        // What is sold is a figure like any other.
        "moderator" | "analyst" | "key that reads"
            if operation.ends_with("/box-office") || operation.ends_with("/trend") =>
        {
            return true;
        }
        _ if operation.contains("/box-office") || operation.contains("}/programme") => return false,
        "moderator" | "key that reads" => &[HOME, VIEWS],
        "analyst" => &[HOME, VIEWS, ASKS, SAVES],
        "advertiser" | "speaker" => &[HOME],
        "key that asks" => &[ASKS],
        "key that manages" => &[HOME, MANAGES],
        "key with everything" => &[HOME, VIEWS, ASKS, MANAGES],
        _ => &[],
    };
    begin.iter().copied().flatten().any(|begin| match begin.strip_suffix('!') {
        Some(whole) => operation == whole,
        None => operation.starts_with(begin),
    })
}

#[test]
fn everybody_may_at_home_what_the_role_says() {
    let house = House::new();
    run(async {
        furnish(&house, acme(), "acme-itself").await;
        let operations = operations();
        let mut wrong = BTreeSet::new();
        for caller in callers(&house).await {
            for operation in operations.iter().filter(|known| known.is_of_an_organization()) {
                let (status, text) = answer(&house, operation, "acme", &caller).await;
                let refused = matches!(status.as_u16(), 401 | 403);
                if refused == is_allowed(&caller.word, &operation.word()) {
                    wrong.insert(format!("{} as {}: {status} {text}", operation.word(), caller.word));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}
