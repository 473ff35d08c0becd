//! Mails to buyers, through the binary and a real SMTP server: how to pay, tickets and invoice, and none of it twice,
//! whatever ends in between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::mails::{Server, installed, sign_in};
use crate::run::run;
use crate::serving::{Process, applied};

const OFFICE: &str = "/v1/organizations/acme/events/conf/box-office";
const SHOP: &str = "/v1/shop/acme/conf";

fn done(process: &Process, key: &str, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = process.ask_with(key, method, path, &body);
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer["data"].clone()
}

fn offer(process: &Process, token: &str) {
    let tiers = json!([{"title": "Standard", "prices": [{"minor": 11_900, "currency": "EUR"}]}]);
    let product = json!({"title": "Pass", "tiers": tiers, "tax": 1_900});
    done(process, token, "PUT", &format!("{OFFICE}/products/pass"), &product);
    let quota = json!({"title": "Hall", "size": 5, "products": [{"product": "pass"}]});
    done(process, token, "PUT", &format!("{OFFICE}/quotas/hall"), &quota);
    let invoicing = json!({"address": "Große Straße 1", "bank": "IBAN DE00 1234"});
    done(process, token, "PUT", "/v1/organizations/acme/invoicing", &invoicing);
}

fn order(process: &Process) -> Value {
    let cart = json!({"lines": [{"product": "pass", "count": 1}], "currency": "EUR"});
    let hold = done(process, "", "POST", &format!("{SHOP}/holds"), &cart);
    let buyer = json!({"email": "ann@example.org", "name": "Änn", "language": "de"});
    let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "transfer"});
    done(process, "", "POST", &format!("{SHOP}/orders"), &wish)
}

/// Sets when the event takes place.
fn schedule(process: &Process, token: &str, day: &str) {
    let event = json!({"title": "Conference", "zone": "Europe/Berlin", "starts": format!("{day}T08:00:00Z"),
        "ends": format!("{day}T16:00:00Z")});
    done(process, token, "PUT", "/v1/organizations/acme/events/conf", &event);
}

fn calendar(mail: &Value) -> String {
    let file = attached(mail).into_iter().find(|(name, _)| name == "event.ics").unwrap();
    String::from_utf8(file.1).unwrap()
}

#[test]
fn ticket_holders_hear_once_that_an_event_moved_and_that_it_is_off_whatever_ends_in_between() {
    let python = installed();
    let folder = applied();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("smtp://127.0.0.1:{port}");
    let settings = ["--warehouse", "none", "--log-filter", "warn", "--mail-from", "Acme <mail@acme.example>"];
    let all = [&settings[..], &["--smtp-url", &url, "--public-url", "https://tickets.example"]].concat();
    let start = || Process::start_with(folder.path(), &all, None);
    let mut server = Server::start(&python, port);
    let process = start();
    assert_eq!(run(folder.path(), &["user", "add", "boss@example.org", "--name", "Boss", "--admin"]).code, 0);
    let token = sign_in(&process, "boss@example.org");
    offer(&process, &token);
    schedule(&process, &token, "2030-03-30");
    let placed = order(&process);
    let id = placed["id"].as_str().unwrap();
    server.mail();
    let receipt = json!({"amount": 11_900, "reference": "bank 7"});
    done(&process, &token, "POST", &format!("{OFFICE}/orders/{id}/receipts"), &receipt);
    let first = calendar(&server.mail());
    assert!(first.contains("DTSTART;TZID=Europe/Berlin:20300330T090000\r\n"), "{first}");

    // Moved over the change of clocks; the process ends before it was told.
    schedule(&process, &token, "2030-03-31");
    process.kill();
    let process = start();
    let mail = server.mail();
    assert_eq!(
        (mail["to"].as_str(), mail["subject"].as_str()),
        (Some("ann@example.org"), Some("Conference wurde geändert"))
    );
    let text = mail["parts"]["text/plain"].as_str().unwrap();
    assert!(text.contains("Wann: 2030-03-31 10:00 CEST") && text.contains("bisher: 2030-03-30 09:00 CET"), "{text}");
    assert!(text.contains("https://tickets.example/e/acme/conf"), "{text}");
    let moved = calendar(&mail);
    assert!(moved.contains("METHOD:PUBLISH\r\n") && moved.contains("DTSTART;TZID=Europe/Berlin:20300331T100000\r\n"));
    process.wait("the mail is settled", |process| {
        let (_, facts) = process.ask_with(&token, "GET", "/v1/system", "");
        facts["data"]["mails_waiting"].as_u64() == Some(0)
    });
    let off = json!({"status": "called_off", "reason": "Der Saal ist abgebrannt."});
    done(&process, &token, "PUT", "/v1/organizations/acme/events/conf/programme/status", &off);
    process.terminate();
    let process = start();
    let mail = server.mail();
    assert_eq!(mail["subject"], "Conference findet nicht statt");
    let text = mail["parts"]["text/plain"].as_str().unwrap();
    assert!(text.contains("119,00 EUR") && text.contains("nicht von selbst zurück"), "{text}");
    assert!(text.contains("Der Saal ist abgebrannt.") && text.contains(id), "{text}");
    assert!(calendar(&mail).contains("METHOD:CANCEL\r\n"));
    process.wait("the mail is settled", |process| {
        let (_, facts) = process.ask_with(&token, "GET", "/v1/system", "");
        facts["data"]["mails_waiting"].as_u64() == Some(0)
    });
    process.terminate();
    let process = start();
    process.terminate();
    assert_eq!(server.end(), [""; 0], "each mail came once");
}

fn attached(mail: &Value) -> Vec<(String, Vec<u8>)> {
    let attached = mail["attached"].as_array().unwrap().iter();
    attached
        .map(|one| (one["name"].as_str().unwrap().to_owned(), STANDARD.decode(one["body"].as_str().unwrap()).unwrap()))
        .collect()
}

#[test]
fn a_buyer_is_told_how_to_pay_and_gets_tickets_and_invoice_once_whatever_ends_in_between() {
    let python = installed();
    let folder = applied();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("smtp://127.0.0.1:{port}");
    let settings = ["--warehouse", "none", "--log-filter", "info", "--mail-from", "Acme <mail@acme.example>"];
    let all = [&settings[..], &["--smtp-url", &url, "--public-url", "https://tickets.example"]].concat();
    let log = folder.path().join("log.txt");
    let start = || {
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        Process::start_with(folder.path(), &all, Some(file))
    };
    // Nobody takes mails yet, and the process ends as it likes.
    let process = start();
    assert_eq!(run(folder.path(), &["user", "add", "boss@example.org", "--name", "Boss", "--admin"]).code, 0);
    let token = sign_in(&process, "boss@example.org");
    offer(&process, &token);
    let placed = order(&process);
    let (id, secret) = (placed["id"].as_str().unwrap(), placed["secret"].as_str().unwrap());
    process.kill();

    let mut server = Server::start(&python, port);
    let process = start();
    let mail = server.mail();
    assert_eq!(
        (mail["to"].as_str(), mail["subject"].as_str()),
        (Some("ann@example.org"), Some("Ihre Bestellung für Conference: bitte 119,00 EUR überweisen"))
    );
    let text = mail["parts"]["text/plain"].as_str().unwrap();
    let link = format!("https://tickets.example/shop/acme/conf/orders/{id}#secret={secret}");
    assert!(text.contains("Guten Tag Änn,") && text.contains("IBAN DE00 1234") && text.contains(&link), "{text}");
    let receipt = json!({"amount": 11_900, "reference": "bank 7"});
    done(&process, &token, "POST", &format!("{OFFICE}/orders/{id}/receipts"), &receipt);
    process.kill();

    // Whatever was begun is finished, and nothing is done twice.
    let process = start();
    let mail = server.mail();
    assert_eq!(mail["subject"], "Ihre Tickets für Conference");
    let invoices = done(&process, &token, "GET", "/v1/organizations/acme/invoices", &Value::Null);
    assert_eq!(invoices.as_array().unwrap().len(), 1, "{invoices}");
    let number = invoices[0]["number"].as_str().unwrap();
    let came = attached(&mail);
    let names: Vec<&str> = came.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[2]), (3, format!("{number}.pdf").as_str(), "event.ics"), "{names:?}");
    assert!(came[0].1.starts_with(b"%PDF-") && came[1].1.starts_with(b"%PDF-"));
    assert!(came[2].1.starts_with(b"BEGIN:VCALENDAR\r\n"));
    process.wait("the mail is settled", |process| {
        let (_, facts) = process.ask_with(&token, "GET", "/v1/system", "");
        facts["data"]["mails_waiting"].as_u64() == Some(0)
    });
    process.terminate();
    let process = start();
    done(&process, &token, "POST", &format!("{OFFICE}/orders/{id}/letters"), &Value::Null);
    let again = server.mail();
    assert_eq!(attached(&again), came, "the same documents, byte for byte");
    assert_ne!(again["id"], mail["id"]);
    process.terminate();
    assert_eq!(server.end(), [""; 0], "each mail came once");
    let words = std::fs::read_to_string(&log).unwrap();
    for hidden in ["ann@example.org", "Änn", secret] {
        assert!(!words.contains(hidden), "`{hidden}` stands in the process's log: {words}");
    }
}
