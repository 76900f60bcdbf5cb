//! A monitor: the threads that ask the sources, and what they found.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::clock;
use super::config::MonitorConfig;
use super::poll;
use super::snapshot::{Snapshot, Source, SourceState};
use super::source::{Missing, offsets, reader};
use super::state::State;

/// Answers about offsets that may wait for the reader.
const ENDS_QUEUE_LIMIT: usize = 2;

/// What the threads of a monitor share.
pub(super) struct Shared {
    started: Instant,
    state: Mutex<State>,
    stopping: Mutex<bool>,
    wake: Condvar,
}

impl Shared {
    fn new(window: Duration) -> Self {
        Self {
            started: Instant::now(),
            state: Mutex::new(State::new(window)),
            stopping: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    /// The time since the monitor began.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A thread that panicked leaves whole readings behind, so its state is still good.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; true when the monitor stops, at once when it does.
    pub(super) fn pause(&self, length: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(stopping, length, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn stop(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }
}

/// Watches a running system until it is dropped.
///
/// Counts begin with the monitor, or with a process or topic that appears later. Start it before the system and every
/// count is that of the whole run; start it in between and the counts are those since.
pub(crate) struct Monitor {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Monitor {
    /// Starts the threads. No source has to be there: a missing one is asked again every second.
    ///
    /// # Errors
    /// No thread or no HTTP client could be made.
    pub(crate) fn start(config: &MonitorConfig) -> anyhow::Result<Self> {
        let mut monitor = Self { shared: Arc::new(Shared::new(config.window)), threads: Vec::new() };
        for source in Source::ALL {
            let address = config.address(source);
            let state = if address.is_some() { SourceState::Waiting } else { SourceState::Off };
            monitor.shared.state().set_source(source, address.unwrap_or_default(), state);
        }
        let poll = poll::Poll::new(config).context("make an HTTP client")?;
        monitor.spawn("watch-poll", move |shared| poll.run(shared))?;
        if let Some(brokers) = &config.brokers {
            let (sender, ends) = sync_channel(ENDS_QUEUE_LIMIT);
            let address = brokers.clone();
            monitor.spawn("watch-offsets", move |shared| offsets::run(shared, &address, &sender))?;
            let address = brokers.clone();
            monitor.spawn("watch-reader", move |shared| {
                if let Err(error) = reader::run(shared, &address, &ends) {
                    let missing =
                        Missing { reason: error.to_string(), todo: "watch again; the topics changed" };
                    shared.state().set_source(Source::Broker, &address, missing.into());
                }
            })?;
        }
        Ok(monitor)
    }

    /// Everything known now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = self.shared.now();
        self.shared.state().snapshot(now, clock::now())
    }

    /// Counts and total latencies begin at zero again, for instance once a system has warmed up.
    pub(crate) fn restart_counts(&self) {
        self.shared.state().restart();
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce(&Shared) + Send + 'static) -> anyhow::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&shared));
        self.threads.push(thread.with_context(|| format!("start the thread {name}"))?);
        Ok(())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to say here.
            drop(thread.join());
        }
    }
}
