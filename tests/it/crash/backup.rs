//! Backups beside a server under load, and restores to random points of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use everlog_domain::ids::{CONSOLE, CommitNumber, Offset, ProjectId, ProjectNumber};
use everlog_storage::{MasterKeySource, Point, RestoreOptions, restore, verify};
use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;
use serde_json::json;
use tokio::runtime::Runtime;

use super::agreement::lists;
use super::client::{Answer, Client, Unacknowledged};
use super::fate::random;
use super::load::Load;
use super::recording::TraceLength;
use super::replay::{Replay, opened, options};
use super::server::{Server, back_up, dump, restore_program};
use super::settings;

/// The first project that is made.
const DEMO: ProjectNumber = ProjectNumber(2);
/// Writes before the first backup, and backups while more are written.
const WRITES: usize = 60;
const BACKUPS: u64 = 4;

#[test]
fn backup_drills() {
    let drills = settings::number("EVERLOG_BACKUP_DRILLS", 50);
    let seed = settings::seed("EVERLOG_BACKUP_SEED");
    let mut random = random(seed);
    let scene = Scene {
        folder: tempfile::tempdir().expect("a temporary folder"),
    };
    let acknowledged = scene.written(seed);
    let original = Replay::of(&scene.data());
    let newest = scene.drill(&original, Point::Newest, false);
    assert!(
        newest[&DEMO] >= acknowledged,
        "the backup ends with {newest:?}, {acknowledged} was acknowledged before it began"
    );
    for _ in 1..drills {
        let (point, alone) = any_point(&mut random, &original, newest[&DEMO]);
        scene.drill(&original, point, alone);
    }
    scene.served_again();
    scene.damaged(&mut random);
    println!("{drills} drills up to offset {}", newest[&DEMO]);
}

fn any_point(random: &mut TestRng, original: &Replay, newest: Offset) -> (Point, bool) {
    let offset = Offset(random.random_range(1..=newest.0));
    let point = match random.random_range(0..4) {
        0 => Point::Time(
            original
                .until(DEMO, offset)
                .last()
                .expect("an event")
                .envelope
                .time,
        ),
        1 => {
            let holds = |page: &&everlog_domain::log::Manifest| {
                let mut entries = page.entries.iter();
                entries.any(|entry| entry.project == DEMO && entry.last >= offset)
            };
            Point::Commit(original.pages.iter().find(holds).expect("a batch").commit)
        }
        _ => Point::Offset(offset),
    };
    (point, random.random_bool(0.5))
}

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys.txt")
    }

    /// Backs up a server under load several times, and kills it. Answers with the newest offset that
    /// was acknowledged before the last backup began.
    fn written(&self, seed: u64) -> Offset {
        let server = Server::start(&self.data(), None).expect("a server starts");
        let client = Client::new(&server.announcement);
        let mut load = Load::new(seed, 0.1);
        let mut acknowledged = Offset(0);
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(
            load.run(&client, &TraceLength::unrecorded(), WRITES, || async {
                for number in 1..=BACKUPS {
                    let key = format!("before backup {number}");
                    let body = json!({ "role": "user", "itemId": "unique()",
                        "parts": [{ "type": "text", "text": key }] });
                    acknowledged = Offset(posted(&client, &key, &body).await.offset);
                    let (data, to, keys) = (self.data(), self.backup(), self.keys());
                    let done = tokio::task::spawn_blocking(move || back_up(&data, &to, &keys));
                    done.await
                        .expect("the backup ends")
                        .expect("a log beside its server can be backed up");
                }
                server.kill();
            }),
        );
        acknowledged
    }

    /// Restores to a point, and holds what is there against the replay of the original up to it.
    /// Answers with where each project ends.
    fn drill(
        &self,
        original: &Replay,
        point: Point,
        alone: bool,
    ) -> BTreeMap<ProjectNumber, Offset> {
        let what = format!("{point:?}, alone: {alone}");
        let to = self.restored(point, alone);
        let (replay, rows) = opened(&to);
        let ends = replay.ends();
        match point {
            Point::Offset(offset) => assert_eq!(ends[&DEMO], offset, "{what}"),
            Point::Commit(commit) => {
                let until = original.pages.iter().filter(|page| page.commit <= commit);
                let entries = until.flat_map(|page| &page.entries);
                let last = entries
                    .filter(|entry| entry.project == DEMO)
                    .map(|entry| entry.last);
                assert_eq!(Some(ends[&DEMO]), last.max(), "{what}");
            }
            Point::Time(time) => {
                let before = |event: &&std::sync::Arc<everlog_domain::event::Recorded>| {
                    event.envelope.time <= time
                };
                let until = original.events[&DEMO].iter().take_while(before).count();
                assert_eq!(ends[&DEMO].0, until as u64, "{what}");
            }
            Point::Newest => {}
        }
        for (project, end) in &ends {
            assert_eq!(
                replay.events[project],
                original.until(*project, *end),
                "{what}: project {project}"
            );
        }
        assert!(ends.contains_key(&CONSOLE), "{what}");
        assert_eq!(rows, original.rows(&ends), "{what}");
        let report = verify(&options(&to), &mut |_| {}).expect("the folder opens");
        assert!(report.is_sound(), "{what}: {report:#?}");
        std::fs::remove_dir_all(&to).expect("the folder can be removed");
        ends
    }

    fn restored(&self, point: Point, alone: bool) -> PathBuf {
        let to = self.folder.path().join("restored");
        let of_project = alone || matches!(point, Point::Offset(_));
        let report = restore(
            &RestoreOptions {
                from: self.backup(),
                to: to.clone(),
                keys: self.keys(),
                master_key: MasterKeySource::File(self.data().join("master.key")),
                checkpoint_dir: None,
                project: of_project.then(|| ProjectId::parse("demo").expect("an id")),
                with_others: !alone,
                point,
            },
            &mut |_| {},
        );
        let report = report.unwrap_or_else(|failure| panic!("{point:?}: {failure}"));
        assert!(report.commit > CommitNumber(0));
        copy(&self.data(), &to, "master.key");
        to
    }

    /// What the program restores is served, lists what its log holds, and is gone on with.
    fn served_again(&self) {
        let to = self.folder.path().join("again");
        let master = self.data().join("master.key");
        restore_program(&self.backup(), &to, &self.keys(), &master)
            .expect("the program restores what the library does");
        let again = restore_program(&self.backup(), &to, &self.keys(), &master);
        let refusal = again.expect_err("nothing is written over");
        assert_eq!(refusal.status.code(), Some(1), "{refusal:?}");
        copy(&self.data(), &to, "master.key");
        copy(&self.data(), &to, "dev.json");
        let server = Server::start(&to, None).expect("what was restored is served");
        let client = Client::new(&server.announcement);
        let runtime = Runtime::new().expect("a runtime");
        let body = json!({ "role": "user", "itemId": "unique()",
            "parts": [{ "type": "text", "text": "after the restore" }] });
        let listed = runtime.block_on(async {
            let answer = client.post("/threads/thread-1/items", "after", &body).await;
            answer.expect("a restored folder is gone on with");
            lists(&client).await.expect("a living server lists")
        });
        server.stop();
        let log = dump(&to, "demo").expect("the log of a stopped server can be dumped");
        let listed = listed.iter().map(|(_, items)| items.len()).sum::<usize>();
        let posted = log.iter().filter(|event| event.item.is_some()).count();
        assert_eq!(listed, posted);
    }

    /// A flipped bit in the backup is named, with its place, and nothing comes of it.
    fn damaged(&self, random: &mut TestRng) {
        let segment = self.backup().join("log/00000000000000000001.segment");
        let mut bytes = std::fs::read(&segment).expect("the backup has a segment");
        let at = random.random_range(24..bytes.len());
        bytes[at] ^= 1;
        std::fs::write(&segment, bytes).expect("the segment can be written");
        let to = self.folder.path().join("never");
        let master = self.data().join("master.key");
        let restored = restore_program(&self.backup(), &to, &self.keys(), &master);
        let refusal = restored.expect_err("a damaged backup is refused");
        assert!(refusal.is_orderly(), "byte {at}: {refusal:?}");
        for word in ["project", "offset", "damaged"] {
            assert!(refusal.errors.contains(word), "byte {at}: {refusal:?}");
        }
        assert!(!to.exists(), "byte {at}");
    }
}

/// One more write than those of the load.
async fn posted(client: &Client, key: &str, body: &serde_json::Value) -> Answer {
    loop {
        match client.post("/threads/thread-0/items", key, body).await {
            // the server asked for a pause
            Err(Unacknowledged::Busy) => tokio::time::sleep(Duration::from_millis(10)).await,
            answer => return answer.expect("a living server answers"),
        }
    }
}

fn copy(from: &Path, to: &Path, name: &str) {
    std::fs::copy(from.join(name), to.join(name)).expect("the file can be copied");
}
