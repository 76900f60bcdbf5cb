//! Micro-moves and the CUSUM on planted paths of the mid.

use opus2_hifa::estimator::mid_path::{MidPath, PathRules};
use opus2_hifa::{Absent, Direction, SignalConfig};
use proptest::prelude::*;

const MILLI: i64 = 1_000_000;
const MID: i64 = 10_000_000;

/// A path whose doubled mid goes `size` up and back down every 20 ms until `until_ms`.
fn restless(size: i64, until_ms: i64, rules: &PathRules) -> MidPath {
    let mut path = MidPath::default();
    for ms in (0..=until_ms).step_by(20) {
        path.observe(ms * MILLI, MID + size * ((ms / 20) % 2), rules);
    }
    path
}

fn rules() -> PathRules {
    PathRules::new(&SignalConfig::default(), 1)
}

#[test]
fn nothing_is_measured_before_the_volatility_is_warm() {
    let path = restless(2, 9_000, &rules());
    assert_eq!(path.measure_volatility(), Err(Absent::Cold));
    assert_eq!(path.measure_move(9_000 * MILLI, 100, 1), Err(Absent::Cold));
    assert_eq!(path.measure_cusum(), Err(Absent::Cold));
    let path = restless(2, 11_000, &rules());
    assert!(path.measure_volatility().is_ok() && path.measure_move(11_000 * MILLI, 100, 1).is_ok());
    assert!(path.n_eff() > 900.0, "{}", path.n_eff());
}

#[test]
fn a_move_is_measured_in_the_volatility_before_it() {
    let rules = rules();
    let mut path = restless(2, 20_000, &rules);
    let sigma = path.measure_volatility().unwrap();
    // One return of 2e-7 every 20 ms: 50 of them a second.
    assert!((sigma - 2e-7 * 50f64.sqrt()).abs() < 0.02 * sigma, "{sigma}");
    let now = 20_050 * MILLI;
    path.observe(now, MID + 4_000, &rules);
    let z = path.measure_move(now, 100, 1).unwrap();
    // The sample is 100 ms old to the nanosecond, and the move's own variance is not in its scale.
    let expect = (1.0f64 + 4_000.0 / 10_000_000.0).ln() / (sigma * 0.1f64.sqrt());
    assert!((z - expect).abs() < 0.01 * expect, "{z} {expect}");
    // After the lag the move is over, and only its volatility remains.
    path.advance(now + 300 * MILLI, &rules);
    assert_eq!(path.measure_move(now + 300 * MILLI, 100, 1), Ok(0.0));
    assert!(path.measure_volatility().unwrap() > 10.0 * sigma);
}

#[test]
fn without_any_move_the_scale_is_half_a_tick() {
    let rules = PathRules::new(&SignalConfig::default(), 100);
    let mut path = restless(0, 20_000, &rules);
    path.observe(20_050 * MILLI, MID + 100, &rules);
    let z = path.measure_move(20_050 * MILLI, 100, 100).unwrap();
    assert!((z - 1.0).abs() < 1e-4, "half a tick of the mid is one standard deviation: {z}");
}

#[test]
fn a_drift_rings_the_cusum_on_its_side_once() {
    let rules = rules();
    for (sign, expect) in [(1, Direction::Up), (-1, Direction::Down)] {
        let mut path = restless(2, 20_000, &rules);
        let mut alarms = Vec::new();
        for step in 1..=12 {
            // Two standard deviations of 100 ms: 2 * 2e-7 * sqrt(5).
            let alarm = path.observe((20_000 + step * 100) * MILLI, MID + sign * step * 9, &rules);
            alarms.extend(alarm.and_then(|alarm| alarm.alarm));
        }
        assert_eq!(alarms.first(), Some(&expect));
        assert!(alarms.len() <= 3, "{alarms:?}");
        let (up, down) = path.measure_cusum().unwrap();
        assert!(up.min(down) == 0.0);
    }
}

#[test]
fn nothing_crosses_lost_data() {
    let rules = rules();
    let mut path = restless(2, 20_000, &rules);
    let sigma = path.measure_volatility().unwrap();
    path.reset_reference();
    // Two percent away after the gap: not a move.
    path.observe(21_000 * MILLI, MID / 50 * 51, &rules);
    assert_eq!(path.measure_move(21_000 * MILLI, 100, 1), Err(Absent::Resync));
    path.observe(21_200 * MILLI, MID / 50 * 51, &rules);
    assert_eq!(path.measure_move(21_200 * MILLI, 100, 1), Ok(0.0));
    assert_eq!(path.measure_move(21_200 * MILLI, 250, 1), Err(Absent::Resync));
    assert!(path.measure_volatility().unwrap() < sigma, "the variance skips that return");
}

proptest! {
    #[test]
    fn a_silence_is_the_same_however_often_it_was_looked_at(silence_ms in 1i64..20_000, looks in 2i64..50) {
        let rules = rules();
        let mut once = restless(2, 12_000, &rules);
        let mut often = once.clone();
        let end = (12_000 + silence_ms) * MILLI;
        for look in 1..looks {
            often.advance(12_000 * MILLI + (end - 12_000 * MILLI) / looks * look, &rules);
        }
        for path in [&mut once, &mut often] {
            path.advance(end, &rules);
        }
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs();
        prop_assert!(near(once.measure_volatility().unwrap(), often.measure_volatility().unwrap()));
        let (a, b) = (once.measure_cusum().unwrap(), often.measure_cusum().unwrap());
        prop_assert!(near(a.0, b.0) && near(a.1, b.1), "{:?} {:?}", a, b);
        prop_assert_eq!(once.measure_move(end, 100, 1).is_ok(), often.measure_move(end, 100, 1).is_ok());
    }
}
