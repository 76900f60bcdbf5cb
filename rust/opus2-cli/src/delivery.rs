//! What the broker did not take of what was published.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use opus2_ingest::publisher::is_confirmed;
use rdkafka::ClientContext;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

/// The records of a producer that may not be on their topic in the end: without it, a producer says nothing of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<Refused>>);

#[derive(Debug, Default)]
struct Refused {
    records: u64,
    /// Topic, partition and reason of the first one.
    first: String,
}

impl ClientContext for Refusals {}

impl ProducerContext for Refusals {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) if is_confirmed(message) => {}
            Ok(message) => self.add(message, "the broker took a later record and not this one"),
            Err((error, message)) => self.add(message, &error.to_string()),
        }
    }
}

impl Refusals {
    fn add(&self, message: &impl Message, reason: &str) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.records += 1;
        if refused.records == 1 {
            refused.first = format!("{}, partition {}: {reason}", message.topic(), message.partition());
        }
    }

    /// To be asked after the producer was flushed.
    ///
    /// # Errors
    /// A record was refused.
    pub(crate) fn require_none(&self) -> Result<()> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(
            refused.records == 0,
            "the broker did not confirm {} records, so the topic is incomplete: make it anew and try again; \
             the first was for {}",
            refused.records,
            refused.first
        );
        Ok(())
    }
}
