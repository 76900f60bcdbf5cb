//! Where everything is, whether it answers, and what to do when it does not.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::section;
use crate::watch::snapshot::{Snapshot, SourceState, SourceStatus};

/// The room for one source that is well.
const LINK_WIDTH: u16 = 39;

/// Lines that the part takes with its title.
pub(super) fn height(snapshot: &Snapshot, width: u16) -> u16 {
    1 + u16::try_from(lines(snapshot, width).len()).unwrap_or(1)
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let inner = section(frame, area, Line::from(" links "));
    let lines = lines(snapshot, area.width);
    let rows = Layout::vertical(vec![Constraint::Length(1); lines.len()]).split(inner);
    for (sources, row) in lines.iter().zip(rows.iter()) {
        let columns = Layout::horizontal(vec![Constraint::Fill(1); sources.len()]).split(*row);
        for (source, column) in sources.iter().zip(columns.iter()) {
            frame.render_widget(Paragraph::new(line(source)), *column);
        }
    }
}

/// Sources that are well share lines; one that is not has a line of its own.
fn lines(snapshot: &Snapshot, width: u16) -> Vec<Vec<&SourceStatus>> {
    let is_long = |source: &&SourceStatus| matches!(source.state, SourceState::Missing { .. });
    let (long, short): (Vec<_>, Vec<_>) =
        snapshot.sources.iter().filter(|source| source.state != SourceState::Off).partition(is_long);
    let per_line = usize::from(width.saturating_sub(2) / LINK_WIDTH).max(1);
    short.chunks(per_line).map(<[_]>::to_vec).chain(long.into_iter().map(|source| vec![source])).collect()
}

fn line(source: &SourceStatus) -> Line<'_> {
    let name = source.source.as_str();
    match &source.state {
        SourceState::Up { .. } => {
            Line::from(vec!["● ".green(), name.into(), " ".into(), source.address.as_str().bold()])
        }
        SourceState::Waiting => {
            Line::from(vec!["○ ".dim(), name.into(), " ".into(), source.address.as_str().dim()])
        }
        SourceState::Off => Line::from(name.dim()),
        SourceState::Missing { reason, todo } => Line::from(vec![
            "✗ ".red().bold(),
            name.into(),
            Span::raw(format!(" {reason}; ")),
            todo.as_str().bold(),
            format!(" {}", source.address).dim(),
        ]),
    }
}
