//! A venue's vital signs: taken once a second, looked at over a minute (reconnects: an hour).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opus2_hifa::{ExchangeHealth, ExchangeVitals, HealthSettings, exchange_health};
use opus2_types::BookState;
use tokio::sync::watch;

use crate::access::{Access, stopped};
use crate::end::End;
use crate::metrics::{LATENCY_BUCKETS, Metrics, latency_nanos_p99};

/// How often vital signs are taken.
const EVERY: Duration = Duration::from_secs(1);
/// How many of them make the minute that is looked at.
const SAMPLES: usize = 60;
/// How many minutes make the hour.
const MINUTES: usize = 60;

/// Counters at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    resyncs: u64,
    frames: u64,
    rejected: u64,
    reconnects: u64,
    latency: [u64; LATENCY_BUCKETS],
}

/// The samples of the last minute and the last hour.
#[derive(Debug)]
pub(crate) struct Vitals {
    minute: VecDeque<Sample>,
    /// Reconnects at the end of each minute.
    hour: VecDeque<u64>,
    ticks: usize,
    /// When the count of frames last rose.
    heard_at: Instant,
    frames: u64,
}

impl Vitals {
    /// None yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { minute: VecDeque::new(), hour: VecDeque::new(), ticks: 0, heard_at: now, frames: 0 }
    }

    /// Takes one sample and says how the venue does: its health, and the 99th percentile of the latency in seconds
    /// (zero when nothing was measured).
    pub(crate) fn take(&mut self, metrics: &Metrics, now: Instant) -> (ExchangeHealth, f64) {
        let sample = Sample {
            resyncs: metrics.resyncs.not_zero().values().sum(),
            frames: metrics.frames_received.sum(),
            rejected: metrics.rejected.not_zero().values().sum::<u64>() + metrics.dead_letters.get(),
            reconnects: unasked(&metrics.reconnects.not_zero()) + unasked(&metrics.socket_ends.not_zero()),
            latency: metrics.feed_latency.counts(),
        };
        if sample.frames != self.frames {
            self.frames = sample.frames;
            self.heard_at = now;
        }
        let first = *self.minute.front().unwrap_or(&sample);
        let hour_ago = self.hour.front().copied().unwrap_or(0);
        let latency = latency_nanos_p99(&first.latency, &sample.latency);
        let latency_secs =
            latency.map_or(0.0, |nanos| Duration::from_nanos(nanos.unsigned_abs()).as_secs_f64());
        let books = |state| ratio_of(metrics.books_in(state));
        let books_count: f64 = BookState::ALL.iter().map(|state| books(*state)).sum();
        let frames = count(sample.frames - first.frames);
        let vitals = ExchangeVitals {
            age_secs: now.duration_since(self.heard_at).as_secs_f64(),
            gaps_per_min: count(sample.resyncs - first.resyncs),
            latency_ms_p99: latency_secs * 1_000.0,
            crossed_fraction: if books_count > 0.0 { books(BookState::Crossed) / books_count } else { 0.0 },
            rejected_fraction: if frames > 0.0 {
                count(sample.rejected - first.rejected) / frames
            } else {
                0.0
            },
            reconnects_per_hour: count(sample.reconnects - hour_ago),
        };
        self.keep(&sample);
        (exchange_health(&vitals, &HealthSettings::default()), latency_secs)
    }

    fn keep(&mut self, sample: &Sample) {
        self.minute.push_back(*sample);
        if self.minute.len() > SAMPLES {
            self.minute.pop_front();
        }
        self.ticks += 1;
        if self.ticks.is_multiple_of(SAMPLES) {
            self.hour.push_back(sample.reconnects);
            if self.hour.len() > MINUTES {
                self.hour.pop_front();
            }
        }
    }
}

/// Ends that nobody had asked for.
fn unasked(ends: &std::collections::BTreeMap<&'static str, u64>) -> u64 {
    ends.iter().filter(|(reason, _)| !End::ORDERLY_NAMES.contains(*reason)).map(|(_, count)| count).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a minute are far below 2^53")]
fn count(count: u64) -> f64 {
    count as f64
}

fn ratio_of(books: i64) -> f64 {
    count(u64::try_from(books).unwrap_or(0))
}

/// Takes a venue's vital signs until asked to stop.
pub(crate) async fn watch_health(shared: Arc<Access>, mut stop: watch::Receiver<bool>) {
    let mut vitals = Vitals::new(Instant::now());
    let mut timer = tokio::time::interval(EVERY);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = stopped(&mut stop) => return,
        }
        let (health, latency_secs) = vitals.take(&shared.metrics, Instant::now());
        shared.metrics.set_health(&health, latency_secs);
        // An open breaker whose time has come shows as half open only when somebody tries.
        shared.metrics.set_breaker(shared.breaker.state());
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::{Channel, Venue};
    use opus2_venue::session::ResyncReason;

    use super::*;

    /// The score after `act` on a venue that was well for a minute.
    fn score_after(act: impl FnOnce(&Metrics), silent: Duration) -> f64 {
        let metrics = Metrics::new(Venue::Binance);
        metrics.books_begin(10);
        let begin = Instant::now();
        let mut vitals = Vitals::new(begin);
        for second in 0..60 {
            metrics.frames_received.add_one(Channel::Depth);
            metrics.feed_latency.observe(2_000_000);
            vitals.take(&metrics, begin + Duration::from_secs(second));
        }
        act(&metrics);
        vitals.take(&metrics, begin + Duration::from_secs(60) + silent).0.score
    }

    #[test]
    fn a_venue_that_is_well_has_full_health() {
        let score = score_after(|metrics| metrics.frames_received.add_one(Channel::Depth), Duration::ZERO);
        assert!(score > 99.9, "{score}");
    }

    #[test]
    fn every_sign_lowers_it() {
        let well = |metrics: &Metrics| metrics.frames_received.add_one(Channel::Depth);
        assert!(score_after(|_| {}, Duration::from_secs(30)) < 10.0, "silence");
        let check = |act: &dyn Fn(&Metrics), below: f64, what: &str| {
            let score = score_after(
                |metrics| {
                    well(metrics);
                    act(metrics);
                },
                Duration::ZERO,
            );
            assert!(score < below, "{what}: {score}");
        };
        check(&|metrics| (0..3).for_each(|_| metrics.resync(ResyncReason::Gap, "x")), 85.0, "gaps");
        check(&|metrics| metrics.book_moved(BookState::Empty, BookState::Crossed), 30.0, "crossed");
        check(&|metrics| (0..10).for_each(|_| metrics.rejected.add_one("bad_json")), 20.0, "rejects");
        check(&|metrics| (0..4).for_each(|_| metrics.reconnects.add_one("io")), 91.0, "reconnects");
        check(&|metrics| (0..10).for_each(|_| metrics.feed_latency.observe(900_000_000)), 10.0, "latency");
    }

    #[test]
    fn ends_in_order_are_no_sign_of_illness() {
        let score = score_after(
            |metrics| {
                metrics.frames_received.add_one(Channel::Depth);
                (0..9).for_each(|_| metrics.reconnects.add_one("age"));
                (0..9).for_each(|_| metrics.socket_ends.add_one("server_shutdown"));
            },
            Duration::ZERO,
        );
        assert!(score > 99.9, "{score}");
    }
}
