//! The steps of the data path, left to right as the records flow.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Sparkline};

use super::{dim, section};
use crate::watch::format;
use crate::watch::snapshot::{Snapshot, StepCount};

/// Room for the longest name and an arrow.
const ARROW_FROM_WIDTH: u16 = 13;

/// Three lines a step (name, rate, count) and, where there is room, the history of its rate.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let inner = section(frame, area, Line::from(" steps "));
    let columns: [Rect; 7] = Layout::horizontal([Constraint::Fill(1); 7]).areas(inner);
    for (index, (step, column)) in snapshot.steps.iter().zip(columns).enumerate() {
        let is_last = index + 1 == snapshot.steps.len();
        draw_step(frame, column, step, is_last);
    }
}

fn draw_step(frame: &mut Frame<'_>, column: Rect, step: &StepCount, is_last: bool) {
    let [text, history] = Layout::vertical([Constraint::Length(3), Constraint::Min(0)]).areas(column);
    let arrow = if is_last || column.width < ARROW_FROM_WIDTH { "" } else { " ›" };
    let rate = Line::from(format::rate(step.per_second)).bold();
    let lines = vec![
        Line::from(vec![step.step.as_str().into(), arrow.dim()]),
        rate,
        Line::from(format::count(step.count)).style(dim()),
    ];
    frame.render_widget(Paragraph::new(lines), text);
    // One cell of air between two histories.
    let width = history.width.saturating_sub(2);
    let recent = step.history.len().saturating_sub(usize::from(width));
    let sparkline = Sparkline::default().data(&step.history[recent..]).style(dim());
    frame.render_widget(sparkline, Rect { width, ..history });
}
