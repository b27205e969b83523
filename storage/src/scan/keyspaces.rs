//! The names of keyspaces. fjall keeps them in keyspace 0: `n` and a keyspace's number (u64, the
//! highest byte first) lead to its name. Its tables are written without compression and with a
//! restart interval of 1, and are a few KiB, so they are read whole, after their checksum.

use std::collections::BTreeMap;

use super::archive::Archive;
use super::block::{BlockKind, HEADER_LEN, Place, read_block, read_header, read_items};
use super::damage::ScanDamage;
use super::tables::{KeyspaceTables, TableFile};

const NAME: u8 = b'n';
const DATA: &str = "data";

/// The newest entry that names a keyspace.
struct Naming {
    seqno: u64,
    /// `None` once the keyspace is deleted.
    name: Option<String>,
}

/// The names by number.
pub(super) fn read_names(meta: &KeyspaceTables) -> Result<BTreeMap<u64, String>, ScanDamage> {
    let mut newest = BTreeMap::new();
    for table in &meta.tables {
        read_table(table, &mut newest)?;
    }
    Ok(newest
        .into_iter()
        .filter_map(|(id, naming)| Some((id, naming.name?)))
        .collect())
}

fn read_table(table: &TableFile, newest: &mut BTreeMap<u64, Naming>) -> Result<(), ScanDamage> {
    let mut archive = Archive::open(&table.path)?;
    let whole = Place {
        file: &table.path,
        part: "the whole file",
        at: 0,
    };
    let found = archive.window.hash(0, table.len)?.digest128();
    whole.compare(table.checksum, found)?;

    let data = archive.section(DATA)?;
    let bytes = archive.read(&data, DATA)?;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let place = Place {
            file: &table.path,
            part: DATA,
            at: data.at + at as u64,
        };
        read_block_of_names(rest, place, table.global_seqno, newest)?;
        at += HEADER_LEN + read_header(rest, place)?.stored_len;
    }
    Ok(())
}

fn read_block_of_names(
    bytes: &[u8],
    place: Place<'_>,
    global_seqno: u64,
    newest: &mut BTreeMap<u64, Naming>,
) -> Result<(), ScanDamage> {
    for item in read_items(read_block(bytes, BlockKind::Data, place)?, place)? {
        let Some((&NAME, id)) = item.key.split_first() else {
            continue;
        };
        let id = u64::from_be_bytes(id.try_into().map_err(|_| place.malformed())?);
        let name = item
            .value
            .map(|name| String::from_utf8(name.to_vec()))
            .transpose();
        let naming = Naming {
            seqno: item.seqno.saturating_add(global_seqno),
            name: name.map_err(|_| place.malformed())?,
        };
        if newest
            .get(&id)
            .is_none_or(|known| known.seqno < naming.seqno)
        {
            newest.insert(id, naming);
        }
    }
    Ok(())
}
