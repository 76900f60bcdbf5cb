//! The processes of a local Flink session cluster.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::configuration::write_configuration;
use crate::{
    Distribution, FlinkClient, Home, LocalError, Port, Service, Settings, Spawn, java, require_free_port,
};

/// The version that the job is built for.
pub const FLINK_VERSION: &str = "2.2.1";
/// The class of the job with the `main` method.
pub const JOB_CLASS: &str = "opus2.job.HifaJob";
/// Where the build puts the job's jar, in the repository.
pub const JOB_JAR: &str = "flink-job/build/libs/opus2-flink-job.jar";

/// How long the JobManager may take to answer, and a TaskManager to register.
const READY_SECS_MAX: u64 = 90;

/// A running session cluster: one JobManager, one TaskManager at a time.
#[derive(Debug)]
pub struct Flink {
    home: Home,
    settings: Settings,
    folder: PathBuf,
    conf: PathBuf,
    client: FlinkClient,
    jobmanager: Service,
    taskmanager: Option<Service>,
    /// How many have been started: the number in the newest one's resource id.
    taskmanagers_started: u32,
}

impl Flink {
    /// Starts both processes with the distribution's own scripts and waits until the task slots are there.
    ///
    /// # Errors
    /// A port is taken, Java is missing, or a process ends or does not answer: with the end of its log.
    pub async fn start(home: &Home, settings: &Settings, flink: &Distribution) -> Result<Self, LocalError> {
        java(settings)?;
        let ports = &settings.ports;
        for port in [ports.flink_web, ports.flink_rpc, ports.jobmanager_metrics, ports.taskmanager_metrics] {
            require_free_port(port)?;
        }
        let conf = write_configuration(home, ports, flink)?;
        let client = FlinkClient::new(&format!("http://127.0.0.1:{}", ports.flink_web.number))?;
        let command = role(&flink.folder, &conf, "jobmanager.sh", ports.jobmanager_metrics, home);
        let jobmanager = Service::spawn(home, Spawn { name: "flink-jobmanager", command })?;
        let mut cluster = Self {
            home: home.clone(),
            settings: settings.clone(),
            folder: flink.folder.clone(),
            conf,
            client,
            jobmanager,
            taskmanager: None,
            taskmanagers_started: 0,
        };
        match cluster.complete().await {
            Ok(()) => Ok(cluster),
            Err(error) => {
                cluster.stop().await?;
                Err(error)
            }
        }
    }

    async fn complete(&mut self) -> Result<(), LocalError> {
        let within = Duration::from_secs(READY_SECS_MAX);
        let client = self.client.clone();
        let answers = async || client.taskmanagers().await.is_ok();
        // The TaskManager waits for the JobManager by itself, so both may start at once.
        self.spawn_taskmanager()?;
        self.jobmanager.wait_ready("its REST interface does not answer", within, answers).await?;
        self.wait_registered().await
    }

    /// Starts a TaskManager in place of one that was killed.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`LocalError::AlreadyRunning`] when the old one still runs.
    pub async fn start_taskmanager(&mut self) -> Result<(), LocalError> {
        self.spawn_taskmanager()?;
        self.wait_registered().await
    }

    fn spawn_taskmanager(&mut self) -> Result<(), LocalError> {
        self.taskmanagers_started += 1;
        let port = self.settings.ports.taskmanager_metrics;
        let mut command = role(&self.folder, &self.conf, "taskmanager.sh", port, &self.home);
        command.arg("-D").arg(format!("taskmanager.resource-id={}", self.newest_taskmanager()));
        self.taskmanager = Some(Service::spawn(&self.home, Spawn { name: "flink-taskmanager", command })?);
        Ok(())
    }

    /// Its resource id: the JobManager lists a killed one until it has missed its heartbeats.
    fn newest_taskmanager(&self) -> String {
        format!("taskmanager-{}", self.taskmanagers_started)
    }

    async fn wait_registered(&mut self) -> Result<(), LocalError> {
        let (client, newest) = (self.client.clone(), self.newest_taskmanager());
        let registered = async || client.taskmanagers().await.is_ok_and(|ids| ids.contains(&newest));
        let within = Duration::from_secs(READY_SECS_MAX);
        match &mut self.taskmanager {
            Some(service) => service.wait_ready("it has not registered", within, registered).await,
            None => Ok(()),
        }
    }

    /// The REST interface.
    #[must_use]
    pub fn client(&self) -> &FlinkClient {
        &self.client
    }

    /// The TaskManager's process, unless it was killed.
    pub fn taskmanager_mut(&mut self) -> Option<&mut Service> {
        self.taskmanager.as_mut()
    }

    /// The JobManager's process.
    pub fn jobmanager_mut(&mut self) -> &mut Service {
        &mut self.jobmanager
    }

    /// Stops both.
    ///
    /// # Errors
    /// As [`Service::stop`].
    pub async fn stop(mut self) -> Result<(), LocalError> {
        let taskmanager = match &mut self.taskmanager {
            Some(service) => service.stop().await,
            None => Ok(()),
        };
        self.jobmanager.stop().await?;
        taskmanager
    }
}

/// One of the distribution's scripts, in the foreground: it becomes the Java process itself, under the same id.
fn role(
    folder: &std::path::Path,
    conf: &std::path::Path,
    script: &str,
    metrics: Port,
    home: &Home,
) -> Command {
    let mut command = Command::new(folder.join("bin").join(script));
    command.arg("start-foreground").arg("-D").arg(format!("metrics.reporter.prom.port={}", metrics.number));
    command.env("FLINK_CONF_DIR", conf);
    command.env("FLINK_LOG_DIR", home.run().join("logs"));
    command.env("FLINK_IDENT_STRING", "opus2");
    command.env("FLINK_PID_DIR", home.run().join("flink/tmp"));
    // The full log is a rolling file beside ours, which the web page shows; ours has what went wrong.
    command.env("JVM_ARGS", "-Dconsole.log.level=WARN");
    command
}
