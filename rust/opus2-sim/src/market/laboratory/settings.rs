//! What is stated of a laboratory market.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SimError;

/// Episodes of one kind per hour and instrument, at most: denser ones would overlap all the time.
const PER_HOUR_MAX: f64 = 3_600.0;

/// A kind of injected episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InjectionKind {
    /// One huge resting order some levels from the touch, pulled after a while unless the price runs it over.
    Wall,
    /// One aggressor through several levels at one instant; the book is as full as before at the same instant.
    Sweep,
    /// Equal refills of the best level after trades of that size.
    Iceberg,
    /// Several large new levels on one side, cancelled together after trades on the other side of the book.
    Layering,
}

impl InjectionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Wall, Self::Sweep, Self::Iceberg, Self::Layering];

    /// The name in the truth log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Sweep => "sweep",
            Self::Iceberg => "iceberg",
            Self::Layering => "layering",
        }
    }

    /// How often it is injected when nobody says, per hour and instrument.
    #[must_use]
    pub const fn per_hour(self) -> f64 {
        match self {
            Self::Wall | Self::Sweep => 120.0,
            Self::Iceberg | Self::Layering => 60.0,
        }
    }
}

/// How often each kind of episode begins, per hour and instrument, at Poisson times. Zero: never.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Injections {
    /// [`InjectionKind::Wall`].
    pub walls: f64,
    /// [`InjectionKind::Sweep`].
    pub sweeps: f64,
    /// [`InjectionKind::Iceberg`].
    pub icebergs: f64,
    /// [`InjectionKind::Layering`].
    pub layering: f64,
}

impl Injections {
    /// The rate of one kind.
    #[must_use]
    pub const fn per_hour(&self, kind: InjectionKind) -> f64 {
        match kind {
            InjectionKind::Wall => self.walls,
            InjectionKind::Sweep => self.sweeps,
            InjectionKind::Iceberg => self.icebergs,
            InjectionKind::Layering => self.layering,
        }
    }

    /// Sets the rate of one kind.
    pub const fn set(&mut self, kind: InjectionKind, per_hour: f64) {
        match kind {
            InjectionKind::Wall => self.walls = per_hour,
            InjectionKind::Sweep => self.sweeps = per_hour,
            InjectionKind::Iceberg => self.icebergs = per_hour,
            InjectionKind::Layering => self.layering = per_hour,
        }
    }
}

/// Participants whose market is known down to its law; see the module `market::laboratory` for the law itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Laboratory {
    /// The planted edge: expected change of the log mid per second, basis points, while the signal is +1; the negative of
    /// it while it is -1. Zero plants nothing.
    pub edge_bps: f64,
    /// Mean time for which the signal is held.
    pub persistence: Duration,
    /// Jumps of the price per second, in the mean.
    pub jumps_per_sec: f64,
    /// By how many steps of the lattice the price jumps. A step is about 0.8 basis points of the opening price, and at
    /// least four price units.
    pub jump_steps: u32,
    /// How much the orders at the touch tell of the signal, 0 to 1: each points its way with probability
    /// `1/2 + flow_bias / 2`.
    pub flow_bias: f64,
    /// Levels of each side, one a step of the lattice.
    pub levels: u32,
    /// Median size of a level, dollars.
    pub level_dollars: f64,
    /// Standard deviation of the logarithm of a level's size. A level that is drawn anew looks like a wall (four of these
    /// from the median) with probability 3.2e-5.
    pub size_sigma: f64,
    /// Every level but the best is drawn anew so often, per second.
    pub redraws_per_sec: f64,
    /// Nothing is injected before: detectors must first learn what is usual.
    pub warm_up: Duration,
    /// What is injected.
    pub inject: Injections,
}

impl Default for Laboratory {
    fn default() -> Self {
        Self {
            edge_bps: 0.0,
            persistence: Duration::from_secs(20),
            jumps_per_sec: 1.0,
            jump_steps: 1,
            flow_bias: 0.3,
            levels: 30,
            level_dollars: 40_000.0,
            size_sigma: 0.5,
            redraws_per_sec: 0.5,
            warm_up: Duration::from_secs(120),
            inject: Injections::default(),
        }
    }
}

impl Laboratory {
    /// Checks every setting that needs no instrument.
    ///
    /// # Errors
    /// [`SimError::Config`] names the first one outside its range.
    pub fn validate(&self) -> Result<(), SimError> {
        let rows = [
            ("the planted edge, bps per second", self.edge_bps, -1_000.0..=1_000.0, "-1000 … 1000"),
            ("the signal's persistence, s", self.persistence.as_secs_f64(), 0.1..=86_400.0, "0.1 … 86400"),
            ("jumps per second", self.jumps_per_sec, 1e-3..=100.0, "0.001 … 100"),
            ("steps of a jump", f64::from(self.jump_steps), 1.0..=10.0, "1 … 10"),
            ("the bias of the flow", self.flow_bias, 0.0..=1.0, "0 … 1"),
            ("levels of a side", f64::from(self.levels), 21.0..=1_000.0, "21 … 1000"),
            ("a level's size in dollars", self.level_dollars, 1_000.0..=1e8, "1000 … 100000000"),
            ("the spread of sizes", self.size_sigma, 0.05..=2.0, "0.05 … 2"),
            ("redraws of a level per second", self.redraws_per_sec, 0.0..=10.0, "0 … 10"),
        ];
        for (field, value, range, expected) in rows {
            if !range.contains(&value) {
                return Err(SimError::Config { field, value: value.to_string(), expected });
            }
        }
        for kind in InjectionKind::ALL {
            let per_hour = self.inject.per_hour(kind);
            if !(0.0..=PER_HOUR_MAX).contains(&per_hour) {
                let field = "the rate of injected episodes per hour";
                return Err(SimError::Config { field, value: per_hour.to_string(), expected: "0 … 3600" });
            }
        }
        Ok(())
    }
}
