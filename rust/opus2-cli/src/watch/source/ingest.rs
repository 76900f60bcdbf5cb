//! The ingest daemon's metrics page. The names are those of docs/contracts/metrics.md.

use reqwest::Client;

use super::Missing;
use super::http::get;
use super::prometheus_text::{Sample, samples};
use crate::watch::state::{Losses, Reasons};

const RECEIVED: &str = "opus2_ingest_frames_received_total";
const PUBLISHED: &str = "opus2_ingest_records_published_total";
const ACKED: &str = "opus2_ingest_records_acked_total";
const RESYNCS: &str = "opus2_ingest_resyncs_total";
const DROPS: &str = "opus2_ingest_drops_total";
const RECONNECTS: &str = "opus2_ingest_reconnects_total";

/// What the page says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::watch) struct IngestReading {
    pub(in crate::watch) received: Option<u64>,
    pub(in crate::watch) published: Option<u64>,
    pub(in crate::watch) acked: Option<u64>,
    pub(in crate::watch) losses: Losses,
}

/// Asks the daemon.
pub(in crate::watch) async fn read(client: &Client, url: &str) -> Result<IngestReading, Missing> {
    let page = get(client, url).await.map_err(|reason| Missing {
        reason,
        todo: "start it with opus2 ingest, or name its metrics page with --ingest",
    })?;
    let reading = parse(&page);
    if reading == IngestReading::default() {
        return Err(Missing {
            reason: "no ingest metrics on this page".to_owned(),
            todo: "name the daemon's metrics page with --ingest",
        });
    }
    Ok(reading)
}

fn parse(page: &str) -> IngestReading {
    let mut reading = IngestReading::default();
    for sample in samples(page) {
        match sample.name.as_str() {
            // Bodies of snapshots come over REST: what the venue streamed is the rest.
            RECEIVED if sample.label("channel") == Some("snapshot") => {}
            RECEIVED => add(&mut reading.received, &sample),
            PUBLISHED => add(&mut reading.published, &sample),
            ACKED => add(&mut reading.acked, &sample),
            RESYNCS => add_reason(&mut reading.losses.resyncs, &sample),
            DROPS => add_reason(&mut reading.losses.drops, &sample),
            RECONNECTS => add_reason(&mut reading.losses.reconnects, &sample),
            _ => {}
        }
    }
    reading
}

fn add(sum: &mut Option<u64>, sample: &Sample) {
    *sum = Some(sum.unwrap_or(0) + sample.count());
}

/// A reason that never happened is not shown.
fn add_reason(reasons: &mut Reasons, sample: &Sample) {
    let reason = sample.label("reason").unwrap_or("unknown");
    if sample.count() > 0 {
        *reasons.entry(reason.to_owned()).or_default() += sample.count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_page_gives_counts_and_reasons() {
        let page = r#"
# TYPE opus2_ingest_frames_received_total counter
opus2_ingest_frames_received_total{channel="depth",venue="binance"} 40
opus2_ingest_frames_received_total{channel="trade",venue="binance"} 60
opus2_ingest_frames_received_total{channel="snapshot",venue="binance"} 5
opus2_ingest_records_published_total{channel="depth",venue="binance"} 105
opus2_ingest_resyncs_total{reason="gap",venue="binance"} 2
opus2_ingest_resyncs_total{reason="crossed",venue="binance"} 0
opus2_ingest_drops_total{reason="backpressure",venue="binance"} 1
"#;
        let reading = parse(page);
        assert_eq!((reading.received, reading.published, reading.acked), (Some(100), Some(105), None));
        assert_eq!(reading.losses.resyncs, [("gap".to_owned(), 2)].into());
        assert_eq!(reading.losses.drops, [("backpressure".to_owned(), 1)].into());
        assert_eq!(parse("<html></html>"), IngestReading::default());
    }
}
