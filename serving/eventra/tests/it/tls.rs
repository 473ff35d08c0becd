//! A process with a certificate speaks TLS, behind proxies it believes only those that it was told of, and a changed
//! certificate is taken on SIGHUP.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::run::run;
use crate::serving::{KEY, Process, applied};

fn certificate(folder: &Path, name: &str) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={name}")]);
    openssl.arg("-keyout").arg(folder.join("key.pem")).arg("-out").arg(folder.join("certificate.pem"));
    let made = openssl.output().expect("openssl makes the test's certificate");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What `openssl s_client` prints when it asks for a path.
fn ask(address: &str, path: &str, headers: &str) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-tls1_3", "-connect", address, "-ign_eof"]);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_process_with_a_certificate_speaks_tls_and_takes_a_renewed_one() {
    let folder = applied();
    certificate(folder.path(), "before");
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (chain, key) = (file("certificate.pem"), file("key.pem"));
    let settings = ["--warehouse", "none", "--log-filter", "warn", "--tls-certificate", &chain, "--tls-key", &key];
    let process = Process::start_with(folder.path(), &settings, None);
    let bearer = format!("Authorization: Bearer {KEY}\r\n");
    let answer = ask(&process.address, "/v1/views/freshness", &bearer);
    assert!(answer.contains("HTTP/1.1 200") && answer.contains("strict-transport-security"), "{answer}");
    // Nobody is believed who says that they are this machine's proxy, nor who says where they come from.
    let metrics = ask(&process.address, "/metrics", "X-Forwarded-For: 203.0.113.9\r\n");
    assert!(metrics.contains("HTTP/1.1 200"), "{metrics}");
    certificate(folder.path(), "after");
    process.hang_up();
    process.wait("the renewed certificate", |process| ask(&process.address, "/healthz", "").contains("after"));
    process.terminate();
}

#[test]
fn behind_a_proxy_the_client_is_whom_the_proxy_names() {
    let folder = applied();
    let settings = ["--warehouse", "none", "--log-filter", "warn", "--trusted-proxies", "127.0.0.0/8"];
    let process = Process::start_with(folder.path(), &settings, None);
    let ask = |forwarded: &str| {
        let mut stream = std::net::TcpStream::connect(&process.address).unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{forwarded}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
        text.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(ask(""), "200");
    assert_eq!(ask("X-Forwarded-For: 203.0.113.9\r\n"), "403", "metrics are for this machine only");
    assert_eq!(ask("X-Forwarded-For: 127.0.0.1, 203.0.113.9\r\n"), "403");
    process.terminate();
}

#[test]
fn half_a_certificate_is_refused_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["serve", "--warehouse", "none", "--listen", "127.0.0.1:0", "--tls-key", "key.pem"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("`tls_key` is set and `tls_certificate` is not"), "{}", ran.err);
    let wrong = run(folder.path(), &["config", "--trusted-proxies", "ten"]);
    assert!(wrong.code != 0 && wrong.err.contains("`ten` is neither an address nor a block"), "{}", wrong.err);
}
