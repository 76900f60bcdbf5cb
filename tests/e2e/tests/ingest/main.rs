//! Nothing is lost between a venue and the raw topic that the venue can still give: one of two sockets cut, sockets
//! replaced at their age, the broker restarted, the daemon killed. What is on the topic is compared with the simulated
//! venue's own book and counts.

mod cutter;
mod topic;
mod world;

use std::time::Duration;

use anyhow::ensure;

use world::World;

const INSTRUMENTS: usize = 12;

#[test]
fn nothing_is_lost_that_the_venue_can_still_give() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut world = World::start(INSTRUMENTS).await?;
        let checked = check_all(&mut world).await;
        let stopped = world.stop().await;
        checked.and(stopped)
    })
}

async fn check_all(world: &mut World) -> anyhow::Result<()> {
    cutting_either_of_two_sockets_loses_nothing(world).await?;
    replacing_old_sockets_loses_nothing(world).await?;
    a_restarted_broker_loses_nothing(world).await?;
    a_killed_daemon_comes_back_to_the_same_books(world).await
}

async fn cutting_either_of_two_sockets_loses_nothing(world: &mut World) -> anyhow::Result<()> {
    let topic = world.topic()?;
    let daemon = world.start_daemon(&[("VENUE__BINANCE__SOCKETS_PER_CONNECTION", "2")]).await?;
    daemon.wait_for("opus2_ingest_books", Some(("state", "live")), INSTRUMENTS).await?;
    daemon.wait_for("opus2_ingest_sockets_open", None, 4).await?;
    for cut in 1..=6 {
        world.cutter.cut_oldest();
        daemon.wait_for("opus2_ingest_socket_ends_total", None, cut).await?;
        daemon.wait_for("opus2_ingest_sockets_open", None, 4).await?;
    }
    daemon.require_none("opus2_ingest_resyncs_total").await?;
    daemon.require_none("opus2_ingest_reconnects_total").await?;
    let found = world.settle(topic).await?;
    ensure!(found.connections_max == 1 && found.holes == 0, "cut sockets: {found:?}");
    world.stop_daemon(daemon).await
}

async fn replacing_old_sockets_loses_nothing(world: &mut World) -> anyhow::Result<()> {
    let topic = world.topic()?;
    let settings = [
        ("VENUE__BINANCE__AGE_SECS_MAX", "10"),
        ("VENUE__BINANCE__AGE_JITTER_SECS_MAX", "0"),
        ("VENUE__BINANCE__OVERLAP_SECS", "1"),
    ];
    let daemon = world.start_daemon(&settings).await?;
    daemon.wait_for("opus2_ingest_socket_ends_total", Some(("reason", "age")), 4).await?;
    daemon.require_none("opus2_ingest_resyncs_total").await?;
    daemon.require_none("opus2_ingest_reconnects_total").await?;
    let found = world.settle(topic).await?;
    ensure!(found.connections_max == 1 && found.holes == 0, "replaced sockets: {found:?}");
    world.stop_daemon(daemon).await
}

async fn a_restarted_broker_loses_nothing(world: &mut World) -> anyhow::Result<()> {
    let topic = world.topic()?;
    // Room for what comes while the broker is away, on a machine of any speed.
    let settings = [("KAFKA__IN_FLIGHT_RECORDS_LIMIT", "200000"), ("KAFKA__DELIVERY_SECS_MAX", "120")];
    let daemon = world.start_daemon(&settings).await?;
    daemon.wait_for("opus2_ingest_books", Some(("state", "live")), INSTRUMENTS).await?;
    world.restart_broker().await?;
    daemon.require_none("opus2_ingest_reconnects_total").await?;
    let found = world.settle(topic).await?;
    ensure!(found.connections_max == 1 && found.holes == 0, "restarted broker: {found:?}");
    daemon.require_none("opus2_ingest_drops_total").await?;
    world.stop_daemon(daemon).await
}

/// What the venue said while nobody listened it does not say again; everything else is there, and the books are right.
async fn a_killed_daemon_comes_back_to_the_same_books(world: &mut World) -> anyhow::Result<()> {
    let topic = world.topic()?;
    let first = world.start_daemon(&[]).await?;
    first.wait_for("opus2_ingest_books", Some(("state", "live")), INSTRUMENTS).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.kill_daemon(first).await?;
    let second = world.start_daemon(&[]).await?;
    second.wait_for("opus2_ingest_books", Some(("state", "live")), INSTRUMENTS).await?;
    let found = world.settle(topic).await?;
    ensure!(found.connections_max == 2, "killed daemon: {found:?}");
    ensure!(found.holes_within_connections == 0, "killed daemon: {found:?}");
    world.stop_daemon(second).await
}
