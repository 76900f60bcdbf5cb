//! One process of ours: started in its own group, noted in a file, and ended by whoever reads the note.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::program::log_tail;
use crate::{Home, LocalError};

/// How long a process may take to end by itself after being asked to.
const STOP_SECS_MAX: u64 = 30;
/// How long the system may take to remove a killed process.
const KILL_SECS_MAX: u64 = 10;
/// How often readiness and endings are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What to start.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// Its name: of the log, of the note, in messages.
    pub name: &'a str,
    /// Program, arguments, environment.
    pub command: Command,
}

/// The note about a running process. A process id alone is not an identity, since ids are used again: together with
/// the time at which the process began, in the same boot, it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    name: String,
    pid: i32,
    /// Clock ticks from boot to the start of the process (`/proc/PID/stat`, field 22).
    started_ticks: u64,
    /// Which boot (`/proc/sys/kernel/random/boot_id`).
    boot: String,
}

impl Note {
    /// Whether exactly that process still runs. One that ended and waits for its parent does not.
    fn is_running(&self) -> bool {
        boot_id() == self.boot
            && started_ticks(self.pid)
                .is_some_and(|(ticks, is_ended)| ticks == self.started_ticks && !is_ended)
    }
}

/// A process that was started here, now or by an earlier command.
#[derive(Debug)]
pub struct Service {
    note: Note,
    file: PathBuf,
    log: PathBuf,
    /// Only when this very process started it.
    child: Option<Child>,
}

impl Service {
    /// Starts a process in a group of its own, with both outputs in its log and no input.
    ///
    /// # Errors
    /// [`LocalError::AlreadyRunning`], or [`LocalError::Io`].
    ///
    /// # Panics
    /// Never on Linux, whose process ids fit an `i32`.
    pub fn spawn(home: &Home, spawn: Spawn<'_>) -> Result<Self, LocalError> {
        let Spawn { name, mut command } = spawn;
        if let Some(running) = Self::attach(home, name)? {
            return Err(LocalError::AlreadyRunning { name: name.to_owned(), pid: running.pid() });
        }
        let (file, log) = (home.pid_file(name), home.log(name));
        for path in [&file, &log] {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder).map_err(LocalError::io("create", folder))?;
        }
        let output = File::create(&log).map_err(LocalError::io("create", &log))?;
        let errors = output.try_clone().map_err(LocalError::io("share", &log))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().map_err(LocalError::io("start", command.get_program()))?;
        let pid = i32::try_from(child.id()).expect("Linux process ids are below 2^22");
        // Even a process that ends at once has an entry until we, its parent, have waited for it.
        let started_ticks = started_ticks(pid).map_or(0, |(ticks, _)| ticks);
        let note = Note { name: name.to_owned(), pid, started_ticks, boot: boot_id() };
        let text = serde_json::to_vec(&note).expect("numbers and text are always JSON");
        let service = Self { note, file, log, child: Some(child) };
        match fs::write(&service.file, text) {
            Ok(()) => Ok(service),
            Err(source) => {
                // Without a note nobody could end it later.
                service.signal(Signal::KILL);
                Err(LocalError::Io { what: "write", path: service.file, source })
            }
        }
    }

    /// The process of that name that an earlier command left running, if it still runs.
    ///
    /// # Errors
    /// [`LocalError::Io`] when there is an unreadable note.
    pub fn attach(home: &Home, name: &str) -> Result<Option<Self>, LocalError> {
        let file = home.pid_file(name);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LocalError::Io { what: "read", path: file, source }),
        };
        // A note that was cut short by a full disk names nobody.
        let Ok(note) = serde_json::from_slice::<Note>(&text) else { return Ok(None) };
        Ok(note.is_running().then(|| Self { note, file, log: home.log(name), child: None }))
    }

    /// Its process id, also that of its group.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.note.pid
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.note.name
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until `probe` says yes.
    ///
    /// # Errors
    /// [`LocalError::Ended`] when the process ends meanwhile, [`LocalError::NotReady`] after `within`.
    pub async fn wait_ready(
        &mut self,
        awaited: &str,
        within: Duration,
        mut probe: impl AsyncFnMut() -> bool,
    ) -> Result<(), LocalError> {
        let begin = Instant::now();
        loop {
            self.require_running()?;
            if probe().await {
                return Ok(());
            }
            if begin.elapsed() >= within {
                return Err(LocalError::NotReady {
                    name: self.note.name.clone(),
                    awaited: awaited.to_owned(),
                    waited: within,
                    log: self.log.clone(),
                    tail: log_tail(&self.log),
                });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Complains with the end of its log when it has ended.
    ///
    /// # Errors
    /// [`LocalError::Ended`].
    pub fn require_running(&mut self) -> Result<(), LocalError> {
        // Reaps it, so that its status is known.
        let status = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if status.is_none() && self.note.is_running() {
            return Ok(());
        }
        Err(LocalError::Ended {
            name: self.note.name.clone(),
            status: status.map_or_else(|| "status unknown".to_owned(), |status| status.to_string()),
            log: self.log.clone(),
            tail: log_tail(&self.log),
        })
    }

    /// Asks it to end, and kills it when it does not within `STOP_SECS_MAX` seconds. Does nothing if it has ended.
    ///
    /// # Errors
    /// [`LocalError::NotEnding`].
    pub async fn stop(&mut self) -> Result<(), LocalError> {
        self.signal(Signal::TERM);
        if !self.wait_ended(Duration::from_secs(STOP_SECS_MAX)).await {
            tracing::warn!(
                name = self.note.name,
                pid = self.note.pid,
                "process did not end when asked, killing it"
            );
            self.kill().await?;
        }
        self.forget()
    }

    /// Kills it without asking, as a crash would.
    ///
    /// # Errors
    /// [`LocalError::NotEnding`].
    pub async fn kill(&mut self) -> Result<(), LocalError> {
        self.signal(Signal::KILL);
        let waited = Duration::from_secs(KILL_SECS_MAX);
        if self.wait_ended(waited).await {
            return self.forget();
        }
        Err(LocalError::NotEnding { name: self.note.name.clone(), pid: self.note.pid, waited })
    }

    /// Signals the whole group, and nobody when the process that we noted is gone.
    fn signal(&self, signal: Signal) {
        if let (true, Some(group)) = (self.note.is_running(), Pid::from_raw(self.note.pid))
            && let Err(error) = rustix::process::kill_process_group(group, signal)
        {
            tracing::debug!(name = self.note.name, %error, "signal not delivered");
        }
    }

    async fn wait_ended(&mut self, within: Duration) -> bool {
        let begin = Instant::now();
        while self.require_running().is_ok() {
            if begin.elapsed() >= within {
                return false;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        true
    }

    fn forget(&self) -> Result<(), LocalError> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LocalError::Io { what: "remove", path: self.file.clone(), source: error })
            }
            _ => Ok(()),
        }
    }
}

/// The names of the processes of a cluster that run now, the last started first.
///
/// # Errors
/// [`LocalError::Io`] when the notes cannot be read.
pub fn running(home: &Home) -> Result<Vec<String>, LocalError> {
    Ok(attach_all(home)?.into_iter().map(|service| service.note.name).collect())
}

/// Stops whatever is noted as running in a cluster, the last started first, and gives the names of those it stopped.
///
/// # Errors
/// The first error, after having tried all of them.
pub async fn stop_all(home: &Home) -> Result<Vec<String>, LocalError> {
    let (mut stopped, mut first_error) = (Vec::new(), None);
    for mut service in attach_all(home)? {
        match service.stop().await {
            Ok(()) => stopped.push(service.note.name),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(stopped), Err)
}

/// Every noted process that still runs, the last started first; notes about others are removed.
fn attach_all(home: &Home) -> Result<Vec<Service>, LocalError> {
    let folder = home.pids();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(LocalError::Io { what: "list", path: folder, source }),
    };
    let mut services = Vec::new();
    for entry in entries {
        let path = entry.map_err(LocalError::io("list", &folder))?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        match Service::attach(home, name)? {
            Some(service) => services.push(service),
            None => fs::remove_file(&path).map_err(LocalError::io("remove", &path))?,
        }
    }
    services.sort_by_key(|service| std::cmp::Reverse(service.note.started_ticks));
    Ok(services)
}

/// When a process began, and whether it has ended; `None` when there is no such process.
fn started_ticks(pid: i32) -> Option<(u64, bool)> {
    let stat = procfs::process::Process::new(pid).and_then(|process| process.stat()).ok()?;
    Some((stat.starttime, matches!(stat.state, 'Z' | 'X' | 'x')))
}

fn boot_id() -> String {
    procfs::sys::kernel::random::boot_id().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(folder: &Path) -> Home {
        let broker = folder.join("gradle/broker");
        fs::create_dir_all(&broker).unwrap();
        fs::write(broker.join("build.gradle"), "").unwrap();
        Home::find(folder, "run").unwrap()
    }

    fn shell(name: &str, script: &str) -> Spawn<'static> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Spawn { name: name.to_owned().leak(), command }
    }

    #[tokio::test]
    async fn stopping_ends_the_whole_group_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
        let mut service = Service::spawn(&home, shell("nest", "sleep 60 & echo $!; wait")).unwrap();
        let log = service.log().to_path_buf();
        let first_line = async || fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n'));
        service.wait_ready("its first line", Duration::from_secs(10), first_line).await.unwrap();
        let inner = fs::read_to_string(&log).unwrap().trim().parse().unwrap();

        assert_eq!(stop_all(&home).await.unwrap(), ["nest"]);
        let is_ended = |pid| started_ticks(pid).is_none_or(|(_, is_ended)| is_ended);
        let begin = Instant::now();
        while !is_ended(inner) && begin.elapsed() < Duration::from_secs(10) {
            tokio::task::yield_now().await;
        }
        assert!(is_ended(inner), "the process inside the group was left behind");
        assert!(bystander.try_wait().unwrap().is_none(), "a process outside the group was ended");
        bystander.kill().unwrap();
        bystander.wait().unwrap();
        assert!(Service::attach(&home, "nest").unwrap().is_none());
    }

    #[tokio::test]
    async fn a_process_id_that_was_used_again_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut service = Service::spawn(&home, shell("old", "sleep 60")).unwrap();
        let mut note = service.note.clone();
        note.started_ticks -= 1;
        fs::write(&service.file, serde_json::to_vec(&note).unwrap()).unwrap();
        assert_eq!(stop_all(&home).await.unwrap(), Vec::<String>::new());
        service.require_running().unwrap();
        service.kill().await.unwrap();
    }

    #[tokio::test]
    async fn a_process_that_ends_early_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut service = Service::spawn(&home, shell("brief", "echo out of luck; exit 7")).unwrap();
        let error = service
            .wait_ready("never", Duration::from_secs(30), async || false)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 7") && error.contains("out of luck"), "{error}");
    }

    #[tokio::test]
    async fn a_second_start_under_one_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut service = Service::spawn(&home, shell("one", "sleep 60")).unwrap();
        let error = Service::spawn(&home, shell("one", "sleep 60")).unwrap_err().to_string();
        assert!(error.contains("already running") && error.contains("scripts/stop"), "{error}");
        service.kill().await.unwrap();
        Service::spawn(&home, shell("one", "true")).unwrap();
    }

    #[tokio::test]
    async fn a_process_that_is_never_ready_says_what_was_awaited() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let mut service = Service::spawn(&home, shell("slow", "echo thinking; sleep 60")).unwrap();
        let log = service.log().to_path_buf();
        let first_line = async || fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n'));
        service.wait_ready("its first line", Duration::from_secs(10), first_line).await.unwrap();
        let error = service.wait_ready("an open port", Duration::ZERO, async || false).await.unwrap_err();
        service.kill().await.unwrap();
        let error = error.to_string();
        assert!(error.contains("an open port") && error.contains("thinking"), "{error}");
    }
}
