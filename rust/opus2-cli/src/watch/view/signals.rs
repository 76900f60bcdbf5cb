//! The last signal of every instrument, and what the detectors saw.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::{WIDE, dim, section};
use crate::watch::format::{self, UNKNOWN};
use crate::watch::snapshot::{Detection, LastSignal, Snapshot};

/// Cells of the bar on each side of zero.
const BAR_HALF_CELLS: usize = 4;
const DETECTIONS_WIDTH: u16 = 44;
/// The state of a book that is in step with its venue.
const LIVE: &str = "live";

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, scroll: usize) {
    let is_wide = area.width >= WIDE;
    let detections_width = if is_wide { DETECTIONS_WIDTH } else { 0 };
    let [table, detections] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(detections_width)]).areas(area);
    draw_table(frame, table, snapshot, scroll, !is_wide);
    if is_wide {
        draw_detections(frame, detections, snapshot);
    }
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, scroll: usize, with_detections: bool) {
    let rows_count = usize::from(area.height.saturating_sub(2));
    let total = snapshot.signals.len();
    let first = scroll.min(total.saturating_sub(rows_count));
    let shown = &snapshot.signals[first..total.min(first + rows_count)];
    let range = if total > rows_count {
        format!(" {}–{} of {total} ", first + 1, first + shown.len())
    } else {
        String::new()
    };
    let venue = only_venue(&snapshot.signals);
    let of_venue = venue.map_or(String::new(), |venue| format!("of {venue} "));
    let title = Line::from(vec![" signals ".into(), of_venue.into(), range.not_bold()]);
    let inner = section(frame, area, title);
    if shown.is_empty() {
        frame.render_widget(Paragraph::new(Line::from("none yet").style(dim())), inner);
        return;
    }
    let right = |text: &str| Cell::from(Line::from(text.to_owned()).right_aligned());
    let mut header =
        vec![Cell::from("  instrument"), right("mid"), Cell::from("queue imbalance"), right("OFI 1 s")];
    let mut widths =
        vec![Constraint::Min(14), Constraint::Length(12), Constraint::Length(16), Constraint::Length(8)];
    if with_detections {
        header.push(Cell::from("last detection"));
        widths.push(Constraint::Length(20));
    }
    let rows = shown.iter().map(|signal| {
        let last = snapshot.detections.iter().find(|detection| detection.instrument == signal.instrument);
        let mut cells = vec![
            Cell::from(name(signal, venue)),
            right(signal.mid.as_deref().unwrap_or(UNKNOWN)),
            Cell::from(imbalance(signal)),
            right(&signal.ofi.map_or_else(|| UNKNOWN.to_owned(), format::signed)),
        ];
        if with_detections {
            cells.push(Cell::from(last.map_or("", |detection| detection.text.as_str()).to_owned()));
        }
        Row::new(cells)
    });
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).style(dim())), inner);
}

/// The venue of all instruments, when they have one in common.
fn only_venue(signals: &[LastSignal]) -> Option<&str> {
    let mut venues = signals.iter().map(|signal| signal.instrument.split_once(':').map(|(venue, _)| venue));
    let first = venues.next()??;
    venues.all(|venue| venue == Some(first)).then_some(first)
}

/// The instrument, after a dot that says whether its book is live; without its venue where that is said already.
fn name<'a>(signal: &'a LastSignal, venue: Option<&str>) -> Line<'a> {
    let mark = match signal.book.as_deref() {
        Some(LIVE) => "● ".green(),
        Some(_) => "◌ ".magenta(),
        None => "  ".into(),
    };
    let key = signal.instrument.as_str();
    let short = venue.and_then(|venue| key.strip_prefix(venue)?.strip_prefix(':'));
    Line::from(vec![mark, short.unwrap_or(key).bold()])
}

/// A bar from the middle, to the right when bids are heavier, and the number; without a live book its state in words.
fn imbalance(signal: &LastSignal) -> Line<'_> {
    if let Some(state) = signal.book.as_deref().filter(|state| *state != LIVE) {
        return Line::from(format!("book: {state}").magenta());
    }
    let Some(value) = signal.queue_imbalance else { return Line::from(format!("{UNKNOWN:^9}")) };
    let (left, right) = bar(value);
    Line::from(vec![left.red(), "│".dim(), right.green(), Span::raw(format!(" {value:+.2}"))])
}

/// The two halves of the bar for a value from -1 to 1, in steps of half a cell.
fn bar(value: f64) -> (String, String) {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 ..= 8"
    )]
    let halves = (value.abs().min(1.0) * (2 * BAR_HALF_CELLS) as f64).round() as usize;
    let (full, half) = (halves / 2, halves % 2);
    let air = " ".repeat(BAR_HALF_CELLS - full - half);
    let empty = " ".repeat(BAR_HALF_CELLS);
    if value < 0.0 {
        (format!("{air}{}{}", "▐".repeat(half), "█".repeat(full)), empty)
    } else {
        (empty, format!("{}{}{air}", "█".repeat(full), "▌".repeat(half)))
    }
}

fn draw_detections(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let inner = section(frame, area, Line::from(" detections and decisions, newest first "));
    let lines: Vec<_> =
        snapshot.detections.iter().take(usize::from(inner.height)).map(detection_line).collect();
    let lines = if lines.is_empty() { vec![Line::from("none yet").style(dim())] } else { lines };
    frame.render_widget(Paragraph::new(lines), inner);
}

fn detection_line(detection: &Detection) -> Line<'_> {
    let symbol =
        detection.instrument.split_once(':').map_or(detection.instrument.as_str(), |(_, symbol)| symbol);
    let times = if detection.count > 1 { format!(" ×{}", detection.count) } else { String::new() };
    Line::from(vec![
        format::time_of_day(detection.recv_ts).dim(),
        " ".into(),
        symbol.bold(),
        " ".into(),
        detection.text.as_str().into(),
        times.dim(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expect: &str) {
        let (left, right) = bar(value);
        assert_eq!(format!("{left}|{right}"), expect, "{value}");
    }

    #[test]
    fn the_bar_leans_to_the_heavier_side() {
        check(0.0, "    |    ");
        check(1.0, "    |████");
        check(-1.0, "████|    ");
        check(0.5, "    |██  ");
        check(-0.62, " ▐██|    ");
        check(7.0, "    |████");
    }
}
