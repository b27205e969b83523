//! `everlog verify` and `everlog repair` of the built program, on folders that are not as they were written.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::binary::{Server, client, run, text};

/// Runs a command that succeeds.
fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Projects, each of which is an event in the console's log and a batch of its own.
fn make_projects(data: &Path, names: &[&str], checkpoint_dir: Option<&Path>) {
    for name in names {
        let mut arguments = vec!["project", "create", name, "--data", text(data)];
        arguments.extend(
            checkpoint_dir
                .iter()
                .flat_map(|folder| ["--checkpoint-dir", text(folder)]),
        );
        done(&arguments);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| self::files(folder)));
    files.sort();
    files
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    files(folder).into_iter().map(read).collect()
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

/// Flips a bit in the middle of what is written of the log: its file with most bytes that are not zero.
fn damage_the_log(data: &Path) {
    let written = |path: &PathBuf| {
        let mut bytes = Vec::new();
        File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        let places = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0);
        places.map(|(at, _)| at).collect::<Vec<usize>>()
    };
    let logs = files(&data.join("log"));
    let fullest = logs.iter().map(|path| (written(path), path));
    let (places, path) = fullest.max_by_key(|(places, _)| places.len()).unwrap();
    let at = places[places.len() / 2] as u64;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// A thread in the project `demo` with items that are most of what is in the log.
async fn post_items(data: &Path) {
    let mut server = Server::dev(data);
    let announced = server.announcement();
    let field = |name: &str| announced[name].as_str().unwrap().to_owned();
    let (endpoint, key) = (field("endpoint"), field("key"));
    let post = async |path: &str, body: Value| {
        let request = client().post(format!("{endpoint}{path}")).bearer_auth(&key);
        assert_eq!(request.json(&body).send().await.unwrap().status(), 201);
    };
    post("/threads", json!({ "threadId": "t" })).await;
    for number in 0..8 {
        let text: Vec<String> = (0..2_000)
            .map(|at| (number * 7_919 + at * 104_729).to_string())
            .collect();
        let part = json!({ "type": "text", "text": text.concat() });
        post(
            "/threads/t/items",
            json!({ "itemId": "unique()", "role": "user", "parts": [part] }),
        )
        .await;
    }
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn damage_is_named_and_a_mended_copy_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let (data, mended) = (folder.path().join("data"), folder.path().join("mended"));
    post_items(&data).await;
    let whole = done(&["verify", "--data", text(&data)]);
    assert!(whole.contains(" checkpoints compared"), "{whole}");

    damage_the_log(&data);
    let before = contents(&data);
    for command in [
        &["verify", "--data", text(&data)][..],
        &["serve", "--listen", "127.0.0.1:0", "--data", text(&data)],
    ] {
        let refused = run(command);
        let said = errors(&refused);
        assert_eq!(refused.status.code(), Some(2), "{command:?}: {said}");
        assert!(said.contains("offset"), "{command:?}: {said}");
    }

    let report = done(&["repair", "--data", text(&data), "--to", text(&mended)]);
    assert!(report.contains("kept up to offset"), "{report}");
    assert_eq!(contents(&data), before, "the folder itself is only read");
    done(&["verify", "--data", text(&mended)]);
    let kept = done(&["log", "--data", text(&mended), "--project", "demo"]);
    assert!(kept.contains("thread.created"), "{kept}");
    let again = run(&["repair", "--data", text(&data), "--to", text(&mended)]);
    assert_eq!(again.status.code(), Some(1), "it is not empty");
}

#[test]
fn checkpoints_outside_of_the_folder_tell_of_history_that_was_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (data, old, outside) = (place("data"), place("old"), place("outside"));
    make_projects(&data, &["a"], Some(&outside));
    copy(&data, &old);
    make_projects(&data, &["b", "c"], Some(&outside));

    let verify =
        |data: &Path, more: &[&str]| run(&[&["verify", "--data", text(data)], more].concat());
    let with_outside = ["--checkpoint-dir", text(&outside)];
    assert_eq!(verify(&data, &with_outside).status.code(), Some(0));
    assert_eq!(
        verify(&old, &[]).status.code(),
        Some(0),
        "in itself it is whole"
    );
    let taken_back = verify(&old, &with_outside);
    let said = errors(&taken_back);
    assert_eq!(taken_back.status.code(), Some(2), "{said}");
    assert!(said.contains("checkpoint"), "{said}");
}
