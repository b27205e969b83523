use everlog_domain::envelope::DataKeyId;
use everlog_domain::ids::{Offset, ProjectNumber, ProjectUid};
use everlog_domain::ports::{Log, Subject};
use tempfile::TempDir;

use super::subject::{StoredKey, SubjectKey};
use super::wrap::Wrapper;
use super::*;
use crate::fixture::{options, reopen, written};
use crate::open::{OpenRefused, Options};
use crate::record::DataKey;
use crate::rotate_master;

const UID: ProjectUid = ProjectUid([3; 16]);

fn master(digit: &str) -> MasterKey {
    MasterKey::parse(&digit.repeat(64)).unwrap()
}

fn store(folder: &TempDir, master: &MasterKey) -> Result<KeyStore, KeysFailure> {
    KeyStore::open(&folder.path().join("keys"), master)
}

fn thread(id: &str) -> Subject {
    Subject::Thread(id.into())
}

#[test]
fn master_keys_are_refused_and_accepted() {
    for text in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65)] {
        let refused = MasterKey::parse(text).unwrap_err();
        assert!(
            matches!(refused, MasterKeyRefused::Malformed { .. }),
            "{text:?}"
        );
        assert!(
            text.is_empty() || !refused.to_string().contains(text),
            "it is a secret"
        );
    }
    assert_eq!(
        MasterKey::parse(&format!(" {}\n", "a".repeat(64))).unwrap(),
        master("a")
    );
    assert_eq!(format!("{:?}", master("a")), "MasterKey");
}

#[test]
fn another_master_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(store(&folder, &master("a")).unwrap());
    assert!(matches!(
        store(&folder, &master("b")),
        Err(KeysFailure::WrongMasterKey)
    ));
    drop(store(&folder, &master("a")).unwrap());
}

#[test]
fn a_key_is_found_again_once_it_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(&folder, &master("a")).unwrap();
    let kept = first.of_subject(UID, &thread("kept")).unwrap();
    let twice = first.of_subject(UID, &thread("kept")).unwrap();
    assert_eq!((kept.id, *kept.key), (twice.id, *twice.key));
    assert_eq!(first.by_id(kept.id).unwrap(), Some(kept.key.clone()));
    let batches = first.batches();
    assert_eq!(
        first.make_durable([DataKeyId(1)].into_iter()).unwrap(),
        batches
    );
    assert_eq!(
        first.make_durable([kept.id].into_iter()).unwrap(),
        batches + 1
    );
    assert_eq!(
        first.make_durable([kept.id].into_iter()).unwrap(),
        batches + 1
    );
    let lost = first.of_subject(UID, &thread("lost")).unwrap();
    drop(first);

    let second = store(&folder, &master("a")).unwrap();
    let again = second.of_subject(UID, &thread("kept")).unwrap();
    assert_eq!((again.id, *again.key), (kept.id, *kept.key));
    assert_eq!(second.by_id(kept.id).unwrap(), Some(kept.key));
    assert_eq!(second.by_id(lost.id).unwrap(), None);
    assert_ne!(second.of_subject(UID, &thread("lost")).unwrap().id, lost.id);
}

#[test]
fn every_subject_has_a_key_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, &master("a")).unwrap();
    let subjects = [
        Subject::Project,
        Subject::User("x".into()),
        thread("x"),
        thread("y"),
    ];
    let mut ids = std::collections::HashSet::new();
    for uid in [UID, ProjectUid([4; 16])] {
        for subject in &subjects {
            assert!(ids.insert(store.of_subject(uid, subject).unwrap().id));
        }
    }
}

#[test]
fn a_stored_key_is_bound_to_its_id_and_subject() {
    let wrapper = Wrapper::new(&master("a"));
    let stored = StoredKey {
        subject: SubjectKey::new(UID, &thread("x")),
        key: DataKey::new([5; 32]),
    };
    let bytes = stored.encode(DataKeyId(9), &wrapper).unwrap();
    let read = StoredKey::decode(DataKeyId(9), &bytes, &wrapper).unwrap();
    assert_eq!((read.subject, read.key), (stored.subject, stored.key));
    assert!(StoredKey::decode(DataKeyId(8), &bytes, &wrapper).is_err());
    assert!(StoredKey::decode(DataKeyId(9), &bytes, &Wrapper::new(&master("b"))).is_err());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(
            StoredKey::decode(DataKeyId(9), &flipped, &wrapper).is_err(),
            "byte {at}"
        );
        assert!(
            StoredKey::decode(DataKeyId(9), &bytes[..at], &wrapper).is_err(),
            "cut at {at}"
        );
    }
}

/// A key as the first release wrapped it, under the master key aa…
#[test]
fn a_stored_key_reads_as_released() {
    let golden = hex::decode(include_str!("golden/data_key.v1.hex").trim()).unwrap();
    let read = StoredKey::decode(DataKeyId(9), &golden, &Wrapper::new(&master("a"))).unwrap();
    assert_eq!(read.subject, SubjectKey::new(UID, &thread("x")));
    assert_eq!(*read.key, [5; 32]);
}

fn with_key(folder: &TempDir, key: &MasterKey) -> Options {
    Options {
        master_key: MasterKeySource::Given(key.clone()),
        ..options(folder.path())
    }
}

#[test]
fn after_a_rotation_only_the_new_key_opens() {
    let folder = written(5);
    let old = MasterKey::parse(&std::fs::read_to_string(folder.path().join("master.key")).unwrap())
        .unwrap();
    let rotated = rotate_master(&with_key(&folder, &old), &master("b")).unwrap();
    assert_eq!(rotated, 2, "a thread in each of two projects");
    let refused = crate::open::open_log(&with_key(&folder, &old)).err();
    assert!(
        matches!(
            refused,
            Some(OpenRefused::Keys(KeysFailure::WrongMasterKey))
        ),
        "{refused:?}"
    );
    let log = crate::open::open_log(&with_key(&folder, &master("b"))).unwrap();
    assert_eq!(log.read(ProjectNumber(1), Offset(1), 10).unwrap().len(), 5);
}

#[test]
fn a_rotation_in_the_folder_survives_being_cut_short() {
    let folder = written(3);
    let file = folder.path().join("master.key");
    let old = std::fs::read(&file).unwrap();
    rotate_master(&options(folder.path()), &master("b")).unwrap();
    drop(reopen(folder.path()).unwrap());
    // as if the process had ended between rewrapping the store and replacing the file
    std::fs::rename(&file, folder.path().join("master.key.next")).unwrap();
    std::fs::write(&file, old).unwrap();
    drop(reopen(folder.path()).unwrap());
    let kept = MasterKey::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(kept, master("b"));
    drop(reopen(folder.path()).unwrap());
}
