//! From the venue's clock to a signal read back: the whole path.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use opus2_types::UnixNanos;
use opus2_wire::topic::HIFA_STAGE1_SIGNALS;
use rdkafka::Message;
use serde::{Deserialize, Serialize};

use super::topic::{self, From};
use crate::watch::{Percentiles, clock};

/// Longer than any wait for a record of a running system.
const POLL_LIMIT: Duration = Duration::from_millis(100);
/// The longest latency told apart, microseconds.
const MICROS_MAX: u64 = 60_000_000;
/// A percentile is right to one part in a thousand.
const DIGITS: u8 = 3;

/// Latencies of signals read while measuring.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct PathLatency {
    /// From the venue's event time: depth and trades, whose messages carry one.
    pub(super) venue_to_signal: Percentiles,
    /// From the return of our socket read: every signal.
    pub(super) socket_to_signal: Percentiles,
    /// From the venue's event time to our socket.
    pub(super) venue_to_socket: Percentiles,
}

#[derive(Deserialize)]
struct Timed<'a> {
    kind: &'a str,
    exch_ts: Option<i64>,
    recv_ts: i64,
}

/// An empty histogram of latencies in microseconds.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MICROS_MAX, DIGITS).expect("1 .. 1 minute in 3 digits is valid")
}

/// Notes the time from `from` to `to`; a negative one is none.
pub(super) fn record(histogram: &mut Histogram<u64>, from: i64, to: UnixNanos) {
    let nanos = to.since(UnixNanos(from));
    histogram.saturating_record(u64::try_from(nanos).unwrap_or(0) / 1000);
}

/// Reads signals from the end of their topic for `length`.
pub(super) async fn measure(brokers: &str, length: Duration) -> anyhow::Result<PathLatency> {
    let brokers = brokers.to_owned();
    tokio::task::spawn_blocking(move || read(&brokers, length)).await.context("read signals")?
}

fn read(brokers: &str, length: Duration) -> anyhow::Result<PathLatency> {
    let consumer = topic::reader(brokers, HIFA_STAGE1_SIGNALS, From::End)?;
    let (mut venue, mut socket, mut wire) = (histogram(), histogram(), histogram());
    let begin = Instant::now();
    while begin.elapsed() < length {
        let Some(message) = consumer.poll(POLL_LIMIT) else { continue };
        let message = message.context("read a signal")?;
        let now = clock::now();
        let payload = message.payload().unwrap_or_default();
        let timed: Timed<'_> = serde_json::from_slice(payload).context("read a signal's times")?;
        if timed.kind != "signal" {
            continue;
        }
        record(&mut socket, timed.recv_ts, now);
        if let Some(exch_ts) = timed.exch_ts {
            record(&mut venue, exch_ts, now);
            record(&mut wire, exch_ts, UnixNanos(timed.recv_ts));
        }
    }
    ensure!(!venue.is_empty(), "no signal arrived in {} s; look at the logs under .local", length.as_secs());
    Ok(PathLatency {
        venue_to_signal: Percentiles::of(&venue),
        socket_to_signal: Percentiles::of(&socket),
        venue_to_socket: Percentiles::of(&wire),
    })
}
