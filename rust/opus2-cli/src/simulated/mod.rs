//! Clients of the simulated venues without sockets: the sessions of `opus2 ingest` in virtual time.

mod client;
mod feeds;

pub(crate) use client::{Client, Heard, Told};
pub(crate) use feeds::Plan;
