//! Signing in and out, the own account, and everything about an organization, over the routes and a real desk.

use api::accounts::{Address, Letter, Template};
use axum::http::{Method, StatusCode};
use records::fact::Role;
use records::{Fact, FactRow, OrganizationId, UserId, Zone};
use rules::accounts::platform;
use serde_json::{Value, json};

use crate::house::{Answer, House, READ, acme, request, run};

const PASSWORD: &str = "correct horse battery staple";
const SITE: (&str, &str) = ("sec-fetch-site", "same-origin");

/// Somebody's browser, or a program with a token.
struct Session<'a> {
    house: &'a House,
    authorization: (&'static str, String),
}

impl House {
    pub(crate) async fn user(&self, email: &str, admin: bool) -> UserId {
        let address: Address = email.parse().unwrap();
        self.api.register(&address, email.split('@').next().unwrap(), admin).await.unwrap()
    }

    pub(crate) async fn member(&self, email: &str, organization: OrganizationId, role: Role) -> UserId {
        let user = self.user(email, false).await;
        self.api.grant(organization, user, role).await.unwrap();
        user
    }

    async fn token(&self, email: &str) -> String {
        let link = self.api.sign_in_link(&email.parse().unwrap()).await.unwrap();
        link.split_once("#token=").unwrap().1.to_owned()
    }

    /// Signs in by a link; the bearer token.
    pub(crate) async fn bearer(&self, email: &str) -> String {
        let body = json!({"token": self.token(email).await, "as": "bearer"});
        let answer = self.call("POST", "/v1/logins/link", &[], &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        answer.body["data"]["token"].as_str().unwrap().to_owned()
    }

    async fn session(&self, email: &str) -> Session<'_> {
        let authorization = ("authorization", format!("Bearer {}", self.bearer(email).await));
        Session { house: self, authorization }
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let method: Method = method.parse().unwrap();
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request(method, path, &all, text)).await
    }

    async fn register_acme(&self) {
        let fact = Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::parse("Europe/Berlin").unwrap() };
        self.stand(acme(), fact).await;
    }

    async fn stand(&self, organization: OrganizationId, fact: Fact) {
        use rules::office::{Command, Wish};
        let command = Command { organization, event: records::EventId::NONE, wishes: vec![Wish::Stand(fact)] };
        (self.api.desk)(None, command.into()).unwrap().await.unwrap();
    }

    fn mails(&self) -> Vec<Letter> {
        self.callers.read(|directory| {
            directory
                .accounts
                .mails()
                .filter_map(|(_, mail)| {
                    let user = directory.accounts.user(mail.user)?;
                    let sealed = self.subjects.open_sealed(platform(), user.subject, &mail.sealed.0).ok()?;
                    Letter::of(&sealed)
                })
                .collect()
        })
    }
}

impl Session<'_> {
    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.house.call(method, path, &[(self.authorization.0, &self.authorization.1)], body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null).await
    }

    async fn keyed(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [(self.authorization.0, self.authorization.1.as_str()), ("idempotency-key", key)];
        self.house.call(method, path, &headers, body).await
    }
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or(""))
}

async fn sign_in(house: &House, body: &Value) -> Answer {
    house.call("POST", "/v1/logins", &[], body).await
}

async fn set_password(house: &House, email: &str) {
    let session = house.session(email).await;
    let answer = session.call("PUT", "/v1/me/password", &json!({"new": PASSWORD})).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
}

fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn a_link_signs_in_once_and_a_password_then_as_often_as_it_is_right() {
    let house = House::new();
    run(async {
        house.user("ann@example.org", false).await;
        let token = house.token("ann@example.org").await;
        let by_link = json!({"token": token, "as": "bearer"});
        assert_eq!(house.call("POST", "/v1/logins/link", &[], &by_link).await.status, StatusCode::CREATED);
        assert_eq!(code(&house.call("POST", "/v1/logins/link", &[], &by_link).await), (400, "link_wrong"));
        set_password(&house, "ann@example.org").await;
        let right = json!({"email": " Ann@Example.org", "password": PASSWORD});
        let answer = sign_in(&house, &right).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        assert_eq!(answer.body["data"]["token"], Value::Null, "a cookie is not told to scripts");
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{cookie}");
        for wrong in [
            json!({"email": "ann@example.org", "password": "something else altogether"}),
            json!({"email": "nobody@example.org", "password": PASSWORD}),
            json!({"email": "no address", "password": PASSWORD}),
        ] {
            assert_eq!(code(&sign_in(&house, &wrong).await), (401, "login_refused"));
        }
    });
}

#[test]
fn a_cookie_is_for_pages_of_this_origin_only() {
    let house = House::new();
    run(async {
        house.user("ann@example.org", false).await;
        set_password(&house, "ann@example.org").await;
        let answer = sign_in(&house, &json!({"email": "ann@example.org", "password": PASSWORD})).await;
        let cookie = cookie_of(&answer);
        let with = |more: &[(&'static str, &'static str)]| {
            let mut headers = vec![("cookie", cookie.clone())];
            headers.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            headers
        };
        let call = async |method: &str, path: &str, headers: Vec<(&'static str, String)>, body: Value| {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            house.call(method, path, &headers, &body).await
        };
        assert_eq!(call("GET", "/v1/me", with(&[]), Value::Null).await.status, StatusCode::OK);
        let change = json!({"name": "Ann"});
        for foreign in
            [&[][..], &[("sec-fetch-site", "cross-site")], &[("origin", "https://evil.example"), ("host", "us")]]
        {
            let answer = call("PATCH", "/v1/me", with(foreign), change.clone()).await;
            assert_eq!(code(&answer), (403, "origin_foreign"));
        }
        assert_eq!(call("PATCH", "/v1/me", with(&[SITE]), change).await.status, StatusCode::OK);
        let me = call("GET", "/v1/me", with(&[]), Value::Null).await;
        assert_eq!(me.body["data"]["user"]["name"], "Ann");
        let out = call("DELETE", "/v1/logins/current", with(&[SITE]), Value::Null).await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(code(&call("GET", "/v1/me", with(&[]), Value::Null).await), (401, "login_ended"));
    });
}

#[test]
fn another_password_signs_out_all_other_devices_and_says_so_by_mail() {
    let house = House::new();
    run(async {
        house.user("ann@example.org", false).await;
        set_password(&house, "ann@example.org").await;
        let (here, there) = (house.session("ann@example.org").await, house.session("ann@example.org").await);
        let logins = here.get("/v1/me/logins").await;
        assert_eq!(logins.body["data"].as_array().unwrap().len(), 3, "{:?}", logins.body);
        let change = |old: &str, new: &str| json!({"old": old, "new": new});
        let wrong = here.call("PUT", "/v1/me/password", &change("not this", "another long password")).await;
        assert_eq!(code(&wrong), (401, "login_refused"));
        for weak in ["short", "aaaaaaaaaaaaaaaa", "my name is ann@example"] {
            let answer = here.call("PUT", "/v1/me/password", &change(PASSWORD, weak)).await;
            assert_eq!(answer.status.as_u16(), if weak.contains("ann@") { 200 } else { 409 }, "{weak}");
        }
        assert_eq!(here.get("/v1/me").await.status, StatusCode::OK);
        assert_eq!(
            code(&there.get("/v1/me").await),
            (401, "key_unknown"),
            "a token that is nobody's is as an unknown key"
        );
        let told = house.mails().iter().filter(|mail| mail.template == Template::PasswordChanged).count();
        assert_eq!(told, 2);
    });
}

#[test]
fn a_forgotten_password_is_chosen_again_with_a_link_of_a_mail() {
    let house = House::new();
    run(async {
        house.user("ann@example.org", false).await;
        for email in ["ann@example.org", "nobody@example.org"] {
            let answer = house.call("POST", "/v1/password-resets", &[], &json!({"email": email})).await;
            assert_eq!((answer.status, answer.body), (StatusCode::ACCEPTED, json!("")), "the same for everybody");
        }
        let mail = async {
            loop {
                if let Some(mail) = house.mails().pop() {
                    return mail;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        let mail = tokio::time::timeout(std::time::Duration::from_secs(20), mail).await.unwrap();
        assert_eq!((house.mails().len(), mail.template), (1, Template::PasswordReset));
        let (page, token) = mail.link.split_once("#token=").unwrap();
        assert!(page.ends_with("/reset-password"), "{page}");
        let choose = json!({"token": token, "password": PASSWORD});
        assert_eq!(house.call("PUT", "/v1/password-resets", &[], &choose).await.status, StatusCode::NO_CONTENT);
        assert_eq!(code(&house.call("PUT", "/v1/password-resets", &[], &choose).await), (400, "link_wrong"));
        let right = json!({"email": "ann@example.org", "password": PASSWORD});
        assert_eq!(sign_in(&house, &right).await.status, StatusCode::CREATED);
        assert_eq!(
            code(&house.call("POST", "/v1/logins/link", &[], &json!({"token": token})).await),
            (400, "link_wrong")
        );
    });
}

/// A code as an authenticator would show it.
fn code_of(uri: &str, house: &House) -> String {
    let totp = totp_rs::Totp::from_url(uri).unwrap();
    let seconds = u64::try_from(eventlog::clock::Clock::now(&*house.clock).seconds()).unwrap();
    totp.generate(seconds).to_string()
}

#[test]
fn a_second_factor_is_needed_once_it_is_confirmed_and_each_code_works_once() {
    let house = House::new();
    run(async {
        house.user("ann@example.org", false).await;
        set_password(&house, "ann@example.org").await;
        let session = house.session("ann@example.org").await;
        let offered = session.call("POST", "/v1/me/second-factor", &Value::Null).await;
        let uri = offered.body["data"]["uri"].as_str().unwrap().to_owned();
        assert!(uri.starts_with("otpauth://totp/Eventra:ann"), "{uri}");
        let right = json!({"email": "ann@example.org", "password": PASSWORD});
        assert_eq!(sign_in(&house, &right).await.status, StatusCode::CREATED, "not in force before it is confirmed");
        let wrong = session.call("PUT", "/v1/me/second-factor", &json!({"code": "000000"})).await;
        assert_eq!(code(&wrong), (401, "second_factor_wrong"));
        let confirmed = session.call("PUT", "/v1/me/second-factor", &json!({"code": code_of(&uri, &house)})).await;
        let recovery = confirmed.body["data"]["recovery_codes"].as_array().unwrap().clone();
        assert_eq!(recovery.len(), 10);
        assert_eq!(code(&sign_in(&house, &right).await), (401, "second_factor_needed"));
        let with = |code: &str| json!({"email": "ann@example.org", "password": PASSWORD, "code": code});
        let used = with(&code_of(&uri, &house));
        assert_eq!(
            code(&sign_in(&house, &used).await),
            (401, "second_factor_wrong"),
            "the one that confirmed it is used up"
        );
        house.clock.advance(30_000_000);
        let next = with(&code_of(&uri, &house));
        assert_eq!(sign_in(&house, &next).await.status, StatusCode::CREATED);
        assert_eq!(code(&sign_in(&house, &next).await), (401, "second_factor_wrong"));
        let code_by_hand = recovery[0].as_str().unwrap().to_uppercase();
        assert_eq!(sign_in(&house, &with(&code_by_hand)).await.status, StatusCode::CREATED);
        assert_eq!(code(&sign_in(&house, &with(&code_by_hand)).await), (401, "second_factor_wrong"));
        let by_link = json!({"token": house.token("ann@example.org").await});
        assert_eq!(code(&house.call("POST", "/v1/logins/link", &[], &by_link).await), (401, "second_factor_needed"));
        let me = session.get("/v1/me").await;
        assert_eq!(me.body["data"]["user"]["recovery_codes_left"], 9);
        let removal = json!({"code": recovery[1]});
        assert_eq!(session.call("POST", "/v1/me/second-factor/removal", &removal).await.status, StatusCode::OK);
        assert_eq!(sign_in(&house, &right).await.status, StatusCode::CREATED);
    });
}

#[test]
fn an_invitation_makes_a_member_who_may_what_the_role_says() {
    let house = House::new();
    run(async {
        house.register_acme().await;
        house.member("org@example.org", acme(), Role::Organizer).await;
        let organizer = house.session("org@example.org").await;
        let invite = json!({"email": "mod@example.org", "name": "Mo", "role": "moderator", "events": ["conf"]});
        let made = organizer.keyed("POST", "/v1/organizations/acme/members", "invite-1", &invite).await;
        assert_eq!(made.status, StatusCode::CREATED, "{:?}", made.body);
        let again = organizer.keyed("POST", "/v1/organizations/acme/members", "invite-1", &invite).await;
        assert_eq!(again.body["data"]["user"], made.body["data"]["user"]);
        let invitations: Vec<_> =
            house.mails().into_iter().filter(|mail| mail.template == Template::Invitation).collect();
        assert_eq!((invitations.len(), invitations[0].organization.as_str()), (1, "Acme"));
        let other = json!({"email": "mod@example.org", "role": "organizer"});
        let conflict = organizer.keyed("POST", "/v1/organizations/acme/members", "invite-1", &other).await;
        assert_eq!(code(&conflict), (422, "idempotency_conflict"));
        let moderator = house.session("mod@example.org").await;
        let me = moderator.get("/v1/me").await;
        assert_eq!(
            me.body["data"]["memberships"][0]["may"],
            json!(["read_organization", "read_views", "take_part", "speak", "moderate", "check_in"])
        );
        for (path, status) in [
            ("/v1/organizations/acme", 200),
            ("/v1/organizations/acme/members", 403),
            ("/v1/organizations/acme/keys", 403),
            ("/v1/organizations/acme/audit", 403),
            ("/v1/organizations/acme/rules", 403),
            ("/v1/views/leaderboards", 403),
            ("/v1/views/windows/sliding?event=conf", 200),
            ("/v1/views/windows/sliding?event=other", 403),
            ("/v1/views/windows/sliding?event=conf&organization=other", 403),
            ("/v1/organizations/other", 403),
            ("/v1/audit", 403),
        ] {
            assert_eq!(moderator.get(path).await.status.as_u16(), status, "{path}");
        }
        let user = made.body["data"]["user"].as_str().unwrap().to_owned();
        let of = format!("/v1/organizations/acme/members/{user}");
        let changed = organizer.call("PATCH", &of, &json!({"role": "analyst", "events": []})).await;
        assert_eq!(changed.body["data"]["role"], "analyst", "{:?}", changed.body);
        assert_eq!(moderator.get("/v1/views/leaderboards").await.status, StatusCode::OK, "at once");
        assert_eq!(organizer.call("DELETE", &of, &Value::Null).await.status, StatusCode::NO_CONTENT);
        assert_eq!(code(&moderator.get("/v1/organizations/acme").await), (403, "access_denied"));
        let me = organizer.get("/v1/me").await.body["data"]["user"]["id"].as_str().unwrap().to_owned();
        let last = organizer.call("DELETE", &format!("/v1/organizations/acme/members/{me}"), &Value::Null).await;
        assert_eq!(code(&last), (409, "refused"));
    });
}

#[test]
fn a_key_is_made_once_rotated_and_revoked() {
    let house = House::new();
    run(async {
        house.register_acme().await;
        house.member("org@example.org", acme(), Role::Organizer).await;
        let organizer = house.session("org@example.org").await;
        let keys = "/v1/organizations/acme/keys";
        let wanted = json!({"name": "wall", "scopes": ["read"]});
        let made = organizer.keyed("POST", keys, "key-1", &wanted).await;
        let secret = made.body["data"]["secret"].as_str().unwrap().to_owned();
        assert_eq!(secret.len(), 3 + 64);
        let again = organizer.keyed("POST", keys, "key-1", &wanted).await;
        assert_eq!(again.body["data"]["secret"], secret, "the same request has the same answer");
        assert_eq!(code(&organizer.call("POST", keys, &wanted).await), (409, "refused"), "the name is taken");
        assert_eq!(house.get(&secret, "/v1/views/leaderboards").await.status, StatusCode::OK);
        assert_eq!(code(&house.post(&secret, "/v1/track", &json!({})).await), (403, "scope_missing"));
        let rotated = organizer.call("POST", &format!("{keys}/wall/rotation"), &json!({"grace_s": 60})).await;
        let new = rotated.body["data"]["secret"].as_str().unwrap().to_owned();
        assert_ne!(new, secret);
        for key in [&new, &secret] {
            assert_eq!(house.get(key, "/v1/views/leaderboards").await.status, StatusCode::OK);
        }
        house.clock.advance(60_000_000);
        assert_eq!(code(&house.get(&secret, "/v1/views/leaderboards").await), (401, "key_unknown"));
        assert_eq!(house.get(&new, "/v1/views/leaderboards").await.status, StatusCode::OK);
        let listed = organizer.get(&format!("{keys}?limit=1")).await;
        assert_eq!(listed.body["data"][0]["name"], "page", "{:?}", listed.body);
        assert!(!listed.body.to_string().contains("hash") && listed.body["next"].is_string());
        assert_eq!(
            organizer.call("DELETE", &format!("{keys}/wall"), &Value::Null).await.status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(organizer.call("DELETE", &format!("{keys}/wall"), &Value::Null).await.status, StatusCode::NOT_FOUND);
        assert_eq!(code(&house.get(&new, "/v1/views/leaderboards").await), (401, "key_unknown"));
        let audit = organizer.get("/v1/organizations/acme/audit").await;
        let acts = audit.body["data"].as_array().unwrap().iter().map(|row| row["act"].as_str().unwrap());
        let acts: Vec<_> = acts.filter(|act| *act != "access_refused").collect();
        assert_eq!(acts[..3], ["key_revoked", "key_rotated", "key_added"]);
        let revoked = organizer.get("/v1/organizations/acme/audit?act=key_revoked").await;
        assert_eq!(revoked.body["data"][0]["by"], "org");
        assert!(!audit.body.to_string().contains(&new[3..]));
        assert_eq!(code(&house.get(READ, keys).await), (403, "access_denied"), "keys make no keys");
    });
}

#[test]
fn refusals_and_uses_of_keys_are_told_now_and_then() {
    let house = House::new();
    run(async {
        house.register_acme().await;
        house.member("org@example.org", acme(), Role::Organizer).await;
        house.member("mod@example.org", acme(), Role::Moderator).await;
        let (organizer, moderator) = (house.session("org@example.org").await, house.session("mod@example.org").await);
        let wanted = json!({"name": "wall", "scopes": ["read"]});
        let made = organizer.call("POST", "/v1/organizations/acme/keys", &wanted).await;
        let secret = made.body["data"]["secret"].as_str().unwrap().to_owned();
        for _ in 0..3 {
            assert_eq!(moderator.get("/v1/organizations/acme/keys").await.status, StatusCode::FORBIDDEN);
            assert_eq!(house.get(&secret, "/v1/organizations/acme/keys").await.status, StatusCode::FORBIDDEN);
        }
        let path = "/v1/organizations/acme/audit?act=access_refused";
        let told = async {
            loop {
                let rows = organizer.get(path).await.body["data"].as_array().unwrap().clone();
                let keys = organizer.get("/v1/organizations/acme/keys").await.body["data"].clone();
                let wall = keys.as_array().unwrap().iter().find(|key| key["name"] == "wall").unwrap();
                let used = wall["last_used"].is_string();
                if rows.len() == 2 && used {
                    return rows;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        let rows = tokio::time::timeout(std::time::Duration::from_secs(20), told).await.unwrap();
        let mut by: Vec<_> = rows.iter().map(|row| row["by"].as_str().unwrap()).collect();
        by.sort_unstable();
        assert_eq!((by, rows[0]["about"].as_str()), (vec!["key wall", "mod"], Some("manage_keys")));
        assert_eq!(rows[0]["detail"], "/v1/organizations/{organization}/keys");
        house.clock.advance(60_000_000);
        moderator.get("/v1/organizations/acme/keys").await;
        let again = async { while organizer.get(path).await.body["data"].as_array().unwrap().len() < 3 {} };
        tokio::time::timeout(std::time::Duration::from_secs(20), again).await.unwrap();
    });
}

#[test]
fn events_items_and_rules_are_put_as_they_were_read() {
    let house = House::new();
    run(async {
        house.register_acme().await;
        house.member("org@example.org", acme(), Role::Organizer).await;
        let organizer = house.session("org@example.org").await;
        let events = "/v1/organizations/acme/events";
        let put =
            |title: &str| json!({"title": title, "starts": "2026-11-20T09:00:00Z", "ends": "2026-11-20T18:00:00Z"});
        let made = organizer.keyed("POST", events, "conf", &put("Conference")).await;
        assert_eq!(
            (made.body["data"]["id"].as_str(), made.body["data"]["zone"].as_str()),
            (Some("conf"), Some("Europe/Berlin"))
        );
        assert_eq!(made.body["offset"], made.headers["eventra-offset"].to_str().unwrap());
        let read = organizer.get(&format!("{events}/conf")).await;
        let tag = read.headers["etag"].to_str().unwrap().to_owned();
        let matched = async |tag: &str, title: &str| {
            let headers = [(organizer.authorization.0, organizer.authorization.1.as_str()), ("if-match", tag)];
            house.call("PUT", &format!("{events}/conf"), &headers, &put(title)).await
        };
        assert_eq!(matched(&tag, "Conference, renamed").await.status, StatusCode::OK);
        assert_eq!(code(&matched(&tag, "Lost update").await), (412, "changed"));
        let backwards = json!({"title": "x", "starts": "2026-11-20T09:00:00Z", "ends": "2026-11-20T08:00:00Z"});
        assert_eq!(code(&organizer.call("POST", events, &backwards).await), (409, "refused"));
        let item = format!("{events}/conf/items/talk-1");
        assert_eq!(
            organizer.call("PUT", &item, &json!({"title": "Opening", "capacity": 20})).await.status,
            StatusCode::OK
        );
        let headers = [(organizer.authorization.0, organizer.authorization.1.as_str()), ("if-none-match", "*")];
        let new = json!({"title": "Another"});
        assert_eq!(code(&house.call("PUT", &item, &headers, &new).await), (412, "changed"), "it is there already");
        assert_eq!(house.call("PUT", &format!("{item}-b"), &headers, &new).await.status, StatusCode::OK);
        let items = organizer.get(&format!("{events}/conf/items")).await;
        assert_eq!(items.body["data"][0]["capacity"], 20);
        let rules = "/v1/organizations/acme/rules";
        let unsound = organizer.call("PUT", rules, &json!({"format": 1, "nonsense": 2})).await;
        assert_eq!(code(&unsound), (400, "fields_wrong"));
        let nested =
            json!({"format": 1, "fraud": {"rules": [{"id": "r", "weight": 1, "reason": "r", "all": ["what"]}]}});
        let unsound = organizer.call("PUT", rules, &nested).await;
        assert_eq!(unsound.body["fields"][0]["field"], "fraud.rules[0].all[0]", "{:?}", unsound.body);
        let sound = json!({"format": 1, "campaigns": [{"id": "c", "ads": ["a"]}]});
        assert_eq!(organizer.call("PUT", rules, &sound).await.body["data"]["version"], 1);
        assert_eq!(organizer.get(rules).await.body["data"]["in_force"], 1);
    });
}

#[test]
fn settings_and_saved_queries_are_kept_and_organizations_made_by_admins() {
    let house = House::new();
    run(async {
        house.user("root@example.org", true).await;
        let admin = house.session("root@example.org").await;
        let wanted = json!({"id": "acme", "name": "Acme", "zone": "Europe/Berlin"});
        assert_eq!(admin.keyed("POST", "/v1/organizations", "make-1", &wanted).await.status, StatusCode::CREATED);
        assert_eq!(admin.keyed("POST", "/v1/organizations", "make-1", &wanted).await.status, StatusCode::CREATED);
        assert_eq!(code(&admin.call("POST", "/v1/organizations", &wanted).await), (409, "refused"));
        let platforms = json!({"id": "platform", "name": "Mine", "zone": "UTC"});
        assert_eq!(code(&admin.call("POST", "/v1/organizations", &platforms).await), (409, "refused"));
        let change = json!({"language": "de", "origins": ["https://www.example.org"]});
        let changed = admin.call("PATCH", "/v1/organizations/acme", &change).await;
        assert_eq!(
            (changed.body["data"]["language"].as_str(), changed.body["data"]["name"].as_str()),
            (Some("de"), Some("Acme"))
        );
        let queries = "/v1/organizations/acme/queries";
        let query = json!({"title": "All", "sql": "SELECT count() FROM records"});
        let made = admin.keyed("POST", queries, "q-1", &query).await;
        assert_eq!(
            (made.status, made.body["data"]["id"].as_str()),
            (StatusCode::CREATED, Some("q-1")),
            "{:?}",
            made.body
        );
        let put = json!({"title": "All of them", "sql": "SELECT 1"});
        assert_eq!(admin.call("PUT", &format!("{queries}/q-1"), &put).await.body["data"]["title"], "All of them");
        assert_eq!(admin.get(queries).await.body["data"].as_array().unwrap().len(), 1);
        assert_eq!(admin.call("DELETE", &format!("{queries}/q-1"), &Value::Null).await.status, StatusCode::NO_CONTENT);
        assert_eq!(admin.get(&format!("{queries}/q-1")).await.status, StatusCode::NOT_FOUND);
        let audit = admin.get("/v1/audit?act=login_opened").await;
        assert_eq!(audit.body["data"][0]["by"], "root", "{:?}", audit.body);
    });
}

#[test]
fn an_erased_user_is_signed_out_and_unknown() {
    let house = House::new();
    run(async {
        house.member("ann@example.org", acme(), Role::Analyst).await;
        set_password(&house, "ann@example.org").await;
        let session = house.session("ann@example.org").await;
        let erasure = house.subjects.erase(platform(), "ann@example.org").unwrap().unwrap();
        use rules::office::{Command, Wish};
        let wishes = vec![Wish::Tell(erasure.fact())];
        let command = Command { organization: platform(), event: records::EventId::NONE, wishes };
        (house.api.desk)(None, command.into()).unwrap().await.unwrap();
        assert_eq!(code(&session.get("/v1/me").await), (401, "key_unknown"));
        let right = json!({"email": "ann@example.org", "password": PASSWORD});
        assert_eq!(code(&sign_in(&house, &right).await), (401, "login_refused"));
    });
}

/// No fact, whole frames included, holds what is personal or a secret in the clear.
#[test]
fn nothing_personal_and_no_secret_lies_in_the_log() {
    let house = House::new();
    run(async {
        house.register_acme().await;
        house.member("planted.person@example.org", acme(), Role::Organizer).await;
        set_password(&house, "planted.person@example.org").await;
        let session = house.session("planted.person@example.org").await;
        session.call("PATCH", "/v1/me", &json!({"name": "Planted Name"})).await;
        let offered = session.call("POST", "/v1/me/second-factor", &Value::Null).await;
        let made = session.call("POST", "/v1/organizations/acme/keys", &json!({"name": "k", "scopes": ["read"]})).await;
        let secrets = [
            "planted.person".to_owned(),
            "Planted Name".to_owned(),
            PASSWORD.to_owned(),
            offered.body["data"]["secret"].as_str().unwrap().to_owned(),
            made.body["data"]["secret"].as_str().unwrap()[3..].to_owned(),
            session.authorization.1.rsplit('_').next().unwrap().to_owned(),
        ];
        let from = house.log.starts(eventlog::Lane::Facts);
        let frames = house.log.read_lane(eventlog::Lane::Facts, &from, eventlog::ReadLimits::everything()).unwrap();
        let mut rows = 0;
        for frame in frames {
            let text = String::from_utf8(frame.body.to_vec()).unwrap();
            rows += serde_json::from_str::<Vec<FactRow>>(&text).unwrap().len();
            for secret in &secrets {
                assert!(secret.len() > 5 && !text.contains(secret.as_str()), "{secret} in {text}");
            }
        }
        assert!(rows > 8);
    });
}
