//! Replay of public data sets: rows become records, with the order, lateness and watermarks of the data itself.
//!
//! # What becomes of each set
//!
//! | set (publisher) | rows → records | columns used | not used | assumed |
//! |---|---|---|---|---|
//! | `userbehavior` (Alibaba Tianchi, "User Behavior Data from Taobao") | `pv` → `item_viewed`, `cart` → `item_carted`, `fav` → `item_favored`, `buy` → `order_reported` | user → `actor`; item → `item`; category → `category`; time → event time | - | Unix seconds; an order's id is its record's (the set has none), `quantity` 1, no amount |
//! | `meetup` (Meetup RSVP stream) | each message → `registration_reported`, re-deliveries too | `member_id` → `actor`; `event_id` → `event`; `response` → `choice`; `guests` + 1 → `quantity` when the answer is yes; `group_country` → `country`; `mtime` → event time | event's name and time, group, topics, venue, visibility | the message id is (`rsvp_id`, `mtime`) |
//! | `talkingdata` (Kaggle, TalkingData AdTracking) | each row → `ad_clicked`; attributed ones also → `ad_converted` at `attributed_time` | `app` → `ad`; `channel` → `channel`; `ip` → `address`; (`ip`, `device`, `os`) → `device`; `os` → `platform` as `os-N` | - | UTC (its description says so); `device` and `os` are codes of models and versions, so only the three together stand for a device; nobody is named, so there is no actor |
//! | `ecommerce` (Kaggle, "Fraud E-commerce") | each row → `registration_reported` (`choice` `signed_up`) at `signup_time` and `order_reported` at `purchase_time` | `user_id` → `actor`; `device_id` → `device`; `ip_address` (a 32-bit number, its fraction cut) → `address`; `purchase_value` → `amount_minor`; `source` → `channel`; `browser` → `platform`; `signup_time` → `signup_time`; `sex`, `age` sealed with the registration | `class`, the label: nobody knew it at the time | UTC (only differences matter); whole US dollars, because the file names no currency (another one can be given) |
//!
//! Other records' message ids are (hash of the file's content, line, which record of the line), so a replay that is
//! started again counts nothing twice as long as the log's window reaches.
//!
//! # Order, lateness, watermarks
//!
//! Records go out in file order, or by event time with a bounded reorder buffer. The data's watermark is the largest event
//! time so far in that order (of each row's first record: a conversion hours later makes no click late), and
//! `late_by` is how far a record lies behind it. All have the flag `REPLAYED`. `replay_watermarked` records tell the
//! watermark for each (organization, event) that had records: behind a chunk of records, at most once for each minute of
//! the data's time, and at the end for all.

mod input;
mod pace;
mod rows;
mod run;
mod stream;

pub use input::InputError;
pub use pace::{Pacer, Speed};
pub use rows::{Dataset, row};
pub use run::{Progress, ReplayError, run};
pub use stream::{Chunk, Options, Order, Replay};
