//! A record costs the whole chain no heap memory in steady state: `normalize` and the four stages, seconds' ends included.

use crate::chain_host::Chain;
use crate::{three_venues, venue_records};
use allocation_counter::measure;
use opus2_hifa::decision::model::{Model, Payoff, Validation};
use opus2_operators::{OutputChannel, with_model};
use opus2_wire::model::write_model;

/// Gives the chain `warm_up` records, then `measured`; nothing of what is allocated by the second lot may come from an
/// operator that neither decides nor chooses its instruments anew. Gives how many records it published meanwhile.
#[track_caller]
fn check(chain: &mut Chain, records: &[(i64, Vec<u8>)], warm_up: usize) -> [u64; OutputChannel::ALL.len()] {
    let (warm_up, measured) = records.split_at(warm_up);
    for (recv_ts, record) in warm_up {
        chain.process(*recv_ts, record);
    }
    let seen = chain.seen;
    let (mut allocations, mut others) = (0, 0);
    for (recv_ts, record) in measured {
        let before = unsteady(chain);
        let counted = measure(|| chain.process(*recv_ts, record));
        if unsteady(chain) == before {
            allocations += counted.count_total;
        } else {
            others += 1;
        }
    }
    assert_eq!(allocations, 0);
    assert!(others < measured.len() / 10, "{others} of {} records are no steady state", measured.len());
    let mut records = chain.seen.records;
    records.iter_mut().zip(seen.records).for_each(|(records, before)| *records -= before);
    records
}

/// How often the primary instrument has changed, which makes pairs anew, and how many decisions there were.
fn unsteady(chain: &Chain) -> (u64, u64) {
    let mut rearrangements = 0;
    for stage in &chain.stages {
        stage.operator.counters(&mut |name, value| {
            if name == "rearrangements" {
                rearrangements = value;
            }
        });
    }
    (rearrangements, chain.seen.records_of(OutputChannel::Decisions))
}

fn records_of(records: &[u64; OutputChannel::ALL.len()], channel: OutputChannel) -> u64 {
    records[usize::from(channel.code())]
}

#[test]
fn an_event_allocates_nothing_in_the_four_stages() {
    let mut model = Model::unfitted();
    model.payoff = Payoff { gain_bps: 120.0, loss_bps: 60.0 };
    model.validation = Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 5, n_eff: 10_000.0 });
    let config = with_model("", &write_model(&model).unwrap());
    for venues in [1, 3] {
        // Ten minutes: a lead is evaluated in the second half.
        let mut market = three_venues::Market::new(venues, 30_000_000);
        let events: Vec<_> = (0..20_000).map(|_| market.encoded()).collect();
        let stages = ["signal", "context", "risk", "execution"];
        let mut chain = Chain::new(three_venues::MARKET, &stages, &config);
        let records = check(&mut chain, &events, 8_000);
        for (channel, least) in [
            (OutputChannel::Signals, 8_000),
            (OutputChannel::Context, 350),
            (OutputChannel::Risk, 350),
            (OutputChannel::Decisions, 1),
        ] {
            let found = records_of(&records, channel);
            assert!(found >= least, "{venues} venues, {channel:?}: {found} records");
        }
        assert!(chain.seen.timers_fired > 500, "{} timers", chain.seen.timers_fired);
    }
}

#[test]
fn a_record_allocates_nothing_in_all_five_operators() {
    let mut venues = venue_records::Venues::new(10_000_000);
    // Ten minutes.
    let records: Vec<_> = venues.announced().into_iter().chain((0..60_000).map(|_| venues.next())).collect();
    let operators = ["normalize", "signal", "context", "risk", "execution"];
    let mut chain = Chain::new(three_venues::MARKET, &operators, "validation_rules = \"window_secs: 1\"");
    let records = check(&mut chain, &records, 30_000);
    for (channel, least) in [
        (OutputChannel::Normalized, 25_000),
        (OutputChannel::Signals, 20_000),
        (OutputChannel::Quality, 800),
        (OutputChannel::Context, 290),
        (OutputChannel::Risk, 290),
    ] {
        let found = records_of(&records, channel);
        assert!(found >= least, "{channel:?}: {found} records");
    }
    assert_eq!(records_of(&records, OutputChannel::DeadLetters), 0);
}
