//! The whole system on real processes: simulated venue or recording → broker → Flink → topics.
//!
//! Everything that runs is what users run: `target/release/opus2` and the job's jar, both from `scripts/build`.
//! The tests share one broker and one Flink, which start with the first test that needs them, run in order, and end
//! after the last one.

mod cluster;
mod live;
mod program;
mod resubmit;
mod topic;
mod twin;

use std::process::ExitCode;
use std::sync::Arc;

use cluster::System;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    // Two runs in one checkout would take each other's processes for what a killed run has left behind.
    let lock = if arguments.list { None } else { Some(program::wait_for_turn()) };
    if let Some(Err(error)) = &lock {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    let system = Arc::new(System::new());
    let has_recordings = program::has_recordings();
    if !has_recordings {
        eprintln!("no recordings at {}; set OPUS2_SHARED", program::recordings_folder().display());
    }
    let test = |name: &str, needs_recordings: bool, run: fn(&System) -> anyhow::Result<()>| {
        let system = Arc::clone(&system);
        let trial =
            Trial::test(name, move || run(&system).map_err(|error| Failed::from(format!("{error:#}"))));
        // libtest counts what it ignored, so a test without its recordings is never taken for one that passed.
        trial.with_ignored_flag(needs_recordings && !has_recordings)
    };
    let trials = vec![
        test("counts_agree_from_the_venue_to_the_signal", false, live::counts_agree),
        test("what_keep_left_running_is_stopped_by_down", false, live::kept_cluster_is_stopped),
        test("a_replayed_recording_equals_the_pipeline", true, twin::replayed),
        test("a_killed_taskmanager_changes_nothing_but_repeats", true, twin::killed),
        test("a_savepoint_resumed_at_another_parallelism_changes_nothing", true, twin::rescaled),
        test("resubmitting_leaves_no_growing_native_mappings", true, resubmit::mappings_do_not_grow),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stopped = system.stop();
    drop(lock);
    if let Err(error) = &stopped {
        eprintln!("stopping the cluster: {error:?}");
    }
    if conclusion.has_failed() || stopped.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
