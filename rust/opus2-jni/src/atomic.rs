//! The atomics of the handle table, by a name of their own: `tests/table_model.rs` compiles the table with a model
//! checker's in their place.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Runs a test of the table. A model checker would run it many times.
#[cfg(test)]
pub(crate) fn run(test: impl Fn() + Send + Sync + 'static) {
    test();
}
