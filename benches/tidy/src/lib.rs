//! House rules as tests: floors, file sizes, lints, documents. `cargo test -p tidy` is the reviewer that never tires.
//!
//! **Does not know:** any of the product's code; it reads `cargo metadata` and files.

pub mod floors;
pub mod house;
