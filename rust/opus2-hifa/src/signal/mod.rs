//! Stage 1: what one instrument's order flow says now.
//!
//! | file | holds |
//! | --- | --- |
//! | `state` | [`InstrumentState`]: takes events, feeds the estimators |
//! | `best_quote` | which of quotes and book tops is the one stream that OFI and moves are measured on |
//! | `features` | [`Features`]: the table of what is measured |
//! | `measured` | [`InstrumentState::features`]: how it is measured |
//! | `detection` | [`Detection`]: features beyond their thresholds |
//! | `reading` | [`Reading`]: what stage 2 is told |
//! | `episodes` | [`Episodes`]: the detectors, and who is still to be told what they found |
//! | `trade_flow` | what is measured on trades, and what interrupts it |
//! | `model` | [`SignalModel`]: what was fitted to an instrument's past |
//! | `saved` | [`InstrumentStateV3`], [`InstrumentStateV4`]: what was saved before |
//! | `bar` | [`BarTally`]: what happened in the open bar |

mod bar;
mod best_quote;
mod detection;
mod episodes;
mod features;
mod measured;
mod model;
mod reading;
mod saved;
mod state;
mod trade_flow;

pub use crate::detector::absorption::AbsorbedFlow;
pub use bar::BarTally;
pub use best_quote::{BestQuote, QuoteSource, QuoteUpdate};
pub use detection::{DETECTIONS_MAX, Detection, Detector};
pub use episodes::{Episodes, EpisodesV4};
pub use features::{BarFeatures, Feature, FeatureSpec, Features};
pub use model::SignalModel;
pub use reading::{READING_EVENTS_MAX, Reading, ReadingHead};
pub use saved::{InstrumentStateV3, InstrumentStateV4};
pub use state::{Applied, InstrumentState};
