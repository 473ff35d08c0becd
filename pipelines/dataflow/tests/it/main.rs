//! The engine against naive twins: any workers, any cut, any crash point.

#![expect(unreachable_pub, reason = "the macro makes its items as public as it is told, and folds must not be less")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod aside;
mod changed;
mod crashes;
mod equality;
mod live;
mod moody;
mod outage;
mod poison;
mod product;
mod refusals;
mod retention;
mod support;
mod upgrades;
