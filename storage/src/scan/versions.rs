//! The two files that say what a keyspace consists of (lsm-tree 3.1.10):
//!
//! ```text
//! current  number of the version u64  XXH3-128 of its file  00
//! vN       an archive; section "tables": levels u8, each runs u8, each tables u32, each
//!          number u64  00  XXH3-128 of the table's file  global seqno u64
//!          section "blob_files": files u32, each  number u64  00  XXH3-128 of the file
//! ```

use std::path::Path;

use super::archive::Archive;
use super::block::Place;
use super::damage::{Defect, ScanDamage};
use super::fields::Fields;
use super::window::FileWindow;

pub(super) const CURRENT: &str = "current";
const CURRENT_LEN: usize = 25;
const FORMAT: u8 = 3;
const LEVELS: u8 = 7;
const XXH3: u8 = 0;

/// What the current version of a keyspace consists of.
pub(super) struct Version {
    pub(super) id: u64,
    pub(super) tables: Vec<TableRef>,
    pub(super) blobs: Vec<BlobRef>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TableRef {
    pub(super) id: u64,
    pub(super) level: u8,
    pub(super) checksum: u128,
    /// Added to the sequence number of every item: tables that were ingested count from 0.
    pub(super) global_seqno: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct BlobRef {
    pub(super) id: u64,
    pub(super) checksum: u128,
}

/// Reads the current version of the keyspace in `folder`, comparing every checksum.
pub(super) fn read_current(folder: &Path) -> Result<Version, ScanDamage> {
    let (id, checksum) = read_pointer(&folder.join(CURRENT))?;
    let path = folder.join(format!("v{id}"));
    let mut whole = FileWindow::open(&path)?;
    let len = whole.len();
    let place = Place {
        file: &path,
        part: "the whole file",
        at: 0,
    };
    place.compare(checksum, whole.hash(0, len)?.digest128())?;
    read_version(id, Archive::open(&path)?)
}

fn read_pointer(path: &Path) -> Result<(u64, u128), ScanDamage> {
    let mut window = FileWindow::open(path)?;
    let found = window.len();
    if found != CURRENT_LEN as u64 {
        return Err(ScanDamage::new(
            path,
            Defect::Length {
                expected: CURRENT_LEN as u64,
                found,
            },
        ));
    }
    let bytes = window.bytes(0, CURRENT_LEN)?.unwrap_or_default();
    let mut fields = Fields::of(bytes);
    match (fields.u64(), fields.u128(), fields.u8()) {
        (Some(id), Some(checksum), Some(XXH3)) => Ok((id, checksum)),
        _ => Err(ScanDamage::malformed(
            path,
            "checksum type",
            CURRENT_LEN as u64 - 1,
        )),
    }
}

fn read_version(id: u64, mut archive: Archive) -> Result<Version, ScanDamage> {
    expect_byte(&mut archive, "format_version", FORMAT)?;
    expect_byte(&mut archive, "level_count", LEVELS)?;
    expect_byte(&mut archive, "filter_hash_type", XXH3)?;
    let tables = read_section(&mut archive, "tables", parse_tables)?;
    let blobs = read_section(&mut archive, "blob_files", parse_blobs)?;
    Ok(Version { id, tables, blobs })
}

fn expect_byte(archive: &mut Archive, part: &'static str, expected: u8) -> Result<(), ScanDamage> {
    let found = read_section(archive, part, |fields| fields.u8())?;
    if found == expected {
        return Ok(());
    }
    let defect = Defect::Unsupported {
        part,
        expected: expected.into(),
        found: found.into(),
    };
    Err(ScanDamage::new(archive.window.path(), defect))
}

/// Parses a section that must be used up by it.
fn read_section<T>(
    archive: &mut Archive,
    part: &'static str,
    parse: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, ScanDamage> {
    let section = archive.section(part)?;
    let mut fields = Fields::of(archive.read(&section, part)?);
    let parsed = parse(&mut fields).filter(|_| fields.is_empty());
    parsed.ok_or_else(|| ScanDamage::malformed(archive.window.path(), part, section.at))
}

fn parse_tables(fields: &mut Fields<'_>) -> Option<Vec<TableRef>> {
    let mut tables = Vec::new();
    for level in 0..fields.u8()? {
        for _run in 0..fields.u8()? {
            for _table in 0..fields.u32()? {
                let id = fields.u64()?;
                let checksum = parse_checksum(fields)?;
                tables.push(TableRef {
                    id,
                    level,
                    checksum,
                    global_seqno: fields.u64()?,
                });
            }
        }
    }
    Some(tables)
}

fn parse_blobs(fields: &mut Fields<'_>) -> Option<Vec<BlobRef>> {
    let count = fields.u32()?;
    (0..count)
        .map(|_| {
            Some(BlobRef {
                id: fields.u64()?,
                checksum: parse_checksum(fields)?,
            })
        })
        .collect()
}

fn parse_checksum(fields: &mut Fields<'_>) -> Option<u128> {
    (fields.u8()? == XXH3).then_some(())?;
    fields.u128()
}
