//! The thread that asks the HTTP sources, all at once, once a second.

use std::time::Duration;

use reqwest::Client;

use super::config::{MonitorConfig, POLL_PERIOD};
use super::monitor::Shared;
use super::snapshot::{Source, SourceState, Step};
use super::source::flink::FlinkReading;
use super::source::ingest::IngestReading;
use super::source::{Missing, flink, http, ingest, simulator};

/// Asks, and remembers between two rounds what a reading means.
pub(super) struct Poll {
    client: Client,
    runtime: tokio::runtime::Runtime,
    flink: Endpoint,
    ingest: Endpoint,
    simulator: Endpoint,
    job_id: Option<String>,
}

/// Where a source is, and whether it was missing when it was first asked: then its counts are all ours.
struct Endpoint {
    source: Source,
    address: Option<String>,
    began_after: Option<bool>,
}

impl Poll {
    pub(super) fn new(config: &MonitorConfig) -> anyhow::Result<Self> {
        let endpoint = |source| Endpoint {
            source,
            address: config.address(source).map(|address| address.trim_end_matches('/').to_owned()),
            began_after: None,
        };
        Ok(Self {
            client: http::client()?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            flink: endpoint(Source::Flink),
            ingest: endpoint(Source::Ingest),
            simulator: endpoint(Source::Simulator),
            job_id: None,
        })
    }

    /// Asks until the monitor stops.
    pub(super) fn run(mut self, shared: &Shared) {
        loop {
            let (flink, ingest, simulator) = self.runtime.block_on(async {
                tokio::join!(
                    self.flink.ask(async |base| flink::read(&self.client, base).await),
                    self.ingest.ask(async |url| ingest::read(&self.client, url).await),
                    self.simulator.ask(async |base| simulator::read(&self.client, base).await),
                )
            });
            let now = shared.now();
            if let Some(flink) = flink {
                self.note_flink(shared, now, flink);
            }
            if let Some(ingest) = ingest {
                self.note_ingest(shared, now, ingest);
            }
            if let Some(sent) = simulator {
                let sent = self.simulator.note(shared, sent, |_| String::new());
                if let Some(sent) = sent {
                    shared.state().observe_step(now, Step::Simulated, sent, self.simulator.is_younger());
                }
            }
            shared.state().tick(now);
            if shared.pause(POLL_PERIOD) {
                return;
            }
        }
    }

    fn note_flink(&mut self, shared: &Shared, now: Duration, reading: Result<FlinkReading, Missing>) {
        let reading = self.flink.note(shared, reading, |reading| reading.job.state.to_lowercase());
        let mut state = shared.state();
        if let Some(reading) = &reading {
            let is_new_job = self.job_id.as_ref().is_some_and(|id| *id != reading.job.id);
            if is_new_job {
                state.owner_changed(Step::Consumed);
            }
            self.job_id = Some(reading.job.id.clone());
            if let Some(consumed) = reading.consumed {
                state.observe_step(now, Step::Consumed, consumed, self.flink.is_younger());
            }
        }
        state.set_job(reading.map(|reading| reading.job));
    }

    fn note_ingest(&mut self, shared: &Shared, now: Duration, reading: Result<IngestReading, Missing>) {
        let Some(reading) = self.ingest.note(shared, reading, |_| String::new()) else { return };
        let mut state = shared.state();
        let counts = [
            (Step::Received, reading.received),
            (Step::Published, reading.published),
            (Step::Acked, reading.acked),
        ];
        for (step, value) in counts {
            if let Some(value) = value {
                state.observe_step(now, step, value, self.ingest.is_younger());
            }
        }
        state.set_losses(reading.losses);
    }
}

impl Endpoint {
    async fn ask<T>(&self, question: impl AsyncFnOnce(&str) -> T) -> Option<T> {
        match &self.address {
            Some(address) => Some(question(address).await),
            None => None,
        }
    }

    /// Shows how the source does; gives its reading if it has one.
    fn note<T>(
        &mut self,
        shared: &Shared,
        reading: Result<T, Missing>,
        note: impl Fn(&T) -> String,
    ) -> Option<T> {
        self.began_after.get_or_insert(reading.is_err());
        let address = self.address.as_deref().unwrap_or_default();
        let (reading, state) = match reading {
            Ok(reading) => {
                let note = note(&reading);
                (Some(reading), SourceState::Up { note })
            }
            Err(missing) => (None, missing.into()),
        };
        shared.state().set_source(self.source, address, state);
        reading
    }

    fn is_younger(&self) -> bool {
        self.began_after == Some(true)
    }
}
