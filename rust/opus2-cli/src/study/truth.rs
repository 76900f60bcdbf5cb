//! The truth log of a simulated recording.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, bail};
use opus2_sim::{Injected, InjectionKind, TruthLine, TruthMarket, TruthSettings};

use crate::recording::open;

/// Everything that was written down.
pub(super) struct Truth {
    pub(super) settings: TruthSettings,
    pub(super) markets: Vec<TruthMarket>,
    /// By market: when the signal took which value, in the order of time.
    signals: BTreeMap<String, Vec<(i64, i8)>>,
    pub(super) injected: Vec<(InjectionKind, Injected)>,
    /// Wall times of the first and the last line that has one.
    pub(super) span: (i64, i64),
}

impl Truth {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open the truth {name}"))?;
        let lines = open(file).with_context(|| format!("cannot read the truth {name}"))?.lines();
        let (mut settings, mut markets, mut injected) = (None, Vec::new(), Vec::new());
        let mut signals: BTreeMap<String, Vec<(i64, i8)>> = BTreeMap::new();
        let mut span = (i64::MAX, i64::MIN);
        let mut see = |at: i64| span = (span.0.min(at), span.1.max(at));
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
                    see(at_ns);
                    signals.entry(market).or_default().push((at_ns, signal));
                    continue;
                }
                TruthLine::Jump { at_ns, .. } => {
                    see(at_ns);
                    continue;
                }
                TruthLine::Wall(episode) => (InjectionKind::Wall, episode),
                TruthLine::Sweep(episode) => (InjectionKind::Sweep, episode),
                TruthLine::Iceberg(episode) => (InjectionKind::Iceberg, episode),
                TruthLine::Layering(episode) => (InjectionKind::Layering, episode),
            };
            see(episode.end_ns);
            injected.push((kind, episode));
        }
        let Some(settings) = settings else {
            bail!("{name} does not begin with the settings; `opus2 simulate --truth` writes them first")
        };
        for flips in signals.values_mut() {
            flips.sort_unstable();
        }
        Ok(Self { settings, markets, signals, injected, span })
    }

    /// The hidden signal of a market; `None` before it is known.
    pub(super) fn signal_at(&self, market: &str, at: i64) -> Option<i8> {
        let flips = self.signals.get(market)?;
        let after = flips.partition_point(|(since, _)| *since <= at);
        flips.get(after.checked_sub(1)?).map(|(_, signal)| *signal)
    }

    /// Refuses a truth that is of another recording.
    pub(super) fn check_span(&self, first_recv_ts: i64, path: &Path) -> Result<()> {
        let (from, until) = self.span;
        if first_recv_ts < from.saturating_sub(60_000_000_000) || first_recv_ts > until {
            bail!("the truth {} is of another recording: their times do not meet", path.display());
        }
        Ok(())
    }
}
