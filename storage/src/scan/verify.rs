use std::path::Path;

use super::archive::{Archive, Section};
use super::block::{HEADER_LEN, Place, read_header};
use super::damage::ScanDamage;
use super::report::{TableReport, check_tables};
use super::window::FileWindow;

/// How far [`verify_tables`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes read.
    pub done: u64,
    /// Bytes to be read in all.
    pub total: u64,
}

/// What [`verify_tables`] found.
#[derive(Debug)]
pub struct VerifyReport {
    /// The tables and blob files that were read.
    pub tables: TableReport,
    /// Bytes read.
    pub bytes: u64,
    /// Every file whose bytes are not those that were written, with the first damaged block.
    pub damaged: Vec<ScanDamage>,
}

/// Reads every table and blob file to its end and compares it with the checksum that the current
/// version holds for it, which fjall itself never does.
///
/// `progress` is called after at most 1 MiB.
///
/// # Errors
/// What [`check_tables`] finds, before anything else is read. Damage inside of files is no error
/// but part of the report.
pub fn verify_tables(
    folder: &Path,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<VerifyReport, ScanDamage> {
    let tables = check_tables(folder)?;
    let files: Vec<WholeFile<'_>> = whole_files(&tables).collect();
    let total = files.iter().map(|file| file.len).sum();
    let mut done = 0;
    let mut damaged = Vec::new();
    for file in files {
        let verified = verify_file(file, &mut |bytes| {
            done += bytes;
            progress(VerifyProgress { done, total });
        });
        damaged.extend(verified.err());
    }
    Ok(VerifyReport {
        tables,
        bytes: done,
        damaged,
    })
}

/// Reads the newest tables and blob files of a folder to their end, as many as are no more bytes
/// than the budget in all: what [`check_tables`] leaves out, as far as opening may cost it.
///
/// # Errors
/// The first damage that is found.
pub(crate) fn verify_newest(tables: &TableReport, budget: u64) -> Result<(), ScanDamage> {
    let mut files: Vec<WholeFile<'_>> = whole_files(tables).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.id));
    let mut read = 0;
    for file in files {
        read += file.len;
        if read > budget {
            return Ok(());
        }
        verify_file(file, &mut |_| {})?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct WholeFile<'a> {
    /// Rises with each file that a keyspace writes.
    id: u64,
    path: &'a Path,
    len: u64,
    checksum: u128,
}

fn whole_files(report: &TableReport) -> impl Iterator<Item = WholeFile<'_>> {
    [&report.meta]
        .into_iter()
        .chain(&report.keyspaces)
        .flat_map(|keyspace| {
            let tables = keyspace
                .tables
                .iter()
                .map(|table| (table.id, table.path.as_path(), table.len, table.checksum));
            let blobs = keyspace
                .blobs
                .iter()
                .map(|blob| (blob.id, blob.path.as_path(), blob.len, blob.checksum));
            let file = |(id, path, len, checksum)| WholeFile {
                id,
                path,
                len,
                checksum,
            };
            tables.chain(blobs).map(file)
        })
}

fn verify_file(file: WholeFile<'_>, read: &mut dyn FnMut(u64)) -> Result<(), ScanDamage> {
    let found = hash_file(file, read)?;
    let whole = Place {
        file: file.path,
        part: "the whole file",
        at: 0,
    };
    match whole.compare(file.checksum, found) {
        Ok(()) => Ok(()),
        // a block says more than the file, where the damage lies in one
        Err(damage) => Err(damaged_block(file.path)?.unwrap_or(damage)),
    }
}

fn hash_file(file: WholeFile<'_>, read: &mut dyn FnMut(u64)) -> Result<u128, ScanDamage> {
    let mut window = FileWindow::open(file.path)?;
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut at = 0;
    while at < file.len {
        let chunk = window.chunk(at, file.len)?;
        if chunk.is_empty() {
            break;
        }
        hash.update(chunk);
        at += chunk.len() as u64;
        read(chunk.len() as u64);
    }
    Ok(hash.digest128())
}

/// The first block of a table that does not pass its checksums.
fn damaged_block(path: &Path) -> Result<Option<ScanDamage>, ScanDamage> {
    const OF_BLOCKS: [(&[u8], &str); 4] = [
        (b"data", "data block"),
        (b"index", "index block"),
        (b"tli", "top index"),
        (b"filter", "filter block"),
    ];
    let mut archive = Archive::open(path)?;
    // blob files have no blocks in their data section
    if archive.find(b"tli").is_none() {
        return Ok(None);
    }
    for section in archive.sections().to_vec() {
        let part = OF_BLOCKS.iter().find(|(name, _)| *name == section.name);
        if let Some((_, part)) = part
            && let Err(damage) = check_blocks(&mut archive.window, path, &section, part)
        {
            return Ok(Some(damage));
        }
    }
    Ok(None)
}

fn check_blocks(
    window: &mut FileWindow,
    path: &Path,
    section: &Section,
    part: &'static str,
) -> Result<(), ScanDamage> {
    let end = section.at + section.len;
    let mut at = section.at;
    while at < end {
        let place = Place {
            file: path,
            part,
            at,
        };
        let bytes = window
            .bytes(at, HEADER_LEN)?
            .ok_or_else(|| place.malformed())?;
        let header = read_header(bytes, place)?;
        let body = at + HEADER_LEN as u64;
        at = body + header.stored_len as u64;
        if at > end {
            return Err(place.malformed());
        }
        place.compare(header.checksum, window.hash(body, at)?.digest128())?;
    }
    Ok(())
}
