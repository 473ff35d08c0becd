//! Mails to users, as commands: what they say is sealed, because links in them open doors.

use records::seal::Sealed;
use records::{MailId, Timestamp, UserId};
use rules::accounts::{Command, User, Wish};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::people::Personal;
use crate::Api;
use crate::problem::Problem;

/// Which text a mail has; whoever sends it knows them in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A link to choose another password.
    PasswordReset,
    /// A link to choose the first password, from an organization that somebody was made a member of.
    Invitation,
    /// Somebody was made a member of another organization.
    Membership,
    /// The password was changed.
    PasswordChanged,
    /// The second factor was set up or removed.
    SecondFactorChanged,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The text.
    pub template: Template,
    /// A link that goes into it; empty for none.
    #[serde(default)]
    pub link: String,
    /// An organization's name that goes into it; empty for none.
    #[serde(default)]
    pub organization: String,
}

impl Letter {
    /// A letter without a link.
    pub fn new(template: Template) -> Self {
        Self { template, link: String::new(), organization: String::new() }
    }

    /// As it is sealed.
    pub fn sealed(&self) -> Sealed {
        let properties = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        Sealed { properties, ..Sealed::default() }
    }

    /// Reads what was sealed; none when it is of a newer version.
    pub fn of(sealed: &Sealed) -> Option<Self> {
        serde_json::from_value(Value::Object(sealed.properties.clone())).ok()
    }
}

/// A mail that no server took yet.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The mail.
    pub id: MailId,
    /// Whom it goes to.
    pub user: UserId,
    /// Since when it waits.
    pub queued: Timestamp,
    /// Whom it goes to, their language, and what it says; none when it is of a newer version.
    pub letter: Option<(Personal, String, Letter)>,
}

impl Api {
    /// Mails that no server took yet, the oldest first.
    pub fn mails(&self, most: usize) -> Vec<Waiting> {
        self.callers.read(|directory| {
            let waiting = directory.accounts.mails().take(most).map(|(id, mail)| {
                let letter = directory.accounts.user(mail.user).and_then(|user| {
                    let letter = Letter::of(&self.open(user, &mail.sealed)?)?;
                    Some((self.personal(user), user.language.clone(), letter))
                });
                Waiting { id, user: mail.user, queued: mail.at, letter }
            });
            waiting.collect()
        })
    }

    /// A server took a mail, or it is given up for a reason.
    ///
    /// # Errors
    /// When the log does not take it.
    pub async fn mail_settled(&self, mail: &Waiting, failed: Option<String>) -> Result<(), Problem> {
        let wish = match failed {
            None => Wish::MailSent(mail.id),
            Some(why) => Wish::MailFailed { mail: mail.id, why },
        };
        self.decide_account(None, None, Command { user: mail.user, wishes: vec![wish] }).await?;
        Ok(())
    }

    /// The wish for a mail to a user who exists.
    pub(crate) fn mail(&self, user: &User, letter: &Letter) -> Result<Wish, Problem> {
        let sealed = self.seal(user, &letter.sealed())?;
        Ok(Wish::QueueMail { mail: self.mail_id(), sealed })
    }

    pub(crate) fn mail_id(&self) -> MailId {
        MailId::mint(self.clock.now(), self.draw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_reads_back() {
        let letter = Letter { link: "https://x/#t".into(), ..Letter::new(Template::Invitation) };
        assert_eq!(Letter::of(&letter.sealed()), Some(letter));
        assert_eq!(Letter::of(&Sealed::default()), None);
    }
}
