//! Records to the broker: which partition, how many at a time, and what became of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opus2_types::{Channel, InstrumentSpec};
use opus2_wire::raw::{RawRecord, record_key};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::sync::{Notify, watch};

use crate::config::PublishSettings;
use crate::error::IngestError;
use crate::metrics::{Loss, Metrics, ProcessMetrics};
use crate::partition::partition_of;

/// Where an instrument's records go. Made once, so that publishing formats nothing.
#[derive(Debug)]
pub struct Route {
    /// How the instrument counts.
    pub spec: InstrumentSpec,
    /// The records' key: `binance:BTCUSDT`.
    pub key: String,
    /// The instrument's market.
    pub market: String,
    /// The partition of the market.
    pub partition: i32,
    /// Its place in the order of importance, from 0.
    pub rank: usize,
}

impl Route {
    /// The route of an instrument on a topic with so many partitions.
    #[must_use]
    pub fn new(spec: InstrumentSpec, partitions: u32, rank: usize) -> Self {
        let market = spec.market();
        Self {
            key: record_key(spec.venue, &spec.symbol),
            partition: i32::try_from(partition_of(&market, partitions)).unwrap_or(0),
            market,
            spec,
            rank,
        }
    }
}

/// Which instruments of one connection have lost a record on its way to the broker.
///
/// Set by the broker client's thread, read by the connection. Marks of one instrument coalesce, so that nothing can
/// overflow however much is lost at once.
#[derive(Debug)]
pub struct Losses {
    metrics: Arc<Metrics>,
    any: AtomicBool,
    of: Box<[AtomicBool]>,
}

impl Losses {
    /// None, of so many instruments. What becomes of their records is counted in their venue's metrics.
    #[must_use]
    pub fn new(instruments: usize, metrics: Arc<Metrics>) -> Self {
        let of = (0..instruments).map(|_| AtomicBool::new(false)).collect();
        Self { metrics, any: AtomicBool::new(false), of }
    }

    /// A record of this instrument is lost.
    pub fn mark(&self, instrument: usize) {
        if let Some(of) = self.of.get(instrument) {
            of.store(true, Ordering::Release);
            self.any.store(true, Ordering::Release);
        }
    }

    /// Gives every marked instrument once and forgets the marks.
    pub fn take(&self, mut visit: impl FnMut(usize)) {
        if self.any.swap(false, Ordering::AcqRel) {
            for (instrument, of) in self.of.iter().enumerate() {
                if of.swap(false, Ordering::AcqRel) {
                    visit(instrument);
                }
            }
        }
    }
}

/// Why a record was not taken.
#[derive(Debug)]
pub enum PublishError {
    /// Too much is on its way: wait for [`Publisher::room`], then try again.
    Full,
    /// The record will never be taken.
    Lost(Loss),
}

/// What is remembered of a record until the broker has it.
struct Ticket {
    read_at: Instant,
    bytes: i64,
    of: Of,
}

/// Whose record it is.
enum Of {
    Instrument(Channel, usize, Arc<Losses>),
    DeadLetter(Arc<Metrics>),
}

/// What the broker client's thread tells.
struct Delivery {
    metrics: Arc<ProcessMetrics>,
    room: Arc<Notify>,
    is_delivering: Arc<AtomicBool>,
    fatal: watch::Sender<Option<String>>,
}

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, message, "broker client");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(facility, message, "broker client");
            }
            _ => tracing::debug!(facility, message, "broker client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.metrics.broker_errors.inc();
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.fatal.send_replace(Some(reason.to_owned()));
        }
        tracing::warn!(error = %error, reason, "broker client error");
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        self.metrics.queue_records.dec();
        self.metrics.queue_bytes.sub(ticket.bytes);
        self.room.notify_waiters();
        self.is_delivering.store(result.is_ok(), Ordering::Release);
        let trouble = match result {
            Ok(message) if is_confirmed(message) => None,
            Ok(_) => Some((Loss::Unconfirmed, "the broker took a later record and not this one".to_owned())),
            Err((error, _)) => Some((Loss::Delivery, error.to_string())),
        };
        match (trouble, ticket.of) {
            (None, Of::Instrument(channel, _, losses)) => {
                losses.metrics.acked(channel, ticket.read_at.elapsed());
            }
            (None, Of::DeadLetter(_)) => {}
            (Some((loss, why)), Of::Instrument(_, instrument, losses)) => {
                losses.mark(instrument);
                losses.metrics.lose(loss, &why);
            }
            (Some((loss, why)), Of::DeadLetter(metrics)) => metrics.lose(loss, &why),
        }
    }
}

/// False when the client reports a record as delivered that the broker may never have written.
///
/// A broker that has just become the leader of a partition may refuse a producer's first batch there and take the second,
/// which was already under way. The client concludes that the first had been written after all (`dr_implicit_ack` in
/// librdkafka's `rdkafka_request.c`), as it would have been had only the answer got lost, and reports it as delivered: without
/// an offset, since no broker gave one.
#[must_use]
pub fn is_confirmed(delivered: &impl Message) -> bool {
    delivered.offset() >= 0
}

/// The one producer of the process.
///
/// Idempotent: the broker writes every record once and in order, whatever the network does. Bounded: at
/// [`PublishSettings::in_flight_records_limit`] or the limit in bytes it takes nothing more until the broker has
/// acknowledged something.
pub struct Publisher {
    producer: ThreadedProducer<Delivery>,
    metrics: Arc<ProcessMetrics>,
    room: Arc<Notify>,
    is_delivering: Arc<AtomicBool>,
    fatal: watch::Receiver<Option<String>>,
    records_limit: i64,
    bytes_limit: i64,
    record_bytes_limit: usize,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("records_limit", &self.records_limit).finish_non_exhaustive()
    }
}

/// The broker client's own limits are this much above ours, so that ours is the one that is met.
const CLIENT_LIMIT_FACTOR: usize = 2;
/// Key and headers of a record are smaller.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 4096;

impl Publisher {
    /// A producer with these settings. Does not wait for a broker.
    ///
    /// # Errors
    /// The broker client does not like the settings.
    pub fn new(settings: &PublishSettings, metrics: Arc<ProcessMetrics>) -> Result<Self, IngestError> {
        let room = Arc::new(Notify::new());
        let (fatal_sender, fatal) = watch::channel(None);
        let is_delivering = Arc::new(AtomicBool::new(true));
        let context = Delivery {
            metrics: Arc::clone(&metrics),
            room: Arc::clone(&room),
            is_delivering: Arc::clone(&is_delivering),
            fatal: fatal_sender,
        };
        let producer =
            producer_config(settings).create_with_context(context).map_err(IngestError::BrokerSettings)?;
        Ok(Self {
            producer,
            metrics,
            room,
            is_delivering,
            fatal,
            records_limit: i64::try_from(settings.in_flight_records_limit).unwrap_or(i64::MAX),
            bytes_limit: i64::try_from(settings.in_flight_bytes_limit).unwrap_or(i64::MAX),
            record_bytes_limit: settings.record_bytes_limit,
        })
    }

    /// Hands a raw record to the broker client. `read_at` is when it was read from its socket; `losses` hears, under
    /// `instrument`, when it does not reach the broker in the end.
    ///
    /// # Errors
    /// [`PublishError::Full`] at the limits; otherwise the record is lost, which is for the caller to count.
    pub fn try_publish(
        &self,
        topic: &str,
        route: &Route,
        record: &RawRecord<'_>,
        read_at: Instant,
        (losses, instrument): (&Arc<Losses>, usize),
    ) -> Result<(), PublishError> {
        let mut headers = Some(OwnedHeaders::new_with_capacity(HEADERS_COUNT));
        record.visit_headers(|key, value| {
            headers = headers.take().map(|headers| headers.insert(Header { key, value: Some(value) }));
        });
        let of = Of::Instrument(record.channel, instrument, Arc::clone(losses));
        self.send(topic, &route.key, Some(route.partition), headers, record.value, read_at, of)?;
        losses.metrics.records_published.add_one(record.channel);
        losses.metrics.published_bytes.inc_by(record.value.len() as u64);
        Ok(())
    }

    /// Hands a dead letter to the broker client. The client chooses its partition by the key.
    ///
    /// # Errors
    /// As [`try_publish`](Self::try_publish).
    pub fn try_publish_dead_letter(
        &self,
        key: &str,
        letter: &[u8],
        read_at: Instant,
        metrics: &Arc<Metrics>,
    ) -> Result<(), PublishError> {
        let of = Of::DeadLetter(Arc::clone(metrics));
        self.send(opus2_wire::topic::DEAD_LETTERS, key, None, None, letter, read_at, of)?;
        metrics.dead_letters.inc();
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a record; private, called twice")]
    fn send(
        &self,
        topic: &str,
        key: &str,
        partition: Option<i32>,
        headers: Option<OwnedHeaders>,
        value: &[u8],
        read_at: Instant,
        of: Of,
    ) -> Result<(), PublishError> {
        if value.len() > self.record_bytes_limit {
            return Err(PublishError::Lost(Loss::RecordTooLarge));
        }
        if !self.has_room(1) {
            return Err(PublishError::Full);
        }
        let bytes = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let ticket = Box::new(Ticket { read_at, bytes, of });
        self.metrics.queue_records.inc();
        self.metrics.queue_bytes.add(bytes);
        let sent = self.producer.send(BaseRecord {
            topic,
            partition,
            payload: Some(value),
            key: Some(key),
            timestamp: None,
            headers,
            delivery_opaque: ticket,
        });
        let Err((error, _)) = sent else { return Ok(()) };
        self.metrics.queue_records.dec();
        self.metrics.queue_bytes.sub(bytes);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Err(PublishError::Full),
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Err(PublishError::Lost(Loss::RecordTooLarge)),
            _ => {
                tracing::error!(error = %error, topic, "broker client refused a record");
                Err(PublishError::Lost(Loss::BrokerRefused))
            }
        }
    }

    fn has_room(&self, share: i64) -> bool {
        // Half of a limit of one must still let one through.
        let part = |limit: i64| (limit / share).max(1);
        self.metrics.queue_records.get() < part(self.records_limit)
            && self.metrics.queue_bytes.get() < part(self.bytes_limit)
    }

    /// Waits until something more may be published.
    pub async fn room(&self) {
        self.room_of(1).await;
    }

    /// Waits until half of what may be on its way is free: before that, a new connection would only be given up again.
    pub async fn half_room(&self) {
        self.room_of(2).await;
    }

    async fn room_of(&self, share: i64) {
        loop {
            // Registered before the question, so that an answer in between is not missed.
            let notified = self.room.notified();
            if self.has_room(share) {
                return;
            }
            // The client's own queue may be full where ours is not: then nobody tells, so look again.
            tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(ROOM_POLL) => {}
            }
        }
    }

    /// True unless the newest thing that came back from the broker client was a record that it could not deliver.
    #[must_use]
    pub fn is_delivering(&self) -> bool {
        self.is_delivering.load(Ordering::Acquire)
    }

    /// Waits until the broker client has failed for good; gives its words.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.fatal.clone();
        let reason = fatal.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        match reason {
            Some(reason) => reason,
            // The client is gone without having failed.
            None => std::future::pending().await,
        }
    }

    /// Waits for everything on its way, at most so long, and gives up the rest, which counts as lost. Blocks.
    ///
    /// True when nothing was given up.
    #[must_use]
    pub fn close(&self, flush_max: Duration) -> bool {
        if self.producer.flush(flush_max).is_ok() {
            return true;
        }
        self.producer.purge(PurgeConfig::default().queue().inflight());
        // Purged records come back as failed ones; this serves them, so that they are counted.
        if let Err(error) = self.producer.flush(PURGE_MAX) {
            tracing::error!(error = %error, "broker client does not give its records back");
        }
        false
    }
}

const HEADERS_COUNT: usize = 6;
const ROOM_POLL: Duration = Duration::from_millis(20);
const PURGE_MAX: Duration = Duration::from_secs(1);

/// The settings of every client of ours.
pub(crate) fn client_config(settings: &PublishSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", "opus2-ingest")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "1000")
        .set("log.connection.close", "false");
    config
}

fn producer_config(settings: &PublishSettings) -> ClientConfig {
    let mut config = client_config(settings);
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", settings.linger_ms.to_string())
        .set("compression.type", &settings.compression)
        .set("socket.nagle.disable", "true")
        .set("message.max.bytes", (settings.record_bytes_limit + RECORD_OVERHEAD_BYTES).to_string())
        .set("message.timeout.ms", settings.delivery_max.as_millis().to_string())
        .set("request.timeout.ms", settings.delivery_max.as_millis().min(30_000).to_string())
        .set(
            "queue.buffering.max.messages",
            (settings.in_flight_records_limit * CLIENT_LIMIT_FACTOR).to_string(),
        )
        .set(
            "queue.buffering.max.kbytes",
            (settings.in_flight_bytes_limit * CLIENT_LIMIT_FACTOR / 1024).clamp(1024, 2_097_151).to_string(),
        );
    config
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{OwnedMessage, Timestamp};

    use super::*;

    #[test]
    fn marks_coalesce_and_are_taken_once() {
        let losses = Losses::new(3, Arc::new(Metrics::new(opus2_types::Venue::Binance)));
        for instrument in [2, 0, 2, 9] {
            losses.mark(instrument);
        }
        let mut taken = Vec::new();
        losses.take(|instrument| taken.push(instrument));
        losses.take(|instrument| taken.push(instrument));
        assert_eq!(taken, [0, 2]);
    }

    #[test]
    fn a_record_without_an_offset_is_not_confirmed() {
        for (offset, expect) in [(0, true), (7, true), (-1, false), (-1001, false)] {
            let delivered =
                OwnedMessage::new(None, None, "t".into(), Timestamp::NotAvailable, 0, offset, None);
            assert_eq!(is_confirmed(&delivered), expect, "{offset}");
        }
    }
}
