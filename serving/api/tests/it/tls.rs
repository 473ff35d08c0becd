//! TLS as OpenSSL sees it: 1.3 and nothing older, HTTP/2 and HTTP/1.1 inside, and a renewed certificate without a restart.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use api::tls::Tls;

use crate::house::House;
use crate::libraries::must_run;

fn certificate(folder: &Path, name: &str) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:localhost"]);
    openssl.arg("-keyout").arg(folder.join("key.pem")).arg("-out").arg(folder.join("certificate.pem"));
    must_run(&mut openssl, "openssl req");
}

fn open(folder: &Path) -> Tls {
    Tls::http(&folder.join("certificate.pem"), &folder.join("key.pem")).unwrap()
}

/// What `openssl s_client` prints, having asked for `/healthz`.
fn ask(address: SocketAddr, flags: &[&str]) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &address.to_string(), "-servername", "localhost", "-ign_eof"]).args(flags);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // Who was refused the handshake reads nothing more.
    let _ = client.stdin.take().unwrap().write_all(request.as_bytes());
    let output = client.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn only_tls_1_3_is_spoken_and_a_renewed_certificate_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "before");
    let tls = Arc::new(open(folder.path()));
    let house = House::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(api::server::serve_over(
        listener,
        house.router.clone(),
        Some(Arc::clone(&tls)),
        std::future::pending(),
    ));
    let (renew, mut renewed) = tokio::sync::mpsc::channel::<()>(1);
    runtime.spawn(Arc::clone(&tls).follow(Duration::from_secs(3_600), async move || renewed.recv().await.is_some()));

    let modern = ask(address, &["-tls1_3", "-alpn", "http/1.1"]);
    assert!(modern.contains("TLSv1.3") && modern.contains("CN = before") || modern.contains("CN=before"), "{modern}");
    assert!(modern.contains("HTTP/1.1 200 OK") && modern.contains("ALPN protocol: http/1.1"), "{modern}");
    assert!(modern.contains("strict-transport-security: max-age=31536000"), "{modern}");
    let old = ask(address, &["-tls1_2"]);
    assert!(!old.contains("HTTP/1.1 200") && old.contains("alert protocol version"), "{old}");
    assert!(ask(address, &["-tls1_3", "-alpn", "h2"]).contains("ALPN protocol: h2"));

    // A torn file changes nothing; a whole one is taken.
    std::fs::write(folder.path().join("certificate.pem"), "-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
    assert!(tls.reload().is_err());
    assert!(ask(address, &["-tls1_3"]).contains("before"));
    certificate(folder.path(), "after");
    renew.blocking_send(()).unwrap();
    let found = (0..200).any(|_| {
        let again = ask(address, &["-tls1_3"]);
        assert!(again.contains("HTTP/1.1 200 OK"), "{again}");
        again.contains("after")
    });
    assert!(found, "the renewed certificate is shown");
}

#[test]
fn files_that_are_no_certificates_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "x");
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let text = |certificate: &Path, key: &Path| Tls::http(certificate, key).unwrap_err().to_string();
    assert!(text(&folder.path().join("nothing.pem"), &key).contains("nothing.pem"));
    assert!(text(&key, &key).contains("holds 0 certificates"), "{}", text(&key, &key));
    assert!(text(&certificate, &certificate).contains("cannot be read as PEM"));
    let other = tempfile::tempdir().unwrap();
    self::certificate(other.path(), "y");
    assert!(text(&certificate, &other.path().join("key.pem")).contains("cannot be used"));
}
