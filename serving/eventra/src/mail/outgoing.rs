//! Where mails go: to an SMTP server, into a mailbox that a demo shows, or nowhere yet.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Context as _;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox as Person, MultiPart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use parking_lot::Mutex;

use super::Ready;

/// How long a mail server may take.
const WITHIN: Duration = Duration::from_secs(30);
/// Mails that a mailbox shows.
const SHOWN_MAX: usize = 200;

/// Where mails go.
pub(crate) enum Outgoing {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Into a mailbox.
    Mailbox(Mailbox),
    /// They wait.
    Nowhere,
}

/// A mail server, and who writes.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Person,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A mail server took it.
    Sent,
    /// Not now.
    Later(String),
    /// No mail server will.
    Never(String),
    /// Nobody takes mails here.
    Nowhere,
}

/// The newest mails, for a demo without a mail server.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<VecDeque<api::system::ShownMail>>);

impl Mailbox {
    /// The mails, the newest first.
    pub(crate) fn shown(&self) -> Vec<api::system::ShownMail> {
        self.0.lock().iter().rev().cloned().collect()
    }

    fn put(&self, mail: &Ready) {
        let shown = api::system::ShownMail {
            id: mail.id.clone(),
            to: mail.to.email.clone(),
            subject: mail.text.subject.clone(),
            text: mail.text.plain.clone(),
            link: mail.link.clone(),
        };
        let mut mails = self.0.lock();
        if mails.len() >= SHOWN_MAX {
            mails.pop_front();
        }
        mails.push_back(shown);
    }
}

impl Outgoing {
    /// To the mail server at this address: `smtp://`, `smtps://`, with name and password if it wants them;
    /// `?tls=required` for STARTTLS.
    ///
    /// # Errors
    /// When the address or the writer is none.
    pub(crate) fn smtp(url: &str, from: &str) -> anyhow::Result<Self> {
        // The library's error may hold the password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| {
            anyhow::anyhow!("`smtp_url` is no address such as smtp://user:password@host:587?tls=required")
        })?;
        let from = from.parse().context("`mail_from` is no address such as `Eventra <no-reply@example.org>`")?;
        Ok(Self::Smtp(Box::new(Smtp { transport: transport.timeout(Some(WITHIN)).build(), from })))
    }

    /// Sends a mail.
    pub(crate) async fn send(&self, mail: &Ready) -> Outcome {
        match self {
            Self::Nowhere => Outcome::Nowhere,
            Self::Mailbox(mailbox) => {
                mailbox.put(mail);
                Outcome::Sent
            }
            Self::Smtp(smtp) => smtp.send(mail).await,
        }
    }
}

impl Smtp {
    async fn send(&self, mail: &Ready) -> Outcome {
        let message = match message(mail, &self.from) {
            Ok(message) => message,
            Err(error) => return Outcome::Never(error),
        };
        match self.transport.send(message).await {
            Ok(_) => Outcome::Sent,
            // What the server says may hold the address: the code is enough.
            Err(error) => {
                let code = error.status().map_or_else(String::new, |code| format!(" with {code}"));
                if error.is_permanent() {
                    Outcome::Never(format!("the mail server refused it{code}"))
                } else if error.is_transient() {
                    Outcome::Later(format!("the mail server did not take it{code}"))
                } else {
                    Outcome::Later("the mail server was not reached".into())
                }
            }
        }
    }
}

fn message(mail: &Ready, from: &Person) -> Result<Message, String> {
    let text = mail.text.clone();
    let address: Address = mail.to.email.parse().map_err(|_| "the mail address is none".to_owned())?;
    let name = Some(mail.to.name.clone()).filter(|name| !name.is_empty());
    let mut body = MultiPart::alternative_plain_html(text.plain, text.html);
    if !mail.attachments.is_empty() {
        body = MultiPart::mixed().multipart(body);
        for attached in &mail.attachments {
            let media = ContentType::parse(attached.media).map_err(|_| "an attachment has no media type".to_owned())?;
            body = body.singlepart(Attachment::new(attached.name.clone()).body(attached.bytes.clone(), media));
        }
    }
    Message::builder()
        // The same mail has the same id, however often it is sent.
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .from(from.clone())
        .to(Person::new(name, address))
        .subject(text.subject)
        .multipart(body)
        .map_err(|_| "the mail cannot be written".to_owned())
}
