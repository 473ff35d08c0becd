//! Mails to a real SMTP server (PyPI's `aiosmtpd`): none is lost, none comes twice, and what they say is in no log.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::analysts::{cache, must_run};
use crate::run::run;
use crate::serving::{Process, applied};

const PACKAGE: &str = "aiosmtpd==1.4.6";

/// Takes mails and prints each as JSON. The first try for `slow@` is put off, every one for `gone@` refused.
const SERVER: &str = r#"
import base64, email, email.policy, json, sys, threading
from aiosmtpd.controller import Controller
put_off = set()
class Taking:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('gone@'):
            return '550 5.1.1 no such mailbox'
        if address.startswith('slow@') and address not in put_off:
            put_off.add(address)
            return '451 4.7.1 come back later'
        envelope.rcpt_tos.append(address)
        return '250 OK'
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        single = [part for part in message.walk() if not part.is_multipart()]
        parts = {part.get_content_type(): part.get_content() for part in single if not part.get_filename()}
        attached = [{'name': part.get_filename(), 'type': part.get_content_type(),
                     'body': base64.b64encode(part.get_payload(decode=True)).decode()}
                    for part in single if part.get_filename()]
        print(json.dumps({'to': envelope.rcpt_tos[0], 'subject': message['Subject'], 'id': message['Message-ID'],
                          'from': message['From'], 'parts': parts, 'attached': attached}), flush=True)
        return '250 OK'
controller = Controller(Taking(), hostname='127.0.0.1', port=int(sys.argv[1]))
controller.start()
print('ready', flush=True)
sys.stdin.read()
controller.stop()
"#;

/// The server; ends with the test.
pub(crate) struct Server {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Server {
    pub(crate) fn start(folder: &Path, port: u16) -> Self {
        let script = folder.join("server.py");
        std::fs::write(&script, SERVER).unwrap();
        let mut command = Command::new("python3");
        command.arg(&script).arg(port.to_string()).env("PYTHONPATH", folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        Self { child, lines }
    }

    /// The next mail.
    pub(crate) fn mail(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Ends, and gives what came that nobody asked for.
    pub(crate) fn end(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        self.child.wait().unwrap();
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already, mostly.
        let _ = self.child.kill();
    }
}

fn waiting(process: &Process, token: &str) -> u64 {
    let (status, system) = process.ask_with(token, "GET", "/v1/system", "");
    assert_eq!(status, 200, "{system}");
    system["data"]["mails_waiting"].as_u64().unwrap()
}

fn reset(process: &Process, email: &str) {
    let (status, answer) = process.ask_with("", "POST", "/v1/password-resets", &json!({"email": email}).to_string());
    assert_eq!(status, 202, "{answer}");
}

pub(crate) fn sign_in(process: &Process, email: &str) -> String {
    let link = run(&process.folder, &["sign-in-link", email]).out;
    let body = json!({"token": link.trim().split_once("#token=").unwrap().1, "as": "bearer"}).to_string();
    let (status, opened) = process.ask_with("", "POST", "/v1/logins/link", &body);
    assert_eq!(status, 201, "{opened}");
    opened["data"]["token"].as_str().unwrap().to_owned()
}

/// The server's package.
pub(crate) fn installed() -> std::path::PathBuf {
    cache("aiosmtpd-1.4.6", |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        must_run(pip.arg(folder).arg(PACKAGE), "pip install of an SMTP server");
    })
}

#[test]
fn mails_arrive_once_whatever_ends_in_between() {
    let python = installed();
    let folder = applied();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("smtp://user:hidden-word@127.0.0.1:{port}");
    let plain = format!("smtp://127.0.0.1:{port}");
    let settings = ["--warehouse", "none", "--log-filter", "info", "--mail-from", "Acme <mail@acme.example>"];
    let all = [&settings[..], &["--smtp-url", &plain]].concat();
    let log = folder.path().join("log.txt");
    let start = || {
        let file = File::options().create(true).append(true).open(&log).unwrap();
        Process::start_with(folder.path(), &all, Some(file))
    };
    // Nobody takes mails yet; the process ends as it likes.
    let process = start();
    for email in ["ann@example.org", "slow@example.org", "gone@example.org"] {
        assert_eq!(run(folder.path(), &["user", "add", email, "--name", "Änn", "--admin"]).code, 0);
    }
    let token = sign_in(&process, "ann@example.org");
    reset(&process, "ann@example.org");
    process.wait("a mail waits", |process| waiting(process, &token) == 1);
    process.kill();

    let mut server = Server::start(&python, port);
    let process = start();
    let mail = server.mail();
    assert_eq!(
        (mail["to"].as_str(), mail["subject"].as_str()),
        (Some("ann@example.org"), Some("Choose another password"))
    );
    assert_eq!(mail["from"], "Acme <mail@acme.example>");
    let (text, html) = (mail["parts"]["text/plain"].as_str().unwrap(), mail["parts"]["text/html"].as_str().unwrap());
    assert!(text.contains("Hello Änn,") && html.contains("Hello Änn,"), "{text} {html}");
    let secret = text.split_once("#token=").unwrap().1.trim().to_owned();
    process.wait("the mail is settled", |process| waiting(process, &token) == 0);
    // Put off once, and refused for ever.
    reset(&process, "slow@example.org");
    reset(&process, "gone@example.org");
    assert_eq!(server.mail()["to"], "slow@example.org");
    process.wait("both are settled", |process| waiting(process, &token) == 0);
    process.kill();

    let process = start();
    let choose = json!({"token": secret, "password": "correct horse battery staple"}).to_string();
    assert_eq!(process.ask_with("", "PUT", "/v1/password-resets", &choose).0, 204);
    let told = server.mail();
    assert_eq!(
        (told["to"].as_str(), told["subject"].as_str()),
        (Some("ann@example.org"), Some("Your password was changed"))
    );
    let token = sign_in(&process, "ann@example.org");
    process.wait("nothing waits", |process| waiting(process, &token) == 0);
    process.terminate();
    assert_eq!(server.end(), [""; 0], "each mail came once");
    let words = std::fs::read_to_string(&log).unwrap();
    for hidden in ["#token", "eo_", "ann@example.org", "gone@example.org", "correct horse", secret.as_str()] {
        assert!(!words.contains(hidden), "`{hidden}` stands in the process's log: {words}");
    }
    let shown = run(folder.path(), &["config", "--smtp-url", &url]);
    assert!(!format!("{}{}", shown.out, shown.err).contains("hidden-word"), "{}", shown.out);
    let wrong = run(folder.path(), &["serve", "--smtp-url", "nonsense://hidden-word", "--warehouse", "none"]);
    assert!(wrong.err.contains("smtp_url") && !wrong.err.contains("hidden-word"), "{}", wrong.err);
}
