//! Windowed counts and uniques for each organization, event, session and kind.
//!
//! Windows are by event time. Tumbling windows are one minute and one hour long; a sliding window is a sum of minutes
//! (the greatest common divisor of what may be asked). Late records correct their windows, unless the organization's
//! rules exclude them; both are counted for each event.

pub mod answer;
pub mod fold;
pub mod hll;
mod panes;
pub mod uniques;

pub use answer::{LateCount, Sliding, WindowCount, WindowSeries, is_final, uniques_of};
pub use fold::{Input, Series, Size, WindowCountRow, Windows};
pub use uniques::{UniqueCount, Uniques};
