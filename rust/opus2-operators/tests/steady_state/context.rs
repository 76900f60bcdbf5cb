//! A record costs `signal` and `context` together no heap memory once they know the market's instruments.

use crate::steady::{MARKET, steady};
use allocation_counter::measure;
use opus2_operators::{Entry, Operator, Output, OutputChannel, create};

/// Both operators, and what they write into.
struct Chain {
    signal: Box<dyn Operator>,
    context: Box<dyn Operator>,
    outs: [Output; 2],
    /// Bytes of records that were published by stage 2.
    published: usize,
}

impl Chain {
    fn rearrangements(&self) -> u64 {
        let mut found = 0;
        self.context.counters(&mut |name, value| {
            if name == "rearrangements" {
                found = value;
            }
        });
        found
    }

    fn process(&mut self, event: &[u8]) {
        let [of_signal, of_context] = &mut self.outs;
        of_signal.clear();
        self.signal.process(MARKET, event, of_signal).unwrap();
        for entry in of_signal.entries() {
            let Entry::Record { channel: OutputChannel::Main, payload, .. } = entry else { continue };
            of_context.clear();
            self.context.process(MARKET, payload, of_context).unwrap();
            for entry in of_context.entries() {
                if let Entry::Record { channel: OutputChannel::Context, payload, .. } = entry {
                    self.published += payload.len();
                }
            }
        }
    }
}

#[test]
fn a_record_allocates_nothing_in_steady_state() {
    let mut chain = Chain {
        signal: create("signal", "").unwrap(),
        context: create("context", "").unwrap(),
        outs: [Output::new(), Output::new()],
        published: 0,
    };
    // Seven minutes: a lead is evaluated in the second half.
    let events: Vec<_> = (1..14_000).map(|number| steady(number, 30)).collect();
    let (warm_up, measured) = events.split_at(5_000);
    for event in warm_up {
        chain.process(event);
    }
    let published = chain.published;
    let (mut allocations, mut rearrangements) = (0, 0);
    for event in measured {
        let before = chain.rearrangements();
        let counted = measure(|| chain.process(event));
        // Another primary instrument makes its pairs anew: that is not the steady state.
        if chain.rearrangements() == before {
            allocations += counted.count_total;
        } else {
            rearrangements += 1;
        }
    }
    assert_eq!(allocations, 0);
    assert!(rearrangements <= 2, "{rearrangements} rearrangements are no steady state");
    assert!(chain.published - published > 250 * 2_000, "the records were written");
    let mut seen = Vec::new();
    chain.context.counters(&mut |name, value| {
        if ["events", "seconds", "candidates"].contains(&name) {
            seen.push(value);
        }
    });
    assert!(seen.iter().all(|value| *value > 250), "every path was taken: {seen:?}");
}
