//! views.
