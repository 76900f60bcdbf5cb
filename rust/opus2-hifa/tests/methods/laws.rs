//! Laws that hold for every input: methods reference, section 13.

use opus2_hifa::estimator::depth_imbalance::depth_imbalance;
use opus2_hifa::estimator::ofi::{Ofi, OfiSum, contribution};
use opus2_hifa::estimator::queue_imbalance::{HeldAverage, queue_imbalance};
use opus2_hifa::estimator::window::{BinWindow, WINDOWS};
use opus2_hifa::primitive::{Bbo, depth_within, weighted_mid};
use opus2_hifa::signal::{BarTally, Features, InstrumentState};
use opus2_hifa::{Absent, SignalConfig};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, QuoteEvent,
    SeqRange, Side, StatusEvent, TradeEvent, UnixNanos, Venue,
};
use proptest::prelude::*;

const MIRROR: i64 = 200_000;
const MILLI: i64 = 1_000_000;

/// One event of a random session. Prices are around 100 000 with a spread that may be negative.
#[derive(Debug, Clone)]
struct Step {
    after_ms: i64,
    kind: u8,
    bid: i64,
    spread: i64,
    qtys: [i64; 2],
    number: i64,
    flags: u16,
}

fn steps(faults: bool) -> impl Strategy<Value = Vec<Step>> {
    let spread = if faults { -3i64..10 } else { 1..10 };
    let qty = if faults { 0i64..1_000 } else { 1..1_000 };
    let after = prop_oneof![8 => 0i64..40, 1 => 40i64..2_000, u32::from(faults) => -500i64..0];
    let kind = if faults { 0u8..10 } else { 0..3 };
    let number = if faults { -2i64..6 } else { 1..3 };
    let flags = if faults { 0u16..21 } else { 0..1 };
    let step = (after, kind, 99_900i64..100_100, spread, [qty.clone(), qty], number, flags);
    let step = step.prop_map(|(after_ms, kind, bid, spread, qtys, number, flags)| Step {
        after_ms,
        kind,
        bid,
        spread,
        qtys,
        number,
        flags,
    });
    proptest::collection::vec(step, 1..150)
}

/// The events of `steps`, with sides swapped when `is_mirrored` and quantities times `factor`.
fn play(steps: &[Step], is_mirrored: bool, factor: i64, mut visit: impl FnMut(&MarketEvent<'_>)) {
    let (mut now, mut seq) = (1_700_000_000_000 * MILLI, 1_000i64);
    for step in steps {
        now += step.after_ms * MILLI;
        seq += step.number;
        let mut bid = Level::new(step.bid, step.qtys[0] * factor);
        let mut ask = Level::new(step.bid + step.spread, step.qtys[1] * factor);
        if is_mirrored {
            let flip = |level: Level| Level { price: Price(MIRROR - level.price.0), ..level };
            (bid, ask) = (flip(ask), flip(bid));
        }
        let deep = |level: Level, step: i64| Level::new(level.price.0 + step, 7 * factor);
        visit(&MarketEvent {
            id: "binance:BTCUSDT:c:1",
            venue: Venue::Binance,
            symbol: "BTCUSDT",
            price_scale: 2,
            qty_scale: 3,
            tick: Price(1),
            lot: opus2_types::Qty(1),
            exch_ts: None,
            recv_ts: UnixNanos(now),
            seq: SeqRange { first: seq.unsigned_abs(), last: seq.unsigned_abs() },
            flags: match step.flags {
                20 => QualityFlags::TRADE_GAP,
                flags => QualityFlags(flags.saturating_sub(15)),
            },
            body: match step.kind {
                0 | 1 => EventBody::Quote(QuoteEvent { bid, ask }),
                2 => EventBody::Book(BookView::new([bid, deep(bid, -5)], [ask, deep(ask, 5)])),
                3 if is_mirrored => EventBody::Book(BookView::new([], [ask])),
                3 => EventBody::Book(BookView::new([bid], [])),
                4 => EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap }),
                5 => EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Empty }),
                6 if is_mirrored => EventBody::Quote(QuoteEvent { bid, ask: Level::default() }),
                6 => EventBody::Quote(QuoteEvent { bid: Level::default(), ask }),
                _ => EventBody::Trade(TradeEvent {
                    trade_id: seq.unsigned_abs(),
                    price: bid.price,
                    qty: Qty(step.qtys[0] * factor),
                    aggressor: if (step.qtys[1] % 3 == 0) == is_mirrored {
                        Aggressor::Buy
                    } else {
                        Aggressor::Sell
                    },
                    maker: None,
                }),
            },
        });
    }
}

/// Small memories, so that short sessions get warm.
fn config() -> SignalConfig {
    SignalConfig { volatility_warm_up_secs: 1, queue_imbalance_ewma_ms: 20, ..SignalConfig::default() }
}

fn features_of(steps: &[Step], is_mirrored: bool, factor: i64) -> Vec<Features> {
    let mut state = InstrumentState::new(Venue::Binance, 2, 3);
    let mut features = Vec::new();
    play(steps, is_mirrored, factor, |event| {
        state.apply(event, true, &config());
        features.push(state.features(&config()));
    });
    features
}

fn ofi_of(bar: Option<BarTally>) -> OfiSum {
    bar.map(|bar| bar.ofi).unwrap_or_default()
}

fn close(a: Result<f64, Absent>, b: Result<f64, Absent>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        _ => a == b,
    }
}

/// Features that change sign when the sides are swapped.
const SIGNED: [&str; 21] = [
    "queue_imbalance",
    "queue_imbalance_ewma",
    "depth_imbalance_5",
    "depth_imbalance_10",
    "ofi_1s",
    "ofi_5s",
    "ofi_15s",
    "ofi_normalised_1s",
    "ofi_normalised_5s",
    "ofi_normalised_15s",
    "ofi_integrated_1s",
    "ofi_integrated_5s",
    "ofi_integrated_15s",
    "signed_volume_1s",
    "signed_volume_5s",
    "signed_volume_15s",
    "volume_imbalance_1s",
    "volume_imbalance_5s",
    "volume_imbalance_15s",
    "volume_imbalance_shrunk_15s",
    "hawkes_imbalance",
];

proptest! {
    #[test]
    fn swapping_sides_negates_what_has_a_sign(steps in steps(true)) {
        let (plain, mirrored) = (features_of(&steps, false, 1), features_of(&steps, true, 1));
        for (plain, mirrored) in plain.iter().zip(&mirrored) {
            for ((spec, plain), mirrored) in Features::SPECS.iter().zip(plain.values()).zip(mirrored.values()) {
                if SIGNED.contains(&spec.name) {
                    let negated = mirrored.value.map(|value| -value);
                    prop_assert!(close(plain.value, negated), "{}: {:?} {:?}", spec.name, plain, mirrored);
                }
            }
        }
    }

    #[test]
    fn scaling_quantities_scales_what_is_in_base_units_and_nothing_else(steps in steps(true), factor in 2i64..1_000) {
        let (plain, scaled) = (features_of(&steps, false, 1), features_of(&steps, false, factor));
        for (plain, scaled) in plain.iter().zip(&scaled) {
            for ((spec, plain), scaled) in Features::SPECS.iter().zip(plain.values()).zip(scaled.values()) {
                let is_quantity = ["ofi_1", "ofi_5", "signed_volume"].iter().any(|name| spec.name.starts_with(name));
                let factor = if is_quantity { f64::from(u32::try_from(factor).unwrap()) } else { 1.0 };
                prop_assert!(close(plain.value.map(|value| value * factor), scaled.value), "{}", spec.name);
            }
        }
    }

    #[test]
    fn every_feature_is_finite_and_imbalances_are_within_one(steps in steps(true)) {
        for features in features_of(&steps, false, 1) {
            for (spec, feature) in Features::SPECS.iter().zip(features.values()) {
                let Ok(value) = feature.value else { continue };
                prop_assert!(value.is_finite(), "{}", spec.name);
                if spec.name.contains("imbalance") {
                    prop_assert!((-1.0..=1.0).contains(&value), "{} = {value}", spec.name);
                }
                if ["cusum_up", "cusum_down", "volatility", "spread_bps"].contains(&spec.name) {
                    prop_assert!(value >= 0.0, "{} = {value}", spec.name);
                }
            }
        }
    }

    #[test]
    fn bars_add_up_to_the_whole(steps in steps(true), cut_every in 1usize..20) {
        let mut whole = InstrumentState::new(Venue::Binance, 2, 3);
        let mut cut = whole.clone();
        let mut sum = OfiSum::default();
        let mut count = 0;
        play(&steps, false, 1, |event| {
            whole.apply(event, true, &config());
            cut.apply(event, true, &config());
            count += 1;
            if count % cut_every == 0 {
                sum += ofi_of(cut.take_bar());
            }
        });
        sum += ofi_of(cut.take_bar());
        prop_assert_eq!(sum, ofi_of(whole.take_bar()));
    }

    #[test]
    fn a_window_is_the_plain_sum_of_its_bins(adds in proptest::collection::vec((0i64..700, -50i128..50), 0..200), which in 0usize..3) {
        let span = WINDOWS[which];
        let mut window = BinWindow::new(span);
        let mut all = Vec::new();
        let mut now = 5_000_000_007;
        for (after_ms, ofi) in adds {
            now += after_ms * MILLI;
            window.add(now, OfiSum { ofi, ..OfiSum::default() });
            all.push((now, ofi));
            let bin = i64::from(span.bin_ms) * MILLI;
            let end = (now + bin - 1).div_euclid(bin) * bin;
            let expect: i128 = all.iter().filter(|(at, _)| *at > end - span.nanos()).map(|(_, ofi)| *ofi).sum();
            prop_assert_eq!(window.sum(now).ofi, expect);
            prop_assert_eq!(window.sum(now + 20_000 * MILLI), OfiSum::default());
        }
    }

    #[test]
    fn looking_more_often_does_not_change_a_held_average(values in proptest::collection::vec((1i64..500, -1.0f64..1.0), 1..50), looks in 1i64..5) {
        let (mut plain, mut looked) = (HeldAverage::default(), HeldAverage::default());
        let mut now = 0;
        for (after_ms, value) in values {
            for look in 1..looks {
                looked.advance(now + after_ms * MILLI * look / looks, 200);
            }
            now += after_ms * MILLI;
            plain.observe(now, Some(value), 200);
            looked.observe(now, Some(value), 200);
        }
        prop_assert!(close(plain.measure(200), looked.measure(200)));
    }

    #[test]
    fn ofi_telescopes_while_prices_stay(qtys in proptest::collection::vec((1i64..1_000, 1i64..1_000), 2..50)) {
        let quote = |(bid, ask)| Bbo::new(Some(Level::new(100, bid)), Some(Level::new(101, ask))).unwrap();
        let direct = contribution(&quote(qtys[0]), &quote(qtys[qtys.len() - 1]));
        let mut ofi = Ofi::default();
        for qty in qtys {
            ofi.update(0, Ok(quote(qty)), false);
        }
        prop_assert_eq!(ofi.sum(0, 0).ofi, direct);
    }

    #[test]
    fn one_look_laws(
        bids in proptest::collection::vec(1i64..1_000, 1..20),
        asks in proptest::collection::vec(1i64..1_000, 1..20),
        bands in (0u32..500_000, 0u32..500_000),
        decay in 0.0f64..3.0,
        n in 1usize..25,
    ) {
        let side = |qtys: &[i64], sign: i64| {
            (1i64..).zip(qtys).map(|(rank, qty)| Level::new(100_000 + sign * rank, *qty)).collect::<Vec<_>>()
        };
        let (bids, asks) = (side(&bids, -1), side(&asks, 1));
        let bbo = Bbo::new(bids.first().copied(), asks.first().copied()).unwrap();
        let mid = weighted_mid(&bbo, 0);
        prop_assert!((99_999.0..=100_001.0).contains(&mid));
        let deep = |band| depth_within(Side::Bid, &bids, bbo.mid_doubled(), band, 20).qty;
        prop_assert!(deep(bands.0.min(bands.1)) <= deep(bands.0.max(bands.1)));
        let imbalance = depth_imbalance(&bids, &asks, n, decay).unwrap();
        prop_assert!((-1.0..=1.0).contains(&imbalance));
        prop_assert!(close(Ok(imbalance), depth_imbalance(&asks, &bids, n, decay).map(|value| -value)));
        let first = queue_imbalance(bbo.bid().qty, bbo.ask().qty);
        prop_assert!(close(first.ok_or(Absent::Cold), depth_imbalance(&bids, &asks, 1, decay)));
    }
}
