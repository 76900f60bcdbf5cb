//! Laws that hold for every input: methods reference, section 13, and the edges of section 7.

use opus2_exec::latency::{LatencyRow, LatencyTable};
use opus2_exec::maker::RestingOrder;
use opus2_exec::overlay::{Recovery, TakenLiquidity};
use opus2_exec::queue::{BehindShare, ProbabilisticQueue, QueueModel, RiskAverseQueue};
use opus2_exec::round_trips::{FifoLedger, Fill, RoundTrip, TripSummary};
use opus2_exec::taker::{TakerOrder, take};
use opus2_types::{Aggressor, Level, Price, Qty, Side, UnixNanos};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// A level's life: `(is trade, first, second)`; a trade's quantity, or the level's before and after.
fn level_life() -> impl Strategy<Value = Vec<(bool, i64, i64)>> {
    let qty = || prop_oneof![20 => -3i64..400, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    proptest::collection::vec((any::<bool>(), qty(), qty()), 0..60)
}

fn share() -> impl Strategy<Value = BehindShare> {
    let power = || prop_oneof![4 => 0.1..5.0f64, 1 => Just(f64::NAN), 1 => -2.0..0.0f64];
    prop_oneof![
        power().prop_map(BehindShare::Power),
        power().prop_map(BehindShare::Power2),
        power().prop_map(BehindShare::Power3),
        Just(BehindShare::Log),
        Just(BehindShare::Log2),
    ]
}

/// Fills with small numbers, so that positions often return to zero and pass through it.
fn fills() -> impl Strategy<Value = Vec<Fill>> {
    let fill = (0i64..5, any::<bool>(), 1i64..4, 90i64..110, -5i64..20);
    proptest::collection::vec(fill, 0..60).prop_map(|rows| {
        let mut now = 0;
        let to_fill = |(after, is_buy, qty, price, fee)| {
            now += after * 1_000_000_000;
            Fill {
                at: UnixNanos(now),
                side: if is_buy { Aggressor::Buy } else { Aggressor::Sell },
                qty: Qty(qty),
                price: Price(price),
                fee: Decimal::new(fee, 2),
            }
        };
        rows.into_iter().map(to_fill).collect()
    })
}

fn play(fills: &[Fill]) -> (Vec<RoundTrip>, FifoLedger) {
    let mut ledger = FifoLedger::new(0, 0);
    let trips = fills
        .iter()
        .filter_map(|fill| ledger.book(fill).expect("fills in order, of small positive quantities"))
        .collect();
    (trips, ledger)
}

proptest! {
    #[test]
    fn a_queue_front_never_increases(shown in -5i64..400, share in share(), scale in 0u8..20, life in level_life()) {
        let mut safe = RiskAverseQueue::join(Qty(shown));
        let mut likely = ProbabilisticQueue::join(Qty(shown), share, scale);
        for (is_trade, first, second) in life {
            let before = (safe.front_units(), likely.front());
            if is_trade {
                safe.on_trade(Qty(first));
                likely.on_trade(Qty(first));
            } else {
                safe.on_depth(Qty(second));
                likely.on_depth(Qty(first), Qty(second));
            }
            prop_assert!(safe.front_units() <= before.0);
            prop_assert!(likely.front() <= before.1 && likely.front().is_finite());
            prop_assert!(safe.fillable().0 >= 0 && likely.fillable() >= 0.0);
        }
    }

    #[test]
    fn a_resting_order_is_never_filled_beyond_itself_or_the_trade(
        share in share(),
        is_risk_averse in any::<bool>(),
        life in level_life(),
    ) {
        let model = if is_risk_averse { QueueModel::RiskAverse } else { QueueModel::Probabilistic(share) };
        let mut order = RestingOrder::place(Side::Bid, Price(100), Qty(50), Qty(30), model, 2);
        for (is_trade, first, second) in life {
            let before = order.remaining();
            if is_trade {
                let filled = order.on_trade(Price(100), Qty(first));
                prop_assert!(filled.0 >= 0 && filled.0 <= first.max(0));
                prop_assert_eq!(before.0 - filled.0, order.remaining().0);
            } else {
                order.on_depth(Qty(first), Qty(second));
                prop_assert_eq!(before, order.remaining());
            }
            prop_assert!(order.remaining().0 >= 0);
        }
    }

    #[test]
    fn a_measured_latency_lies_between_its_neighbours(
        rows in proptest::collection::vec((0i64..50, 1i64..90, 0i64..90), 1..12),
        at in -10i64..700,
    ) {
        let mut sent = 0;
        let to_row = |(after, entry, response)| {
            sent += after;
            LatencyRow {
                req_ts: UnixNanos(sent),
                exch_ts: UnixNanos(sent + entry),
                resp_ts: UnixNanos(sent + entry + response),
            }
        };
        let rows: Vec<LatencyRow> = rows.into_iter().map(to_row).collect();
        let table = LatencyTable::new(rows.clone()).unwrap();
        let entries = || rows.iter().map(|row| row.exch_ts.since(row.req_ts));
        let found = table.entry(UnixNanos(at)).signed_ns();
        prop_assert!(entries().min().unwrap() <= found && found <= entries().max().unwrap());
        let answers = || rows.iter().map(|row| row.resp_ts.since(row.exch_ts));
        let found = table.response_ns(UnixNanos(at)).unwrap();
        prop_assert!(answers().min().unwrap() <= found && found <= answers().max().unwrap());
    }

    #[test]
    fn orders_together_never_take_more_than_the_book_shows(
        levels in proptest::collection::vec((1i64..50, 0i64..40), 0..8),
        qtys in proptest::collection::vec(-1i64..90, 1..6),
        half_life in prop_oneof![Just(f64::INFINITY), Just(f64::MAX)],
        is_blocked in any::<bool>(),
    ) {
        let mut price = 100;
        let to_level = |(step, qty)| { price += step; Level::new(price, qty) };
        let levels: Vec<Level> = levels.into_iter().map(to_level).collect();
        let shown: i64 = levels.iter().map(|level| level.qty.0).sum();
        let recovery = if is_blocked { Recovery::UntilRefreshed } else { Recovery::HalfLife { secs: half_life } };
        let mut taken = TakenLiquidity::new(recovery);
        let mut total = 0;
        for (at, qty) in (0..).zip(qtys) {
            let order = TakerOrder { side: Aggressor::Buy, qty: Qty(qty), limit: None };
            let fill = take(&order, &levels, Some(&mut taken), UnixNanos(at));
            prop_assert_eq!(fill.filled.0, qty.max(0).min(shown - total));
            total += fill.filled.0;
            if let Some(vwap) = fill.vwap(0) {
                prop_assert!(vwap <= 500.0 && vwap > 100.0);
            }
        }
    }

    #[test]
    fn the_net_of_all_trades_is_the_cash_that_changed_hands(fills in fills()) {
        let (trips, ledger) = play(&fills);
        // Flatten at one price, so that every fill belongs to a trade.
        let position = ledger.position_units();
        let mut all = fills.clone();
        if position != 0 {
            all.push(Fill {
                at: UnixNanos(i64::MAX),
                side: if position > 0 { Aggressor::Sell } else { Aggressor::Buy },
                qty: Qty(i64::try_from(position.abs()).unwrap()),
                price: Price(100),
                fee: Decimal::ZERO,
            });
        }
        let (closed, flat) = play(&all);
        prop_assert_eq!(flat.position_units(), 0);
        prop_assert_eq!(&closed[..trips.len()], &trips[..]);
        let paid = |fill: &Fill| {
            Decimal::from(-fill.side.sign() * fill.price.0 * fill.qty.0) - fill.fee
        };
        let cash: Decimal = all.iter().map(paid).sum();
        let net: Decimal = closed.iter().map(|trip| trip.net_pnl).sum();
        prop_assert!((cash - net).abs() < Decimal::new(1, 20), "{cash} {net}");
    }

    #[test]
    fn durations_lie_within_the_trade_and_summaries_are_finite(fills in fills()) {
        let (trips, _) = play(&fills);
        for trip in &trips {
            let span_ns = trip.closed_at.since(trip.opened_at);
            let span_secs = Duration(span_ns).secs();
            prop_assert!(trip.duration_secs >= 0.0 && trip.duration_secs <= span_secs + 1e-9);
            prop_assert_eq!(trip.net_pnl, trip.gross_pnl - trip.fees);
        }
        let summary = TripSummary::of(&trips);
        let values = [
            summary.win_rate, summary.profit_factor, summary.mean_win, summary.mean_loss,
            summary.mean_duration_secs,
        ];
        prop_assert!(values.into_iter().flatten().all(|value| value.is_finite() && value >= 0.0));
        prop_assert_eq!(summary.win_rate.is_none(), trips.is_empty());
    }
}

struct Duration(i64);

impl Duration {
    fn secs(&self) -> f64 {
        std::time::Duration::from_nanos(self.0.unsigned_abs()).as_secs_f64()
    }
}
