//! What the three formats become, and that no bytes make a parser panic.

use collect::parse::{cloudevents, ndjson, segment};
use collect::{Draft, Endpoint, Letter, ParseError, Parsed, Reason};
use proptest::prelude::*;
use records::{Currency, Kind, Source, Timestamp};
use serde_json::json;

use crate::support::arrival;

fn good(parsed: &[Parsed]) -> &Draft {
    match &parsed[0] {
        Parsed::Draft(draft) => draft,
        Parsed::Letter(letter) => panic!("{letter:?}"),
    }
}

fn bad(parsed: &[Parsed]) -> &Letter {
    match &parsed[0] {
        Parsed::Letter(letter) => letter,
        Parsed::Draft(draft) => panic!("{draft:?}"),
    }
}

fn track(body: serde_json::Value) -> Vec<Parsed> {
    segment::parse(Endpoint::Track, body.to_string().as_bytes(), &arrival()).unwrap()
}

#[test]
fn a_kinds_word_becomes_that_kind() {
    let parsed = track(json!({
        "userId": "u-1", "messageId": "m-1", "event": "order_reported", "timestamp": "2026-11-20T09:00:00Z",
        "properties": {"order": "A-1", "amount_minor": 1250, "currency": "EUR", "event": "conf", "card": "4111", "seat": "4A",
                       "email": "ada@a.example", "address": "203.0.113.9"},
    }));
    let draft = good(&parsed);
    assert_eq!(
        (draft.record.kind, draft.record.amount_minor, draft.record.currency),
        (Kind::OrderReported, 1250, Currency::EUR)
    );
    assert_eq!((draft.record.event.to_string(), draft.record.message.to_string()), ("conf".into(), "m-1".into()));
    assert_eq!((draft.card.as_str(), draft.address.as_str()), ("4111", "203.0.113.9"));
    assert_eq!(draft.sealed.personal["email"], "ada@a.example");
    assert_eq!(draft.sealed.properties["seat"], "4A");
    assert_eq!(draft.stamps.timestamp, Some(Timestamp::parse("2026-11-20T09:00:00Z").unwrap()));
}

#[test]
fn a_kind_without_its_columns_is_a_letter_that_names_them() {
    let parsed = track(json!({"userId": "u-1", "event": "session_joined", "properties": {}}));
    let letter = bad(&parsed);
    assert_eq!((letter.reason, letter.errors[0].field.as_str()), (Reason::MissingField, "session"));
    assert_eq!(letter.user, "u-1");
}

#[test]
fn each_wrong_field_is_named() {
    let parsed = track(json!({
        "userId": ["u"], "event": "order_reported", "timestamp": "yesterday",
        "properties": {"order": "A-1", "amount_minor": "12.50", "currency": "XXX"},
    }));
    let fields: Vec<&str> = bad(&parsed).errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["userId", "timestamp", "properties.amount_minor", "properties.currency", "userId"]);
}

#[test]
fn nobody_is_an_error_in_segment_only() {
    assert_eq!(bad(&track(json!({"event": "x"}))).errors[0].field, "userId");
    let line = br#"{"kind": "ad_served", "ad": "a-1"}"#;
    assert_eq!(good(&ndjson::parse(line, &arrival()).unwrap()).record.kind, Kind::AdServed);
}

#[test]
fn a_client_cannot_speak_for_the_stream() {
    let parsed = track(json!({"userId": "u", "event": "dead_lettered"}));
    assert_eq!(good(&parsed).record.kind, Kind::Track);
    let line = br#"{"kind": "replay_watermarked"}"#;
    assert_eq!(good(&ndjson::parse(line, &arrival()).unwrap()).record.kind, Kind::Unknown);
}

#[test]
fn a_page_takes_its_place_from_properties_or_context() {
    let body = json!({
        "anonymousId": "a-1", "name": "Talks", "properties": {"url": "https://e.example/talks/1?token=s3cret", "title": "T"},
        "context": {"page": {"referrer": "https://www.search.example/?q=me"}, "locale": "de_AT", "userAgent": "Mozilla/5.0 (iPhone; CPU)",
                    "campaign": {"name": "spring", "source": "mail"}, "device": {"id": "d-1"}, "ip": "198.51.100.7"},
    });
    let parsed = segment::parse(Endpoint::Page, body.to_string().as_bytes(), &arrival()).unwrap();
    let draft = good(&parsed);
    let record = &draft.record;
    assert_eq!(
        (record.path.as_str(), record.referrer.as_str(), record.name.as_str()),
        ("/talks/1", "search.example", "Talks")
    );
    assert_eq!((record.language.as_str(), record.channel.as_str()), ("de-AT", "mail"));
    assert_eq!(
        (record.campaign.to_string().as_str(), draft.device.as_str(), draft.address.as_str()),
        ("spring", "d-1", "198.51.100.7")
    );
}

#[test]
fn traits_are_sealed() {
    let body = json!({"userId": "u", "anonymousId": "a", "traits": {"firstName": "Ada", "plan": "pro", "createdAt": "2026-01-01T00:00:00Z"}});
    let parsed = segment::parse(Endpoint::Identify, body.to_string().as_bytes(), &arrival()).unwrap();
    let draft = good(&parsed);
    assert_eq!((draft.sealed.personal["firstName"].as_str(), &draft.sealed.properties["plan"]), ("Ada", &json!("pro")));
    assert_eq!(draft.record.signup_time, Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    assert!(!draft.record.name.is_some());
}

#[test]
fn free_text_is_sealed_and_counted() {
    let parsed = track(
        json!({"userId": "u", "event": "chat_reported", "properties": {"message": "grüß Gott", "receiver": "v"}}),
    );
    let draft = good(&parsed);
    assert_eq!((draft.sealed.text.as_str(), draft.record.text_chars, draft.receiver.as_str()), ("grüß Gott", 9, "v"));
}

#[test]
fn a_name_among_properties_never_fills_a_column() {
    let parsed = track(
        json!({"userId": "u", "event": "registration_reported", "properties": {"name": "Ada Lovelace", "choice": "yes"}}),
    );
    let draft = good(&parsed);
    assert!(!draft.record.name.is_some());
    assert_eq!(draft.sealed.personal["name"], "Ada Lovelace");
}

#[test]
fn an_address_is_no_id() {
    for properties in [json!({"order": "ada@a.example"}), json!({"session": "s", "order": "o", "item": "a@b.example"})]
    {
        let parsed = track(json!({"userId": "u", "event": "order_reported", "properties": properties}));
        assert!(bad(&parsed).errors[0].problem.contains("e-mail address"));
    }
    let parsed = track(json!({"userId": "u", "event": "Order Completed", "properties": {"order_id": "ada@a.example"}}));
    assert_eq!(bad(&parsed).errors[0].field, "properties.order_id");
}

#[test]
fn a_batch_keeps_its_good_messages() {
    let body = json!({
        "sentAt": "2026-11-20T12:00:05Z",
        "batch": [
            {"type": "track", "userId": "u", "event": "Signed Up", "timestamp": "2026-11-20T12:00:00Z"},
            {"type": "track", "userId": "u"},
            7,
            {"type": "survey", "userId": "u", "answer": 42},
            {"type": "alias", "userId": "u", "previousId": "a"},
            {"type": "group", "userId": "u", "groupId": "g", "traits": {"name": "Acme"}},
        ],
    });
    let parsed = segment::parse(Endpoint::Batch, body.to_string().as_bytes(), &arrival()).unwrap();
    let Parsed::Draft(first) = &parsed[0] else { panic!() };
    assert_eq!(first.stamps.sent_at, Some(Timestamp::parse("2026-11-20T12:00:05Z").unwrap()));
    assert_eq!((first.record.kind, first.record.name.as_str()), (Kind::Track, "Signed Up"));
    assert_eq!((bad(&parsed[1..]).place.as_str(), bad(&parsed[2..]).reason), ("message 2", Reason::NotAnObject));
    let unknown = good(&parsed[3..]);
    assert_eq!((unknown.record.kind, unknown.record.name.as_str()), (Kind::Unknown, "survey"));
    assert!(unknown.sealed.original.contains("42"));
    assert_eq!((good(&parsed[4..]).previous.as_str(), good(&parsed[5..]).record.name.as_str()), ("a", "g"));
}

/// A batch as `@segment/analytics-node` 2 sends it.
const NODE: &str = r#"{"batch":[{"userId":"u-1","event":"Talk Rated","properties":{"stars":5},"integrations":{},"type":"track",
"context":{"library":{"name":"@segment/analytics-node","version":"2.1.3"}},"timestamp":"2026-11-20T11:59:58.123Z",
"messageId":"node-next-1763639998123-6c4e4b9d-31d2-4a4f-8a3f-2f0f1c6a7b8c","_metadata":{"nodeVersion":"22.1.0","jsRuntime":"node"}}],
"writeKey":"key","sentAt":"2026-11-20T11:59:59.000Z"}"#;

/// A batch as `segment-analytics-python` 2 sends it.
const PYTHON: &str = r#"{"batch": [{"integrations": {}, "anonymousId": null, "properties": {"stars": 5}, "timestamp":
"2026-11-20T11:59:58.123456+00:00", "context": {"library": {"name": "analytics-python", "version": "2.3.3"}}, "userId": "u-1",
"type": "track", "event": "Talk Rated", "messageId": "0d0f5c6e-8a7f-4f3e-9a57-0f8f6f1f1a11"}], "sentAt": "2026-11-20T11:59:59.000000+00:00",
"writeKey": "key"}"#;

#[test]
fn segments_own_libraries_are_understood() {
    for body in [NODE, PYTHON] {
        let parsed = segment::parse(Endpoint::Batch, body.as_bytes(), &arrival()).unwrap();
        let draft = good(&parsed);
        assert_eq!(
            (draft.record.kind, draft.record.name.as_str(), draft.user.as_str()),
            (Kind::Track, "Talk Rated", "u-1")
        );
        assert!(draft.record.message.is_some() && draft.stamps.timestamp.is_some() && draft.stamps.sent_at.is_some());
        assert_eq!(draft.sealed.properties["stars"], 5);
    }
}

#[test]
fn a_pipelines_corrected_time_is_not_corrected_again() {
    let parsed = track(json!({"userId": "u", "event": "x", "timestamp": "2026-11-20T09:00:00Z",
        "originalTimestamp": "2026-11-20T08:00:00Z", "sentAt": "2026-11-20T08:00:01Z"}));
    assert!(good(&parsed).stamps.corrected);
}

#[test]
fn what_cannot_be_read_is_refused_as_a_whole() {
    for body in ["", "{", "[1]", "null", "{\"batch\": 1}", "{}"] {
        assert!(
            matches!(segment::parse(Endpoint::Batch, body.as_bytes(), &arrival()), Err(ParseError::Unparseable(_))),
            "{body}"
        );
    }
    assert!(segment::parse(Endpoint::Track, b"[]", &arrival()).is_err());
    assert!(cloudevents::parse_batch(b"{}", &arrival()).is_err());
}

#[test]
fn large_and_deep_messages_are_letters() {
    let large = json!({"userId": "u", "event": "x", "properties": {"x": "y".repeat(40_000)}});
    assert_eq!(bad(&track(large)).reason, Reason::TooLarge);
    let deep =
        format!(r#"{{"userId": "u", "event": "x", "properties": {{"x": {}{}}}}}"#, "[".repeat(40), "]".repeat(40));
    let parsed = segment::parse(Endpoint::Track, deep.as_bytes(), &arrival()).unwrap();
    assert_eq!(bad(&parsed).reason, Reason::TooDeep);
    // Parsers that recurse would end the process here.
    let deepest = format!(r#"{{"batch": [{}{}]}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let parsed = segment::parse(Endpoint::Batch, deepest.as_bytes(), &arrival());
    assert!(parsed.is_err() || matches!(&parsed.unwrap()[0], Parsed::Letter(_)));
}

#[test]
fn cloud_events_are_read_in_all_modes() {
    let event = json!({
        "specversion": "1.0", "id": "e-1", "source": "/door/2", "type": "com.eventra.check_in_reported", "time": "2026-11-20T09:00:00Z",
        "subject": "Ada", "email": "ada@a.example", "data": {"actor": "u-1", "event": "conf", "message": "ignored"},
    });
    let structured = cloudevents::parse_structured(event.to_string().as_bytes(), &arrival()).unwrap();
    let draft = good(&structured);
    assert_eq!(
        (draft.record.kind, draft.user.as_str(), draft.record.source),
        (Kind::CheckInReported, "u-1", Source::CloudEvents)
    );
    assert_eq!(
        (&draft.sealed.properties["subject"], draft.sealed.personal["email"].as_str()),
        (&json!("Ada"), "ada@a.example")
    );
    let batch =
        cloudevents::parse_batch(json!([event, {"specversion": "0.3"}]).to_string().as_bytes(), &arrival()).unwrap();
    assert_eq!(good(&batch).record, draft.record);
    let fields: Vec<&str> = bad(&batch[1..]).errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["specversion", "id", "source", "type"]);
    let headers = [
        ("specversion", "1.0"),
        ("id", "e-1"),
        ("source", "/door%2F2".trim_end_matches("%2F2")),
        ("type", "check_in_reported"),
        ("time", "2026-11-20T09:00:00Z"),
        ("subject", "%41da"),
    ];
    let binary = cloudevents::parse_binary(&headers, br#"{"actor": "u-1", "event": "conf"}"#, &arrival()).unwrap();
    assert_eq!(
        (good(&binary).record.kind, &good(&binary).sealed.properties["subject"]),
        (Kind::CheckInReported, &json!("Ada"))
    );
    assert_ne!(good(&binary).record.message, draft.record.message, "another source is another message");
}

#[test]
fn ndjson_lines_stand_alone_and_have_ids_of_their_own() {
    let body = b"\xEF\xBB\xBF{\"kind\":\"item_viewed\",\"item\":\"i\",\"anonymous\":\"a\"}\r\n\n{\"kind\":\"item_viewed\"}\nnonsense\n{\"kind\":\"order_reported\",\"order\":\"o\",\"personal\":{\"name\":\"Ada\"},\"properties\":{\"x\":1}}";
    let parsed = ndjson::parse(body, &arrival()).unwrap();
    assert_eq!(parsed.len(), 4);
    assert_eq!((bad(&parsed[1..]).place.as_str(), bad(&parsed[2..]).place.as_str()), ("line 3", "line 4"));
    let order = good(&parsed[3..]);
    assert_eq!((order.sealed.personal["name"].as_str(), &order.sealed.properties["x"]), ("Ada", &json!(1)));
    assert_ne!(good(&parsed).record.message, order.record.message);
    assert_eq!(ndjson::parse(body, &arrival()).unwrap(), parsed, "the same upload has the same ids");
}

fn jsonish() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"userId\"",
        "\"event\"",
        "\"type\"",
        "\"track\"",
        "\"batch\"",
        "\"properties\"",
        "\"timestamp\"",
        "\"kind\"",
        "\"order_reported\"",
        "\"specversion\"",
        "\"data\"",
        "\"context\"",
        "\"products\"",
        "\"Order Completed\"",
        "\"order_id\"",
        "\"total\"",
        "1",
        "-1e999",
        "null",
        "true",
        "\"\\ud800\"",
        "\"x\"",
        "\n",
        "\u{0}",
        "é",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in jsonish()) {
        for endpoint in ["track", "identify", "page", "screen", "group", "alias", "batch"] {
            let _ = segment::parse(Endpoint::parse(endpoint).unwrap(), text.as_bytes(), &arrival());
        }
        let _ = cloudevents::parse_structured(text.as_bytes(), &arrival());
        let _ = cloudevents::parse_batch(text.as_bytes(), &arrival());
        let _ = cloudevents::parse_binary(&[("type", &text), ("id", &text)], text.as_bytes(), &arrival());
        let _ = ndjson::parse(text.as_bytes(), &arrival());
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = segment::parse(Endpoint::Batch, &bytes, &arrival());
        let _ = cloudevents::parse_structured(&bytes, &arrival());
        let _ = ndjson::parse(&bytes, &arrival());
        for set in collect::replay::Dataset::ALL {
            let _ = collect::replay::row(set, &bytes, Currency::USD);
        }
    }

    #[test]
    fn no_property_is_lost(keys in prop::collection::btree_set("[a-z_]{1,12}", 0..12)) {
        let properties: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), json!("1"))).collect();
        let parsed = track(json!({"userId": "u", "event": "x", "properties": properties}));
        match &parsed[0] {
            Parsed::Letter(letter) => prop_assert!(!letter.errors.is_empty()),
            Parsed::Draft(draft) => for key in &keys {
                let columns = ["device", "visit", "visit_id", "card", "receiver", "linked", "text", "revenue", "currency"];
                let declared = records::Column::ALL.iter().any(|column| column.is_declared() && column.name() == key);
                let sealed = draft.sealed.personal.contains_key(key) || draft.sealed.properties.contains_key(key);
                prop_assert!(sealed || declared || columns.contains(&key.as_str()), "{key}");
            },
        }
    }
}
