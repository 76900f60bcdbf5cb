//! The floor: ingest's own publisher with nothing before it, sending records of the same form, size and rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opus2_ingest::config::RawConfig;
use opus2_ingest::metrics::{Metrics, ProcessMetrics, render};
use opus2_ingest::publisher::{Losses, PublishError, Publisher, Route};
use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_wire::raw::RawRecord;

use super::page::Page;
use super::report::Bare;
use crate::watch::clock;

/// As the raw topic of a local cluster.
const TOPIC: &str = "binance_l2_raw";
const PARTITIONS: u32 = 4;
const TICK: Duration = Duration::from_millis(1);
/// How long the last records may take.
const FLUSH_MAX: Duration = Duration::from_secs(20);

/// What to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) rate: u32,
    pub(super) keys: u32,
    pub(super) value_bytes: usize,
    pub(super) length: Duration,
}

/// Sends and waits for every acknowledgement.
pub(super) async fn measure(brokers: &str, load: Load) -> anyhow::Result<Bare> {
    let brokers = brokers.to_owned();
    tokio::task::spawn_blocking(move || send(&brokers, load)).await.context("run the bare producer")?
}

fn send(brokers: &str, load: Load) -> anyhow::Result<Bare> {
    let mut config = RawConfig::default();
    brokers.clone_into(&mut config.kafka.brokers);
    let (process, metrics) = (Arc::new(ProcessMetrics::default()), Arc::new(Metrics::new(Venue::Binance)));
    let publisher = Publisher::new(&config.validate()?.publish, Arc::clone(&process))?;
    let routes: Vec<Route> = (0..load.keys).map(|number| Route::new(spec(number), PARTITIONS, 0)).collect();
    let losses = Arc::new(Losses::new(routes.len(), Arc::clone(&metrics)));
    let value = vec![b'x'; load.value_bytes];
    let count = u64::from(load.rate) * load.length.as_secs();
    let (begin, mut sent) = (Instant::now(), 0_u64);
    while sent < count {
        let due = begin.elapsed().as_micros() * u128::from(load.rate) / 1_000_000;
        let due = u64::try_from(due).unwrap_or(u64::MAX).min(count);
        while sent < due {
            let instrument = usize::try_from(sent % u64::from(load.keys))?;
            let route = &routes[instrument];
            let record = RawRecord {
                symbol: &route.spec.symbol,
                venue: Venue::Binance,
                channel: Channel::Depth,
                market: &route.market,
                conn: "18c2f0a1b2c3d4e5-0-1",
                number: sent,
                recv_ts: clock::now(),
                value: &value,
            };
            match publisher.try_publish(TOPIC, route, &record, Instant::now(), (&losses, instrument)) {
                Ok(()) => sent += 1,
                Err(PublishError::Full) => std::thread::sleep(TICK),
                Err(PublishError::Lost(loss)) => anyhow::bail!("the bare producer lost a record: {loss:?}"),
            }
        }
        std::thread::sleep(TICK);
    }
    let is_flushed = publisher.close(FLUSH_MAX);
    anyhow::ensure!(is_flushed, "the broker did not take every record of the bare producer");
    let page = Page::parse(&String::from_utf8(render(&process, &[metrics])).context("read our own metrics")?);
    let took = page.histogram("opus2_ingest_wire_to_ack_seconds");
    Ok(Bare { ack_ms_p50: took.quantile(0.5) * 1e3, ack_ms_p99: took.quantile(0.99) * 1e3 })
}

fn spec(number: u32) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: format!("BARE{number}USDT"),
        base: format!("BARE{number}"),
        quote: "USDT".to_owned(),
        price_scale: 2,
        qty_scale: 5,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}
