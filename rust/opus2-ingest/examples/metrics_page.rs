//! Prints docs/contracts/metrics.md: `cargo run -qp opus2-ingest --example metrics_page >docs/contracts/metrics.md`.

#![expect(clippy::print_stdout, reason = "a command line program")]

fn main() {
    print!("{}", opus2_ingest::metrics::render_page());
}
