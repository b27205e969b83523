use std::path::Path;

use everlog_domain::ids::ProjectUid;
use everlog_domain::ports::Subject;

use crate::backup::keys_copy::{carried_keys, carried_keys_beside};
use crate::keys::{CarriedKeys, KeyStore, MasterKey};

/// What a server does to its keys while one of their files is about to be copied.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    /// A key for somebody new: a journal grows.
    Key,
    /// Tables are written: the set of files is another one.
    Tables,
    /// Both, with more keys behind the tables.
    All,
}

struct Keys {
    store: KeyStore,
    made: u64,
}

impl Keys {
    fn make(&mut self, count: u64) {
        for _ in 0..count {
            let subject = Subject::User(format!("user-{}", self.made).into());
            let made = self.store.of_subject(ProjectUid([7; 16]), &subject);
            let id = made.unwrap().id;
            self.store.make_durable(std::iter::once(id)).unwrap();
            self.made += 1;
        }
    }

    fn act(&mut self, meanwhile: Meanwhile) {
        match meanwhile {
            Meanwhile::Key => self.make(1),
            Meanwhile::Tables => self.store.flush(),
            Meanwhile::All => {
                self.make(3);
                self.store.flush();
                self.make(2);
            }
        }
    }
}

/// Each batch of the store but the first holds one key, so a copy that has a batch and lacks a key
/// is torn.
#[track_caller]
fn assert_whole(carried: &CarriedKeys, at_least: u64) {
    assert!(carried.batches >= at_least, "{at_least} batches were there");
    assert_eq!(carried.keys.len() as u64, carried.batches - 1);
    assert!(carried.keys.iter().all(|key| key.is_current));
}

#[test]
fn keys_are_copied_whole_whatever_happens_between_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("keys"), folder.path().join("aside"));
    let master = MasterKey::generate().unwrap();
    let store = KeyStore::open(&path, &master).unwrap();
    let mut keys = Keys { store, made: 0 };
    // fjall takes its time to write tables, so not before each file
    for (meanwhile, step) in [
        (Meanwhile::Key, 1),
        (Meanwhile::Tables, 7),
        (Meanwhile::All, 5),
    ] {
        let mut place = 0;
        loop {
            keys.make(1);
            let durable = keys.store.batches();
            let mut seen = 0;
            let carried = carried_keys_beside(&path, &aside, durable, &mut |_| {
                if seen == place {
                    keys.act(meanwhile);
                }
                seen += 1;
            });
            assert_whole(&carried.unwrap(), durable);
            assert!(!aside.exists());
            if seen <= place {
                break;
            }
            place += step;
        }
        assert!(place > 10, "{meanwhile:?} at {place} places");
    }
    let whole = carried_keys(&path, &aside, keys.store.batches()).unwrap();
    let placed = folder.path().join("placed");
    whole.place(&placed, &master).unwrap();
    let again = KeyStore::open(&placed, &master).unwrap();
    assert_eq!(again.batches(), keys.store.batches());
    for key in whole.keys {
        assert_eq!(
            again.by_id(key.id).unwrap(),
            keys.store.by_id(key.id).unwrap()
        );
    }
}

#[test]
fn keys_that_never_stand_still_or_lack_something_are_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("keys"), folder.path().join("aside"));
    let master = MasterKey::generate().unwrap();
    let store = KeyStore::open(&path, &master).unwrap();
    let mut keys = Keys { store, made: 0 };
    let failure = carried_keys(&path, &aside, 2).unwrap_err();
    assert!(failure.to_string().contains("the log needs"), "{failure}");
    // once a copy: this file is there once
    let failure = carried_keys_beside(&path, &aside, 1, &mut |name| {
        if name == Path::new("version") {
            keys.act(Meanwhile::All);
        }
    });
    let failure = failure.unwrap_err().to_string();
    assert!(failure.contains("changed while"), "{failure}");
    assert!(!aside.exists());
}
