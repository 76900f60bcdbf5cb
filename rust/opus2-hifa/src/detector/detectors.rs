//! The detectors of one instrument, wired to its books and trades.

use opus2_types::{BookView, Level, Side, TradeEvent};
use serde::{Deserialize, Serialize};

use super::absorption::{AbsorbedFlow, AbsorptionReading, AbsorptionSettings, AbsorptionWatch, TouchedFlow};
use super::event::{DetectorEvent, EventQueue};
use super::iceberg::{OrderFill, OrderIcebergs, RefillSettings, RefillTable};
use super::layering::{Layering, LayeringSettings};
use super::level_flow::{LevelFlow, Stamp, match_nanos};
use super::look::{BookLook, Units};
use super::sweep::{SweepDetector, SweepSettings, taken_from};
use super::wall::{WallSettings, WallTracker};
use crate::{Absent, Measure, measure::finite};

/// The parameters of all detectors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DetectorSettings {
    /// How far apart the venue's book messages are, ms; 0 when every change is a message of its own.
    pub conflation_ms: u32,
    /// Walls.
    pub walls: WallSettings,
    /// Layering.
    pub layering: LayeringSettings,
    /// Sweeps.
    pub sweeps: SweepSettings,
    /// Refills.
    pub refills: RefillSettings,
    /// Absorption.
    pub absorption: AbsorptionSettings,
}

/// Everything that detects an episode in one instrument's books and trades: walls, layering, refills, icebergs,
/// absorption, sweeps.
///
/// Feed it every book and trade in the order of their receive times; a time that goes back counts as the newest one
/// seen. Then ask for [`signal`](Self::signal) and the others, and take its events
/// ([`drain_events`](Self::drain_events)). After data loss, call [`reset_reference`](Self::reset_reference); when the
/// instrument's scales change, begin anew. Nothing allocates after construction.
///
/// `I` is only for what was saved before there were [`OrderIcebergs`]: see [`DetectorsV4`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detectors<I = OrderIcebergs> {
    /// Receive time of the newest event.
    now: i64,
    flow: LevelFlow,
    walls: WallTracker,
    layering: Layering,
    refills: RefillTable,
    absorption: AbsorptionWatch,
    sweeps: SweepDetector,
    events: EventQueue,
    icebergs: I,
}

/// Detectors without icebergs of orders, as version 4 of the operator `signal` saved them.
pub type DetectorsV4 = Detectors<()>;

impl From<DetectorsV4> for Detectors {
    /// The same, with icebergs of no order so far.
    fn from(old: DetectorsV4) -> Self {
        let Detectors { now, flow, walls, layering, refills, absorption, sweeps, events, icebergs: () } = old;
        let icebergs = OrderIcebergs::default();
        Self { now, flow, walls, layering, refills, absorption, sweeps, events, icebergs }
    }
}

impl Default for Detectors {
    fn default() -> Self {
        Self {
            now: 0,
            flow: LevelFlow::default(),
            walls: WallTracker::default(),
            layering: Layering::default(),
            refills: RefillTable::default(),
            absorption: AbsorptionWatch::default(),
            sweeps: SweepDetector::default(),
            events: EventQueue::default(),
            icebergs: OrderIcebergs::default(),
        }
    }
}

impl Detectors {
    /// Takes the next book. One that has no mid to measure from, because a side is empty or it is crossed, counts as
    /// lost data.
    pub fn on_book(&mut self, stamp: Stamp, view: &BookView, units: Units, settings: &DetectorSettings) {
        let stamp = self.advance_to(stamp, settings);
        let wait = match_nanos(settings.conflation_ms);
        let Some(look) = BookLook::new(stamp.now, view, units, wait) else {
            self.reset_reference();
            return;
        };
        let Self { flow, walls, layering, refills, absorption, events, .. } = self;
        let mut touched = TouchedFlow::default();
        flow.on_book(stamp, view, settings.conflation_ms, |step| {
            layering.on_step(&step, &look, walls, &settings.layering);
            walls.on_step(&step);
            touched.on_step(&step);
            if let Some(found) = refills.on_step(stamp.now, &step, &settings.refills) {
                events.push(DetectorEvent::Refill(found));
            }
        });
        walls.on_book(&look, &settings.walls, events);
        layering.on_book(&look, &settings.layering, events);
        absorption.on_book(stamp.now, touched, look.mid_doubled, &settings.absorption);
    }

    /// Takes the next trade. One whose price or quantity is not positive is passed over.
    pub fn on_trade(&mut self, stamp: Stamp, trade: &TradeEvent, settings: &DetectorSettings) {
        let stamp = self.advance_to(stamp, settings);
        let TradeEvent { price, qty, aggressor, .. } = *trade;
        if price.0 <= 0 || qty.0 <= 0 {
            return;
        }
        let resting = taken_from(aggressor);
        let shown: &[Level] = self.flow.shown(resting);
        if let Some(sweep) = self.sweeps.on_trade(stamp, price, qty, aggressor, shown, &settings.sweeps) {
            self.events.push(DetectorEvent::Sweep(sweep));
        }
        if let Some(maker) = trade.maker {
            let fill =
                OrderFill { id: maker.order, side: resting, price, executed: qty, shown_before: maker.shown };
            if let Some(found) = self.icebergs.on_fill_alone(stamp.now, &fill) {
                self.events.push(DetectorEvent::Iceberg(found));
            }
        }
        self.layering.on_trade(resting, qty);
        self.absorption.on_trade(stamp.now, resting, qty);
        let Some(explained) = self.flow.on_trade(stamp, resting, price, qty, settings.conflation_ms) else {
            return;
        };
        self.walls.on_explained(&explained);
        self.layering.on_explained(&explained);
        self.absorption.on_explained(stamp.now, &explained);
        if let Some(found) = self.refills.on_explained(stamp.now, &explained, &settings.refills) {
            self.events.push(DetectorEvent::Refill(found));
        }
    }

    /// Lets time pass without an event: ends a run of trades that is over, and forgets orders that are complete.
    pub fn advance(&mut self, now: i64, settings: &DetectorSettings) {
        self.advance_to(Stamp { now, venue: None }, settings);
    }

    fn advance_to(&mut self, stamp: Stamp, settings: &DetectorSettings) -> Stamp {
        self.now = self.now.max(stamp.now);
        if let Some(sweep) = self.sweeps.advance(self.now, &settings.sweeps) {
            self.events.push(DetectorEvent::Sweep(sweep));
        }
        // Nobody asks yet how large those were that are over.
        self.icebergs.advance(self.now, |_| {});
        Stamp { now: self.now, ..stamp }
    }

    /// Takes what was detected since it was last asked, oldest first.
    pub fn drain_events(&mut self) -> impl Iterator<Item = DetectorEvent> {
        self.events.drain()
    }

    /// How many events were let go because nobody took those before them.
    #[must_use]
    pub const fn events_dropped(&self) -> u64 {
        self.events.dropped()
    }

    /// The signal of the walls that stand; positive when bids stand firm. See [`WallTracker::signal`].
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough sizes were seen, [`Absent::Resync`] from lost data to the next book.
    pub const fn signal(&self) -> Measure {
        self.walls.signal()
    }

    /// What was taken during the newest window, if that is much: for those who know Kyle's lambda. See
    /// [`AbsorptionWatch::taken`].
    ///
    /// # Errors
    /// Those of [`AbsorptionWatch::taken`].
    pub fn absorbed(&self, units: Units) -> Result<AbsorbedFlow, Absent> {
        self.absorption.taken(self.now, units)
    }

    /// Absorption of the newest window, given Kyle's lambda in quote units per base unit. See
    /// [`AbsorptionWatch::measure`].
    ///
    /// # Errors
    /// Those of [`AbsorptionWatch::measure`].
    pub fn absorption(&self, lambda: Measure, units: Units) -> Result<AbsorptionReading, Absent> {
        self.absorption.measure(self.now, lambda, units)
    }

    /// The walls.
    #[must_use]
    pub const fn walls(&self) -> &WallTracker {
        &self.walls
    }

    /// The layering.
    #[must_use]
    pub const fn layering(&self) -> &Layering {
        &self.layering
    }

    /// The score of layering on one side. See [`Layering::score`].
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough sizes were seen.
    pub fn layering_score(&self, side: Side, settings: &DetectorSettings) -> Measure {
        self.layering.score(self.now, side, &self.walls, &settings.layering)
    }

    /// The score of layering on the bids less that on the asks, in `[-1, 1]`: the direction that the layers imply, and
    /// against which somebody may trade. See [`Layering::score`].
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough sizes were seen.
    pub fn layering_signal(&self, settings: &LayeringSettings) -> Measure {
        let score = |side| self.layering.score(self.now, side, &self.walls, settings);
        finite(score(Side::Bid)? - score(Side::Ask)?)
    }

    /// The average spoof-likeness of the walls that ended in the last hour, of the side where it is higher, in `[0, 1]`;
    /// zero when no wall has ended.
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough sizes were seen.
    pub fn spoof_likeness(&self) -> Measure {
        if !self.walls.is_warm() {
            return Err(Absent::Cold);
        }
        let of = |side| self.walls.spoof_likeness(side, self.now);
        finite(of(Side::Bid).max(of(Side::Ask)))
    }

    /// The refills.
    #[must_use]
    pub const fn refills(&self) -> &RefillTable {
        &self.refills
    }

    /// The icebergs among orders that were filled; none on a feed that does not tell which order a trade filled.
    #[must_use]
    pub const fn icebergs(&self) -> &OrderIcebergs {
        &self.icebergs
    }

    /// The levels, with how much traded volume found one and how much did not.
    #[must_use]
    pub const fn flow(&self) -> &LevelFlow {
        &self.flow
    }

    /// Data was lost: nothing is differenced across this moment. What is usual is kept.
    pub fn reset_reference(&mut self) {
        self.flow.reset_reference();
        self.walls.reset_reference();
        self.layering.reset_reference();
        self.refills.reset_reference();
        self.absorption.reset_reference();
        self.sweeps.reset_reference();
        self.icebergs.reset_reference();
    }

    /// False for a loaded state that no events can have led to, and that might not be safe to go on with.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.flow.is_consistent()
            && self.walls.is_consistent()
            && self.layering.is_consistent()
            && self.refills.is_consistent()
            && self.absorption.is_consistent()
            && self.sweeps.is_consistent()
            && self.events.is_consistent()
            && self.icebergs.is_consistent()
    }
}
