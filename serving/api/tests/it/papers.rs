//! Documents as other people's programs read them: qpdf looks at the structure, poppler at the text and the picture, ZBar at
//! the code in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::booking::{OFFICE, SHOP, cart, data, furnished, send, show};
use crate::books::document;
use crate::house::{House, run};

/// A name in four scripts, and a title with what XML and PDF write otherwise.
const NAME: &str = "Jörg Žižka, Ελένη Παπαδοπούλου, Юлия Щербакова";

/// Whether a program is there; where it is not, the test says so.
fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: {program} is not installed (scripts/setup test installs it)");
    }
    there
}

fn told(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn saved(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// An order of somebody with such a name, paid.
async fn bought(house: &House) -> Value {
    let invoicing =
        json!({"name": "Ünïversum & Söhne", "address": "Große Straße 1\n12345 Ort", "tax_id": "DE123456789"});
    data(send(house, Method::PUT, "/v1/organizations/acme/invoicing", "", invoicing).await, StatusCode::OK);
    let hold = data(send(house, Method::POST, &format!("{SHOP}/holds"), "", cart(2)).await, StatusCode::CREATED);
    let buyer = json!({"email": "a@example.org", "name": NAME, "address": "Οδός Ερμού 5\nΑθήνα", "tax_id": "EL999"});
    let wish = json!({"hold": hold["id"], "buyer": buyer, "provider": "transfer"});
    let order = data(send(house, Method::POST, &format!("{SHOP}/orders"), "", wish).await, StatusCode::CREATED);
    let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
    let receipt = json!({"amount": 23_800, "reference": "bank 7"});
    let receipts = format!("{OFFICE}/orders/{id}/receipts");
    data(send(house, Method::POST, &receipts, "", receipt).await, StatusCode::OK);
    house.api.write_books().await;
    let own = format!("{SHOP}/orders/{id}");
    data(show(house, Method::GET, &own, ("", secret), Value::Null).await, StatusCode::OK)
}

#[test]
fn documents_are_sound_and_their_text_is_read_by_others() {
    if !(is_there("qpdf") && is_there("pdftotext")) {
        return;
    }
    run(async {
        let house = furnished().await;
        let order = bought(&house).await;
        let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let ticket = format!("{SHOP}/orders/{id}/tickets/{}/pdf", order["tickets"][0]["id"].as_str().unwrap());
        let cancel = json!({"why": "buyer", "positions": [1]});
        let cancellation = format!("{OFFICE}/orders/{id}/cancellation");
        let ticket = document(&house, &ticket, secret).await;
        data(send(&house, Method::POST, &cancellation, "", cancel).await, StatusCode::OK);
        house.api.write_books().await;
        let own = "/v1/organizations/acme";
        for (name, bytes, words) in [
            (
                "invoice",
                document(&house, &format!("{own}/invoices/INV-2025-000001/pdf"), "").await,
                vec![
                    NAME,
                    "Ünïversum & Söhne",
                    "Große Straße 1",
                    "Αθήνα",
                    "EL999",
                    "238.00 EUR",
                    "200.00 EUR",
                    "38.00 EUR",
                ],
            ),
            (
                "credit",
                document(&house, &format!("{own}/invoices/CN-2025-000001/pdf"), "").await,
                vec!["CN-2025-000001", "INV-2025-000001", "119.00 EUR", "19 %"],
            ),
            ("ticket", ticket, vec![NAME, "Conf", "Pass", id, "2025-11-20 12:00 UTC"]),
            (
                "statement",
                document(&house, &format!("{own}/statements.pdf"), "").await,
                vec!["Conf", "238.00 EUR", "-119.00 EUR", "Tax on sales"],
            ),
        ] {
            let path = saved(folder.path(), &format!("{name}.pdf"), &bytes);
            let path = path.to_str().unwrap();
            told("qpdf", &["--check", path]);
            let text = told("pdftotext", &["-layout", path, "-"]);
            // A name that is too long for its line goes on in the next one.
            let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let (shown, raw) = (plain(&text), plain(&told("pdftotext", &["-raw", path, "-"])));
            for word in words {
                assert!(shown.contains(word) || raw.contains(word), "{name} has no `{word}`:\n{text}");
            }
            let fonts = told("pdffonts", &[path]);
            let embedded =
                fonts.lines().skip(2).all(|line| line.contains("DejaVuSans") && line.contains(" yes yes yes "));
            assert!(embedded && fonts.lines().count() > 2, "{fonts}");
        }
    });
}

#[test]
fn the_code_on_a_printed_ticket_is_the_one_that_doors_read() {
    if !(is_there("pdftoppm") && is_there("zbarimg")) {
        return;
    }
    run(async {
        let house = furnished().await;
        let order = bought(&house).await;
        let (id, secret) = (order["id"].as_str().unwrap(), order["secret"].as_str().unwrap());
        let folder = tempfile::tempdir().unwrap();
        for ticket in order["tickets"].as_array().unwrap() {
            let path = format!("{SHOP}/orders/{id}/tickets/{}/pdf", ticket["id"].as_str().unwrap());
            let pdf = saved(folder.path(), "ticket.pdf", &document(&house, &path, secret).await);
            let picture = folder.path().join("ticket");
            told("pdftoppm", &["-r", "150", "-png", "-singlefile", pdf.to_str().unwrap(), picture.to_str().unwrap()]);
            let read = told(
                "zbarimg",
                &["--quiet", "--raw", "-Sqrcode.enable", folder.path().join("ticket.png").to_str().unwrap()],
            );
            let text = read.trim_end_matches('\n');
            assert_eq!(text, ticket["text"].as_str().unwrap());
            let look = json!({"scans": [{"id": ticket["id"], "text": text, "at": "2025-11-20T12:00:00Z"}]});
            let scans = format!("{OFFICE}/doors/main/scans");
            let seen = data(send(&house, Method::POST, &scans, "", look).await, StatusCode::OK);
            assert_eq!(seen["results"][0]["outcome"], "admitted");
        }
    });
}
