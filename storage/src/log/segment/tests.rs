use std::fs;
use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;
use tempfile::TempDir;

use super::scan::SegmentScan;
use super::*;
use crate::scan::Standing;

/// Bytes of the largest frames here: three fill a segment.
const LARGE: usize = 6 << 20;

/// A log of frames with an event of so many bytes each.
fn written(lengths: &[usize]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    create_first(folder.path()).unwrap();
    let mut writer = SegmentWriter::open(folder.path(), CommitNumber(1), 24).unwrap();
    for (commit, length) in (1..).map(CommitNumber).zip(lengths) {
        append(&mut writer, commit, *length);
    }
    folder
}

fn append(writer: &mut SegmentWriter, commit: CommitNumber, length: usize) -> Location {
    let mut frame = FrameBuffer::default();
    frame.begin(b"page", 1);
    frame.push(&vec![0x5a; length], b"").unwrap();
    writer
        .append(commit, frame.finish(commit).unwrap())
        .unwrap()
}

/// The batches that are in line, those after damage, and how it ends.
fn scanned(folder: &Path, depth: Depth) -> (Vec<u64>, Vec<u64>, SegmentScan) {
    let (mut in_line, mut after) = (Vec::new(), Vec::new());
    let scan = scan(folder, depth, &mut |frame| match frame.standing {
        Standing::InSequence => in_line.push(frame.head.commit.0),
        Standing::AfterDamage => after.push(frame.head.commit.0),
    });
    (in_line, after, scan.unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let listed = list_segments(folder).unwrap();
    listed.into_iter().map(|segment| segment.path).collect()
}

fn edit(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    edit(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Reads every frame by following one after another, as the index is made.
fn followed(folder: &Path) -> Vec<Location> {
    let segments = Segments::of(folder);
    let mut at = segments.start().unwrap();
    let mut found = Vec::new();
    while let (place, Some(head)) = segments.frame_at(at).unwrap() {
        found.push(place);
        at = place.after(head.bytes);
    }
    found
}

#[test]
fn full_segments_are_sealed_and_the_next_goes_on() {
    let folder = written(&[LARGE, 10, LARGE, LARGE, LARGE, 10]);
    let (in_line, after, scan) = scanned(folder.path(), Depth::Whole);
    assert_eq!((in_line, after.len()), ((1..=6).collect(), 0));
    assert_eq!(scan.tail, Tail::Whole);
    let names: Vec<_> = list_segments(folder.path())
        .unwrap()
        .iter()
        .map(|segment| segment.first.0)
        .collect();
    assert_eq!(names, [1, 5]);
    let segments: Vec<_> = followed(folder.path())
        .iter()
        .map(|at| (at.commit.0, at.segment.0))
        .collect();
    assert_eq!(segments, [(1, 1), (2, 1), (3, 1), (4, 1), (5, 5), (6, 5)]);
}

#[test]
fn what_was_sealed_long_ago_is_not_read_at_every_start() {
    let folder = written(&[LARGE; 8]);
    let newest = Depth::Newest { bytes: 0 };
    let (in_line, _, scan) = scanned(folder.path(), newest);
    assert_eq!((scan.sealed_until, in_line), (CommitNumber(6), vec![7, 8]));
    let all = Depth::Newest { bytes: 1 << 30 };
    assert_eq!(scanned(folder.path(), all).0.len(), 8);
}

#[test]
fn a_segment_that_is_not_as_long_as_its_seal_says_is_read() {
    for lost in [1, 28, 29, LARGE] {
        let folder = written(&[LARGE; 8]);
        edit(&files(folder.path())[0], |bytes| {
            bytes.truncate(bytes.len() - lost);
        });
        let (in_line, after, scan) = scanned(folder.path(), Depth::Newest { bytes: 0 });
        assert!(matches!(scan.tail, Tail::Damaged { .. }), "{lost} bytes");
        assert_eq!(scan.sealed_until, CommitNumber(0), "{lost} bytes");
        let whole = if lost <= 28 { 3 } else { 2 };
        assert_eq!(in_line, (1..=whole).collect::<Vec<_>>(), "{lost} bytes");
        assert_eq!(after, (4..=8).collect::<Vec<_>>(), "{lost} bytes");
    }
}

#[test]
fn only_the_last_frame_can_be_torn() {
    let lengths = [700, 9_000, 300, 20_000];
    let folder = written(&lengths);
    let places: Vec<_> = followed(folder.path())
        .iter()
        .map(|at| usize::try_from(at.position).unwrap())
        .collect();
    let path = files(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    for (n, place) in places.iter().enumerate() {
        for at in [0, 10, 39, 60] {
            fs::write(&path, &whole).unwrap();
            edit(&path, |bytes| bytes[place + at] ^= 1);
            let (in_line, after, scan) = scanned(folder.path(), Depth::Whole);
            assert_eq!(in_line.len(), n);
            assert_eq!(after.len(), lengths.len() - n - 1);
            let at = *place as u64;
            let path = path.clone();
            let expected = match after.is_empty() {
                true => Tail::Torn { path, at },
                false => Tail::Damaged { path, at },
            };
            assert_eq!(scan.tail, expected);
        }
    }
}

#[test]
fn a_torn_frame_is_cut_off_and_the_next_takes_its_place() {
    let folder = written(&[700, 30_000]);
    let path = files(folder.path()).remove(0);
    edit(&path, |bytes| bytes[8_192..12_288].fill(0));
    let (_, _, scan) = scanned(folder.path(), Depth::Whole);
    mend_segments(folder.path(), &scan.tail).unwrap();
    let Tail::Torn { at, .. } = scan.tail else {
        panic!("expected a torn frame, found {:?}", scan.tail)
    };
    assert_eq!(fs::metadata(&path).unwrap().len(), at);
    let mut writer = SegmentWriter::open(folder.path(), CommitNumber(1), at).unwrap();
    append(&mut writer, CommitNumber(2), 10);
    let (in_line, _, scan) = scanned(folder.path(), Depth::Whole);
    assert_eq!((in_line, scan.tail), (vec![1, 2], Tail::Whole));
}

/// The seal is written before the next segment has a name.
#[test]
fn a_crash_between_two_segments_loses_nothing() {
    let folder = written(&[LARGE, LARGE, LARGE, 10]);
    let second = files(folder.path()).remove(1);
    fs::rename(&second, second.with_extension("new")).unwrap();
    let (in_line, _, scan) = scanned(folder.path(), Depth::Whole);
    assert_eq!((in_line, &scan.tail), (vec![1, 2, 3], &Tail::Whole));
    mend_segments(folder.path(), &scan.tail).unwrap();
    assert!(!second.with_extension("new").exists());
    let segments = Segments::of(folder.path());
    let last = followed(folder.path()).pop().unwrap();
    let (_, head) = segments.frame_at(last).unwrap();
    let end = last.after(head.unwrap().bytes);
    let mut writer = SegmentWriter::open(folder.path(), end.segment, end.position).unwrap();
    append(&mut writer, CommitNumber(4), 10);
    let (in_line, _, scan) = scanned(folder.path(), Depth::Whole);
    assert_eq!((in_line, scan.tail), (vec![1, 2, 3, 4], Tail::Whole));
    assert_eq!(followed(folder.path()).len(), 4);
}

#[test]
fn what_follows_a_cut_is_gone() {
    let folder = written(&[LARGE, LARGE, LARGE, LARGE, 10]);
    let second = followed(folder.path())[1];
    let paths = files(folder.path());
    cut_after(folder.path(), &paths[0], second.position).unwrap();
    let (in_line, _, scan) = scanned(folder.path(), Depth::Whole);
    assert_eq!((in_line, scan.tail), (vec![1], Tail::Whole));
    cut_after(folder.path(), &paths[0], 0).unwrap();
    assert_eq!(scanned(folder.path(), Depth::Whole).0, Vec::<u64>::new());
    assert_eq!(files(folder.path()), paths[..1]);
}

#[test]
fn strangers_in_the_folder_are_named() {
    let folder = written(&[10]);
    fs::write(folder.path().join("notes.txt"), b"dear").unwrap();
    let refused = scan(folder.path(), Depth::Whole, &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("notes.txt"), "{refused}");
}
