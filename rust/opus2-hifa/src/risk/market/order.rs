//! What is wanted at one instrument, and what it would cost.

use opus2_types::{Aggressor, Qty};

use super::book::{BookLook, BothWays};
use super::instrument::InstrumentRisk;
use super::settings::RiskSettings;
use super::sizing::SizeBound;
use crate::measure::finite;
use crate::risk::assessment::{PositionSource, RoundTripCost};
use crate::risk::impact::{SquareRootLaw, pre_trade_cost};
use crate::risk::kelly::{Bet, Kelly};
use crate::risk::position::{Exposure, InventoryBounds, InventoryLimit};
use crate::{Absent, Direction, HealthSettings, Measure};

/// The mean of the positive half of a standard normal variable: how far a price runs away on average, in deviations.
const RUN_AWAY: f64 = 0.398_942_280_401_432_7;

/// What is known before an instrument is chosen.
pub(super) struct Stand {
    /// The likelier direction and its probability.
    pub(super) candidate: Option<(Direction, f64)>,
    /// One in the direction of the candidate; without one a buy.
    pub(super) aggressor: Aggressor,
    /// The probability that sizing believes.
    pub(super) believed: Measure,
    pub(super) sigma: Measure,
    pub(super) volume_rate: Measure,
    pub(super) exposure: Exposure,
    pub(super) position_source: PositionSource,
    pub(super) equity_micros: i64,
    pub(super) equity: f64,
}

impl Stand {
    /// `1` when long is wanted, `-1` for short.
    pub(super) const fn sign(&self) -> f64 {
        match self.aggressor {
            Aggressor::Buy => 1.0,
            Aggressor::Sell => -1.0,
        }
    }
}

/// The instrument that an order would go to.
pub(super) struct Ground<'a> {
    pub(super) instrument: &'a InstrumentRisk,
    pub(super) look: &'a BookLook,
    /// A taker's, as a share.
    pub(super) fee: Measure,
    pub(super) aggressor: Aggressor,
}

/// What a quantity costs.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    /// Of the entry before fees, half-spread included.
    pub(super) entry_bps: Measure,
    pub(super) round_trip: Result<RoundTripCost, Absent>,
    pub(super) sqrt_law_bps: Measure,
    pub(super) is_complete: bool,
}

/// What is wanted, in `Qty` units of the instrument, and all that follows from it.
pub(super) struct Order {
    /// Nothing without a candidate that is worth it.
    pub(super) wanted: Qty,
    /// What is wanted, or the probe.
    pub(super) judged: Qty,
    pub(super) bound: SizeBound,
    /// Of the judged quantity, or of the larger one from which it was cut.
    pub(super) cost: Cost,
    pub(super) kelly: Result<Kelly, Absent>,
    pub(super) net_gain_bps: Measure,
    pub(super) edge_bps: Measure,
    pub(super) horizon_secs: Measure,
    pub(super) shortfall_per_unit: Measure,
    pub(super) inventory: Result<InventoryLimit, Absent>,
    /// What may be added to what is held, base units.
    pub(super) room: Measure,
    /// Something is wanted, but less than a lot.
    pub(super) is_below_a_lot: bool,
}

impl Order {
    /// Without a book nothing is known.
    pub(super) const fn unknown(reason: Absent) -> Self {
        let missing = Err(reason);
        Self {
            wanted: Qty(0),
            judged: Qty(0),
            bound: SizeBound::Unknown,
            cost: Cost {
                entry_bps: missing,
                round_trip: Err(reason),
                sqrt_law_bps: missing,
                is_complete: false,
            },
            kelly: Err(reason),
            net_gain_bps: missing,
            edge_bps: missing,
            horizon_secs: missing,
            shortfall_per_unit: missing,
            inventory: Err(reason),
            room: missing,
            is_below_a_lot: false,
        }
    }

    /// Sizes in two steps, because costs depend on the quantity and the quantity on costs: what Kelly would take at the
    /// costs of the probe, then what it takes at the costs of that much. Costs rise with the quantity, so the second is not
    /// too large; it is never less than the probe, whose own costs were found worth it.
    pub(super) fn of(ground: &Ground<'_>, stand: &Stand, settings: &RiskSettings) -> Self {
        let sizer = Sizer { ground, stand, settings };
        let probe_qty = ground.look.probe_qty;
        let units = ground.instrument.units;
        let mut cost = sizer.cost(probe_qty, ground.look.probe);
        let mut kelly = sizer.kelly(&cost);
        let stake = kelly.map_or(0.0, |kelly| sizer.stake(&kelly));
        let most = stand.exposure.net_base().abs() + stake.max(units.base(probe_qty.0.into()));
        let limits = sizer.limits(most);
        let (mut base, mut bound) = sizer.wanted(kelly, &limits);
        let mut wanted = units.whole_lots(base);
        if wanted > probe_qty {
            let survival = &settings.config().survival_ppm;
            let ways = ground.instrument.book.both_ways(wanted, survival, ground.look.mid_doubled);
            let dearer = sizer.cost(wanted, ways);
            let second = sizer.kelly(&dearer);
            let (less, less_bound) = sizer.wanted(second, &limits);
            if less < base {
                (base, bound) = (less, less_bound);
                wanted = units.whole_lots(base).max(probe_qty);
            }
            if wanted > probe_qty {
                (cost, kelly) = (dearer, second);
            }
        }
        let net_gain_bps =
            cost.round_trip.and_then(|cost| finite(settings.payoff().gain_bps - cost.total_bps()));
        let edge_bps = cost.round_trip.and_then(|cost| {
            let (_, probability) = stand.candidate.ok_or(Absent::NoEvents)?;
            settings.edge_bps(probability, cost.total_bps())
        });
        Self {
            wanted,
            judged: if wanted.0 > 0 { wanted } else { probe_qty },
            bound,
            cost,
            kelly,
            net_gain_bps,
            edge_bps,
            horizon_secs: limits.horizon_secs,
            shortfall_per_unit: limits.shortfall_per_unit,
            inventory: limits.inventory,
            room: limits.room,
            is_below_a_lot: wanted.0 == 0 && base > 0.0,
        }
    }
}

/// What limits a quantity beside Kelly.
struct Limits {
    horizon_secs: Measure,
    shortfall_per_unit: Measure,
    inventory: Result<InventoryLimit, Absent>,
    room: Measure,
}

struct Sizer<'a> {
    ground: &'a Ground<'a>,
    stand: &'a Stand,
    settings: &'a RiskSettings,
}

impl Sizer<'_> {
    /// What market orders of `qty` cost, there and back: the larger of the walk and of the square-root law each way, both
    /// fees, and what the price runs away meanwhile.
    fn cost(&self, qty: Qty, ways: BothWays) -> Cost {
        let Ground { instrument, look, fee, aggressor } = *self.ground;
        let config = self.settings.config();
        let base = instrument.units.base(qty.0.into());
        let half_spread_bps = look.half_spread_bps;
        let law = self.stand.sigma.and_then(|sigma| {
            let horizon_secs = self.settings.horizon_secs();
            let volume = finite(self.stand.volume_rate? * horizon_secs)?;
            let sigma = finite(sigma * horizon_secs.sqrt())?;
            Ok(SquareRootLaw { factor: config.impact_factor, sigma, volume })
        });
        let schedule_bps = law.and_then(|law| law.schedule_bps(half_spread_bps, base));
        let [to_buy, to_sell] = ways.slippage_bps.map(|walk_bps| {
            // The law says nothing of a book that holds nothing.
            walk_bps.and_then(|walk_bps| pre_trade_cost(Ok(walk_bps), schedule_bps)).map(|cost| cost.bps)
        });
        let entry_bps = match aggressor {
            Aggressor::Buy => to_buy,
            Aggressor::Sell => to_sell,
        };
        let round_trip = || {
            let slippage =
                finite((to_buy? - half_spread_bps).max(0.0) + (to_sell? - half_spread_bps).max(0.0))?;
            let cost = RoundTripCost {
                spread_bps: 2.0 * half_spread_bps,
                slippage_bps: slippage,
                fee_bps: 2e4 * fee?,
                latency_bps: self.latency_bps()?,
            };
            finite(cost.total_bps()).map(|_| cost)
        };
        Cost {
            entry_bps,
            round_trip: round_trip(),
            sqrt_law_bps: law.and_then(|law| law.impact_bps(base)),
            is_complete: ways.is_complete,
        }
    }

    /// `2 phi(0) sigma sqrt(latency)`. A latency that is not known is the longest that a healthy venue may have.
    fn latency_bps(&self) -> Measure {
        let floor_secs = f64::from(self.settings.config().latency_floor_ms) / 1e3;
        let unknown_secs = HealthSettings::default().latency_max_ms / 1e3;
        let latency_secs = self.ground.instrument.latency_secs().unwrap_or(unknown_secs).max(floor_secs);
        finite(2e4 * RUN_AWAY * self.stand.sigma? * latency_secs.sqrt())
    }

    /// Kelly's fraction at a cost; nothing when moves that are too small make the bet a bad one.
    fn kelly(&self, cost: &Cost) -> Result<Kelly, Absent> {
        let (probability, cost_bps) = (self.stand.believed?, cost.round_trip?.total_bps());
        let payoff = self.settings.payoff();
        let bet = Bet {
            probability,
            gain: payoff.gain_bps / 1e4,
            loss: payoff.loss_bps / 1e4,
            cost: cost_bps / 1e4,
        };
        let mut kelly = Kelly::of(&bet, &self.settings.config().kelly)?;
        if self.settings.edge_bps(probability, cost_bps).map_or(true, |edge| edge <= 0.0) {
            kelly.used = 0.0;
        }
        Ok(kelly)
    }

    /// What Kelly would take, base units.
    fn stake(&self, kelly: &Kelly) -> f64 {
        kelly.used * self.stand.equity.max(0.0) / self.ground.look.mid
    }

    /// The limits when as much as `most` base units may have to be got rid of.
    fn limits(&self, most: f64) -> Limits {
        let Self { stand, settings, ground } = self;
        let (config, look) = (settings.config(), ground.look);
        let out_secs = stand.volume_rate.and_then(|rate| config.inventory.liquidation_secs(most, rate));
        let horizon_secs = out_secs.map(|secs| secs.max(settings.horizon_secs()));
        let deviation = horizon_secs.and_then(|secs| finite(stand.sigma? * secs.sqrt()));
        let student = settings.tails(deviation).student;
        let shortfall_per_unit = student.and_then(|tail| finite(tail.es * look.mid));
        let equity = stand.equity.max(0.0);
        let depth = look.depth_to_leave(ground.aggressor);
        let inventory = config.inventory.limit(&InventoryBounds {
            shortfall_base: shortfall_per_unit
                .and_then(|per_unit| finite(config.tail.position_share_max * equity / per_unit)),
            depth_base: Ok(ground.instrument.units.base(depth)),
            venue_cap_base: finite(config.venue_cap_share * equity / look.mid),
        });
        let held = stand.sign() * stand.exposure.net_base();
        let room = inventory.and_then(|limit| finite(limit.base - held));
        Limits { horizon_secs, shortfall_per_unit, inventory, room }
    }

    /// The smallest of what Kelly, inventory and participation allow, base units, and which it is.
    fn wanted(&self, kelly: Result<Kelly, Absent>, limits: &Limits) -> (f64, SizeBound) {
        if self.stand.candidate.is_none() {
            return (0.0, SizeBound::NoCandidate);
        }
        let config = self.settings.config();
        let (Ok(kelly), Ok(room), Ok(limit)) = (kelly, limits.room, limits.inventory) else {
            return (0.0, SizeBound::Unknown);
        };
        let is_capped = kelly.used >= config.kelly.cap;
        let stake = (self.stake(&kelly), if is_capped { SizeBound::KellyCap } else { SizeBound::Kelly });
        let depth = self.ground.instrument.units.base(self.ground.look.depth_taken(self.ground.aggressor));
        let shares = [
            (room.max(0.0), limit.bound.into()),
            (config.liquidity.participation_max * depth, SizeBound::Participation),
        ];
        shares.into_iter().fold(stake, |least, share| if share.0 < least.0 { share } else { least })
    }
}
