//! What a session amounted to.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::Serialize;

use super::counts::{Counts, LATER_TOPICS, Sources, TopicEnds};
use crate::watch::{Latencies, Percentiles};

/// How long records on their way may take to arrive once there is no more traffic. Flink's counters are a second old.
const SETTLE_SECS_MAX: u64 = 30;
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Counts, latencies, and what is wrong with them.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    /// How long there was traffic.
    pub(super) secs: f64,
    pub(super) counts: Counts,
    /// Pairs of neighbouring steps that counted differently.
    pub(super) disagreements: Vec<String>,
    /// Over the whole session, its cold start included.
    pub(super) latency: Latencies,
    /// Over the last seconds of traffic.
    pub(super) latency_last: Latencies,
}

impl Summary {
    /// Waits until every step has counted the same, or for the time that this may take.
    pub(super) async fn settle(
        sources: &Sources,
        before: TopicEnds,
        traffic: Duration,
        latency: &Latencies,
        latency_last: &Latencies,
    ) -> anyhow::Result<Self> {
        let begin = Instant::now();
        loop {
            let counts = sources.read(before).await?;
            let disagreements = counts.disagreements();
            if disagreements.is_empty() || begin.elapsed() > Duration::from_secs(SETTLE_SECS_MAX) {
                return Ok(Self {
                    secs: traffic.as_secs_f64(),
                    counts,
                    disagreements,
                    latency: *latency,
                    latency_last: *latency_last,
                });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// An error when any two steps disagree.
    pub(super) fn require_agreement(&self) -> anyhow::Result<()> {
        match self.disagreements.as_slice() {
            [] => Ok(()),
            [one] => bail!("the counts disagree: {one}"),
            several => bail!("the counts disagree in {} places, listed above", several.len()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(f, "\n{:.0} s of traffic", self.secs)?;
        if let Some(simulated) = counts.simulated {
            writeln!(f, "{simulated:>12}  frames sent by the simulated venues")?;
        }
        let rows = [
            (counts.received, "frames received by ingest"),
            (counts.snapshots, "snapshots received by ingest"),
            (counts.announced, "instruments announced by ingest"),
            (counts.dropped, "messages dropped by ingest"),
            (counts.published, "raw records published"),
            (counts.acked, "raw records acknowledged by the broker"),
            (counts.consumed, "raw records read by Flink"),
            (counts.normalized, "records on market_data_normalized"),
            (counts.quality, "records on quality_scores"),
            (counts.signals, "records on hifa_stage1_signals"),
            (counts.dead_letters, "records on dead_letters"),
        ];
        for (count, what) in rows {
            writeln!(f, "{count:>12}  {what}")?;
        }
        for (count, topic) in counts.later.into_iter().zip(LATER_TOPICS) {
            writeln!(f, "{count:>12}  records on {topic}")?;
        }
        writeln!(f, "\nvenue's clock → signal read back, ms       p50      p90      p99    p99.9      max")?;
        write_latency(f, "the last seconds", &self.latency_last.end_to_end)?;
        write_latency(f, "all, with the cold start", &self.latency.end_to_end)?;
        if self.disagreements.is_empty() {
            return write!(f, "\nevery count agrees with its neighbours");
        }
        write!(f, "\nthe counts DISAGREE:")?;
        for disagreement in &self.disagreements {
            write!(f, "\n  {disagreement}")?;
        }
        Ok(())
    }
}

fn write_latency(f: &mut fmt::Formatter<'_>, what: &str, latency: &Percentiles) -> fmt::Result {
    write!(f, "  {what:<34}")?;
    for micros in [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us] {
        #[expect(clippy::cast_precision_loss, reason = "one decimal place is shown")]
        let millis = micros as f64 / 1e3;
        write!(f, "{millis:>9.1}")?;
    }
    writeln!(f)
}
