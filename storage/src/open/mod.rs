//! Opening a data folder, or saying why not.
//!
//! Opening an engine is not harmless (see [`crate::scan`]), so the order is: own the folder, know
//! its format, read everything that can be read without changing anything, compare it with the
//! witnesses, and only then mend, open, and bring the projections up to the log. A refusal changes
//! no file.

mod create;
mod format;
#[cfg(test)]
mod golden_tests;
mod head;
mod history;
mod judge;
mod keys_files;
mod log_files;
mod projections;
mod refused;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::create::create_whole;
pub(crate) use self::create::sync_tree;
pub(crate) use self::format::{check_format, mark_format};
use self::judge::{Witnesses, judge, mend, mend_log};
use self::keys_files::{KeysFindings, inspect_keys};
pub(crate) use self::log_files::Damage;
use self::log_files::{AT_OPENING, LogFindings, inspect_log};
use everlog_domain::ids::CommitNumber;
use zeroize::Zeroizing;

use crate::checkpoint::{self, Checkpoints};
use crate::folder_lock::{FolderLock, NotOwned};
use crate::keys::{
    FirstStart, KeyStore, KeysFailure, MasterKey, MasterKeySource, complete_rotation,
    recover_rotation,
};
use crate::log::{Depth, EmbeddedLog, Mark, Watermark, create_first, peek_reached, read_mark};
use crate::rows::{FjallRows, peek_commit};
use crate::scan::ScanDamage;

pub use self::refused::{LostFrom, OpenRefused};

pub(crate) const KEYS: &str = "keys";
pub(crate) const LOG: &str = "log";
pub(crate) const INDEX: &str = "index";
const PROJECTIONS: &str = "projections";
pub(crate) const WATERMARK: &str = "watermark";

/// How to open a data folder.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; made if there is none.
    pub data: PathBuf,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// A folder outside of the data folder that gets signed checkpoints too.
    pub checkpoint_dir: Option<PathBuf>,
    /// Free bytes of disk below which writes are refused; 0 for none.
    pub low_water_bytes: u64,
}

/// The key store of a folder alone.
pub(crate) struct OpenedKeys {
    pub(crate) keys: KeyStore,
    pub(crate) master: MasterKey,
    lock: Arc<FolderLock>,
}

/// Everything that was found before anything was opened.
pub(crate) struct Found {
    lock: Arc<FolderLock>,
    pub(crate) mark: Option<Mark>,
    log: LogFindings,
    keys: KeysFindings,
}

/// The engines of a data folder that this process owns. The folder is given back when the last
/// holder of the log is gone.
pub struct Opened {
    /// The log.
    pub log: Arc<EmbeddedLog>,
    /// The rows, as far as the log.
    pub rows: Arc<FjallRows>,
    /// Writes signed checkpoints when told to.
    pub checkpoints: Arc<Checkpoints>,
    /// A secret of this folder for the edge, the same at every start: it follows from the keys.
    pub secret: Zeroizing<[u8; 32]>,
}

/// Opens a data folder, or makes it, and brings its projections up to its log.
///
/// # Errors
/// Where the folder is in use, not ours, of a newer format, or where anything acknowledged is
/// missing or damaged. Then no file has been changed.
pub fn open(options: &Options) -> Result<Opened, OpenRefused> {
    let log = open_log(options)?;
    let rows = projections::open(&options.data.join(PROJECTIONS), &log)?;
    let inside = options.data.join(checkpoint::FOLDER);
    let checkpoints = Checkpoints::new(Arc::clone(&log), inside, options.checkpoint_dir.clone());
    Ok(Opened {
        secret: log.keys().secret(),
        log,
        rows: Arc::new(rows),
        checkpoints: Arc::new(checkpoints),
    })
}

/// Opens log and keys; the projections are left alone.
pub(crate) fn open_log(options: &Options) -> Result<Arc<EmbeddedLog>, OpenRefused> {
    open_log_held(options).map(|(log, _)| log)
}

/// The same for work that goes on with the folder when the log is closed again.
pub(crate) fn open_log_held(
    options: &Options,
) -> Result<(Arc<EmbeddedLog>, Arc<FolderLock>), OpenRefused> {
    let found = look(options)?;
    let log = open_engines(options, &found)?;
    head::check(&log, found.mark.as_ref())?;
    Ok((Arc::new(log), found.lock))
}

/// Opens the engines of what was found, without comparing them with one another.
pub(crate) fn open_engines(options: &Options, found: &Found) -> Result<EmbeddedLog, OpenRefused> {
    let data = &options.data;
    let keys = unlock(options, found)?;
    mend_log(&found.log)?;
    create_whole(&found.log.path, |folder| {
        create_first(folder).map_err(|error| OpenRefused::io(folder, error))
    })?;
    let path = data.join(WATERMARK);
    let watermark = Watermark::open(&path).map_err(|error| OpenRefused::io(&path, error))?;
    let OpenedKeys { keys, lock, .. } = keys;
    let log = EmbeddedLog::open(
        &found.log.path,
        &data.join(INDEX),
        Arc::new(keys),
        watermark,
        options.low_water_bytes,
        lock,
    );
    let log = log.map_err(|error| OpenRefused::Engine {
        part: "the log",
        reason: error.to_string(),
    })?;
    // the watermark's name, which a first start has made
    let synced = File::open(data).and_then(|folder| folder.sync_all());
    synced.map_err(|error| OpenRefused::io(data, error))?;
    Ok(log)
}

/// For work on a folder that must be there already.
pub(crate) fn require(options: &Options) -> Result<(), OpenRefused> {
    let data = &options.data;
    match data.is_dir() {
        true => Ok(()),
        false => Err(OpenRefused::Absent { data: data.clone() }),
    }
}

/// Owns the folder, and knows that it is one of ours.
pub(crate) fn own(options: &Options) -> Result<Arc<FolderLock>, OpenRefused> {
    let data = &options.data;
    let lock = Arc::new(FolderLock::take(data).map_err(|error| not_owned(data, error))?);
    format::check_or_mark(data)?;
    Ok(lock)
}

/// Opens the engines of a copy that is being mended: whatever they hold is taken, no witness is
/// asked.
pub(crate) fn open_unjudged(copy: &Options) -> Result<EmbeddedLog, OpenRefused> {
    let data = &copy.data;
    let lock = own(copy)?;
    let master = copy.master_key.load(data, FirstStart::No)?;
    let keys = KeyStore::open(&data.join(KEYS), &master)?;
    let path = data.join(WATERMARK);
    let watermark = Watermark::open(&path).map_err(|error| OpenRefused::io(&path, error))?;
    let (log, index) = (data.join(LOG), data.join(INDEX));
    let log = EmbeddedLog::open(&log, &index, Arc::new(keys), watermark, 0, lock);
    log.map_err(|error| OpenRefused::Engine {
        part: "the log",
        reason: error.to_string(),
    })
}

/// Opens the key store alone.
pub(crate) fn open_keys(options: &Options) -> Result<OpenedKeys, OpenRefused> {
    let found = look(options)?;
    unlock(options, &found)
}

/// Owns the folder and reads it, changing nothing but an empty folder.
pub(crate) fn look(options: &Options) -> Result<Found, OpenRefused> {
    let data = &options.data;
    fs::create_dir_all(data).map_err(|error| OpenRefused::io(data, error))?;
    let lock = own(options)?;
    let mark = read_witness(options)?;
    let log = inspect_log(&data.join(LOG), AT_OPENING, mark.as_ref(), &mut |_| {});
    let log = log.map_err(|damage| OpenRefused::Damaged {
        lost_from: damage.lost_from,
        reason: format!("{}. Nothing was changed", damage.reason),
    })?;
    let keys = inspect_keys(&data.join(KEYS)).map_err(|reason| OpenRefused::KeysDamaged {
        lost_from: log.history.newest_event(),
        reason,
    })?;
    let witnesses = Witnesses {
        mark: mark.as_ref(),
        projected: testimony("the projections", peek_commit(&data.join(PROJECTIONS))),
        indexed: testimony("the index of the log", peek_reached(&data.join(INDEX))).map(before),
    };
    judge(&log, &keys, &witnesses)?;
    Ok(Found {
        lock,
        mark,
        log,
        keys,
    })
}

/// What something that follows the log says of it, where that can be read without opening it. It
/// can be made again, so damage in it is no reason to refuse.
fn testimony(
    whose: &str,
    reached: Result<Option<CommitNumber>, ScanDamage>,
) -> Option<CommitNumber> {
    reached.unwrap_or_else(|damage| {
        tracing::warn!(%damage, "{whose} cannot bear witness");
        None
    })
}

const fn before(next: CommitNumber) -> CommitNumber {
    CommitNumber(next.0.saturating_sub(1))
}

/// Reads every byte of the log. `seen` is told of the bytes of each batch.
pub(crate) fn read_whole_log(
    options: &Options,
    mark: Option<&Mark>,
    seen: &mut dyn FnMut(u64),
) -> Result<(), Damage> {
    inspect_log(&options.data.join(LOG), Depth::Whole, mark, seen).map(drop)
}

/// The newest whole batch of a log that nobody writes to, where that is all that the watermark saw.
/// A torn one behind it is left as it is.
pub(crate) fn newest_batch(data: &Path, mark: Option<&Mark>) -> Result<CommitNumber, OpenRefused> {
    let log = inspect_log(&data.join(LOG), AT_OPENING, mark, &mut |_| {});
    let log =
        log.map_err(|Damage { lost_from, reason }| OpenRefused::Damaged { lost_from, reason })?;
    match mark {
        Some(mark) if mark.commit > log.newest => Err(OpenRefused::Damaged {
            lost_from: log.history.first_missing(Some(mark)),
            reason: format!(
                "it ends with batch {}, the watermark saw batch {}",
                log.newest, mark.commit
            ),
        }),
        _ => Ok(log.newest),
    }
}

/// Makes a copy of a key store's folder one that fjall opens, as after a crash. Answers with the
/// newest batch that it holds.
///
/// # Errors
/// What is damaged, as a sentence.
pub(crate) fn mend_keys_copy(folder: &Path) -> Result<u64, String> {
    let found = inspect_keys(folder)?;
    mend(&found.folder).map_err(|error| error.to_string())?;
    Ok(found.newest)
}

/// The newest acknowledged batch that the watermark knows.
pub(crate) fn read_witness(options: &Options) -> Result<Option<Mark>, OpenRefused> {
    let path = options.data.join(WATERMARK);
    read_mark(&path).map_err(|error| OpenRefused::io(&path, error))
}

/// Loads the master key and opens the key store with it.
fn unlock(options: &Options, found: &Found) -> Result<OpenedKeys, OpenRefused> {
    let data = &options.data;
    let folder = &found.keys.folder;
    let first_start = match found.keys.newest {
        0 => FirstStart::Yes,
        _ => FirstStart::No,
    };
    let master = options.master_key.load(data, first_start)?;
    mend(folder)?;
    create_whole(&folder.path, |folder| {
        Ok(KeyStore::open(folder, &master).map(drop)?)
    })?;
    let (keys, master) = match KeyStore::open(&folder.path, &master) {
        Err(KeysFailure::WrongMasterKey) => {
            let recovered = match options.master_key {
                MasterKeySource::InFolder => recover_rotation(&folder.path, data),
                MasterKeySource::Given(_) | MasterKeySource::File(_) => None,
            };
            let recovered = recovered.unwrap_or(Err(KeysFailure::WrongMasterKey))?;
            complete_rotation(data)?;
            recovered
        }
        opened => (opened?, master),
    };
    Ok(OpenedKeys {
        keys,
        master,
        lock: Arc::clone(&found.lock),
    })
}

fn not_owned(data: &Path, error: NotOwned) -> OpenRefused {
    match error {
        NotOwned::Locked => OpenRefused::Locked {
            data: data.to_path_buf(),
        },
        NotOwned::File(error) => OpenRefused::io(data, error),
    }
}
