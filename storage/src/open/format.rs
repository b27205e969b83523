use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::OpenRefused;

const FILE: &str = "format";
const NEW_FILE: &str = "format.new";
const PREFIX: &str = "everlog data format ";
/// The format that this release writes, and the newest that it reads.
const CURRENT: u32 = 1;

/// What may lie in a folder whose first start was cut short before the format was written.
const BEFORE_FORMAT: [&str; 2] = ["lock", NEW_FILE];

/// Makes sure that the folder is one of ours and not newer than this release. An empty one is
/// marked as ours.
pub(super) fn check_or_mark(data: &Path) -> Result<(), OpenRefused> {
    let path = data.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => check(&path, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse_strangers(data)?;
            mark(data).map_err(|error| OpenRefused::io(&path, error))
        }
        Err(error) => Err(OpenRefused::io(&path, error)),
    }
}

/// The same for a folder that somebody else may own, and that is only read.
pub(crate) fn check_format(data: &Path) -> Result<(), OpenRefused> {
    let path = data.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => check(&path, &bytes),
        Err(_) if !data.is_dir() => Err(OpenRefused::Absent {
            data: data.to_path_buf(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenRefused::Format {
            path,
            found: String::new(),
        }),
        Err(error) => Err(OpenRefused::io(&path, error)),
    }
}

/// Marks a folder that is being made.
pub(crate) fn mark_format(data: &Path) -> io::Result<()> {
    mark(data)
}

fn check(path: &Path, bytes: &[u8]) -> Result<(), OpenRefused> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.strip_suffix('\n');
    let number = line.and_then(|line| line.strip_prefix(PREFIX));
    match number.and_then(|number| number.parse::<u32>().ok()) {
        Some(found) if found > CURRENT => Err(OpenRefused::Newer {
            found,
            current: CURRENT,
        }),
        Some(found) if found > 0 => Ok(()),
        _ => Err(OpenRefused::Format {
            path: path.to_path_buf(),
            found: text.chars().take(64).collect(),
        }),
    }
}

/// A folder without a format must hold nothing else: it is somebody else's, or has lost it.
fn refuse_strangers(data: &Path) -> Result<(), OpenRefused> {
    let unreadable = |error| OpenRefused::io(data, error);
    for entry in fs::read_dir(data).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if !BEFORE_FORMAT.iter().any(|known| name == *known) {
            return Err(OpenRefused::Stranger {
                data: data.to_path_buf(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

fn mark(data: &Path) -> io::Result<()> {
    let new = data.join(NEW_FILE);
    let mut file = File::create(&new)?;
    file.write_all(format!("{PREFIX}{CURRENT}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, data.join(FILE))?;
    File::open(data)?.sync_all()
}
