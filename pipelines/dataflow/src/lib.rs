//! dataflow.
