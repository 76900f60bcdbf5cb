//! One feature over several windows: its values, how unusual they are, and whether they agree.

use serde::{Deserialize, Serialize};

use crate::estimator::ew_moments::EwMoments;
use crate::estimator::window::WINDOWS;
use crate::{Absent, Measure, measure::finite};

/// How many windows a feature has: 1, 5 and 15 s, those of [`WINDOWS`].
pub const WINDOWS_COUNT: usize = WINDOWS.len();

/// What a window's values were in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// How values are standardised and compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameSettings {
    /// Without a model: in how many observations the weight of the past halves.
    pub half_life_observations: f64,
    /// Without a model: the weight of the past from which there are scores.
    pub weight_min: f64,
    /// Scores beyond this count as this.
    pub z_clip: f64,
    /// A window takes part in the agreement from this score on.
    pub z_agreement: f64,
    /// How much each window counts in the agreement, shortest first.
    pub window_weights: [f64; WINDOWS_COUNT],
}

impl Default for FrameSettings {
    fn default() -> Self {
        Self {
            half_life_observations: 600.0,
            weight_min: 60.0,
            z_clip: 5.0,
            z_agreement: 1.0,
            window_weights: [0.5, 0.3, 0.2],
        }
    }
}

/// One window of a [`FrameReading`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowReading {
    /// The feature's value.
    pub value: Measure,
    /// The value in standard deviations from its mean, clipped.
    pub z: Measure,
}

/// A feature now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameReading {
    /// By window, shortest first.
    pub windows: [WindowReading; WINDOWS_COUNT],
    /// `sum of u sgn(value)` over the windows whose score is at least one, -1 to 1: `+1` when all of them are unusual and
    /// point up. A window without a score adds nothing; without any score there is none.
    pub agreement: Measure,
}

/// The past of one feature over its windows, for when no model says what is usual.
///
/// Observe it at even distances, such as every bar: the moments count observations. A score compares with the past
/// before its value.
///
/// # Source
/// Methods reference 3.1 (defined by the project).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FeatureFrame {
    past: [EwMoments; WINDOWS_COUNT],
}

impl FeatureFrame {
    /// Reads the values, shortest window first, and adds them to the past. The feed's messages are `conflation_ms` apart;
    /// a window that is shorter than that is [`Absent::DataType`]. Under a `model` its moments stand for the past's.
    pub fn observe(
        &mut self,
        values: [Measure; WINDOWS_COUNT],
        conflation_ms: u32,
        model: Option<&[Moments; WINDOWS_COUNT]>,
        settings: &FrameSettings,
    ) -> FrameReading {
        let reading = self.read(values, conflation_ms, model, settings);
        let decay = (-1.0 / settings.half_life_observations).exp2();
        for (past, window) in self.past.iter_mut().zip(&reading.windows) {
            if let Ok(value) = window.value {
                past.update(value, decay);
            }
        }
        reading
    }

    /// As [`observe`](Self::observe), but the past stays as it is.
    #[must_use]
    pub fn read(
        &self,
        values: [Measure; WINDOWS_COUNT],
        conflation_ms: u32,
        model: Option<&[Moments; WINDOWS_COUNT]>,
        settings: &FrameSettings,
    ) -> FrameReading {
        let mut windows =
            values.map(|value| WindowReading { value: value.and_then(finite), z: Err(Absent::Cold) });
        let mut models = model.into_iter().flatten();
        for ((window, span), past) in windows.iter_mut().zip(WINDOWS).zip(&self.past) {
            if conflation_ms > span.window_ms {
                window.value = Err(Absent::DataType);
            }
            let usual = models.next().map_or_else(|| usual(past, settings), |moments| Ok(*moments));
            window.z = window.value.and_then(|value| score(value, usual?, settings.z_clip));
        }
        FrameReading { windows, agreement: agreement(&windows, settings) }
    }

    /// The weight of the past of each window, shortest first.
    #[must_use]
    pub fn n_eff(&self) -> [f64; WINDOWS_COUNT] {
        self.past.map(|past| past.n_eff())
    }

    /// True when every window has a past to compare with.
    #[must_use]
    pub fn is_warm(&self, settings: &FrameSettings) -> bool {
        self.past.iter().all(|past| past.is_warm(settings.weight_min))
    }

    /// False for a loaded state that no values can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.past.iter().all(EwMoments::is_consistent)
    }
}

fn usual(past: &EwMoments, settings: &FrameSettings) -> Result<Moments, Absent> {
    if !past.is_warm(settings.weight_min) {
        return Err(Absent::Cold);
    }
    Ok(Moments { mean: past.mean()?, sd: past.sd()? })
}

/// A feature that has never varied has no scale: [`Absent::NoEvents`].
fn score(value: f64, usual: Moments, clip: f64) -> Measure {
    if usual.sd == 0.0 {
        return Err(Absent::NoEvents);
    }
    if usual.sd < 0.0 {
        return Err(Absent::BadNumber);
    }
    let z = finite((value - usual.mean) / usual.sd)?;
    finite(z.max(-clip).min(clip))
}

fn agreement(windows: &[WindowReading; WINDOWS_COUNT], settings: &FrameSettings) -> Measure {
    let mut sum = Err(Absent::Cold);
    for (window, weight) in windows.iter().zip(settings.window_weights) {
        let sign = match (window.value, window.z) {
            (Ok(value), Ok(z)) if z.abs() >= settings.z_agreement => sign(value),
            (_, Ok(_)) => 0.0,
            (_, Err(reason)) => {
                // The reason of the longest window, unless another has a score: it knows most.
                sum = sum.or(Err(reason));
                continue;
            }
        };
        sum = Ok(sum.unwrap_or(0.0) + weight * sign);
    }
    sum.and_then(finite)
}

/// The sign, and zero of zero.
fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

/// The mean agreement of several features; those without one do not count.
///
/// # Errors
/// The first reason when none has one, [`Absent::Cold`] when there are no features.
pub fn mean_agreement<'a>(readings: impl IntoIterator<Item = &'a FrameReading>) -> Measure {
    let (mut sum, mut count, mut reason) = (0.0, 0.0, None);
    for reading in readings {
        match reading.agreement {
            Ok(agreement) => {
                sum += agreement;
                count += 1.0;
            }
            Err(why) => reason = reason.or(Some(why)),
        }
    }
    if count == 0.0 { Err(reason.unwrap_or(Absent::Cold)) } else { finite(sum / count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: [Moments; 3] =
        [Moments { mean: 0.0, sd: 1.0 }, Moments { mean: 1.0, sd: 2.0 }, Moments { mean: 0.0, sd: 0.5 }];

    fn all(values: [f64; 3]) -> [Measure; 3] {
        values.map(Ok)
    }

    #[track_caller]
    fn check(values: [Measure; 3], conflation_ms: u32, z: [Measure; 3], agreement: Measure) {
        let found =
            FeatureFrame::default().read(values, conflation_ms, Some(&MODEL), &FrameSettings::default());
        assert_eq!(found.windows.map(|window| window.z), z);
        match (found.agreement, agreement) {
            (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-12, "{found} {expect}"),
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn unusual_windows_that_point_one_way_agree() {
        check(all([2.0, 5.0, 1.0]), 0, all([2.0, 2.0, 2.0]), Ok(1.0));
        check(all([-2.0, -5.0, -1.0]), 0, all([-2.0, -3.0, -2.0]), Ok(-1.0));
        check(all([2.0, 1.0, -1.0]), 0, all([2.0, 0.0, -2.0]), Ok(0.3));
        check(all([0.5, 1.5, 0.1]), 0, all([0.5, 0.25, 0.2]), Ok(0.0));
        // The sign is that of the value, not of its score; zero has none.
        check(all([0.0, 0.0, 9.0]), 0, all([0.0, -0.5, 5.0]), Ok(0.2));
    }

    #[test]
    fn a_window_shorter_than_the_conflation_has_no_value() {
        let none = Err(Absent::DataType);
        check(all([2.0, 5.0, 1.0]), 1_000, all([2.0, 2.0, 2.0]), Ok(1.0));
        check(all([2.0, 5.0, 1.0]), 1_001, [none, Ok(2.0), Ok(2.0)], Ok(0.5));
        check(all([2.0, 5.0, 1.0]), 60_000, [none; 3], none);
        check(
            [Err(Absent::Resync), Err(Absent::Cold), Ok(f64::NAN)],
            0,
            [Err(Absent::Resync), Err(Absent::Cold), Err(Absent::BadNumber)],
            Err(Absent::BadNumber),
        );
    }

    #[test]
    fn without_a_model_the_past_says_what_is_usual() {
        let settings = FrameSettings { half_life_observations: f64::INFINITY, ..FrameSettings::default() };
        let mut frame = FeatureFrame::default();
        for at in 0..60 {
            let value = f64::from(at % 2);
            let found = frame.observe(all([value, value, 7.0]), 0, None, &settings);
            assert_eq!(found.agreement, Err(Absent::Cold), "{at}");
        }
        assert!(frame.is_warm(&settings));
        let found = frame.observe(all([1.0, -9.0, 7.0]), 0, None, &settings);
        assert_eq!(found.windows.map(|window| window.z), [Ok(1.0), Ok(-5.0), Err(Absent::NoEvents)]);
        assert!((found.agreement.unwrap() - 0.2).abs() < 1e-12);
        let saved = serde_json::to_string(&frame).unwrap();
        let loaded: FeatureFrame = serde_json::from_str(&saved).unwrap();
        assert!(loaded == frame && loaded.is_consistent());
    }

    #[test]
    fn the_mean_is_over_the_features_that_have_one() {
        let reading = |agreement| FrameReading {
            windows: [WindowReading { value: Ok(0.0), z: Ok(0.0) }; 3],
            agreement,
        };
        let readings = [reading(Err(Absent::Resync)), reading(Ok(0.5)), reading(Ok(-0.25))];
        assert_eq!(mean_agreement(&readings), Ok(0.125));
        assert_eq!(mean_agreement(&readings[..1]), Err(Absent::Resync));
        assert_eq!(mean_agreement(&readings[..0]), Err(Absent::Cold));
    }
}
