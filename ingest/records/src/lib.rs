//! The vocabulary of Eventra: ids, money, the record envelope, kinds, the schema, codecs, sealed fields.
//!
//! One table ([`vocabulary`]) is the source of truth: it says how JSON comes in, which Arrow columns a frame
//! holds, and which columns ClickHouse gets. Everything else in the workspace speaks in these words.
//!
//! **Does not know:** files, sockets, clocks, random numbers, HTTP, Kafka, ClickHouse connections. Time and chance
//! are arguments.
//!
//! ```
//! use records::{Batch, ItemId, Kind, OrganizationId, Record, Timestamp};
//!
//! let record = Record {
//!     organization: OrganizationId::parse("acme").expect("short names are ids"),
//!     item: ItemId::parse("2244074").expect("so are numbers of another system"),
//!     event_time: Timestamp::parse("2026-11-20T09:00:00Z").expect("RFC 3339"),
//!     ..Record::new(Kind::Page)
//! };
//! let batch = Batch::from_records(&[record.clone()]);
//! let bytes = batch.encode();
//! let back = Batch::decode(&bytes).expect("we wrote it");
//! assert_eq!(back.record(0), record);
//! assert_eq!(back.item(0).to_string(), "2244074");
//! ```

pub mod batch;
pub mod booking;
pub mod books;
pub mod codec;
pub mod engage;
pub mod fact;
pub mod hash;
pub mod id;
pub mod json;
pub mod kind;
pub mod money;
pub mod pos;
pub mod programme;
pub mod providers;
pub mod seal;
pub mod secret;
pub mod text;
pub mod time;
pub mod token;
pub mod vocabulary;
pub mod webhook;
pub mod zone;

pub use batch::Batch;
pub use booking::BookingFact;
pub use books::BooksFact;
pub use engage::EngageFact;

pub use fact::{Fact, FactRow};
pub use id::{
    AdId, AnnouncementId, BadgeId, CampaignId, CauseId, ChallengeId, CommandId, DoorId, EndpointId, EventId, FormId,
    GoodsId, HallId, HoldId, InvitationId, ItemId, LeaderboardId, LoginId, MailId, MessageId, OrderId, OrganizationId,
    PaymentId, PayoutId, PlaceId, PollId, PromoId, QueryId, QuestionId, QuotaId, RedemptionId, RefundId, RequestId,
    RewardId, RuleId, SegmentId, SessionId, SpeakerId, TicketId, TrackId, UserId, WaitId,
};
pub use kind::Kind;
pub use money::{Currency, Money};
pub use pos::Pos;
pub use programme::ProgrammeFact;
pub use providers::ProviderFact;
pub use secret::{Blob, SecretHash};
pub use text::Text;
pub use time::{Rfc3339, Span, Timestamp};
pub use token::Token;
pub use vocabulary::{Column, Flags, Record, Source};
pub use webhook::WebhookFact;
pub use zone::Zone;
