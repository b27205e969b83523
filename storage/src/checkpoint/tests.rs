use std::fs;

use ed25519_dalek::SigningKey;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectUid};

use super::note::{Note, NoteError};
use super::*;
use crate::fixture::{append, continued, reopen, written};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn note() -> Note {
    Note {
        uid: ProjectUid([7; 16]),
        offset: Offset(1207),
        head: Hash::of_bytes(b"head"),
    }
}

fn read(text: &str, key: &SigningKey) -> Result<Note, NoteError> {
    let lines: Vec<&str> = text.lines().collect();
    Note::read(&lines, &key.verifying_key())
}

#[test]
fn changed_notes_are_refused() {
    let signed = note().sign(&key(1));
    assert_eq!(read(&signed, &key(2)), Err(NoteError::OtherKey));
    let changes = [
        (signed.replace("1207", "1208"), NoteError::Signature),
        (signed.replace("0707\n", "0708\n"), NoteError::Malformed),
        (signed.replace("\n\n", "\n"), NoteError::Malformed),
        (String::new(), NoteError::Malformed),
    ];
    for (changed, expected) in changes {
        assert_eq!(read(&changed, &key(1)), Err(expected), "{changed}");
    }
}

/// The form is a promise to those who keep checkpoints: Ed25519 signs the same every time.
#[test]
fn a_note_has_the_published_form() {
    let signed = note().sign(&key(1));
    assert_eq!(read(&signed, &key(1)), Ok(note()));
    let lines: Vec<&str> = signed.lines().collect();
    assert_eq!(lines[0], "everlog/07070707070707070707070707070707");
    assert_eq!(lines[1], "1207");
    assert_eq!(lines[2].len(), 44);
    assert_eq!(lines[3], "");
    assert!(lines[4].starts_with("— everlog/07070707070707070707070707070707 "));
}

#[test]
fn a_note_that_was_cut_short_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let signed = note().sign(&key(1));
    let next = Note {
        offset: Offset(2000),
        ..note()
    };
    for cut in 1..signed.len() {
        if !signed.is_char_boundary(cut) {
            continue;
        }
        let path = folder::file_of(folder.path(), note().uid);
        fs::write(&path, [&signed, &signed[..cut]].concat()).unwrap();
        let before = read_folder(folder.path(), &key(1).verifying_key()).unwrap();
        assert!(
            before.iter().all(|found| found.note == Ok(note())),
            "cut at {cut}"
        );
        folder::append(folder.path(), note().uid, &next.sign(&key(1))).unwrap();
        let after = read_folder(folder.path(), &key(1).verifying_key()).unwrap();
        assert_eq!(after.last().unwrap().note, Ok(next), "cut at {cut}");
    }
}

#[test]
fn each_project_that_changed_gets_a_note_in_every_folder() {
    let data = written(3);
    let outside = tempfile::tempdir().unwrap();
    let log = reopen(data.path()).unwrap();
    let verifying = log.keys().signing().verifying_key();
    let inside = data.path().join(FOLDER);
    let make = || {
        let outside = Some(outside.path().to_path_buf());
        Checkpoints::new(log.clone(), inside.clone(), outside)
    };
    let offsets = |folder: &std::path::Path| {
        let notes = read_folder(folder, &verifying).unwrap();
        let offsets = notes.iter().map(|found| found.note.unwrap().offset.0);
        let mut offsets: Vec<u64> = offsets.collect();
        offsets.sort_unstable();
        offsets
    };
    let checkpoints = make();
    assert_eq!(checkpoints.write().unwrap(), 2);
    assert_eq!(checkpoints.behind(), 0);
    append(&log, &mut continued(&log), "more");
    let checkpoints = make();
    assert_eq!(checkpoints.behind(), 1);
    assert_eq!(checkpoints.write().unwrap(), 2);
    assert_eq!(checkpoints.write().unwrap(), 0);
    for folder in [&inside, outside.path()] {
        assert_eq!(offsets(folder), [3, 3, 4, 4]);
    }
}

#[test]
fn a_folder_that_is_named_later_gets_every_project_and_a_failure_costs_nothing_twice() {
    let data = written(3);
    let log = reopen(data.path()).unwrap();
    let verifying = log.keys().signing().verifying_key();
    let inside = data.path().join(FOLDER);
    let make = |outside: Option<&std::path::Path>| {
        let outside = outside.map(std::path::Path::to_path_buf);
        Checkpoints::new(log.clone(), inside.clone(), outside)
    };
    let notes = |folder: &std::path::Path| read_folder(folder, &verifying).unwrap().len();
    assert_eq!(make(None).write().unwrap(), 2);
    let outside = tempfile::tempdir().unwrap();
    let blocked = outside.path().join("blocked");
    fs::write(&blocked, b"a file where a folder should be").unwrap();
    let failing = make(Some(&blocked));
    for _ in 0..3 {
        assert!(failing.write().is_err());
    }
    assert_eq!((notes(&inside), failing.behind()), (2, 3));
    let later = outside.path().join("later");
    assert_eq!(make(Some(&later)).write().unwrap(), 2);
    assert_eq!((notes(&inside), notes(&later)), (2, 2));
}
