//! Who is here: by connections, and gone with them.

use std::time::Duration;

use api::limits::Feeds;
use records::{Fact, FactRow, Token};

use crate::feeds::{house, quiet};
use crate::house::{NOW, OTHER, READ, acme, run};
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
            ("stage?person=nobody", 404, "not_found"),
            (&"x".repeat(65), 400, "parameter_wrong"),
        ] {
            let mut stream = Stream::presence(server.address, READ, channel).await;
            assert_eq!((stream.status, stream.refusal().await["code"].as_str()), (status, Some(code)), "{channel}");
        }
    });
}
