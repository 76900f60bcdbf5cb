//! Frames as the stages before `execution` would write them, made by hand.

use opus2_hifa::context::{Candidate, InstrumentName, Outlook};
use opus2_hifa::decision::combine::FEATURES_MAX;
use opus2_hifa::decision::model::{Model, Payoff, Validation};
use opus2_hifa::risk::{
    ASSESSED_VENUES_MAX, Assessment, Blocks, GateParts, PositionSource, RiskGate, RoundTripCost,
    VenueAllowance,
};
use opus2_hifa::{Absent, Direction};
use opus2_operators::{Entry, Operator, Output, OutputChannel, create, with_model};
use opus2_types::{
    BookView, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, SeqRange, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;
use opus2_wire::frame::{Section, append_bytes, append_section, begin_frame};

pub(crate) const MARKET: &str = "BTC/USD*";
pub(crate) const MILLI: i64 = 1_000_000;
pub(crate) const VENUES: [(Venue, &str); 3] =
    [(Venue::Binance, "BTCUSDT"), (Venue::Coinbase, "BTC-USD"), (Venue::Kraken, "BTC/USD")];

/// A model that may trade, whose trades are worth their cost.
pub(crate) fn model() -> Model {
    let mut model = Model::unfitted();
    model.payoff = Payoff { gain_bps: 60.0, loss_bps: 20.0 };
    model.validation = Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 3, n_eff: 900.0 });
    model
}

/// The operator under `text`, with [`model`].
pub(crate) fn operator(text: &str) -> Box<dyn Operator> {
    create("execution", &with_model(text, &serde_json::to_string(&model()).unwrap())).unwrap()
}

pub(crate) fn assessment() -> Assessment {
    let parts = GateParts {
        es_headroom: Ok(1.0),
        liquidity: Ok(0.9),
        health: Ok(1.0),
        quality: Ok(1.0),
        slippage: Ok(1.0),
    };
    let mut venues = [None; ASSESSED_VENUES_MAX];
    for (slot, (venue, symbol)) in venues.iter_mut().zip(VENUES) {
        let instrument = InstrumentName::from(&format!("{venue}:{symbol}")).unwrap();
        let quality = Ok(99.0);
        *slot =
            Some(VenueAllowance { instrument, share: 1.0, health: 100.0, quality, latency_secs: Ok(0.02) });
    }
    Assessment {
        direction: Some(Direction::Up),
        gate: RiskGate::of(parts, Blocks::NONE),
        qty_scale: 5,
        qty: 10_000,
        held_qty: 0,
        position_source: PositionSource::AssumedFlat,
        equity_micros: 100_000_000_000,
        cost: Ok(RoundTripCost { spread_bps: 1.0, slippage_bps: 1.0, fee_bps: 5.0, latency_bps: 0.5 }),
        net_gain_bps: Ok(52.5),
        edge_bps: Ok(9.0),
        p_lower: Ok(0.6),
        kelly: Ok(0.1),
        shortfall_per_unit: Ok(100.0),
        participation: Ok(0.01),
        resilience_secs: Err(Absent::Cold),
        sqrt_law_bps: Ok(3.0),
        must_leave: false,
        venues,
    }
}

pub(crate) fn outlook(now: i64, p_up: Option<f64>) -> Outlook {
    let mut outlook = Outlook::unknown(now);
    (outlook.volatility, outlook.multiplier) = (Ok(1e-4), 1.25);
    outlook.candidate = p_up.map(|p_up| {
        let mut values = [Err(Absent::Cold); FEATURES_MAX];
        (values[0], values[1], values[2]) = (Ok(0.5), Ok(-0.25), Ok(3.0));
        Candidate {
            instrument: InstrumentName::from("binance:BTCUSDT").unwrap(),
            mid: 60_000.005,
            half_spread_bps: 0.001,
            logit: 0.75,
            p_raw: p_up,
            p_up,
            score: 2.0 * p_up - 1.0,
            missing: 0b1000,
            features_count: 4,
            values,
        }
    });
    outlook
}

/// Twenty levels of each side around a best bid, a tick apart.
pub(crate) fn book(bid: i64, qty: i64) -> EventBody {
    let side = |sign: i64, best: i64| (0..20).map(move |rank| Level::new(best + sign * rank, qty + rank));
    EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1)))
}

/// Event `number` of one of [`VENUES`], encoded.
pub(crate) fn event(number: u64, now: i64, venue: usize, body: &EventBody) -> Vec<u8> {
    let (venue, symbol) = VENUES[venue];
    let event = MarketEvent {
        id: &format!("{venue}:{symbol}:18c2f0a1b2c3-0-1:{number}"),
        venue,
        symbol,
        price_scale: 2,
        qty_scale: 5,
        tick: Price(1),
        lot: Qty(1),
        exch_ts: Some(UnixNanos(now - 5 * MILLI)),
        recv_ts: UnixNanos(now),
        seq: SeqRange { first: number, last: number },
        flags: QualityFlags::default(),
        body: *body,
    };
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes).unwrap();
    bytes
}

pub(crate) fn frame(event: Option<&[u8]>, outlook: &Outlook, assessment: &Assessment) -> Vec<u8> {
    let mut bytes = Vec::new();
    begin_frame(&mut bytes);
    if let Some(event) = event {
        append_bytes(Section::Event, event, &mut bytes).unwrap();
    }
    append_section(Section::Context, outlook, &mut bytes).unwrap();
    append_section(Section::Risk, assessment, &mut bytes).unwrap();
    bytes
}

/// The records of one call; the operator gives nothing else.
pub(crate) fn records(out: &Output) -> Vec<String> {
    out.entries()
        .map(|entry| match entry {
            Entry::Record { channel: OutputChannel::Decisions, key: MARKET, payload, .. } => {
                String::from_utf8(payload.to_vec()).unwrap()
            }
            other => panic!("{other:?}"),
        })
        .collect()
}
