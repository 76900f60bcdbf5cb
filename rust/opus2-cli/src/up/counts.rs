//! How many messages each step of the path has counted, and whether the steps agree.
//!
//! Each number comes from whoever did the step: the venue, ingest, Flink, the broker. Nothing is inferred.

use anyhow::{Context, bail};
use opus2_local::{FlinkClient, end_offset};
use opus2_types::Channel;
use opus2_wire::topic::{
    DEAD_LETTERS, HIFA_STAGE1_SIGNALS, HIFA_STAGE2_CONTEXT, HIFA_STAGE3_RISK, MARKET_DATA_NORMALIZED,
    QUALITY_SCORES, RAW, TRADING_SIGNALS_FINAL,
};
use serde::Serialize;
use serde_json::Value;

/// Names that the job gives its operators, as Flink writes them in the names of metrics.
const SOURCE_OUT: &str = "Source__source-raw.numRecordsOut";
const NORMALIZE_WRITTEN: &str = "sink-normalize__Writer.numRecordsSend";
const SIGNAL_WRITTEN: &str = "sink-signal__Writer.numRecordsSend";
const LATER_WRITTEN: [&str; LATER_STAGES] = [
    "sink-context__Writer.numRecordsSend",
    "sink-risk__Writer.numRecordsSend",
    "sink-execution__Writer.numRecordsSend",
];

/// Stages 2 to 4, their topics in the order of the stages.
pub(super) const LATER_STAGES: usize = 3;
pub(super) const LATER_TOPICS: [&str; LATER_STAGES] =
    [HIFA_STAGE2_CONTEXT, HIFA_STAGE3_RISK, TRADING_SIGNALS_FINAL];

/// Whom to ask.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) http: reqwest::Client,
    /// Statistics of the simulated venue; `None` for a real one.
    pub(super) simulator: Option<String>,
    pub(super) ingest: IngestCounts,
    pub(super) brokers: String,
    pub(super) flink: FlinkClient,
    pub(super) job: String,
}

/// Where ingest's counts are.
#[derive(Clone)]
pub(super) enum IngestCounts {
    /// On its metrics page, while it runs.
    Page(String),
    /// In its log, once it has ended: the last line is its summary.
    Summary(String),
}

/// What each of them said, since the start of its process; topics since the first record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Frames that the simulated venue sent; `None` for a real one.
    pub(super) simulated: Option<u64>,
    /// Frames that ingest received.
    pub(super) received: u64,
    /// Snapshots that ingest received over REST.
    pub(super) snapshots: u64,
    /// Records of its own that ingest began its connections with: the instruments.
    pub(super) announced: u64,
    /// Messages that did not reach the raw topic; the metric's label says why.
    pub(super) dropped: u64,
    /// Raw records that ingest handed to its producer.
    pub(super) published: u64,
    /// Raw records that the broker acknowledged.
    pub(super) acked: u64,
    /// Raw records on the topic.
    pub(super) raw: u64,
    /// Raw records that Flink's source gave on.
    pub(super) consumed: u64,
    /// Records that the normalize step wrote, dead letters included.
    pub(super) normalized_written: u64,
    /// Records on `market_data_normalized`.
    pub(super) normalized: u64,
    /// Records on `quality_scores`.
    pub(super) quality: u64,
    /// Records that the signal step wrote.
    pub(super) signals_written: u64,
    /// Records on `hifa_stage1_signals`.
    pub(super) signals: u64,
    /// Records that the steps of stages 2 to 4 wrote.
    pub(super) later_written: [u64; LATER_STAGES],
    /// Records on their topics.
    pub(super) later: [u64; LATER_STAGES],
    /// Records on `dead_letters`.
    pub(super) dead_letters: u64,
    /// Those of them that ingest wrote.
    pub(super) dead_letters_of_ingest: u64,
}

/// Records on the topics.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TopicEnds {
    raw: u64,
    normalized: u64,
    quality: u64,
    signals: u64,
    later: [u64; LATER_STAGES],
    dead_letters: u64,
}

impl Sources {
    /// Asks everybody. `before` is what the topics held before the first frame: a broker that is not ours need not be
    /// empty.
    pub(super) async fn read(&self, before: TopicEnds) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        if let Some(url) = &self.simulator {
            let stats: Value =
                serde_json::from_str(&self.page(url).await?).context("read the venue's statistics")?;
            counts.simulated =
                Some(stats["sent"].as_u64().context("the venue's statistics have no count of frames sent")?);
        }
        match &self.ingest {
            IngestCounts::Page(url) => counts.take_ingest(&self.page(url).await?),
            IngestCounts::Summary(log) => counts.take_ingest_summary(log)?,
        }
        counts.consumed = self.metric(SOURCE_OUT).await?;
        counts.normalized_written = self.metric(NORMALIZE_WRITTEN).await?;
        counts.signals_written = self.metric(SIGNAL_WRITTEN).await?;
        let ends = self.topic_ends().await?;
        counts.raw = ends.raw - before.raw;
        counts.normalized = ends.normalized - before.normalized;
        counts.quality = ends.quality - before.quality;
        counts.signals = ends.signals - before.signals;
        for (index, name) in LATER_WRITTEN.into_iter().enumerate() {
            counts.later_written[index] = self.metric(name).await?;
            counts.later[index] = ends.later[index] - before.later[index];
        }
        counts.dead_letters = ends.dead_letters - before.dead_letters;
        Ok(counts)
    }

    /// Asks the broker.
    pub(super) async fn topic_ends(&self) -> anyhow::Result<TopicEnds> {
        let brokers = self.brokers.clone();
        let read = move || {
            Ok(TopicEnds {
                raw: RAW.iter().map(|topic| end_offset(&brokers, topic)).sum::<Result<u64, _>>()?,
                normalized: end_offset(&brokers, MARKET_DATA_NORMALIZED)?,
                quality: end_offset(&brokers, QUALITY_SCORES)?,
                signals: end_offset(&brokers, HIFA_STAGE1_SIGNALS)?,
                later: [
                    end_offset(&brokers, LATER_TOPICS[0])?,
                    end_offset(&brokers, LATER_TOPICS[1])?,
                    end_offset(&brokers, LATER_TOPICS[2])?,
                ],
                dead_letters: end_offset(&brokers, DEAD_LETTERS)?,
            })
        };
        tokio::task::spawn_blocking(read).await.context("ask the broker")?
    }

    async fn page(&self, url: &str) -> anyhow::Result<String> {
        let read = async || self.http.get(url).send().await?.error_for_status()?.text().await;
        read().await.with_context(|| format!("read {url}"))
    }

    /// A metric of the one task that has it, summed over its subtasks.
    async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        for vertex in self.flink.vertices(&self.job).await? {
            if let Some(sum) = self.flink.metric_sum(&self.job, &vertex.id, name).await? {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "`as` saturates; a count is whole"
                )]
                return Ok(sum as u64);
            }
        }
        bail!("Flink knows no metric {name} of job {}", self.job)
    }
}

impl Counts {
    /// Takes ingest's metrics page.
    fn take_ingest(&mut self, page: &str) {
        let instrument = [Channel::Instrument.as_str()];
        let snapshot = [Channel::Snapshot.as_str()];
        let received = sum(page, "opus2_ingest_frames_received_total", &[]);
        self.snapshots = sum(page, "opus2_ingest_frames_received_total", &snapshot);
        self.received = received - self.snapshots;
        self.announced = sum(page, "opus2_ingest_records_published_total", &instrument);
        self.published = sum(page, "opus2_ingest_records_published_total", &[]);
        self.acked = sum(page, "opus2_ingest_records_acked_total", &[]);
        self.dropped = sum(page, "opus2_ingest_drops_total", &[]);
        self.dead_letters_of_ingest = sum(page, "opus2_ingest_dead_letters_total", &[]);
    }

    /// Takes the summary at the end of ingest's log.
    fn take_ingest_summary(&mut self, log: &str) -> anyhow::Result<()> {
        let line = log
            .lines()
            .rev()
            .find(|line| line.starts_with('{'))
            .context("ingest's log ends without a summary")?;
        let summary: Value = serde_json::from_str(line).context("read ingest's summary")?;
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let by_channel = &summary["published_by_channel"];
        self.snapshots = count(&by_channel[Channel::Snapshot.as_str()]);
        self.received = count(&summary["frames_received"]).saturating_sub(self.snapshots);
        self.announced = count(&by_channel[Channel::Instrument.as_str()]);
        self.published = count(&summary["records_published"]);
        self.acked = count(&summary["records_acked"]);
        self.dropped =
            summary["dropped"].as_object().into_iter().flat_map(|map| map.values()).map(count).sum();
        self.dead_letters_of_ingest = count(&summary["dead_letters"]);
        Ok(())
    }

    /// Every pair of neighbours that should have counted the same and did not, as sentences.
    pub(super) fn disagreements(&self) -> Vec<String> {
        let mut equations = vec![
            (
                "frames and snapshots received, instruments announced, less those dropped",
                (self.received + self.snapshots + self.announced).saturating_sub(self.dropped),
                "raw records published",
                self.published,
            ),
            ("raw records published", self.published, "raw records acknowledged", self.acked),
            ("raw records acknowledged", self.acked, "raw records on the topic", self.raw),
            ("raw records on the topic", self.raw, "raw records read by Flink", self.consumed),
            (
                "records written by normalize, dead letters of ingest",
                self.normalized_written + self.dead_letters_of_ingest,
                "records on market_data_normalized, quality_scores and dead_letters",
                self.normalized + self.quality + self.dead_letters,
            ),
            ("signals written", self.signals_written, "records on hifa_stage1_signals", self.signals),
        ];
        let later = LATER_TOPICS.into_iter().zip(self.later_written.into_iter().zip(self.later));
        equations
            .extend(later.map(|(topic, (written, found))| ("records written for", written, topic, found)));
        if let Some(simulated) = self.simulated {
            equations.insert(0, ("frames sent by the venue", simulated, "frames received", self.received));
        }
        let told = |(left, count, right, other)| format!("{left}: {count}, {right}: {other}");
        let mut disagreements: Vec<String> =
            equations.into_iter().filter(|(_, count, _, other)| count != other).map(told).collect();
        // Nothing equals nothing; that is no path.
        let ends = [("frames received", self.received), ("signals", self.signals)];
        disagreements
            .extend(ends.iter().filter(|(_, count)| *count == 0).map(|(name, _)| format!("{name}: none")));
        disagreements
    }
}

/// The sum of a metric's samples, of those whose labels have all of `values`.
fn sum(page: &str, name: &str, values: &[&str]) -> u64 {
    let samples =
        page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} "));
    samples
        .filter(|(labels, _)| values.iter().all(|value| labels.contains(&format!("\"{value}\""))))
        .filter_map(|(_, value)| value.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE opus2_ingest_frames_received_total counter
opus2_ingest_frames_received_total{channel=\"depth\",venue=\"binance\"} 40
opus2_ingest_frames_received_total{channel=\"trade\",venue=\"binance\"} 60
opus2_ingest_frames_received_total{channel=\"snapshot\",venue=\"binance\"} 5
opus2_ingest_records_published_total{channel=\"depth\",venue=\"binance\"} 105
opus2_ingest_records_published_total{channel=\"instrument\",venue=\"binance\"} 5
opus2_ingest_records_acked_total{channel=\"depth\",venue=\"binance\"} 110
opus2_ingest_drops_total{reason=\"backpressure\",venue=\"binance\"} 0
opus2_ingest_dead_letters_total{venue=\"binance\"} 2
";

    fn agreeing() -> Counts {
        let mut counts = Counts {
            simulated: Some(100),
            raw: 110,
            consumed: 110,
            normalized_written: 95,
            normalized: 90,
            quality: 4,
            signals_written: 80,
            signals: 80,
            later_written: [7, 8, 2],
            later: [7, 8, 2],
            dead_letters: 3,
            ..Counts::default()
        };
        counts.take_ingest(PAGE);
        counts
    }

    fn check(change: impl FnOnce(&mut Counts), expect: &[&str]) {
        let mut counts = agreeing();
        change(&mut counts);
        assert_eq!(counts.disagreements(), expect);
    }

    #[test]
    fn steps_that_agree_have_nothing_to_say() {
        check(|_| {}, &[]);
        check(|counts| counts.simulated = None, &[]);
    }

    #[test]
    fn a_lost_message_is_found_between_the_two_steps_that_lost_it() {
        check(
            |counts| counts.simulated = Some(101),
            &["frames sent by the venue: 101, frames received: 100"],
        );
        check(
            |counts| counts.raw = 111,
            &[
                "raw records acknowledged: 110, raw records on the topic: 111",
                "raw records on the topic: 111, raw records read by Flink: 110",
            ],
        );
        check(|counts| counts.signals = 79, &["signals written: 80, records on hifa_stage1_signals: 79"]);
        check(|counts| counts.later[2] = 1, &["records written for: 2, trading_signals_final: 1"]);
    }

    #[test]
    fn a_summary_says_the_same_as_the_page() {
        let summary = r#"{"frames_received":105,"records_published":110,"records_acked":110,
            "published_by_channel":{"depth":40,"instrument":5,"snapshot":5,"trade":60},"dead_letters":2,"dropped":{}}"#;
        let mut counts = agreeing();
        counts.take_ingest_summary(&format!("INFO starting\n{}\n", summary.replace('\n', ""))).unwrap();
        assert_eq!(counts, agreeing());
        assert!(counts.take_ingest_summary("INFO starting\n").is_err());
    }

    #[test]
    fn a_drop_is_accounted_for() {
        check(
            |counts| (counts.dropped, counts.published, counts.acked) = (1, 109, 109),
            &["raw records acknowledged: 109, raw records on the topic: 110"],
        );
    }

    #[test]
    fn a_path_without_signals_does_not_agree() {
        check(|counts| (counts.signals, counts.signals_written) = (0, 0), &["signals: none"]);
    }
}
