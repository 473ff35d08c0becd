//! The audience of an event, split by what records declare of a visitor and that is nobody's alone: the class of the device,
//! the platform, the country, the language.
//!
//! Distinct people for each value since the beginning, counted as `windows` counts its uniques: exactly up to a bound, then
//! estimated. Somebody who came with two devices is in both.

mod device;
mod fold;
#[cfg(test)]
mod tests;

pub use device::device_of;
pub use fold::{Audience, AudienceRow, By, CROWDS_MAX, Crowd, Input, Part, Share, Split, VALUES_MAX};
