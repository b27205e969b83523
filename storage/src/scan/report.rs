//! The check of every keyspace of a database folder.

use std::path::Path;

use super::damage::ScanDamage;
use super::folder::{KEYSPACES, META_KEYSPACE, expect_marker, numbered_folders};
use super::keyspaces::read_names;
use super::tables::{KeyspaceTables, check_keyspace};

/// What the keyspaces of a database folder consist of, as far as it was flushed out of the
/// journals.
#[derive(Debug)]
pub struct TableReport {
    /// fjall's own keyspace, which names the others.
    pub meta: KeyspaceTables,
    /// The named keyspaces, by their number.
    pub keyspaces: Vec<KeyspaceTables>,
    /// Numbers of folders that no name leads to: keyspaces that were being made or deleted. fjall
    /// deletes them when it opens.
    pub unnamed: Vec<u64>,
}

impl TableReport {
    /// The keyspace of that name.
    #[must_use]
    pub fn keyspace(&self, name: &str) -> Option<&KeyspaceTables> {
        self.keyspaces.iter().find(|keyspace| keyspace.name == name)
    }

    /// The name of the keyspace with that number, for the items of journals.
    #[must_use]
    pub fn keyspace_name(&self, id: u64) -> Option<&str> {
        self.keyspaces
            .iter()
            .find(|keyspace| keyspace.id == id)
            .map(|keyspace| keyspace.name.as_str())
    }
}

/// Checks that every keyspace has its files and that they fit together.
///
/// The folder has its marker; the current version of every keyspace passes its checksums; every
/// table and blob file that it names exists, is as long as its own contents say, is the one that
/// its name says, and the parts that fjall reads when it opens a table (contents, meta block, top
/// index) pass their checksums. Data blocks are not read, except those of the small meta keyspace,
/// which is read whole: the cost goes with the number of tables, not with their size.
///
/// # Errors
/// The first damage that is found.
pub fn check_tables(folder: &Path) -> Result<TableReport, ScanDamage> {
    expect_marker(folder)?;
    let keyspaces = folder.join(KEYSPACES);
    let folders = numbered_folders(&keyspaces)?;
    let meta = check_keyspace(&keyspaces, META_KEYSPACE, String::new())?;
    let names = read_names(&meta)?;
    let unnamed = folders
        .into_iter()
        .filter(|id| *id != META_KEYSPACE && !names.contains_key(id))
        .collect();
    let named = names
        .into_iter()
        .map(|(id, name)| check_keyspace(&keyspaces, id, name));
    Ok(TableReport {
        meta,
        keyspaces: named.collect::<Result<_, _>>()?,
        unnamed,
    })
}
