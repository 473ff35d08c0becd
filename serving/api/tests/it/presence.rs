//! Who is here: by connections, and gone with them.

use std::time::Duration;

use api::limits::Feeds;
use records::fact::Role;
use records::{Fact, FactRow, Token};
use serde_json::{Value, json};

use crate::feeds::{house, quiet};
use crate::house::{NOW, OTHER, READ, acme, run};
use crate::sockets::{Socket, words};
use crate::wire::{Event, Server, Stream};

fn here(event: &Event) -> (u64, u64, usize) {
    let value = event.answer();
    let number = |name: &str| value[name].as_u64().unwrap();
    (number("present"), number("readers"), value["people"].as_array().unwrap().len())
}

/// Waits until it is told; what comes together may be told together.
async fn until(stream: &mut Stream, wanted: (u64, u64, usize)) {
    while here(&stream.next().await.unwrap()) != wanted {}
}

#[test]
fn people_are_here_while_they_are_connected() {
    let house = house(Feeds { presence_every: Duration::from_millis(1), ..quiet() });
    run(async {
        let server = Server::of(&house).await;
        let mut looks = Stream::presence(server.address, READ, "stage?event=conf").await;
        let first = looks.next().await.unwrap();
        assert_eq!((first.kind.as_str(), here(&first)), ("reset", (0, 1, 0)));
        let join = |who: u64| {
            let channel = format!("stage?event=conf&person={}", Token(who));
            async move { Stream::presence(server.address, READ, &channel).await }
        };
        let (ada, again, bob) = (join(1).await, join(1).await, join(2).await);
        until(&mut looks, (2, 4, 2)).await;
        drop(again);
        until(&mut looks, (2, 3, 2)).await;
        drop(ada);
        until(&mut looks, (1, 2, 1)).await;
        // Other channels, events and organizations are others.
        for (key, channel) in [(READ, "lobby?event=conf"), (READ, "stage?event=fair"), (OTHER, "stage?event=conf")] {
            let mut stream = Stream::presence(server.address, key, channel).await;
            assert_eq!(here(&stream.next().await.unwrap()), (0, 1, 0), "{channel}");
        }
        drop(bob);
        until(&mut looks, (0, 1, 0)).await;
        house.callers.apply(&FactRow::new(acme(), NOW, Fact::KeyRevoked { key: "page".into() }));
        assert_eq!(looks.next().await.unwrap().body["code"], "key_unknown");
        assert!(looks.next().await.is_none());
    });
}

#[test]
fn a_sample_names_some_of_many() {
    let house = house(Feeds { presence_every: Duration::from_millis(1), ..quiet() });
    run(async {
        let server = Server::of(&house).await;
        let mut all = Vec::new();
        for who in 1..=60 {
            let channel = format!("stage?person={}", Token(who));
            all.push(Stream::presence(server.address, READ, &channel).await);
        }
        until(&mut all[0], (60, 60, api::limits::PRESENCE_SAMPLE)).await;
    });
}

#[test]
fn wrong_channels_are_refused() {
    let house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        for (channel, status, code) in [
            ("stage?evnt=conf", 400, "parameter_wrong"),
            // A key is nobody, and nobody is two.
            ("stage?me=true", 400, "parameter_wrong"),
            ("stage?me=true&person=0000000000000001", 400, "parameter_wrong"),
            ("stage?person=nobody", 404, "not_found"),
            (&"x".repeat(65), 400, "parameter_wrong"),
        ] {
            let mut stream = Stream::presence(server.address, READ, channel).await;
            assert_eq!((stream.status, stream.refusal().await["code"].as_str()), (status, Some(code)), "{channel}");
        }
    });
}

/// Waits until `channel` is told like this over the socket.
async fn told(socket: &mut Socket, wanted: &Value) {
    loop {
        let message = socket.next().await;
        if message["changes"][0]["value"] == *wanted {
            return;
        }
    }
}

#[test]
fn users_see_each_other_over_their_one_connection_and_keys_see_how_many() {
    let house = house(Feeds { presence_every: Duration::from_millis(1), ..quiet() });
    run(async {
        let server = Server::of(&house).await;
        let ann = house.member("ann@example.org", acme(), Role::Organizer).await;
        let ben = house.member("ben@example.org", acme(), Role::Analyst).await;
        let mut looks = Stream::presence(server.address, READ, "dashboard?event=conf").await;
        assert_eq!(here(&looks.next().await.unwrap()), (0, 1, 0));
        let mut first = Socket::open(&server, &house.bearer("ann@example.org").await).await;
        let feed = "presence/dashboard?event=conf&me=true";
        first.subscribe("who", feed).await;
        assert_eq!(words(&first.next().await), ("subscribed", "who"));
        let alone = first.next().await;
        let known = |user: &dyn std::fmt::Display, name: &str| json!({"id": user.to_string(), "name": name});
        assert_eq!(words(&alone), ("reset", "who"));
        assert_eq!(alone["changes"][0]["value"]["users"], json!([known(&ann, "ann")]));
        let mut second = Socket::open(&server, &house.bearer("ben@example.org").await).await;
        second.subscribe("who", feed).await;
        let mut both = [known(&ann, "ann"), known(&ben, "ben")];
        both.sort_by_key(|user| user["id"].to_string());
        told(&mut first, &json!({"present": 2, "readers": 3, "people": [], "users": both})).await;
        let event = loop {
            let event = looks.next().await.unwrap();
            if here(&event) == (2, 3, 0) {
                break event;
            }
        };
        assert_eq!(event.answer().get("users"), None, "names are for people");
        second.say(&json!({"type": "unsubscribe", "id": "who"})).await;
        told(&mut first, &json!({"present": 1, "readers": 2, "people": [], "users": [known(&ann, "ann")]})).await;
    });
}

#[test]
fn a_key_is_nobody_over_a_socket_either() {
    let house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        let mut socket = Socket::open(&server, READ).await;
        for (feed, code) in [
            ("presence/dashboard?me=true", "parameter_wrong"),
            ("presence/dashboard?organization=other", "parameter_wrong"),
            ("presence/dashboard?evnt=x", "parameter_wrong"),
            ("presence/dashboard?person=nobody", "not_found"),
        ] {
            socket.subscribe("x", feed).await;
            let refusal = socket.next().await;
            assert_eq!(
                (words(&refusal), refusal["problem"]["code"].as_str()),
                (("problem", "x"), Some(code)),
                "{feed}"
            );
        }
    });
}
