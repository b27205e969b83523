//! The shim sees all that a process does to the files of its folder.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use proptest::prelude::RngExt;

use super::disk::Disk;
use super::fate::random;
use super::recording::Recording;

const SCRIBBLE: &str = "EVERLOG_TEST_SCRIBBLE";

#[test]
fn the_shim_sees_what_a_process_does() {
    for seed in 0..5_u64 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder to watch");
        std::fs::write(data.join("older"), vec![9; 10_000]).expect("a file from before");
        let before = Disk::durable(&data).expect("the folder can be read");
        let Some(recording) = Recording::of(&data, &folder.path().join("trace")) else {
            return;
        };
        let mut child = Command::new(std::env::current_exe().expect("this test binary"));
        child
            .args(["scribbling_child", "--nocapture"])
            .env(SCRIBBLE, seed.to_string())
            .current_dir(&data);
        recording.watch(&mut child);
        let output = child.output().expect("the child starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(data.join("renamed").exists(), "the child ran");
        recording.assert_complete(before);
    }
}

/// The other side of the test above: this binary started again by it, under the shim.
#[test]
fn scribbling_child() {
    if let Ok(seed) = std::env::var(SCRIBBLE) {
        scribble(seed.parse().expect("a seed")).expect("the folder takes all this");
    }
}

fn scribble(seed: u64) -> std::io::Result<()> {
    let mut random = random(seed);
    let mut bytes = |longest: usize| -> Vec<u8> {
        let length = random.random_range(1..longest);
        (0..length).map(|_| random.random()).collect()
    };
    std::fs::create_dir_all("deep/er")?;
    let mut journal = File::create_new("deep/journal")?;
    journal.set_len(1 << 20)?;
    for _ in 0..40 {
        journal.write_all(&bytes(9000))?;
        journal.sync_data()?;
    }
    journal.seek(SeekFrom::Start(5000))?;
    let written =
        journal.write_vectored(&[IoSlice::new(&bytes(300)), IoSlice::new(&bytes(300))])?;
    assert!(written > 0, "a disk with room takes something");
    journal.write_all_at(&bytes(5000), 100_000)?;
    let copied = journal.try_clone()?;
    drop(journal);
    copied.set_len(150_000)?;
    let mut appended = OpenOptions::new().append(true).open("older")?;
    for _ in 0..10 {
        appended.write_all(&bytes(3000))?;
    }
    let absolute = std::env::current_dir()?.join("deep/er/whole");
    std::fs::write(&absolute, bytes(70_000))?;
    std::fs::write(&absolute, bytes(70_000))?;
    std::fs::copy(&absolute, "deep/copy")?;
    std::fs::hard_link("deep/copy", "deep/er/second-name")?;
    std::fs::rename("deep/copy", "renamed")?;
    std::fs::rename("deep/er", "elsewhere")?;
    std::fs::write("elsewhere/added", bytes(5000))?;
    let mut temporary = tempfile::NamedTempFile::new_in(Path::new("deep"))?;
    temporary.write_all(&bytes(5000))?;
    temporary.persist("renamed")?;
    File::open(".")?.sync_all()?;
    std::fs::create_dir_all("gone/for/good")?;
    std::fs::write("gone/for/good/file", bytes(5000))?;
    std::fs::remove_dir_all("gone")
}
