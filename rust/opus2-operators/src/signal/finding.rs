//! What was detected, as it is published.

use opus2_hifa::detector::DetectorEvent;
use opus2_hifa::detector::iceberg::OrderIceberg;
use opus2_hifa::detector::layering::LayeringFound;
use opus2_hifa::detector::sweep::Sweep;
use opus2_hifa::detector::wall::{WallAppeared, WallEnded};
use opus2_hifa::signal::Detection;
use opus2_wire::view::detection::{
    DetectionView, FindingView, IcebergView, LayeringView, RefillView, SweepView, WallEndView, WallView,
};

/// A feature beyond its threshold.
pub(super) fn threshold(found: Detection) -> FindingView {
    FindingView::Threshold(DetectionView {
        detector: found.detector.as_str(),
        direction: found.direction.as_str(),
        lag_ms: found.detector.lag_ms(),
        value: found.value,
        threshold: found.threshold,
    })
}

/// An episode; `None` for a kind that has no view yet.
pub(super) fn episode(found: &DetectorEvent, price_scale: u8) -> Option<FindingView> {
    Some(match found {
        DetectorEvent::WallAppeared(wall) => {
            let WallAppeared { side, price, qty, z, dist_bps, depth_share, is_share_bound, since } = *wall;
            let is_truncated = is_share_bound;
            FindingView::Wall(WallView { side, price, qty, z, dist_bps, depth_share, is_truncated, since })
        }
        DetectorEvent::WallEnded(wall) => FindingView::WallEnd(wall_end(wall)),
        DetectorEvent::Layering(found) => {
            let LayeringFound { side, since, until, levels, pull_ratio, opposite_share, score } = *found;
            FindingView::Layering(LayeringView {
                side,
                since,
                until,
                levels,
                pull_ratio,
                opposite_share,
                score,
            })
        }
        DetectorEvent::Sweep(sweep) => FindingView::Sweep(self::sweep(sweep, price_scale)),
        DetectorEvent::Refill(found) => FindingView::Refill(RefillView {
            side: found.side,
            price: found.price,
            refills: found.refills,
            refilled: found.refilled,
            traded: found.traded,
            peak_cv: found.peak_cv,
            refill_share: found.refill_share,
        }),
        DetectorEvent::Iceberg(found) => {
            let OrderIceberg { id, side, price, peak, executed, refills } = *found;
            FindingView::Iceberg(IcebergView { order: id, side, price, refills, peak, executed })
        }
        _ => return None,
    })
}

fn wall_end(wall: &WallEnded) -> WallEndView {
    let episode = &wall.episode;
    WallEndView {
        side: wall.side,
        price: wall.price,
        end: wall.end.as_str(),
        peak: episode.peak(),
        executed: episode.executed(),
        cancelled: episode.cancelled(),
        refilled: episode.refilled(),
        pull_ratio: episode.pull_ratio().ok(),
        refill_ratio: episode.refill_ratio().ok(),
        near_fraction: episode.near_fraction().ok(),
        spoof_likeness: wall.spoof_likeness,
        since: episode.since(),
        life_secs: episode.life_secs(),
    }
}

fn sweep(sweep: &Sweep, price_scale: u8) -> SweepView {
    SweepView {
        aggressor: sweep.aggressor,
        since: sweep.since,
        until: sweep.until,
        levels: sweep.levels,
        volume: sweep.volume,
        first: sweep.first,
        last: sweep.last,
        vwap: sweep.vwap(price_scale).ok(),
        depth_ratio: sweep.depth_ratio().ok(),
        is_truncated: sweep.is_shown_cut,
    }
}
