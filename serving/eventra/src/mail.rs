//! Mails: what the facts say is to be sent, and no mail server has taken yet, goes to the mail server.
//!
//! The cursor is in the log: `mail_sent` and `mail_failed` are facts, so a mail is lost by no crash. Between the server's word
//! and the fact lies the only moment in which a crash sends a mail twice; both have the same `Message-ID`, by which servers
//! and readers know them as one.

mod buyers;
mod outgoing;
mod text;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::Api;
use api::accounts::{Letter, Personal};
use api::books::letters::Attachment;
use records::{MailId, Span};

pub(crate) use buyers::{Tries, round as round_of_buyers};
pub(crate) use outgoing::{Mailbox, Outcome, Outgoing};

/// How often it is looked whether a mail waits: people wait for links.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// Before a mail that the server did not take now is tried again: twice as long each time.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(900);
/// A mail that nobody took for so long is given up: its link has long ended.
const GIVE_UP: Span = Span::from_seconds(3 * 86_400);
/// Mails that are sent in one look.
const AT_ONCE: usize = 100;

/// One mail, ready to be written.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) id: MailId,
    pub(crate) to: Personal,
    pub(crate) language: String,
    pub(crate) letter: Letter,
}

/// A mail as it goes out.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The same for the same mail, however often it is sent.
    pub(crate) id: String,
    pub(crate) to: Personal,
    pub(crate) text: text::Text,
    /// Where it leads; empty for nowhere.
    pub(crate) link: String,
    pub(crate) attachments: Vec<Attachment>,
}

impl Mail {
    fn ready(&self) -> Ready {
        let (id, to, link) = (self.id.to_string(), self.to.clone(), self.letter.link.clone());
        Ready { id, to, text: text::text(self), link, attachments: Vec::new() }
    }
}

/// When a mail is tried next, and how long it is waited after that.
pub(crate) struct Pause {
    until: Instant,
    next: Duration,
}

/// Mails that are not tried again yet.
pub(crate) type Pauses = BTreeMap<MailId, Pause>;

/// Tries every mail that waits and is due.
pub(crate) async fn round(api: &Api, outgoing: &Outgoing, pauses: &mut Pauses) {
    let waiting = api.mails(AT_ONCE);
    pauses.retain(|id, _| waiting.iter().any(|waiting| waiting.id == *id));
    for waiting in waiting {
        if pauses.get(&waiting.id).is_some_and(|pause| pause.until > Instant::now()) {
            continue;
        }
        let outcome = match &waiting.letter {
            _ if api.clock.now().since(waiting.queued) > GIVE_UP => {
                Outcome::Never("no mail server took it in time".into())
            }
            None => Outcome::Never("it was written by a newer version".into()),
            Some((to, language, letter)) => {
                let mail = Mail { id: waiting.id, to: to.clone(), language: language.clone(), letter: letter.clone() };
                outgoing.send(&mail.ready()).await
            }
        };
        match outcome {
            Outcome::Sent => settle(api, &waiting, None).await,
            Outcome::Never(why) => settle(api, &waiting, Some(why)).await,
            Outcome::Later(why) => {
                let pause = pauses.get(&waiting.id).map_or(PAUSE, |pause| pause.next);
                tracing::warn!(mail = %waiting.id, why, again_in_s = pause.as_secs(), "a mail was not taken");
                let next = (pause * 2).min(PAUSE_MAX);
                pauses.insert(waiting.id, Pause { until: Instant::now() + pause, next });
            }
            // Nobody takes mails here: they wait for somebody who does.
            Outcome::Nowhere => return,
        }
    }
}

async fn settle(api: &Api, waiting: &api::accounts::Waiting, failed: Option<String>) {
    if let Some(why) = &failed {
        tracing::warn!(mail = %waiting.id, why, "a mail is given up");
    }
    if let Err(problem) = api.mail_settled(waiting, failed).await {
        // It is sent again with the same Message-ID: rather twice than never.
        tracing::warn!(mail = %waiting.id, code = problem.code.word(), "what became of a mail was not recorded");
    }
}
