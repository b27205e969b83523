use std::fs::{self, File};
use std::path::{Path, PathBuf};

use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::log::chain;
use everlog_domain::ports::{Log, Rows};
use everlog_domain::time::Time;
use tempfile::TempDir;

use super::scene::Scene;
use crate::backup::project_file::{Header, ProjectFile, ProjectFileWriter};
use crate::backup::{
    BackupFailure, ExportFailure, ExportOptions, ExportReport, ImportFailure, ImportOptions,
    ImportReport, export_project, import_project,
};
use crate::conformance::batches::uid;
use crate::conformance::rows::dump;
use crate::fixture::{Image, SEGMENT, options, reopen};
use crate::keys::{CarriedKey, KeysFailure, MasterKey, MasterKeySource, TransferKey};
use crate::log::list_segments;
use crate::offline::{Link, verify};
use crate::open::{LOG, open};

const BATCHES: u64 = 8;
/// The first project of a scene gets three events with each batch after its first.
const LAST: Offset = Offset(3 * (BATCHES - 1));
const NOW: Time = Time(1_800_000_000_000_000);

/// A server that has projects, another one, and a file on the way.
struct Move {
    source: Scene,
    folder: TempDir,
    key: TransferKey,
}

impl Move {
    fn new() -> Self {
        Self::of(Scene::of(BATCHES))
    }

    fn of(source: Scene) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        Self {
            source,
            folder,
            key: TransferKey::generate().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn exporting(&self, id: &str) -> ExportOptions {
        ExportOptions {
            folder: options(&self.source.data()),
            project: ProjectId::parse(id).unwrap(),
            to: self.file(),
            transfer_key: self.key.clone(),
        }
    }

    fn export(&self, id: &str) -> Result<ExportReport, ExportFailure> {
        export_project(&self.exporting(id), &mut |_| {})
    }

    /// A refusal that left nothing.
    #[track_caller]
    fn export_refused(&self, options: &ExportOptions) -> ExportFailure {
        let failure = export_project(options, &mut |_| {}).unwrap_err();
        let left = fs::read_dir(self.folder.path()).unwrap();
        assert_eq!(left.count(), 1, "{failure}");
        failure
    }

    fn importing(&self) -> ImportOptions {
        ImportOptions {
            folder: options(&self.target()),
            file: self.file(),
            transfer_key: self.key.clone(),
            now: NOW,
        }
    }

    fn import(&self) -> Result<ImportReport, ImportFailure> {
        import_project(&self.importing(), &mut |_| {})
    }

    /// A refusal after which the folder is as it was.
    #[track_caller]
    fn refused(&self, options: &ImportOptions) -> ImportFailure {
        let data = &options.folder.data;
        drop(reopen(data).unwrap());
        let log = || Image::of(&data.join(LOG));
        let names = || fs::read_dir(data).unwrap().count();
        let before = (log(), names());
        let failure = import_project(options, &mut |_| {}).unwrap_err();
        assert!(before == (log(), names()), "{failure}");
        failure
    }

    /// Replaces the file.
    fn write(&self, bytes: &[u8]) {
        fs::write(self.file(), bytes).unwrap();
    }
}

/// A project of a folder: its events without the number that they bear, their hashes and its rows.
fn project(data: &Path, number: ProjectNumber) -> (Vec<Recorded>, Vec<String>, Vec<String>) {
    let opened = open(&options(data)).unwrap();
    let mut events = opened.log.read(number, Offset(1), 10_000).unwrap();
    let hashes = events.iter().map(|event| chain::link(&event.envelope));
    let hashes = hashes.map(|hash| hash.to_string()).collect();
    for event in &mut events {
        event.envelope.project = ProjectNumber(0);
    }
    (events, hashes, dump(&*opened.rows.view(), number))
}

#[track_caller]
fn assert_sound(data: &Path) {
    let found = verify(&options(data), &mut |_| {}).unwrap();
    assert!(found.is_sound(), "{found:#?}");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let moved = Move::new();
    let failure = moved.export_refused(&moved.exporting("console"));
    assert!(matches!(failure, ExportFailure::Console), "{failure}");
    let failure = moved.export_refused(&moved.exporting("nobody"));
    assert!(
        matches!(failure, ExportFailure::NoProject { .. }),
        "{failure}"
    );
    let mut wrong = moved.exporting("one");
    wrong.folder.master_key = MasterKeySource::Given(MasterKey::generate().unwrap());
    let failure = moved.export_refused(&wrong);
    assert!(
        matches!(failure, ExportFailure::Keys(KeysFailure::WrongMasterKey)),
        "{failure}"
    );
    let mut there = moved.exporting("one");
    there.to = moved.target();
    let failure = moved.export_refused(&there);
    assert!(matches!(failure, ExportFailure::Exists { .. }), "{failure}");
}

#[test]
fn a_damaged_log_is_not_exported_and_named() {
    let moved = Move::new();
    let sound = Image::of(&moved.source.data()).without_reserve();
    let batches = sound.batches();
    // the fourth batch holds the offsets 7 to 9
    let inside = batches[3].start + batches[3].len() - 10;
    let mut bytes = sound.file(SEGMENT).to_vec();
    bytes[inside] ^= 1;
    fs::write(moved.source.data().join(SEGMENT), bytes).unwrap();
    let failure = moved.export_refused(&moved.exporting("one"));
    match failure {
        ExportFailure::Log(BackupFailure::Damaged {
            project, offset, ..
        }) => assert_eq!((project, offset), (ProjectNumber(2), Offset(7))),
        ExportFailure::Log(BackupFailure::Refused(refused)) => {
            assert!(refused.to_string().contains("offset 7"), "{refused}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_no_file_of_a_project_is_refused() {
    let moved = Move::new();
    let failure = moved.refused(&moved.importing());
    assert!(matches!(failure, ImportFailure::Io { .. }), "{failure}");
    for bytes in [&b""[..], b"EvPrj001", b"everlog keys 1\nbatches 3\n"] {
        moved.write(bytes);
        let failure = moved.refused(&moved.importing());
        assert!(matches!(failure, ImportFailure::NoFile { .. }), "{failure}");
    }
    fs::remove_file(moved.file()).unwrap();
    moved.export("one").unwrap();
    let mut wrong = moved.importing();
    wrong.transfer_key = TransferKey::generate().unwrap();
    let failure = moved.refused(&wrong);
    assert!(
        matches!(failure, ImportFailure::WrongTransferKey { .. }),
        "{failure}"
    );
    let mut absent = moved.importing();
    absent.folder.data = moved.folder.path().join("absent");
    let failure = import_project(&absent, &mut |_| {}).unwrap_err();
    assert!(matches!(failure, ImportFailure::Refused(_)), "{failure}");
}

#[test]
fn what_is_here_already_is_refused() {
    let mut source = Scene::of(BATCHES);
    source.create("fresh", uid(ProjectNumber(4)));
    let moved = Move::of(source);
    // the server that it comes from
    moved.export("one").unwrap();
    let mut same = moved.importing();
    same.folder = options(&moved.source.data());
    let failure = moved.refused(&same);
    assert!(
        matches!(failure, ImportFailure::SameProject { .. }),
        "{failure}"
    );
    // the same project again
    moved.import().unwrap();
    let failure = moved.refused(&moved.importing());
    assert!(
        matches!(failure, ImportFailure::SameProject { .. }),
        "{failure}"
    );
    // another one of that name
    fs::remove_file(moved.file()).unwrap();
    moved.export("fresh").unwrap();
    let mut other = Scene::of(2);
    other.create("fresh", ProjectUid([9; 16]));
    let mut taken = moved.importing();
    taken.folder = options(&other.data());
    let failure = moved.refused(&taken);
    assert!(
        matches!(failure, ImportFailure::ProjectExists { .. }),
        "{failure}"
    );
}

#[test]
fn a_server_that_runs_is_let_alone() {
    let moved = Move::new();
    moved.export("one").unwrap();
    let running = reopen(&moved.target()).unwrap();
    let failure = moved.import().unwrap_err();
    assert!(matches!(failure, ImportFailure::Refused(_)), "{failure}");
    drop(running);
    moved.import().unwrap();
}

#[test]
fn a_file_with_another_bit_or_cut_short_is_refused_with_the_place() {
    let moved = Move::new();
    moved.export("one").unwrap();
    let sound = fs::read(moved.file()).unwrap();
    // each section is torn in its middle; the last is the end
    let sections = sections(&sound);
    let first_event = sections.len() - 1 - usize::try_from(LAST.0).unwrap();
    for (number, section) in sections.iter().enumerate() {
        let mut flipped = sound.clone();
        flipped[section.start + section.len() / 2] ^= 1;
        let cut = sound[..section.start + section.len() / 2].to_vec();
        for (what, bytes) in [("flipped", flipped), ("cut", cut)] {
            moved.write(&bytes);
            let failure = moved.refused(&moved.importing());
            let expected = number
                .checked_sub(first_event)
                .map(|n| Offset(n as u64 + 1));
            match (&failure, expected) {
                (
                    ImportFailure::Damaged {
                        project, offset, ..
                    },
                    Some(expected),
                ) => {
                    assert_eq!((project.as_str(), *offset), ("one", expected), "{what}");
                }
                // cut within the keys: what it lacks first is its first event
                (ImportFailure::Damaged { offset, .. }, None) => assert_eq!(*offset, Offset(1)),
                (ImportFailure::NoFile { .. }, None) => {}
                _ => panic!("section {number} {what}: {failure}"),
            }
        }
    }
    moved.write(&sound);
    moved.import().unwrap();
    assert_sound(&moved.target());
}

#[test]
fn no_byte_of_a_file_can_be_another_one() {
    let moved = Move::of(Scene::of(3));
    moved.export("one").unwrap();
    let sound = fs::read(moved.file()).unwrap();
    let last = moved.last("one");
    assert!(is_whole(&moved, last));
    for at in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[at] ^= 0x10;
        moved.write(&flipped);
        assert!(!is_whole(&moved, last), "flipped at {at}");
        moved.write(&sound[..at]);
        assert!(!is_whole(&moved, last), "cut at {at}");
    }
    moved.write(&[sound.as_slice(), b"\0"].concat());
    assert!(!is_whole(&moved, last), "something follows");
}

/// Whether all sections read and the seal is right.
fn is_whole(moved: &Move, last: Link) -> bool {
    let Ok(mut file) = ProjectFile::open(&moved.file(), &moved.key) else {
        return false;
    };
    loop {
        match file.event() {
            Ok(Some(_)) => {}
            Ok(None) => return file.check(last).is_ok(),
            Err(_) => return false,
        }
    }
}

impl Move {
    /// The last event of a project of the source.
    fn last(&self, id: &str) -> Link {
        let log = reopen(&self.source.data()).unwrap();
        let number = ProjectNumber(if id == "one" { 2 } else { 3 });
        let newest = log.read(number, Offset(1), 10_000).unwrap();
        let envelope = &newest.last().unwrap().envelope;
        Link {
            uid: envelope.uid,
            offset: envelope.offset,
            hash: chain::link(envelope),
        }
    }

    /// Writes the file anew, as somebody might who has the transfer key.
    fn forge(
        &self,
        edit: impl FnOnce(&mut Header, &mut Vec<CarriedKey>, &mut Vec<Vec<u8>>, &mut Link),
    ) {
        let mut file = ProjectFile::open(&self.file(), &self.key).unwrap();
        let mut events = Vec::new();
        while let Some(event) = file.event().unwrap() {
            events.push(event);
        }
        let (mut header, mut keys) = (file.header.clone(), file.keys.clone());
        let mut last = self.last(header.project.as_str());
        edit(&mut header, &mut keys, &mut events, &mut last);
        let file = File::create(self.file()).unwrap();
        let mut writer = ProjectFileWriter::begin(file, &header).unwrap();
        keys.iter().for_each(|key| writer.key(key).unwrap());
        events.iter().for_each(|event| writer.event(event).unwrap());
        writer.finish(last, &self.key).unwrap();
    }
}

/// Where the sections of a file lie.
fn sections(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut sections = Vec::new();
    let mut at = 8;
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into().unwrap());
        let end = at + 13 + usize::try_from(length).unwrap();
        sections.push(at..end);
        at = end;
    }
    sections
}

#[test]
fn the_chain_holds_where_the_seal_was_made_anew() {
    let moved = Move::new();
    moved.export("one").unwrap();
    let sound = fs::read(moved.file()).unwrap();
    let refused = |expected: u64, what: &str| {
        let failure = moved.refused(&moved.importing());
        let ImportFailure::Damaged { offset, .. } = failure else {
            panic!("{what}: {failure}");
        };
        assert_eq!(offset, Offset(expected), "{what}");
        moved.write(&sound);
    };
    moved.forge(|_, _, events, _| drop(events.remove(4)));
    refused(5, "an event is missing");
    moved.forge(|_, _, events, _| events.swap(4, 5));
    refused(5, "two events have changed places");
    moved.forge(|_, _, events, _| drop(events.pop()));
    refused(LAST.0, "the tail is missing");
    moved.forge(|_, _, events, last| {
        events.pop();
        last.offset = Offset(last.offset.0 - 1);
    });
    refused(LAST.0, "the tail is missing, and the end says so");
    moved.forge(|_, _, events, _| {
        let last = events.last().unwrap().clone();
        events.push(last);
    });
    refused(LAST.0 + 1, "an event twice");
    moved.forge(|header, _, _, _| header.uid = ProjectUid([9; 16]));
    let failure = moved.refused(&moved.importing());
    assert!(
        matches!(failure, ImportFailure::Keys(KeysFailure::Damaged { .. })),
        "{failure}"
    );
    moved.write(&sound);
    moved.forge(|_, keys, _, _| keys.clear());
    refused(1, "without its keys");
}

#[test]
fn keys_of_another_project_are_not_taken_in() {
    let moved = Move::new();
    moved.export("two").unwrap();
    let foreign = ProjectFile::open(&moved.file(), &moved.key).unwrap().keys;
    fs::remove_file(moved.file()).unwrap();
    moved.export("one").unwrap();
    moved.forge(|_, keys, _, _| keys.extend(foreign));
    let failure = moved.refused(&moved.importing());
    assert!(
        matches!(failure, ImportFailure::Keys(KeysFailure::Damaged { .. })),
        "{failure}"
    );
}

#[test]
fn a_project_moves_with_its_events_hashes_and_rows() {
    let mut source = Scene::of(BATCHES);
    // payloads beside their records, and an empty project
    source.grow(1, &"long ".repeat(40_000));
    source.create("empty", uid(ProjectNumber(4)));
    let moved = Move::of(source);
    // under other numbers than they had
    let numbers = [("empty", 4, 2), ("two", 3, 3), ("one", 2, 4)];
    for (id, _, number) in numbers {
        let exported = moved.export(id).unwrap();
        let imported = moved.import().unwrap();
        assert_eq!(imported.number, ProjectNumber(number));
        assert_eq!(imported.project.as_str(), id);
        assert_eq!(
            (imported.last, imported.keys),
            (exported.last, exported.keys)
        );
        fs::remove_file(moved.file()).unwrap();
        assert_sound(&moved.target());
    }
    for (id, was, is) in numbers {
        let there = project(&moved.source.data(), ProjectNumber(was));
        let here = project(&moved.target(), ProjectNumber(is));
        assert_eq!(there.0, here.0, "{id}");
        assert_eq!(there.1, here.1, "{id}");
        assert_eq!(there.2, here.2, "{id}");
    }
    let left = fs::read_dir(moved.target()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "log.importing"), "{left:?}");
}

#[test]
fn a_project_moves_on_to_a_third_server() {
    let moved = Move::new();
    moved.export("one").unwrap();
    moved.import().unwrap();
    let original = project(&moved.source.data(), ProjectNumber(2));
    let third = moved.folder.path().join("third");
    fs::create_dir(&third).unwrap();
    let again = moved.folder.path().join("again");
    let exporting = ExportOptions {
        folder: options(&moved.target()),
        to: again.clone(),
        ..moved.exporting("one")
    };
    export_project(&exporting, &mut |_| {}).unwrap();
    let importing = ImportOptions {
        folder: options(&third),
        file: again,
        ..moved.importing()
    };
    let imported = import_project(&importing, &mut |_| {}).unwrap();
    let found = project(&third, imported.number);
    assert_eq!(original.0, found.0);
    assert_eq!(original.1, found.1);
    assert_eq!(original.2, found.2);
    assert_sound(&third);
}

#[test]
fn it_joins_a_log_of_several_segments() {
    let mut source = Scene::of(2);
    source.grow(10, &"x".repeat(900_000));
    let moved = Move::of(source);
    for (id, number, segments) in [("one", 2, 2), ("two", 3, 3)] {
        moved.export(id).unwrap();
        moved.import().unwrap();
        fs::remove_file(moved.file()).unwrap();
        let found = list_segments(&moved.target().join(LOG)).unwrap().len();
        assert_eq!(found, segments, "{id}");
        assert_sound(&moved.target());
        let number = ProjectNumber(number);
        assert!(project(&moved.source.data(), number) == project(&moved.target(), number));
    }
}

#[test]
fn it_is_exported_beside_a_writer_up_to_what_was_acknowledged() {
    let mut moved = Move::new();
    let log = reopen(&moved.source.data()).unwrap();
    let options = moved.exporting("one");
    let source = &mut moved.source;
    let mut grown = false;
    let report = export_project(&options, &mut |_| {
        if !std::mem::replace(&mut grown, true) {
            source.grow_open(&log, 3, "meanwhile");
        }
    });
    assert_eq!(report.unwrap().last, LAST);
    drop(log);
    assert_eq!(moved.import().unwrap().last, LAST);
    assert_sound(&moved.target());
}

#[test]
fn what_an_import_that_was_killed_has_left_is_in_nobodys_way() {
    let moved = Move::new();
    moved.export("one").unwrap();
    drop(reopen(&moved.target()).unwrap());
    let staged = moved.target().join("log.importing");
    fs::create_dir(&staged).unwrap();
    fs::write(staged.join("00000000000000000001.segment"), b"torn").unwrap();
    assert_sound(&moved.target());
    drop(open(&options(&moved.target())).unwrap());
    moved.import().unwrap();
    assert!(!staged.exists());
    assert_sound(&moved.target());
}
