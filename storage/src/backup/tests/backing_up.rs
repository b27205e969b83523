use std::fs;

use everlog_domain::ids::CommitNumber;

use super::scene::{Scene, time_of};
use crate::backup::{BackupFailure, Point, back_up};
use crate::fixture::{Image, reopen};
use crate::log::list_segments;
use crate::open::OpenRefused;

#[test]
fn what_is_no_data_folder_is_refused() {
    let scene = Scene::of(1);
    let empty = tempfile::tempdir().unwrap();
    let to = scene.backup();
    let failure = back_up(empty.path(), &to, None, &mut |_| {}).unwrap_err();
    assert!(
        matches!(failure, BackupFailure::Refused(OpenRefused::Format { .. })),
        "{failure}"
    );
    let absent = empty.path().join("absent");
    let failure = back_up(&absent, &to, None, &mut |_| {}).unwrap_err();
    assert!(
        matches!(failure, BackupFailure::Refused(OpenRefused::Absent { .. })),
        "{failure}"
    );
    assert!(!to.exists());
}

#[test]
fn what_is_something_else_is_not_written_over() {
    let scene = Scene::of(2);
    fs::create_dir(scene.backup()).unwrap();
    fs::write(scene.backup().join("letter"), b"dear").unwrap();
    let failure = scene.back_up().unwrap_err();
    assert!(
        matches!(failure, BackupFailure::OtherBackup { .. }),
        "{failure}"
    );
    let left = Image::of(&scene.backup());
    assert_eq!(left.file("letter"), b"dear");
}

#[test]
fn keys_do_not_go_into_the_backup() {
    let scene = Scene::of(2);
    for keys in [
        scene.backup().join("keys.txt"),
        scene.backup().join("../backup/keys.txt"),
    ] {
        let failure = back_up(&scene.data(), &scene.backup(), Some(&keys), &mut |_| {});
        let failure = failure.unwrap_err();
        assert!(matches!(failure, BackupFailure::Keys { .. }), "{failure}");
        assert!(!keys.exists());
    }
    let _under_way = crate::folder_lock::FolderLock::take(&scene.backup()).unwrap();
    let failure = scene.back_up().unwrap_err();
    assert!(
        matches!(failure, BackupFailure::UnderWay { .. }),
        "{failure}"
    );
}

#[test]
fn a_backup_of_another_log_is_not_gone_on_with() {
    let scene = Scene::of(3);
    scene.back_up().unwrap();
    let before = Image::of(&scene.backup());
    let mut other = Scene::of(1);
    // the same projects, other events
    other.grow(5, "other");
    let failure = back_up(&other.data(), &scene.backup(), None, &mut |_| {}).unwrap_err();
    assert!(
        matches!(failure, BackupFailure::OtherBackup { .. }),
        "{failure}"
    );
    assert!(Image::of(&scene.backup()) == before);
    // nor one that ends before
    let shorter = Scene::of(2);
    let failure = back_up(&shorter.data(), &scene.backup(), None, &mut |_| {}).unwrap_err();
    assert!(
        matches!(failure, BackupFailure::OtherBackup { .. }),
        "{failure}"
    );
}

#[test]
fn damage_is_named_and_the_backup_stays_as_it_was() {
    let mut scene = Scene::of(3);
    scene.back_up().unwrap();
    let before = fs::read(scene.backup().join("backup")).unwrap();
    scene.grow(20, "more");
    let sound = Image::of(&scene.data());
    let batch = sound.batches()[10].clone();
    let path = scene.data().join(crate::fixture::SEGMENT);
    for at in [batch.start + 2, batch.start + 50, batch.end - 3] {
        let damaged = sound.edited(crate::fixture::SEGMENT, |bytes| bytes[at] ^= 4);
        fs::write(&path, damaged.file(crate::fixture::SEGMENT)).unwrap();
        let offline = scene.back_up().unwrap_err();
        assert!(offline.to_string().contains("offset"), "{offline}");
        // a server that runs already does not look at what it has written
        let log = crate::folder_lock::FolderLock::take(&scene.data()).unwrap();
        let online = scene.back_up().unwrap_err();
        drop(log);
        let BackupFailure::Damaged { offset, .. } = &online else {
            panic!("expected damage with its place, found {online}");
        };
        assert!((1..=30).contains(&offset.0), "{online}");
        let after = fs::read(scene.backup().join("backup")).unwrap();
        assert_eq!(after, before, "byte {at}");
    }
    fs::write(&path, sound.file(crate::fixture::SEGMENT)).unwrap();
    assert_eq!(scene.back_up().unwrap().commit, CommitNumber(23));
    scene.restore_sound(&scene.options(Point::Newest));
}

#[test]
fn each_run_adds_what_is_new_beside_a_writer() {
    let mut scene = Scene::of(4);
    let log = reopen(&scene.data()).unwrap();
    let first = scene.back_up().unwrap();
    assert_eq!((first.commit, first.added), (CommitNumber(4), 4));
    assert_eq!((first.events, first.projects), (2 + 3 * 4, 3));
    assert_eq!(first.time, Some(time_of(4)));
    assert_eq!(first.keys, Some(3));
    let again = scene.back_up().unwrap();
    assert_eq!((again.commit, again.added), (CommitNumber(4), 0));
    let segment = scene.backup().join(crate::fixture::SEGMENT);
    let before = fs::read(&segment).unwrap();
    scene.grow_open(&log, 5, "more");
    let second = scene.back_up().unwrap();
    assert_eq!((second.commit, second.added), (CommitNumber(9), 5));
    let after = fs::read(&segment).unwrap();
    assert_eq!(after[..before.len()], before, "only appended to");
    assert!(!scene.backup().join("keys").exists());
    assert!(!scene.backup().join("master.key").exists());
}

#[test]
fn what_a_run_that_was_cut_short_has_left_is_written_over() {
    let mut scene = Scene::of(4);
    scene.back_up().unwrap();
    let held = fs::read(scene.backup().join("backup")).unwrap();
    scene.grow(6, "more");
    scene.back_up().unwrap();
    let whole = Image::of(&scene.backup());
    // everything of the second run is there but its last word, and then half of it
    fs::write(scene.backup().join("backup"), &held).unwrap();
    assert_eq!(
        scene.restore_sound(&scene.options(Point::Newest)).events,
        14
    );
    let segment = scene.backup().join(crate::fixture::SEGMENT);
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() - 700]).unwrap();
    assert_eq!(scene.back_up().unwrap().added, 6);
    assert!(Image::of(&scene.backup()) == whole);
}

#[test]
fn a_backup_goes_over_several_segments() {
    let mut scene = Scene::of(2);
    let large = "large ".repeat(330_000);
    scene.grow(4, &large);
    scene.back_up().unwrap();
    scene.grow(4, &large);
    let report = scene.back_up().unwrap();
    assert_eq!((report.commit, report.added), (CommitNumber(10), 4));
    let segments = |folder: std::path::PathBuf| list_segments(&folder.join("log")).unwrap().len();
    assert!(segments(scene.backup()) > 2);
    assert_eq!(segments(scene.backup()), segments(scene.data()));
    let restored = scene.restore_sound(&scene.options(Point::Newest));
    assert_eq!(restored.commit, CommitNumber(10));
}
