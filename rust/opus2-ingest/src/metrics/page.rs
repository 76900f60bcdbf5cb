//! docs/contracts/metrics.md.

use std::fmt::Write as _;

use opus2_types::{BookState, Channel};
use opus2_venue::Reject;
use opus2_venue::session::ResyncReason;

use super::names::{
    BOOKS, DROPS, FRAMES_RECEIVED, HEALTH_COMPONENTS, HOLES, Kind, LISTING_CHANGES, LISTING_POLLS,
    OF_PROCESS, RECONNECTS, RECORDS_ACKED, RECORDS_PUBLISHED, REJECTS, RESYNCS, SNAPSHOTS, SNAPSHOTS_WAITING,
    SOCKET_ENDS, SPECS, Spec,
};
use super::{HOLE_OUTCOMES, LISTING_CHANGE_KINDS, LISTING_RESULTS, Loss, PURPOSES, SNAPSHOT_RESULTS};
use crate::end::End;

/// The text of docs/contracts/metrics.md.
///
/// # Panics
/// Never: writing to a string cannot fail.
#[must_use]
pub fn render_page() -> String {
    let shared: Vec<String> = OF_PROCESS.iter().map(|spec| format!("`{}`", spec.name)).collect();
    let mut page = format!(
        "# Metrics\n\n\
         Made from `rust/opus2-ingest/src/metrics/names.rs`; do not edit. A test checks that it is fresh; to make it anew:\n\
         `cargo run -qp opus2-ingest --example metrics_page >docs/contracts/metrics.md`\n\n\
         `opus2 ingest` serves them at `/metrics` of the address in `metrics.listen`. Every metric carries the label \
         `venue`, but those of\nthe way to the broker, which the venues share: {}.\nUnits are base units (seconds, bytes).\n\n\
         | metric | kind | label | meaning |\n| --- | --- | --- | --- |\n",
        shared.join(", ")
    );
    for spec in SPECS {
        let kind = match spec.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let label = spec.label.map_or_else(String::new, |label| format!("`{label}`"));
        writeln!(page, "| `{}` | {kind} | {label} | {} |", spec.name, spec.help)
            .expect("writing to a string cannot fail");
    }
    page.push_str("\n## Values of labels\n\n| metric | values |\n| --- | --- |\n");
    for (spec, values) in label_values() {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        writeln!(page, "| `{}` | {} |", spec.name, values.join(", "))
            .expect("writing to a string cannot fail");
    }
    page
}

fn label_values() -> Vec<(&'static Spec, Vec<&'static str>)> {
    let channels = Channel::ALL.map(Channel::as_str).to_vec();
    let dropped = Reject::NAMES.into_iter().chain(Loss::ALL.map(Loss::as_str)).collect();
    vec![
        (&FRAMES_RECEIVED, channels.clone()),
        (&RECORDS_PUBLISHED, channels.clone()),
        (&RECORDS_ACKED, channels),
        (&DROPS, dropped),
        (&REJECTS, Reject::NAMES.to_vec()),
        (&RECONNECTS, End::NAMES.to_vec()),
        (&RESYNCS, ResyncReason::ALL.map(ResyncReason::as_str).to_vec()),
        (&SNAPSHOTS, SNAPSHOT_RESULTS.to_vec()),
        (&BOOKS, BookState::ALL.map(BookState::as_str).to_vec()),
        (&SOCKET_ENDS, End::NAMES.to_vec()),
        (&HOLES, HOLE_OUTCOMES.to_vec()),
        (&LISTING_POLLS, LISTING_RESULTS.to_vec()),
        (&LISTING_CHANGES, LISTING_CHANGE_KINDS.to_vec()),
        (&SNAPSHOTS_WAITING, PURPOSES.to_vec()),
        (&HEALTH_COMPONENTS, opus2_hifa::HEALTH_COMPONENTS.to_vec()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use std::sync::Arc;

    use opus2_types::Venue;

    use super::*;
    use crate::metrics::{Metrics, ProcessMetrics, render};

    fn page(venues: &[Venue]) -> String {
        let venues: Vec<Arc<Metrics>> = venues.iter().map(|venue| Arc::new(Metrics::new(*venue))).collect();
        String::from_utf8(render(&ProcessMetrics::default(), &venues)).unwrap()
    }

    #[test]
    fn every_metric_is_on_the_page_and_every_name_keeps_the_rules() {
        let page = page(&Venue::ALL);
        let names: BTreeSet<&str> = SPECS.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), SPECS.len());
        let served: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert_eq!(served, names);
        let types = page.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, names.len(), "a family stands once on the page, whatever the number of venues");
        for spec in SPECS {
            assert!(spec.name.starts_with("opus2_ingest_"), "{}", spec.name);
            assert_eq!(spec.name.ends_with("_total"), spec.kind == Kind::Counter, "{}", spec.name);
        }
    }

    #[test]
    fn every_value_of_a_label_counts_from_the_start() {
        let page = page(&Venue::ALL);
        for (spec, values) in label_values() {
            let label = spec.label.unwrap();
            for value in values {
                for venue in Venue::ALL {
                    let line = format!("{}{{{label}=\"{value}\",venue=\"{venue}\"}} 0", spec.name);
                    assert!(page.lines().any(|served| served == line), "{line}");
                }
            }
        }
    }

    #[test]
    fn the_contract_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/contracts/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert_eq!(page, render_page(), "run the example `metrics_page`");
    }
}
