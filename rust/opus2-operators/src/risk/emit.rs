//! Which records there are, and what they say.

use opus2_hifa::context::InstrumentName;
use opus2_hifa::risk::assessment::ASSESSED_VENUES_MAX;
use opus2_hifa::risk::spread_decomposition::SPREAD_HORIZONS_SECS;
use opus2_hifa::risk::{
    Assessment, BlockReason, Blocks, InstrumentRisk, MarketRisk, Sizing, Tail, VenueAllowance,
};
use opus2_hifa::{Absent, Direction, Measure};
use opus2_wire::position::EQUITY_SCALE;
use opus2_wire::view::risk::{
    CostView, EdgeView, ExactView, FeesView, GatePartsView, GateView, HealthView, KillView, LiquidityView,
    PositionView, RiskCandidateView, RiskId, RiskModelView, RiskView, SizingView, SpreadView, TailOfView,
    TailView, ValueView, VenueView, write_risk,
};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::tally::{Count, Tally};

/// Between two records of kind `candidate` of one market lies at least this much of its time, ns.
pub(super) const CANDIDATE_GAP_NS: i64 = 100_000_000;

/// Why there is a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A second has ended.
    Bar,
    /// A candidate is active, or not, or its blocks have changed.
    Candidate,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Candidate => "candidate",
        }
    }
}

/// What the records of a market have said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Records {
    newest: Option<Newest>,
    shown: Shown,
    candidate_at: Option<i64>,
}

/// The newest record's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Newest {
    recv_ts: i64,
    number: u32,
}

/// What a record of kind `candidate` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Shown {
    active: Option<Direction>,
    /// None while it is not active.
    blocks: Blocks,
}

impl Records {
    /// Whether a record of kind `candidate` is due. A change that comes too soon after the last record waits, and is
    /// published when it still stands.
    pub(super) fn candidate(&mut self, risk: &MarketRisk, tally: &mut Tally) -> Option<Kind> {
        let active = risk.active();
        let blocks = risk.assessment().filter(|_| active.is_some()).map(|assessment| assessment.gate.blocks);
        let shown = Shown { active, blocks: blocks.unwrap_or(Blocks::NONE) };
        if shown == self.shown {
            return None;
        }
        let now = risk.now();
        if self.candidate_at.is_some_and(|at| now.saturating_sub(at) < CANDIDATE_GAP_NS) {
            tally.add(Count::HeldBack);
            return None;
        }
        self.shown = shown;
        self.candidate_at = Some(now);
        Some(Kind::Candidate)
    }

    /// The identity of the next record, whose time is `now`.
    pub(super) fn next<'a>(&mut self, market: &'a str, now: i64) -> RiskId<'a> {
        let number = match self.newest {
            Some(newest) if newest.recv_ts == now => newest.number.saturating_add(1),
            _ => 0,
        };
        self.newest = Some(Newest { recv_ts: now, number });
        RiskId { market, recv_ts: now, number }
    }
}

/// Appends the record.
pub(super) fn write(
    id: RiskId<'_>,
    kind: Kind,
    trigger: Option<&str>,
    risk: &MarketRisk,
    settings: &Settings,
    bytes: &mut Vec<u8>,
) {
    let (Some(assessment), Some(sizing)) = (risk.assessment(), risk.sizing()) else { return };
    let mut names = [""; BlockReason::ALL.len()];
    let mut count = 0;
    for (name, reason) in names.iter_mut().zip(assessment.gate.blocks.iter()) {
        *name = reason.as_str();
        count += 1;
    }
    let mut venues = [None; ASSESSED_VENUES_MAX];
    for ((slot, allowance), instrument) in
        venues.iter_mut().zip(assessment.venues.iter().flatten()).zip(risk.assessed())
    {
        *slot = Some(venue(allowance, instrument, risk.now()));
    }
    let view = RiskView {
        id,
        kind: kind.as_str(),
        market: id.market,
        recv_ts: id.recv_ts,
        trigger,
        model: RiskModelView {
            name: &settings.model_name,
            hash: settings.model_hash,
            proven: settings.is_proven,
        },
        fees: FeesView { as_of: &settings.fees_as_of, taker: value(sizing.taker_fee) },
        position: position(assessment, risk, settings),
        candidate: risk.candidate().map(|(direction, probability)| RiskCandidateView {
            direction: direction.as_str(),
            active: risk.active().is_some(),
            p_up: if direction == Direction::Up { probability } else { 1.0 - probability },
            p_lower: value(assessment.p_lower),
        }),
        sizing: size(assessment, sizing),
        cost: cost(assessment, sizing),
        edge: EdgeView { net_gain_bps: value(assessment.net_gain_bps), edge_bps: value(assessment.edge_bps) },
        gate: gate(assessment, names.get(..count).unwrap_or_default()),
        tail: tail(sizing, settings),
        liquidity: LiquidityView {
            participation: value(assessment.participation),
            resilience_secs: value(assessment.resilience_secs),
            spread_z: value(risk.judged().ok_or(Absent::Cold).and_then(InstrumentRisk::spread_z)),
        },
        spread: [0, 1].map(|horizon| spread(horizon, risk, settings)),
        kill: KillView {
            daily_loss_share: risk.kill().daily_loss_share(),
            drawdown_share: risk.kill().drawdown_share(),
            must_leave: assessment.must_leave,
        },
        venues: &venues,
    };
    write_risk(&view, bytes);
}

fn value(measure: Measure) -> ValueView {
    ValueView(measure.map_err(Absent::as_str))
}

fn position(assessment: &Assessment, risk: &MarketRisk, settings: &Settings) -> PositionView {
    let equity = |units| ExactView { units, scale: EQUITY_SCALE };
    PositionView {
        source: assessment.position_source.as_str(),
        qty: ExactView { units: assessment.held_qty, scale: assessment.qty_scale },
        entry: value(risk.entry_price()),
        equity: equity(assessment.equity_micros),
        equity_source: if risk.is_equity_told() { "told" } else { "configured" },
        equity_marked: equity(risk.marked_equity_micros(&settings.risk)),
    }
}

fn size(assessment: &Assessment, sizing: &Sizing) -> SizingView {
    let qty = |units| ExactView { units, scale: assessment.qty_scale };
    SizingView {
        kelly_full: value(sizing.kelly_full),
        kelly_used: value(assessment.kelly),
        breakeven: value(sizing.breakeven_probability),
        shortfall_per_unit: value(assessment.shortfall_per_unit),
        inventory_limit: value(sizing.inventory.map(|limit| limit.base)),
        inventory_bound: sizing.inventory.ok().map(|limit| limit.bound.as_str()),
        bound: sizing.bound.as_str(),
        judged_qty: qty(sizing.judged_qty),
        probe: sizing.is_probe,
        qty: qty(assessment.qty),
    }
}

fn cost<'a>(assessment: &Assessment, sizing: &'a Sizing) -> CostView<'a> {
    let cost = assessment.cost;
    CostView {
        instrument: sizing.instrument.as_ref().map(InstrumentName::as_str),
        spread_bps: value(cost.map(|cost| cost.spread_bps)),
        slippage_bps: value(cost.map(|cost| cost.slippage_bps)),
        fee_bps: value(cost.map(|cost| cost.fee_bps)),
        latency_bps: value(cost.map(|cost| cost.latency_bps)),
        total_bps: value(cost.map(|cost| cost.total_bps())),
        entry_bps: value(sizing.entry_bps),
        sqrt_law_bps: value(assessment.sqrt_law_bps),
    }
}

fn gate<'a>(assessment: &Assessment, blocks: &'a [&'static str]) -> GateView<'a> {
    let gate = &assessment.gate;
    GateView {
        value: gate.value,
        binding: gate.binding.as_str(),
        blocks,
        parts: GatePartsView {
            es_headroom: value(gate.parts.es_headroom),
            liquidity: value(gate.parts.liquidity),
            health: value(gate.parts.health),
            quality: value(gate.parts.quality),
            slippage: value(gate.parts.slippage),
        },
    }
}

fn tail(sizing: &Sizing, settings: &Settings) -> TailView {
    let limits = &settings.risk.config().tail;
    let deviation = sizing.sigma.and_then(|sigma| Ok(sigma * sizing.horizon_secs?.sqrt()));
    let tails = settings.risk.tails(deviation);
    let of = |tail: Result<Tail, Absent>| TailOfView {
        var_bps: value(tail.map(|tail| 1e4 * tail.var)),
        es_bps: value(tail.map(|tail| 1e4 * tail.es)),
    };
    TailView {
        confidence: limits.confidence,
        degrees: limits.degrees,
        sigma: value(sizing.sigma),
        horizon_secs: value(sizing.horizon_secs),
        normal: of(tails.normal),
        student: of(tails.student),
    }
}

fn spread(horizon: usize, risk: &MarketRisk, settings: &Settings) -> SpreadView {
    let judged = risk.judged().ok_or(Absent::Cold);
    let found = judged.and_then(|instrument| instrument.trade_spread(horizon, &settings.risk));
    SpreadView {
        horizon_secs: SPREAD_HORIZONS_SECS[horizon],
        effective_bps: value(found.map(|spread| spread.effective_bps)),
        realised_bps: value(found.map(|spread| spread.realised_bps)),
        impact_bps: value(found.map(|spread| spread.impact_bps)),
    }
}

fn venue<'a>(allowance: &'a VenueAllowance, instrument: &InstrumentRisk, now: i64) -> VenueView<'a> {
    let health = instrument.health();
    let [staleness, gaps, latency, crossed, rejects, reconnects] = health.components;
    VenueView {
        instrument: allowance.instrument.as_str(),
        share: allowance.share,
        health: HealthView { score: health.score, staleness, gaps, latency, crossed, rejects, reconnects },
        peg: instrument.peg_factor(),
        quality: value(allowance.quality),
        latency_secs: value(allowance.latency_secs),
        age_secs: value(instrument.age_secs(now)),
    }
}
