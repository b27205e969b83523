//! A look at a fjall database folder before fjall opens it, changing nothing.
//!
//! Opening is not a harmless act: fjall mends what it finds by cutting and deleting, and says
//! nothing. So the caller asks first, in this order: [`folder_state`], [`check_tables`],
//! [`scan_journals`]. Only where these find no damage, or a torn tail that nobody was told of
//! (cut by [`truncate_torn`]), may the folder be opened. [`verify_tables`] reads every byte of
//! the tables and is meant for `everlog verify`.
//!
//! Nothing here knows what keys and values mean; that is the caller's part, as is comparing what
//! was found with the witnesses (a lost file that left no gap is invisible from inside).
//!
//! # What fjall 3.1.13 and lsm-tree 3.1.10 do, and what stands against it here
//!
//! Journals (`N.jnl`; the highest number is the active one, the others are sealed):
//!
//! * An entry that cannot be decoded (unknown tag, value kind or compression, a value that does
//!   not decompress, an end without its magic, the end of the file) ends the replay, and the file
//!   is **truncated** to the last whole batch before it, without an error. A zeroed start tag or
//!   a flipped bit in mid-journal so discards every later batch; sealed journals likewise.
//!   → [`Tail::Damaged`], found by searching for whole batches beyond the break.
//! * A batch whose checksum or item count is wrong makes the whole database refuse
//!   (`ChecksumMismatch`, `InsufficientLength`, `TooManyItems`), also where it is the last,
//!   unacknowledged one: a 4 KiB hole in a value over 4 KiB does that. → [`Tail::Torn`] and
//!   [`truncate_torn`], after which fjall opens.
//! * The checksum of a batch leaves out its sequence number. Replay passes over batches whose
//!   number is not above what is flushed, and the newest value of a key is the one of the highest
//!   number. → the numbers must rise.
//! * Memory for keys and values is reserved by lengths that no checksum has confirmed, up to
//!   4 GiB. → lengths are compared with the file's end first.
//! * Replay compresses LZ4 values again to check the checksum, so it depends on the very version
//!   of the compressor, and forgives a wrong plain length of an uncompressed value. → the bytes
//!   are hashed as they stand, which is stricter.
//! * A missing journal is not noticed, and where there is none, an empty one is made. → gaps in
//!   the numbers, and no journal at all, are damage. (A lost *newest* journal leaves no trace.)
//!
//! Folder and keyspaces:
//!
//! * Without the `version` marker a new database is made over the old one; after a creation that
//!   was cut short, it fails for ever on the journal that exists. → [`folder_state`].
//! * A keyspace whose `current` file is missing is **deleted**; so are keyspaces that the meta
//!   keyspace (number 0) does not name. A named keyspace without a folder is passed over, and
//!   made anew, empty, by the next use. A name in `keyspaces/` that is not a number panics.
//! * The checksum of the version file, which `current` holds, is never compared; the version file
//!   names the tables, and tables that it does not name are **deleted**. → compared.
//! * Of a table, only the table of contents and the meta block (and pinned index blocks) are
//!   checked at opening; missing data blocks are found when they are read. The checksum of the
//!   whole file, which the version file holds, is never compared. → [`check_tables`] compares
//!   lengths, contents and meta; [`verify_tables`] the whole file.
//! * A damaged table of contents can make `sfa` 1.0.0 reserve memory for four billion entries
//!   before it compares the checksum, and lsm-tree panics on a meta block without a property.
//!   → hence a bounded reader of our own for both.

mod archive;
mod batch;
mod block;
mod damage;
mod entry;
mod fields;
mod findings;
mod folder;
mod journals;
mod keyspaces;
mod replay;
mod report;
mod search;
mod tables;
#[cfg(test)]
mod tests;
mod truncate;
mod verify;
mod versions;
mod window;

pub use self::batch::{Change, JournalItem};
pub use self::damage::{Defect, ScanDamage};
pub use self::entry::{Flaw, FlawKind};
pub use self::findings::{Damage, Evidence, JournalFile, JournalScan, Standing, Tail, WholeBatch};
pub use self::folder::{FolderState, folder_state};
pub use self::journals::scan_journals;
pub use self::report::{TableReport, check_tables};
pub use self::tables::{BlobFile, KeyspaceTables, TableFile};
pub(crate) use self::truncate::cut;
pub use self::truncate::{TruncateError, truncate_torn};
pub(crate) use self::verify::verify_newest;
pub use self::verify::{VerifyProgress, VerifyReport, verify_tables};
