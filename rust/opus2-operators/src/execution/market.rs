//! One market: its decisions and the chain of their records.

use opus2_hifa::context::Outlook;
use opus2_hifa::execution::market::{Look, MarketExecution};
use opus2_hifa::execution::plan::Planner;
use opus2_hifa::risk::Assessment;
use opus2_types::{MarketEvent, UnixNanos, VIEW_LEVELS};
use opus2_wire::WireError;
use opus2_wire::audit::AuditChain;
use opus2_wire::frame::{Frame, Section};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::NAME;
use super::emit::write_verdict;
use super::settings::Settings;
use super::tally::Tally;
use crate::stage::{Host, MarketStage};
use crate::{OperatorError, OutputChannel};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Market {
    execution: MarketExecution,
    chain: AuditChain,
    /// Memory for orders; nothing of it is state.
    planner: Planner,
}

/// What is saved of a market.
#[derive(Serialize)]
pub(super) struct Saving<'a> {
    execution: &'a MarketExecution,
    chain: AuditChain,
}

/// What is loaded of a market: as [`Saving`], owned.
#[derive(Deserialize)]
pub(super) struct Saved {
    execution: MarketExecution,
    chain: AuditChain,
}

impl MarketStage for Market {
    const NAME: &'static str = NAME;
    const MAGIC: [u8; 4] = *b"OEXE";
    const VERSION: u16 = 1;
    type Settings = Settings;
    type Tally = Tally;
    type Saving<'a> = Saving<'a>;
    type Saved = Saved;

    fn new(_: &str, _: &Settings) -> Self {
        let planner = Planner::new(VIEW_LEVELS);
        Self { execution: MarketExecution::default(), chain: AuditChain::default(), planner }
    }

    fn process(
        &mut self,
        frame: &Frame<'_>,
        event: Option<&MarketEvent<'_>>,
        host: &mut Host<'_, Self>,
    ) -> Result<(), OperatorError> {
        let outlook: Outlook = required(frame, Section::Context)?;
        let assessment: Assessment = required(frame, Section::Risk)?;
        let look = Look { market: host.market, event, outlook: &outlook, assessment: &assessment };
        host.tally.frame(&look);
        let Some(verdict) = self.execution.step(&look, &mut self.planner, &host.settings.terms) else {
            return Ok(());
        };
        host.tally.verdict(&verdict);
        let mut chain = self.chain;
        let write = |bytes: &mut Vec<u8>| {
            let start = bytes.len();
            write_verdict(&verdict, &look, &self.execution, host.settings, bytes);
            chain.seal_from(bytes, start)
        };
        host.out
            .record(OutputChannel::Decisions, host.market, UnixNanos(outlook.now), write)
            .map_err(|source| OperatorError::Write { operator: NAME, source })?;
        self.chain = chain;
        Ok(())
    }

    fn to_saved(&self) -> Saving<'_> {
        Saving { execution: &self.execution, chain: self.chain }
    }

    fn from_saved(market: &str, saved: Saved, settings: &Settings) -> Option<Self> {
        let Saved { execution, chain } = saved;
        execution.is_consistent().then(|| Self { execution, chain, ..Self::new(market, settings) })
    }

    fn visit_counters(tally: &Tally, visit: &mut dyn FnMut(&'static str, u64)) {
        tally.visit(visit);
    }
}

/// A section that every frame has by now.
fn required<T: DeserializeOwned>(frame: &Frame<'_>, section: Section) -> Result<T, OperatorError> {
    Host::<Market>::section(frame, section)?.ok_or_else(|| {
        let reason = format!("no section {section:?}; is an operator missing before {NAME:?}?");
        let source = WireError::Invalid { what: "frame between stages", reason };
        OperatorError::Input { operator: NAME, source }
    })
}
