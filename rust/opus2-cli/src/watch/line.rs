//! A running system in one line, for logs and pipes.

use std::time::Duration;

use super::format::{self, latency};
use super::snapshot::{Snapshot, SourceState};

/// One line: time, rates, latency, books, losses, and the sources that are missing.
pub(crate) fn status_line(snapshot: &Snapshot) -> String {
    let mut parts = vec![format::clock(Duration::from_millis(snapshot.elapsed_ms))];
    let known = snapshot.steps.iter().filter(|step| step.per_second.is_some());
    let rates: Vec<_> =
        known.map(|step| format!("{} {}", step.step.as_str(), format::rate(step.per_second))).collect();
    if !rates.is_empty() {
        parts.push(rates.join(" › "));
    }
    let way = snapshot.latency.end_to_end;
    if way.count > 0 {
        parts.push(format!("venue → signal p50 {} p99 {}", latency(way.p50_us), latency(way.p99_us)));
    }
    if !snapshot.books.is_empty() {
        let states: Vec<_> = snapshot.books.iter().map(|(state, count)| format!("{count} {state}")).collect();
        parts.push(format!("books {}", states.join(" ")));
    }
    for (name, reasons) in
        [("resyncs", &snapshot.resyncs), ("drops", &snapshot.drops), ("dead letters", &snapshot.dead_letters)]
    {
        if !reasons.is_empty() {
            parts.push(format!("{name} {}", format::reasons(reasons)));
        }
    }
    if let Some((before, at)) = snapshot.stalled() {
        parts.push(format!("{} stands still while {} does not", at.as_str(), before.as_str()));
    }
    for source in &snapshot.sources {
        if let SourceState::Missing { reason, todo } = &source.state {
            parts.push(format!("no {}: {reason}; {todo}", source.source.as_str()));
        }
    }
    parts.join(" | ")
}
