//! What was measured, for people and for programs.

use std::fmt;

use serde::Serialize;

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) rate: u32,
    pub(super) secs: u64,
    pub(super) start: Start,
    pub(super) many: Load,
    pub(super) few: Load,
    pub(super) bare: Bare,
}

/// Books from a cold start of the daemon.
#[derive(Debug, Serialize)]
pub(super) struct Start {
    pub(super) instruments: u32,
    /// Books that became live.
    pub(super) live: f64,
    pub(super) first_hundred_secs: f64,
    pub(super) all_secs: f64,
    /// What the weight alone demands, at the venue's limit and our share of it, from that second of the minute on.
    pub(super) weight_secs_min: f64,
    pub(super) rate_limited: f64,
    pub(super) resyncs: f64,
}

/// A daemon under load.
#[derive(Debug, Serialize)]
pub(super) struct Load {
    pub(super) instruments: u32,
    /// Books that were live when measuring began.
    pub(super) live: f64,
    pub(super) messages_per_sec: f64,
    pub(super) cpu_cores: f64,
    pub(super) cpu_micros_per_message: f64,
    pub(super) rss_mib_max: f64,
    pub(super) record_bytes_mean: usize,
    pub(super) wire_to_ack_ms_p50: f64,
    pub(super) wire_to_ack_ms_p99: f64,
    pub(super) lost: f64,
    pub(super) resyncs: f64,
    pub(super) rate_limited: f64,
}

/// A producer with nothing before it.
#[derive(Debug, Serialize)]
pub(super) struct Bare {
    pub(super) ack_ms_p50: f64,
    pub(super) ack_ms_p99: f64,
}

/// Weight of the list of instruments and of the day's volumes.
const LIST_WEIGHT: f64 = 100.0;
/// Weight of a first snapshot of 100 levels.
const SNAPSHOT_WEIGHT: f64 = 5.0;

/// The least time in which the weight for so many first snapshots can be spent: nothing while one window's budget is
/// enough; else until the window begins in which the last of them fits.
pub(super) fn weight_secs_min(instruments: u32, budget: f64, secs_to_next_minute: f64) -> f64 {
    let windows = ((LIST_WEIGHT + SNAPSHOT_WEIGHT * f64::from(instruments)) / budget.max(1.0)).ceil();
    if windows <= 1.0 { 0.0 } else { secs_to_next_minute + 60.0 * (windows - 2.0) }
}

/// The nearest whole number of something that is counted.
pub(super) fn whole(value: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a record")]
    let whole = value.max(0.0).round() as usize;
    whole
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, many, few, bare, .. } = self;
        writeln!(f, "| start of {} instruments | |\n| --- | --- |", start.instruments)?;
        writeln!(f, "| first 100 books live | {:.1} s |", start.first_hundred_secs)?;
        writeln!(f, "| last of {:.0} books live | {:.1} s |", start.live, start.all_secs)?;
        writeln!(f, "| least that the weight allows | {:.1} s |", start.weight_secs_min)?;
        writeln!(f, "| HTTP 429 | {:.0} |", start.rate_limited)?;
        writeln!(f, "| resyncs | {:.0} |\n", start.resyncs)?;
        let (many_name, few_name) = (many.instruments, few.instruments);
        writeln!(
            f,
            "| {} messages/s, {} s | {many_name} instruments | {few_name} instruments | bare producer |",
            self.rate, self.secs
        )?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        writeln!(f, "| books live | {:.0} | {:.0} | |", many.live, few.live)?;
        writeln!(
            f,
            "| messages/s received | {:.0} | {:.0} | |",
            many.messages_per_sec, few.messages_per_sec
        )?;
        writeln!(f, "| daemon, cores | {:.2} | {:.2} | |", many.cpu_cores, few.cpu_cores)?;
        writeln!(
            f,
            "| daemon, µs a message | {:.1} | {:.1} | |",
            many.cpu_micros_per_message, few.cpu_micros_per_message
        )?;
        writeln!(f, "| daemon, resident MiB at most | {:.0} | {:.0} | |", many.rss_mib_max, few.rss_mib_max)?;
        writeln!(
            f,
            "| wire to acknowledgement, p50 ms | {:.2} | {:.2} | {:.2} |",
            many.wire_to_ack_ms_p50, few.wire_to_ack_ms_p50, bare.ack_ms_p50
        )?;
        writeln!(
            f,
            "| wire to acknowledgement, p99 ms | {:.2} | {:.2} | {:.2} |",
            many.wire_to_ack_ms_p99, few.wire_to_ack_ms_p99, bare.ack_ms_p99
        )?;
        writeln!(f, "| messages lost | {:.0} | {:.0} | |", many.lost, few.lost)?;
        writeln!(f, "| resyncs | {:.0} | {:.0} | |", many.resyncs, few.resyncs)?;
        writeln!(f, "| HTTP 429 | {:.0} | {:.0} | |", many.rate_limited, few.rate_limited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_bound_is_nothing_in_one_window_and_the_minutes_turn_beyond() {
        for (instruments, expect) in [(900, 0.0), (1_000, 42.0), (2_000, 102.0)] {
            let found = weight_secs_min(instruments, 4_800.0, 42.0);
            assert!((found - expect).abs() < 1e-9, "{instruments}: {found}");
        }
    }
}
