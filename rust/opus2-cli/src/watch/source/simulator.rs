//! The simulated venue's own statistics.

use reqwest::Client;
use serde::Deserialize;

use super::Missing;
use super::http::get_json;

#[derive(Deserialize)]
struct Stats {
    /// Frames of streams written to all connections.
    sent: u64,
}

/// Asks the simulator at `base` how many frames it has sent.
pub(in crate::watch) async fn read(client: &Client, base: &str) -> Result<u64, Missing> {
    let stats: Stats =
        get_json(client, &format!("{base}/sim/stats?summary=true")).await.map_err(|reason| Missing {
            reason,
            todo: "start it with opus2 simulate, or name it with --simulator",
        })?;
    Ok(stats.sent)
}
