//! Revenue: what orders brought in, by organization, event and currency, in windows of event time.
//!
//! Money is integers of minor units and stays in its currency: nothing here adds euros to yen. What another system
//! reported and what a booking desk decided are kept apart by their [`Source`], so that nothing is counted twice.

mod fold;
mod takings;
#[cfg(test)]
mod tests;

pub use fold::{HOURS_MAX, MINUTES_MAX, Revenue, RevenueRow, TILLS_MAX};
pub use takings::{RevenueSeries, RevenueWindow, Source, Takings, Till, Took, WINDOWS_ALL_MAX, WINDOWS_MAX};
