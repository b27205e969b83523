use std::ops::Range;

use super::image::Image;
use super::written::{FIRST, Seen, Written};
use crate::scan::{Damage, Evidence, FlawKind, Standing, Tail};

/// Where the parts of a batch's start lie that no checksum covers.
fn seqno_of(batch: &Range<u64>) -> Range<u64> {
    batch.start + 5..batch.start + 13
}

fn flipped(written: &Written, at: u64, mask: u8) -> Image {
    written
        .image
        .edited(FIRST, |bytes| bytes[usize::try_from(at).unwrap()] ^= mask)
}

#[test]
fn a_flipped_byte_in_the_middle_is_damage_at_its_batch() {
    let written = Written::small();
    let (batch, next) = (written.ranges[3].clone(), written.ranges[4].start);
    for at in batch.clone().filter(|at| !seqno_of(&batch).contains(at)) {
        for mask in [0x01, 0x80, 0xff] {
            let (seen, _folder) = Seen::of_image(&flipped(&written, at, mask));
            let tail = seen.scan.journals[0].tail;
            let Tail::Damaged(Damage {
                at: found,
                evidence,
                ..
            }) = tail
            else {
                panic!("byte {at} ^ {mask:#x}: {tail:?}")
            };
            assert_eq!(found, batch.start, "byte {at} ^ {mask:#x}");
            assert!(
                matches!(evidence, Evidence::WholeBatch { at, .. } if at == next),
                "{evidence:?}"
            );
            assert_eq!(seen.pairs(Standing::InSequence), written.batches[..3]);
            assert_eq!(seen.pairs(Standing::AfterDamage), written.batches[4..]);
        }
    }
}

#[test]
fn a_flipped_byte_in_the_last_batch_is_torn() {
    let written = Written::small();
    let batch = written.ranges.last().unwrap().clone();
    for at in batch.clone().filter(|at| !seqno_of(&batch).contains(at)) {
        let (seen, _folder) = Seen::of_image(&flipped(&written, at, 0x10));
        let tail = seen.scan.journals[0].tail;
        assert!(
            matches!(tail, Tail::Torn { at, .. } if at == batch.start),
            "byte {at}: {tail:?}"
        );
        assert_eq!(
            seen.pairs(Standing::InSequence),
            written.batches[..5],
            "byte {at}"
        );
    }
}

/// The number of a batch is in no checksum: it must not be lost without a word all the same.
#[test]
fn a_flipped_sequence_number_in_the_middle_is_damage() {
    let written = Written::small();
    for at in seqno_of(&written.ranges[3]) {
        for bit in 0..8 {
            let (seen, _folder) = Seen::of_image(&flipped(&written, at, 1 << bit));
            let (_, damage) = seen
                .scan
                .damage()
                .unwrap_or_else(|| panic!("byte {at} bit {bit}: {:?}", seen.scan));
            assert!(
                matches!(
                    damage.flaw.kind,
                    FlawKind::SeqnoOrder { .. } | FlawKind::ReservedSeqno(_)
                ),
                "{damage:?}"
            );
        }
    }
}

#[test]
fn a_sequence_number_that_fjall_reserves_is_no_batch() {
    let written = Written::small();
    let last = written.ranges.last().unwrap().clone();
    let (seen, _folder) = Seen::of_image(&flipped(&written, last.start + 12, 0x80));
    let Tail::Torn { at, flaw, .. } = seen.scan.journals[0].tail else {
        panic!("{:?}", seen.scan)
    };
    assert_eq!(at, last.start);
    assert!(matches!(flaw.kind, FlawKind::ReservedSeqno(_)), "{flaw}");
}

#[test]
fn flips_in_several_batches_are_read_past() {
    let written = Written::small();
    let mut image = written.image.clone();
    for batch in [1, 3] {
        let at = usize::try_from(written.ranges[batch].end).unwrap() - 1;
        image = image.edited(FIRST, |bytes| bytes[at] = 0);
    }
    let (seen, _folder) = Seen::of_image(&image);
    assert_eq!(seen.scan.journals[0].whole_until, written.ranges[1].start);
    assert_eq!(seen.pairs(Standing::InSequence), written.batches[..1]);
    let beyond = [
        written.batches[2].clone(),
        written.batches[4].clone(),
        written.batches[5].clone(),
    ];
    assert_eq!(seen.pairs(Standing::AfterDamage), beyond);
}

/// Items whose keys are starts: from each of them the search could hop to the end of the file. It
/// must end in a verdict, not in hours, and the verdict must not allow a cut.
#[test]
fn bytes_that_look_like_starts_do_not_hold_the_scan_up() {
    let written = Written::small();
    let start = [1, 0xe8, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut item = vec![
        2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    item.extend(start);
    let image = written
        .image
        .edited(FIRST, |bytes| bytes.extend(item.repeat(10_000)));
    let (seen, _folder) = Seen::of_image(&image);
    let Tail::Damaged(damage) = seen.scan.journals[0].tail else {
        panic!("{:?}", seen.scan)
    };
    assert_eq!(
        (damage.at, damage.evidence),
        (written.journal_len(), Evidence::Unsearched)
    );
}
