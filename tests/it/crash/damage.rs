//! Damage to every sort of file in the data folder: cuts, zeroed batch starts, flipped bits, files gone. The server opens with
//! every acknowledged event, or refuses and changes nothing. Never does it open with less.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;

use super::agreement::{Lists, disagreements, lists};
use super::client::Client;
use super::harm::{Harm, cuts, flips, zeroed_starts};
use super::image::{Entry, FileImage, Image};
use super::ledger::Ledger;
use super::load::{Amount, Load};
use super::memory;
use super::recording::TraceLength;
use super::server::{LoggedEvent, Refusal, Server, dump, verify};
use super::settings;

const WORKERS: usize = 2;
/// Flipped bits in each file.
const FLIPS: u64 = 6;
/// What is in the folder that is damaged.
const SMALL: Amount = Amount {
    writes: 120,
    large: 0.2,
};
/// Enough for a segment of the log to be full and sealed.
const WITH_A_SEALED_SEGMENT: Amount = Amount {
    writes: 900,
    large: 0.6,
};
/// Enough for the rows to be flushed into tables.
const WITH_FLUSHED_ROWS: Amount = Amount {
    writes: 1_500,
    large: 0.9,
};
/// Places at which files outside of the log are cut.
const OTHER_CUTS: u64 = 5;
/// What is beside the log: a file of each must be hit.
const BESIDE_THE_LOG: [&str; 8] = [
    "format",
    "index/",
    "keys/",
    "master.key",
    "watermark",
    "checkpoints/",
    "projections/",
    "dev.json",
];

#[derive(Clone, Debug)]
struct Damage {
    path: String,
    harm: Harm,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?}", self.path, self.harm)
    }
}

/// A folder in which nothing is wrong, of a server that was stopped in good order, and then killed under load.
struct Sound {
    image: Image,
    project: String,
    ledger: Ledger,
    log: Vec<LoggedEvent>,
}

#[test]
fn damaged_logs_open_whole_or_not_at_all() {
    let places = settings::number("EVERLOG_DAMAGE_PLACES", 50);
    let seed = settings::seed("EVERLOG_DAMAGE_SEED");
    let sound = sound(seed, SMALL);
    let damages = sound.damages(is_log, |path, file| {
        let starts = zeroed_starts(path, file).into_iter();
        starts
            .chain(cuts(file, places))
            .chain(flips(file, FLIPS, seed))
            .chain([Harm::Gone])
            .collect()
    });
    let zeroed = |damage: &Damage| matches!(damage.harm, Harm::Zeroed { .. });
    assert!(
        damages.iter().filter(|damage| zeroed(damage)).count() > 20,
        "the log has batches"
    );
    let outcomes = inflict_all(&sound, &damages);
    assert!(
        outcomes.refused * 2 > damages.len(),
        "most of it was acknowledged: {outcomes:?}"
    );
}

#[test]
fn damaged_sealed_segments_open_whole_or_not_at_all() {
    let places = settings::number("EVERLOG_DAMAGE_PLACES", 50);
    let seed = settings::seed("EVERLOG_DAMAGE_SEED");
    let sound = sound(seed, WITH_A_SEALED_SEGMENT);
    let is_sealed = |path: &str| path == "log/00000000000000000001.segment";
    assert!(
        sound
            .image
            .entries
            .keys()
            .filter(|path| is_log(path))
            .count()
            > 1,
        "a segment was sealed"
    );
    let damages = sound.damages(is_sealed, |_, file| {
        cuts(file, places)
            .into_iter()
            .chain(flips(file, places, seed))
            .chain([Harm::Gone])
            .collect()
    });
    let outcomes = inflict_all(&sound, &damages);
    assert!(
        outcomes.refused * 2 > damages.len(),
        "a segment cut short is refused: {outcomes:?}"
    );
}

#[test]
fn damage_beside_the_log_costs_no_event() {
    let seed = settings::seed("EVERLOG_DAMAGE_SEED");
    let sound = sound(seed, SMALL);
    let mut classes = HashSet::new();
    let damages = sound.damages(
        |path| !is_log(path) && classes.insert(class(path)),
        |_, file| beside_the_log(file, seed),
    );
    for place in BESIDE_THE_LOG {
        let hit = |damage: &Damage| damage.path.starts_with(place);
        let some: Vec<Damage> = damages
            .iter()
            .filter(|damage| hit(damage))
            .cloned()
            .collect();
        assert!(!some.is_empty(), "nothing of {place} is damaged");
        let outcomes = inflict_all(&sound, &some);
        println!("{place}: {outcomes:?}");
        if ["index/", "projections/"].contains(&place) {
            assert_eq!(outcomes.refused, 0, "it is made again: {outcomes:?}");
        }
    }
    let known = |damage: &&Damage| {
        BESIDE_THE_LOG
            .iter()
            .any(|place| damage.path.starts_with(place))
    };
    let others: Vec<&Damage> = damages.iter().filter(|damage| !known(damage)).collect();
    assert!(
        others.is_empty(),
        "new files, of which this must know: {others:?}"
    );
}

#[test]
fn damaged_tables_of_rows_are_made_again() {
    let seed = settings::seed("EVERLOG_DAMAGE_SEED");
    let sound = sound(seed, WITH_FLUSHED_ROWS);
    let mut files = sound.image.entries.keys();
    let table = files.find(|path| path.starts_with("projections/keyspaces/1/tables/"));
    let table = table.expect("rows were flushed").clone();
    // Only a few: reading a log of this size takes its time.
    let damages = sound.damages(|path| path == table, |_, file| flips(file, 2, seed));
    let outcomes = inflict_all(&sound, &damages);
    assert_eq!(outcomes.refused, 0, "they are made again: {outcomes:?}");
}

fn beside_the_log(file: &FileImage, seed: u64) -> Vec<Harm> {
    cuts(file, OTHER_CUTS)
        .into_iter()
        .chain(flips(file, FLIPS, seed))
        .chain([Harm::Gone])
        .collect()
}

/// Files whose paths differ in numbers only are of one class: one of them stands for all.
fn class(path: &str) -> String {
    path.chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect()
}

fn is_log(path: &str) -> bool {
    path.starts_with("log/")
}

fn sound(seed: u64, amount: Amount) -> Sound {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let runtime = Runtime::new().expect("a runtime");
    let mut load = Load::new(seed, amount.large);
    let mut life = |end: fn(Server)| {
        let server = Server::start(&data, None).expect("the server starts");
        let announcement = server.announcement.clone();
        let client = Client::new(&announcement);
        let unrecorded = TraceLength::unrecorded();
        runtime.block_on(
            load.run(&client, &unrecorded, amount.writes / 2, || async move {
                end(server)
            }),
        );
        announcement.project
    };
    life(Server::stop);
    let project = life(Server::kill);
    let image = Image::read(&data).expect("the folder can be read");
    let server = Server::start(&data, None).expect("the server starts");
    let lists = runtime
        .block_on(lists(&Client::new(&server.announcement)))
        .expect("it lists");
    server.kill();
    let log = dump(&data, &project).expect("a sound log can be dumped");
    let ledger = load.ledger();
    assert_eq!(disagreements(&ledger, &log, &lists), Vec::<String>::new());
    Sound {
        image,
        project,
        ledger,
        log,
    }
}

impl Sound {
    /// What the harms of each wanted file make of them.
    fn damages(
        &self,
        mut wanted: impl FnMut(&str) -> bool,
        harms: impl Fn(&str, &FileImage) -> Vec<Harm>,
    ) -> Vec<Damage> {
        let mut damages = Vec::new();
        for (path, entry) in &self.image.entries {
            match entry {
                Entry::File(file) if file.size > 0 && wanted(path) => {
                    let damage = |harm| Damage {
                        path: path.clone(),
                        harm,
                    };
                    damages.extend(harms(path, file).into_iter().map(damage));
                }
                Entry::File(_) | Entry::Folder => {}
            }
        }
        damages
    }
}

enum Outcome {
    Opened,
    Refused,
}

#[derive(Debug, Default)]
struct Outcomes {
    opened: usize,
    refused: usize,
    failures: Vec<String>,
}

fn inflict_all(sound: &Sound, damages: &[Damage]) -> Outcomes {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Outcomes> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let runtime = Runtime::new().expect("a runtime");
                while let Some(damage) = damages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = inflict(&runtime, sound, damage);
                    let mut outcomes = outcomes.lock().expect("no worker panics");
                    match outcome {
                        Ok(Outcome::Opened) => outcomes.opened += 1,
                        Ok(Outcome::Refused) => outcomes.refused += 1,
                        Err(found) => outcomes.failures.push(format!("{damage}: {found}")),
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("no worker panics");
    let failures = &outcomes.failures;
    assert!(
        failures.is_empty(),
        "{} of {} damages:\n{}",
        failures.len(),
        damages.len(),
        failures.join("\n")
    );
    outcomes
}

fn inflict(runtime: &Runtime, sound: &Sound, damage: &Damage) -> Result<Outcome, String> {
    let folder = memory::folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data)
        .and_then(|()| sound.image.write(&data))
        .expect("the folder can be written");
    damage
        .harm
        .inflict(&data.join(&damage.path))
        .expect("the file can be damaged");
    let before = Image::read(&data).expect("the folder can be read");
    match Server::start(&data, None) {
        Ok(server) => {
            let lists = runtime.block_on(lists(&Client::new(&server.announcement)));
            server.kill();
            sound.compare(
                &data,
                &lists.map_err(|error| format!("it opened: {error}"))?,
            )?;
            check_proof(damage, verify(&data))?;
            Ok(Outcome::Opened)
        }
        Err(refusal) => {
            let after = Image::read(&data).expect("the folder can be read");
            check_refusal(damage, &refusal, &before.differences(&after)).map(|()| Outcome::Refused)
        }
    }
}

impl Sound {
    /// All that was acknowledged is in the log still, at the same place, with all before it, and the API shows it.
    fn compare(&self, data: &Path, lists: &Lists) -> Result<(), String> {
        let log = dump(data, &self.project)
            .map_err(|refusal| format!("it opened, and the dump fails: {refusal:?}"))?;
        let mut found = disagreements(&self.ledger, &log, lists);
        let acknowledged = self.ledger.newest_acknowledged() as usize;
        if log.get(..acknowledged) != Some(&self.log[..acknowledged]) {
            found.push(format!(
                "{} events are left of {acknowledged}, or some differ",
                log.len()
            ));
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!("it opened: {}", found.join("; ")))
        }
    }
}

/// What a server goes on from proves to be whole, but for checkpoints: they only prove, and one that was altered is named.
fn check_proof(damage: &Damage, proof: Result<(), Refusal>) -> Result<(), String> {
    match proof {
        Ok(()) => Ok(()),
        Err(refusal) if damage.path.starts_with("checkpoints/") && refusal.is_orderly() => Ok(()),
        Err(refusal) => Err(format!("it opened, and does not verify: {refusal:?}")),
    }
}

fn check_refusal(damage: &Damage, refusal: &Refusal, changed: &[String]) -> Result<(), String> {
    let errors = &refusal.errors;
    if !refusal.is_orderly() {
        return Err(format!("it ended with {}: {errors}", refusal.status));
    }
    if !changed.is_empty() {
        return Err(format!("it refused, and changed {changed:?}: {errors}"));
    }
    if is_log(&damage.path) && !names_a_place(errors) {
        return Err(format!(
            "it refused without naming project and offset: {errors}"
        ));
    }
    Ok(())
}

/// A refusal says "project P" and "offset O" with an O that is a number.
fn names_a_place(errors: &str) -> bool {
    let offset = errors
        .split_once("offset ")
        .is_some_and(|(_, rest)| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    offset && errors.contains("project ")
}
