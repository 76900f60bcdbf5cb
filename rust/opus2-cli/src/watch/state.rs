//! What the sources told, put together. Pure: it is told the time, and knows no source.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use opus2_types::UnixNanos;

use super::config::{DETECTIONS_LIMIT, INSTRUMENTS_LIMIT, REASONS_LIMIT};
use super::counter::{Baseline, Counter};
use super::latency::SlidingLatency;
use super::record::{DeadLetter, Decided, Published};
use super::snapshot::{
    Detection, JobStatus, LastSignal, Latencies, Snapshot, Source, SourceState, SourceStatus, Step, StepCount,
};

/// A process whose counter stands still this long has rate zero.
const STALE_AFTER: Duration = Duration::from_secs(3);
/// Flink renews its counters every ten seconds unless told otherwise.
const STALE_AFTER_FLINK: Duration = Duration::from_secs(12);
/// How long a detector may be silent within one episode.
const EPISODE_NANOS: i64 = 1_000_000_000;
/// Where reasons beyond the limit are counted.
const OTHER_REASONS: &str = "other";

/// Counts by reason.
pub(super) type Reasons = BTreeMap<String, u64>;

/// What is lost or begun again, by reason, as the ingest daemon counts it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Losses {
    pub(super) resyncs: Reasons,
    pub(super) drops: Reasons,
    pub(super) reconnects: Reasons,
}

/// The three latencies of a signal.
struct Way {
    venue_to_receive: SlidingLatency,
    receive_to_read: SlidingLatency,
    end_to_end: SlidingLatency,
    ahead_count: u64,
}

/// An instrument's last signal and the state of its book.
#[derive(Default)]
struct Instrument {
    signal: Option<LastSignal>,
    book: Option<String>,
}

/// Everything known, updated by the sources and read by [`State::snapshot`].
///
/// `now` is always the time since the monitor began.
pub(super) struct State {
    window: Duration,
    steps: BTreeMap<Step, Counter>,
    /// Growth of the raw topics: stands in for [`Step::Acked`] where no daemon tells it.
    raw: Counter,
    way: Way,
    instruments: BTreeMap<String, Instrument>,
    detections: VecDeque<Detection>,
    losses: Losses,
    dead_letters: Reasons,
    skipped_count: u64,
    unreadable_count: u64,
    topics: BTreeMap<String, Counter>,
    job: Option<JobStatus>,
    sources: BTreeMap<Source, SourceStatus>,
}

impl State {
    pub(super) fn new(window: Duration) -> Self {
        let stale_after = |step| if step == Step::Consumed { STALE_AFTER_FLINK } else { STALE_AFTER };
        Self {
            window,
            steps: Step::ALL.into_iter().map(|step| (step, Counter::new(stale_after(step)))).collect(),
            raw: Counter::new(STALE_AFTER),
            way: Way {
                venue_to_receive: SlidingLatency::new(window),
                receive_to_read: SlidingLatency::new(window),
                end_to_end: SlidingLatency::new(window),
                ahead_count: 0,
            },
            instruments: BTreeMap::new(),
            detections: VecDeque::new(),
            losses: Losses::default(),
            dead_letters: Reasons::new(),
            skipped_count: 0,
            unreadable_count: 0,
            topics: BTreeMap::new(),
            job: None,
            sources: BTreeMap::new(),
        }
    }

    /// Says where a source is and how it does.
    pub(super) fn set_source(&mut self, source: Source, address: &str, state: SourceState) {
        self.sources.insert(source, SourceStatus { source, address: address.to_owned(), state });
    }

    /// Takes a reading of a process's counter. `was_missing`: the process did not answer when we began, so it began after us.
    pub(super) fn observe_step(&mut self, now: Duration, step: Step, value: u64, was_missing: bool) {
        let baseline = if was_missing { Baseline::Zero } else { Baseline::FirstSeen };
        if let Some(counter) = self.steps.get_mut(&step) {
            counter.observe(now, value, baseline);
        }
    }

    /// The process behind a step is a new one: its counter begins at zero.
    pub(super) fn owner_changed(&mut self, step: Step) {
        if let Some(counter) = self.steps.get_mut(&step) {
            counter.owner_changed();
        }
    }

    /// Takes the number of records ever written to a topic; zero for one that does not exist yet.
    pub(super) fn observe_topic(&mut self, now: Duration, topic: &str, step: Option<Step>, end: u64) {
        if let Some(step) = step {
            self.observe_step(now, step, end, false);
        }
        let counter = self.topics.entry(topic.to_owned()).or_insert_with(|| Counter::new(STALE_AFTER));
        counter.observe(now, end, Baseline::FirstSeen);
    }

    /// Takes the number of records ever written to all raw topics.
    pub(super) fn observe_raw(&mut self, now: Duration, end: u64) {
        self.raw.observe(now, end, Baseline::FirstSeen);
    }

    pub(super) fn set_losses(&mut self, losses: Losses) {
        self.losses = losses;
    }

    pub(super) fn set_job(&mut self, job: Option<JobStatus>) {
        self.job = job;
    }

    pub(super) fn count_skipped(&mut self, records: u64) {
        self.skipped_count += records;
    }

    pub(super) fn count_unreadable(&mut self) {
        self.unreadable_count += 1;
    }

    /// Takes an object of `market_data_normalized`: the state of its instrument's book.
    pub(super) fn take_normalized(&mut self, event: &Published<'_>) {
        let Some(instrument) = instrument_entry(&mut self.instruments, event) else { return };
        if instrument.book.as_deref() != Some(event.state.as_ref()) {
            instrument.book = Some(event.state.to_string());
        }
    }

    /// Takes an object of `hifa_stage1_signals` that was read at `read_ts`.
    pub(super) fn take_signal(&mut self, now: Duration, read_ts: UnixNanos, signal: &Published<'_>) {
        if signal.kind != "signal" {
            return;
        }
        self.way.take(now, read_ts, signal);
        for detected in &signal.detections {
            self.take_detection(signal.key(), signal.recv_ts, detected.text());
        }
        let Some(instrument) = instrument_entry(&mut self.instruments, signal) else { return };
        let count = instrument.signal.as_ref().map_or(0, |last| last.count) + 1;
        instrument.signal = Some(LastSignal {
            instrument: signal.key(),
            recv_ts: signal.recv_ts,
            mid: signal.mid(),
            queue_imbalance: signal.queue_imbalance(),
            ofi: signal.ofi(),
            count,
            book: None,
        });
    }

    /// Takes an object of `trading_signals_final`: it stands among the detections, under its market.
    pub(super) fn take_decision(&mut self, decision: &Decided<'_>) {
        self.take_detection(decision.market.to_string(), decision.recv_ts, decision.text());
    }

    /// The same thing seen again within [`EPISODE_NANOS`] belongs to the one before: a move is seen by many events.
    fn take_detection(&mut self, instrument: String, recv_ts: i64, text: String) {
        let is_again = |known: &&mut Detection| known.instrument == instrument && known.text == text;
        let known = self.detections.iter_mut().find(is_again);
        if let Some(known) = known.filter(|known| recv_ts.saturating_sub(known.last_ts) <= EPISODE_NANOS) {
            known.last_ts = recv_ts;
            known.count += 1;
            return;
        }
        if self.detections.len() == DETECTIONS_LIMIT {
            self.detections.pop_back();
        }
        self.detections.push_front(Detection { instrument, recv_ts, last_ts: recv_ts, text, count: 1 });
    }

    /// Takes an object of `dead_letters`.
    pub(super) fn take_dead_letter(&mut self, letter: &DeadLetter<'_>) {
        let reason = format!("{} {}", letter.step, letter.reason);
        let is_known = self.dead_letters.contains_key(&reason) || self.dead_letters.len() < REASONS_LIMIT;
        let key = if is_known { reason } else { OTHER_REASONS.to_owned() };
        *self.dead_letters.entry(key).or_default() += 1;
    }

    /// Once a second: the rates for the picture.
    pub(super) fn tick(&mut self, now: Duration) {
        for counter in self.steps.values_mut().chain([&mut self.raw]) {
            counter.tick(now);
        }
    }

    /// Counts and total latencies begin at zero again; what sources last said stays.
    pub(super) fn restart(&mut self) {
        let topics = self.topics.values_mut();
        self.steps.values_mut().chain([&mut self.raw]).chain(topics).for_each(Counter::restart);
        self.way.restart();
        self.dead_letters.clear();
        self.skipped_count = 0;
        self.unreadable_count = 0;
    }

    /// Everything at one moment.
    pub(super) fn snapshot(&mut self, now: Duration, now_ts: UnixNanos) -> Snapshot {
        let (latency, latency_total) = self.way.read(now);
        Snapshot {
            elapsed_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            now_ts: now_ts.0,
            steps: self.step_counts(now),
            latency,
            latency_total,
            ahead_count: self.way.ahead_count,
            window_secs: self.window.as_secs(),
            books: self.books(),
            resyncs: self.losses.resyncs.clone(),
            drops: self.losses.drops.clone(),
            reconnects: self.losses.reconnects.clone(),
            dead_letters: self.dead_letters.clone(),
            skipped_count: self.skipped_count,
            unreadable_count: self.unreadable_count,
            topics: self.topics.iter().filter_map(|(topic, c)| Some((topic.clone(), c.count()?))).collect(),
            job: self.job.clone(),
            signals: self.last_signals(),
            detections: self.detections.iter().cloned().collect(),
            sources: Source::ALL.iter().filter_map(|source| self.sources.get(source).cloned()).collect(),
        }
    }

    fn step_counts(&self, now: Duration) -> Vec<StepCount> {
        let count = |(&step, counter): (&Step, &Counter)| {
            let no_daemon = step == Step::Acked && counter.count().is_none();
            let counter = if no_daemon { &self.raw } else { counter };
            StepCount {
                step,
                count: counter.count(),
                per_second: counter.rate(now),
                history: counter.history(),
            }
        };
        self.steps.iter().map(count).collect()
    }

    /// The busiest first, in an order that rarely changes: by the power of two of their signals, then by name.
    fn last_signals(&self) -> Vec<LastSignal> {
        let mut signals: Vec<_> = self.instruments.values().filter_map(Instrument::last_signal).collect();
        signals.sort_by_key(|signal| Reverse(signal.count.checked_ilog2()));
        signals
    }

    fn books(&self) -> Reasons {
        let mut books = Reasons::new();
        for state in self.instruments.values().filter_map(|instrument| instrument.book.as_ref()) {
            *books.entry(state.clone()).or_default() += 1;
        }
        books
    }
}

impl Way {
    fn take(&mut self, now: Duration, read_ts: UnixNanos, signal: &Published<'_>) {
        let recv_ts = UnixNanos(signal.recv_ts);
        self.receive_to_read.record(now, micros(read_ts.since(recv_ts)));
        let Some(exch_ts) = signal.exch_ts.map(UnixNanos) else { return };
        let on_the_way = recv_ts.since(exch_ts);
        self.ahead_count += u64::from(on_the_way < 0);
        self.venue_to_receive.record(now, micros(on_the_way));
        self.end_to_end.record(now, micros(read_ts.since(exch_ts)));
    }

    fn read(&mut self, now: Duration) -> (Latencies, Latencies) {
        let window = Latencies {
            venue_to_receive: self.venue_to_receive.window(now),
            receive_to_read: self.receive_to_read.window(now),
            end_to_end: self.end_to_end.window(now),
        };
        let total = Latencies {
            venue_to_receive: self.venue_to_receive.total(),
            receive_to_read: self.receive_to_read.total(),
            end_to_end: self.end_to_end.total(),
        };
        (window, total)
    }

    fn restart(&mut self) {
        self.venue_to_receive.restart();
        self.receive_to_read.restart();
        self.end_to_end.restart();
        self.ahead_count = 0;
    }
}

impl Instrument {
    fn last_signal(&self) -> Option<LastSignal> {
        let signal = self.signal.clone()?;
        Some(LastSignal { book: self.book.clone(), ..signal })
    }
}

/// Whole microseconds; a negative duration is none.
fn micros(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap_or(0) / 1000
}

/// The instrument of an object; `None` when too many are known already.
fn instrument_entry<'a>(
    instruments: &'a mut BTreeMap<String, Instrument>,
    object: &Published<'_>,
) -> Option<&'a mut Instrument> {
    let key = object.key();
    if !instruments.contains_key(&key) && instruments.len() >= INSTRUMENTS_LIMIT {
        return None;
    }
    Some(instruments.entry(key).or_default())
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
