//! Stage 2: what the circumstances of one venue say of a signal.
//!
//! | file | holds |
//! | --- | --- |
//! | `bars` | [`BarSeries`]: an instrument's bars of 1, 5 and 60 s, cut where the market's time says |
//! | `frame` | [`FeatureFrame`]: one feature over 1, 5 and 15 s, standardised, and whether the windows agree |
//! | `slow_volatility` | [`SlowVolatility`]: the volatility of the last half hour |
//! | `state` | [`InstrumentContext`]: the slow estimators of one instrument, wired to its trades and bars |
//! | `outlook` | [`Outlook`], [`Candidate`]: what stage 3 is told |
//! | `multiplier` | [`ContextMultiplier`]: what all of it does to a signal's confidence |

mod bars;
mod frame;
mod multiplier;
mod outlook;
mod slow_volatility;
mod state;

pub use bars::{Bar, BarSeries, BarSpan, SILENT_SECONDS_MAX};
pub use frame::{
    FeatureFrame, FrameReading, FrameSettings, Moments, WINDOWS_COUNT, WindowReading, mean_agreement,
};
pub use multiplier::{ContextEvidence, ContextMultiplier, MultiplierSettings};
pub use outlook::{Candidate, INSTRUMENT_NAME_MAX, InstrumentName, Outlook};
pub use slow_volatility::{SLOW_MEMORY, SlowVolatility};
pub use state::{ContextReading, ContextSettings, InstrumentContext, InstrumentScales};
