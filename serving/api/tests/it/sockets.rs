//! Many feeds over one WebSocket.

use std::collections::BTreeMap;
use std::time::Duration;

use api::limits::Feeds;
use futures_util::{SinkExt as _, StreamExt as _};
use records::{Fact, FactRow};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::feeds::{chatty, complete, figure, house, points, quiet};
use crate::house::{House, NOW, OTHER, READ, acme, run};
use crate::reads::count;
use crate::wire::{Held, PATIENCE, Server, Stream};

/// A client of one connection.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn open(server: &Server, key: &str) -> Self {
        Self::with_window(server, key, 1 << 16).await
    }

    async fn with_window(server: &Server, key: &str, window: u32) -> Self {
        let mut request = format!("ws://{}/v1/feeds", server.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let stream = TcpSocket::new_v4().unwrap();
        stream.set_recv_buffer_size(window).unwrap();
        let stream = stream.connect(server.address).await.unwrap();
        Self(tokio_tungstenite::client_async(request, stream).await.unwrap().0)
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: &str, feed: &str) {
        self.say(&json!({"type": "subscribe", "id": id, "feed": feed})).await;
    }

    async fn frame(&mut self) -> Option<Message> {
        let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something comes");
        frame.and_then(Result::ok)
    }

    /// The next message, past pings.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.frame().await.expect("the connection is open") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code with which the server closes.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.frame().await.expect("the server says why") {
                return frame.unwrap().code.into();
            }
        }
    }
}

pub(crate) fn words(message: &Value) -> (&str, &str) {
    (message["type"].as_str().unwrap(), message["id"].as_str().unwrap_or("null"))
}

#[test]
fn one_connection_has_many_feeds() {
    let mut house = house(quiet());
    points(&mut house, 1, 5, 30);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let mut socket = Socket::open(&server, READ).await;
        socket.subscribe("top", "leaderboards/points?limit=3").await;
        assert_eq!(words(&socket.next().await), ("subscribed", "top"));
        let top = socket.next().await;
        assert_eq!((words(&top), &top["changes"][0]["value"]["places"][0]["score"]), (("reset", "top"), &json!(30)));
        socket.subscribe("counts", "windows/changes?event=conf").await;
        assert_eq!(words(&socket.next().await), ("subscribed", "counts"));
        assert_eq!(words(&socket.next().await), ("reset", "counts"));
        points(&mut house, 2, 5, 1);
        count(&mut house, 2, "conf", 4);
        complete(&mut house, 2);
        let told: BTreeMap<String, Value> =
            [socket.next().await, socket.next().await].map(|told| (told["id"].to_string(), told)).into();
        assert_eq!(told["\"top\""]["changes"][0]["value"]["places"][0]["score"], 31);
        assert_eq!(told["\"counts\""]["changes"][0]["value"]["total"], 4);

        socket.say(&json!({"type": "unsubscribe", "id": "counts"})).await;
        assert_eq!(words(&socket.next().await), ("unsubscribed", "counts"));
        count(&mut house, 3, "conf", 4);
        complete(&mut house, 3);
        // Back, where it was.
        let position = &told["\"counts\""]["position"];
        socket.say(&json!({"type": "subscribe", "id": "again", "feed": "windows/changes?event=conf", "position": position})).await;
        assert_eq!(words(&socket.next().await), ("subscribed", "again"));
        let again = socket.next().await;
        assert_eq!((words(&again), &again["changes"][0]["value"]["total"]), (("deltas", "again"), &json!(8)));
        assert_eq!(figure(&house, "eventra_feed_subscriptions"), 2);
        assert_eq!(figure(&house, "eventra_feed_connections{kind=\"websocket\"}"), 1);
    });
}

#[test]
fn wrong_messages_are_explained_and_too_many_close() {
    let house = house(Feeds { subscriptions: 1, ..quiet() });
    run(async {
        let server = Server::of(&house).await;
        let mut socket = Socket::open(&server, READ).await;
        for (id, feed, code) in [
            ("a", "nonsense", "route_unknown"),
            ("a", "windows?evnt=x", "parameter_wrong"),
            ("a", "segments?position=windows.1.7.0.0", "position_wrong"),
        ] {
            socket.subscribe(id, feed).await;
            let refusal = socket.next().await;
            assert_eq!((words(&refusal), refusal["problem"]["code"].as_str()), (("problem", id), Some(code)));
            assert!(refusal["problem"]["mend"].is_string());
        }
        socket.subscribe("a", "segments").await;
        assert_eq!(words(&socket.next().await), ("subscribed", "a"));
        assert_eq!(words(&socket.next().await), ("reset", "a"));
        socket.subscribe("b", "segments").await;
        assert_eq!(socket.next().await["problem"]["code"], "feeds_too_many");
        socket.subscribe("a", "segments").await;
        assert_eq!(socket.next().await["problem"]["code"], "message_wrong", "the name is taken");
        for _ in 0..api::limits::SOCKET_WRONG_MAX {
            socket.say(&json!({"type": "hello"})).await;
            assert_eq!(socket.next().await["problem"]["code"], "message_wrong");
        }
        assert_eq!(socket.closed().await, 4400);
    });
}

#[test]
fn a_client_that_stands_still_grows_nothing_and_is_told_the_present_in_one_piece() {
    let mut house = house(quiet());
    for who in 1..=1_000 {
        points(&mut house, 1, who, 1_000);
    }
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let feed = "leaderboards/points?limit=1000";
        let mut slow = Socket::with_window(&server, READ, 4 << 10).await;
        slow.subscribe("a", feed).await;
        let mut quick = Stream::open(server.address, READ, feed, None).await;
        let size = quick.next().await.unwrap().body.to_string().len() as u64;
        let epochs = 200;
        for epoch in 2..=epochs {
            points(&mut house, epoch, epoch, 1);
            complete(&mut house, epoch);
            assert_eq!(quick.next().await.unwrap().epoch(), epoch);
        }
        let told = figure(&house, "eventra_feed_bytes_total");
        // The kernel takes up to 4 MB of a connection's data here; the server holds one message.
        assert!(told < size * epochs + (4 << 20) + 2 * size, "{told}, {size} each");
        assert_eq!(words(&slow.next().await), ("subscribed", "a"));
        let mut held = Held::default();
        let mut messages = 0;
        while held.epoch() < epochs {
            let told = slow.next().await;
            held.take(words(&told).0, &told);
            messages += 1;
        }
        assert!(messages < epochs / 2, "what it missed came in one piece: {messages}");
        assert_eq!(held.values, truth(&house, feed).await);
    });
}

#[test]
fn a_message_that_is_too_large_ends_the_connection() {
    let house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        let mut socket = Socket::open(&server, READ).await;
        socket.subscribe("a", &"x".repeat(api::limits::SOCKET_MESSAGE_BYTES_MAX)).await;
        assert_eq!(socket.closed().await, 1009);
    });
}

#[test]
fn a_revoked_key_and_a_server_that_stops_say_so() {
    let house = house(quiet());
    run(async {
        let server = Server::of(&house).await;
        let mut own = Socket::open(&server, READ).await;
        let mut other = Socket::open(&server, OTHER).await;
        house.callers.apply(&FactRow::new(acme(), NOW, Fact::KeyRevoked { key: "page".into() }));
        assert_eq!(own.closed().await, 4401);
        other.subscribe("a", "segments").await;
        assert_eq!(words(&other.next().await), ("subscribed", "a"));
        assert_eq!(words(&other.next().await), ("reset", "a"));
        let (ended, code) = tokio::join!(server.stop(), other.closed());
        assert_eq!((ended, code), (true, 1001));
    });
}

#[test]
fn a_client_without_a_sign_of_life_is_closed_and_an_old_one_too() {
    let beat = Duration::from_millis(5);
    let silent = house(Feeds { heartbeat: beat, silence: Duration::ZERO, ..quiet() });
    let old = house(Feeds { lifetime: beat, ..quiet() });
    run(async {
        for (house, code) in [(&silent, 4408), (&old, 4409)] {
            let server = Server::of(house).await;
            assert_eq!(Socket::open(&server, READ).await.closed().await, code);
        }
    });
}

#[test]
fn a_ping_is_answered_and_the_server_pings_itself() {
    let house = house(Feeds { heartbeat: Duration::from_millis(5), ..quiet() });
    run(async {
        let server = Server::of(&house).await;
        let mut socket = Socket::open(&server, READ).await;
        assert!(matches!(socket.frame().await, Some(Message::Ping(_))));
        socket.0.send(Message::Ping(vec![7].into())).await.unwrap();
        while !matches!(socket.frame().await, Some(Message::Pong(pong)) if pong[..] == [7]) {}
    });
}

/// Subscriptions come and go, on connections that come and go; what is held in the end is what the views answer.
fn law(seed: u64) {
    let mut drawn = seed;
    let mut draw = move |below: u64| {
        drawn = records::hash::mix(drawn.wrapping_add(1));
        drawn % below
    };
    let feeds = ["leaderboards/changes", "windows/changes?event=conf", "leaderboards/points?limit=2"];
    let mut house = house(chatty());
    run(async {
        let server = Server::of(&house).await;
        let mut held: Vec<Held> = feeds.iter().map(|_| Held::default()).collect();
        let mut socket = Socket::open(&server, READ).await;
        let mut open = [false; 3];
        for epoch in 1..=30 {
            for _ in 0..draw(3) {
                points(&mut house, epoch, draw(5) + 1, draw(9).cast_signed() + 1);
                count(&mut house, epoch, "conf", 1);
            }
            complete(&mut house, epoch);
            if draw(6) == 0 {
                socket = Socket::open(&server, READ).await;
                open = [false; 3];
            }
            for (place, feed) in feeds.iter().enumerate() {
                if draw(2) == 0 {
                    toggle(&mut socket, feed, place, &mut open, &mut held).await;
                }
            }
            if draw(3) == 0 {
                follow(&mut socket, &open, &mut held, epoch).await;
            }
        }
        for (place, feed) in feeds.iter().enumerate() {
            if !open[place] {
                toggle(&mut socket, feed, place, &mut open, &mut held).await;
            }
        }
        follow(&mut socket, &open, &mut held, 30).await;
        for (feed, held) in feeds.iter().zip(&held) {
            assert_eq!(held.values, truth(&house, feed).await, "{feed}, seed {seed}");
        }
    });
}

async fn toggle(socket: &mut Socket, feed: &str, place: usize, open: &mut [bool; 3], held: &mut [Held]) {
    let id = place.to_string();
    let (message, answer) = if open[place] {
        (json!({"type": "unsubscribe", "id": id}), "unsubscribed")
    } else {
        let position = &held[place].position;
        (json!({"type": "subscribe", "id": id, "feed": feed, "position": position}), "subscribed")
    };
    socket.say(&message).await;
    open[place] = !open[place];
    loop {
        let told = socket.next().await;
        if words(&told) == (answer, &id) {
            return;
        }
        hold(&told, held);
    }
}

fn hold(told: &Value, held: &mut [Held]) {
    let (kind, id) = words(told);
    held[id.parse::<usize>().unwrap()].take(kind, told);
}

async fn follow(socket: &mut Socket, open: &[bool; 3], held: &mut [Held], epoch: u64) {
    while (0..3).any(|place| open[place] && held[place].epoch() < epoch) {
        hold(&socket.next().await, held);
    }
}

async fn truth(house: &House, feed: &str) -> BTreeMap<String, Value> {
    let data = house.get(READ, &format!("/v1/views/{feed}")).await.body["data"].clone();
    match data["changes"].as_array() {
        Some(changes) => changes.iter().map(|change| (change["key"].to_string(), change["value"].clone())).collect(),
        None => [("null".to_owned(), data)].into(),
    }
}

#[test]
fn subscriptions_that_come_and_go_hold_what_the_views_answer() {
    (0..6).for_each(law);
}

/// Whoever asks for as many updates as there are is told each of them, also those between two writes; others in one piece.
#[test]
fn each_update_is_told_to_whoever_wants_each() {
    let mut house = house(quiet());
    points(&mut house, 1, 5, 1);
    complete(&mut house, 1);
    run(async {
        let server = Server::of(&house).await;
        let (mut each, mut merged) = (Socket::open(&server, READ).await, Socket::open(&server, READ).await);
        let feed = "leaderboards/points?limit=3";
        each.say(&json!({"type": "subscribe", "id": "top", "feed": feed, "max_rate": 1e6})).await;
        merged.subscribe("top", feed).await;
        for socket in [&mut each, &mut merged] {
            assert_eq!(words(&socket.next().await), ("subscribed", "top"));
            assert_eq!(words(&socket.next().await), ("reset", "top"));
        }
        let before = figure(&house, "eventra_feed_encoded_total");
        for epoch in 2..=9 {
            points(&mut house, epoch, 5, 1);
            complete(&mut house, epoch);
            // Encoded, told or not: then the next epoch comes.
            let made = async {
                while figure(&house, "eventra_feed_encoded_total") < before + epoch - 1 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, made).await.expect("the feed follows");
        }
        let score = |told: &Value| told["changes"][0]["value"]["places"][0]["score"].as_i64().unwrap();
        for wanted in 2..=9 {
            let told = each.next().await;
            assert_eq!((words(&told), score(&told)), (("deltas", "top"), wanted));
        }
        let mut last = 1;
        while last < 9 {
            let told = score(&merged.next().await);
            assert!(told > last, "{told} after {last}");
            last = told;
        }
    });
}
