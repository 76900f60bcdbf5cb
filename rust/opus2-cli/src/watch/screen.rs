//! The loop around the picture: draw, listen to the keys, know when to end.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::line::status_line;
use super::monitor::Monitor;
use super::snapshot::Snapshot;
use super::view::{self, Choice};

/// How often the picture is drawn while no key is pressed.
const DRAW_PERIOD: Duration = Duration::from_millis(250);
/// How often a line is written where there is no terminal.
const LINE_PERIOD: Duration = Duration::from_secs(5);
/// How often `until` is asked where there is no terminal.
const ASK_PERIOD: Duration = Duration::from_millis(200);

/// Why a view ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The person pressed `q`, Escape or Ctrl-C.
    ByKey,
    /// `until` said so.
    ByCaller,
}

/// Shows a monitor until the person at the screen or `until` ends it.
///
/// Where standard output is no terminal, a line is written every five seconds instead. `until` is asked several times
/// a second. While the screen is shown nobody else may write to the terminal.
///
/// # Errors
/// The terminal cannot be written to or read from; it is put back as it was in any case.
pub(crate) fn run_view(monitor: &Monitor, until: impl FnMut(&Snapshot) -> bool) -> anyhow::Result<Ended> {
    if !std::io::stdout().is_terminal() {
        return write_lines(monitor, &mut std::io::stdout(), until);
    }
    let mut terminal = ratatui::try_init().context("prepare the terminal")?;
    let ended = show(&mut terminal, monitor, until);
    ratatui::try_restore().context("put the terminal back as it was")?;
    ended
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    monitor: &Monitor,
    mut until: impl FnMut(&Snapshot) -> bool,
) -> anyhow::Result<Ended> {
    let mut choice = Choice::default();
    let mut shown = monitor.snapshot();
    loop {
        let snapshot = monitor.snapshot();
        if until(&snapshot) {
            return Ok(Ended::ByCaller);
        }
        if !choice.is_paused {
            shown = snapshot;
        }
        terminal.draw(|frame| view::draw(frame, &shown, choice)).context("draw on the terminal")?;
        if !event::poll(DRAW_PERIOD).context("listen to the keyboard")? {
            continue;
        }
        if let Event::Key(key) = event::read().context("read the keyboard")?
            && key.kind != KeyEventKind::Release
        {
            match command(key) {
                Some(Command::Quit) => return Ok(Ended::ByKey),
                Some(Command::Restart) => monitor.restart_counts(),
                Some(command) => choice = choose(choice, command, shown.signals.len()),
                None => {}
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Quit,
    Restart,
    Pause,
    Scroll(isize),
}

fn command(key: KeyEvent) -> Option<Command> {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Command::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Command::Quit),
        KeyCode::Char('r') => Some(Command::Restart),
        KeyCode::Char('p' | ' ') => Some(Command::Pause),
        KeyCode::Up | KeyCode::Char('k') => Some(Command::Scroll(-1)),
        KeyCode::Down | KeyCode::Char('j') => Some(Command::Scroll(1)),
        KeyCode::PageUp => Some(Command::Scroll(-10)),
        KeyCode::PageDown => Some(Command::Scroll(10)),
        _ => None,
    }
}

fn choose(choice: Choice, command: Command, instruments_count: usize) -> Choice {
    match command {
        Command::Pause => Choice { is_paused: !choice.is_paused, ..choice },
        Command::Scroll(by) => {
            let scroll = choice.scroll.saturating_add_signed(by).min(instruments_count.saturating_sub(1));
            Choice { scroll, ..choice }
        }
        Command::Quit | Command::Restart => choice,
    }
}

fn write_lines(
    monitor: &Monitor,
    out: &mut impl Write,
    mut until: impl FnMut(&Snapshot) -> bool,
) -> anyhow::Result<Ended> {
    let mut last_line = Instant::now();
    loop {
        std::thread::sleep(ASK_PERIOD);
        let snapshot = monitor.snapshot();
        let ends = until(&snapshot);
        if ends || last_line.elapsed() >= LINE_PERIOD {
            last_line = Instant::now();
            writeln!(out, "{}", status_line(&snapshot)).context("write a status line")?;
        }
        if ends {
            return Ok(Ended::ByCaller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_stays_among_the_instruments() {
        let at = |scroll| Choice { scroll, is_paused: false };
        assert_eq!(choose(at(0), Command::Scroll(-1), 5), at(0));
        assert_eq!(choose(at(3), Command::Scroll(10), 5), at(4));
        assert_eq!(choose(at(0), Command::Scroll(1), 0), at(0));
        assert!(choose(at(2), Command::Pause, 5).is_paused);
    }

    #[test]
    fn control_c_quits_and_c_alone_does_not() {
        let key = |modifiers| KeyEvent::new(KeyCode::Char('c'), modifiers);
        assert_eq!(command(key(KeyModifiers::CONTROL)), Some(Command::Quit));
        assert_eq!(command(key(KeyModifiers::NONE)), None);
    }
}
