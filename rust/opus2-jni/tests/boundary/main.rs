//! The boundary as a host sees it, in safe Rust: no JVM needed.

#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod caller;
mod calls;
mod faulty;
mod handles;
mod threads;
