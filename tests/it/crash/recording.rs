//! Runs a program under the shim of `tests/power_loss/shim.c`, and keeps its trace.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::fate::Fate;
use super::image::Image;
use super::trace::Trace;
use crate::said::report_skip;

/// One folder whose changes are written to one trace, by one process after the other.
pub(super) struct Recording {
    shim: &'static Path,
    folder: PathBuf,
    trace: PathBuf,
    ignored_syncs: Option<&'static str>,
    fault: Option<Fault>,
}

/// How the disk under the files of the log fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Syncs fail with EIO, after so many that succeeded.
    Syncs { after: u64 },
    /// There is no room for more than so many bytes.
    Full { after_bytes: u64 },
}

impl Recording {
    /// `None` where there is no C compiler, which is said once, to `make test` as well.
    pub(super) fn of(folder: &Path, trace: &Path) -> Option<Self> {
        let folder = folder.canonicalize().expect("the folder to watch is there");
        Some(Self {
            shim: shim()?,
            folder,
            trace: trace.to_owned(),
            ignored_syncs: None,
            fault: None,
        })
    }

    /// Syncs of files below this relative path shall do nothing.
    pub(super) fn ignoring_syncs_below(self, path: &'static str) -> Self {
        Self {
            ignored_syncs: Some(path),
            ..self
        }
    }

    /// The disk shall fail.
    pub(super) fn failing(self, fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }

    pub(super) fn watch(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", self.shim)
            .env("POWER_LOSS_FOLDER", &self.folder)
            .env("POWER_LOSS_TRACE", &self.trace);
        if let Some(path) = self.ignored_syncs {
            command.env("POWER_LOSS_IGNORE_SYNCS", path);
        }
        match self.fault {
            Some(Fault::Syncs { after }) => {
                command.env("POWER_LOSS_FAIL_SYNCS", format!("log/:{after}"))
            }
            Some(Fault::Full { after_bytes }) => {
                command.env("POWER_LOSS_FAIL_WRITES", format!("log/:{after_bytes}"))
            }
            None => command,
        };
    }

    pub(super) fn length(&self) -> TraceLength {
        TraceLength {
            trace: Some(self.trace.clone()),
        }
    }

    pub(super) fn trace(&self) -> Trace {
        Trace::load(&self.trace)
    }

    /// Nothing escaped the shim: with every change kept, the model holds what the real folder holds. The traced processes
    /// must have ended by themselves, since a kill can fall between a call and its record.
    pub(super) fn assert_complete(&self, mut disk: Disk) {
        for record in self.trace().records() {
            disk.apply(&record);
        }
        let modelled = disk.survive(&mut Fate::KeepAll);
        let real = Image::read(&self.folder).expect("the watched folder can be read");
        assert_eq!(
            modelled.differences(&real),
            Vec::<String>::new(),
            "changes of these paths escaped the shim"
        );
    }
}

/// How long a trace is at this moment. Read after a client was told something, it bounds the records that this rests on.
#[derive(Clone)]
pub(super) struct TraceLength {
    trace: Option<PathBuf>,
}

impl TraceLength {
    /// For servers that run without the shim: always 0.
    pub(super) fn unrecorded() -> Self {
        Self { trace: None }
    }

    pub(super) fn now(&self) -> u64 {
        self.trace.as_ref().map_or(0, |trace| {
            std::fs::metadata(trace).expect("the trace is there").len()
        })
    }
}

/// The shim, compiled once for each text of its source.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    SHIM.get_or_init(compile_shim).as_deref()
}

fn compile_shim() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_loss/shim.c");
    let text = std::fs::read(&source).expect("the shim's source is part of the repository");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!(
        "power-loss-{}.so",
        &hex::encode(Sha256::digest(&text))[..16]
    ));
    if library.exists() {
        return Some(library);
    }
    std::fs::create_dir_all(folder).expect("the folder for temporary files of tests can be made");
    let fresh = folder.join(format!("power-loss-{}.tmp", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler
        .args([
            "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o",
        ])
        .arg(&fresh)
        .arg(&source);
    let Ok(status) = compiler.status() else {
        report_skip("power loss and failing disks: there is no C compiler `cc` for the shim");
        return None;
    };
    assert!(status.success(), "the power-loss shim does not compile");
    std::fs::rename(&fresh, &library).expect("the compiled shim can be renamed");
    Some(library)
}
