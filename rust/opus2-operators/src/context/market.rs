//! One market in stage 2: frames and timers around [`MarketContext`].

use opus2_hifa::context::{ClosedSecond, MarketContext, SavedMarket, SavingMarket};
use opus2_hifa::signal::Reading;
use opus2_types::{MarketEvent, UnixNanos};
use opus2_wire::frame::{FRAME_VERSION, Frame, Section};

use super::tally::Tally;
use super::view::write_second;
use super::{NAME, Settings};
use crate::stage::{Host, MarketStage};
use crate::{OperatorError, OutputChannel};

#[derive(Debug)]
pub(crate) struct Market {
    context: MarketContext,
    /// Memory for the account of a second; nothing of it is state.
    second: ClosedSecond,
}

impl MarketStage for Market {
    const NAME: &'static str = NAME;
    const MAGIC: [u8; 4] = *b"OCTX";
    const VERSION: u16 = 1;
    type Settings = Settings;
    type Tally = Tally;
    type Saving<'a> = SavingMarket<'a>;
    type Saved = SavedMarket;

    fn new(market: &str, settings: &Settings) -> Self {
        Self::of(MarketContext::new(market, &settings.rules))
    }

    fn process(
        &mut self,
        frame: &Frame<'_>,
        event: Option<&MarketEvent<'_>>,
        host: &mut Host<'_, Self>,
    ) -> Result<(), OperatorError> {
        let timer_before = self.context.next_end();
        let mut time = self.context.time();
        if let Some(event) = event {
            time = event.recv_ts.0;
            // Everything up to just before it: an event at the very end still belongs to the second.
            self.close_until(time.saturating_sub(1), host)?;
            if let Some(reading) = Host::<Self>::section::<Reading>(frame, Section::Signal)? {
                let observed = self.context.observe(event, &reading, &host.settings.rules);
                host.tally.observed(observed);
            }
        }
        self.set_timer(timer_before, host);
        let outlook = self.context.outlook(time, None, &host.settings.rules);
        host.forward(frame, Section::Context, &outlook, UnixNanos(time))
    }

    fn on_timer(&mut self, time: UnixNanos, host: &mut Host<'_, Self>) -> Result<bool, OperatorError> {
        let timer_before = self.context.next_end();
        self.close_until(time.0, host)?;
        let timer = self.set_timer(timer_before, host);
        Ok(timer != timer_before)
    }

    fn to_saved(&self) -> SavingMarket<'_> {
        self.context.to_saved()
    }

    fn from_saved(market: &str, saved: SavedMarket, settings: &Settings) -> Option<Self> {
        MarketContext::from_saved(market, saved, &settings.rules).map(Self::of)
    }

    fn visit_counters(tally: &Tally, visit: &mut dyn FnMut(&'static str, u64)) {
        tally.visit(visit);
    }
}

impl Market {
    fn of(context: MarketContext) -> Self {
        Self { context, second: ClosedSecond::default() }
    }

    /// Publishes every second that ends at `time` or before: first its record, then a frame without an event.
    fn close_until(&mut self, time: i64, host: &mut Host<'_, Self>) -> Result<(), OperatorError> {
        while self.context.close_due(time, &host.settings.rules, &mut self.second) {
            host.tally.closed(&self.second);
            let (market, settings, context, second) =
                (host.market, host.settings, &self.context, &self.second);
            let end = UnixNanos(second.end);
            host.publish(OutputChannel::Context, end, |bytes| {
                write_second(market, context, second, settings, bytes);
            });
            let empty = Frame::decode(&[FRAME_VERSION])
                .map_err(|source| OperatorError::Input { operator: NAME, source })?;
            let outlook = self.context.outlook(end.0, Some(end.0), &settings.rules);
            host.forward(&empty, Section::Context, &outlook, end)?;
        }
        Ok(())
    }

    /// Asks to be woken at the end of the open second, when that is another one than `before`.
    fn set_timer(&self, before: Option<i64>, host: &mut Host<'_, Self>) -> Option<i64> {
        let next = self.context.next_end();
        if let Some(end) = next.filter(|_| next != before) {
            host.out.timer(UnixNanos(end));
        }
        next
    }
}
