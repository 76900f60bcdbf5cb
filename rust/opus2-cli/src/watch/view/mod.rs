//! The picture: one screen drawn from one [`Snapshot`]. Nothing here asks anybody anything.
//!
//! Only the terminal's own sixteen colours are used, and none of them for text that must be read on any background:
//! what matters is bold, what explains is dim, and green, red and magenta only underline what words or signs say too.

mod health;
mod latency;
mod links;
mod signals;
mod steps;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Padding, Paragraph};

use super::format;
use super::snapshot::Snapshot;

/// The smallest screen with room for everything; a smaller one shows the upper left part.
const WIDE: u16 = 96;
/// From this height on the steps have room for their history.
const TALL: u16 = 28;

/// What the person at the screen has chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Instruments scrolled past.
    pub(super) scroll: usize,
    /// The picture stands still.
    pub(super) is_paused: bool,
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, choice: Choice) {
    let area = frame.area();
    let is_tall = area.height >= TALL;
    let [header, steps, middle, signals, links] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(if is_tall { 6 } else { 4 }),
        Constraint::Length(6),
        Constraint::Min(4),
        Constraint::Length(links::height(snapshot, area.width)),
    ])
    .areas(area);
    draw_header(frame, header, snapshot, choice);
    steps::draw(frame, steps, snapshot);
    let latency_width = if area.width >= WIDE { 57 } else { 49 };
    let [latency, health] =
        Layout::horizontal([Constraint::Length(latency_width), Constraint::Min(20)]).areas(middle);
    latency::draw(frame, latency, snapshot);
    health::draw(frame, health, snapshot);
    signals::draw(frame, signals, snapshot, choice.scroll);
    links::draw(frame, links, snapshot);
}

fn draw_header(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, choice: Choice) {
    let elapsed = format::clock(Duration::from_millis(snapshot.elapsed_ms));
    let state = if choice.is_paused { "paused".magenta().bold() } else { Span::raw(elapsed) };
    let left = Line::from(vec![" OPUS 2 ".bold().reversed(), "  ".into(), state]);
    let keys = Line::from("q quit   r restart counts   p pause   ↑↓ scroll ").style(dim()).right_aligned();
    frame.render_widget(Paragraph::new(keys), area);
    let left_width = u16::try_from(left.width()).unwrap_or(area.width).min(area.width);
    frame.render_widget(Paragraph::new(left), Rect { width: left_width, ..area });
}

/// A part of the screen under a line with its name; gives the room that is left.
fn section(frame: &mut Frame<'_>, area: Rect, title: Line<'_>) -> Rect {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(dim())
        .title(title.style(Style::new().not_dim().bold()))
        .padding(Padding::horizontal(1));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// For what explains.
fn dim() -> Style {
    Style::new().dim()
}

#[cfg(test)]
mod tests;
