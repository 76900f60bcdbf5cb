//! Messages outside our wrapper: bare lines, and whole documents that hold several.
//!
//! | form | what it is |
//! | --- | --- |
//! | lines of bare messages | Kraken |
//! | `[message, …]` | Binance streams |
//! | `{"init":[…],"updates":[…]}` | Kraken v1 |
//! | `{"lastUpdateId":…}` | a Binance REST snapshot |
//! | `{"product":…,"level":2 or 3,"bids":…}` | a Coinbase REST book |
//!
//! They have no receive times. A Binance message is taken to be received at its event time, any other a millisecond after
//! the one before it.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::line::Line;

const MILLI_NANOS: i64 = 1_000_000;

/// Receive times for messages that have none.
#[derive(Debug, Default)]
pub(super) struct Clock {
    now_ns: i64,
}

impl Clock {
    fn next(&mut self, event_ms: Option<i64>) -> i64 {
        let next = event_ms.map_or(self.now_ns + MILLI_NANOS, |ms| ms.saturating_mul(MILLI_NANOS));
        self.now_ns = self.now_ns.max(next);
        self.now_ns
    }
}

/// True for one whole message of Kraken.
pub(super) fn is_message(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        channel: Option<Cow<'a, str>>,
        #[serde(borrow)]
        method: Option<Cow<'a, str>>,
    }
    serde_json::from_slice::<Message<'_>>(text)
        .is_ok_and(|message| message.channel.is_some() || message.method.is_some())
}

/// One bare message of Kraken.
pub(super) fn visit_bare(
    text: &[u8],
    clock: &mut Clock,
    visit: &mut impl FnMut(&Line<'_>) -> Result<()>,
) -> Result<()> {
    let raw = std::str::from_utf8(text.trim_ascii()).context("not UTF-8")?;
    visit(&line("kraken", "ws", None, raw, clock.next(None)))
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    init: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    updates: Vec<&'a RawValue>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<i64>,
    product: Option<String>,
    level: Option<u8>,
    #[serde(borrow)]
    bids: Option<&'a RawValue>,
    #[serde(borrow)]
    asks: Option<&'a RawValue>,
}

/// Every message of a document.
pub(super) fn visit_document(text: &[u8], visit: &mut impl FnMut(&Line<'_>) -> Result<()>) -> Result<()> {
    let mut clock = Clock::default();
    if text.trim_ascii_start().first() == Some(&b'[') {
        #[derive(Deserialize)]
        struct Stamped {
            #[serde(rename = "E")]
            event_ms: Option<i64>,
        }
        let messages: Vec<&RawValue> =
            serde_json::from_slice(text).context("neither recorded messages nor a list of them")?;
        for message in messages {
            let stamped = serde_json::from_str::<Stamped>(message.get()).ok();
            let at = clock.next(stamped.and_then(|stamped| stamped.event_ms));
            visit(&line("binance", "ws", None, message.get(), at))?;
        }
        return Ok(());
    }
    let parts: Parts<'_> =
        serde_json::from_slice(text).context("not a recorded message (received_ns, exchange, kind, raw)")?;
    let whole = || std::str::from_utf8(text.trim_ascii()).context("not UTF-8");
    match (&parts.product, parts.level, parts.last_update_id) {
        _ if !parts.updates.is_empty() => {
            for message in parts.init.iter().chain(&parts.updates) {
                visit(&line("kraken", "ws", None, message.get(), clock.next(None)))?;
            }
            Ok(())
        }
        (_, _, Some(_)) => visit(&line("binance", "http", None, whole()?, 0)),
        (Some(product), Some(3), _) => {
            let url = format!("/products/{product}/book?level=3");
            visit(&line("coinbase_exchange", "http", Some(&url), whole()?, 0))
        }
        (Some(product), Some(2), _) => {
            let raw = level2_snapshot(product, &parts)?;
            visit(&line("coinbase_exchange", "ws", None, &raw, 0))
        }
        _ => bail!(
            "a JSON document of a form that is not known; recordings are lines of received_ns, exchange, kind, raw"
        ),
    }
}

/// A REST level 2 book as the `snapshot` message that the stream would begin with.
fn level2_snapshot(product: &str, parts: &Parts<'_>) -> Result<String> {
    let (Some(bids), Some(asks)) = (parts.bids, parts.asks) else {
        bail!("a level 2 book without bids or asks");
    };
    let side = |levels: &RawValue| -> Result<Vec<[String; 2]>> {
        let levels: Vec<(String, String, u64)> =
            serde_json::from_str(levels.get()).context("levels are not [price, size, orders]")?;
        Ok(levels.into_iter().map(|(price, size, _)| [price, size]).collect())
    };
    let (bids, asks) = (side(bids)?, side(asks)?);
    let message = serde_json::json!({"type": "snapshot", "product_id": product, "bids": bids, "asks": asks});
    Ok(message.to_string())
}

fn line<'a>(
    exchange: &'static str,
    kind: &'static str,
    url: Option<&'a str>,
    raw: &'a str,
    received_ns: i64,
) -> Line<'a> {
    Line {
        received_ns,
        exchange: Cow::Borrowed(exchange),
        kind: Cow::Borrowed(kind),
        url: url.map(Cow::Borrowed),
        raw: Cow::Borrowed(raw),
        synthetic: false,
    }
}
