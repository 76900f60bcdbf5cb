//! Laws of stage 3 that hold for every input: methods reference, section 13.

use opus2_hifa::risk::tail::{normal_quantile, student_quantile};
use opus2_hifa::risk::{
    Bet, BlockReason, Blocks, CornishFisher, DepletionWatcher, DeskImpact, DeskOrder, Exposure, GateParts,
    HealthGate, Kelly, KillSwitches, Position, Resilience, ReturnModel, RiskConfig, RiskGate,
    ShortfallBudget, SpreadDecomposition, SpreadLevel, SquareRootLaw, Survival, historical_tail,
    lower_probability, participation, peg_factor, walk_notional, walk_quantity, walk_surviving,
};
use opus2_hifa::{Absent, Measure};
use opus2_types::{Aggressor, Level, Price, Qty};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// Asks, best first.
fn asks() -> impl Strategy<Value = Vec<Level>> {
    proptest::collection::vec((1i64..50, 1i64..1_000), 0..12).prop_map(|steps| {
        let mut price = 10_000;
        let level = |(step, qty): (i64, i64)| {
            price += step;
            Level::new(price, qty)
        };
        steps.into_iter().map(level).collect()
    })
}

/// Anything at all.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -2.0..2.0f64, Just(0.0), Just(1.0), Just(f64::NAN), Just(f64::INFINITY)]
}

fn wild_level() -> impl Strategy<Value = Level> {
    let number = || prop_oneof![any::<i64>(), -2i64..1_000, Just(i64::MAX), Just(i64::MIN)];
    (number(), number()).prop_map(|(price, qty)| Level::new(price, qty))
}

fn wild_measure() -> impl Strategy<Value = Measure> {
    prop_oneof![4 => wild().prop_map(Ok), 1 => Just(Err(Absent::Cold))]
}

fn is_unit(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

proptest! {
    #[test]
    fn the_cost_of_a_walk_is_monotone_and_convex(levels in asks(), qty in 0i64..10_000, step in 1i64..500) {
        let [a, b, c] = [0, step, 2 * step].map(|more| walk_quantity(&levels, Qty(qty + more)));
        prop_assert!(a.cash <= b.cash && b.cash <= c.cash);
        prop_assert!(a.worst <= b.worst && b.worst <= c.worst);
        if c.is_complete() {
            prop_assert!(b.cash - a.cash <= c.cash - b.cash);
            if let (Ok(a), Ok(c)) = (a.slippage_bps(Aggressor::Buy, 20_000), c.slippage_bps(Aggressor::Buy, 20_000)) {
                prop_assert!(a <= c + 1e-9);
            }
        }
    }

    #[test]
    fn what_is_found_and_what_is_not_add_up(
        levels in proptest::collection::vec(wild_level(), 0..8), qty: i64, mid: i64, fee in wild(),
    ) {
        for walk in [
            walk_quantity(&levels, Qty(qty)),
            walk_surviving(&levels, Qty(qty), &Survival::default(), mid),
        ] {
            prop_assert_eq!(walk.filled.0 + walk.unfilled.0, qty);
            prop_assert!(walk.filled.0 >= 0);
            for side in [Aggressor::Buy, Aggressor::Sell] {
                prop_assert!(walk.slippage_bps(side, mid).is_ok_and(f64::is_finite) || walk.filled.0 == 0 || mid <= 0);
                prop_assert!(walk.all_in_bps(side, mid, fee).map_or(true, f64::is_finite));
            }
        }
        let notional = i128::from(qty) * i128::from(mid);
        let walk = walk_notional(&levels, notional);
        prop_assert_eq!(walk.cash + walk.unspent, notional);
        prop_assert!(walk.base_qty(8) >= 0.0 && walk.vwap(8).map_or(true, f64::is_finite));
    }

    /// Money buys what the same walk by quantity costs.
    #[test]
    fn the_two_walks_agree(levels in asks(), qty in 1i64..10_000) {
        let by_qty = walk_quantity(&levels, Qty(qty));
        let by_money = walk_notional(&levels, by_qty.cash);
        prop_assert_eq!(by_money.whole_qty, i128::from(by_qty.filled.0));
        prop_assert_eq!((by_money.cash, by_money.fraction_cash, by_money.worst), (by_qty.cash, 0, by_qty.worst));
    }

    #[test]
    fn less_survives_at_a_higher_price(levels in asks(), qty in 1i64..10_000, rate in 0.0..5.0f64, latency in 0.0..1.0f64) {
        let shown = walk_quantity(&levels, Qty(qty));
        let left = walk_surviving(&levels, Qty(qty), &Survival::after([rate; 7], latency), 20_000);
        prop_assert!(left.filled <= shown.filled);
        if left.is_complete() {
            prop_assert!(left.cash >= shown.cash);
        }
        prop_assert_eq!(walk_surviving(&levels, Qty(qty), &Survival::ALL, 20_000), shown);
    }

    #[test]
    fn value_at_risk_is_never_above_expected_shortfall(
        sigma in 0.0..2.0f64, mu in -1.0..1.0f64, periods in 0.0..400.0f64,
        confidence in 0.001..0.9999f64, degrees in 2.01..5_000.0f64,
    ) {
        let returns = ReturnModel { sigma, mu, periods };
        for tail in [returns.normal_tail(confidence), returns.student_tail(confidence, degrees)] {
            let tail = tail.unwrap();
            prop_assert!(tail.var <= tail.es && tail.es.is_finite());
        }
    }

    #[test]
    fn losses_that_happened_bound_their_tail(
        mut losses in proptest::collection::vec(-1e6..1e6f64, 1..60), confidence in 0.01..0.999f64,
    ) {
        let tail = historical_tail(&mut losses, confidence).unwrap();
        prop_assert!(tail.var <= tail.es && losses.contains(&tail.var));
        prop_assert!(tail.es <= losses[losses.len() - 1] + 1e-6);
    }

    #[test]
    fn students_quantile_falls_to_the_normal_one(probability in 0.501..0.9999f64, degrees in 1.0..1e6f64) {
        let normal = normal_quantile(probability).unwrap();
        let [near, far, end] = [degrees, 2.0 * degrees, 1e12].map(|degrees| student_quantile(probability, degrees).unwrap());
        prop_assert!(near >= far - 1e-8 && far >= normal - 1e-8, "{near} {far} {normal}");
        prop_assert!((end - normal).abs() < 1e-9);
        let mirrored = student_quantile(1.0 - probability, degrees).unwrap();
        prop_assert!((near + mirrored).abs() < 1e-6 * near.max(1.0));
    }

    #[test]
    fn kelly_stays_between_nothing_and_the_cap(p in wild(), gain in wild(), loss in wild(), cost in wild()) {
        let config = RiskConfig::default().kelly;
        if let Ok(kelly) = Kelly::of(&Bet { probability: p, gain, loss, cost }, &config) {
            prop_assert!(kelly.used >= 0.0 && kelly.used <= config.cap && kelly.edge.is_finite());
            prop_assert!(kelly.used == 0.0 || kelly.edge > 0.0);
        }
    }

    #[test]
    fn a_lower_bound_is_below_and_rises_with_evidence(p in 0.0..=1.0f64, n in 0.1..1e6f64, more in 1.0..100.0f64) {
        let [few, many] = [n, n * more].map(|n| lower_probability(p, n, 0.8).unwrap());
        prop_assert!(few >= 0.0 && few <= many + 1e-12 && many <= p);
    }

    #[test]
    fn the_gate_is_one_of_its_parts(values in proptest::array::uniform5(wild_measure()), blocked: bool) {
        let [es_headroom, liquidity, health, quality, slippage] = values;
        let parts = GateParts { es_headroom, liquidity, health, quality, slippage };
        let blocks: Blocks = blocked.then_some(BlockReason::DailyLoss).into_iter().collect();
        let gate = RiskGate::of(parts, blocks);
        prop_assert!(is_unit(gate.value));
        if gate.blocks.is_empty() {
            let clamped = values.map(|value| value.unwrap().clamp(0.0, 1.0));
            prop_assert!(clamped.contains(&gate.value) && clamped.iter().all(|part| gate.value <= *part));
        } else {
            prop_assert_eq!(gate.value.to_bits(), 0);
        }
    }

    #[test]
    fn every_part_is_between_nothing_and_all(
        values in proptest::array::uniform4(wild()), measures in proptest::array::uniform2(wild_measure()),
        qty: i64, depth: i128,
    ) {
        let config = RiskConfig::default();
        let [equity, position, total, added] = values;
        let parts = [
            config.tail.headroom(&ShortfallBudget { equity, position, total, added }),
            config.liquidity.gate(measures[0], measures[1]),
            config.liquidity.gate(participation(Qty(qty), depth), measures[1]),
            config.quality.gate(Some(equity)),
            config.slippage.gate(measures[0]),
            Ok(peg_factor(Some(measures[0]), position)),
        ];
        for part in parts {
            prop_assert!(part.map_or(true, is_unit), "{part:?}");
        }
    }

    #[test]
    fn garbage_gives_finite_numbers_or_none(x in proptest::array::uniform5(wild())) {
        let [a, b, c, d, e] = x;
        let law = SquareRootLaw { factor: a, sigma: b, volume: c };
        let order = DeskOrder { qty: a, daily_volume: b, outstanding: c, sigma: d, days: e };
        let returns = ReturnModel { sigma: a, mu: b, periods: c };
        let fit = Resilience::fit([(a, b), (c, d), (e, a), (b, c)], e);
        let tail = |tail: Result<opus2_hifa::risk::Tail, Absent>| tail.map(|tail| tail.var + tail.es);
        let found = [
            law.impact_bps(d),
            law.schedule_bps(d, e),
            DeskImpact::of(&order).map(|impact| impact.cost_bps),
            fit.map(|fit| fit.kappa + fit.initial_deficit),
            tail(returns.normal_tail(d)).map(f64::tanh),
            tail(returns.student_tail(d, e)).map(f64::tanh),
            tail(historical_tail(&mut [a, b, c], d)).map(f64::tanh),
            CornishFisher::of(a, b, c, d).map(|found| found.var),
            lower_probability(a, b, c),
            RiskConfig::default().inventory.liquidation_secs(a, b),
        ];
        for measure in found {
            prop_assert!(measure.map_or(true, |value| !value.is_nan()), "{measure:?}");
        }
    }

    #[test]
    fn online_estimators_stay_finite_and_survive_saving(
        steps in proptest::collection::vec((any::<u8>(), -SECOND..20 * SECOND, wild_level(), wild()), 1..80),
    ) {
        let config = RiskConfig::default();
        let mut now = 1_700_000_000 * SECOND;
        let mut spreads = SpreadDecomposition::default();
        let (mut level, mut watcher) = (SpreadLevel::default(), DepletionWatcher::default());
        let (mut health, mut kill) = (HealthGate::default(), KillSwitches::default());
        for (kind, dt, book, value) in steps {
            now += dt;
            match kind % 8 {
                0 => spreads.on_mid(now, book.price.0, &config.spread),
                1 => spreads.on_trade(now, Aggressor::Buy, book.price, &config.spread),
                2 => watcher.update(now, i128::from(book.qty.0) * 1_000, &config.resilience),
                3 => health.update(now, value, &config.health),
                4 => kill.on_equity(now, i128::from(book.price.0) << 63, &config.kill),
                5 => kill.on_reject(&config.kill),
                6 => kill.on_data(now),
                _ => {
                    spreads.reset_reference();
                    watcher.reset_reference();
                }
            }
            prop_assert!(level.update(now, value, &config.spread).map_or(true, f64::is_finite));
            prop_assert!(watcher.kappa().map_or(true, f64::is_finite));
            prop_assert!(watcher.half_life_secs().map_or(true, f64::is_finite));
            prop_assert!(health.measure(&config.health).map_or(true, |cap| is_unit(cap.factor)));
            prop_assert!(kill.daily_loss_share().is_finite() && kill.drawdown_share().is_finite());
            prop_assert!((0..2).all(|at| spreads.measure(at, &config.spread).map_or(true, |spread| spread.impact_bps.is_finite())));
        }
        prop_assert!(spreads.is_consistent() && level.is_consistent() && watcher.is_consistent() && health.is_consistent());
        let state = (spreads, level, watcher, health);
        let saved = serde_json::to_value(&state).unwrap();
        let loaded: (SpreadDecomposition, SpreadLevel, DepletionWatcher, HealthGate) =
            serde_json::from_value(saved).unwrap();
        prop_assert_eq!(loaded, state);
        // A JSON value holds no integer of 128 bits; text does, and there is no float in it.
        let loaded: KillSwitches = serde_json::from_str(&serde_json::to_string(&kill).unwrap()).unwrap();
        prop_assert_eq!(loaded, kill);
    }

    /// What was realised and what the position cost account for every unit of money that changed hands.
    #[test]
    fn no_money_is_lost_in_a_position(fills in proptest::collection::vec((-1_000i64..1_000, 1i64..100_000), 0..40)) {
        let mut position = Position::default();
        let (mut realised, mut paid) = (0i128, 0i128);
        for (qty, price) in fills {
            realised += position.fill(qty, Price(price)).unwrap();
            paid += i128::from(qty) * i128::from(price);
            prop_assert!(position.is_consistent());
        }
        prop_assert_eq!(position.cost() - realised, paid);
    }

    #[test]
    fn a_position_of_anything_does_not_panic(fills in proptest::collection::vec(wild_level(), 0..10), mid: i64, scale: u8) {
        let mut position = Position::default();
        for fill in fills {
            let before = position;
            if position.fill(fill.qty.0, fill.price).is_err() {
                prop_assert_eq!(position, before);
            }
        }
        prop_assert!(position.unrealised(mid, scale, scale).map_or(true, f64::is_finite));
        prop_assert!(position.entry_price(scale).map_or(true, f64::is_finite));
        let exposure = Exposure::of([(position.qty(), scale), (mid, 0)]);
        prop_assert!(exposure.net.abs() <= exposure.gross);
    }
}
