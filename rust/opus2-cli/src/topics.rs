//! `opus2 topics`: make a broker's topics what `config/topics.toml` says, or show the difference.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use opus2_local::{Topic, TopicChange, TopicLayout, TopicPlan, apply_plan, ask_topics};

/// Arguments of `opus2 topics`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show what a broker has beside what the file asks for; change nothing.
    Describe(Which),
    /// Make missing topics, add partitions, change settings. Shows the difference first, never deletes or shrinks anything.
    Apply {
        #[command(flatten)]
        which: Which,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
struct Which {
    /// Kafka bootstrap servers.
    #[arg(long, value_name = "HOST:PORT,…", env = "OPUS2_BROKERS")]
    brokers: String,
    /// The profile of the file: how many partitions and copies.
    #[arg(long, default_value = opus2_local::PROFILE_LOCAL)]
    profile: String,
    /// The file. None means the one this program was built with, `config/topics.toml`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Copies of each partition, instead of the profile's: for the layout of many brokers on one.
    #[arg(long, value_name = "N")]
    replication: Option<i32>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("start the runtime")?;
    let mut stdout = std::io::stdout().lock();
    match &args.command {
        Command::Describe(which) => {
            let (wanted, found) = runtime.block_on(compare(which))?;
            write_topics(&wanted, &found, &mut stdout)?;
            write_plan(&TopicPlan::new(&wanted, &found), &mut stdout)
        }
        Command::Apply { which, yes } => {
            let (wanted, found) = runtime.block_on(compare(which))?;
            let plan = TopicPlan::new(&wanted, &found);
            write_plan(&plan, &mut stdout)?;
            if plan.changes.is_empty() {
                return Ok(());
            }
            if !yes && !is_wanted(plan.changes.len(), &mut stdout)? {
                bail!("nothing was changed");
            }
            runtime.block_on(apply_plan(&which.brokers, &plan))?;
            writeln!(stdout, "done: {} changes", plan.changes.len())?;
            Ok(())
        }
    }
}

async fn compare(which: &Which) -> Result<(Vec<Topic>, Vec<Topic>)> {
    let layout = match &which.config {
        None => TopicLayout::built_in(),
        Some(path) => TopicLayout::read(path).with_context(|| format!("topic layout {}", path.display()))?,
    };
    let mut wanted = layout.topics(&which.profile)?;
    if let Some(replication) = which.replication {
        if replication < 1 {
            bail!("--replication {replication} is out of bounds; expected 1 or more");
        }
        for topic in &mut wanted {
            topic.replication = replication;
            // More copies than there are can never have a record.
            if let Some(least) = topic.settings.get_mut("min.insync.replicas") {
                *least = least.parse::<i32>().unwrap_or(1).min(replication).to_string();
            }
        }
    }
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    let found = ask_topics(&which.brokers, &names).await?;
    Ok((wanted, found))
}

/// A line per topic of the file.
fn write_topics(wanted: &[Topic], found: &[Topic], to: &mut impl Write) -> Result<()> {
    writeln!(
        to,
        "{:<24} {:>15} {:>11} {:>15}  state",
        "topic", "partitions", "replication", "retention days"
    )?;
    for topic in wanted {
        let found = found.iter().find(|found| found.name == topic.name);
        let beside = |has: Option<String>, wanted: String| match has {
            Some(has) if has == wanted => wanted,
            has => format!("{} → {wanted}", has.unwrap_or_else(|| "-".to_owned())),
        };
        let days = |topic: &Topic| {
            let text = topic.settings.get("retention.ms")?;
            Some(text.parse::<i64>().map_or_else(|_| text.clone(), |ms| (ms / 86_400_000).to_string()))
        };
        let plan = TopicPlan::new(std::slice::from_ref(topic), found.map_or(&[], std::slice::from_ref));
        let state = match (found, plan.changes.is_empty(), plan.stands.is_empty()) {
            (None, ..) => "missing",
            (_, true, true) => "as asked",
            _ => "differs",
        };
        writeln!(
            to,
            "{:<24} {:>15} {:>11} {:>15}  {state}",
            topic.name,
            beside(found.map(|found| found.partitions.to_string()), topic.partitions.to_string()),
            beside(found.map(|found| found.replication.to_string()), topic.replication.to_string()),
            beside(found.and_then(days), days(topic).unwrap_or_default()),
        )?;
    }
    Ok(())
}

/// A line per change, and one per difference that stays.
fn write_plan(plan: &TopicPlan, to: &mut impl Write) -> Result<()> {
    for change in &plan.changes {
        match change {
            TopicChange::Create(topic) => {
                let settings: Vec<String> =
                    topic.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let (partitions, replication) = (topic.partitions, topic.replication);
                writeln!(
                    to,
                    "+ {:<24} {partitions} partitions, replication {replication}, {}",
                    topic.name,
                    settings.join(" ")
                )?;
            }
            TopicChange::AddPartitions { topic, from, to: more } => {
                writeln!(to, "~ {topic:<24} partitions {from} → {more}")?;
            }
            TopicChange::Set { topic, key, from, to: value } => {
                writeln!(to, "~ {topic:<24} {key} {} → {value}", from.as_deref().unwrap_or("unknown"))?;
            }
        }
    }
    for stands in &plan.stands {
        writeln!(to, "! {stands}")?;
    }
    if plan.changes.is_empty() {
        writeln!(to, "nothing to change")?;
    }
    Ok(())
}

fn is_wanted(changes: usize, to: &mut impl Write) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("{changes} changes wait for an answer, and nobody is there to give it; add --yes");
    }
    write!(to, "make these {changes} changes? [y/N] ")?;
    to.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
