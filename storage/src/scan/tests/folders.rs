use std::path::Path;

use super::image::{Image, unchanged};
use super::written::{FIRST, Written, commit, engine_pairs, events, open, try_open};
use crate::scan::{Defect, FolderState, check_tables, folder_state};

fn state(folder: &Path) -> FolderState {
    unchanged(folder, |folder| folder_state(folder).unwrap())
}

fn new_database() -> Image {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    Image::of(folder.path()).edited(FIRST, |bytes| bytes.truncate(8192))
}

#[test]
fn no_folder_and_an_empty_one_are_absent() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(state(folder.path()), FolderState::Absent);
    assert_eq!(
        folder_state(&folder.path().join("nowhere")).unwrap(),
        FolderState::Absent
    );
}

#[test]
fn a_database_is_one_from_its_first_opening_on() {
    assert_eq!(state(new_database().placed().path()), FolderState::Database);
    assert_eq!(
        state(Written::small().image.placed().path()),
        FolderState::Database
    );
}

#[test]
fn a_creation_that_was_cut_short_is_unfinished() {
    let new = new_database();
    let locked = new.without("keyspaces").without("version").without(FIRST);
    let without_marker = new.without("keyspaces").without("version");
    let cases = [
        ("before the first journal", locked),
        ("before the marker", without_marker.clone()),
        (
            "inside the marker",
            without_marker.with("version", b"FJ".to_vec()),
        ),
        ("before the meta keyspace", new.without("keyspaces")),
        (
            "before its current version",
            new.without("keyspaces/0/current"),
        ),
    ];
    for (name, image) in cases {
        assert_eq!(
            state(image.placed().path()),
            FolderState::Unfinished,
            "{name}"
        );
    }
}

#[test]
fn fjall_alone_fails_for_ever_without_its_marker() {
    let folder = new_database()
        .without("keyspaces")
        .without("version")
        .placed();
    for _ in 0..2 {
        let error = engine_pairs(folder.path()).unwrap_err();
        assert!(
            matches!(&error, fjall::Error::Io(io) if io.kind() == std::io::ErrorKind::AlreadyExists),
            "{error:?}"
        );
    }
}

#[test]
fn a_used_database_without_its_marker_is_damaged() {
    let image = Written::small().image;
    let damage = folder_state(image.without("version").placed().path()).unwrap_err();
    assert!(matches!(damage.defect, Defect::Missing), "{damage}");
    for (bytes, name) in [
        (b"FJL\x02".as_slice(), "another format"),
        (b"\0\0\0\0", "zeros"),
    ] {
        let damage =
            folder_state(image.with("version", bytes.to_vec()).placed().path()).unwrap_err();
        assert!(
            matches!(
                damage.defect,
                Defect::Malformed {
                    part: "format",
                    at: 0
                }
            ),
            "{name}: {damage}"
        );
    }
    for bytes in [b"FJL".as_slice(), b"", b"FJL\x03\x03"] {
        let damage =
            folder_state(image.with("version", bytes.to_vec()).placed().path()).unwrap_err();
        let len = bytes.len() as u64;
        assert!(
            matches!(damage.defect, Defect::Length { expected: 4, found } if found == len),
            "{damage}"
        );
    }
}

/// Tables without a marker, a current version or a journal with content are no fresh folder.
#[test]
fn flushed_tables_are_never_called_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = open(folder.path());
        let events = events(&database);
        commit(&database, &events, &[(b"key".to_vec(), b"value".to_vec())]);
        events.rotate_memtable_and_wait().unwrap();
    }
    let image = Image::of(folder.path()).edited(FIRST, |bytes| *bytes = vec![0; 8192]);
    let damage = folder_state(image.without("version").placed().path()).unwrap_err();
    assert!(matches!(damage.defect, Defect::Missing), "{damage}");
    let emptied = image.without("keyspaces/0/current").without("keyspaces/1");
    assert_eq!(state(emptied.placed().path()), FolderState::Database);
    assert!(check_tables(emptied.placed().path()).is_err());
}

#[test]
fn a_missing_lock_file_is_told_and_an_empty_one_mends_it() {
    let written = Written::small();
    let folder = written.image.without("lock").placed();
    assert_eq!(state(folder.path()), FolderState::WithoutLock);
    assert!(try_open(folder.path()).is_err());
    std::fs::write(folder.path().join("lock"), b"").unwrap();
    assert_eq!(state(folder.path()), FolderState::Database);
    assert!(try_open(folder.path()).is_ok());
}
