//! From routes to the desk and back.

use desk::{DeskError, Done};
use records::CommandId;
use records::fact::{By, CommandTag};
use rules::accounts::{self, platform};
use rules::domains::{Command, Order, Refusal};
use rules::{office, webhooks};

use crate::Api;
use crate::problem::{Code, Problem};
use crate::writes::Offset;

/// How often a command is sent again when nobody knows whether it was done.
const TRIES: u32 = 3;
/// What `Retry-After` says when the desk does not keep up, seconds.
const RETRY_SECONDS: u32 = 1;

impl Api {
    /// Has a command decided; returns when it is durable.
    ///
    /// # Errors
    /// What the rules refuse, or `desk_busy`.
    pub(crate) async fn decide(&self, tag: Option<CommandTag>, by: Option<By>, order: Order) -> Result<Done, Problem> {
        // Without the caller's id it needs one of its own, so that sending it again is no other one.
        let tag = tag.unwrap_or_else(|| CommandTag { id: CommandId(self.draw() | 1), hash: 0 });
        let mut tries = 1;
        loop {
            let command = Command { by: by.clone(), order: order.clone() };
            let pending = (self.desk)(Some(tag), command);
            let Some(pending) = pending else { return Err(busy("the server is stopping")) };
            match pending.await {
                Ok(done) => return Ok(done),
                Err(DeskError::Again(_) | DeskError::Busy) if tries < TRIES => tries += 1,
                Err(error) => return Err(problem(error)),
            }
        }
    }

    /// Has something decided about a user.
    pub(crate) async fn decide_account(
        &self,
        tag: Option<CommandTag>,
        by: Option<By>,
        command: accounts::Command,
    ) -> Result<Done, Problem> {
        self.decide(tag, by, Order::Account(command)).await
    }

    /// Has something decided about an organization's own things, or an event's.
    pub(crate) async fn decide_office(
        &self,
        tag: Option<CommandTag>,
        by: Option<By>,
        command: office::Command,
    ) -> Result<Done, Problem> {
        self.decide(tag, by, Order::Office(command)).await
    }

    /// A number that nobody can guess.
    pub(crate) fn draw(&self) -> u128 {
        let mut chance = [0; 16];
        (self.chance)(&mut chance);
        u128::from_le_bytes(chance)
    }
}

/// Where the last fact of something that was done lies.
pub(crate) fn offset(done: &Done) -> Option<Offset> {
    let at = done.at?;
    let last = done.rows.len().saturating_sub(1) as u64;
    Some(Offset { partition: at.partition.0, offset: at.first.0 + last })
}

fn busy(detail: &str) -> Problem {
    Problem::new(Code::DeskBusy, detail).retry_after(RETRY_SECONDS)
}

fn problem(error: DeskError<Refusal>) -> Problem {
    match error {
        DeskError::Refused(Refusal::Booking(refusal)) => crate::booking::problem(&refusal),
        DeskError::Refused(Refusal::Books(rules::books::Refusal::Invalid { field, problem })) => {
            let fault = records::json::FieldError::new(field.to_owned(), problem.clone());
            Problem::new(Code::FieldsWrong, format!("`{field}` {problem}")).with_fields(vec![fault])
        }
        DeskError::Refused(Refusal::Programme(refusal)) => crate::programme::problem(&refusal),
        DeskError::Refused(Refusal::Webhook(webhooks::Refusal::IdUsed)) => Problem::new(Code::IdempotencyConflict, ""),
        DeskError::Refused(refusal) => Problem::new(code(&refusal), refusal.to_string()),
        DeskError::Conflict(_) => Problem::new(Code::IdempotencyConflict, ""),
        DeskError::Busy => busy("too many commands wait"),
        DeskError::Again(why) => busy(&why),
        DeskError::Closed => busy("the server is stopping"),
        DeskError::Stopped(why) => {
            tracing::error!(why, "the desk has stopped");
            Problem::new(Code::LogRefuses, "nothing is decided until this is mended")
        }
    }
}

fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Office(office::Refusal::Changed) => Code::Changed,
        Refusal::Providers(rules::providers::Refusal::NotSet) => Code::NotFound,
        Refusal::Office(office::Refusal::NoKey(_)) | Refusal::Webhook(webhooks::Refusal::NoEndpoint) => Code::NotFound,
        Refusal::Account(accounts::Refusal::Nobody | accounts::Refusal::NoLogin) => Code::NotFound,
        Refusal::Account(accounts::Refusal::PasswordChanged) => Code::LoginRefused,
        Refusal::Account(accounts::Refusal::SecondNeeded) => Code::SecondFactorNeeded,
        Refusal::Account(accounts::Refusal::SecondWrong) => Code::SecondFactorWrong,
        Refusal::Account(accounts::Refusal::LinkWrong) => Code::LinkWrong,
        _ => Code::Refused,
    }
}

/// The organization of users is nobody's to manage.
pub(crate) fn is_platform(organization: records::OrganizationId) -> bool {
    organization == platform()
}
