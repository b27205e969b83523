use super::image::Image;
use super::written::{FIRST, Pair, Seen, Written, engine_pairs, sorted};
use crate::scan::{Damage, Evidence, FlawKind, Standing, Tail, TruncateError, truncate_torn};

/// A value in which no run of bytes looks like a batch, and which does not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[7] | 0x80
    };
    (0..len).map(|_| next()).collect()
}

fn expected_tail(written: &Written, cut: u64) -> Option<u64> {
    let whole_until = written
        .ranges
        .iter()
        .map(|range| range.end)
        .filter(|end| *end <= cut)
        .max()
        .unwrap_or(0);
    (whole_until != cut).then_some(whole_until)
}

#[test]
fn a_journal_cut_anywhere_keeps_every_batch_before_the_cut() {
    let written = Written::small();
    for cut in 0..=written.journal_len() {
        let len = usize::try_from(cut).unwrap();
        for (grown, name) in [(0, "cut"), (4096, "cut, the rest zeros")] {
            let image = written.image.edited(FIRST, |bytes| {
                bytes.truncate(len);
                bytes.resize(len + grown, 0);
            });
            let (seen, _folder) = Seen::of_image(&image);
            assert_eq!(
                seen.pairs(Standing::InSequence),
                written.before(cut),
                "{name} at {cut}"
            );
            assert_eq!(seen.pairs(Standing::AfterDamage), Vec::<Vec<Pair>>::new());
            match (seen.scan.journals[0].tail, expected_tail(&written, cut)) {
                (Tail::Clean, None) => {}
                (Tail::Torn { at, bytes, .. }, Some(expected)) => {
                    assert_eq!(at, expected, "{name} at {cut}");
                    assert!(bytes <= cut - at && bytes > 0, "{name} at {cut}: {bytes}");
                }
                (found, expected) => {
                    panic!("{name} at {cut}: expected torn at {expected:?}, found {found:?}")
                }
            }
        }
    }
}

#[test]
fn fjall_opens_a_torn_journal_after_the_cut_with_every_whole_batch() {
    let written = Written::small();
    for cut in (1..written.journal_len()).step_by(7) {
        let image = written
            .image
            .edited(FIRST, |bytes| bytes.truncate(usize::try_from(cut).unwrap()));
        let (seen, folder) = Seen::of_image(&image);
        if let Some(torn) = seen.scan.torn() {
            truncate_torn(&torn.path, torn.whole_until).unwrap();
        }
        assert_eq!(Seen::of(folder.path()).scan.journals[0].tail, Tail::Clean);
        assert_eq!(
            engine_pairs(folder.path()).unwrap(),
            sorted(written.before(cut)),
            "cut at {cut}"
        );
    }
}

/// The batch of a zeroed start is lost; whole batches after it prove that it was no torn tail.
#[test]
fn a_zeroed_start_is_damage_unless_it_is_the_last() {
    let written = Written::small();
    let last = written.ranges.len() - 1;
    for zeroed in [1, 13, 21] {
        for (index, range) in written.ranges.iter().enumerate() {
            let start = usize::try_from(range.start).unwrap();
            let image = written
                .image
                .edited(FIRST, |bytes| bytes[start..start + zeroed].fill(0));
            let (seen, _folder) = Seen::of_image(&image);
            let tail = seen.scan.journals[0].tail;
            assert_eq!(seen.pairs(Standing::InSequence), written.batches[..index]);
            if index == last {
                assert!(
                    matches!(tail, Tail::Torn { at, .. } if at == range.start),
                    "{tail:?}"
                );
                continue;
            }
            let Tail::Damaged(Damage { at, flaw, evidence }) = tail else {
                panic!("batch {index}: {tail:?}")
            };
            assert_eq!((at, flaw.kind), (range.start, FlawKind::UnknownTag(0)));
            let next = &written.ranges[index + 1];
            assert!(
                matches!(evidence, Evidence::WholeBatch { at, .. } if at == next.start),
                "{evidence:?}"
            );
            assert_eq!(
                seen.pairs(Standing::AfterDamage),
                written.batches[index + 1..]
            );
        }
    }
}

#[test]
fn fjall_alone_would_drop_what_follows_a_zeroed_start() {
    let written = Written::small();
    let start = usize::try_from(written.ranges[2].start).unwrap();
    let image = written.image.edited(FIRST, |bytes| bytes[start] = 0);
    let folder = image.placed();
    assert_eq!(
        engine_pairs(folder.path()).unwrap(),
        sorted(&written.batches[..2])
    );
}

/// Pages that a power loss did not write: a run of zeros longer than the window, with whole
/// batches after it.
#[test]
fn a_whole_batch_is_found_behind_megabytes_of_zeros() {
    let mut batches = Written::small().batches;
    batches.insert(3, vec![(b"large".to_vec(), noise(3 << 20))]);
    let written = Written::new(batches);
    let hole = written.ranges[3].clone();
    let (start, end) = (
        usize::try_from(hole.start).unwrap(),
        usize::try_from(hole.end).unwrap(),
    );
    let image = written
        .image
        .edited(FIRST, |bytes| bytes[start..end].fill(0));
    let (seen, _folder) = Seen::of_image(&image);
    let (_, damage) = seen.scan.damage().unwrap();
    assert_eq!(damage.at, hole.start);
    assert!(matches!(damage.evidence, Evidence::WholeBatch { at, .. } if at == hole.end));
    assert_eq!(seen.pairs(Standing::AfterDamage), written.batches[4..]);
}

/// A large value in the last, unacknowledged batch with one page missing, as after a power loss.
fn with_hole() -> (Written, Image) {
    let mut batches = Written::small().batches;
    batches.push(vec![(b"large".to_vec(), noise(20_000))]);
    let written = Written::new(batches);
    let start = written.ranges.last().unwrap().start.next_multiple_of(4096) + 4096;
    let start = usize::try_from(start).unwrap();
    let image = written
        .image
        .edited(FIRST, |bytes| bytes[start..start + 4096].fill(0));
    (written, image)
}

#[test]
fn fjall_refuses_a_hole_in_a_large_value_of_the_last_batch() {
    let (_, image) = with_hole();
    let error = engine_pairs(image.placed().path()).unwrap_err();
    let refused = fjall::Error::JournalRecovery(fjall::JournalRecoveryError::ChecksumMismatch);
    assert_eq!(format!("{error:?}"), format!("{refused:?}"));
}

#[test]
fn a_hole_in_a_large_value_is_torn_and_the_cut_mends_it() {
    let (written, image) = with_hole();
    let last = written.ranges.last().unwrap();
    let (seen, folder) = Seen::of_image(&image);
    let Tail::Torn { at, bytes, flaw } = seen.scan.journals[0].tail else {
        panic!("{:?}", seen.scan)
    };
    assert_eq!((at, bytes), (last.start, last.end - last.start));
    assert!(matches!(flaw.kind, FlawKind::Checksum { .. }), "{flaw}");

    truncate_torn(&folder.path().join(FIRST), at).unwrap();
    let whole = &written.batches[..written.batches.len() - 1];
    assert_eq!(engine_pairs(folder.path()).unwrap(), sorted(whole));
    assert_eq!(Seen::of(folder.path()).pairs(Standing::InSequence), whole);
}

#[test]
fn only_a_torn_tail_is_cut_and_only_at_its_place() {
    let written = Written::small();
    let torn = written
        .image
        .edited(FIRST, |bytes| bytes.truncate(bytes.len() - 1));
    let middle = usize::try_from(written.ranges[2].start).unwrap();
    let damaged = written.image.edited(FIRST, |bytes| bytes[middle] = 0);
    let sealed = torn.with("1.jnl", Vec::new());
    let whole_until = written.ranges[4].end;
    let cases = [
        ("clean", written.image.clone(), written.journal_len()),
        ("torn, before its place", torn.clone(), whole_until - 1),
        ("torn, after its place", torn, whole_until + 1),
        ("damaged", damaged, written.ranges[2].start),
        ("sealed", sealed, whole_until),
    ];
    for (name, image, at) in cases {
        let folder = image.placed();
        let journal = folder.path().join(FIRST);
        let refused =
            super::image::unchanged(folder.path(), |_| truncate_torn(&journal, at).unwrap_err());
        assert!(
            matches!(refused, TruncateError::NotTorn { asked, .. } if asked == at),
            "{name}: {refused}"
        );
    }
}
