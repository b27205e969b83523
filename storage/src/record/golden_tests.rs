//! The bytes of every released version, in `golden/KIND.vVERSION.hex`, and those with a field that
//! a kind got later, in `golden/KIND.vVERSION+FIELD.hex`. A file that is there never changes. For a
//! kind, version or field that is new, EVERLOG_WRITE_GOLDEN=1 writes the missing file.

use std::fs;
use std::path::PathBuf;

use everlog_domain::envelope::EventKind;
use everlog_domain::event::Event;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{Manifest, ManifestEntry};

use super::*;

const KEY: [u8; 32] = [0x11; 32];
const NONCE: [u8; NONCE_BYTES] = [0x22; NONCE_BYTES];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/record/golden"))
}

fn binding(kind: EventKind, version: u16) -> Binding {
    Binding {
        uid: ProjectUid([0x5a; 16]),
        kind,
        version,
    }
}

/// What this release writes.
fn written(event: &Event) -> Vec<u8> {
    let kind = event.kind();
    let plain = encode_payload(event).unwrap();
    let binding = binding(kind, kind.current_version());
    let payload = seal_with_nonce(&DataKey::new(KEY), NONCE, binding, &plain).unwrap();
    encode(&sample::envelope(kind, Hash::of_bytes(&payload)), &payload).unwrap()
}

#[test]
fn what_is_written_is_what_was_released() {
    let whole = EventKind::ALL.iter();
    let whole = whole.map(|&kind| (sample::event(kind), String::new()));
    let later = sample::LATER.iter();
    let later = later.map(|&(kind, field)| (sample::event_with(kind, field), format!("+{field}")));
    for (event, suffix) in whole.chain(later) {
        let kind = event.kind();
        let version = kind.current_version();
        let name = format!("{}.v{version}{suffix}.hex", kind.name());
        let path = folder().join(&name);
        let written = hex::encode(written(&event));
        if !path.exists() && std::env::var_os("EVERLOG_WRITE_GOLDEN").is_some() {
            fs::write(&path, format!("{written}\n")).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(written, golden.trim(), "{name}");
    }
}

#[test]
fn every_released_version_reads() {
    let mut read = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (kind, version) = name
            .strip_suffix(".hex")
            .and_then(|name| name.rsplit_once(".v"))
            .unwrap_or_else(|| panic!("{name} is no golden record"));
        let (version, field) = match version.split_once('+') {
            Some((version, field)) => (version, Some(field)),
            None => (version, None),
        };
        let version: u16 = version.parse().unwrap();
        let bytes = hex::decode(fs::read_to_string(&path).unwrap().trim()).unwrap();

        let mut stored = decode(&bytes).unwrap();
        let payload = Joiner::new(&mut stored).unwrap().finish().unwrap();
        let envelope = stored.envelope;
        assert_eq!((envelope.kind.name(), envelope.version), (kind, version));
        let expected = sample::envelope(envelope.kind, Hash::of_bytes(&payload));
        assert_eq!(
            Envelope {
                version,
                ..expected
            },
            envelope,
            "{name}"
        );

        let binding = binding(envelope.kind, version);
        let plain = open(&DataKey::new(KEY), binding, &payload).unwrap();
        let event = decode_payload(envelope.kind, version, &plain).unwrap();
        let expected = match field {
            Some(field) => sample::event_with(envelope.kind, field),
            None => sample::event(envelope.kind),
        };
        assert_eq!(event, expected, "{name}");
        read += 1;
    }
    let least = EventKind::ALL.len() + sample::LATER.len();
    assert!(read >= least, "only {read} golden records");
}

#[test]
fn a_contents_page_reads_as_released() {
    let manifest = Manifest {
        commit: CommitNumber(9),
        entries: vec![ManifestEntry {
            project: ProjectNumber(1),
            uid: ProjectUid([2; 16]),
            first: Offset(3),
            last: Offset(4),
            head: Hash::from_bytes([5; 32]),
        }],
    };
    let golden = [
        "01",
        "0000000000000007",
        "0000000000000001",
        "02020202020202020202020202020202",
        "0000000000000003",
        "0000000000000004",
        "0505050505050505050505050505050505050505050505050505050505050505",
    ];
    let golden = hex::decode(golden.concat()).unwrap();
    assert_eq!(encode_manifest(&manifest, 7), golden);
    let expected = StoredManifest {
        manifest,
        key_batches: 7,
    };
    assert_eq!(decode_manifest(CommitNumber(9), &golden), Ok(expected));
    for cut in (0..golden.len()).filter(|cut| *cut != 9) {
        assert!(
            decode_manifest(CommitNumber(9), &golden[..cut]).is_err(),
            "cut at {cut}"
        );
    }
}
