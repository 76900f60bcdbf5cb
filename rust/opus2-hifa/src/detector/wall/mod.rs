//! Walls: levels far larger than is usual at their distance from the mid, and what becomes of them.
//!
//! ```text
//! wall  <=>  z >= 4  and  >= 10 % of its side's depth within 50 bps  and  a notional floor  and  alive >= 2 s
//! ```
//!
//! `z` is the distance of the logarithm of a size from the median, in robust spreads ([`RobustFit`]): sizes are close to
//! log-normal, and the walls themselves are in the sample. Usual sizes are kept per side and distance in histograms that
//! forget. Ticks that are adjacent within a basis point count as one cell, and so does their history.
//!
//! From the moment a cell is large enough, a [`WallEpisode`] accounts for it; after two seconds it is a wall and is
//! reported, and so is its end with the account: executed, cancelled, put back. How spoof-like the walls of the last
//! hour were takes weight from those that stand ([`WallTracker::signal`]).
//!
//! # Source
//! Methods reference 2.8.

mod episode;
mod grid;
mod robust;
mod sizes;
mod spoof_memory;
mod tracker;

pub use episode::WallEpisode;
pub use grid::MERGED_TICKS_MAX;
pub use robust::RobustFit;
pub use sizes::{BUCKET_ENDS_BPS, FIT_INTERVAL_MS, SAMPLE_INTERVAL_MS, SAMPLES_MIN};
pub use tracker::{EPISODES_MAX, WallAppeared, WallCounts, WallEnd, WallEnded, WallSettings, WallTracker};
