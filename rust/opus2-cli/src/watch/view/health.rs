//! Books, losses and the job: what is well, and what is not.

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::section;
use crate::watch::format::{self, bytes, grouped};
use crate::watch::snapshot::{JobStatus, Snapshot};

/// Room for the word and the size of the last checkpoint.
const CHECKPOINT_FROM_WIDTH: u16 = 40;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let inner = section(frame, area, Line::from(" health "));
    let lines = vec![
        line("books", books(&snapshot.books)),
        line("resyncs", vec![reasons(&snapshot.resyncs)]),
        line("drops", drops(snapshot)),
        line("refused", vec![reasons(&snapshot.dead_letters)]),
        line("job", job(snapshot.job.as_ref(), area.width >= CHECKPOINT_FROM_WIDTH)),
    ];
    frame.render_widget(Paragraph::new(lines), inner);
}

fn line<'a>(name: &'a str, mut spans: Vec<Span<'a>>) -> Line<'a> {
    spans.insert(0, format!("{name:<8}").dim());
    Line::from(spans)
}

fn books(books: &BTreeMap<String, u64>) -> Vec<Span<'static>> {
    if books.is_empty() {
        return vec![format::UNKNOWN.into()];
    }
    let live = books.get("live").copied().unwrap_or(0);
    let mut spans = vec![Span::raw(format!("{} live", grouped(live)))];
    for (state, count) in books.iter().filter(|(state, _)| *state != "live") {
        spans.push(format!(" {count} {state}").magenta());
    }
    spans
}

/// What the daemon dropped, and what this view itself did not see.
fn drops(snapshot: &Snapshot) -> Vec<Span<'static>> {
    let mut spans = vec![reasons(&snapshot.drops)];
    if snapshot.skipped_count > 0 {
        spans.push(format!(", view skipped {}", grouped(snapshot.skipped_count)).magenta());
    }
    if snapshot.unreadable_count > 0 {
        spans.push(format!(", {} unreadable", grouped(snapshot.unreadable_count)).magenta());
    }
    spans
}

fn reasons(reasons: &BTreeMap<String, u64>) -> Span<'static> {
    let text = format::reasons(reasons);
    if reasons.is_empty() { Span::raw(text) } else { text.magenta() }
}

fn job(job: Option<&JobStatus>, is_wide: bool) -> Vec<Span<'static>> {
    let Some(job) = job else { return vec![format::UNKNOWN.into()] };
    let state = job.state.to_lowercase();
    let mut spans = vec![if state == "running" { Span::raw(state) } else { state.red().bold() }];
    if let Some(restarts) = job.restarts_count.filter(|restarts| *restarts > 0) {
        spans.push(format!(", {restarts} restarts").magenta());
    }
    if let (Some(millis), Some(size)) = (job.checkpoint_ms, job.checkpoint_bytes) {
        let text = if is_wide {
            format!(", checkpoint {millis} ms {}", bytes(size))
        } else {
            format!(", ckpt {millis} ms")
        };
        spans.push(text.into());
    }
    if job.checkpoints_failed_count > 0 {
        spans.push(format!(", {} failed", job.checkpoints_failed_count).magenta());
    }
    spans
}
