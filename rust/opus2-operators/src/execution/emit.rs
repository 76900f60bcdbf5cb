//! Writing a decision with everything that led to it.

use opus2_hifa::context::Candidate;
use opus2_hifa::decision::combine::Standardiser;
use opus2_hifa::execution::market::{Amount, Look, MarketExecution, Order, Verdict, decision_id};
use opus2_hifa::risk::{BlockReason, RiskGate};
use opus2_hifa::{Absent, Measure};
use opus2_types::{EventBody, Side};
use opus2_wire::position::EQUITY_SCALE;
use opus2_wire::view::decision::{
    ContextView, CostView, DataView, Decimal, DecisionView, FeatureRow, FeatureValue, Features, ForecastView,
    GatePartsView, GateView, LevelsView, MeasureView, ModelView, Number, RoundTripView, RuleView, SizeView,
    VenueView, write_decision,
};

use super::settings::Settings;

mod plan;

use plan::PlanText;

/// Appends the record of a decision, without its seal. `state` is the market's after the decision.
pub(super) fn write_verdict(
    verdict: &Verdict,
    look: &Look<'_>,
    state: &MarketExecution,
    settings: &Settings,
    bytes: &mut Vec<u8>,
) {
    let terms = &settings.terms;
    let (outlook, assessment) = (look.outlook, look.assessment);
    let id = decision_id(look.market, verdict.number);
    let entry_id = verdict.entry.map(|number| decision_id(look.market, number));
    let reasons: Vec<&'static str> = verdict.grounds.names().collect();
    let blocks: Vec<&'static str> = assessment.gate.blocks.iter().map(BlockReason::as_str).collect();
    let features = outlook.candidate.as_ref().map(|candidate| features(candidate, settings));
    let plan = verdict.order.as_ref().map(|order| PlanText::new(order, outlook.now));
    let ladders: Vec<_> =
        state.books().map(|book| (book, book.ladder(Side::Bid), book.ladder(Side::Ask))).collect();
    let venues: Vec<VenueView<'_>> = ladders
        .iter()
        .map(|(book, bids, asks)| {
            let (price_scale, qty_scale) = book.scales();
            let allowance = look.allowance(book.name());
            let absent = Err(Absent::NoEvents);
            VenueView {
                instrument: book.name(),
                exch_ts: book.exch_ts(),
                recv_ts: book.recv_ts(),
                usable: book.is_usable(),
                share: allowance.map(|allowance| Number(allowance.share)),
                health: allowance.map(|allowance| Number(allowance.health)),
                quality: measure(allowance.map_or(absent, |allowance| allowance.quality)),
                latency_secs: measure(allowance.map_or(absent, |allowance| allowance.latency_secs)),
                bids: LevelsView { levels: bids, price_scale, qty_scale },
                asks: LevelsView { levels: asks, price_scale, qty_scale },
            }
        })
        .collect();
    let view = DecisionView {
        id: &id,
        market: look.market,
        action: verdict.action.as_str(),
        direction: verdict.direction.as_str(),
        reasons: &reasons,
        entry_id: entry_id.as_deref(),
        recv_ts: look.event.map_or(outlook.now, |event| event.recv_ts.0),
        event_id: look.event.map(|event| event.id),
        trigger: look.event.map_or("second", |event| EventBody::kind(&event.body)),
        config_hash: settings.config_hash,
        model: ModelView {
            name: &terms.model.name,
            hash: settings.model_hash,
            proven: terms.model.is_proven() && terms.model.is_for(look.market),
            horizon_ms: terms.model.horizon_ms,
            bias: Number(terms.model.bias),
        },
        fees_as_of: &terms.fees.as_of,
        data: DataView { events: state.trail().events(), hash: state.trail().hash() },
        forecast: outlook.candidate.as_ref().map(|candidate| forecast(candidate, outlook.multiplier)),
        features: Features(features.as_deref().unwrap_or_default()),
        context: context(look),
        decision: rule(verdict, look, state, settings),
        gate: gate(&assessment.gate, &blocks),
        size: size(verdict, look),
        round_trip_bps: round_trip(look),
        plan: plan.as_ref().zip(verdict.order.as_ref()).map(|(text, order)| text.view(order)),
        venues: &venues,
    };
    write_decision(&view, bytes);
}

fn measure(value: Measure) -> MeasureView {
    MeasureView::new(value.map_err(Absent::as_str))
}

const fn decimal(amount: Amount) -> Decimal {
    Decimal { units: amount.units, scale: amount.scale }
}

/// What each feature was, standardised as the model does, and what it added to the logit.
fn features<'a>(candidate: &Candidate, settings: &'a Settings) -> Vec<FeatureRow<'a>> {
    let values = candidate.values().iter().copied().chain(std::iter::repeat(Err(Absent::Cold)));
    let rows = settings.terms.model.features.iter().zip(values).zip(0u32..);
    rows.map(|((feature, value), bit)| {
        let standardised = Standardiser { mean: feature.mean, sd: feature.sd }.standardise(value);
        let view = measure(value);
        FeatureRow {
            name: &feature.name,
            view: FeatureValue {
                value: view.value,
                reason: view.reason,
                missing: candidate.missing.checked_shr(bit).is_some_and(|bits| bits & 1 == 1),
                x: Number(standardised.x),
                contribution: Number(feature.weight * standardised.x),
            },
        }
    })
    .collect()
}

fn forecast(candidate: &Candidate, multiplier: f64) -> ForecastView<'_> {
    ForecastView {
        instrument: &candidate.instrument,
        mid: Number(candidate.mid),
        half_spread_bps: Number(candidate.half_spread_bps),
        logit: Number(candidate.logit),
        multiplier: Number(multiplier),
        p_raw: Number(candidate.p_raw),
        p_up: Number(candidate.p_up),
        score: Number(candidate.score),
        missing_share: Number(candidate.missing_share()),
    }
}

fn context(look: &Look<'_>) -> ContextView {
    let outlook = look.outlook;
    ContextView {
        toxicity: measure(outlook.toxicity),
        has_jump: outlook.has_jump,
        volatility: measure(outlook.volatility),
        volatility_slow: measure(outlook.volatility_slow),
        lambda: measure(outlook.lambda),
        volume_rate: measure(outlook.volume_rate),
        illiquidity: measure(outlook.illiquidity),
    }
}

fn rule(verdict: &Verdict, look: &Look<'_>, state: &MarketExecution, settings: &Settings) -> RuleView {
    let (decision, hysteresis) = (&verdict.decision, state.hysteresis());
    RuleView {
        position: hysteresis.position().as_str(),
        held_since: hysteresis.held_since(),
        p: measure(decision.p),
        p_lower: measure(look.assessment.p_lower),
        break_even: measure(decision.break_even),
        p_in: measure(decision.p_in),
        p_out: Number(settings.terms.rule.config().p_out),
        edge_bps: measure(decision.edge_bps),
        net_gain_bps: measure(look.assessment.net_gain_bps),
        flips_per_hour: measure(hysteresis.flips_per_hour(look.outlook.now)),
    }
}

fn gate<'a>(gate: &RiskGate, blocks: &'a [&'static str]) -> GateView<'a> {
    GateView {
        value: Number(gate.value),
        binding: gate.binding.as_str(),
        blocks,
        parts: GatePartsView {
            es_headroom: measure(gate.parts.es_headroom),
            liquidity: measure(gate.parts.liquidity),
            health: measure(gate.parts.health),
            quality: measure(gate.parts.quality),
            slippage: measure(gate.parts.slippage),
        },
    }
}

fn size(verdict: &Verdict, look: &Look<'_>) -> SizeView {
    let assessment = look.assessment;
    SizeView {
        qty: decimal(verdict.qty),
        held_qty: Decimal { units: assessment.held_qty, scale: assessment.qty_scale },
        position_source: assessment.position_source.as_str(),
        equity: Decimal { units: assessment.equity_micros, scale: EQUITY_SCALE },
        kelly: measure(assessment.kelly),
        shortfall_per_unit: measure(assessment.shortfall_per_unit),
        participation: measure(assessment.participation),
        resilience_secs: measure(assessment.resilience_secs),
    }
}

fn round_trip(look: &Look<'_>) -> RoundTripView {
    match look.assessment.cost {
        Ok(cost) => {
            let parts = [cost.spread_bps, cost.slippage_bps, cost.fee_bps, cost.latency_bps];
            RoundTripView { value: Some(cost_view(parts, cost.total_bps())), reason: None }
        }
        Err(absent) => RoundTripView { value: None, reason: Some(absent.as_str()) },
    }
}

/// Spread, slippage, fee and latency.
const fn cost_view([spread, slippage, fee, latency]: [f64; 4], total: f64) -> CostView {
    CostView {
        spread: Number(spread),
        slippage: Number(slippage),
        fee: Number(fee),
        latency: Number(latency),
        total: Number(total),
    }
}

/// The name of one of an order's venues.
fn instrument(order: &Order, venue: usize) -> &str {
    order.venues.get(venue).map_or("", |venue| venue.instrument.as_str())
}
