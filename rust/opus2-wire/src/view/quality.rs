//! Data quality as published on `quality_scores`. Contract: docs/contracts/quality.md.

use serde::{Serialize, Serializer};

use crate::WireError;

/// The window that a record is about, and where.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct QualityHead<'a> {
    /// The record's identity, the same in every replay.
    pub id: &'a str,
    /// `instrument` or `venue`.
    pub kind: &'static str,
    /// The venue.
    pub venue: &'static str,
    /// The venue's own symbol; left out of a venue's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument: Option<&'a str>,
    /// The market.
    pub market: &'a str,
    /// The window's beginning, which does not belong to it, ns.
    pub window_start: i64,
    /// The window's end, which does, ns.
    pub window_end: i64,
}

/// One reason's part of the points lost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeductionView {
    /// What is wrong.
    pub reason: &'static str,
    /// The component through which it takes points.
    pub component: &'static str,
    /// How often; milliseconds where the reason is about time.
    pub count: u64,
    /// Points.
    #[serde(serialize_with = "rounded")]
    pub points: f64,
}

/// The score of one instrument over one window.
#[derive(Debug, Clone, Copy)]
pub struct QualityView<'a, D> {
    /// Which window of which instrument.
    pub head: QualityHead<'a>,
    /// 0 to 100.
    pub score: f64,
    /// Name and value, 0 to 1, of every component; `None` where nothing could be observed.
    pub components: [(&'static str, Option<f64>); 6],
    /// Points that the cap took.
    pub capped_points: f64,
    /// What was taken from 100, beside the cap.
    pub deductions: D,
    /// Messages received.
    pub messages: u64,
    /// The book's state at the window's end.
    pub state: &'static str,
    /// Whether the instrument is kept from signals from here on.
    pub is_fenced: bool,
    /// The score below which it is.
    pub fence_below: u32,
    /// The score from which on it is let back.
    pub recover_at: u32,
    /// Too little of the window was seen for the score to move the fence.
    pub is_partial: bool,
}

/// The instruments of one venue and market over one window.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct VenueQualityView<'a> {
    /// Which window of which venue.
    #[serde(flatten)]
    pub head: QualityHead<'a>,
    /// The average score.
    #[serde(serialize_with = "rounded")]
    pub score: f64,
    /// The lowest score.
    #[serde(serialize_with = "rounded")]
    pub score_min: f64,
    /// How many instruments there are.
    pub instruments: u32,
    /// How many of them are kept from signals.
    pub fenced: u32,
}

#[derive(Serialize)]
#[serde(bound = "D: Iterator<Item = DeductionView> + Clone")]
struct Object<'a, D> {
    #[serde(flatten)]
    head: QualityHead<'a>,
    #[serde(serialize_with = "rounded")]
    score: f64,
    components: Components,
    #[serde(serialize_with = "rounded")]
    capped_points: f64,
    deductions: Deductions<D>,
    messages: u64,
    state: &'static str,
    fenced: bool,
    fence_below: u32,
    recover_at: u32,
    partial: bool,
}

struct Components([(&'static str, Option<f64>); 6]);

impl Serialize for Components {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.map(|(name, value)| (name, value.map(round))))
    }
}

struct Deductions<D>(D);

impl<D: Iterator<Item = DeductionView> + Clone> Serialize for Deductions<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A millionth is enough for a reader, and spares the digits that a division leaves.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn rounded<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(round(*value))
}

/// Appends the score of an instrument as one JSON object.
///
/// # Errors
/// None of its own: the signature is that of every writer into an output.
pub fn write_quality<D>(view: &QualityView<'_, D>, bytes: &mut Vec<u8>) -> Result<(), WireError>
where
    D: Iterator<Item = DeductionView> + Clone,
{
    let object = Object {
        head: view.head,
        score: view.score,
        components: Components(view.components),
        capped_points: view.capped_points,
        deductions: Deductions(view.deductions.clone()),
        messages: view.messages,
        state: view.state,
        fenced: view.is_fenced,
        fence_below: view.fence_below,
        recover_at: view.recover_at,
        partial: view.is_partial,
    };
    write(&object, bytes)
}

/// Appends the score of a venue as one JSON object.
///
/// # Errors
/// None of its own.
pub fn write_venue_quality(view: &VenueQualityView<'_>, bytes: &mut Vec<u8>) -> Result<(), WireError> {
    write(view, bytes)
}

fn write(object: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), WireError> {
    serde_json::to_writer(bytes, object)
        .map_err(|error| WireError::Invalid { what: "quality score", reason: error.to_string() })
}
