//! A published JSON object, read as far as a monitor needs it. Contracts: docs/contracts/.

use std::borrow::Cow;

use serde::Deserialize;

/// An object of `market_data_normalized` or `hifa_stage1_signals`. What a kind does not have is absent.
#[derive(Debug, Deserialize)]
pub(super) struct Published<'a> {
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) venue: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) instrument: Cow<'a, str>,
    pub(super) exch_ts: Option<i64>,
    pub(super) recv_ts: i64,
    /// State of the book.
    #[serde(borrow, default)]
    pub(super) state: Cow<'a, str>,
    #[serde(borrow, default)]
    bbo: Option<Best<'a>>,
    #[serde(default)]
    features: Features,
    #[serde(borrow, default)]
    pub(super) detections: Vec<Detected<'a>>,
}

#[derive(Debug, Deserialize)]
struct Best<'a> {
    #[serde(borrow)]
    mid: Option<Cow<'a, str>>,
}

/// The features that are shown.
#[derive(Debug, Default, Deserialize)]
struct Features {
    #[serde(default)]
    queue_imbalance: Feature,
    #[serde(default)]
    ofi_1s: Feature,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Feature {
    value: Option<f64>,
}

/// Something a detector saw.
#[derive(Debug, Deserialize)]
pub(super) struct Detected<'a> {
    #[serde(borrow)]
    detector: Cow<'a, str>,
    #[serde(borrow)]
    direction: Cow<'a, str>,
    lag_ms: Option<u32>,
}

/// An object of `trading_signals_final`.
#[derive(Debug, Deserialize)]
pub(super) struct Decided<'a> {
    #[serde(borrow)]
    pub(super) market: Cow<'a, str>,
    pub(super) recv_ts: i64,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    direction: Cow<'a, str>,
    #[serde(borrow, default)]
    reasons: Vec<Cow<'a, str>>,
}

/// An object of `dead_letters`.
#[derive(Debug, Deserialize)]
pub(super) struct DeadLetter<'a> {
    #[serde(borrow)]
    pub(super) step: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) reason: Cow<'a, str>,
}

impl Published<'_> {
    /// The instrument as topics are keyed: `venue:symbol`.
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.venue, self.instrument)
    }

    /// Decimal text.
    pub(super) fn mid(&self) -> Option<String> {
        Some(self.bbo.as_ref()?.mid.as_ref()?.clone().into_owned())
    }

    pub(super) const fn queue_imbalance(&self) -> Option<f64> {
        self.features.queue_imbalance.value
    }

    pub(super) const fn ofi(&self) -> Option<f64> {
        self.features.ofi_1s.value
    }
}

impl Decided<'_> {
    /// `↑ enter`, `↓ reject: low_edge`: the first reason stands for all.
    pub(super) fn text(&self) -> String {
        let arrow = if self.direction == "down" { '↓' } else { '↑' };
        let reason = self.reasons.first().map(|reason| format!(": {reason}"));
        format!("{arrow} {}{}", self.action, reason.unwrap_or_default())
    }
}

impl Detected<'_> {
    /// `↑ micro_move 250 ms`.
    pub(super) fn text(&self) -> String {
        let arrow = if self.direction == "down" { '↓' } else { '↑' };
        match self.lag_ms {
            Some(lag_ms) => format!("{arrow} {} {lag_ms} ms", self.detector),
            None => format!("{arrow} {}", self.detector),
        }
    }
}
