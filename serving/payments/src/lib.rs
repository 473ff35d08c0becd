//! Payment providers: who is asked for money, told to take it, to let it go, and to give it back.
//!
//! One trait, [`Provider`], and those who keep it: [`Stripe`], [`Test`] (which believes whatever a page says), [`Transfer`]
//! (which a person confirms) and [`Free`]. Each request that makes something carries a key that follows from what it is for,
//! so that sending it again after a timeout, a crash or a restart makes nothing twice.
//!
//! **Does not know:** the log, the desk, HTTP for clients, and what an order becomes when its payment does. It reads no
//! clock: what has to be compared with the time is given the time.
//!
//! ```
//! use payments::{Attempt, Failure, Free, Provider};
//! use records::{Currency, EventId, Money, OrderId, OrganizationId, PaymentId};
//!
//! let amount = Money { minor: 0, currency: Currency::EUR };
//! let (organization, event, order, payment) = (OrganizationId(1), EventId(2), OrderId(3), PaymentId(4));
//! let attempt = Attempt { organization, event, order, payment, number: 1, amount };
//! let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! assert!(matches!(runtime.block_on(Free.start(&attempt)), Err(Failure::NothingToPay)));
//! ```

mod failure;
mod own;
mod provider;
pub mod stripe;

pub use failure::{Failure, Unheard};
pub use own::{Free, Test, Transfer};
pub use provider::{Answer, Attempt, Message, News, Provider, Refund, Refunded, Seen};
pub use stripe::{Keys, Stripe};
