//! Facts: the lane that is decided, fenced and kept. Versioned rows, one JSON object each.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{
    CampaignId, CommandId, EventId, ItemId, LeaderboardId, LoginId, MailId, OrganizationId, QueryId, SessionId, UserId,
};
use crate::secret::{Blob, SecretHash};
use crate::text::Text;
use crate::time::Timestamp;
use crate::token::Token;
use crate::zone::Zone;

/// The version of facts that this build writes.
pub const FACT_VERSION: u16 = 1;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send tracking and reports.
    Write,
    /// Read views.
    Read,
    /// Ask the warehouse by SQL.
    Sql,
    /// Change what an organizer may change, but for members and keys.
    Manage,
    /// Look at tickets at doors: what a device of door staff holds.
    CheckIn,
}

/// What a member may do in an organization; `rules::access` says what that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything of the organization.
    Organizer,
    /// Keeps order in chats, questions and polls.
    Moderator,
    /// Reads everything, also by SQL.
    Analyst,
    /// Runs campaigns of its own.
    Advertiser,
    /// Takes part.
    Attendee,
    /// Stands on the stage.
    Speaker,
}

/// Who had something done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Whoever owns the process, over its socket.
    Operator,
    /// The holder of a key of the organization, by the key's name.
    Key(String),
    /// A user.
    User(UserId),
}

/// What proved that somebody is a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// The password.
    Password,
    /// A link that was sent or shown.
    Link,
    /// An OpenID Connect provider.
    Identity,
}

/// What a link is for; it works once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Sign in.
    SignIn,
    /// Choose a password.
    Password,
}

/// One thing that was decided. Names are in the past tense; fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A tenant exists from here on, or its name or zone changed.
    OrganizationRegistered {
        /// What people call it.
        name: String,
        /// The zone in which its days turn unless an event has its own.
        #[serde(default)]
        zone: Zone,
    },
    /// A key may be used from here on.
    KeyAdded {
        /// A name to revoke it by.
        key: String,
        /// BLAKE3 of the secret, in hexadecimal; the secret itself is never kept.
        hash: String,
        /// What it may do.
        scopes: Vec<Scope>,
        /// When it ends; never, when nothing stands here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// A key has another secret from here on.
    KeyRotated {
        /// The name it was added by.
        key: String,
        /// BLAKE3 of the new secret.
        hash: SecretHash,
        /// Until when the old one works, too.
        until: Timestamp,
    },
    /// A key reaches nothing but what names one of these events. Another key by its name is not limited by this.
    KeyLimited {
        /// The name it was added by.
        key: String,
        /// The events.
        events: Vec<EventId>,
    },
    /// A key was used; told at most once in an hour.
    KeyUsed {
        /// The name it was added by.
        key: String,
    },
    /// A key may no longer be used.
    KeyRevoked {
        /// The name it was added by.
        key: String,
    },
    /// An event was announced or changed.
    EventScheduled {
        /// The event.
        event: EventId,
        /// What people call it.
        title: String,
        /// The zone in which its days turn.
        zone: Zone,
        /// When it begins.
        starts: Timestamp,
        /// When it is over.
        ends: Timestamp,
    },
    /// Something that can be visited or bought was listed or changed: a session, a product, an offer.
    ItemListed {
        /// The event it belongs to.
        event: EventId,
        /// The item.
        item: ItemId,
        /// The session, when the item is one.
        #[serde(default)]
        session: SessionId,
        /// What people call it.
        title: String,
        /// Its track or category.
        #[serde(default)]
        track: Text,
        /// When it begins, for things that do.
        #[serde(default)]
        starts: Option<Timestamp>,
        /// When it is over; after that it is never recommended.
        #[serde(default)]
        ends: Option<Timestamp>,
        /// How many fit; a full item is never recommended.
        #[serde(default)]
        capacity: Option<u32>,
    },
    /// The rules of an organization were replaced: points, fraud, segments, campaigns. The document is `rules`'.
    RulesPublished {
        /// The whole document, as it was applied.
        document: Arc<serde_json::Value>,
    },
    /// A leaderboard starts again from nothing; what it held is archived.
    LeaderboardReset {
        /// The leaderboard.
        leaderboard: LeaderboardId,
    },
    /// A subject's key was destroyed and the links of its pseudonyms were cut.
    SubjectErased {
        /// The numbers of the destroyed keys: the known subject's and those of the anonymous ones linked to it.
        subjects: Vec<u64>,
        /// The pseudonyms that they had.
        tokens: Vec<Token>,
    },
    /// An organization's settings were replaced.
    SettingsChanged {
        /// The language of its pages, BCP 47.
        language: String,
        /// Origins whose pages may call the API with a key, as in `https://www.example.org`.
        #[serde(default)]
        origins: Vec<String>,
    },
    /// A user belongs to the organization from here on, or may do other things.
    MembershipGranted {
        /// The user.
        user: UserId,
        /// What they are.
        role: Role,
        /// The events that this is limited to; none for all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        events: Vec<EventId>,
        /// The campaigns of an advertiser.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        campaigns: Vec<CampaignId>,
    },
    /// A user no longer belongs to the organization.
    MembershipEnded {
        /// The user.
        user: UserId,
    },
    /// A query was saved or changed.
    QuerySaved {
        /// The query.
        query: QueryId,
        /// What people call it.
        title: String,
        /// Its text.
        sql: String,
    },
    /// A saved query was removed.
    QueryRemoved {
        /// The query.
        query: QueryId,
    },
    /// Somebody can sign in from here on. Facts about users belong to the organization `platform`.
    UserRegistered {
        /// The user.
        user: UserId,
        /// The number of the key that seals what is personal.
        subject: u64,
        /// The pseudonym of their mail address.
        person: Token,
        /// Their mail address and name, sealed.
        sealed: Blob,
        /// The language they read, BCP 47; the organization's when it is empty.
        #[serde(default)]
        language: String,
    },
    /// A user's name or language changed.
    UserDescribed {
        /// The user.
        user: UserId,
        /// Their mail address and name, sealed.
        sealed: Blob,
        /// The language they read.
        language: String,
    },
    /// A user may do everything everywhere, or no longer may.
    PlatformAdminSet {
        /// The user.
        user: UserId,
        /// Whether they may.
        admin: bool,
    },
    /// A user has another password. All logins but the one that changed it end.
    PasswordSet {
        /// The user.
        user: UserId,
        /// The argon2id hash of the password as a PHC string, sealed.
        sealed: Blob,
        /// The login that stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keeps: Option<LoginId>,
        /// The link that was used for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<SecretHash>,
    },
    /// A user signed in.
    LoginOpened {
        /// The user.
        user: UserId,
        /// The login.
        login: LoginId,
        /// BLAKE3 of what the device presents.
        secret: SecretHash,
        /// When it ends by itself.
        until: Timestamp,
        /// What proved that it is the user.
        means: Means,
        /// The link that was used for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<SecretHash>,
        /// The step of the second factor's code: none before it is taken again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u64>,
        /// The recovery code that was used up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovery: Option<SecretHash>,
        /// What the device says of itself, sealed.
        device: Blob,
    },
    /// A login was ended by its user.
    LoginClosed {
        /// The user.
        user: UserId,
        /// The login.
        login: LoginId,
    },
    /// All logins of a user but one were ended.
    LoginsClosed {
        /// The user.
        user: UserId,
        /// The login that stays.
        keeps: LoginId,
    },
    /// Somebody did not prove to be a user who exists. The first of each minute is told.
    LoginRefused {
        /// The user.
        user: UserId,
        /// What was wrong.
        means: Means,
    },
    /// A second factor was shown to a user, who has not used it yet.
    SecondFactorOffered {
        /// The user.
        user: UserId,
        /// The secret of RFC 6238, sealed.
        sealed: Blob,
    },
    /// The offered second factor is needed from here on.
    SecondFactorConfirmed {
        /// The user.
        user: UserId,
        /// The step of the code that proved it.
        step: u64,
        /// The hashes of codes that work once each when the device is lost.
        recovery: Vec<SecretHash>,
    },
    /// No second factor is needed any more.
    SecondFactorRemoved {
        /// The user.
        user: UserId,
    },
    /// A user has other recovery codes.
    RecoveryCodesMade {
        /// The user.
        user: UserId,
        /// The step of the code that proved it.
        step: u64,
        /// Their hashes.
        recovery: Vec<SecretHash>,
    },
    /// A user may sign in by an OpenID Connect provider.
    IdentityLinked {
        /// The user.
        user: UserId,
        /// The provider, as the settings name it.
        provider: String,
        /// The pseudonym of (issuer, subject).
        identity: Token,
    },
    /// A link was made for a user.
    LinkMade {
        /// The user.
        user: UserId,
        /// BLAKE3 of what it holds.
        link: SecretHash,
        /// What it is for.
        purpose: LinkPurpose,
        /// When it ends.
        until: Timestamp,
    },
    /// A mail is to be sent to a user.
    MailQueued {
        /// The mail.
        mail: MailId,
        /// The user.
        user: UserId,
        /// Which template, with the words that go into it, sealed.
        sealed: Blob,
    },
    /// A mail server took a mail.
    MailSent {
        /// The mail.
        mail: MailId,
    },
    /// A mail is not tried again.
    MailFailed {
        /// The mail.
        mail: MailId,
        /// What the mail server said, without addresses.
        why: String,
    },
    /// Somebody was not let do something. The first of each kind and minute is told.
    AccessRefused {
        /// What they wanted to do.
        act: String,
        /// Where, as the route is written. (Rows have an `at` of their own, beside which no fact can have one.)
        route: String,
        /// Why, in a word; empty for want of a right.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
        /// How many more there were since the last of its kind that was told.
        #[serde(default, skip_serializing_if = "is_none_more")]
        more: u64,
    },
    /// A writer owns the partition from here on.
    PartitionClaimed {
        /// Where the writer can be reached.
        address: String,
    },
    /// A writer is alive although it has nothing to say.
    Beat,
    /// Something was decided at an event's box office.
    #[serde(untagged)]
    Booking(crate::booking::BookingFact),
    /// Something was written into an organization's books.
    #[serde(untagged)]
    Books(crate::books::BooksFact),
    /// Something was decided about an event's programme.
    #[serde(untagged)]
    Programme(crate::programme::ProgrammeFact),
    /// Something about an organization's payment providers.
    #[serde(untagged)]
    Providers(crate::providers::ProviderFact),
    /// Something was decided about where an organization's webhooks go, or became of them.
    #[serde(untagged)]
    Webhook(crate::webhook::WebhookFact),
    /// Something was decided about taking part.
    #[serde(untagged)]
    Engage(crate::engage::EngageFact),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over like this")]
fn is_none_more(more: &u64) -> bool {
    *more == 0
}

/// Which command a fact was decided for: what makes the same command twice one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandTag {
    /// The client's id of the command; it is also the id of what the command creates.
    pub id: CommandId,
    /// A hash of what was asked, so that another request under the same id is noticed.
    #[serde(with = "hexadecimal")]
    pub hash: u64,
}

mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{value:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(de::Error::custom)
    }
}

/// One row of the facts lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactRow {
    /// The version that wrote it.
    pub version: u16,
    /// The tenant; none for facts about the stream itself.
    #[serde(default)]
    pub organization: OrganizationId,
    /// When it was decided.
    pub at: Timestamp,
    /// Who had it done; nobody for what comes with time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// The command that it was decided for; on the first row of its frame only, and on none that nobody asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandTag>,
    /// What was decided; kept as JSON when this build does not know it.
    #[serde(flatten)]
    pub fact: Known,
}

/// A fact that this build knows, or the JSON of one that it does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Known {
    /// A known fact.
    Fact(Fact),
    /// A fact of a newer version, kept whole. A desk stops at it; folds that do not need it go on.
    Unknown(serde_json::Map<String, serde_json::Value>),
}

impl FactRow {
    /// A row of this build's version.
    pub fn new(organization: OrganizationId, at: Timestamp, fact: Fact) -> Self {
        Self { version: FACT_VERSION, organization, at, by: None, command: None, fact: Known::Fact(fact) }
    }

    /// The fact, when this build knows it.
    pub fn known(&self) -> Option<&Fact> {
        match &self.fact {
            Known::Fact(fact) => Some(fact),
            Known::Unknown(_) => None,
        }
    }
}

/// Why bytes are not facts.
#[derive(Debug, thiserror::Error)]
#[error("facts are damaged: {0}")]
pub struct FactError(#[from] serde_json::Error);

/// Writes the rows of one frame: a JSON array. The same rows always give the same bytes.
pub fn encode(rows: &[FactRow]) -> Vec<u8> {
    serde_json::to_vec(rows).expect("facts have text keys only")
}

/// Reads the rows of one frame.
///
/// # Errors
/// When the bytes are no JSON array of rows.
pub fn decode(bytes: &[u8]) -> Result<Vec<FactRow>, FactError> {
    // Through values: a key that stands twice is settled once for known and unknown facts alike.
    let rows: Vec<serde_json::Value> = serde_json::from_slice(bytes)?;
    let read = |value| took_part(&value).or_else(|| booked(&value)).map_or_else(|| serde_json::from_value(value), Ok);
    Ok(rows.into_iter().map(read).collect::<Result<_, _>>()?)
}

/// What a row says besides its fact.
#[derive(Deserialize)]
struct Head {
    version: u16,
    #[serde(default)]
    organization: OrganizationId,
    at: Timestamp,
    #[serde(default)]
    by: Option<By>,
    #[serde(default)]
    command: Option<CommandTag>,
}

/// The same for what people do in rooms, where a poll alone may have tens of thousands.
fn took_part(value: &serde_json::Value) -> Option<FactRow> {
    value.get("room")?;
    let fact = crate::engage::EngageFact::deserialize(value).ok()?;
    let Head { version, organization, at, by, command } = Head::deserialize(value).ok()?;
    Some(FactRow { version, organization, at, by, command, fact: Known::Fact(Fact::Engage(fact)) })
}

/// A row about a box office, of which there are the most, read without looking for what else it might be, which would copy it
/// several times. Names of facts are each one family's, so the general way comes to the same.
fn booked(value: &serde_json::Value) -> Option<FactRow> {
    let fact = crate::booking::BookingFact::deserialize(value).ok()?;
    let Head { version, organization, at, by, command } = Head::deserialize(value).ok()?;
    Some(FactRow { version, organization, at, by, command, fact: Known::Fact(Fact::Booking(fact)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_box_offices_read_the_same_quickly_and_generally() {
        let event = crate::EventId(3);
        let released = crate::booking::BookingFact::HoldReleased { event, hold: crate::HoldId(4) };
        let mut row = FactRow::new(OrganizationId(7), Timestamp(1), Fact::Booking(released));
        row.by = Some(By::Operator);
        row.command = Some(CommandTag { id: crate::CommandId(9), hash: 8 });
        let bytes = encode(std::slice::from_ref(&row));
        let values: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(booked(&values[0]), Some(row.clone()));
        assert_eq!(serde_json::from_value::<FactRow>(values[0].clone()).unwrap(), row);
        // What is no such fact, or a damaged one, is left to the general way.
        for text in [r#"{"version":1,"at":5,"fact":"beat"}"#, r#"{"version":1,"at":5,"fact":"hold_placed"}"#] {
            assert_eq!(booked(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn facts_round_trip() {
        let rows = vec![
            FactRow::new(
                OrganizationId(7),
                Timestamp(1),
                Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() },
            ),
            FactRow::new(
                OrganizationId(7),
                Timestamp(2),
                Fact::SubjectErased { subjects: vec![3], tokens: vec![Token(9)] },
            ),
            FactRow::new(
                OrganizationId(7),
                Timestamp(3),
                Fact::AccessRefused {
                    act: "run_sql".into(),
                    route: "/v1/organizations/{organization}/sql".into(),
                    why: "statement".into(),
                    more: 3,
                },
            ),
            FactRow::new(OrganizationId::NONE, Timestamp(3), Fact::Beat),
        ];
        let bytes = encode(&rows);
        assert_eq!(decode(&bytes).unwrap(), rows);
        assert_eq!(encode(&decode(&bytes).unwrap()), bytes);
    }

    #[test]
    fn the_command_of_a_fact_is_kept_with_it() {
        let tag = CommandTag { id: CommandId::parse("move-1").unwrap(), hash: u64::MAX - 1 };
        let row = FactRow { command: Some(tag), ..FactRow::new(OrganizationId(7), Timestamp(3), Fact::Beat) };
        let bytes = encode(std::slice::from_ref(&row));
        assert!(String::from_utf8(bytes.clone()).unwrap().contains(r#""hash":"fffffffffffffffe""#));
        assert_eq!(decode(&bytes).unwrap(), [row]);
    }

    #[test]
    fn facts_of_a_newer_version_are_kept_whole() {
        let bytes =
            br#"[{"version":9,"organization":"acme","at":5,"fact":"seat_sold","seat":"A1","price":{"minor":100}}]"#;
        let rows = decode(bytes).unwrap();
        assert_eq!(rows[0].known(), None);
        let again = decode(&encode(&rows)).unwrap();
        assert_eq!(again, rows);
        assert!(String::from_utf8(encode(&rows)).unwrap().contains("seat_sold"));
    }

    #[test]
    fn a_key_that_stands_twice_reads_the_same_again() {
        let bytes = br#"[{"version":1,"at":1,"at":2,"fact":"item_listed","event":"e","fact":"key_revoked","key":"k"}]"#;
        let rows = decode(bytes).unwrap();
        assert_eq!(decode(&encode(&rows)).unwrap(), rows);
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        // Read quickly, the first is off by one in its last place.
        for number in ["2.4444444444444446e63", "0.1", "1e-7", "9007199254740993", "0.30000000000000004"] {
            let bytes = format!(r#"[{{"version":9,"at":5,"fact":"rate_set","rate":{number}}}]"#);
            let rows = decode(bytes.as_bytes()).unwrap();
            let written = encode(&rows);
            assert_eq!(decode(&written).unwrap(), rows);
            assert_eq!(encode(&decode(&written).unwrap()), written);
        }
    }

    #[test]
    fn a_newer_writers_extra_field_does_not_hurt() {
        let bytes = br#"[{"version":2,"organization":"acme","at":5,"fact":"key_revoked","key":"k","why":"lost"}]"#;
        assert_eq!(decode(bytes).unwrap()[0].known(), Some(&Fact::KeyRevoked { key: "k".into() }));
    }
}
