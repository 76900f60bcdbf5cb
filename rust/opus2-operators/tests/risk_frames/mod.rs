//! Frames as stage 2 would write them, made by hand: stage 1 is the real one, stage 2 says what it is told to.

use opus2_hifa::context::{Candidate, InstrumentName, Outlook};
use opus2_hifa::decision::combine::FEATURES_MAX;
use opus2_hifa::decision::model::{Model, Payoff, Validation};
use opus2_hifa::signal::{InstrumentState, Reading};
use opus2_hifa::{Absent, SignalConfig};
use opus2_operators::{Entry, Operator, Output, OutputChannel, create, with_model};
use opus2_types::{
    BookView, EventBody, Level, MarketEvent, Price, Qty, QualityEvent, QualityFlags, SeqRange, UnixNanos,
    Venue,
};
use opus2_wire::event::encode_event;
use opus2_wire::frame::{Section, append_bytes, append_section, begin_frame};
use opus2_wire::model::write_model;

pub(crate) const MARKET: &str = "BTC/USD*";
/// 2024-08-09 00:00:00 UTC.
pub(crate) const START: i64 = 1_723_161_600_000_000_000;
pub(crate) const MILLI: i64 = 1_000_000;
pub(crate) const SECOND: i64 = 1_000 * MILLI;

/// The stages before, and the time.
pub(crate) struct Source {
    stages: Vec<(Venue, InstrumentState)>,
    pub(crate) outlook: Outlook,
    pub(crate) at: i64,
    /// How much later than the venue's own time an event is received, ns.
    pub(crate) latency_ns: i64,
    number: u64,
}

impl Source {
    pub(crate) fn new() -> Self {
        let outlook = Outlook { volatility: Ok(1e-4), volume_rate: Ok(5.0), ..Outlook::unknown(START) };
        Self { stages: Vec::new(), outlook, at: START, latency_ns: 5 * MILLI, number: 0 }
    }

    /// What the model says from now on.
    pub(crate) fn expect(&mut self, p_up: Option<f64>) {
        self.outlook.candidate = p_up.map(|p_up| Candidate {
            instrument: InstrumentName::from("binance:BTCUSD").unwrap(),
            mid: 60_000.0,
            half_spread_bps: 0.1,
            logit: 0.0,
            p_raw: p_up,
            p_up,
            score: 2.0 * p_up - 1.0,
            missing: 0,
            features_count: 0,
            values: [Err(Absent::Cold); FEATURES_MAX],
        });
    }

    /// The frame of an event.
    pub(crate) fn frame(&mut self, venue: Venue, body: &EventBody, flags: QualityFlags) -> Vec<u8> {
        self.number += 1;
        let event = MarketEvent {
            id: &format!("{venue}:BTCUSD:c:{}", self.number),
            venue,
            symbol: "BTCUSD",
            price_scale: 2,
            qty_scale: 4,
            tick: Price(1),
            lot: Qty(10),
            exch_ts: Some(UnixNanos(self.at - self.latency_ns)),
            recv_ts: UnixNanos(self.at),
            seq: SeqRange { first: self.number, last: self.number },
            flags,
            body: *body,
        };
        let place = self.stages.iter().position(|(known, _)| *known == venue).unwrap_or_else(|| {
            self.stages.push((venue, InstrumentState::new(venue, 2, 4)));
            self.stages.len() - 1
        });
        let state = &mut self.stages[place].1;
        let applied = state.apply(&event, true, &SignalConfig::default());
        let reading = Reading::new(state, None, std::iter::empty(), applied.is_reset);
        self.outlook.now = self.outlook.now.max(self.at);
        let (mut bytes, mut encoded) = (Vec::new(), Vec::new());
        encode_event(&event, &mut encoded).unwrap();
        begin_frame(&mut bytes);
        append_bytes(Section::Event, &encoded, &mut bytes).unwrap();
        append_section(Section::Signal, &reading, &mut bytes).unwrap();
        append_section(Section::Context, &self.outlook, &mut bytes).unwrap();
        bytes
    }

    /// The frame that ends a second now.
    pub(crate) fn second_end(&mut self) -> Vec<u8> {
        let outlook = Outlook { now: self.at, bar_end: Some(self.at), ..self.outlook };
        let mut bytes = Vec::new();
        begin_frame(&mut bytes);
        append_section(Section::Context, &outlook, &mut bytes).unwrap();
        bytes
    }

    /// A good score for each venue, then ten books a second of each with `qty` at every level, and the seconds' ends.
    pub(crate) fn warm(&mut self, venues: &[Venue], secs: i64) -> Vec<Vec<u8>> {
        let none = QualityFlags::default();
        let score = EventBody::Quality(QualityEvent { score_thousandths: 97_000, is_fenced: false });
        let mut frames: Vec<_> = venues.iter().map(|venue| self.frame(*venue, &score, none)).collect();
        for _ in 0..secs {
            for _ in 0..10 {
                self.at += SECOND / 10;
                frames.extend(venues.iter().map(|venue| self.frame(*venue, &book(6_000_000, 20_000), none)));
            }
            frames.push(self.second_end());
        }
        frames
    }
}

/// A book of twenty levels a side with `qty` at each, one quote unit apart.
pub(crate) fn book(bid: i64, qty: i64) -> EventBody {
    let side = |sign: i64, best: i64| (0..20).map(move |rank| Level::new(best + sign * 100 * rank, qty));
    EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1)))
}

/// A model that has shown that it can forecast, and whose right trades gain 120 bp.
pub(crate) fn proven() -> Model {
    Model {
        name: "proven".to_owned(),
        payoff: Payoff { gain_bps: 120.0, loss_bps: 60.0 },
        validation: Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 5, n_eff: 10_000.0 }),
        ..Model::unfitted()
    }
}

/// The operator with a model and a `[risk]` table.
pub(crate) fn operator(model: &Model, config: &str) -> Box<dyn Operator> {
    create("risk", &with_model(config, &write_model(model).unwrap())).unwrap()
}

/// Gives a frame to the operator: the record of JSON, if there is one, and the bytes of the frame for stage 4.
pub(crate) fn give(operator: &mut dyn Operator, frame: &[u8], out: &mut Output) -> (Option<String>, Vec<u8>) {
    out.clear();
    operator.process(MARKET, frame, out).unwrap();
    let (mut record, mut next) = (None, Vec::new());
    for entry in out.entries() {
        match entry {
            Entry::Record { channel: OutputChannel::Main, payload, .. } => next = payload.to_vec(),
            Entry::Record { channel, key, event_time, payload } => {
                assert_eq!((channel, key), (OutputChannel::Risk, MARKET));
                let json: serde_json::Value = serde_json::from_slice(payload).unwrap();
                assert_eq!(json["recv_ts"], event_time.0);
                assert!(record.replace(String::from_utf8(payload.to_vec()).unwrap()).is_none());
            }
            Entry::Timer(_) => panic!("stage 3 asks for no timers"),
        }
    }
    (record, next)
}
