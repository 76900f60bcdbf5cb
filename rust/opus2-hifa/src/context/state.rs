//! The slow estimators of one instrument, wired to its trades and bars.

use opus2_types::{Aggressor, Price, Qty};
use serde::{Deserialize, Serialize};

use super::{Bar, BarSeries, BarSpan, ContextEvidence, SLOW_MEMORY, SlowVolatility};
use crate::Measure;
use crate::estimator::amihud::Amihud;
use crate::estimator::kyle::{KyleLambda, LambdaSettings};
use crate::estimator::realised::{Realised, RealisedWindow};
use crate::estimator::trailing_volume::TrailingVolume;
use crate::estimator::volatility::VarianceMemory;
use crate::estimator::vpin::{Tilt, Vpin, VpinSettings};
use crate::exact::scaled;

/// How the context of an instrument is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContextSettings {
    /// VPIN and its buckets.
    pub vpin: VpinSettings,
    /// What a bucket of VPIN holds, base units; `None`: a share of the volume of the last day or hour.
    pub vpin_bucket_volume: Option<f64>,
    /// Lambda, over bars of a second.
    pub lambda: LambdaSettings,
    /// The slow volatility, over bars of a second.
    pub slow_volatility: VarianceMemory,
}

impl Default for ContextSettings {
    fn default() -> Self {
        Self {
            vpin: VpinSettings::default(),
            vpin_bucket_volume: None,
            lambda: LambdaSettings::default(),
            slow_volatility: SLOW_MEMORY,
        }
    }
}

/// Decimal places of an instrument's prices and quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstrumentScales {
    /// Of prices.
    pub price: u8,
    /// Of quantities.
    pub qty: u8,
}

/// What the context of one instrument is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContextReading {
    /// VPIN, 0 to 1.
    pub vpin: Measure,
    /// Where VPIN stands in its own history, 0 to 1.
    pub vpin_percentile: Measure,
    /// Kyle's lambda, quote units of price per base unit.
    pub lambda: Measure,
    /// Kyle's lambda, basis points per 100 000 quote units.
    pub lambda_bps_per_100k_quote: Measure,
    /// How much of the mid's moves signed volume explains, 0 to 1.
    pub lambda_r2: Measure,
    /// Amihud's illiquidity per million quote units.
    pub illiquidity_per_million: Measure,
    /// Realised variance of the last quarter of an hour, and its jumps.
    pub realised: Realised,
    /// Volatility of the last half hour, per square root of a second.
    pub slow_volatility: Measure,
}

impl ContextReading {
    /// What the multiplier is made of, with what other estimators know: the windows' agreement and the lead of other
    /// venues, both positive for up.
    #[must_use]
    pub fn evidence(&self, agreement: Measure, lead_z: Measure) -> ContextEvidence {
        ContextEvidence {
            agreement,
            lead_z,
            vpin_percentile: self.vpin_percentile,
            is_jump: self.realised.is_jump(),
        }
    }
}

/// Stage 2 of one instrument at one venue.
///
/// Give it the mids and trades in their order, say when data was lost, and close its bars at whole seconds of the
/// market's time. An instrument whose scales change starts again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstrumentContext {
    bars: BarSeries,
    volume: TrailingVolume,
    /// What a bucket of VPIN holds, in `Qty` units, since the last bar; 0 while that is not known.
    bucket_volume: i64,
    vpin: Vpin,
    lambda: KyleLambda,
    amihud: Amihud,
    realised: RealisedWindow,
    slow_volatility: SlowVolatility,
}

impl InstrumentContext {
    /// Before anything was seen.
    #[must_use]
    pub fn new(settings: &ContextSettings) -> Self {
        Self {
            bars: BarSeries::default(),
            volume: TrailingVolume::new(settings.vpin.span),
            bucket_volume: 0,
            vpin: Vpin::new(&settings.vpin),
            lambda: KyleLambda::default(),
            amihud: Amihud::default(),
            realised: RealisedWindow::default(),
            slow_volatility: SlowVolatility::default(),
        }
    }

    /// From now on the mid is `mid_doubled`, in `Price` units. One that is not positive is passed over.
    pub fn observe_mid(&mut self, mid_doubled: i64) {
        self.bars.observe_mid(mid_doubled);
    }

    /// A trade. One whose price or quantity is not positive is passed over.
    pub fn observe_trade(
        &mut self,
        price: Price,
        qty: Qty,
        aggressor: Aggressor,
        settings: &ContextSettings,
    ) {
        if self.bars.observe_trade(price, qty, aggressor) {
            self.volume.add(qty.0);
            self.vpin.take(qty.0, Tilt::of(aggressor), self.bucket_volume, &settings.vpin, |_| ());
        }
    }

    /// Data was lost: nothing is compared across this moment, and nothing else is forgotten.
    pub fn reset_reference(&mut self) {
        self.bars.interrupt();
        self.volume.reset_reference();
        self.vpin.reset_reference();
    }

    /// Ends the open bar at `end`, ns, and feeds what rests on bars: see [`BarSeries::close`].
    pub fn close(&mut self, end: i64, scales: InstrumentScales, settings: &ContextSettings) {
        let Self { bars, lambda, amihud, realised, slow_volatility, .. } = self;
        bars.close(end, |span, bar| match span {
            BarSpan::Second => {
                slow_volatility.update(bar, span, &settings.slow_volatility);
                if let Ok(change) = bar.mid_change_doubled() {
                    let volume = scaled(bar.signed_volume, scales.qty);
                    lambda.update(volume, 0.5 * scaled(change, scales.price), &settings.lambda);
                }
            }
            BarSpan::FiveSeconds => {
                if let Ok(log_return) = bar.log_return() {
                    realised.update(log_return);
                }
            }
            BarSpan::Minute => {
                if let Ok(log_return) = bar.log_return() {
                    amihud.update(log_return, notional(bar, scales));
                }
            }
        });
        self.volume.advance(end, settings.vpin.span);
        self.bucket_volume = match settings.vpin_bucket_volume {
            Some(volume) => whole_units(volume, scales.qty),
            None => self.volume.part(settings.vpin.buckets_a_span, settings.vpin.span).unwrap_or(0),
        };
    }

    /// What is known now. Walks the windows: ask once a bar.
    #[must_use]
    pub fn reading(&self, scales: InstrumentScales, settings: &ContextSettings) -> ContextReading {
        let mid = self.bars.mid_doubled().map_or(0.0, |mid| 0.5 * scaled(mid.into(), scales.price));
        ContextReading {
            vpin: self.vpin.measure(),
            vpin_percentile: self.vpin.percentile(&settings.vpin),
            lambda: self.lambda.measure(&settings.lambda),
            lambda_bps_per_100k_quote: self.lambda.bps_per_100k_quote(mid, &settings.lambda),
            lambda_r2: self.lambda.r2(&settings.lambda),
            illiquidity_per_million: self.amihud.per_million(),
            realised: self.realised.measure(),
            slow_volatility: self.slow_volatility.measure(),
        }
    }

    /// Lambda, for what measures impact with it.
    #[must_use]
    pub const fn lambda(&self) -> &KyleLambda {
        &self.lambda
    }

    /// The bars.
    #[must_use]
    pub const fn bars(&self) -> &BarSeries {
        &self.bars
    }

    /// False for a loaded state that no events can have led to, and that might not be safe to go on with.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.bars.is_consistent() && self.lambda.is_consistent() && self.slow_volatility.is_consistent()
    }
}

/// What traded in a bar, in quote units.
fn notional(bar: &Bar, scales: InstrumentScales) -> f64 {
    // In two steps: both scales together may be beyond the largest.
    scaled(bar.notional, scales.price) * scaled(1, scales.qty)
}

/// A volume in base units as `Qty` units, at least one; none for what is no volume.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and nothing trades that much")]
fn whole_units(volume: f64, scale: u8) -> i64 {
    if volume > 0.0 { ((volume * 10f64.powi(scale.into())).round() as i64).max(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Absent;

    const SCALES: InstrumentScales = InstrumentScales { price: 2, qty: 3 };
    const SECOND: i64 = 1_000_000_000;

    /// So many seconds in each of which 1.5 base units are bought and the mid rises by 0.15, or sold and it falls; three
    /// of four seconds buy.
    fn played(secs: i64, settings: &ContextSettings) -> InstrumentContext {
        let mut context = InstrumentContext::new(settings);
        let mut mid = 2_000_000;
        context.observe_mid(mid);
        for second in 1..=secs {
            // A pattern without a common divisor with five or sixty.
            let aggressor = if second % 4 == 3 { Aggressor::Sell } else { Aggressor::Buy };
            mid += 30 * aggressor.sign();
            context.observe_trade(Price(1_000_000), Qty(1_500), aggressor, settings);
            context.observe_mid(mid);
            context.close(second * SECOND, SCALES, settings);
        }
        context
    }

    #[track_caller]
    fn check(found: Measure, expect: f64, share: f64) {
        let found = found.unwrap();
        assert!((found - expect).abs() <= share * expect.abs(), "{found} {expect}");
    }

    #[test]
    fn every_measure_comes_out_of_trades_and_mids() {
        let settings = ContextSettings { vpin: VpinSettings::INTRADAY, ..ContextSettings::default() };
        let context = played(3 * 3_600, &settings);
        let found = context.reading(SCALES, &settings);
        check(found.lambda, 0.1, 1e-6);
        check(found.lambda_r2, 1.0, 1e-6);
        // A bucket is 180 trades, three minutes: each is nearly as one-sided as the whole.
        check(found.vpin, 0.5, 1e-2);
        assert_eq!(found.vpin_percentile, Err(Absent::Cold), "sixty buckets are too few to compare");
        // A minute goes 30 steps of 0.15 and trades 90 base units; the mid has gone from 10 000 to 10 810.
        check(found.illiquidity_per_million, 1e6 * (4.5 / 10_600.0) / (90.0 * 10_000.0), 0.03);
        check(found.slow_volatility, 0.15 / 10_700.0, 0.03);
        assert_eq!(found.realised.is_jump(), Ok(false));
        let evidence = found.evidence(Ok(0.5), Err(Absent::Cold));
        assert_eq!((evidence.agreement, evidence.is_jump), (Ok(0.5), Ok(false)));
    }

    #[test]
    fn a_loss_of_data_costs_one_bar() {
        let settings = ContextSettings::default();
        let mut context = played(700, &settings);
        let before = context.lambda;
        context.reset_reference();
        context.observe_mid(9_000_000);
        context.close(701 * SECOND, SCALES, &settings);
        assert_eq!(context.lambda, before);
        context.close(702 * SECOND, SCALES, &settings);
        assert_ne!(context.lambda, before);
        check(context.reading(SCALES, &settings).lambda, 0.1, 1e-3);
    }

    #[test]
    fn it_is_saved_and_loaded_whole() {
        let settings = ContextSettings { vpin: VpinSettings::INTRADAY, ..ContextSettings::default() };
        let context = played(5_000, &settings);
        let saved = serde_json::to_string(&context).unwrap();
        let loaded: InstrumentContext = serde_json::from_str(&saved).unwrap();
        assert!(loaded == context && loaded.is_consistent());
        assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
        assert_eq!(loaded.reading(SCALES, &settings), context.reading(SCALES, &settings));
    }
}
