//! `opus2 ingest`: arguments, logging and signals of the daemon; all else is in `opus2-ingest`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use opus2_ingest::Summary;
use opus2_ingest::config::{Config, RawConfig};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Arguments of `opus2 ingest`. Everything else is configuration: config/ingest.toml has every key.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration file. Without one, every key has its default; environment variables (`OPUS2_INGEST__…`) win over both.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration, say so, and stop.
    #[arg(long)]
    check_config: bool,
    /// Print the configuration that results from defaults, file and environment, and stop.
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let raw = RawConfig::load_with_environment(args.config.as_deref()).context("configuration")?;
    let mut stdout = std::io::stdout();
    if args.print_config {
        stdout.write_all(raw.to_toml().as_bytes())?;
    }
    let config = raw.validate().context("configuration")?;
    if args.check_config {
        let venues: Vec<String> =
            config.venues.iter().map(|venue| format!("{} ({})", venue.venue, venue.feed.kind())).collect();
        writeln!(stdout, "the configuration is good: {}", venues.join(", "))?;
    }
    if args.check_config || args.print_config {
        return Ok(());
    }
    begin_log(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("runtime")?;
    let summary = runtime.block_on(serve(config))?;
    // The one line on standard output; the log goes to standard error.
    writeln!(stdout, "{}", serde_json::to_string(&summary)?)?;
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<Summary> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let listener = opus2_ingest::listen(&config).await?;
    tracing::info!(address = %listener.local_addr()?, "metrics at /metrics, health at /healthz");
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    };
    Ok(opus2_ingest::run(config, listener, shutdown).await?)
}

fn begin_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&config.log_filter).with_context(|| {
        format!("log.filter = {:?}: expected a filter like info,opus2_ingest=debug", config.log_filter)
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.log_is_json {
        log.json().init();
    } else {
        log.with_ansi(false).init();
    }
    Ok(())
}
