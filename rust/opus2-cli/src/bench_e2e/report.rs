//! The numbers, for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::path::PathLatency;
use super::throughput::{Throughput, median};
use crate::watch::Percentiles;

/// What one run found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// Messages a second asked for.
    pub(super) rate: u32,
    pub(super) instruments: u32,
    pub(super) parallelism: u16,
    /// Seconds of each measurement.
    pub(super) secs: u64,
    /// Messages a second that the venue sent while the path was measured.
    pub(super) messages_per_sec: f64,
    /// The most that the venue was behind its schedule since it began.
    pub(super) simulator_late_ms_max: f64,
    pub(super) raw_value_bytes_mean: usize,
    pub(super) path: PathLatency,
    /// The bare hop with no other traffic.
    pub(super) hop_alone: Percentiles,
    /// The bare hop while the system works at its rate.
    pub(super) hop_beside: Percentiles,
    pub(super) throughput: Option<Throughput>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.0} messages/s over {} instruments, values of {} bytes, parallelism {}, {} s each",
            self.messages_per_sec, self.instruments, self.raw_value_bytes_mean, self.parallelism, self.secs
        )?;
        writeln!(f, "the venue was at most {:.1} ms behind its schedule\n", self.simulator_late_ms_max)?;
        writeln!(
            f,
            "{:<34}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}",
            "ms", "p50", "p90", "p99", "p99.9", "max", "count"
        )?;
        let path = &self.path;
        let signal = &path.venue_to_signal;
        write_row(f, "venue → signal (depth, trades)", signal)?;
        write_row(f, "socket → signal (all)", &path.socket_to_signal)?;
        write_row(f, "venue → socket", &path.venue_to_socket)?;
        write_row(f, "bare hop, alone", &self.hop_alone)?;
        write_row(f, "bare hop, beside the system", &self.hop_beside)?;
        write_ratios(f, "venue → signal / hop alone", signal, &self.hop_alone)?;
        write_ratios(f, "venue → signal / hop beside", signal, &self.hop_beside)?;
        let Some(throughput) = &self.throughput else { return Ok(()) };
        writeln!(f, "\n{:<34}{:>9}   every round, {} records", "records/s", "median", throughput.records)?;
        write_rounds(f, "copy,copy", &throughput.copy_per_sec)?;
        write_rounds(f, "normalize,signal", &throughput.hifa_per_sec)?;
        writeln!(f, "{:<34}{:>9.2}", "ratio", throughput.ratio())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, name: &str, latency: &Percentiles) -> fmt::Result {
    write!(f, "{name:<34}")?;
    for micros in values(latency) {
        write!(f, "{:>9.2}", micros / 1e3)?;
    }
    writeln!(f, "{:>10}", latency.count)
}

fn write_ratios(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    latency: &Percentiles,
    floor: &Percentiles,
) -> fmt::Result {
    write!(f, "{name:<34}")?;
    for (micros, floor) in values(latency).into_iter().zip(values(floor)) {
        write!(f, "{:>9.2}", micros / floor)?;
    }
    writeln!(f)
}

fn write_rounds(f: &mut fmt::Formatter<'_>, name: &str, rounds: &[f64]) -> fmt::Result {
    write!(f, "{name:<34}{:>9.0}  ", median(rounds))?;
    for round in rounds {
        write!(f, " {round:.0}")?;
    }
    writeln!(f)
}

fn values(latency: &Percentiles) -> [f64; 5] {
    #[expect(clippy::cast_precision_loss, reason = "two decimal places of milliseconds are shown")]
    [latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us]
        .map(|micros| micros as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_stands_beside_the_hop() {
        let latency = |times: u64| Percentiles {
            count: 1000,
            p50_us: 2_000 * times,
            p90_us: 3_000 * times,
            p99_us: 10_000 * times,
            p999_us: 20_000 * times,
            max_us: 31_000 * times,
        };
        let report = Report {
            rate: 5000,
            instruments: 51,
            parallelism: 2,
            secs: 60,
            messages_per_sec: 4998.7,
            simulator_late_ms_max: 1.26,
            raw_value_bytes_mean: 271,
            path: PathLatency {
                venue_to_signal: latency(3),
                socket_to_signal: latency(2),
                venue_to_socket: latency(1),
            },
            hop_alone: latency(1),
            hop_beside: latency(2),
            throughput: Some(Throughput {
                records: 3_000_000,
                copy_per_sec: vec![150_000.4, 151_000.0],
                hifa_per_sec: vec![80_000.0, 75_000.0],
            }),
        };
        insta::assert_snapshot!(report.to_string(), @"
        4999 messages/s over 51 instruments, values of 271 bytes, parallelism 2, 60 s each
        the venue was at most 1.3 ms behind its schedule

        ms                                      p50      p90      p99    p99.9      max     count
        venue → signal (depth, trades)         6.00     9.00    30.00    60.00    93.00      1000
        socket → signal (all)                  4.00     6.00    20.00    40.00    62.00      1000
        venue → socket                         2.00     3.00    10.00    20.00    31.00      1000
        bare hop, alone                        2.00     3.00    10.00    20.00    31.00      1000
        bare hop, beside the system            4.00     6.00    20.00    40.00    62.00      1000
        venue → signal / hop alone             3.00     3.00     3.00     3.00     3.00
        venue → signal / hop beside            1.50     1.50     1.50     1.50     1.50

        records/s                            median   every round, 3000000 records
        copy,copy                            150000   150000 151000
        normalize,signal                      75000   80000 75000
        ratio                                  0.50
        ");
    }
}
