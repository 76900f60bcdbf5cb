//! From what is known of a market to what may be done there.

use opus2_types::{Aggressor, SCALE_MAX};
use serde::{Deserialize, Serialize};

use super::MarketRisk;
use super::instrument::InstrumentRisk;
use super::order::{Ground, Order, Stand};
use super::settings::RiskSettings;
use super::sizing::Sizing;
use crate::context::Outlook;
use crate::exact::scaled;
use crate::measure::finite;
use crate::risk::amount::AMOUNT_SCALE;
use crate::risk::assessment::{ASSESSED_VENUES_MAX, Assessment, PositionSource};
use crate::risk::block::{BlockReason, Blocks};
use crate::risk::gate::RiskGate;
use crate::risk::parts::{GateParts, ShortfallBudget, participation};
use crate::risk::position::Exposure;
use crate::{Absent, Direction, Measure};

/// What an assessment takes from stage 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Inputs {
    p_up: Option<f64>,
    sigma: Measure,
    volume_rate: Measure,
}

impl Inputs {
    /// A probability that is none counts as no candidate. Of two volatilities the larger counts.
    pub(super) fn of(outlook: &Outlook) -> Self {
        let known = |value: Measure| value.and_then(finite).ok().filter(|value| *value >= 0.0);
        let [fast, slow] = [known(outlook.volatility), known(outlook.volatility_slow)];
        let sigma = fast.map_or(slow, |fast| Some(fast.max(slow.unwrap_or(0.0))));
        let p_up = outlook.candidate.map(|candidate| candidate.p_up);
        Self {
            p_up: p_up.filter(|p_up| (0.0..=1.0).contains(p_up)),
            sigma: sigma.ok_or_else(|| outlook.volatility.err().unwrap_or(Absent::BadNumber)),
            volume_rate: outlook.volume_rate.and_then(finite),
        }
    }

    /// The likelier direction, and its probability.
    pub(super) fn candidate(&self) -> Option<(Direction, f64)> {
        self.p_up.map(|p_up| if p_up < 0.5 { (Direction::Down, 1.0 - p_up) } else { (Direction::Up, p_up) })
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.p_up.is_none_or(f64::is_finite)
            && [self.sigma, self.volume_rate].into_iter().all(|value| value.map_or(true, f64::is_finite))
    }
}

/// An assessment, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Assessed {
    pub(super) at: i64,
    pub(super) inputs: Inputs,
    pub(super) assessment: Assessment,
    pub(super) sizing: Sizing,
}

impl Assessed {
    /// False for a loaded one with a number that is none.
    pub(super) fn is_consistent(&self) -> bool {
        let Assessment { gate, qty, qty_scale, cost, venues, .. } = &self.assessment;
        let assessed = &self.assessment;
        let sizing = &self.sizing;
        let GateParts { es_headroom, liquidity, health, quality, slippage } = gate.parts;
        let measures = [
            [es_headroom, liquidity, health, quality, slippage],
            [
                assessed.net_gain_bps,
                assessed.edge_bps,
                assessed.p_lower,
                assessed.kelly,
                assessed.sqrt_law_bps,
            ],
            [
                assessed.shortfall_per_unit,
                assessed.participation,
                assessed.resilience_secs,
                Ok(gate.value),
                sizing.sigma,
            ],
            [
                sizing.kelly_full,
                sizing.breakeven_probability,
                sizing.horizon_secs,
                sizing.taker_fee,
                sizing.entry_bps,
            ],
            [
                cost.map(|cost| cost.total_bps()),
                sizing.inventory.map(|limit| limit.base),
                Ok(0.0),
                Ok(0.0),
                Ok(0.0),
            ],
        ];
        let is_finite = |value: Measure| value.map_or(true, f64::is_finite);
        self.inputs.is_consistent()
            && measures.into_iter().flatten().all(is_finite)
            && (0.0..=1.0).contains(&gate.value)
            && *qty >= 0
            && *qty_scale <= SCALE_MAX
            && venues.iter().flatten().all(|venue| {
                [Ok(venue.share), Ok(venue.health), venue.quality, venue.latency_secs]
                    .into_iter()
                    .all(is_finite)
            })
    }
}

/// Everything that one assessment looks at.
pub(super) struct Judge<'a> {
    pub(super) market: &'a MarketRisk,
    pub(super) settings: &'a RiskSettings,
    pub(super) now: i64,
    pub(super) inputs: Inputs,
    /// The model may trade here.
    pub(super) may_trade: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn assess(&self) -> Assessed {
        let stand = self.stand();
        let ground = self.choose(stand.aggressor);
        let order = match &ground {
            Ok(ground) => Order::of(ground, &stand, self.settings),
            Err(reason) => Order::unknown(*reason),
        };
        let ground = ground.as_ref();
        let (parts, part_of_depth) = self.parts(ground, &stand, &order);
        let mut gate = RiskGate::of(parts, self.blocks(ground, &stand, &order, part_of_depth));
        let mut lots = ground.map_or(0, |ground| {
            let units = ground.instrument.units;
            units.whole_lots(units.base(order.wanted.0.into()) * gate.value).0 / units.lot
        });
        let is_shut_by_size = order.wanted.0 > 0 && gate.value > 0.0 && lots == 0;
        if is_shut_by_size {
            gate = RiskGate::of(parts, gate.blocks.with([BlockReason::MinSize].into_iter().collect()));
        }
        lots = if gate.blocks.is_empty() { lots } else { 0 };
        let qty_scale = self.finest_scale();
        let in_finest = |lots: i64| ground.map_or(0, |ground| finest(lots, ground.instrument, qty_scale));
        let judged = ground.map_or(0, |ground| order.judged.0 / ground.instrument.units.lot);
        let assessment = Assessment {
            direction: stand.candidate.map(|(direction, _)| direction),
            gate,
            qty_scale,
            qty: in_finest(lots),
            held_qty: held_in(stand.exposure.net, qty_scale),
            position_source: stand.position_source,
            equity_micros: stand.equity_micros,
            cost: order.cost.round_trip,
            net_gain_bps: order.net_gain_bps,
            edge_bps: order.edge_bps,
            p_lower: stand.believed,
            kelly: order.kelly.map(|kelly| kelly.used),
            shortfall_per_unit: order.shortfall_per_unit,
            participation: part_of_depth,
            resilience_secs: ground
                .map_err(|reason| *reason)
                .and_then(|ground| ground.instrument.resilience_secs()),
            sqrt_law_bps: order.cost.sqrt_law_bps,
            must_leave: self.must_leave(ground),
            venues: self.venues(),
        };
        let sizing = Sizing {
            instrument: ground.ok().map(|ground| *ground.instrument.name()),
            judged_qty: in_finest(judged),
            is_probe: order.wanted.0 == 0,
            bound: order.bound,
            kelly_full: order.kelly.and_then(|kelly| kelly.full),
            breakeven_probability: order.kelly.and_then(|kelly| kelly.breakeven_probability),
            sigma: self.inputs.sigma,
            horizon_secs: order.horizon_secs,
            inventory: order.inventory,
            taker_fee: ground.map_err(|reason| *reason).and_then(|ground| ground.fee),
            entry_bps: order.cost.entry_bps,
        };
        Assessed { at: self.now, inputs: self.inputs, assessment, sizing }
    }

    fn stand(&self) -> Stand {
        let MarketRisk { instruments, account, .. } = self.market;
        let candidate = self.inputs.candidate();
        let equity_micros = account.equity_micros(self.settings.config().equity_quote.micros());
        let is_told = instruments.iter().any(|instrument| instrument.holding.is_told());
        Stand {
            candidate,
            aggressor: match candidate {
                Some((Direction::Down, _)) => Aggressor::Sell,
                _ => Aggressor::Buy,
            },
            believed: candidate.ok_or(Absent::NoEvents).and_then(|(_, p)| self.settings.believed(p)),
            sigma: self.inputs.sigma,
            volume_rate: self.inputs.volume_rate,
            exposure: Exposure::of(instruments.iter().map(|instrument| instrument.holding.scaled_qty())),
            position_source: if is_told { PositionSource::Told } else { PositionSource::AssumedFlat },
            equity_micros,
            equity: scaled(equity_micros.into(), AMOUNT_SCALE),
        }
    }

    fn assessed(&self) -> impl Iterator<Item = &'a InstrumentRisk> {
        let instruments = &self.market.instruments;
        self.market.assessed.iter().filter_map(|index| instruments.get(usize::from(*index)))
    }

    /// The instrument that a round trip of the probe is cheapest at, fees included: one that may be used before one that
    /// may not, one that holds the probe before one that does not, of equal ones the first.
    ///
    /// # Errors
    /// When there is no usable book: why the first instrument has none.
    fn choose(&self, aggressor: Aggressor) -> Result<Ground<'a>, Absent> {
        let mut best: Option<((bool, bool, f64), Ground<'a>)> = None;
        let mut missing = None;
        for instrument in self.assessed() {
            let look = match instrument.book.look() {
                Ok(look) => look,
                Err(reason) => {
                    missing.get_or_insert(reason);
                    continue;
                }
            };
            let fee = self.settings.taker_fee(instrument.venue);
            let [to_buy, to_sell] = look.probe.slippage_bps.map(|bps| bps.unwrap_or(f64::INFINITY));
            let all_in_bps = to_buy + to_sell + fee.map_or(f64::INFINITY, |fee| 2e4 * fee);
            let is_unusable = instrument.share(self.now, self.settings) <= 0.0;
            let rank = (is_unusable, !look.probe.is_complete, all_in_bps);
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                best = Some((rank, Ground { instrument, look, fee, aggressor }));
            }
        }
        best.map(|(_, ground)| ground).ok_or(missing.unwrap_or(Absent::Cold))
    }

    /// The parts of the gate, and the participation.
    fn parts(
        &self,
        ground: Result<&Ground<'a>, &Absent>,
        stand: &Stand,
        order: &Order,
    ) -> (GateParts, Measure) {
        let config = self.settings.config();
        let Ok(ground) = ground else {
            let missing = Err(ground.err().copied().unwrap_or(Absent::Cold));
            let parts = GateParts {
                es_headroom: missing,
                liquidity: missing,
                health: missing,
                quality: missing,
                slippage: missing,
            };
            return (parts, missing);
        };
        let instrument = ground.instrument;
        let part_of_depth = participation(order.judged, ground.look.depth_taken(ground.aggressor));
        let es_headroom = order.shortfall_per_unit.and_then(|per_unit| {
            let held = stand.exposure.net_base();
            let judged = instrument.units.base(order.judged.0.into());
            let after = held + stand.sign() * judged;
            let position = per_unit * held.abs();
            config.tail.headroom(&ShortfallBudget {
                equity: stand.equity,
                position,
                // Other markets are not known from here.
                total: position,
                added: per_unit * (after.abs() - held.abs()),
            })
        });
        let parts = GateParts {
            es_headroom,
            liquidity: config.liquidity.gate(part_of_depth, instrument.kappa()),
            health: instrument.health_part(self.settings),
            quality: config.quality.gate(instrument.quality()),
            slippage: config.slippage.gate(order.cost.entry_bps),
        };
        (parts, part_of_depth)
    }

    /// The hard blocks beside those that the parts of the gate are themselves.
    fn blocks(
        &self,
        ground: Result<&Ground<'a>, &Absent>,
        stand: &Stand,
        order: &Order,
        part_of_depth: Measure,
    ) -> Blocks {
        let config = self.settings.config();
        let mut blocks = self.market.account.kill().blocks(self.now, &config.kill);
        if let Ok(Ground { instrument, .. }) = ground {
            blocks.insert_if(!order.cost.is_complete, BlockReason::Unfilled);
            blocks.insert_if(instrument.is_stale(self.now, self.settings), BlockReason::StaleData);
            let is_shut = instrument.cap(self.settings).is_ok_and(|cap| cap.factor <= 0.0);
            blocks.insert_if(is_shut, BlockReason::Health);
            blocks.insert_if(instrument.is_unbelievable(self.settings), BlockReason::QualityFence);
        } else {
            blocks.insert(BlockReason::NoBook);
        }
        blocks.insert_if(config.liquidity.blocks(part_of_depth), BlockReason::Participation);
        blocks.insert_if(!self.may_trade, BlockReason::ModelUnproven);
        if stand.candidate.is_some() {
            let is_worth_it = order.edge_bps.is_ok_and(|edge| edge > 0.0);
            blocks.insert_if(ground.is_ok() && !is_worth_it, BlockReason::CostExceedsEdge);
            let is_full = order.room.is_ok_and(|room| room <= 0.0);
            blocks.insert_if(is_full, BlockReason::Inventory);
        }
        blocks.insert_if(order.is_below_a_lot, BlockReason::MinSize);
        blocks
    }

    /// A kill switch is down, or the venue of something held, or the one that would be traded at, is to be left.
    fn must_leave(&self, ground: Result<&Ground<'a>, &Absent>) -> bool {
        let limits = &self.settings.config().kill;
        let is_failing =
            |instrument: &InstrumentRisk| instrument.cap(self.settings).is_ok_and(|cap| cap.must_flatten);
        !self.market.account.kill().blocks(self.now, limits).is_empty()
            || ground.is_ok_and(|ground| is_failing(ground.instrument))
            || self
                .market
                .instruments
                .iter()
                .any(|instrument| instrument.holding.qty() != 0 && is_failing(instrument))
    }

    fn venues(&self) -> [Option<crate::risk::VenueAllowance>; ASSESSED_VENUES_MAX] {
        let mut venues = [None; ASSESSED_VENUES_MAX];
        for (slot, instrument) in venues.iter_mut().zip(self.assessed()) {
            *slot = Some(instrument.allowance(self.now, self.settings));
        }
        venues
    }

    fn finest_scale(&self) -> u8 {
        self.market.instruments.iter().map(|instrument| instrument.units.qty_scale).max().unwrap_or(0)
    }
}

/// Whole lots of an instrument in units of a scale that is not coarser; as many as 64 bits hold.
fn finest(lots: i64, instrument: &InstrumentRisk, qty_scale: u8) -> i64 {
    let places = qty_scale.saturating_sub(instrument.units.qty_scale);
    let lot = 10i64.checked_pow(places.into()).and_then(|power| power.checked_mul(instrument.units.lot));
    lot.map_or(0, |lot| lots.min(i64::MAX / lot).max(0) * lot)
}

/// What is held, from units of `10^-18`; beyond 64 bits it is the bound.
fn held_in(net: i128, qty_scale: u8) -> i64 {
    let held = net / 10i128.pow(SCALE_MAX.saturating_sub(qty_scale).into());
    i64::try_from(held).unwrap_or(if held < 0 { i64::MIN } else { i64::MAX })
}
