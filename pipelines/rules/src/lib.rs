//! Rules as data: what an organization decides about points, fraud, segments, campaigns and lateness; and the rules
//! that commands are decided by ([`domains::Domains`]): who may do what ([`access`]), accounts, the office of
//! organizations, the box offices of events ([`booking`]), what goes on in their rooms ([`engage`]), and the books that
//! follow from box offices ([`books`]).
//!
//! A [`RuleDocument`] is what people write; a [`Rulebook`] is what all facts up to a place in the log say. Plans
//! ([`fraud::FraudPlan`], [`segment::SegmentPlan`], [`campaign::CampaignPlan`]) are documents made quick to ask.
//!
//! **Does not know:** files, sockets, clocks, random numbers, the log, views, timely. Time and chance are arguments.
//!
//! ```
//! use std::sync::Arc;
//! use records::{Fact, FactRow, OrganizationId, Timestamp};
//!
//! let document = rules::RuleDocument::from_toml("format = 1\ncampaigns = [{ id = 'c', ads = ['a', 'b'] }]").unwrap();
//! assert!(document.validate().is_empty());
//! let acme = OrganizationId::parse("acme").unwrap();
//! let fact = Fact::RulesPublished { document: Arc::new(document.to_value()) };
//! let mut rulebook = rules::Rulebook::default();
//! rulebook.apply(&FactRow::new(acme, Timestamp(0), fact));
//! assert_eq!(rulebook.rules(acme).unwrap().version, 1);
//! ```

pub mod access;
pub mod accounts;
pub mod booking;
pub mod books;
pub mod campaign;
pub mod compare;
pub mod decide;
pub mod directory;
pub mod document;
pub mod domains;
pub mod engage;
pub mod fraud;
pub mod funnel;
pub mod lateness;
pub mod length;
pub mod office;
pub mod points;
pub mod programme;
pub mod providers;
pub mod rulebook;
pub mod segment;
pub mod signal;
pub mod tenant;
pub mod webhooks;
pub mod window;

pub use decide::Domain;
pub use directory::Directory;
pub use document::{DocumentError, FieldError, RuleDocument};
pub use domains::Domains;
pub use lateness::{Lateness, Policy};
pub use length::Length;
pub use office::Office;
pub use rulebook::{Rulebook, RulebookError};
pub use tenant::{Event, Item, Ruleset, Tenant};
pub use window::Window;
