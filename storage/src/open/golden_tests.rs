//! A data folder of every released format, in `golden/format-N.folder`, and what it says, in
//! `golden/format-N.said`. A folder that is there never changes. With EVERLOG_WRITE_GOLDEN=1 what
//! is missing is written: the folder of a new format by the release that brings it, and what a
//! folder says, where a kind or a table has got a new field, once the old text was removed. Each
//! is for people to read before it is kept.
//!
//! The folder also has projections that stay behind the log and bear the fingerprint of another
//! release. It is opened with them and without.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, Rows};
use parking_lot::Mutex;

use super::*;
use crate::conformance::history::History;
use crate::conformance::rows::dump;
use crate::fixture::{Image, SEGMENT};
use crate::rows::catch_up;
use crate::{MasterKey, OfflineLog, back_up, repair, rotate_master, verify};

/// The format that this release writes.
const CURRENT: u32 = 1;
/// The master key of all golden folders.
const MASTER: [u8; 32] = [0x11; 32];
const PROJECTS: [u64; 2] = [1, 2];
/// Zeros from this many on are written as their number.
const ZEROS: usize = 16;
/// Bytes of a line.
const LINE: usize = 48;

/// One test at a time makes what is missing.
static MAKING: Mutex<()> = Mutex::new(());

fn options(data: &Path) -> Options {
    let master = MasterKey::parse(&hex::encode(MASTER)).unwrap();
    Options {
        master_key: MasterKeySource::Given(master),
        ..crate::fixture::options(data)
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/open/golden")).join(name)
}

/// Reads a golden file. Where there is none, `make` makes it, if that was asked for.
fn kept(name: &str, make: impl FnOnce() -> String) -> String {
    let path = golden(name);
    let _made_once = MAKING.lock();
    if !path.exists() && std::env::var_os("EVERLOG_WRITE_GOLDEN").is_some() {
        fs::write(&path, make()).unwrap();
    }
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every released folder.
fn folders() -> Vec<(u32, Image)> {
    let folder = |format| {
        let text = kept(&format!("format-{format}.folder"), || as_text(&made()));
        (format, from_text(&text))
    };
    (1..=CURRENT).map(folder).collect()
}

/// A folder of the current format with an event of every kind that has a place in a history.
fn made() -> Image {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&options(folder.path())).unwrap();
    let mut history = History::into_log(&*opened.log);
    history.register(1, "root", "root@example.org");
    history.sign_in(1, "root", "session");
    history.commit();
    history.create_thread(2, "long", Some("A thread"), &["any"]);
    history.create_thread(2, "short", None, &["user:root"]);
    history.create_key(2, "deploy");
    history.commit();
    catch_up(&*opened.rows, &*opened.log, &mut |_, _| {}).unwrap();
    opened.rows.mark_as_of_another_version();
    history.post(2, "long", "first");
    // beside its record
    history.post_text(2, "long", "large", "large ".repeat(510));
    let opened_at = history.open_item(2, "long", "answer");
    history.commit();
    history.append_delta(2, "long", "answer", opened_at);
    history.finish_item(2, "long", "answer", opened_at);
    let opened_at = history.open_item(2, "long", "other");
    history.abandon_item(2, "long", "other", opened_at);
    history.rename_thread(2, "short", "Renamed");
    history.set_readers(2, "long", &["users"]);
    history.sign_out(1, "root", "session");
    history.commit();
    history.delete_key(2, "deploy");
    history.delete_thread(2, "short");
    history.commit();
    opened.checkpoints.write().unwrap();
    drop(history);
    drop(opened);
    // the index is made anew where there is none, and would be as long as the log
    Image::of(folder.path()).without_reserve().without("index")
}

fn as_text(image: &Image) -> String {
    let mut text = String::new();
    for name in image.names() {
        let name = name.to_str().unwrap();
        writeln!(text, "file {name}").unwrap();
        let mut rest = image.file(name);
        while !rest.is_empty() {
            let zeros = rest.iter().take_while(|byte| **byte == 0).count();
            let length = if zeros >= ZEROS {
                writeln!(text, "zeros {zeros}").unwrap();
                zeros
            } else {
                let line = rest.len().min(LINE);
                let run = |at: &usize| rest[*at..].iter().take(ZEROS).all(|byte| *byte == 0);
                let line = (1..line)
                    .find(|at| rest.len() - at >= ZEROS && run(at))
                    .unwrap_or(line);
                writeln!(text, "{}", hex::encode(&rest[..line])).unwrap();
                line
            };
            rest = &rest[length..];
        }
    }
    text
}

fn from_text(text: &str) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("file ") {
            files.push((name, Vec::new()));
            continue;
        }
        let (_, bytes) = files.last_mut().unwrap();
        match line.strip_prefix("zeros ") {
            Some(zeros) => bytes.resize(bytes.len() + zeros.parse::<usize>().unwrap(), 0),
            None => bytes.extend(hex::decode(line).unwrap()),
        }
    }
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    Image::of(folder.path())
}

/// Every event as it is read, and every row, a line each.
fn said(opened: &Opened) -> String {
    let mut text = String::new();
    for project in PROJECTS.map(ProjectNumber) {
        writeln!(text, "events of project {project}").unwrap();
        for recorded in opened.log.read(project, Offset(1), 1_000).unwrap() {
            let envelope = serde_json::to_string(&recorded.envelope).unwrap();
            let event = serde_json::to_string(&recorded.event).unwrap();
            // what is large would hide the rest
            let event = match event.len() {
                0..1_000 => event,
                length => format!("{length} bytes, {}", Hash::of_bytes(event.as_bytes())),
            };
            writeln!(text, "{envelope} {event}").unwrap();
        }
        writeln!(text, "rows of project {project}").unwrap();
        for row in dump(&*opened.rows.view(), project) {
            let row = match row.len() {
                0..2_000 => row,
                length => format!("{length} bytes, {}", Hash::of_bytes(row.as_bytes())),
            };
            writeln!(text, "{row}").unwrap();
        }
    }
    text
}

#[test]
fn a_folder_of_every_released_format_opens_and_says_the_same() {
    for (format, image) in folders() {
        let bare = image.without(PROJECTIONS).placed();
        let opened = open(&options(bare.path())).unwrap();
        let expected = kept(&format!("format-{format}.said"), || said(&opened));
        assert_eq!(said(&opened), expected, "format {format}");
        let mut batches = crate::fixture::going_on(&opened.log, PROJECTS);
        crate::fixture::append(&opened.log, &mut batches, "after the upgrade");
        drop(opened);
        let report = verify(&options(bare.path()), &mut |_| {}).unwrap();
        assert!(report.is_sound(), "format {format}: {report:#?}");
        assert_eq!(report.checkpoints, PROJECTS.len() as u64);
    }
}

#[test]
fn projections_of_an_older_release_are_made_anew() {
    for (format, image) in folders() {
        let folder = image.placed();
        let left = folder.path().join(PROJECTIONS).join("left.tmp");
        fs::write(&left, []).unwrap();
        let opened = open(&options(folder.path())).unwrap();
        assert_eq!(opened.rows.reached(), opened.log.head());
        let expected = kept(&format!("format-{format}.said"), || said(&opened));
        assert_eq!(said(&opened), expected, "format {format}");
        assert!(!left.exists(), "it is another folder");
    }
}

/// No command touches what a newer release has written.
#[test]
fn a_newer_format_is_refused_by_everything_and_left_alone() {
    let (_, image) = folders().pop().unwrap();
    let newer = format!("everlog data format {}\n", CURRENT + 1);
    let image = image.with("format", newer.as_bytes()).with("lock", b"");
    let folder = image.placed();
    let (elsewhere, options) = (tempfile::tempdir().unwrap(), options(folder.path()));
    let to = elsewhere.path().join("to");
    let master = MasterKey::generate().unwrap();
    let refusals = [
        open(&options).err().map(|refused| refused.to_string()),
        OfflineLog::open(&options)
            .err()
            .map(|refused| refused.to_string()),
        verify(&options, &mut |_| {})
            .err()
            .map(|refused| refused.to_string()),
        repair(&options, &to, &mut |_| {})
            .err()
            .map(|refused| refused.to_string()),
        back_up(folder.path(), &to, None, &mut |_| {})
            .err()
            .map(|refused| refused.to_string()),
        rotate_master(&options, &master)
            .err()
            .map(|refused| refused.to_string()),
    ];
    for (number, refusal) in refusals.into_iter().enumerate() {
        let refusal = refusal.unwrap_or_else(|| panic!("command {number} took it"));
        assert!(
            refusal.contains("use a newer release"),
            "command {number}: {refusal}"
        );
    }
    assert!(Image::of(folder.path()) == image);
    assert!(!to.exists());
}

#[test]
fn the_current_format_is_the_one_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&options(folder.path())).unwrap());
    let format = fs::read_to_string(folder.path().join("format")).unwrap();
    assert_eq!(format, format!("everlog data format {CURRENT}\n"));
    let (_, image) = folders().pop().unwrap();
    assert_eq!(image.file("format"), format.as_bytes());
    assert!(!image.file(SEGMENT).is_empty());
    assert_eq!(
        from_text(&as_text(&image)).file(SEGMENT),
        image.file(SEGMENT)
    );
}
