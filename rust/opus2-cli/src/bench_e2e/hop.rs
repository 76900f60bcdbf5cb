//! The bare hop: producer → broker → consumer, both ends in this process.
//!
//! It is ingest's own publisher with its default settings, and records of the same form, headers and size as the raw
//! records, sent open-loop at the same rate in the simulator's rhythm: what is due is sent every millisecond. A record's
//! time begins when it is given to the publisher, as a message's of the venue begins when it is sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use opus2_ingest::config::RawConfig;
use opus2_ingest::metrics::{Metrics, ProcessMetrics};
use opus2_ingest::publisher::{Losses, PublishError, Publisher, Route};
use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_wire::raw::{HEADER_RECV_TS, RawRecord};
use rdkafka::Message;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Headers;

use super::path::{histogram, record};
use super::topic::{self, From};
use crate::watch::{Percentiles, clock};

const TOPIC: &str = "bench_hop";
/// As the raw topic of a local cluster.
const PARTITIONS: u32 = 4;
const TICK: Duration = Duration::from_millis(1);
const POLL_LIMIT: Duration = Duration::from_millis(100);
/// How long the last records may take.
const DRAIN_SECS_MAX: Duration = Duration::from_secs(20);
/// Measuring begins after this share of the records: connections and caches are warm then.
const WARM_SHARE: u64 = 10;

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    /// Records a second.
    pub(super) rate: u32,
    /// Keys, spread over the partitions as the venue's instruments are.
    pub(super) instruments: u32,
    /// Bytes of a record's value.
    pub(super) value_bytes: usize,
    /// How long to send.
    pub(super) length: Duration,
}

impl Hop {
    /// Sends and reads everything back.
    pub(super) async fn measure(self, brokers: &str) -> anyhow::Result<Percentiles> {
        topic::create(brokers, &[TOPIC], PARTITIONS.cast_signed()).await?;
        let brokers = brokers.to_owned();
        let both = move || self.send_and_read(&brokers);
        tokio::task::spawn_blocking(both).await.context("measure the bare hop")?
    }

    fn send_and_read(self, brokers: &str) -> anyhow::Result<Percentiles> {
        let consumer = topic::reader(brokers, TOPIC, From::End)?;
        let publisher = publisher(brokers)?;
        let records_count = u64::from(self.rate) * self.length.as_secs();
        let reading = std::thread::Builder::new()
            .name("bench-hop-read".to_owned())
            .spawn(move || read(&consumer, records_count, self.length))
            .context("start a thread")?;
        let sent = self.send(&publisher, records_count);
        let read = reading.join().map_err(|_| anyhow!("the thread that reads the hop panicked"))?;
        sent?;
        read
    }

    fn send(self, publisher: &Publisher, records_count: u64) -> anyhow::Result<()> {
        let routes: Vec<Route> =
            (0..self.instruments).map(|number| Route::new(spec(number), PARTITIONS, 0)).collect();
        let losses = Arc::new(Losses::new(routes.len(), Arc::new(Metrics::new(Venue::Binance))));
        let value = vec![b'x'; self.value_bytes];
        let begin = Instant::now();
        let mut sent = 0;
        while sent < records_count {
            let due = self.due(begin.elapsed()).min(records_count);
            while sent < due {
                let instrument = usize::try_from(sent % u64::from(self.instruments))?;
                let route = &routes[instrument];
                let raw = RawRecord {
                    symbol: &route.spec.symbol,
                    venue: Venue::Binance,
                    channel: Channel::Other,
                    market: &route.market,
                    conn: "18c2f0a1b2c3d4e5-0-1",
                    number: sent,
                    recv_ts: clock::now(),
                    value: &value,
                };
                match publisher.try_publish(TOPIC, route, &raw, Instant::now(), (&losses, instrument)) {
                    Ok(()) => sent += 1,
                    // The schedule goes on: the wait shows in the latency of what comes after.
                    Err(PublishError::Full) => std::thread::sleep(TICK),
                    Err(PublishError::Lost(loss)) => {
                        anyhow::bail!("a record of the bare hop was lost: {loss:?}")
                    }
                }
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Records due after `elapsed`.
    fn due(self, elapsed: Duration) -> u64 {
        u64::try_from(elapsed.as_micros() * u128::from(self.rate) / 1_000_000).unwrap_or(u64::MAX)
    }
}

fn publisher(brokers: &str) -> anyhow::Result<Publisher> {
    let mut config = RawConfig::default();
    brokers.clone_into(&mut config.kafka.brokers);
    Ok(Publisher::new(&config.validate()?.publish, Arc::new(ProcessMetrics::default()))?)
}

fn spec(number: u32) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: format!("HOP{number}USDT"),
        base: format!("HOP{number}"),
        quote: "USDT".to_owned(),
        price_scale: 2,
        qty_scale: 5,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}

fn read(consumer: &BaseConsumer, records_count: u64, length: Duration) -> anyhow::Result<Percentiles> {
    let mut latencies = histogram();
    let begin = Instant::now();
    let mut read = 0;
    while read < records_count {
        ensure!(
            begin.elapsed() < length + DRAIN_SECS_MAX,
            "only {read} of {records_count} records of the bare hop came back"
        );
        let Some(message) = consumer.poll(POLL_LIMIT) else { continue };
        let message = message.context("read the bare hop")?;
        let now = clock::now();
        read += 1;
        if read > records_count / WARM_SHARE {
            record(&mut latencies, sent_at(&message)?, now);
        }
    }
    Ok(Percentiles::of(&latencies))
}

fn sent_at(message: &impl Message) -> anyhow::Result<i64> {
    let headers = message.headers().context("a record of the bare hop has no headers")?;
    let header = headers.iter().find(|header| header.key == HEADER_RECV_TS);
    let text = header.and_then(|header| header.value).context("a record of the bare hop has no time")?;
    Ok(std::str::from_utf8(text)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_does_not_depend_on_what_was_sent() {
        let hop = Hop { rate: 5_000, instruments: 1, value_bytes: 1, length: Duration::from_secs(1) };
        let due = |micros| hop.due(Duration::from_micros(micros));
        assert_eq!([due(0), due(199), due(200), due(1_000), due(3_600_000_000)], [0, 0, 1, 5, 18_000_000]);
    }
}
