//! Which features a model may have, and which it has by default.

use anyhow::{Result, bail};
use opus2_hifa::decision::combine::FEATURES_MAX;
use opus2_hifa::signal::Features;

/// What a model has when nobody says: what points up or down, in units that do not drift with the price. Those that this
/// build does not compute are left out.
const DEFAULT: [&str; 15] = [
    "queue_imbalance_ewma",
    "depth_imbalance_5",
    "depth_imbalance_10",
    "ofi_normalised_1s",
    "ofi_normalised_5s",
    "ofi_normalised_15s",
    "volume_imbalance_1s",
    "volume_imbalance_5s",
    "volume_imbalance_shrunk_15s",
    "hawkes_imbalance",
    "micro_move_z_1000ms",
    "market_ofi",
    "agreement_flow",
    "lead_signal",
    "absorption",
];

/// The names that the stages compute.
pub(super) fn known() -> Vec<&'static str> {
    Features::SPECS.iter().map(|spec| spec.name).collect()
}

/// The features asked for, or the default ones.
pub(super) fn choose(asked: &[String]) -> Result<Vec<String>> {
    let known = known();
    if asked.is_empty() {
        let default = DEFAULT.into_iter().filter(|name| known.contains(name));
        return Ok(default.map(str::to_owned).collect());
    }
    for (at, name) in asked.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            bail!("--features: {name:?} is not computed; there are {}", known.join(", "));
        }
        if asked.iter().take(at).any(|other| other == name) {
            bail!("--features: {name:?} is named twice");
        }
    }
    if asked.len() > FEATURES_MAX {
        bail!("--features: {} are too many; a model has {FEATURES_MAX} at most", asked.len());
    }
    Ok(asked.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &[&str], expect: Result<usize, &str>) {
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        match (choose(&asked), expect) {
            (Ok(found), Ok(count)) => assert!(found.len() >= count, "{found:?}"),
            (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn features_are_those_that_are_computed() {
        check(&[], Ok(11));
        check(&["ofi_1s", "spread_bps"], Ok(2));
        check(&["moon_phase"], Err("\"moon_phase\" is not computed; there are spread_bps, "));
        check(&["ofi_1s", "ofi_1s"], Err("named twice"));
    }
}
