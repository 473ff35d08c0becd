//! warehouse.
