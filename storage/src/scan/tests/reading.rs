use fjall::{CompressionType, Database, KeyspaceCreateOptions};

use super::image::Image;
use super::written::{
    FIRST, Seen, SeenChange, Written, commit, engine_pairs, events, open, sorted,
};
use crate::scan::{Damage, Evidence, FlawKind, Standing, Tail, check_tables, scan_journals};

const RESERVED: u64 = 64 << 20;

#[test]
fn shows_every_kind_of_change_with_its_keyspace() {
    let folder = tempfile::tempdir().unwrap();
    let rows_id = {
        let database = open(folder.path());
        let rows = database
            .keyspace("rows", KeyspaceCreateOptions::default)
            .unwrap();
        let events = events(&database);
        let mut batch = database.batch();
        batch.insert(&events, b"a", b"1");
        batch.insert(&rows, b"b", b"");
        batch.remove(&events, b"c");
        batch.remove_weak(&rows, b"d");
        batch.commit().unwrap();
        rows.clear().unwrap();
        rows.id()
    };
    let seen = Seen::of(folder.path());
    let events_id = check_tables(folder.path())
        .unwrap()
        .keyspace("events")
        .unwrap()
        .id;

    let shown: Vec<_> = seen.batches.iter().map(|seen| seen.items.clone()).collect();
    let first = vec![
        (events_id, SeenChange::Insert(b"a".to_vec(), b"1".to_vec())),
        (rows_id, SeenChange::Insert(b"b".to_vec(), Vec::new())),
        (events_id, SeenChange::Remove(b"c".to_vec())),
        (rows_id, SeenChange::RemoveWeak(b"d".to_vec())),
    ];
    assert_eq!(shown, [first, vec![(rows_id, SeenChange::Clear)]]);
    assert_eq!(seen.scan.journals[0].batches, 2);
    assert_eq!(
        seen.scan.journals[0].last_seqno,
        Some(seen.batches[1].batch.seqno)
    );
    assert!(seen.batches[0].batch.seqno < seen.batches[1].batch.seqno);
}

#[test]
fn zeros_that_fjall_reserved_are_a_clean_tail() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = open(folder.path());
        commit(
            &database,
            &events(&database),
            &[(b"key".to_vec(), b"value".to_vec())],
        );
    }
    let seen = Seen::of(folder.path());
    let journal = &seen.scan.journals[0];
    assert_eq!(
        (journal.len, journal.whole_until, journal.tail),
        (RESERVED, 26 + 21 + 8, Tail::Clean)
    );
}

#[test]
fn a_new_database_has_an_empty_journal() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let seen = Seen::of(folder.path());
    let journal = &seen.scan.journals[0];
    assert_eq!(
        (journal.batches, journal.last_seqno, journal.tail),
        (0, None, Tail::Clean)
    );
}

#[test]
fn compressed_values_are_shown_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let value = b"all work and no play ".repeat(1000);
    {
        let database = Database::builder(folder.path())
            .journal_compression(CompressionType::Lz4)
            .open()
            .unwrap();
        commit(
            &database,
            &events(&database),
            &[(b"key".to_vec(), value.clone())],
        );
    }
    let seen = Seen::of(folder.path());
    assert_eq!(
        seen.pairs(Standing::InSequence),
        [vec![(b"key".to_vec(), value.clone())]]
    );
    assert!(
        seen.scan.journals[0].whole_until < value.len() as u64,
        "the value was not compressed"
    );
}

#[test]
fn a_compressed_value_that_is_damaged_is_found_where_fjall_would_cut_silently() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = Database::builder(folder.path())
            .journal_compression(CompressionType::Lz4)
            .open()
            .unwrap();
        let events = events(&database);
        for key in 0..3 {
            commit(
                &database,
                &events,
                &[(vec![key], b"all work and no play ".repeat(1000))],
            );
        }
    }
    drop(open(folder.path()));
    let ranges: Vec<_> = Seen::of(folder.path())
        .batches
        .iter()
        .map(|seen| seen.batch.range.clone())
        .collect();
    // the plain length, after start, tag, kind, compression, keyspace and key length
    let plain_len = usize::try_from(ranges[1].start).unwrap() + 13 + 1 + 1 + 1 + 8 + 2;
    let image = Image::of(folder.path()).edited(FIRST, |bytes| bytes[plain_len] ^= 1);

    let (seen, folder) = Seen::of_image(&image);
    let Some((_, Damage { at, evidence, .. })) = seen.scan.damage() else {
        panic!("{:?}", seen.scan)
    };
    assert_eq!(at, ranges[1].start);
    assert_eq!(
        evidence,
        Evidence::WholeBatch {
            at: ranges[2].start,
            seqno: seen.batches[1].batch.seqno
        }
    );
    assert_eq!(
        engine_pairs(folder.path()).unwrap().len(),
        1,
        "fjall no longer drops two batches without a word"
    );
}

/// A batch of one compressed item, with a checksum that is right.
fn batch_of_compressed(plain_len: u32, stored: &[u8]) -> Vec<u8> {
    let mut item = vec![2, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    item.extend(plain_len.to_le_bytes());
    item.extend(u32::try_from(stored.len()).unwrap().to_le_bytes());
    item.push(b'k');
    item.extend(stored);
    let mut batch = vec![1, 1, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0];
    batch.extend(&item);
    batch.push(3);
    batch.extend(xxhash_rust::xxh3::xxh3_64(&item).to_le_bytes());
    batch.extend(b"FJL\x03");
    batch
}

#[test]
fn a_value_that_does_not_decompress_to_its_length_is_no_batch() {
    let written = Written::small();
    let stored = lz4_flex::block::compress(b"value");
    let cases = [(5, true), (4, false), (6, false), (u32::MAX, false)];
    for (plain_len, whole) in cases {
        let image = written.image.edited(FIRST, |bytes| {
            bytes.extend(batch_of_compressed(plain_len, &stored))
        });
        let (seen, _folder) = Seen::of_image(&image);
        match seen.scan.journals[0].tail {
            Tail::Clean => assert!(whole, "length {plain_len}"),
            Tail::Torn { at, flaw, .. } => {
                assert_eq!(
                    (whole, at, flaw.kind),
                    (false, written.journal_len(), FlawKind::Decompression)
                );
            }
            damaged => panic!("length {plain_len}: {damaged:?}"),
        }
    }
}

/// Seventy values of 1 MiB: fjall seals a journal when it flushes with more than 64 MB in it.
#[test]
fn journals_that_fjall_sealed_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = open(folder.path());
        let keep = database
            .keyspace("keep", KeyspaceCreateOptions::default)
            .unwrap();
        commit(
            &database,
            &keep,
            &[(b"unflushed".to_vec(), b"keeps the sealed journal".to_vec())],
        );
        let events = events(&database);
        for key in 0..70_u8 {
            commit(&database, &events, &[(vec![key], vec![key; 1 << 20])]);
        }
        events.rotate_memtable_and_wait().unwrap();
        commit(&database, &events, &[(vec![70], vec![70])]);
    }
    let seen = Seen::of(folder.path());
    let ids: Vec<_> = seen
        .scan
        .journals
        .iter()
        .map(|journal| (journal.id, journal.tail))
        .collect();
    assert_eq!(ids, [(0, Tail::Clean), (1, Tail::Clean)]);
    assert_eq!(
        seen.scan
            .journals
            .iter()
            .map(|journal| journal.batches)
            .sum::<u64>(),
        72
    );
    let keys: Vec<_> = seen
        .pairs(Standing::InSequence)
        .concat()
        .into_iter()
        .map(|(key, _)| key)
        .skip(1)
        .collect();
    assert_eq!(keys, (0..=70).map(|key| vec![key]).collect::<Vec<_>>());

    let tables = check_tables(folder.path()).unwrap();
    let flushed = tables.keyspace("events").unwrap();
    assert!(flushed.last_key() >= Some([60].as_slice()));
    assert!(flushed.highest_seqno() < seen.scan.journals[1].last_seqno);
}

/// The journal of one database, split after its third batch as if fjall had sealed it there.
fn split(written: &Written) -> Image {
    let at = usize::try_from(written.ranges[2].end).unwrap();
    let (sealed, active) = written.image.file(FIRST).split_at(at);
    let mut sealed = sealed.to_vec();
    sealed.resize(at + 4096, 0);
    written
        .image
        .with(FIRST, sealed)
        .with("1.jnl", active.to_vec())
}

#[test]
fn batches_go_on_in_the_next_journal() {
    let written = Written::small();
    let (seen, folder) = Seen::of_image(&split(&written));
    assert_eq!(seen.pairs(Standing::InSequence), written.batches);
    assert_eq!(
        engine_pairs(folder.path()).unwrap(),
        sorted(&written.batches)
    );
}

#[test]
fn a_sealed_journal_that_ends_torn_is_damaged() {
    let written = Written::small();
    let last = written.ranges[2].clone();
    let image = split(&written).edited(FIRST, |bytes| {
        bytes.truncate(usize::try_from(last.end).unwrap() - 1)
    });
    let (seen, folder) = Seen::of_image(&image);
    let (journal, damage) = seen.scan.damage().unwrap();
    assert_eq!((journal.id, journal.batches, damage.at), (0, 2, last.start));
    assert_eq!(damage.evidence, Evidence::LaterJournal { id: 1 });
    assert_eq!(seen.pairs(Standing::InSequence), written.batches[..2]);
    assert_eq!(seen.pairs(Standing::AfterDamage), written.batches[3..]);
    assert_eq!(
        engine_pairs(folder.path()).unwrap().len(),
        sorted(&written.batches).len() - 3,
        "fjall refuses now"
    );
}

#[test]
fn a_torn_active_journal_after_a_sealed_one_is_torn() {
    let written = Written::small();
    let image = split(&written).edited("1.jnl", |bytes| bytes.truncate(bytes.len() - 1));
    let (seen, _folder) = Seen::of_image(&image);
    let torn = seen.scan.torn().unwrap();
    assert_eq!((torn.id, torn.batches), (1, 2));
    assert_eq!(seen.scan.journals[0].tail, Tail::Clean);
}

#[test]
fn a_missing_journal_is_damage() {
    let written = Written::small();
    let image = split(&written);
    let gap = image.with("3.jnl", Vec::new());
    for (image, missing) in [
        (gap, "2.jnl"),
        (image.without(FIRST).without("1.jnl"), FIRST),
    ] {
        let folder = image.placed();
        let damage = scan_journals(folder.path(), &mut |_, _| {}).unwrap_err();
        assert_eq!(damage.file, folder.path().join(missing));
        assert!(
            matches!(damage.defect, crate::scan::Defect::Missing),
            "{damage}"
        );
    }
}

#[test]
fn journals_that_were_flushed_may_be_gone() {
    let written = Written::small();
    let (seen, _folder) = Seen::of_image(&split(&written).without(FIRST));
    assert_eq!(seen.pairs(Standing::InSequence), written.batches[3..]);
}

#[test]
fn strange_names_are_refused_before_fjall_panics_on_them() {
    let written = Written::small();
    for name in ["x.jnl", "1.JNL", "2.jnl/inside"] {
        let folder = written.image.with(name, Vec::new()).placed();
        let damage = scan_journals(folder.path(), &mut |_, _| {}).unwrap_err();
        assert!(
            matches!(damage.defect, crate::scan::Defect::Stray { .. }),
            "{damage}"
        );
    }
}

#[test]
fn sequence_numbers_must_rise() {
    let written = Written::small();
    // the last byte of the number of batch 2 set: it is now above all that follow
    let at = usize::try_from(written.ranges[2].start).unwrap() + 5 + 6;
    let image = written.image.edited(FIRST, |bytes| bytes[at] ^= 1);
    let (seen, _folder) = Seen::of_image(&image);
    let (_, damage) = seen.scan.damage().unwrap();
    assert_eq!(damage.at, written.ranges[3].start);
    assert!(
        matches!(damage.flaw.kind, FlawKind::SeqnoOrder { .. }),
        "{damage:?}"
    );
    assert_eq!(seen.pairs(Standing::InSequence), written.batches[..3]);
    assert_eq!(seen.pairs(Standing::AfterDamage), written.batches[3..]);
}

#[test]
fn a_cleared_keyspace_may_start_from_a_lower_sequence_number() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let database = open(folder.path());
        let events = events(&database);
        commit(&database, &events, &[(b"key".to_vec(), b"value".to_vec())]);
        events.clear().unwrap();
    }
    let seen = Seen::of(folder.path());
    let seqnos: Vec<_> = seen.batches.iter().map(|seen| seen.batch.seqno).collect();
    assert!(
        !seqnos.is_sorted(),
        "fjall now keeps its sequence number over a clear: {seqnos:?}"
    );
    assert_eq!(
        (seen.scan.journals[0].batches, seen.scan.journals[0].tail),
        (4, Tail::Clean)
    );
}
