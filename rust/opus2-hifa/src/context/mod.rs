//! Stage 2: what the circumstances of a market say of a signal.
//!
//! | file | holds |
//! | --- | --- |
//! | `bars` | [`BarSeries`]: an instrument's bars of 1, 5 and 60 s, cut where the market's time says |
//! | `frame` | [`FeatureFrame`]: one feature over 1, 5 and 15 s, standardised, and whether the windows agree |
//! | `slow_volatility` | [`SlowVolatility`]: the volatility of the last half hour |
//! | `state` | [`InstrumentContext`]: the slow estimators of one instrument, wired to its trades and bars |
//! | `outlook` | [`Outlook`], [`Candidate`]: what stage 3 is told |
//! | `multiplier` | [`ContextMultiplier`]: what all of it does to a signal's confidence |
//! | `config` | [`ContextConfig`]: the parameters |
//! | `market` | [`MarketContext`]: all of it for the instruments of one market, and the model's opinion |

mod bars;
mod config;
mod frame;
mod market;
mod multiplier;
mod outlook;
mod slow_volatility;
mod state;

pub use bars::{Bar, BarSeries, BarSpan, SILENT_SECONDS_MAX};
pub use config::{ContextConfig, VpinHorizon};
pub use frame::{
    FeatureFrame, FrameReading, FrameSettings, Moments, WINDOWS_COUNT, WindowReading, mean_agreement,
};
pub use market::{
    AbsorptionFound, CONTEXT_FEATURES, CONTEXT_FEATURES_COUNT, ClosedPair, ClosedSecond, ContextRules,
    FOUND_MAX, FRAMES, Found, InstrumentFacts, InstrumentSecond, MARKET_INSTRUMENTS_MAX, MarketContext,
    Observed, QUIET_SECONDS_MAX, SECOND_NANOS, SavedMarket, SavingMarket, WINDOW_NAMES, feature_names,
};
pub use multiplier::{ContextEvidence, ContextMultiplier, MultiplierSettings};
pub use outlook::{Candidate, INSTRUMENT_NAME_MAX, InstrumentName, Outlook};
pub use slow_volatility::{SLOW_MEMORY, SlowVolatility};
pub use state::{ContextReading, ContextSettings, InstrumentContext, InstrumentScales};
