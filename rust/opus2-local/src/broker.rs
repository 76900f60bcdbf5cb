//! The broker: Kafka in `KRaft` mode as one process of ours, or one that is already running elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::config::BROKERS_VARIABLE;
use crate::program::run_program;
use crate::{Distribution, Home, LocalError, Ports, Service, Settings, Spawn, java, require_free_port};

/// The newest 4.2 whose `kafka-tools`, which formats the log directory, is published too.
pub const KAFKA_VERSION: &str = "4.2.1";

/// How long the broker may take to answer after its start.
const READY_SECS_MAX: u64 = 60;
/// One question about the cluster's members.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
/// Any cluster id will do for a cluster of one; the format is a base64 UUID.
const CLUSTER_ID: &str = "T1BVUzItbG9jYWwtcnVuMQ";

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    address: String,
    service: Option<Service>,
    /// How it was started, where it is ours.
    launch: Option<Launch>,
}

/// How to start it, on whatever its log directory holds.
#[derive(Debug)]
struct Launch {
    home: Home,
    java: PathBuf,
    classes: String,
    files: Files,
}

impl Launch {
    async fn spawn(&self, address: &str) -> Result<Service, LocalError> {
        let mut command = Command::new(&self.java);
        command.args([
            "-Xms256m",
            "-Xmx512m",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            &self.files.logging,
        ]);
        command.args(["-cp", &self.classes, "kafka.Kafka"]).arg(&self.files.server);
        let mut service = Service::spawn(&self.home, Spawn { name: "kafka", command })?;
        let within = Duration::from_secs(READY_SECS_MAX);
        let answers = async || {
            let address = address.to_owned();
            tokio::task::spawn_blocking(move || ask_members(&address).is_ok()).await.unwrap_or(false)
        };
        if let Err(error) = service.wait_ready("it does not answer clients", within, answers).await {
            service.stop().await?;
            return Err(error);
        }
        Ok(service)
    }
}

impl Broker {
    /// The broker that `OPUS2_BROKERS` names, which is neither started nor stopped here, but must answer.
    ///
    /// # Errors
    /// [`LocalError::Broker`].
    pub fn external(brokers: &str) -> Result<Self, LocalError> {
        match ask_members(brokers) {
            Ok(_) => Ok(Self { address: brokers.to_owned(), service: None, launch: None }),
            Err(source) => Err(LocalError::Broker {
                what: format!(
                    "{BROKERS_VARIABLE} names a broker that does not answer; start it, or unset the variable; asked for members"
                ),
                brokers: brokers.to_owned(),
                source: Box::new(source),
            }),
        }
    }

    /// Starts Kafka on an empty log directory and waits until it serves.
    ///
    /// # Errors
    /// A port is taken, Java is missing, or Kafka ends or does not answer: with the end of its log.
    pub async fn start(home: &Home, settings: &Settings, kafka: &Distribution) -> Result<Self, LocalError> {
        let java = java(settings)?;
        require_free_port(settings.ports.broker)?;
        require_free_port(settings.ports.controller)?;
        let folder = home.fresh_folder("kafka")?;
        let files = write_configuration(&folder, &settings.ports)?;
        let classes = format!("{}/*", kafka.folder.display());
        // Kafka's own script does not pass the class path by argument; ours is too short to matter.
        run_program(
            Command::new(&java)
                .args(["-cp", &classes, &files.logging, "kafka.tools.StorageTool", "format", "--cluster-id"])
                .args([CLUSTER_ID, "--config"])
                .arg(&files.server),
        )?;
        let address = format!("127.0.0.1:{}", settings.ports.broker.number);
        let launch = Launch { home: home.clone(), java, classes, files };
        let service = launch.spawn(&address).await?;
        Ok(Self { address, service: Some(service), launch: Some(launch) })
    }

    /// Ends it as a crash would and starts it again on its own log directory; one that runs elsewhere is left alone.
    ///
    /// # Errors
    /// As [`Service::kill`] and [`start`](Self::start).
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        let (Some(launch), Some(service)) = (&self.launch, &mut self.service) else { return Ok(()) };
        service.kill().await?;
        *service = launch.spawn(&self.address).await?;
        Ok(())
    }

    /// `host:port`, as clients want it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it was started here, on an empty log directory.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.service.is_some()
    }

    /// Its process, unless it runs elsewhere.
    pub fn service_mut(&mut self) -> Option<&mut Service> {
        self.service.as_mut()
    }

    /// Stops it, if it is ours.
    ///
    /// # Errors
    /// As [`Service::stop`].
    pub async fn stop(mut self) -> Result<(), LocalError> {
        match &mut self.service {
            Some(service) => service.stop().await,
            None => Ok(()),
        }
    }
}

#[derive(Debug)]
struct Files {
    server: PathBuf,
    /// As an argument of the JVM.
    logging: String,
}

fn write_configuration(folder: &Path, ports: &Ports) -> Result<Files, LocalError> {
    let server = folder.join("server.properties");
    let logging = folder.join("log4j2.properties");
    let text = server_properties(&folder.join("data"), ports.broker.number, ports.controller.number);
    fs::write(&server, text).map_err(LocalError::io("write", &server))?;
    fs::write(&logging, LOGGING).map_err(LocalError::io("write", &logging))?;
    Ok(Files { logging: format!("-Dlog4j2.configurationFile={}", logging.display()), server })
}

/// A broker and controller in one, for one machine: one replica of everything, no topic by accident, and few threads.
/// Old segments go after an hour or 256 MiB a partition, whichever comes first, so that a long session fits a disk.
fn server_properties(data: &Path, broker: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=67108864
log.retention.ms=3600000
log.retention.bytes=268435456
log.retention.check.interval.ms=60000
",
        data = data.display(),
    )
}

/// Warnings and the few lines that tell of the start.
const LOGGING: &str = "status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %-5p %c{1} - %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server
logger.server.level=info
";

fn ask_members(brokers: &str) -> Result<usize, rdkafka::error::KafkaError> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // While it starts, refused connections are what we wait for, not news.
        .set("log_level", "2")
        .create()?;
    Ok(client.fetch_metadata(None, METADATA_TIMEOUT)?.brokers().len())
}
