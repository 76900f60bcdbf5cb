//! Operators in a row for one market, driven as `opus2 pipeline` and Flink drive them.

use std::time::{Duration, Instant};

use opus2_operators::{Entry, Operator, Output, OutputChannel, create};
use opus2_types::UnixNanos;

/// How far the watermark stays behind the newest record, as in the Flink job.
const OUT_OF_ORDERNESS_NANOS: i64 = 1_000_000_000;

/// The most timers that one operator may have waiting; there are no more than two at a time.
const TIMERS_MAX: usize = 64;

/// An operator with its timers.
pub(crate) struct Stage {
    pub(crate) operator: Box<dyn Operator>,
    out: Output,
    timers: Vec<i64>,
    /// How long its calls took, once asked for.
    pub(crate) elapsed: Duration,
}

/// Operators in a row: what one puts on the main channel, the next one gets.
pub(crate) struct Chain {
    market: &'static str,
    pub(crate) stages: Vec<Stage>,
    newest: i64,
    pub(crate) seen: Seen,
    /// The calls of each operator are timed.
    pub(crate) is_timed: bool,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Records by the code of their channel.
    pub(crate) records: [u64; OutputChannel::ALL.len()],
    /// Bytes of them.
    pub(crate) bytes: [u64; OutputChannel::ALL.len()],
    pub(crate) timers_fired: u64,
}

impl Seen {
    pub(crate) fn records_of(&self, channel: OutputChannel) -> u64 {
        self.records[usize::from(channel.code())]
    }
}

impl Chain {
    pub(crate) fn new(market: &'static str, names: &[&str], config: &str) -> Self {
        let stage = |name: &&str| Stage {
            operator: create(name, config).unwrap(),
            out: Output::new(),
            timers: Vec::with_capacity(TIMERS_MAX),
            elapsed: Duration::ZERO,
        };
        let stages = names.iter().map(stage).collect();
        Self { market, stages, newest: i64::MIN, seen: Seen::default(), is_timed: false }
    }

    /// Gives a record to the first operator and what follows from it to the others; then moves the watermark.
    pub(crate) fn process(&mut self, recv_ts: i64, record: &[u8]) {
        self.run(0, Call::Record(record));
        if recv_ts > self.newest {
            self.newest = recv_ts;
            self.fire(recv_ts.saturating_sub(OUT_OF_ORDERNESS_NANOS));
        }
    }

    /// Fires the timers that the watermark has passed.
    fn fire(&mut self, watermark: i64) {
        for first in 0..self.stages.len() {
            loop {
                let timers = &mut self.stages[first].timers;
                let next = timers.iter().enumerate().min_by_key(|(_, at)| **at);
                // A timer fires once its millisecond has passed.
                let Some((place, at)) =
                    next.map(|(place, at)| (place, *at)).filter(|(_, at)| *at < watermark)
                else {
                    break;
                };
                timers.swap_remove(place);
                self.seen.timers_fired += 1;
                self.run(first, Call::Timer(UnixNanos(at)));
            }
        }
    }

    fn run(&mut self, first: usize, call: Call<'_>) {
        let Self { market, stages, seen, is_timed, .. } = self;
        run(market, &mut stages[first..], call, seen, *is_timed);
    }
}

/// What an operator is called with.
#[derive(Clone, Copy)]
enum Call<'a> {
    Record(&'a [u8]),
    Timer(UnixNanos),
}

fn run(market: &str, stages: &mut [Stage], call: Call<'_>, seen: &mut Seen, is_timed: bool) {
    let Some((stage, later)) = stages.split_first_mut() else { return };
    stage.out.clear();
    let begun = is_timed.then(Instant::now);
    match call {
        Call::Record(record) => stage.operator.process(market, record, &mut stage.out).unwrap(),
        Call::Timer(at) => stage.operator.on_timer(market, at, &mut stage.out).unwrap(),
    }
    if let Some(begun) = begun {
        stage.elapsed += begun.elapsed();
    }
    for entry in stage.out.entries() {
        match entry {
            Entry::Record { channel, payload, .. } => {
                let place = usize::from(channel.code());
                seen.records[place] += 1;
                seen.bytes[place] += payload.len() as u64;
                if channel == OutputChannel::Main {
                    run(market, later, Call::Record(payload), seen, is_timed);
                }
            }
            Entry::Timer(at) => {
                assert!(stage.timers.len() < TIMERS_MAX, "timers are fired");
                if !stage.timers.contains(&at.0) {
                    stage.timers.push(at.0);
                }
            }
        }
    }
}
