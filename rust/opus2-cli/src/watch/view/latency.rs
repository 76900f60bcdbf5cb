//! How long a signal took, in parts and as a whole.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::{dim, section};
use crate::watch::format::{self, grouped};
use crate::watch::latency::Percentiles;
use crate::watch::snapshot::Snapshot;

const PERCENTILE_WIDTH: u16 = 7;
/// Room for five percentiles beside the names.
const FIVE_FROM_WIDTH: u16 = 54;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let title = format!(" latency of signals, last {} s ", snapshot.window_secs);
    let inner = section(frame, area, Line::from(title));
    let is_wide = inner.width >= FIVE_FROM_WIDTH;
    let names: &[&str] =
        if is_wide { &["p50", "p90", "p99", "p99.9", "max"] } else { &["p50", "p90", "p99", "max"] };
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let header = std::iter::once(Cell::from("")).chain(names.iter().map(|name| right((*name).to_owned())));
    let row = |name: &'static str, percentiles: Percentiles, style: Style| {
        let values = values(percentiles, is_wide).into_iter().map(right);
        Row::new(std::iter::once(Cell::from(name)).chain(values)).style(style)
    };
    let latency = &snapshot.latency;
    let rows = [
        row("venue → socket", latency.venue_to_receive, Style::new()),
        row("socket → signal", latency.receive_to_read, Style::new()),
        row("venue → signal", latency.end_to_end, Style::new().bold()),
    ];
    let widths = std::iter::once(Constraint::Length(15))
        .chain(names.iter().map(|_| Constraint::Length(PERCENTILE_WIDTH)));
    let table = Table::new(rows, widths).header(Row::new(header).style(dim()));
    let [table_area, note] = Layout::vertical([Constraint::Length(4), Constraint::Min(0)]).areas(inner);
    frame.render_widget(table, table_area);
    if let Some((before, at)) = snapshot.stalled() {
        let text = format!("{} stands still, {} does not", at.as_str(), before.as_str());
        frame.render_widget(Paragraph::new(text.red().bold()), note);
    } else if snapshot.ahead_count > 0 {
        let text = format!("venue's clock ahead of ours in {}", grouped(snapshot.ahead_count));
        frame.render_widget(Paragraph::new(text.magenta()), note);
    }
}

fn values(percentiles: Percentiles, is_wide: bool) -> Vec<String> {
    let Percentiles { count, p50_us, p90_us, p99_us, p999_us, max_us } = percentiles;
    let values = if is_wide {
        vec![p50_us, p90_us, p99_us, p999_us, max_us]
    } else {
        vec![p50_us, p90_us, p99_us, max_us]
    };
    let text = |micros| if count == 0 { format::UNKNOWN.to_owned() } else { format::latency(micros) };
    values.into_iter().map(text).collect()
}
