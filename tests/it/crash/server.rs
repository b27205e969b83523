//! The built program as a process of its own: started, stopped, killed, started again.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::recording::Recording;

const PROGRAM: &str = env!("CARGO_BIN_EXE_everlog");

/// A free port of the loopback address.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// Far beyond what any start or stop takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The line that `everlog dev --json` prints first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) endpoint: String,
    pub(crate) project: String,
    pub(crate) key: String,
}

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    errors: PathBuf,
    pub(crate) announcement: Announcement,
}

/// A program that ended without doing what it was asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: ExitStatus,
    pub(crate) errors: String,
}

impl Refusal {
    /// A refusal is an answer: an exit code of 2 and a reason. A signal or another code is a crash.
    pub(super) fn is_orderly(&self) -> bool {
        self.status.code() == Some(2)
    }
}

impl Server {
    /// Starts on a data folder. What it writes to standard error goes to a file beside the folder.
    pub(super) fn start(data: &Path, recording: Option<&Recording>) -> Result<Self, Refusal> {
        let mut command = dev(data, ANY_PORT);
        if let Some(recording) = recording {
            recording.watch(&mut command);
        }
        Self::announced(command, data)
    }

    /// Starts on a data folder and an address, such as that of the server that was killed there.
    pub(crate) fn start_at(data: &Path, address: &str) -> Result<Self, Refusal> {
        Self::announced(dev(data, address), data)
    }

    fn announced(mut command: Command, data: &Path) -> Result<Self, Refusal> {
        let errors = errors_beside(data);
        let mut child = command.spawn().expect("the built server starts");
        match first_line(&mut child) {
            Some(line) => {
                let announcement = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("{error} in {line:?}"));
                Ok(Self {
                    child,
                    errors,
                    announcement,
                })
            }
            None => {
                let status = child.wait().expect("the server's status");
                Err(Refusal {
                    status,
                    errors: read_errors(&errors),
                })
            }
        }
    }

    /// Kills it while it opens the folder, or soon after.
    pub(super) fn start_and_kill_within(data: &Path, time: Duration) {
        let mut child = dev(data, ANY_PORT)
            .stdout(Stdio::null())
            .spawn()
            .expect("the built server starts");
        // not to wait for anything, but to hit another moment of its start each time
        std::thread::sleep(time);
        child.kill().expect("a running server can be killed");
        let status = child.wait().expect("a killed server ends");
        assert_eq!(
            status.code(),
            None,
            "it ended by itself: {}",
            read_errors(&errors_beside(data))
        );
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a running server can be killed");
        self.child.wait().expect("a killed server ends");
    }

    /// Stops it as an operator does.
    pub(crate) fn stop(self) {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::TERM).expect("a running server can be stopped");
        let errors = self.errors.clone();
        let status = self.ended();
        assert!(
            status.success(),
            "the stopped server ended with {status}: {}",
            read_errors(&errors)
        );
    }

    /// Waits until it has ended, by itself or because it was asked to.
    pub(super) fn ended(mut self) -> ExitStatus {
        let process = Pid::from_child(&self.child);
        let (ended, patience) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if patience.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill_process(process, Signal::KILL).expect("a hanging server can be killed");
            }
        });
        let status = self.child.wait().expect("the server's status");
        drop(ended);
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

fn dev(data: &Path, address: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg("dev")
        .arg("--data")
        .arg(data)
        .args(["--listen", address, "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(File::create(errors_beside(data)).expect("a file for the server's errors"));
    command
}

fn errors_beside(data: &Path) -> PathBuf {
    data.with_extension("stderr")
}

/// The announcement, or `None` when the server ended without one. Later output is read and thrown away, so that the
/// pipe never fills.
fn first_line(child: &mut Child) -> Option<String> {
    let output = BufReader::new(child.stdout.take().expect("the server's output is a pipe"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _only_the_first_is_wanted = sender.send(line);
        }
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            child.kill().expect("a hanging server can be killed");
            panic!("the server neither announced itself nor ended in {PATIENCE:?}");
        }
    }
}

fn read_errors(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// One event of the log as the offline dump shows it, with what the tests need of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoggedEvent {
    pub(super) offset: u64,
    pub(super) stream: String,
    pub(super) kind: String,
    pub(super) item: Option<Item>,
}

/// An item by its id and the text of its first part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) text: String,
}

/// `everlog log`: the project's events in the order of the log, read without a server.
pub(super) fn dump(data: &Path, project: &str) -> Result<Vec<LoggedEvent>, Refusal> {
    Ok(dump_text(data, project)?.lines().map(read_event).collect())
}

/// The same as it is printed: a line of JSON an event.
pub(crate) fn dump_text(data: &Path, project: &str) -> Result<String, Refusal> {
    let output = run(Command::new(PROGRAM)
        .arg("log")
        .arg("--data")
        .arg(data)
        .args(["--project", project]))?;
    Ok(String::from_utf8(output).expect("the dump is UTF-8"))
}

/// `everlog verify`: chain, checkpoints, payloads.
pub(crate) fn verify(data: &Path) -> Result<(), Refusal> {
    run(Command::new(PROGRAM).arg("verify").arg("--data").arg(data)).map(drop)
}

/// `everlog backup`, with the keys in a file.
pub(super) fn back_up(data: &Path, to: &Path, keys: &Path) -> Result<(), Refusal> {
    let mut command = Command::new(PROGRAM);
    command.arg("backup").arg("--data").arg(data);
    command.arg("--to").arg(to).arg("--with-keys").arg(keys);
    run(&mut command).map(drop)
}

/// `everlog restore`, of everything.
pub(super) fn restore_program(
    from: &Path,
    to: &Path,
    keys: &Path,
    master: &Path,
) -> Result<(), Refusal> {
    let mut command = Command::new(PROGRAM);
    command.arg("restore").arg("--from").arg(from);
    command.arg("--to").arg(to).arg("--keys").arg(keys);
    command.arg("--master-key-file").arg(master);
    run(&mut command).map(drop)
}

fn run(command: &mut Command) -> Result<Vec<u8>, Refusal> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the built program starts");
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Refusal {
        status: output.status,
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn read_event(line: &str) -> LoggedEvent {
    let event: serde_json::Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    let text = |name: &str| {
        event[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} in {line:?}"))
            .to_owned()
    };
    let posted = event["kind"] == "item.posted";
    LoggedEvent {
        offset: event["offset"]
            .as_u64()
            .unwrap_or_else(|| panic!("an offset in {line:?}")),
        stream: text("stream"),
        kind: text("kind"),
        item: posted.then(|| read_item(&event["event"], "item")),
    }
}

/// Reads an item out of an event or an answer, which name its id differently.
pub(super) fn read_item(value: &serde_json::Value, id: &str) -> Item {
    let text = |value: &serde_json::Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("an item in {value}"))
            .to_owned()
    };
    Item {
        id: text(&value[id]),
        text: text(&value["parts"][0]["text"]),
    }
}
