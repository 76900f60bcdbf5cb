//! Operator 3, `risk`: what stage 2 makes of a market in, what may be done about it out.
//!
//! Every frame goes on to stage 4 with an assessment. Every second's end gives one JSON record of kind `bar`, and a candidate
//! that becomes or stops being active, or whose hard blocks change while it is, one of kind `candidate`; both go to the topic
//! `hifa_stage3_risk` (docs/contracts/risk.md).
//!
//! What is assessed and how is `opus2-hifa`'s; this folder holds state, records and output.

mod emit;
mod tally;

use opus2_hifa::context::Outlook;
use opus2_hifa::risk::{MarketRisk, RiskConfig, RiskFrame, RiskSettings};
use opus2_hifa::signal::ReadingHead;
use opus2_types::{MarketEvent, UnixNanos};
use opus2_wire::ContentHash;
use opus2_wire::frame::{Frame, Section};
use serde::{Deserialize, Serialize};

use crate::create::{take_fees, take_model};
use crate::stage::{Host, MarketStage, Stage};
use crate::{OperatorError, OutputChannel};
use emit::{Kind, Records};
use tally::{Count, Tally};

pub(crate) const NAME: &str = "risk";

/// The operator.
pub(crate) type Risk = Stage<RiskMarket>;

/// What the configuration says, and what records say of it.
pub(crate) struct Settings {
    risk: RiskSettings,
    model_name: String,
    model_hash: ContentHash,
    is_proven: bool,
    fees_as_of: String,
}

/// Stage 3 from its table, with the model and the fees in it.
pub(crate) fn new(mut config: toml::Table) -> Result<Risk, OperatorError> {
    let wrong = |reason: String| OperatorError::Config { operator: NAME, reason };
    let (model, model_hash) = take_model(NAME, &mut config)?;
    let fees = take_fees(NAME, &mut config)?;
    let config = RiskConfig::deserialize(config).map_err(|error| wrong(error.to_string()))?;
    let risk = RiskSettings::new(&config, &model, &fees).map_err(|error| wrong(error.to_string()))?;
    let is_proven = model.is_proven();
    let settings = Settings { risk, model_name: model.name, model_hash, is_proven, fees_as_of: fees.as_of };
    Ok(Stage::new(settings, Tally::new()))
}

/// One market.
pub(crate) struct RiskMarket {
    risk: MarketRisk,
    records: Records,
    /// The model may trade here.
    may_trade: bool,
}

/// What is saved of a market.
#[derive(Deserialize)]
pub(crate) struct Saved {
    risk: MarketRisk,
    records: Records,
}

/// As [`Saved`], borrowed.
#[derive(Serialize)]
pub(crate) struct Saving<'a> {
    risk: &'a MarketRisk,
    records: &'a Records,
}

impl MarketStage for RiskMarket {
    const NAME: &'static str = NAME;
    const MAGIC: [u8; 4] = *b"ORSK";
    const VERSION: u16 = 1;
    type Settings = Settings;
    type Tally = Tally;
    type Saving<'a> = Saving<'a>;
    type Saved = Saved;

    fn new(market: &str, settings: &Settings) -> Self {
        Self {
            risk: MarketRisk::default(),
            records: Records::default(),
            may_trade: settings.risk.may_trade(market),
        }
    }

    fn process(
        &mut self,
        frame: &Frame<'_>,
        event: Option<&MarketEvent<'_>>,
        host: &mut Host<'_, Self>,
    ) -> Result<(), OperatorError> {
        let reading = Host::<Self>::head::<ReadingHead>(frame, Section::Signal)?;
        let outlook = Host::<Self>::section::<Outlook>(frame, Section::Context)?;
        if outlook.is_none() {
            host.tally.add(Count::WithoutContext);
        }
        let time = event.map_or(self.risk.now(), |event| event.recv_ts.0);
        let outlook = outlook.unwrap_or(Outlook::unknown(time));
        host.tally.add(Count::Frames);
        host.tally.add(if event.is_some() { Count::Events } else { Count::SecondEnds });
        if event.is_some() && reading.is_none() {
            host.tally.add(Count::WithoutSignal);
        }
        let risk_frame =
            RiskFrame { event: event.zip(reading), outlook: &outlook, may_trade: self.may_trade };
        let taken = self.risk.take(&risk_frame, &host.settings.risk);
        host.tally.taken(taken);
        let Some(assessment) = self.risk.assessment() else { return Ok(()) };
        host.tally.gate(&assessment.gate);
        let (is_bar, time) = match event {
            Some(event) => (false, event.recv_ts),
            None => (outlook.bar_end.is_some(), UnixNanos(outlook.bar_end.unwrap_or(outlook.now))),
        };
        host.forward(frame, Section::Risk, assessment, time)?;
        let kind = if is_bar { Some(Kind::Bar) } else { self.records.candidate(&self.risk, host.tally) };
        if let Some(kind) = kind {
            host.tally.add(match kind {
                Kind::Bar => Count::Bars,
                Kind::Candidate => Count::Candidates,
            });
            let id = self.records.next(host.market, self.risk.now());
            let (risk, settings) = (&self.risk, host.settings);
            host.publish(OutputChannel::Risk, UnixNanos(id.recv_ts), |bytes| {
                emit::write(id, kind, event.map(|event| event.id), risk, settings, bytes);
            });
        }
        Ok(())
    }

    fn to_saved(&self) -> Saving<'_> {
        Saving { risk: &self.risk, records: &self.records }
    }

    fn from_saved(market: &str, saved: Saved, settings: &Settings) -> Option<Self> {
        let Saved { mut risk, records } = saved;
        let is_sound = risk.restore(&settings.risk);
        is_sound.then(|| Self { risk, records, may_trade: settings.risk.may_trade(market) })
    }

    fn visit_counters(tally: &Tally, visit: &mut dyn FnMut(&'static str, u64)) {
        tally.visit(visit);
    }
}
