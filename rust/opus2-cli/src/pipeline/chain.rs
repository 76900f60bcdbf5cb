//! Operators in a row, driven as Flink drives them.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use opus2_operators::{Entry, Operator, Output, OutputChannel, create};
use opus2_types::UnixNanos;

/// How far the watermark stays behind the newest record, as in the Flink job.
const OUT_OF_ORDERNESS_NANOS: i64 = 1_000_000_000;

/// Where the output of operators in a row goes.
pub(crate) trait Sink {
    /// A record for a topic, from any of the operators.
    fn publish(&mut self, channel: OutputChannel, payload: &[u8]) -> Result<()>;

    /// What the last operator hands on.
    fn hand_on(&mut self, _payload: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// An operator with its timers.
struct Stage {
    name: &'static str,
    operator: Box<dyn Operator>,
    timers: BTreeSet<(UnixNanos, String)>,
    out: Output,
}

/// Operators in a row: what one puts on the main channel, the next one gets.
pub(crate) struct Chain {
    stages: Vec<Stage>,
    config: String,
    /// Every key there has been.
    keys: BTreeSet<String>,
    newest: UnixNanos,
}

impl Chain {
    pub(crate) fn new(names: &[&'static str], config: &str) -> Result<Self> {
        let stages = names
            .iter()
            .map(|name| {
                let operator = create(name, config)?;
                Ok(Stage { name, operator, timers: BTreeSet::new(), out: Output::new() })
            })
            .collect::<Result<_>>()?;
        Ok(Self { stages, config: config.to_owned(), keys: BTreeSet::new(), newest: UnixNanos::MIN })
    }

    /// Gives a record to the first operator and what follows from it to the others; then moves the watermark.
    pub(crate) fn process(
        &mut self,
        key: &str,
        recv_ts: UnixNanos,
        record: &[u8],
        sink: &mut impl Sink,
    ) -> Result<()> {
        if !self.keys.contains(key) {
            self.keys.insert(key.to_owned());
        }
        run(&mut self.stages, key, Call::Record(record), sink)?;
        if recv_ts > self.newest {
            self.newest = recv_ts;
            self.fire(recv_ts.plus(-OUT_OF_ORDERNESS_NANOS), sink)?;
        }
        Ok(())
    }

    /// Fires the timers that the watermark has passed, in order of time, then key.
    fn fire(&mut self, watermark: UnixNanos, sink: &mut impl Sink) -> Result<()> {
        for first in 0..self.stages.len() {
            while let Some((at, key)) = self.stages[first].timers.pop_first() {
                // Flink's watermarks are whole milliseconds, and a timer fires once its millisecond has passed.
                if at.plus(999_999).as_millis() >= watermark.as_millis() {
                    self.stages[first].timers.insert((at, key));
                    break;
                }
                run(&mut self.stages[first..], &key, Call::Timer(at), sink)?;
            }
        }
        Ok(())
    }

    /// Replaces every operator by a new one with the old one's state.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let mut blob = Vec::new();
        for stage in &mut self.stages {
            let mut operator = create(stage.name, &self.config)?;
            for key in &self.keys {
                blob.clear();
                stage.operator.save(key, &mut blob)?;
                if !blob.is_empty() {
                    operator.load(key, &blob)?;
                }
            }
            stage.operator = operator;
        }
        Ok(())
    }

    /// Every operator's counters since the start, or since the last restart.
    pub(crate) fn counters(&self) -> Vec<(&'static str, Vec<(&'static str, u64)>)> {
        let of = |stage: &Stage| {
            let mut counters = Vec::new();
            stage.operator.counters(&mut |name, value| counters.push((name, value)));
            (stage.name, counters)
        };
        self.stages.iter().map(of).collect()
    }
}

/// What an operator is called with.
#[derive(Clone, Copy)]
enum Call<'a> {
    Record(&'a [u8]),
    Timer(UnixNanos),
}

fn run(stages: &mut [Stage], key: &str, call: Call<'_>, sink: &mut impl Sink) -> Result<()> {
    let Some((stage, later)) = stages.split_first_mut() else { return Ok(()) };
    stage.out.clear();
    match call {
        Call::Record(record) => stage.operator.process(key, record, &mut stage.out),
        Call::Timer(at) => stage.operator.on_timer(key, at, &mut stage.out),
    }
    .with_context(|| format!("operator {}, market {key}", stage.name))?;
    for entry in stage.out.entries() {
        match entry {
            Entry::Record { channel: OutputChannel::Main, payload, .. } => {
                if later.is_empty() {
                    sink.hand_on(payload)?;
                } else {
                    run(later, key, Call::Record(payload), sink)?;
                }
            }
            Entry::Record { channel, payload, .. } => sink.publish(channel, payload)?,
            Entry::Timer(at) => {
                stage.timers.insert((at, key.to_owned()));
            }
        }
    }
    Ok(())
}
