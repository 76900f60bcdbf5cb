//! The options of a laboratory market: what is planted and injected.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use opus2_sim::{InjectionKind, Injections, Laboratory};

use super::parse_secs;

/// Options that make the market a laboratory: any of them does.
#[derive(clap::Args)]
pub(super) struct LaboratoryArgs {
    /// Write the truth of a recording (settings, signal, jumps, injected episodes) to this file, as JSON lines
    #[arg(long, value_name = "FILE", requires = "record")]
    pub(super) truth: Option<PathBuf>,

    /// Plant an edge: expected change of the mid in basis points per second, times the hidden signal; 0 is an exact null
    #[arg(long, value_name = "BPS", allow_negative_numbers = true)]
    edge_bps: Option<f64>,

    /// Inject episodes for detectors to find: walls, sweeps, icebergs, layering; `walls=240` for so many an hour and instrument
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    inject: Vec<String>,

    /// Jumps of the price per second, in the mean [default: 1]
    #[arg(long, value_name = "N")]
    jumps_per_sec: Option<f64>,

    /// For how long the hidden signal is held, in the mean [default: 20]
    #[arg(long, value_name = "SECONDS", value_parser = parse_secs)]
    persistence: Option<Duration>,

    /// How much the order flow tells of the hidden signal, 0 to 1 [default: 0.3]
    #[arg(long, value_name = "SHARE")]
    flow_bias: Option<f64>,
}

impl LaboratoryArgs {
    /// The laboratory asked for; `None` for the usual market.
    pub(super) fn to_laboratory(&self) -> Result<Option<Laboratory>> {
        let is_asked_for = self.truth.is_some()
            || self.edge_bps.is_some()
            || !self.inject.is_empty()
            || self.jumps_per_sec.is_some()
            || self.persistence.is_some()
            || self.flow_bias.is_some();
        if !is_asked_for {
            return Ok(None);
        }
        let usual = Laboratory::default();
        Ok(Some(Laboratory {
            edge_bps: self.edge_bps.unwrap_or(usual.edge_bps),
            jumps_per_sec: self.jumps_per_sec.unwrap_or(usual.jumps_per_sec),
            persistence: self.persistence.unwrap_or(usual.persistence),
            flow_bias: self.flow_bias.unwrap_or(usual.flow_bias),
            inject: injections(&self.inject)?,
            ..usual
        }))
    }
}

fn injections(asked: &[String]) -> Result<Injections> {
    let mut injections = Injections::default();
    for text in asked {
        let (name, rate) =
            text.split_once('=').map_or((text.as_str(), None), |(name, rate)| (name, Some(rate)));
        let kind = match name {
            "walls" => InjectionKind::Wall,
            "sweeps" => InjectionKind::Sweep,
            "icebergs" => InjectionKind::Iceberg,
            "layering" => InjectionKind::Layering,
            other => bail!("--inject: {other:?} is none of walls, sweeps, icebergs, layering"),
        };
        let per_hour = match rate {
            None => kind.per_hour(),
            Some(rate) => rate.parse().with_context(|| format!("--inject {text}: not a number per hour"))?,
        };
        injections.set(kind, per_hour);
    }
    Ok(injections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_with_or_without_a_rate() {
        let found = injections(&["walls".to_owned(), "sweeps=7.5".to_owned()]).unwrap();
        assert_eq!(found, Injections { walls: 120.0, sweeps: 7.5, ..Injections::default() });
        for (text, expect) in [
            ("spoofs", "--inject: \"spoofs\" is none of walls, sweeps, icebergs, layering"),
            ("walls=x", "--inject walls=x: not a number per hour"),
        ] {
            assert_eq!(injections(&[text.to_owned()]).unwrap_err().to_string(), expect);
        }
    }
}
