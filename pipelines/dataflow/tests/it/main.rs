//! The engine against naive twins: any workers, any cut, any crash point.

mod crashes;
mod equality;
mod live;
mod poison;
mod support;
mod upgrades;
