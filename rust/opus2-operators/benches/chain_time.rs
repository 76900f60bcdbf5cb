//! Time of the four stages for one event of a market, as `opus2 pipeline` chains them: with decoding, frames and JSON.
//!
//! Criterion tells the mean event. What follows in plain text tells the distribution: the slowest events are those that
//! end a second, for stage 2 then measures the market anew and several records are written. The same events go through
//! [`PASSES`] new chains, and the least time of an event counts: a machine that does something else meanwhile would
//! otherwise be what is measured. The first pass is shown as it was.
//!
//! With `--test` a tenth of the events go through once, as under `valgrind --tool=callgrind`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::print_stdout, reason = "the distribution is printed beside what criterion prints")]

#[path = "../tests/chain_host/mod.rs"]
mod chain_host;
#[path = "../tests/three_venues/mod.rs"]
mod three_venues;

use std::hint::black_box;
use std::time::{Duration, Instant};

use chain_host::Chain;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opus2_hifa::decision::model::{Model, Payoff, Validation};
use opus2_operators::{OutputChannel, create, with_model};
use opus2_wire::model::write_model;
use three_venues::{MARKET, Market};

const STAGES: [&str; 4] = ["signal", "context", "risk", "execution"];

/// Before anything is measured: the lead-lag evaluation of stage 2 begins after 300 s.
const WARM_UP: usize = 130_000;
const MEASURED: usize = 200_000;

/// How many chains see the same events.
const PASSES: usize = 5;

/// The configuration that is shipped.
const SHIPPED: &str = include_str!("../../../config/hifa.toml");

/// A market to measure.
struct Case {
    name: &'static str,
    venues: usize,
    every_ns: i64,
    is_proven: bool,
}

/// Three venues with an event every 2.8 ms, as three of BTC would have; the same with a model that may trade; and one of
/// the many markets that have five events a second, where the ends of seconds are a sixth of all that happens.
const CASES: [Case; 3] = [
    Case { name: "3_venues", venues: 3, every_ns: 2_800_000, is_proven: false },
    Case { name: "3_venues_trading", venues: 3, every_ns: 2_800_000, is_proven: true },
    Case { name: "1_quiet_venue", venues: 1, every_ns: 200_000_000, is_proven: false },
];

/// The configuration of the operators: the prior that nobody has fitted, or a model that trades.
fn config(is_proven: bool) -> String {
    let mut model = Model::unfitted();
    if is_proven {
        model.payoff = Payoff { gain_bps: 120.0, loss_bps: 60.0 };
        model.validation = Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 5, n_eff: 10_000.0 });
    }
    with_model(SHIPPED, &write_model(&model).unwrap())
}

/// Whether the name that was given on the command line, if any, is in the case's; one with a `$` is its end. Criterion reads
/// the same as a regular expression.
fn is_wanted(case: &Case) -> bool {
    let name = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    name.is_none_or(|name| match name.strip_suffix('$') {
        Some(end) => case.name.ends_with(end),
        None => case.name.contains(&name),
    })
}

/// Only to see that it runs.
fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

type Events = [(i64, Vec<u8>)];

fn events(case: &Case) -> Vec<(i64, Vec<u8>)> {
    let mut market = Market::new(case.venues, case.every_ns);
    let count = if is_test() { MEASURED / 10 } else { WARM_UP + MEASURED };
    (0..count).map(|_| market.encoded()).collect()
}

fn warm(config: &str, stages: &[&str], events: &Events) -> Chain {
    let mut chain = Chain::new(MARKET, stages, config);
    for (recv_ts, event) in events {
        chain.process(*recv_ts, event);
    }
    chain
}

fn four_stages(criterion: &mut Criterion) {
    for case in CASES.iter().filter(|case| is_wanted(case)) {
        let (events, config) = (events(case), config(case.is_proven));
        let (warm_up, measured) = events.split_at(if is_test() { 0 } else { WARM_UP });
        if is_test() {
            warm(&config, &STAGES, measured);
            continue;
        }
        for (name, stages) in [("four_stages", &STAGES[..]), ("stage_1", &STAGES[..1])] {
            let mut chain = warm(&config, stages, warm_up);
            let mut rest = measured.iter();
            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(1));
            group.bench_function(case.name, |bencher| {
                bencher.iter_custom(|iterations| {
                    let (mut elapsed, mut left) = (Duration::ZERO, iterations);
                    while left > 0 {
                        if rest.len() == 0 {
                            chain = warm(&config, stages, warm_up);
                            rest = measured.iter();
                        }
                        let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                        let start = Instant::now();
                        for (recv_ts, event) in rest.by_ref().take(count) {
                            chain.process(*recv_ts, black_box(event));
                        }
                        elapsed += start.elapsed();
                        left -= count as u64;
                    }
                    elapsed
                });
            });
            group.finish();
        }
        distribution(case, &config, warm_up, measured);
    }
}

/// Every event's own time, those that end a second also by themselves; then state and how long it takes to save.
fn distribution(case: &Case, config: &str, warm_up: &Events, measured: &Events) {
    let (mut least, mut is_end) = (vec![u64::MAX; measured.len()], vec![false; measured.len()]);
    let mut first = Vec::new();
    let mut chain = warm(config, &STAGES, warm_up);
    let seen = chain.seen;
    for pass in 0..PASSES {
        if pass > 0 {
            chain = warm(config, &STAGES, warm_up);
        }
        for ((recv_ts, event), (least, is_end)) in measured.iter().zip(least.iter_mut().zip(&mut is_end)) {
            let seconds = chain.seen.records_of(OutputChannel::Context);
            let start = Instant::now();
            chain.process(*recv_ts, black_box(event));
            let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            *least = nanos.min(*least);
            *is_end = chain.seen.records_of(OutputChannel::Context) > seconds;
        }
        if pass == 0 {
            first.clone_from(&least);
        }
    }
    let of = |wanted: bool| {
        let found = least.iter().zip(&is_end).filter(move |(_, is_end)| **is_end == wanted);
        found.map(|(nanos, _)| *nanos).collect::<Vec<_>>()
    };
    let (mut within, mut ends) = (of(false), of(true));
    println!("{}, ns per event: events, median, mean, p99, p99.9, most", case.name);
    show("every event, first pass", &mut first);
    show("every event", &mut least);
    show("within a second", &mut within);
    show("that ends one", &mut ends);
    for (channel, (records, bytes)) in
        OutputChannel::ALL.iter().zip(chain.seen.records.iter().zip(chain.seen.bytes)).skip(1)
    {
        let place = usize::from(channel.code());
        let (records, bytes) = (records - seen.records[place], bytes - seen.bytes[place]);
        if let Some(size) = bytes.checked_div(records) {
            println!("  {channel:?}: {records} records of {size} bytes");
        }
    }
    split(config, warm_up, measured);
    saving(&mut chain, config);
}

fn show(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    let of =
        |thousandths: usize| times.get((times.len() * thousandths / 1_000).min(times.len() - 1)).copied();
    if let (Some(median), Some(p99), Some(p999), Some(most)) = (of(500), of(990), of(999), times.last()) {
        let mean = times.iter().sum::<u64>() / times.len() as u64;
        println!("  {name}: {}, {median}, {mean}, {p99}, {p999}, {most}", times.len());
    }
}

/// Which stage takes how much, on average, the ends of seconds included.
fn split(config: &str, warm_up: &Events, measured: &Events) {
    let mut chain = warm(config, &STAGES, warm_up);
    chain.is_timed = true;
    for (recv_ts, event) in measured {
        chain.process(*recv_ts, event);
    }
    for (name, stage) in STAGES.iter().zip(&chain.stages) {
        println!("  {name}: {} ns on average", stage.elapsed.as_nanos() / measured.len() as u128);
    }
}

/// The state of every stage, and the median time of saving it.
fn saving(chain: &mut Chain, config: &str) {
    let (mut bytes, mut nanos) = (0, 0);
    for (name, stage) in STAGES.iter().zip(&mut chain.stages) {
        let mut blob = Vec::new();
        let mut times: Vec<_> = (0..501)
            .map(|_| {
                blob.clear();
                let start = Instant::now();
                stage.operator.save(MARKET, &mut blob).unwrap();
                start.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        println!("  state of {name}: {} bytes, saved in {} ns", blob.len(), times[250]);
        create(name, config).unwrap().load(MARKET, &blob).unwrap();
        (bytes, nanos) = (bytes + blob.len(), nanos + times[250]);
    }
    println!("  state of all: {bytes} bytes, saved in {nanos} ns");
}

criterion_group!(benches, four_stages);
criterion_main!(benches);
