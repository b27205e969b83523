//! `everlog-bench`: our own load generator. Every work is measured beside its baseline, in turns,
//! in one run, because the disks and cores of shared machines change from minute to minute; what
//! counts are the ratios.
//!
//! F is the cost of an `fdatasync` of the same size on the same file system, W the cost of a bare
//! loop that writes the same frames to the same number of sockets with the same readers.

mod bare_loop;
mod bench;
mod client;
mod closed;
mod crowd;
mod follower;
mod http;
mod in_process;
mod item;
mod latency;
mod live;
mod losses;
mod open;
mod options;
mod pipeline;
mod postgres;
mod posting;
mod progress;
mod report;
mod sequential_read;
mod server;
#[cfg(test)]
mod stand_in;
mod sync_cost;
mod turns;
mod works;

use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime;

use bench::Bench;
use options::Options;
use progress::Progress;
use report::{Report, Row, Surroundings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Descriptors wanted: both ends of 10,000 sockets and some to spare.
const DESCRIPTORS: u64 = 32_768;

fn main() -> ExitCode {
    measure(&Options::parse()).unwrap_or_else(|error| {
        progress::say_failure(&error);
        ExitCode::FAILURE
    })
}

fn measure(options: &Options) -> Result<ExitCode> {
    if options.list {
        works::print_names();
        return Ok(ExitCode::SUCCESS);
    }
    raise_descriptor_limit();
    let Outcome { report, all_ran } = load_runtime()?.block_on(unless_interrupted(options))?;
    report.print();
    if let Some(path) = &options.json {
        report.write_json(path)?;
    }
    Ok(if all_ran {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Outcome {
    report: Report,
    all_ran: bool,
}

/// The load comes from half of the cores, so that the other half serves.
fn load_runtime() -> Result<runtime::Runtime> {
    runtime::Builder::new_multi_thread()
        .worker_threads((cores() / 2).max(1))
        .enable_all()
        .build()
        .context("the runtime")
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// An interrupted run removes its folder and its processes too.
async fn unless_interrupted(options: &Options) -> Result<Outcome> {
    tokio::select! {
        outcome = Box::pin(run(options)) => outcome,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt.context("waiting for an interrupt")?;
            bail!("interrupted")
        }
    }
}

async fn run(options: &Options) -> Result<Outcome> {
    let chosen = works::chosen(&options.only)?;
    let progress = Progress::of(chosen.len());
    let with_postgres = chosen.iter().any(|work| work.needs_postgres());
    let mut bench = Bench::start(options, progress, with_postgres).await?;
    let folder = bench.folder().display().to_string();
    let mut rows = Vec::new();
    let mut all_ran = true;
    for work in chosen {
        bench.progress.begin(work.name());
        if !work.needs_postgres() {
            bench.stop_postgres().await?;
        }
        match work.measure(&mut bench).await {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                all_ran = false;
                bench.progress.say(&format!("failed: {error:#}"));
                rows.push(Row::without_figure(
                    work.name(),
                    format!("failed: {error:#}"),
                ));
            }
        }
        bench.sync_cost()?;
    }
    let sync_seconds = bench.end().await?;
    let surroundings = Surroundings {
        cores: cores(),
        kernel: kernel_release(),
        size: format!("{:?}", options.size()).to_lowercase(),
        folder,
        sync_seconds,
    };
    Ok(Outcome {
        report: Report { surroundings, rows },
        all_ran,
    })
}

fn kernel_release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or_else(
        |_| "unknown".to_owned(),
        |release| release.trim().to_owned(),
    )
}

/// As many descriptors as are allowed, up to what the largest work needs; that work says so
/// itself where they are too few.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit
        .maximum
        .map_or(DESCRIPTORS, |maximum| maximum.max(DESCRIPTORS));
    let raised = Rlimit {
        current: Some(DESCRIPTORS),
        maximum: Some(maximum),
    };
    if setrlimit(Resource::Nofile, raised).is_err() {
        let allowed = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // What it was is what remains.
        setrlimit(Resource::Nofile, allowed).ok();
    }
}
