//! The truth log of a simulated recording.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, bail};
use opus2_sim::{Injected, InjectionKind, TruthLine, TruthMarket, TruthSettings};

use crate::recording::{Survey, open};

/// Everything that was written down.
pub(super) struct Truth {
    pub(super) settings: TruthSettings,
    markets: Vec<TruthMarket>,
    /// By market: when the signal took which value, in the order of time.
    signals: BTreeMap<String, Vec<(i64, i8)>>,
    pub(super) injected: Vec<(InjectionKind, Injected)>,
    /// Lines of the recording that it was written with.
    lines: u64,
}

impl Truth {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open the truth {name}"))?;
        let lines = open(file).with_context(|| format!("cannot read the truth {name}"))?.lines();
        let (mut settings, mut markets, mut injected, mut recorded) = (None, Vec::new(), Vec::new(), None);
        let mut signals: BTreeMap<String, Vec<(i64, i8)>> = BTreeMap::new();
        for (line, number) in lines.zip(1u64..) {
            let line = line.with_context(|| format!("{name}, line {number}: cannot read"))?;
            let line: TruthLine = serde_json::from_str(&line).with_context(|| {
                format!("{name}, line {number} is no line of truth; `opus2 simulate --truth` writes them")
            })?;
            let (kind, episode) = match line {
                TruthLine::Settings(found) => {
                    settings = Some(found);
                    continue;
                }
                TruthLine::Market(market) => {
                    markets.push(market);
                    continue;
                }
                TruthLine::Signal { at_ns, market, signal } => {
                    signals.entry(market).or_default().push((at_ns, signal));
                    continue;
                }
                TruthLine::Jump { .. } => continue,
                TruthLine::Recording { lines } => {
                    recorded = Some(lines);
                    continue;
                }
                TruthLine::Wall(episode) => (InjectionKind::Wall, episode),
                TruthLine::Sweep(episode) => (InjectionKind::Sweep, episode),
                TruthLine::Iceberg(episode) => (InjectionKind::Iceberg, episode),
                TruthLine::Layering(episode) => (InjectionKind::Layering, episode),
            };
            injected.push((kind, episode));
        }
        let Some(settings) = settings else {
            bail!("{name} does not begin with the settings; `opus2 simulate --truth` writes them first")
        };
        let Some(lines) = recorded else {
            bail!("{name} does not end with its recording: it is not complete; record again")
        };
        for flips in signals.values_mut() {
            flips.sort_unstable();
        }
        Ok(Self { settings, markets, signals, injected, lines })
    }

    /// The hidden signal of a market; `None` before it is known.
    pub(super) fn signal_at(&self, market: &str, at: i64) -> Option<i8> {
        let flips = self.signals.get(market)?;
        let after = flips.partition_point(|(since, _)| *since <= at);
        flips.get(after.checked_sub(1)?).map(|(_, signal)| *signal)
    }

    /// Refuses a truth that is of another recording.
    pub(super) fn check_recording(&self, survey: &Survey, path: &Path) -> Result<()> {
        if survey.lines != self.lines {
            bail!(
                "the truth {} is of another recording: of one with {} lines, but this one has {}; give the two that were \
                 written together",
                path.display(),
                self.lines,
                survey.lines
            );
        }
        Ok(())
    }

    /// A market of the truth: the one that is named, else the first.
    pub(super) fn market(&self, name: Option<&str>) -> Result<&str> {
        let mut known = self.markets.iter().map(|market| market.market.as_str());
        match name {
            None => known.next().context("the truth names no market; record again"),
            Some(name) => known.find(|market| *market == name).with_context(|| {
                let known: Vec<&str> = self.markets.iter().map(|market| market.market.as_str()).collect();
                format!("the truth has no market {name}; it has {}", known.join(", "))
            }),
        }
    }
}
