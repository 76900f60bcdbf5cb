//! Validation rules: the thresholds of data quality, from `config/validation_rules.yaml`.
//!
//! A rule has a built-in default, and may be set for everything (`defaults`), for a venue, for a pair or a market, and for one
//! instrument; the nearest wins. Numbers are whole; their units are in their names.

use std::collections::BTreeMap;

use opus2_types::{InstrumentSpec, Venue};
use serde::Deserialize;

/// The thresholds of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// A score below this fences the instrument from signals, points.
    pub(crate) fence_below: u32,
    /// A score from this on lets it back, points; at least `fence_below`.
    pub(crate) recover_at: u32,
    /// A message is on time up to this delay after the venue's own time, ms.
    pub(crate) latency_ms_max: u32,
    /// A live book is stale after this long without a message, ms, or longer where the instrument is a quiet one:
    pub(crate) stale_ms: u32,
    /// after this many of its own typical intervals.
    pub(crate) stale_intervals: u32,
    /// The widest spread that can be true, basis points of the mid.
    pub(crate) spread_bps_max: u32,
    /// The largest quantity of a trade or best level that can be true, in multiples of the instrument's own average.
    pub(crate) volume_ratio_max: u32,
    /// How far the mid may be from that of the market's other instruments, basis points.
    pub(crate) cross_venue_bps_max: u32,
    /// The shortest time between two comparisons with them, ms.
    pub(crate) cross_venue_check_ms: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            fence_below: 70,
            recover_at: 80,
            latency_ms_max: 250,
            stale_ms: 10_000,
            stale_intervals: 20,
            spread_bps_max: 500,
            volume_ratio_max: 100_000,
            cross_venue_bps_max: 50,
            cross_venue_check_ms: 1_000,
        }
    }
}

/// Some of an instrument's thresholds, as the file has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RuleSet {
    fence_below: Option<u32>,
    recover_at: Option<u32>,
    latency_ms_max: Option<u32>,
    stale_ms: Option<u32>,
    stale_intervals: Option<u32>,
    spread_bps_max: Option<u32>,
    volume_ratio_max: Option<u32>,
    cross_venue_bps_max: Option<u32>,
    cross_venue_check_ms: Option<u32>,
}

impl RuleSet {
    /// Every rule with its name and bounds.
    fn bounds(&self) -> [(&'static str, Option<u32>, u32, u32); 9] {
        [
            ("fence_below", self.fence_below, 0, 100),
            ("recover_at", self.recover_at, 0, 100),
            ("latency_ms_max", self.latency_ms_max, 1, 60_000),
            ("stale_ms", self.stale_ms, 100, 3_600_000),
            ("stale_intervals", self.stale_intervals, 1, 1_000),
            ("spread_bps_max", self.spread_bps_max, 1, 10_000),
            ("volume_ratio_max", self.volume_ratio_max, 10, 1_000_000_000),
            ("cross_venue_bps_max", self.cross_venue_bps_max, 1, 10_000),
            ("cross_venue_check_ms", self.cross_venue_check_ms, 10, 60_000),
        ]
    }

    fn apply_to(&self, rules: Rules) -> Rules {
        Rules {
            fence_below: self.fence_below.unwrap_or(rules.fence_below),
            recover_at: self.recover_at.unwrap_or(rules.recover_at),
            latency_ms_max: self.latency_ms_max.unwrap_or(rules.latency_ms_max),
            stale_ms: self.stale_ms.unwrap_or(rules.stale_ms),
            stale_intervals: self.stale_intervals.unwrap_or(rules.stale_intervals),
            spread_bps_max: self.spread_bps_max.unwrap_or(rules.spread_bps_max),
            volume_ratio_max: self.volume_ratio_max.unwrap_or(rules.volume_ratio_max),
            cross_venue_bps_max: self.cross_venue_bps_max.unwrap_or(rules.cross_venue_bps_max),
            cross_venue_check_ms: self.cross_venue_check_ms.unwrap_or(rules.cross_venue_check_ms),
        }
    }
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RulesFile {
    version: u32,
    window_secs: u32,
    defaults: RuleSet,
    venues: BTreeMap<String, RuleSet>,
    pairs: BTreeMap<String, RuleSet>,
    instruments: BTreeMap<String, RuleSet>,
}

impl Default for RulesFile {
    fn default() -> Self {
        Self {
            version: VERSION,
            window_secs: 60,
            defaults: RuleSet::default(),
            venues: BTreeMap::new(),
            pairs: BTreeMap::new(),
            instruments: BTreeMap::new(),
        }
    }
}

/// The only version of the file there is.
const VERSION: u32 = 1;

/// Every threshold of every instrument, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ValidationRules {
    file: RulesFile,
}

impl ValidationRules {
    /// Reads YAML text; empty text means every default.
    ///
    /// # Errors
    /// What is wrong in words, with the key and what is allowed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let file: RulesFile = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let rules = Self { file };
        rules.check()?;
        Ok(rules)
    }

    fn check(&self) -> Result<(), String> {
        let file = &self.file;
        within("version", file.version, VERSION, VERSION)?;
        within("window_secs", file.window_secs, 1, 3_600)?;
        let built_in = Rules::default();
        check_set("defaults", &file.defaults, built_in)?;
        let defaults = file.defaults.apply_to(built_in);
        for (venue, set) in &file.venues {
            venue.parse::<Venue>().map_err(|error| format!("venues.{venue}: {error}"))?;
            check_set(&format!("venues.{venue}"), set, defaults)?;
        }
        for (pair, set) in &file.pairs {
            if pair.split_once('/').is_none_or(|(base, quote)| base.is_empty() || quote.is_empty()) {
                return Err(format!(
                    "pairs.{pair} is no pair; expected BASE/QUOTE (BTC/USDT), or a market (BTC/USD*)"
                ));
            }
            check_set(&format!("pairs.{pair}"), set, defaults)?;
        }
        for (key, set) in &file.instruments {
            let is_known = key
                .split_once(':')
                .is_some_and(|(venue, symbol)| venue.parse::<Venue>().is_ok() && !symbol.is_empty());
            if !is_known {
                return Err(format!(
                    "instruments.{key} is no instrument; expected venue:symbol (binance:BTCUSDT), the venue one of: \
                     binance, coinbase, kraken"
                ));
            }
            check_set(&format!("instruments.{key}"), set, defaults)?;
        }
        Ok(())
    }

    /// The length of a window, ns.
    pub(crate) fn window_ns(&self) -> i64 {
        i64::from(self.file.window_secs) * 1_000_000_000
    }

    /// The thresholds of one instrument: built-in, `defaults`, venue, market, pair, instrument; the last one set wins.
    pub(crate) fn of(&self, spec: &InstrumentSpec) -> Rules {
        let file = &self.file;
        let key = format!("{}:{}", spec.venue, spec.symbol);
        let pair = format!("{}/{}", spec.base, spec.quote);
        let sets = [
            Some(&file.defaults),
            file.venues.get(spec.venue.as_str()),
            file.pairs.get(&spec.market()),
            file.pairs.get(&pair),
            file.instruments.get(&key),
        ];
        let mut rules = sets.into_iter().flatten().fold(Rules::default(), |rules, set| set.apply_to(rules));
        // Two levels may each set one of the two; what fences wins.
        rules.recover_at = rules.recover_at.max(rules.fence_below);
        rules
    }
}

fn check_set(path: &str, set: &RuleSet, below: Rules) -> Result<(), String> {
    for (name, value, low, high) in set.bounds() {
        if let Some(value) = value {
            within(&format!("{path}.{name}"), value, low, high)?;
        }
    }
    let rules = set.apply_to(below);
    if set.recover_at.is_some() && rules.recover_at < rules.fence_below {
        return Err(format!(
            "{path}.recover_at = {} is below fence_below = {}; an instrument must not be let back where it is fenced",
            rules.recover_at, rules.fence_below
        ));
    }
    Ok(())
}

fn within(key: &str, value: u32, low: u32, high: u32) -> Result<(), String> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let expected = if low == high { low.to_string() } else { format!("{low} to {high}") };
    Err(format!("{key} = {value} is out of bounds; expected {expected}"))
}

#[cfg(test)]
mod tests {
    use opus2_types::{FeedKind, SpecOrigin};

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = ValidationRules::parse(text).err().unwrap_or_default();
        assert!(found.contains(expect) && found.is_empty() == expect.is_empty(), "{text}: {found}");
    }

    #[test]
    fn a_wrong_rule_is_refused_by_key_and_bounds() {
        check("", "");
        check("version: 1\ndefaults: { fence_below: 60, recover_at: 60 }", "");
        check("version: 2", "version = 2 is out of bounds; expected 1");
        check("window_secs: 0", "window_secs = 0 is out of bounds; expected 1 to 3600");
        check("defaults: { spread: 1 }", "spread");
        check(
            "venues: { kraken: { latency_ms_max: 0 } }",
            "venues.kraken.latency_ms_max = 0 is out of bounds; expected 1 to 60000",
        );
        check("venues: { nasdaq: {} }", "venues.nasdaq: unknown venue \"nasdaq\"; one of: binance");
        check("pairs: { BTCUSDT: {} }", "pairs.BTCUSDT is no pair; expected BASE/QUOTE");
        check(
            "instruments: { \"BTCUSDT\": {} }",
            "instruments.BTCUSDT is no instrument; expected venue:symbol",
        );
        check(
            "venues: { kraken: { recover_at: 10 } }",
            "venues.kraken.recover_at = 10 is below fence_below = 70",
        );
        check("defaults: { stale_ms: soon }", "stale_ms");
    }

    #[test]
    fn the_nearest_rule_wins() {
        let spec = InstrumentSpec {
            venue: Venue::Binance,
            symbol: "BTCUSDT".into(),
            base: "BTC".into(),
            quote: "USDT".into(),
            price_scale: 2,
            qty_scale: 5,
            tick: 1,
            lot: 1,
            origin: SpecOrigin::Venue,
            feed: FeedKind::BinanceDepth,
        };
        let mut text = String::from("window_secs: 5");
        for (level, expect) in [
            ("defaults: { spread_bps_max: 1 }", 1),
            ("venues: { binance: { spread_bps_max: 2 } }", 2),
            ("pairs:\n  \"BTC/USD*\": { spread_bps_max: 3 }", 3),
            ("  \"BTC/USDT\": { spread_bps_max: 4 }", 4),
            ("instruments: { \"binance:BTCUSDT\": { spread_bps_max: 5 } }", 5),
        ] {
            text.push('\n');
            text.push_str(level);
            let rules = ValidationRules::parse(&text).unwrap();
            assert_eq!(rules.of(&spec), Rules { spread_bps_max: expect, ..Rules::default() }, "{text}");
            assert_eq!(rules.window_ns(), 5_000_000_000);
        }
    }
}
