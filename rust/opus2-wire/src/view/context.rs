//! Stage 2 as published on `hifa_stage2_context`. Contract: docs/contracts/context.md.
//!
//! One record a market and second, so it is written by `serde_json` from values that borrow everything, field by field
//! in the order of their declaration. A number that is not known is an object with a reason, never zero.

use serde::{Serialize, Serializer};

use super::json::write_json;
use super::value::{DecimalView, FactView, MeasureView, NameView};
use crate::ContentHash;

/// The items of an iterator as a list.
struct Listed<I>(I);

impl<I> Serialize for Listed<I>
where
    I: Iterator<Item: Serialize> + Clone,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// Pairs of a name and a value as an object, in their order.
struct Named<I>(I);

impl<I, K, V> Serialize for Named<I>
where
    I: Iterator<Item = (K, V)> + Clone,
    K: Serialize,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// The model that the candidate is of.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ModelView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The hash of all of it.
    pub hash: ContentHash,
}

/// A feature over one window.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WindowView {
    /// Its value.
    pub value: MeasureView,
    /// The same in standard deviations from its mean.
    pub z: MeasureView,
}

/// A feature over its windows.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FrameView {
    /// One second.
    #[serde(rename = "1s")]
    pub one: WindowView,
    /// Five seconds.
    #[serde(rename = "5s")]
    pub five: WindowView,
    /// Fifteen seconds.
    #[serde(rename = "15s")]
    pub fifteen: WindowView,
    /// How far the windows agree, -1 to 1.
    pub agreement: MeasureView,
}

/// One instrument.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct InstrumentView<'a> {
    /// Its name.
    pub instrument: NameView<'a>,
    /// The state of its book.
    pub state: &'static str,
    /// It is kept from signals.
    pub fenced: bool,
    /// The mid in force.
    pub mid: Option<DecimalView>,
    /// Bought less sold in the second, base units.
    pub signed_volume: DecimalView,
    /// Traded in the second, base units.
    pub volume: DecimalView,
    /// Traded in the second, quote units.
    pub notional: DecimalView,
    /// Trades in the second.
    pub trades: u64,
    /// Data was lost in the second: the sums are lower bounds.
    pub broken: bool,
    /// VPIN.
    pub vpin: MeasureView,
    /// Its place in its own history.
    pub vpin_percentile: MeasureView,
    /// Kyle's lambda, quote units per base unit.
    pub lambda: MeasureView,
    /// The same in basis points per 100 000 quote units.
    pub lambda_bps_per_100k: MeasureView,
    /// What it explains.
    pub lambda_r2: MeasureView,
    /// Amihud's illiquidity per million quote units.
    pub amihud_per_million: MeasureView,
    /// Realised variance of a quarter of an hour.
    pub realised_variance: MeasureView,
    /// The part of it without jumps.
    pub bipower_variation: MeasureView,
    /// The share of jumps.
    pub relative_jump: MeasureView,
    /// The same in its standard errors.
    pub jump_z: MeasureView,
    /// Whether there was one.
    pub jump: FactView,
    /// Log return per square root of a second, fast.
    pub volatility: MeasureView,
    /// The same, slow.
    pub volatility_slow: MeasureView,
    /// Volume per second over the last hour, base units.
    pub volume_rate: MeasureView,
    /// Median of receive time less the venue's time, ms.
    pub feed_latency_ms: MeasureView,
}

/// Lead and lag by the Hoffmann-Rosenbaum-Yoshida contrast.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LeadLagView {
    /// The lag, ms; positive where the primary leads.
    pub theta_ms: MeasureView,
    /// The correlation there.
    pub correlation: MeasureView,
    /// Lead-lag ratio: above 1 the primary leads.
    pub llr: MeasureView,
    /// Chance would not give it.
    pub significant: FactView,
    /// When the mids were taken, ns.
    pub as_of: Option<i64>,
    /// How finely times are told apart, ms.
    pub resolution_ms: Option<u32>,
}

/// The best lag of binned returns.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LaggedView {
    /// Width of the bins, ms.
    pub bin_ms: u32,
    /// The lag, ms; positive where the primary leads.
    pub lag_ms: MeasureView,
    /// The correlation there.
    pub correlation: MeasureView,
    /// Its standard error.
    pub standard_error: MeasureView,
    /// It may be acted upon.
    pub significant: FactView,
}

/// The primary's shares of price discovery.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DiscoveryView {
    /// Component share.
    pub component: MeasureView,
    /// Information share, middle of its bounds.
    pub information: MeasureView,
    /// The one bound.
    pub information_lower: MeasureView,
    /// The other.
    pub information_upper: MeasureView,
    /// Information leadership share.
    pub leadership: MeasureView,
    /// The bounds are near enough to say something.
    pub determined: FactView,
    /// How surely the prices are tied to each other, standard errors.
    pub pull_errors: MeasureView,
}

/// How an instrument goes with the primary one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PairView<'a> {
    /// The other instrument.
    pub instrument: NameView<'a>,
    /// Hayashi-Yoshida correlation of their mids.
    pub correlation: MeasureView,
    /// How finely they were sampled, ms.
    pub correlation_resolution_ms: Option<u32>,
    /// Lead and lag.
    pub lead_lag: LeadLagView,
    /// The same on bins of 10, 50 and 100 ms.
    pub lagged: [LaggedView; 3],
    /// Price discovery.
    pub price_discovery: DiscoveryView,
    /// By how much later the other's events come, ms, as medians.
    pub feed_latency_ms_difference: MeasureView,
}

/// Something that was detected. A direction is `up` or `down`, a side `bid` or `ask`.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the contract page says what the fields are")]
pub enum DetectionView<'a> {
    /// One aggressor walked through several prices.
    Sweep {
        instrument: NameView<'a>,
        direction: &'static str,
        levels: u32,
        volume: DecimalView,
        vwap: MeasureView,
        span: DecimalView,
        depth_ratio: MeasureView,
        since: i64,
        until: i64,
    },
    /// One side was swept on several venues at once.
    CrossVenueSweep {
        direction: &'static str,
        venues: u32,
        leader: &'static str,
        received: i64,
        volume: MeasureView,
    },
    /// A level is refilled as an iceberg would be.
    Refill {
        instrument: NameView<'a>,
        direction: &'static str,
        price: DecimalView,
        refills: u32,
        refilled: DecimalView,
        traded: DecimalView,
        peak_cv: MeasureView,
        refill_share: MeasureView,
        feed: &'static str,
    },
    /// An order holds, or held, more than it shows.
    Iceberg {
        instrument: NameView<'a>,
        direction: &'static str,
        price: DecimalView,
        refills: u32,
        peak: DecimalView,
        executed: DecimalView,
        feed: &'static str,
    },
    /// A wall has ended.
    WallEnded {
        instrument: NameView<'a>,
        side: &'static str,
        price: DecimalView,
        end: &'static str,
        peak: DecimalView,
        executed: DecimalView,
        cancelled: DecimalView,
        refilled: DecimalView,
        life_secs: MeasureView,
        pull_ratio: MeasureView,
        spoof_likeness: MeasureView,
    },
    /// Levels were laid on one side and pulled while the other traded.
    Layering {
        instrument: NameView<'a>,
        side: &'static str,
        levels: u32,
        pull_ratio: MeasureView,
        opposite_share: MeasureView,
        score: MeasureView,
        since: i64,
        until: i64,
    },
    /// Much was taken, and the price stood.
    Absorption {
        instrument: NameView<'a>,
        direction: &'static str,
        volume: MeasureView,
        expected_move: MeasureView,
        resistance: MeasureView,
        replenishment: MeasureView,
        score: MeasureView,
    },
}

/// The parts of the multiplier.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MultiplierPartsView {
    /// What agreement adds.
    pub agreement: MeasureView,
    /// What a leading venue adds.
    pub lead: MeasureView,
    /// What toxic flow takes away.
    pub toxicity: MeasureView,
    /// What a jump takes away.
    pub jump: MeasureView,
}

/// The context multiplier.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MultiplierView {
    /// The multiplier.
    pub value: f64,
    /// Before its limits.
    pub unclamped: f64,
    /// A limit held it.
    pub clamped: bool,
    /// The direction it was weighed against.
    pub direction: Option<&'static str>,
    /// What it is made of.
    pub parts: MultiplierPartsView,
}

/// What the model says, beside the names of the features that are missing.
#[derive(Debug, Clone, Copy)]
pub struct CandidateView<'a> {
    /// The instrument whose mid is predicted, as the stages after this one know it.
    pub instrument: &'a str,
    /// Its mid, quote units.
    pub mid: f64,
    /// Half its spread, basis points.
    pub half_spread_bps: f64,
    /// The logit before the multiplier.
    pub logit: f64,
    /// Probability of an upward move before calibration.
    pub p_raw: f64,
    /// The same, calibrated.
    pub p_up: f64,
    /// `2 p_up - 1`.
    pub score: f64,
}

/// What is one of a kind in a record.
#[derive(Debug, Clone, Copy)]
pub struct ContextView<'a> {
    /// The market.
    pub market: &'a str,
    /// The beginning of the second, ns.
    pub bar_start: i64,
    /// Its end, ns.
    pub bar_end: i64,
    /// The model.
    pub model: ModelView<'a>,
    /// The primary instrument.
    pub primary: Option<NameView<'a>>,
    /// The instrument whose lead is followed.
    pub leader: Option<NameView<'a>>,
    /// Volume of all instruments per second over the last hour, base units.
    pub volume_rate: MeasureView,
    /// How many detections there was no room for.
    pub detections_dropped: u32,
    /// The context multiplier.
    pub multiplier: MultiplierView,
    /// What the model says.
    pub candidate: Option<CandidateView<'a>>,
}

/// The lists of a record.
#[derive(Debug, Clone, Copy)]
pub struct ContextLists<W, F, I, P, D, M> {
    /// Name and frame of every feature with windows.
    pub windows: W,
    /// Name and value of every feature of stage 2.
    pub features: F,
    /// Every instrument.
    pub instruments: I,
    /// Every instrument but the primary one.
    pub pairs: P,
    /// What was detected.
    pub detections: D,
    /// The names of the model's features that are missing.
    pub missing: M,
}

/// Appends one record.
pub fn write_context<'a, W, F, I, P, D, M>(
    view: &ContextView<'a>,
    lists: ContextLists<W, F, I, P, D, M>,
    bytes: &mut Vec<u8>,
) where
    W: Iterator<Item = (&'static str, FrameView)> + Clone,
    F: Iterator<Item = (&'static str, MeasureView)> + Clone,
    I: Iterator<Item = InstrumentView<'a>> + Clone,
    P: Iterator<Item = PairView<'a>> + Clone,
    D: Iterator<Item = DetectionView<'a>> + Clone,
    M: Iterator<Item = &'a str> + Clone,
{
    let record = Record {
        id: Id { market: view.market, bar_end: view.bar_end },
        kind: "context",
        market: view.market,
        recv_ts: view.bar_end,
        bar_start: view.bar_start,
        bar_end: view.bar_end,
        model: view.model,
        primary: view.primary,
        leader: view.leader,
        volume_rate: view.volume_rate,
        windows: Named(lists.windows),
        features: Named(lists.features),
        instruments: Listed(lists.instruments),
        pairs: Listed(lists.pairs),
        detections: Listed(lists.detections),
        detections_dropped: view.detections_dropped,
        multiplier: view.multiplier,
        candidate: view.candidate.map(|found| Candidate {
            instrument: found.instrument,
            mid: found.mid,
            half_spread_bps: found.half_spread_bps,
            logit: found.logit,
            p_raw: found.p_raw,
            p_up: found.p_up,
            score: found.score,
            missing: Listed(lists.missing),
        }),
    };
    write_json(&record, bytes);
}

/// `MARKET:context:BAR_END`.
struct Id<'a> {
    market: &'a str,
    bar_end: i64,
}

impl Serialize for Id<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:context:{}", self.market, self.bar_end))
    }
}

#[derive(Serialize)]
struct Record<'a, W, F, I, P, D, C> {
    id: Id<'a>,
    kind: &'static str,
    market: &'a str,
    recv_ts: i64,
    bar_start: i64,
    bar_end: i64,
    model: ModelView<'a>,
    primary: Option<NameView<'a>>,
    leader: Option<NameView<'a>>,
    volume_rate: MeasureView,
    windows: W,
    features: F,
    instruments: I,
    pairs: P,
    detections: D,
    detections_dropped: u32,
    multiplier: MultiplierView,
    candidate: Option<C>,
}

#[derive(Serialize)]
struct Candidate<'a, M> {
    instrument: &'a str,
    mid: f64,
    half_spread_bps: f64,
    logit: f64,
    p_raw: f64,
    p_up: f64,
    score: f64,
    missing: M,
}
