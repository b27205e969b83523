use std::fs;

use everlog_domain::ids::{CommitNumber, Offset, ProjectId};
use everlog_domain::ports::Log;

use super::scene::{Scene, time_of, told};
use crate::backup::{Point, RestoreFailure, RestoreOptions};
use crate::fixture::{Image, SEGMENT, options, reopen};
use crate::keys::{KeysFailure, MasterKey, MasterKeySource};
use crate::open::open;

const BATCHES: u64 = 8;

fn scene() -> Scene {
    let scene = Scene::of(BATCHES);
    scene.back_up().unwrap();
    scene
}

fn of_project(scene: &Scene, id: &str, point: Point) -> RestoreOptions {
    RestoreOptions {
        project: Some(ProjectId::parse(id).unwrap()),
        ..scene.options(point)
    }
}

#[test]
fn what_is_no_backup_is_refused() {
    let scene = scene();
    let mut options = scene.options(Point::Newest);
    for from in [scene.data(), scene.backup().join("absent")] {
        options.from = from;
        let failure = scene.refused(&options);
        assert!(
            matches!(failure, RestoreFailure::NoBackup { .. }),
            "{failure}"
        );
    }
    let path = scene.backup().join("backup");
    let sound = fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(7) {
        let mut flipped = sound.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        let failure = scene.refused(&scene.options(Point::Newest));
        assert!(
            matches!(failure, RestoreFailure::NoBackup { .. }),
            "{failure}"
        );
    }
}

#[test]
fn nothing_is_written_over() {
    let scene = scene();
    let mut options = scene.options(Point::Newest);
    options.to = scene.data();
    let before = Image::of(&scene.data());
    let failure = scene.refused(&options);
    assert!(
        matches!(failure, RestoreFailure::Exists { .. }),
        "{failure}"
    );
    assert!(Image::of(&scene.data()) == before);
}

#[test]
fn keys_that_do_not_go_with_the_backup_are_refused() {
    let mut scene = scene();
    let old = fs::read(scene.keys()).unwrap();
    let mut options = scene.options(Point::Newest);
    options.master_key = MasterKeySource::InFolder;
    let failure = scene.refused(&options);
    assert!(
        matches!(failure, RestoreFailure::MasterKeyNotGiven),
        "{failure}"
    );
    options.master_key = MasterKeySource::Given(MasterKey::generate().unwrap());
    let failure = scene.refused(&options);
    assert!(
        matches!(failure, RestoreFailure::Keys(KeysFailure::WrongMasterKey)),
        "{failure}"
    );
    let options = scene.options(Point::Newest);
    for bytes in [&b""[..], b"everlog keys 1\n", &old[..old.len() / 2]] {
        fs::write(scene.keys(), bytes).unwrap();
        let failure = scene.refused(&options);
        assert!(
            matches!(failure, RestoreFailure::KeysFile { .. }),
            "{failure}"
        );
    }
    fs::remove_file(scene.keys()).unwrap();
    let failure = scene.refused(&options);
    assert!(
        matches!(failure, RestoreFailure::KeysFile { .. }),
        "{failure}"
    );
    // a file from before a subject had a key
    let log = reopen(&scene.data()).unwrap();
    scene.grow_with_new_subject(&log);
    drop(log);
    scene.back_up().unwrap();
    fs::write(scene.keys(), old).unwrap();
    let failure = scene.refused(&options);
    assert!(
        matches!(failure, RestoreFailure::KeysTooOld { .. }),
        "{failure}"
    );
}

#[test]
fn a_damaged_backup_is_refused_with_the_place() {
    let scene = scene();
    let sound = Image::of(&scene.backup());
    let path = scene.backup().join(SEGMENT);
    let whole = sound.file(SEGMENT).len();
    let refused = |what: &str| {
        let failure = scene.refused(&scene.options(Point::Newest));
        let RestoreFailure::Damaged {
            project, offset, ..
        } = &failure
        else {
            panic!("{what}: expected damage with its place, found {failure}");
        };
        assert!(
            (1..=3).contains(&project.0) && (1..=40).contains(&offset.0),
            "{what}: {failure}"
        );
    };
    for at in (24..whole).step_by(whole / 40) {
        let flipped = sound.edited(SEGMENT, |bytes| bytes[at] ^= 8);
        fs::write(&path, flipped.file(SEGMENT)).unwrap();
        refused(&format!("byte {at}"));
    }
    for at in (24..whole).step_by(whole / 20) {
        fs::write(&path, &sound.file(SEGMENT)[..at]).unwrap();
        refused(&format!("cut at {at}"));
    }
    fs::remove_file(&path).unwrap();
    refused("no segment");
    // what lies before the damage can still be had
    let last = sound.placed();
    let batches = Image::of(last.path()).batches();
    let flipped = sound.edited(SEGMENT, |bytes| bytes[batches[5].start + 50] ^= 1);
    fs::write(&path, flipped.file(SEGMENT)).unwrap();
    let report = scene.restore_sound(&scene.options(Point::Commit(CommitNumber(5))));
    assert_eq!(report.commit, CommitNumber(5));
}

#[test]
fn points_beyond_the_backup_or_before_it_are_refused() {
    let scene = scene();
    let newest = 3 * (BATCHES - 1);
    let commit = scene.refused(&scene.options(Point::Commit(CommitNumber(BATCHES + 1))));
    assert!(
        matches!(commit, RestoreFailure::CommitBeyond { .. }),
        "{commit}"
    );
    let beyond = scene.refused(&of_project(
        &scene,
        "one",
        Point::Offset(Offset(newest + 1)),
    ));
    assert!(
        matches!(beyond, RestoreFailure::OffsetBeyond { last, .. } if last.0 == newest),
        "{beyond}"
    );
    for options in [
        scene.options(Point::Commit(CommitNumber(0))),
        scene.options(Point::Time(time_of(0))),
        of_project(&scene, "one", Point::Offset(Offset(0))),
    ] {
        let failure = scene.refused(&options);
        assert!(matches!(failure, RestoreFailure::Nothing), "{failure}");
    }
    let unknown = scene.refused(&of_project(&scene, "three", Point::Newest));
    assert!(
        matches!(unknown, RestoreFailure::NoProject { .. }),
        "{unknown}"
    );
}

#[test]
fn checkpoints_elsewhere_are_held_against_the_backup() {
    let scene = scene();
    let elsewhere = scene.data().with_file_name("elsewhere");
    let checkpointed = |data: &std::path::Path| {
        let options = crate::open::Options {
            checkpoint_dir: Some(elsewhere.clone()),
            ..options(data)
        };
        open(&options).unwrap().checkpoints.write().unwrap();
    };
    checkpointed(&scene.data());
    let options = RestoreOptions {
        checkpoint_dir: Some(elsewhere.clone()),
        ..scene.options(Point::Newest)
    };
    scene.restore_sound(&options);
    fs::remove_dir_all(scene.restored()).unwrap();
    // somebody who has all keys has written another log under the same names
    let forged = Scene::of(1);
    fs::remove_dir_all(forged.data().join("keys")).unwrap();
    fs::remove_dir_all(forged.data().join("log")).unwrap();
    fs::remove_dir_all(forged.data().join("index")).unwrap();
    fs::remove_file(forged.data().join("watermark")).unwrap();
    let keys = Image::of(&scene.data());
    for name in keys.names().filter(|name| name.starts_with("keys")) {
        let path = forged.data().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, keys.file(name.to_str().unwrap())).unwrap();
    }
    fs::write(forged.data().join("master.key"), keys.file("master.key")).unwrap();
    let forged = forged.again(BATCHES);
    forged.back_up().unwrap();
    let options = RestoreOptions {
        checkpoint_dir: Some(elsewhere),
        ..forged.options(Point::Newest)
    };
    let failure = forged.refused(&options);
    assert!(
        failure.to_string().contains("a checkpoint saw"),
        "{failure}"
    );
}

#[test]
fn all_of_it_is_byte_for_byte_the_same_log() {
    let scene = scene();
    let report = scene.restore_sound(&scene.options(Point::Newest));
    assert_eq!(
        (report.commit, report.projects, report.empty),
        (CommitNumber(BATCHES), 3, 0)
    );
    assert!(!report.cut_within_batch);
    assert_eq!(report.time, time_of(BATCHES));
    assert_eq!(told(&scene.restored()), told(&scene.data()));
    let of = |data: std::path::PathBuf| Image::of(&data).without_reserve().file(SEGMENT).to_vec();
    assert_eq!(of(scene.restored()), of(scene.data()));
}

#[test]
fn every_batch_and_every_time_can_be_gone_back_to() {
    let scene = scene();
    let mut replayed = Scene::of(1);
    for commit in 1..=BATCHES {
        if commit > 1 {
            replayed.grow(1, "text");
        }
        let expected = events_without_bytes(&replayed.data());
        for point in [
            Point::Commit(CommitNumber(commit)),
            Point::Time(time_of(commit)),
        ] {
            let report = scene.restore_sound(&scene.options(point));
            assert_eq!(report.commit, CommitNumber(commit), "{point:?}");
            assert!(!report.cut_within_batch, "{point:?}");
            assert_eq!(
                events_without_bytes(&scene.restored()),
                expected,
                "{point:?}"
            );
            fs::remove_dir_all(scene.restored()).unwrap();
        }
    }
}

/// What was written twice is encrypted under other keys, so only what it says is the same.
fn events_without_bytes(data: &std::path::Path) -> Vec<Vec<String>> {
    let rows = told(data).into_iter().map(|(_, rows)| rows);
    rows.collect()
}

#[test]
fn an_offset_within_a_batch_keeps_what_comes_before_it() {
    let scene = scene();
    let whole = told(&scene.data());
    for offset in 1..=3 * (BATCHES - 1) {
        let options = RestoreOptions {
            with_others: offset % 2 == 0,
            ..of_project(&scene, "one", Point::Offset(Offset(offset)))
        };
        let report = scene.restore_sound(&options);
        assert_eq!(report.cut_within_batch, offset % 3 != 0, "offset {offset}");
        let batch = (offset - 1) / 3 + 2;
        assert_eq!(report.commit, CommitNumber(batch));
        assert_eq!(report.empty, usize::from(offset % 2 != 0));
        let found = told(&scene.restored());
        let kept = usize::try_from(offset).unwrap();
        assert_eq!(found[0], whole[0], "the console is whole");
        assert_eq!(found[1].0, whole[1].0[..kept]);
        let others = match options.with_others {
            true => usize::try_from(batch - 1).unwrap(),
            false => 0,
        };
        assert_eq!(found[2].0, whole[2].0[..others]);
        fs::remove_dir_all(scene.restored()).unwrap();
    }
}

#[test]
fn a_restored_folder_is_gone_on_with() {
    let mut scene = scene();
    let options = of_project(&scene, "one", Point::Offset(Offset(4)));
    scene.restore_sound(&options);
    let log = reopen(&scene.restored()).unwrap();
    let before = log.head();
    scene.go_on(&log, &[2, 3]);
    assert_eq!(log.head(), before.next());
    drop(log);
    let report = crate::offline::verify(&crate::fixture::options(&scene.restored()), &mut |_| {});
    assert!(report.unwrap().is_sound());
}

#[test]
fn the_control_plane_alone() {
    let scene = scene();
    let report = scene.restore_sound(&of_project(&scene, "console", Point::Newest));
    assert_eq!((report.commit, report.events), (CommitNumber(1), 2));
    assert_eq!((report.projects, report.empty), (1, 2));
}
