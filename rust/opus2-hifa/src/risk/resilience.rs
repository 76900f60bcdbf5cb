//! How fast a book fills up again after it was depleted.

use serde::{Deserialize, Serialize};

use super::decayed::DecayedMoments;
use crate::exact::{seconds, to_f64};
use crate::{Absent, Measure, measure::finite};

/// The exponential recovery `D_inf - D(t) = deficit * exp(-kappa t)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resilience {
    /// Rate of recovery, per second; zero or less when the book did not recover.
    pub kappa: f64,
    /// The deficit at time zero, in the unit of the depths.
    pub initial_deficit: f64,
}

impl Resilience {
    /// Fits depths `(seconds, depth)` that approach `settled_depth`: least squares of the logarithm of the deficit on time.
    ///
    /// A depth at or above `settled_depth` is passed over, as is anything that is not finite.
    ///
    /// # Errors
    /// [`Absent::Cold`] for fewer than three points; [`Absent::BadNumber`] when they are all of one time.
    ///
    /// # Source
    /// Obizhaeva & Wang (2013), JFM 16(1); methods reference 4.4.
    pub fn fit(points: impl IntoIterator<Item = (f64, f64)>, settled_depth: f64) -> Result<Self, Absent> {
        let mut line = DeficitLine::default();
        for (secs, depth) in points {
            line.add(secs, settled_depth - depth);
        }
        line.resilience()
    }

    /// `ln 2 / kappa`, in seconds.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when the book did not recover.
    pub fn half_life_secs(&self) -> Measure {
        if self.kappa > 0.0 { finite(std::f64::consts::LN_2 / self.kappa) } else { Err(Absent::NoEvents) }
    }
}

/// The regression of the logarithm of a deficit on time, by Welford's update.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct DeficitLine {
    count: f64,
    mean_secs: f64,
    mean_log: f64,
    secs_squares: f64,
    products: f64,
}

impl DeficitLine {
    fn add(&mut self, secs: f64, deficit: f64) {
        if !(secs.is_finite() && deficit.is_finite() && deficit > 0.0) {
            return;
        }
        let log = deficit.ln();
        let off = secs - self.mean_secs;
        self.count += 1.0;
        self.mean_secs += off / self.count;
        self.mean_log += (log - self.mean_log) / self.count;
        self.secs_squares += off * (secs - self.mean_secs);
        self.products += off * (log - self.mean_log);
    }

    fn resilience(&self) -> Result<Resilience, Absent> {
        if self.count < 3.0 {
            return Err(Absent::Cold);
        }
        let slope = finite(self.products / self.secs_squares)?;
        let initial_deficit = finite((self.mean_log - slope * self.mean_secs).exp())?;
        Ok(Resilience { kappa: finite(-slope)?, initial_deficit })
    }

    fn is_consistent(&self) -> bool {
        [self.count, self.mean_secs, self.mean_log, self.secs_squares, self.products]
            .into_iter()
            .all(f64::is_finite)
    }
}

/// When a book counts as depleted, and how it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResilienceSettings {
    /// A book is depleted when more than this share of its usual depth is gone.
    pub depletion_share: f64,
    /// It has recovered when it has this share of its usual depth.
    pub recovered_share: f64,
    /// Time constant of the usual depth, s; it is known once that much time was seen.
    pub usual_tau_secs: f64,
    /// Between two points of a fit, ms.
    pub sample_ms: u32,
    /// After this a book that has not recovered is taken as it is, s.
    pub episode_secs: f64,
    /// What is kept of an older episode's weight at each new one.
    pub keep: f64,
}

impl Default for ResilienceSettings {
    fn default() -> Self {
        Self {
            depletion_share: 0.5,
            recovered_share: 0.95,
            usual_tau_secs: 60.0,
            sample_ms: 100,
            episode_secs: 60.0,
            keep: 0.8,
        }
    }
}

/// A recovery that is being watched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Episode {
    from: i64,
    sampled_at: i64,
    usual: f64,
    first_deficit: f64,
    line: DeficitLine,
}

/// Watches the depth near the mid for depletions, and fits each recovery.
///
/// The usual depth is a time-weighted mean, which stands still while a recovery is watched. The rate of recovery is the
/// decayed mean over episodes; one in which the book did not recover counts as a rate of zero, and one that was over
/// before three points could be taken counts by its first deficit and its length.
///
/// # Source
/// Methods reference 4.4; memory and sampling are choices of this project.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DepletionWatcher {
    held: Option<(i64, f64)>,
    usual: f64,
    seen_secs: f64,
    episode: Option<Episode>,
    kappa: DecayedMoments,
}

impl DepletionWatcher {
    /// The depth within five basis points of the mid, in `Qty` units, from `now` on. A negative one counts as zero.
    pub fn update(&mut self, now: i64, depth: i128, settings: &ResilienceSettings) {
        let depth = to_f64(depth.max(0));
        if let Some(mut episode) = self.episode {
            self.episode = self.follow(&mut episode, now, depth, settings).then_some(episode);
        } else {
            self.accumulate(now, settings);
            let is_known = self.seen_secs >= settings.usual_tau_secs && self.usual > 0.0;
            if is_known && depth < (1.0 - settings.depletion_share) * self.usual {
                let mut line = DeficitLine::default();
                line.add(0.0, self.usual - depth);
                let first_deficit = self.usual - depth;
                self.episode =
                    Some(Episode { from: now, sampled_at: now, usual: self.usual, first_deficit, line });
            }
        }
        self.held = Some((now, depth));
    }

    /// The depth that was held since the last update joins the usual one.
    fn accumulate(&mut self, now: i64, settings: &ResilienceSettings) {
        let Some((since, depth)) = self.held else { return };
        let dt = seconds(now.saturating_sub(since)).max(0.0);
        // A plain mean until one time constant has been seen, so that the first depth does not count for so long.
        self.seen_secs = (self.seen_secs + dt).min(settings.usual_tau_secs.max(0.0));
        let new = if self.seen_secs > 0.0 { -(-dt / self.seen_secs).exp_m1() } else { 1.0 };
        self.usual += new * (depth - self.usual);
    }

    /// Takes the next depth of a recovery; false when it is over.
    fn follow(&mut self, episode: &mut Episode, now: i64, depth: f64, settings: &ResilienceSettings) -> bool {
        let secs = seconds(now.saturating_sub(episode.from)).max(0.0);
        let sample_ns = i64::from(settings.sample_ms) * 1_000_000;
        if now.saturating_sub(episode.sampled_at) >= sample_ns {
            episode.sampled_at = now;
            episode.line.add(secs, episode.usual - depth);
        }
        let has_recovered = depth >= settings.recovered_share * episode.usual;
        // Loaded state may say that it begins in the future, and would never end.
        if !has_recovered && secs < settings.episode_secs && now >= episode.from {
            return true;
        }
        let rate = match episode.line.resilience() {
            Ok(fit) => fit.kappa.max(0.0),
            Err(_) if has_recovered => {
                let left = ((1.0 - settings.recovered_share) * episode.usual).max(f64::MIN_POSITIVE);
                (episode.first_deficit / left).ln().max(0.0) / secs.max(seconds(sample_ns.max(1)))
            }
            Err(_) => 0.0,
        };
        self.kappa.update(rate, settings.keep);
        false
    }

    /// Data was lost: what is being watched is given up, and nothing is held across this moment.
    pub fn reset_reference(&mut self) {
        self.held = None;
        self.episode = None;
    }

    /// The rate of recovery, per second.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first depletion.
    pub fn kappa(&self) -> Measure {
        self.kappa.mean(0.0)
    }

    /// The half-life of a deficit, in seconds.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first depletion, [`Absent::NoEvents`] when the book never recovered.
    pub fn half_life_secs(&self) -> Measure {
        Resilience { kappa: self.kappa()?, initial_deficit: 0.0 }.half_life_secs()
    }

    /// The effective number of depletions behind the rate.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.kappa.n_eff()
    }

    /// True after the first depletion.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.kappa().is_ok()
    }

    /// False for loaded state that cannot have come about.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let is_positive = |value: f64| value.is_finite() && value >= 0.0;
        self.held.is_none_or(|(_, depth)| is_positive(depth))
            && is_positive(self.usual)
            && is_positive(self.seen_secs)
            && self.episode.is_none_or(|episode| {
                is_positive(episode.usual)
                    && is_positive(episode.first_deficit)
                    && episode.line.is_consistent()
            })
            && self.kappa.is_consistent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// A depth of 1000 for 100 s, then `depth(seconds since the depletion)` every 100 ms for 100 s.
    fn watch(depth: impl Fn(f64) -> i128) -> DepletionWatcher {
        let settings = ResilienceSettings::default();
        let mut watcher = DepletionWatcher::default();
        for tenth in 0..1_000 {
            watcher.update(tenth * SECOND / 10, 1_000, &settings);
        }
        for tenth in 0..1_000 {
            watcher.update(
                100 * SECOND + tenth * SECOND / 10,
                depth(seconds(tenth * SECOND / 10)),
                &settings,
            );
        }
        watcher
    }

    #[track_caller]
    fn check(depth: impl Fn(f64) -> i128, low: f64, high: f64) {
        let kappa = watch(depth).kappa().unwrap();
        assert!((low..=high).contains(&kappa), "{kappa}");
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn the_rate_of_a_recovery_is_found() {
        check(|secs| (1_000.0 * (1.0 - 0.8 * (-0.5 * secs).exp())) as i128, 0.48, 0.52);
        check(|secs| (1_000.0 * (1.0 - 0.8 * (-0.05 * secs).exp())) as i128, 0.048, 0.052);
    }

    #[test]
    fn a_book_that_stays_thin_has_no_resilience_and_one_that_snaps_back_has_much() {
        check(|_| 300, 0.0, 0.0);
        assert_eq!(watch(|_| 300).half_life_secs(), Err(Absent::NoEvents));
        check(|secs| if secs < 0.05 { 100 } else { 1_000 }, 20.0, 40.0);
    }

    #[test]
    fn a_dip_is_no_depletion() {
        assert_eq!(watch(|_| 600).kappa(), Err(Absent::Cold));
        assert_eq!(DepletionWatcher::default().half_life_secs(), Err(Absent::Cold));
    }

    #[test]
    fn a_recovery_across_lost_data_is_given_up() {
        let settings = ResilienceSettings::default();
        let mut watcher = watch(|_| 900);
        watcher.update(300 * SECOND, 1, &settings);
        assert!(watcher.episode.is_some());
        watcher.reset_reference();
        assert_eq!((watcher.episode, watcher.kappa()), (None, Err(Absent::Cold)));
        assert!(watcher.is_consistent());
    }

    #[test]
    fn three_points_below_the_settled_depth_are_needed() {
        let fit = |points: &[(f64, f64)]| Resilience::fit(points.iter().copied(), 10.0).map(|fit| fit.kappa);
        assert_eq!(fit(&[(0.0, 4.0), (1.0, 7.0), (2.0, 10.0), (3.0, 11.0)]), Err(Absent::Cold));
        assert_eq!(fit(&[(1.0, 4.0), (1.0, 7.0), (1.0, 9.0)]), Err(Absent::BadNumber));
        assert_eq!(fit(&[(0.0, 4.0), (1.0, 4.0), (2.0, 4.0)]), Ok(0.0));
        assert_eq!(fit(&[]), Err(Absent::Cold));
    }
}
