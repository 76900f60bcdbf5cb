//! The raw topic from one moment on, followed by the venue's own rules.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use opus2_types::{BookState, Channel, Side, UnixNanos, parse_scaled};
use opus2_venue::merge::Numbered;
use opus2_venue::{Feed, What, binance};
use opus2_wire::spec::decode_spec;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use serde_json::Value;

const TOPIC: &str = "binance_l2_raw";
const TIMEOUT: Duration = Duration::from_secs(20);

/// A reader of the topic, and what it has seen.
pub(crate) struct Topic {
    consumer: BaseConsumer,
    instruments: BTreeMap<String, Followed>,
}

/// One instrument.
#[derive(Default)]
struct Followed {
    feed: Option<Feed>,
    conn: String,
    conns: usize,
    number: u64,
    /// The last number of each numbering: depth, trades.
    last: [Option<u64>; 2],
    holes: u64,
    holes_within: u64,
}

/// What became of all instruments.
#[derive(Debug)]
pub(crate) struct Found {
    /// Connections of the instrument that had most.
    pub(crate) connections_max: usize,
    /// Records, deltas or trades whose number does not follow the one before.
    pub(crate) holes: u64,
    /// Those of one connection.
    pub(crate) holes_within_connections: u64,
}

impl Topic {
    /// From the topic's present end.
    pub(crate) fn from_end(brokers: &str) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("group.id", "e2e-ingest").set("log_level", "2");
        let consumer: BaseConsumer = config.create()?;
        let metadata = consumer.fetch_metadata(Some(TOPIC), TIMEOUT)?;
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
            let end = end_offset(&consumer, partition.id())?;
            list.add_partition_offset(TOPIC, partition.id(), Offset::Offset(end))?;
        }
        consumer.assign(&list)?;
        Ok(Self { consumer, instruments: BTreeMap::new() })
    }

    /// Takes what is there now; false when nothing was for a moment.
    pub(crate) fn read_some(&mut self) -> anyhow::Result<bool> {
        let mut count = 0;
        while let Some(message) = self.consumer.poll(Duration::from_millis(200)) {
            match message {
                Ok(message) => take(&mut self.instruments, &message)?,
                // A broker that restarts is away for a moment.
                Err(error) if error.rdkafka_error_code().is_some() => {}
                Err(error) => return Err(error.into()),
            }
            count += 1;
            if count >= 10_000 {
                break;
            }
        }
        Ok(count > 0)
    }

    /// Whether the instrument's book is the venue's, level by level, and the newest trade the venue's newest.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn compare(&self, symbol: &str, truth: &Value) -> anyhow::Result<()> {
        let followed =
            self.instruments.get(symbol).with_context(|| format!("{symbol} is not on the topic"))?;
        let feed = followed.feed.as_ref().context("it has no specification")?;
        ensure!(feed.state() == BookState::Live, "{symbol} is {}", feed.state().as_str());
        let spec = feed.spec();
        for (side, key) in [(Side::Bid, "bids"), (Side::Ask, "asks")] {
            let mut expect = Vec::new();
            for level in truth[key].as_array().context("the truth has no levels")? {
                let text = |index: usize| level[index].as_str().unwrap_or_default().as_bytes();
                expect
                    .push((parse_scaled(text(0), spec.price_scale)?, parse_scaled(text(1), spec.qty_scale)?));
            }
            let found: Vec<(i64, i64)> =
                feed.book().side(side).levels().map(|level| (level.price.0, level.qty.0)).collect();
            ensure!(found == expect, "{symbol}: {} {key} of {}", found.len(), expect.len());
        }
        let trade_id = truth["lastTradeId"].as_u64();
        let newest = followed.last[1];
        ensure!(newest.is_none() || newest == trade_id, "{symbol}: trade {newest:?} of {trade_id:?}");
        Ok(())
    }

    pub(crate) fn found(&self) -> Found {
        let all = || self.instruments.values();
        Found {
            connections_max: all().map(|followed| followed.conns).max().unwrap_or(0),
            holes: all().map(|followed| followed.holes).sum(),
            holes_within_connections: all().map(|followed| followed.holes_within).sum(),
        }
    }
}

/// A topic that has just been made, or whose broker has just come back, has no leader for a moment.
fn end_offset(consumer: &BaseConsumer, partition: i32) -> anyhow::Result<i64> {
    let begin = Instant::now();
    loop {
        match consumer.fetch_watermarks(TOPIC, partition, TIMEOUT) {
            Ok((_, end)) => return Ok(end),
            Err(error) if begin.elapsed() > TIMEOUT => return Err(error.into()),
            Err(_) => {}
        }
    }
}

fn take(instruments: &mut BTreeMap<String, Followed>, message: &BorrowedMessage<'_>) -> anyhow::Result<()> {
    let headers = message.headers().context("a record without headers")?;
    let header = |name: &str| {
        let header = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
        header.and_then(|value| std::str::from_utf8(value).ok()).with_context(|| format!("no header {name}"))
    };
    let key = std::str::from_utf8(message.key().context("a record without a key")?)?;
    let symbol = key.strip_prefix("binance:").context("a key of another venue")?;
    let name = header("channel")?;
    let channel = Channel::ALL.into_iter().find(|channel| channel.as_str() == name);
    let channel = channel.context("an unknown channel")?;
    let value = message.payload().context("a record without a value")?;
    let followed = instruments.entry(symbol.to_owned()).or_default();
    let conn = header("conn")?;
    if followed.conn != conn {
        conn.clone_into(&mut followed.conn);
        followed.conns += 1;
        followed.number = 0;
        followed.holes += u64::from(followed.conns > 1);
        followed.last = [None; 2];
        let spec = decode_spec(value).context("a connection that does not begin with a specification")?;
        let mut feed = Feed::new(spec);
        feed.connected();
        followed.feed = Some(feed);
    }
    let number: u64 = header("number")?.parse()?;
    followed.hole(number != followed.number + 1);
    followed.number = number;
    if let (Channel::Depth | Channel::Trade, Numbered::Chained { kind, first, last, .. }) =
        (channel, binance::numbering(value))
    {
        let before = followed.last[kind].replace(last);
        followed.hole(before.is_some_and(|before| first != before + 1));
    }
    let recv_ts = UnixNanos(header("recv_ts")?.parse()?);
    if let Some(feed) = &mut followed.feed {
        let applied = feed.apply(channel, value, recv_ts);
        ensure!(!matches!(applied.what, What::Rejected(_)), "{symbol}: {:?} of {channel}", applied.what);
    }
    Ok(())
}

impl Followed {
    fn hole(&mut self, is_hole: bool) {
        self.holes += u64::from(is_hole);
        self.holes_within += u64::from(is_hole);
    }
}
