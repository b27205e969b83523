use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::archive::{Archive, Section};
use super::block::{BlockItem, BlockKind, Place, read_block, read_items};
use super::damage::{Defect, ScanDamage};
use super::fields::Fields;
use super::folder::TABLES;
use super::versions::{BlobRef, TableRef, read_current};

/// The tables of one keyspace.
#[derive(Debug)]
pub struct KeyspaceTables {
    /// The number that stands in the journals.
    pub id: u64,
    /// The name that it was opened under.
    pub name: String,
    /// The number of its current version.
    pub version: u64,
    /// The tables of that version, upper levels first.
    pub tables: Vec<TableFile>,
    /// The blob files of that version: values kept apart from keys, where that is configured.
    pub blobs: Vec<BlobFile>,
}

/// A table: a sorted file of items.
#[derive(Debug, Clone)]
pub struct TableFile {
    /// The number that is its name.
    pub id: u64,
    /// The file.
    pub path: PathBuf,
    /// Its level in the tree, 0 to 6.
    pub level: u8,
    /// Bytes of the file.
    pub len: u64,
    /// Items, tombstones and old versions included.
    pub items: u64,
    /// The lowest and highest sequence number in it.
    pub seqnos: RangeInclusive<u64>,
    /// Its first and last key.
    pub keys: RangeInclusive<Vec<u8>>,
    /// XXH3-128 of the whole file, by the version file; compared by
    /// [`verify_tables`](super::verify_tables) only.
    pub checksum: u128,
    /// See [`TableRef`]; already added to `seqnos`.
    pub(super) global_seqno: u64,
}

/// A blob file.
#[derive(Debug, Clone)]
pub struct BlobFile {
    /// The number that is its name.
    pub id: u64,
    /// The file.
    pub path: PathBuf,
    /// Bytes of the file.
    pub len: u64,
    /// XXH3-128 of the whole file, by the version file.
    pub checksum: u128,
}

impl KeyspaceTables {
    /// The last key of all tables, removed ones included: of keys that only rise and are never
    /// removed, the newest that was flushed.
    #[must_use]
    pub fn last_key(&self) -> Option<&[u8]> {
        self.tables
            .iter()
            .map(|table| table.keys.end().as_slice())
            .max()
    }

    /// The highest sequence number of all tables. Replay skips the items of this keyspace in
    /// batches up to it.
    #[must_use]
    pub fn highest_seqno(&self) -> Option<u64> {
        self.tables.iter().map(|table| *table.seqnos.end()).max()
    }
}

/// Checks that a keyspace has its files and that they fit together, without reading data blocks.
pub(super) fn check_keyspace(
    keyspaces: &Path,
    id: u64,
    name: String,
) -> Result<KeyspaceTables, ScanDamage> {
    let folder = keyspaces.join(id.to_string());
    let version = read_current(&folder)?;
    let tables = folder.join(TABLES);
    let blobs = folder.join("blobs");
    refuse_strays(&tables)?;
    refuse_strays(&blobs)?;
    Ok(KeyspaceTables {
        id,
        name,
        version: version.id,
        tables: version
            .tables
            .into_iter()
            .map(|table| check_table(&tables, table))
            .collect::<Result<_, _>>()?,
        blobs: version
            .blobs
            .into_iter()
            .map(|blob| check_blob(&blobs, blob))
            .collect::<Result<_, _>>()?,
    })
}

/// lsm-tree refuses to open, or panics, where a name in these folders is no number of a file. A
/// folder that is not there holds nothing: then each file named in the version is missing.
fn refuse_strays(folder: &Path) -> Result<(), ScanDamage> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(|error| ScanDamage::io(folder, error))? {
        let entry = entry.map_err(|error| ScanDamage::io(folder, error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // what some desktops strew about, lsm-tree passes over as well
        if name == ".DS_Store" || name.starts_with("._") {
            continue;
        }
        if name.parse::<u64>().is_err() || entry.path().is_dir() {
            return Err(ScanDamage::new(
                &entry.path(),
                Defect::Stray {
                    expected: "files named by a number",
                },
            ));
        }
    }
    Ok(())
}

fn check_table(folder: &Path, table: TableRef) -> Result<TableFile, ScanDamage> {
    let path = folder.join(table.id.to_string());
    let mut archive = Archive::open(&path)?;
    let meta = read_meta(&mut archive, &path)?;
    if meta.id != table.id {
        return Err(ScanDamage::new(
            &path,
            Defect::WrongTable {
                expected: table.id,
                found: meta.id,
            },
        ));
    }
    check_block(&mut archive, "tli", &path)?;
    if archive.find(b"filter_tli").is_some() {
        check_block(&mut archive, "filter_tli", &path)?;
    }
    let shift = |seqno: u64| seqno.saturating_add(table.global_seqno);
    Ok(TableFile {
        id: table.id,
        level: table.level,
        len: archive.window.len(),
        items: meta.items,
        seqnos: shift(meta.seqnos.0)..=shift(meta.seqnos.1),
        keys: meta.keys.0..=meta.keys.1,
        checksum: table.checksum,
        global_seqno: table.global_seqno,
        path,
    })
}

fn check_blob(folder: &Path, blob: BlobRef) -> Result<BlobFile, ScanDamage> {
    const HEADER: &[u8] = b"META";
    const PART: &str = "meta";
    let path = folder.join(blob.id.to_string());
    let mut archive = Archive::open(&path)?;
    let section = archive.section(PART)?;
    let bytes = archive.read(&section, PART)?;
    let place = Place {
        file: &path,
        part: PART,
        at: section.at,
    };
    let block = bytes
        .strip_prefix(HEADER)
        .ok_or_else(|| place.malformed())?;
    read_block(block, BlockKind::Meta, place)?;
    Ok(BlobFile {
        id: blob.id,
        len: archive.window.len(),
        checksum: blob.checksum,
        path,
    })
}

/// What is used of a table's meta block.
struct Meta {
    id: u64,
    items: u64,
    seqnos: (u64, u64),
    keys: (Vec<u8>, Vec<u8>),
}

fn read_meta(archive: &mut Archive, path: &Path) -> Result<Meta, ScanDamage> {
    const PART: &str = "meta";
    let section = archive.section(PART)?;
    let place = Place {
        file: path,
        part: PART,
        at: section.at,
    };
    let block = read_block(archive.read(&section, PART)?, BlockKind::Meta, place)?;
    let items = read_items(block, place)?;
    parse_meta(&items).ok_or_else(|| place.malformed())
}

fn parse_meta(items: &[BlockItem<'_>]) -> Option<Meta> {
    let value = |key: &str| items.iter().find(|item| item.key == key.as_bytes())?.value;
    let number = |key: &str| Fields::of(value(key)?).u64();
    Some(Meta {
        id: number("table_id")?,
        items: number("item_count")?,
        seqnos: (number("seqno#min")?, number("seqno#max")?),
        keys: (value("key#min")?.to_vec(), value("key#max")?.to_vec()),
    })
}

fn check_block(archive: &mut Archive, part: &'static str, path: &Path) -> Result<(), ScanDamage> {
    let section: Section = archive.section(part)?;
    let bytes = archive.read(&section, part)?;
    read_block(
        bytes,
        BlockKind::Index,
        Place {
            file: path,
            part,
            at: section.at,
        },
    )
    .map(|_| ())
}
