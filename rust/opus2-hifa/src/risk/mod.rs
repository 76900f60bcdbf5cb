//! Stage 3: what a trade would cost, what could be lost, and how much of it may be done.
//!
//! | module | holds |
//! | --- | --- |
//! | [`walk`] | walking a ladder for a quantity or an amount of money, and what of it survives latency |
//! | [`impact`] | laws of impact, and the cost before trading |
//! | [`spread_decomposition`], [`spread_level`] | effective and realised spread; how unusual the spread is |
//! | [`resilience`] | how fast a book fills up again |
//! | [`tail`] | value at risk and expected shortfall |
//! | [`position`] | what is held, its limits, and how long it takes to get out |
//! | [`kelly`] | Kelly's fraction, capped, of a lower bound of the probability |
//! | [`health_gate`] | what a venue's health allows |
//! | [`kill_switch`] | what stops all new risk |
//! | [`parts`], [`gate`], [`block`] | the risk gate: its five parts, the one that binds, and the hard blocks |
//! | [`limits`], [`amount`] | the parameters of all this |
//! | [`assessment`] | [`Assessment`]: what stage 4 is told |
//! | [`market`] | [`MarketRisk`]: all of it, wired to one market's frames |
//!
//! Whatever is not known counts against trading: a part of the gate that is absent is a hard block.

pub mod amount;
pub mod assessment;
pub mod block;
mod decayed;
pub mod gate;
pub mod health_gate;
pub mod impact;
pub mod kelly;
pub mod kill_switch;
pub mod limits;
pub mod market;
pub mod parts;
pub mod position;
pub mod resilience;
pub mod spread_decomposition;
pub mod spread_level;
pub mod tail;
pub mod walk;

pub use amount::QuoteAmount;
pub use assessment::{ASSESSED_VENUES_MAX, Assessment, PositionSource, RoundTripCost, VenueAllowance};
pub use block::{BlockReason, Blocks};
pub use gate::{BindingConstraint, RiskGate};
pub use health_gate::{HealthCap, HealthGate, HealthLines, peg_factor};
pub use impact::{CostBasis, DeskImpact, DeskOrder, PreTradeCost, SquareRootLaw, pre_trade_cost};
pub use kelly::{Bet, Kelly, KellySettings, lower_probability};
pub use kill_switch::{KillLimits, KillSwitches};
pub use limits::RiskConfig;
pub use market::{InstrumentRisk, MarketRisk, RiskFrame, RiskSettings, SizeBound, Sizing, Taken};
pub use parts::{GateParts, LiquidityLimits, QualityLimits, ShortfallBudget, SlippageLimits, participation};
pub use position::{Exposure, InventoryBound, InventoryBounds, InventoryLimit, InventorySettings, Position};
pub use resilience::{DepletionWatcher, Resilience, ResilienceSettings};
pub use spread_decomposition::{SPREAD_HORIZONS_SECS, SpreadDecomposition, SpreadMemory, TradeSpread};
pub use spread_level::SpreadLevel;
pub use tail::{CornishFisher, ReturnModel, Tail, TailLimits, historical_tail};
pub use walk::{NotionalWalk, Survival, Walk, walk_notional, walk_quantity, walk_surviving};
