//! Signal and jumps of one market, common to all its instruments.

use std::collections::VecDeque;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use crate::market::number::to_nanos;
use crate::market::time::SimTime;

/// Flips and jumps kept behind the present: venues lag less than a second behind each other.
const KEPT: usize = 4_096;

/// A jump of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    /// When, at a venue that does not lag.
    pub(super) at: SimTime,
    /// Up or down by so many steps of the lattice.
    pub(super) steps: i64,
    /// The signal at that time.
    pub(super) signal: i8,
}

/// What decides a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathRules {
    /// Mean time for which the signal is held, s.
    pub(super) persistence_secs: f64,
    pub(super) jumps_per_sec: f64,
    pub(super) jump_steps: i64,
    /// A jump goes up with probability `1/2 + tilt s / 2`.
    pub(super) tilt: f64,
}

/// A market's path, made as far as somebody has looked.
///
/// Two streams of random numbers, so that another edge changes directions only: neither the signal nor a jump's time.
#[derive(Debug)]
pub(super) struct MarketPath {
    rules: PathRules,
    signal_rng: ChaCha8Rng,
    jump_rng: ChaCha8Rng,
    /// When the signal became what, oldest first; never empty.
    flips: VecDeque<(SimTime, i8)>,
    flips_told: SimTime,
    jumps: VecDeque<Jump>,
    /// Number of the oldest jump that is kept.
    first: u64,
}

impl MarketPath {
    pub(super) fn new(rules: PathRules, mut signal_rng: ChaCha8Rng, jump_rng: ChaCha8Rng) -> Self {
        let signal = if signal_rng.random_bool(0.5) { 1 } else { -1 };
        let flips = VecDeque::from([(SimTime(0), signal)]);
        Self { rules, signal_rng, jump_rng, flips, flips_told: SimTime(0), jumps: VecDeque::new(), first: 0 }
    }

    /// The signal. Times may go back by less than [`KEPT`] flips.
    pub(super) fn signal_at(&mut self, at: SimTime) -> i8 {
        while let Some((last, signal)) = self.flips.back().copied().filter(|(last, _)| *last <= at) {
            let held: f64 = Exp1.sample(&mut self.signal_rng);
            let next = last.plus(to_nanos(held * self.rules.persistence_secs).max(1));
            self.flips.push_back((next, -signal));
            if self.flips.len() > KEPT {
                self.flips.pop_front();
            }
        }
        let known = self.flips.iter().rev().find(|(since, _)| *since <= at);
        known.or(self.flips.front()).map_or(1, |(_, signal)| *signal)
    }

    /// The jump of that number, from 0 on. One that is no longer kept is the oldest that is.
    pub(super) fn jump(&mut self, number: u64) -> Jump {
        loop {
            let index = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
            if let Some(jump) = self.jumps.get(index) {
                return *jump;
            }
            let wait: f64 = Exp1.sample(&mut self.jump_rng);
            let before = self.jumps.back().map_or(SimTime(0), |jump| jump.at);
            // An odd nanosecond: no interval of a venue ends at one, so that a jump's orders are never told apart.
            let at = SimTime(before.plus(to_nanos(wait / self.rules.jumps_per_sec).max(2)).0 | 1);
            let signal = self.signal_at(at);
            let up = 0.5 + 0.5 * self.rules.tilt * f64::from(signal);
            let is_up = self.jump_rng.random::<f64>() < up;
            let steps = if is_up { self.rules.jump_steps } else { -self.rules.jump_steps };
            self.jumps.push_back(Jump { at, steps, signal });
            if self.jumps.len() > KEPT {
                self.jumps.pop_front();
                self.first += 1;
            }
        }
    }

    /// The values that the signal has taken since the last call, up to `now`; the first call tells the first one too.
    pub(super) fn untold_flips(&mut self, now: SimTime) -> impl Iterator<Item = (SimTime, i8)> + '_ {
        self.signal_at(now);
        let from = std::mem::replace(&mut self.flips_told, now.plus(1));
        self.flips.iter().copied().filter(move |(at, _)| *at >= from && *at <= now)
    }
}
