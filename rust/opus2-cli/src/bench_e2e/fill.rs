//! A filled topic: what the latency run left on the raw topic, published again and again as sessions of their own.
//!
//! A repeated record would be dropped and a receive time that goes back held, so every pass renames its connections and
//! moves the receive times on by the length of the session: the operators see one long stream.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use opus2_wire::raw::{HEADER_CONN, HEADER_RECV_TS};
use rdkafka::Message;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::topic::{self, From};
use crate::delivery::Refusals;

const POLL_LIMIT: Duration = Duration::from_millis(100);
/// A read without a record for so long means that records are missing.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const FLUSH_MAX: Duration = Duration::from_secs(60);
const FULL_PAUSE: Duration = Duration::from_millis(2);
/// Between the last record of a pass and the first of the next.
const PASS_GAP_NANOS: i64 = 1_000_000_000;

type Copier = ThreadedProducer<Refusals>;

/// Copies `source` to `target` until that holds at least `records`; gives how many it holds then.
pub(super) fn fill(brokers: &str, source: &str, target: &str, records: u64) -> anyhow::Result<u64> {
    let refusals = Refusals::default();
    let producer: Copier = topic::client(brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .create_with_context(refusals.clone())
        .context("make a producer")?;
    let (mut filled, mut pass, mut shift_nanos) = (0, 0, 0);
    while filled < records {
        let copied = copy(&producer, brokers, (source, target), (pass, shift_nanos))?;
        filled += copied.records;
        shift_nanos += copied.span_nanos + PASS_GAP_NANOS;
        pass += 1;
    }
    producer.flush(FLUSH_MAX).context("wait for the filled topic")?;
    refusals.require_none()?;
    Ok(filled)
}

struct Copied {
    records: u64,
    /// From the first receive time to the last.
    span_nanos: i64,
}

fn copy(
    producer: &Copier,
    brokers: &str,
    (source, target): (&str, &str),
    (pass, shift_nanos): (u32, i64),
) -> anyhow::Result<Copied> {
    let consumer = topic::reader(brokers, source, From::Beginning)?;
    let records = topic::records(&consumer, source)?;
    ensure!(records > 0, "topic {source} is empty: there is nothing to fill from");
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    let mut heard = Instant::now();
    for copied in 0..records {
        let message = loop {
            if let Some(message) = consumer.poll(POLL_LIMIT) {
                break message.with_context(|| format!("read {source}"))?;
            }
            ensure!(
                heard.elapsed() < SILENCE_MAX,
                "only {copied} of {records} records of {source} could be read"
            );
        };
        heard = Instant::now();
        let (headers, recv_ts) = headers_of(&message, pass, shift_nanos)?;
        (first, last) = (first.min(recv_ts), last.max(recv_ts));
        send(producer, target, &message, headers)?;
    }
    consumer.unassign().context("end reading")?;
    Ok(Copied { records, span_nanos: last - first })
}

/// The record's headers for this pass, and its receive time before the shift.
fn headers_of(
    message: &BorrowedMessage<'_>,
    pass: u32,
    shift_nanos: i64,
) -> anyhow::Result<(OwnedHeaders, i64)> {
    let headers = message.headers().context("a raw record has no headers")?;
    let mut moved = OwnedHeaders::new_with_capacity(headers.count());
    let mut recv_ts = None;
    for Header { key, value } in headers.iter() {
        let text = || std::str::from_utf8(value.unwrap_or_default());
        moved = match key {
            HEADER_CONN => moved.insert(Header { key, value: Some(&format!("{}-{pass}", text()?)) }),
            HEADER_RECV_TS => {
                let ts: i64 = text()?.parse().context("a raw record's receive time is no number")?;
                recv_ts = Some(ts);
                moved.insert(Header { key, value: Some(&(ts + shift_nanos).to_string()) })
            }
            _ => moved.insert(Header { key, value }),
        };
    }
    Ok((moved, recv_ts.context("a raw record has no receive time")?))
}

fn send(
    producer: &Copier,
    target: &str,
    message: &BorrowedMessage<'_>,
    headers: OwnedHeaders,
) -> anyhow::Result<()> {
    let mut record = BaseRecord::<[u8], [u8]>::to(target).partition(message.partition()).headers(headers);
    record.key = message.key();
    record.payload = message.payload();
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                record = same;
                std::thread::sleep(FULL_PAUSE);
            }
            Err((error, _)) => bail!("fill {target}: {error}"),
        }
    }
}
