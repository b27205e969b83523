//! The import under kills.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::RngExt;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::agreement::Agreement;
use super::dialogues::{self, Dialogue};
use super::logged;
use super::report::{Outcome, report};
use super::trial::Trial;
use crate::crash::server::{ANY_PORT, Server, dump_text, verify};
use crate::crash::{fate, settings};
use crate::said::report_skip;

const KILLS: u64 = 21;

/// Far beyond what the import takes on a machine that runs other tests as well; only a hang meets it. More kills get more.
const PATIENCE: Duration = Duration::from_secs(8 * 60);
const PATIENCE_A_KILL: Duration = Duration::from_secs(3);

/// Disagreements that a failure spells out.
const SPELT_OUT: usize = 20;

#[test]
fn kills_neither_lose_nor_double_a_turn_of_real_conversations() {
    let Some(dialogues) = dialogues::load() else {
        return report_skip(&format!("real input: there is no {}", dialogues::FILE));
    };
    let kills = settings::number("EVERLOG_REAL_INPUT_KILLS", KILLS);
    let kills = u32::try_from(kills).expect("nobody kills so often");
    let begun = Instant::now();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let runtime = Runtime::new().expect("a runtime");

    let server = start(&data, ANY_PORT);
    let project = server.announcement.project.clone();
    let trial = import_under_kills(&runtime, server, &data, dialogues, kills);
    let import = trial.import.clone();
    let witnesses = runtime.block_on(trial.witnesses());
    let dump = dump_text(&data, &project).expect("the log of a stopped server can be dumped");
    verify(&data).expect("the folder is sound");

    let ledger = import.ledger();
    let logged = logged::read(&dump, &dialogues::numbers(&import.dialogues), &ledger);
    let agreement = Agreement::of(&import.dialogues, &ledger, &logged, &witnesses);
    report(&Outcome {
        kills,
        import: &import,
        logged: &logged,
        witnesses: &witnesses,
        agreement: &agreement,
        time: begun.elapsed(),
    });
    let faults = &agreement.faults;
    let spelt_out = &faults[..faults.len().min(SPELT_OUT)];
    assert!(
        faults.is_empty(),
        "{} disagreements:\n{}",
        faults.len(),
        spelt_out.join("\n")
    );
    let interrupted = import.lives.interrupted_by_kills();
    assert!(
        interrupted.iter().all(|writes| *writes > 0),
        "each kill interrupts writes: {interrupted:?}"
    );
}

/// Comes back when everything was acknowledged and seen, and the server has stopped.
fn import_under_kills(
    runtime: &Runtime,
    mut server: Server,
    data: &Path,
    dialogues: Vec<Dialogue>,
    kills: u32,
) -> Trial {
    let _entered = runtime.enter();
    let mut random = fate::random(kills.into());
    let deadline = Instant::now() + PATIENCE + PATIENCE_A_KILL * kills;
    let mut trial = Trial::begin(&server.announcement, dialogues, deadline);
    for kill in 1..=kills as usize {
        // by progress, not by time: a fast machine kills within the import, too
        let due = trial.writes() * kill / (kills as usize + 1);
        let moment = Duration::from_micros(random.random_range(0..4_000));
        runtime.block_on(async {
            trial.acknowledged(due).await;
            // not to wait for anything, but to hit another instruction each time
            tokio::time::sleep(moment).await;
        });
        server = kill_and_restart(&trial, server, data);
    }
    runtime.block_on(async {
        trial.acknowledged(trial.writes()).await;
        trial.all_seen().await;
    });
    trial.is_over();
    server.stop();
    trial
}

fn kill_and_restart(trial: &Trial, server: Server, data: &Path) -> Server {
    let before = server.announcement.clone();
    let address = before
        .endpoint
        .trim_start_matches("http://")
        .trim_end_matches("/v1");
    trial.import.lives.end();
    server.kill();
    let server = start(data, address);
    assert_eq!(server.announcement, before, "it comes back as it was");
    trial.import.lives.begin();
    server
}

fn start(data: &Path, address: &str) -> Server {
    Server::start_at(data, address)
        .unwrap_or_else(|refusal| panic!("a new or killed server starts: {refusal:?}"))
}
