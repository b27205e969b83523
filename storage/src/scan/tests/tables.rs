use std::path::Path;

use fjall::{Database, KeyspaceCreateOptions, KvSeparationOptions};

use super::image::{Image, unchanged};
use super::written::{EVENTS, FIRST, commit, engine_pairs, events, open};
use crate::scan::{Defect, ScanDamage, TableReport, VerifyReport, check_tables, verify_tables};

/// The folders of fjall's own keyspace and of the first named one.
const META: &str = "keyspaces/0";
const NAMED: &str = "keyspaces/1";

/// One keyspace with one table of forty keys, and a journal that is still there.
fn flushed() -> Image {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = open(folder.path());
        let events = events(&database);
        for key in 0..40_u8 {
            commit(&database, &events, &[(vec![key], vec![key; 20])]);
        }
        events.rotate_memtable_and_wait().unwrap();
    }
    drop(open(folder.path()));
    Image::of(folder.path())
}

fn check(folder: &Path) -> Result<TableReport, ScanDamage> {
    unchanged(folder, check_tables)
}

fn verify(folder: &Path) -> Result<VerifyReport, ScanDamage> {
    unchanged(folder, |folder| verify_tables(folder, &mut |_| {}))
}

#[track_caller]
fn refused(image: &Image) -> (Defect, String) {
    let folder = image.placed();
    let damage = check(folder.path()).unwrap_err();
    let file = damage.file.strip_prefix(folder.path()).unwrap();
    (damage.defect, file.to_str().unwrap().to_owned())
}

fn table_of(image: &Image) -> String {
    image.only_file_in(&format!("{NAMED}/tables"))
}

fn version_of(image: &Image) -> String {
    let current = image.file(&format!("{NAMED}/current"));
    format!(
        "{NAMED}/v{}",
        u64::from_le_bytes(current[..8].try_into().unwrap())
    )
}

#[test]
fn a_sound_database_is_reported_in_full() {
    let image = flushed();
    let folder = image.placed();
    let report = check(folder.path()).unwrap();
    assert_eq!(report.unnamed, Vec::<u64>::new());
    assert_eq!(
        report
            .keyspaces
            .iter()
            .map(|keyspace| keyspace.name.as_str())
            .collect::<Vec<_>>(),
        [EVENTS]
    );
    let events = report.keyspace(EVENTS).unwrap();
    assert_eq!(report.keyspace_name(events.id), Some(EVENTS));
    assert_eq!(events.last_key(), Some([39].as_slice()));
    let [table] = events.tables.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((table.items, table.keys.clone()), (40, vec![0]..=vec![39]));
    assert_eq!(table.len, image.file(&table_of(&image)).len() as u64);
    assert_eq!(table.seqnos.end() - table.seqnos.start(), 39);
    assert_eq!(events.highest_seqno(), Some(*table.seqnos.end()));
    assert_eq!(report.meta.tables.len(), 1);
}

#[test]
fn verification_reads_every_byte_and_says_how_far_it_is() {
    let folder = flushed().placed();
    let mut seen = Vec::new();
    let report = verify_tables(folder.path(), &mut |progress| seen.push(progress)).unwrap();
    let total: u64 = [&report.tables.meta, &report.tables.keyspaces[0]]
        .iter()
        .flat_map(|keyspace| &keyspace.tables)
        .map(|table| table.len)
        .sum();
    assert!(seen.is_sorted_by_key(|progress| progress.done));
    assert!(seen.iter().all(|progress| progress.total == total));
    assert_eq!((seen.last().unwrap().done, report.bytes), (total, total));
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
}

/// Flips every byte of one file, in one folder, and shows each damaged copy.
fn flip_each_byte(image: &Image, name: &str, masks: &[u8], look: &mut dyn FnMut(&Path, usize)) {
    let folder = image.placed();
    for at in 0..image.file(name).len() {
        for mask in masks {
            let mut bytes = image.file(name).to_vec();
            bytes[at] ^= mask;
            std::fs::write(folder.path().join(name), bytes).unwrap();
            look(folder.path(), at);
        }
    }
}

#[test]
fn a_flipped_byte_anywhere_in_a_table_is_found_at_the_latest_by_verification() {
    let image = flushed();
    let name = table_of(&image);
    let mut found_by_check = 0;
    flip_each_byte(&image, &name, &[0x40], &mut |folder, at| {
        let damage = match verify(folder) {
            Err(damage) => {
                found_by_check += 1;
                damage
            }
            Ok(mut report) => report
                .damaged
                .pop()
                .unwrap_or_else(|| panic!("byte {at}: nothing found")),
        };
        assert_eq!(damage.file, folder.join(&name), "byte {at}");
    });
    // what the check reads: the trailer at least, and by far not all
    let len = image.file(&name).len();
    assert!(
        found_by_check > 38 && found_by_check < len,
        "{found_by_check} of {len}"
    );
}

#[test]
fn a_flipped_byte_of_a_value_is_named_by_its_block() {
    let image = flushed();
    let name = table_of(&image);
    let folder = image.edited(&name, |bytes| bytes[100] ^= 1).placed();
    assert!(check(folder.path()).is_ok());
    let report = verify(folder.path()).unwrap();
    let [damage] = report.damaged.as_slice() else {
        panic!("{:?}", report.damaged)
    };
    assert!(
        matches!(
            damage.defect,
            Defect::Checksum {
                part: "data block",
                at: 0,
                ..
            }
        ),
        "{damage}"
    );
}

#[test]
fn a_table_cut_anywhere_is_refused() {
    let image = flushed();
    let name = table_of(&image);
    for len in (0..image.file(&name).len()).step_by(61) {
        let (defect, file) = refused(&image.edited(&name, |bytes| bytes.truncate(len)));
        assert_eq!(file, name);
        let expected = matches!(
            defect,
            Defect::Length { .. }
                | Defect::Malformed {
                    part: "trailer",
                    ..
                }
        );
        assert!(expected, "cut at {len}: {defect}");
    }
    let (defect, _) = refused(&image.edited(&name, |bytes| {
        bytes.remove(10);
    }));
    assert!(matches!(defect, Defect::Length { .. }), "{defect}");
}

#[test]
fn a_missing_table_is_named() {
    let image = flushed();
    let name = table_of(&image);
    let (defect, file) = refused(&image.without(&name));
    assert!(matches!(defect, Defect::Missing), "{defect}");
    assert_eq!(file, name);
}

#[test]
fn a_table_in_the_place_of_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tables: Vec<_> = {
        let database = open(folder.path());
        let events = events(&database);
        for key in 0..2 {
            commit(&database, &events, &[(vec![key], vec![key])]);
            events.rotate_memtable_and_wait().unwrap();
        }
        check(folder.path()).unwrap().keyspaces.remove(0).tables
    };
    let [newer, older] = tables.as_slice() else {
        panic!("{tables:?}")
    };
    std::fs::copy(&older.path, &newer.path).unwrap();
    let damage = check(folder.path()).unwrap_err();
    let expected = (newer.id, older.id);
    assert!(
        matches!(damage.defect, Defect::WrongTable { expected: name, found } if (name, found) == expected),
        "{damage}"
    );
}

#[test]
fn a_flipped_byte_of_the_marker_a_pointer_or_a_version_is_refused() {
    let image = flushed();
    for name in [
        "version".to_owned(),
        format!("{NAMED}/current"),
        version_of(&image),
        format!("{META}/current"),
    ] {
        flip_each_byte(&image, &name, &[0x01, 0xff], &mut |folder, at| {
            let damage = check(folder).unwrap_err();
            // a wrong number in the pointer leads to a version that is not there
            let keyspace = folder.join(&name);
            assert_eq!(
                damage.file.parent(),
                keyspace.parent(),
                "byte {at} of {name}: {damage}"
            );
        });
    }
}

#[test]
fn fjall_alone_does_not_compare_the_version_with_its_checksum() {
    let image = flushed();
    let name = version_of(&image);
    let stored = {
        let folder = image.placed();
        check(folder.path())
            .unwrap()
            .keyspace(EVENTS)
            .unwrap()
            .tables[0]
            .checksum
            .to_le_bytes()
    };
    let at = image
        .file(&name)
        .windows(16)
        .position(|bytes| bytes == stored)
        .unwrap();
    let changed = image.edited(&name, |bytes| bytes[at] ^= 1);
    let (defect, file) = refused(&changed);
    assert!(
        matches!(
            defect,
            Defect::Checksum {
                part: "the whole file",
                ..
            }
        ),
        "{defect}"
    );
    assert_eq!(file, name);
    assert_eq!(engine_pairs(changed.placed().path()).unwrap().len(), 40);
}

#[test]
fn a_version_that_is_cut_or_missing_is_refused() {
    let image = flushed();
    let version = version_of(&image);
    let (defect, file) = refused(&image.without(&version));
    assert!(
        matches!(defect, Defect::Missing) && file == version,
        "{file}: {defect}"
    );
    let (defect, _) = refused(&image.edited(&version, |bytes| bytes.truncate(40)));
    assert!(matches!(defect, Defect::Checksum { .. }), "{defect}");
    let current = format!("{NAMED}/current");
    let (defect, _) = refused(&image.edited(&current, |bytes| bytes.truncate(8)));
    assert!(
        matches!(
            defect,
            Defect::Length {
                expected: 25,
                found: 8
            }
        ),
        "{defect}"
    );
}

#[test]
fn a_keyspace_without_its_pointer_or_its_folder_is_refused_where_fjall_deletes_it() {
    let image = flushed();
    let pointer = format!("{NAMED}/current");
    for image in [image.without(&pointer), image.without(NAMED)] {
        let (defect, file) = refused(&image);
        assert!(
            matches!(defect, Defect::Missing) && file == pointer,
            "{file}: {defect}"
        );
    }
    let alone = image.without(&pointer).with(FIRST, Vec::new()).placed();
    drop(open(alone.path()));
    assert!(
        !alone.path().join(NAMED).exists(),
        "fjall now keeps a keyspace without its pointer"
    );
}

#[test]
fn a_flipped_byte_in_the_names_of_keyspaces_is_refused() {
    let image = flushed();
    let name = image.only_file_in(&format!("{META}/tables"));
    flip_each_byte(&image, &name, &[0x20], &mut |folder, at| {
        let damage = check(folder).unwrap_err();
        assert_eq!(damage.file, folder.join(&name), "byte {at}: {damage}");
    });
}

#[test]
fn names_follow_keyspaces_that_are_made_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = open(folder.path());
        for name in ["a", "b", "c", "d"] {
            database
                .keyspace(name, KeyspaceCreateOptions::default)
                .unwrap();
        }
        let b = database
            .keyspace("b", KeyspaceCreateOptions::default)
            .unwrap();
        database.delete_keyspace(b).unwrap();
    }
    let names: Vec<_> = check(folder.path())
        .unwrap()
        .keyspaces
        .into_iter()
        .map(|keyspace| keyspace.name)
        .collect();
    assert_eq!(names, ["a", "c", "d"]);
}

#[test]
fn folders_that_no_name_leads_to_are_told() {
    let folder = flushed().with("keyspaces/7/current", Vec::new()).placed();
    assert_eq!(check(folder.path()).unwrap().unnamed, [7]);
}

#[test]
fn strange_names_are_refused_before_fjall_panics_on_them() {
    let image = flushed();
    for name in [
        "keyspaces/old/current",
        "keyspaces/1/tables/1.bak",
        "keyspaces/1/tables/9/inside",
    ] {
        let (defect, file) = refused(&image.with(name, Vec::new()));
        assert!(matches!(defect, Defect::Stray { .. }), "{defect}");
        assert!(name.starts_with(&file), "{file}");
    }
    let strewn = image
        .with("keyspaces/note", Vec::new())
        .with("keyspaces/1/tables/.DS_Store", Vec::new());
    assert!(check(strewn.placed().path()).is_ok());
}

#[test]
fn values_kept_apart_from_keys_are_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = Database::builder(folder.path()).open().unwrap();
        let apart = || {
            KeyspaceCreateOptions::default()
                .with_kv_separation(Some(KvSeparationOptions::default()))
        };
        let blobs = database.keyspace("blobs", apart).unwrap();
        commit(&database, &blobs, &[(b"key".to_vec(), vec![7; 100_000])]);
        blobs.rotate_memtable_and_wait().unwrap();
    }
    drop(open(folder.path()));
    let image = Image::of(folder.path());
    let name = image.only_file_in("keyspaces/1/blobs");
    let report = verify(image.placed().path()).unwrap();
    assert_eq!(report.tables.keyspaces[0].blobs.len(), 1);
    assert!(report.damaged.is_empty());

    let flipped = image.edited(&name, |bytes| bytes[60] ^= 1).placed();
    let report = verify(flipped.path()).unwrap();
    let [damage] = report.damaged.as_slice() else {
        panic!("{:?}", report.damaged)
    };
    assert!(
        matches!(
            damage.defect,
            Defect::Checksum {
                part: "the whole file",
                ..
            }
        ),
        "{damage}"
    );

    let (defect, file) = refused(&image.without(&name));
    assert!(
        matches!(defect, Defect::Missing) && file == name,
        "{file}: {defect}"
    );
    let (defect, file) = refused(&image.edited(&name, |bytes| bytes.truncate(bytes.len() - 1)));
    assert!(
        matches!(defect, Defect::Malformed { .. } | Defect::Length { .. }) && file == name,
        "{file}: {defect}"
    );
}

/// Many tables over several levels, with tombstones and larger indexes.
#[test]
fn a_database_after_flushes_and_compactions_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = open(folder.path());
        let events = events(&database);
        for round in 0..6_u32 {
            let pairs: Vec<_> = (0..3000)
                .map(|key| ((round * 3000 + key).to_be_bytes().to_vec(), vec![1; 150]))
                .collect();
            commit(&database, &events, &pairs);
            events.remove((round * 3000).to_be_bytes()).unwrap();
            events.rotate_memtable_and_wait().unwrap();
        }
        events.major_compact().unwrap();
        commit(&database, &events, &[(b"later".to_vec(), Vec::new())]);
        events.rotate_memtable_and_wait().unwrap();
    }
    let report = verify(folder.path()).unwrap();
    assert!(report.damaged.is_empty());
    let events = report.tables.keyspace(EVENTS).unwrap();
    assert!(events.tables.iter().map(|table| table.level).max() > Some(0));
    assert_eq!(events.last_key(), Some(b"later".as_slice()));
}
