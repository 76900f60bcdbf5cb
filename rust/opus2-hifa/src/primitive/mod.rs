//! What one look at a book says. Functions of levels alone, without memory.

mod bbo;
mod depth;
mod weighted_mid;

pub use bbo::{Bbo, shown};
pub use depth::{DEPTH_BANDS_BPS, Depth, depth_imbalance, depth_within};
pub(crate) use weighted_mid::measure_weighted_mid;
pub use weighted_mid::weighted_mid;
