//! What stage 1 measures: one line each.

use serde::{Deserialize, Serialize};

use crate::{Measure, SignalConfig};

/// One feature's value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// The number, or why there is none.
    pub value: Measure,
    /// How far apart the messages were that it rests on, ms: 0 when every change was seen, `None` where it does not matter.
    pub conflation_ms: Option<u32>,
}

impl From<Measure> for Feature {
    fn from(value: Measure) -> Self {
        Self { value, conflation_ms: None }
    }
}

/// A feature's name and window.
#[derive(Debug, Clone, Copy)]
pub struct FeatureSpec {
    /// The name in JSON.
    pub name: &'static str,
    /// The window or time constant under a configuration, ms; `None` for a feature of one moment.
    pub window_ms: fn(&SignalConfig) -> Option<u32>,
}

macro_rules! features {
    ($(#[$about:meta])* $table:ident { $($(#[$doc:meta])* $name:ident: $window:expr;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        pub struct $table {
            $($(#[$doc])* pub $name: Feature,)*
        }

        impl $table {
            /// Names and windows, in the order of [`values`](Self::values).
            pub const SPECS: &'static [FeatureSpec] =
                &[$(FeatureSpec { name: stringify!($name), window_ms: $window },)*];

            /// The values, in the order of [`SPECS`](Self::SPECS).
            pub fn values(&self) -> impl Iterator<Item = Feature> {
                [$(self.$name,)*].into_iter()
            }
        }
    };
}

features! {
    /// Everything stage 1 measures at one book or quote event.
    Features {
        /// Spread over the mid, basis points. Methods 1.1.
        spread_bps: |_| None;
        /// Mid weighted by the quantities across, quote units; at a spread of one tick only. Methods 1.3.
        weighted_mid: |_| None;
        /// Where the mid is expected to settle, quote units; needs a model. Methods 2.5.
        microprice: |_| None;
        /// Imbalance of the best quantities, -1 to 1. Methods 2.1.
        queue_imbalance: |_| None;
        /// Time average of `queue_imbalance`. Methods 2.1.
        queue_imbalance_ewma: |config| Some(config.queue_imbalance_ewma_ms);
        /// Weighted imbalance of five levels, -1 to 1, of the last book. Methods 2.2.
        depth_imbalance_5: |_| None;
        /// Weighted imbalance of ten levels, -1 to 1, of the last book. Methods 2.2.
        depth_imbalance_10: |_| None;
        /// Order flow imbalance, base units. Methods 2.3.
        ofi_1s: |_| Some(1_000);
        /// Order flow imbalance, base units. Methods 2.3.
        ofi_5s: |_| Some(5_000);
        /// Order flow imbalance, base units. Methods 2.3.
        ofi_15s: |_| Some(15_000);
        /// OFI over the average best depth, without unit. Methods 2.3.
        ofi_normalised_1s: |_| Some(1_000);
        /// OFI over the average best depth, without unit. Methods 2.3.
        ofi_normalised_5s: |_| Some(5_000);
        /// OFI over the average best depth, without unit. Methods 2.3.
        ofi_normalised_15s: |_| Some(15_000);
        /// Order flow imbalance of five ranks of the book in one number, over their average depth. Methods 2.4.
        ofi_integrated_1s: |_| Some(1_000);
        /// Order flow imbalance of five ranks of the book in one number, over their average depth. Methods 2.4.
        ofi_integrated_5s: |_| Some(5_000);
        /// Order flow imbalance of five ranks of the book in one number, over their average depth. Methods 2.4.
        ofi_integrated_15s: |_| Some(15_000);
        /// Bought less sold by takers, base units. Methods 2.7.
        signed_volume_1s: |_| Some(1_000);
        /// Bought less sold by takers, base units. Methods 2.7.
        signed_volume_5s: |_| Some(5_000);
        /// Bought less sold by takers, base units. Methods 2.7.
        signed_volume_15s: |_| Some(15_000);
        /// Bought less sold over all that was traded, -1 to 1. Methods 2.7.
        volume_imbalance_1s: |_| Some(1_000);
        /// Bought less sold over all that was traded, -1 to 1. Methods 2.7.
        volume_imbalance_5s: |_| Some(5_000);
        /// Bought less sold over all that was traded, -1 to 1. Methods 2.7.
        volume_imbalance_15s: |_| Some(15_000);
        /// As `volume_imbalance_15s`, with small samples counting for less. Methods 2.7.
        volume_imbalance_shrunk_15s: |_| Some(15_000);
        /// Intensity of buy orders over their long-run rate. Methods 2.11.
        hawkes_buy_ratio: |_| None;
        /// Intensity of sell orders over their long-run rate. Methods 2.11.
        hawkes_sell_ratio: |_| None;
        /// Imbalance of the intensities of buy and sell orders, -1 to 1. Methods 2.11.
        hawkes_imbalance: |_| None;
        /// Move of the mid in standard deviations. Methods 2.10.
        micro_move_z_100ms: |_| Some(100);
        /// Move of the mid in standard deviations. Methods 2.10.
        micro_move_z_250ms: |_| Some(250);
        /// Move of the mid in standard deviations. Methods 2.10.
        micro_move_z_1000ms: |_| Some(1_000);
        /// Upper sum of the CUSUM, standard deviations of one step. Methods 2.10.
        cusum_up: |_| None;
        /// Lower sum of the CUSUM, standard deviations of one step. Methods 2.10.
        cusum_down: |_| None;
        /// Standard deviation of log returns of the mid per square root of a second. Methods 3.5.
        volatility: |config| Some(config.volatility_tau_secs.saturating_mul(1_000));
        /// Strength of the walls that stand, bids less asks. Methods 2.8.
        wall_signal: |_| None;
        /// Score of layering, of bids less of asks: the sign is the direction that the layers imply. Methods 2.9.
        layering: |config| Some(config.layering.hold_ms);
        /// Average spoof-likeness of the walls that ended in the last hour, of the side where it is higher. Methods 2.8.
        spoof_likeness: |_| Some(3_600_000);
    }
}

features! {
    /// What stage 1 measures at the end of a bar.
    BarFeatures {
        /// Order flow imbalance, base units. Methods 2.3.
        ofi_1s: |_| Some(1_000);
        /// Order flow imbalance, base units. Methods 2.3.
        ofi_5s: |_| Some(5_000);
        /// Order flow imbalance, base units. Methods 2.3.
        ofi_15s: |_| Some(15_000);
        /// OFI over the average best depth, without unit. Methods 2.3.
        ofi_normalised_1s: |_| Some(1_000);
        /// OFI over the average best depth, without unit. Methods 2.3.
        ofi_normalised_5s: |_| Some(5_000);
        /// OFI over the average best depth, without unit. Methods 2.3.
        ofi_normalised_15s: |_| Some(15_000);
        /// Bought less sold by takers, base units. Methods 2.7.
        signed_volume_1s: |_| Some(1_000);
        /// Bought less sold by takers, base units. Methods 2.7.
        signed_volume_5s: |_| Some(5_000);
        /// Bought less sold by takers, base units. Methods 2.7.
        signed_volume_15s: |_| Some(15_000);
        /// Bought less sold over all that was traded, -1 to 1. Methods 2.7.
        volume_imbalance_1s: |_| Some(1_000);
        /// Bought less sold over all that was traded, -1 to 1. Methods 2.7.
        volume_imbalance_5s: |_| Some(5_000);
        /// Bought less sold over all that was traded, -1 to 1. Methods 2.7.
        volume_imbalance_15s: |_| Some(15_000);
    }
}
