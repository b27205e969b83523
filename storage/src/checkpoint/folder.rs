//! A folder of checkpoints: a file for each project, only ever appended to, newest last.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::VerifyingKey;
use everlog_domain::ids::ProjectUid;

use super::note::{LINES, Note, NoteError};

const EXTENSION: &str = "checkpoints";

/// A note of a file, or what is wrong with it.
#[derive(Debug)]
pub(crate) struct FoundNote {
    pub(crate) file: PathBuf,
    /// Its first line, from 1.
    pub(crate) line: usize,
    pub(crate) note: Result<Note, NoteError>,
}

/// The file of a project.
pub(crate) fn file_of(folder: &Path, uid: ProjectUid) -> PathBuf {
    folder.join(format!("{}.{EXTENSION}", hex::encode(uid.0)))
}

/// Appends and syncs. A note that was cut short by a power loss is ended first, so that the new
/// one stands alone.
pub(super) fn append(folder: &Path, uid: ProjectUid, note: &str) -> io::Result<()> {
    let path = file_of(folder, uid);
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(&path)?;
    if !is_new && !ends_with_line_break(&mut file)? {
        file.write_all(b"\n")?;
    }
    file.write_all(note.as_bytes())?;
    file.sync_data()?;
    if is_new {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn ends_with_line_break(file: &mut File) -> io::Result<bool> {
    use std::io::{Seek, SeekFrom};
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Every note of every file, in the order of the files' names. A folder that is not there is
/// empty.
pub(crate) fn read_folder(folder: &Path, key: &VerifyingKey) -> io::Result<Vec<FoundNote>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == EXTENSION) {
            files.push(path);
        }
    }
    files.sort_unstable();
    let mut notes = Vec::new();
    for file in files {
        let bytes = fs::read(&file)?;
        read_file(&file, &String::from_utf8_lossy(&bytes), key, &mut notes);
    }
    Ok(notes)
}

/// A note begins where a line begins like an origin. What stands before the next one and is not
/// five lines long was cut short.
fn read_file(file: &Path, text: &str, key: &VerifyingKey, notes: &mut Vec<FoundNote>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let is_origin = |line: &&str| line.starts_with("everlog/");
        let rest = lines.get(at + 1..).unwrap_or_default();
        let length = 1 + rest.iter().position(is_origin).unwrap_or(rest.len());
        let note = lines.get(at..at + length).unwrap_or_default();
        let ends = at + length == lines.len();
        // of the last note, nobody was told yet when its writing was cut short
        let cut_short = ends && (note.len() < LINES || !text.ends_with('\n'));
        if !cut_short {
            notes.push(FoundNote {
                file: file.to_path_buf(),
                line: at + 1,
                note: Note::read(note, key),
            });
        }
        at += length;
    }
}
