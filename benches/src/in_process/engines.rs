//! The engines of a data folder, as the server opens them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use everlog_domain::ports::{Log, Rows};
use everlog_storage::{MasterKeySource, Opened, Options, open};

/// An open data folder.
pub(crate) struct Engines {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) rows: Arc<dyn Rows>,
}

impl Engines {
    /// Opens a data folder, a new one if there is none.
    pub(crate) fn open(data: &Path) -> Result<Self> {
        let options = Options {
            data: data.to_owned(),
            master_key: MasterKeySource::InFolder,
            checkpoint_dir: None,
            low_water_bytes: 0,
        };
        let Opened {
            log,
            rows,
            checkpoints: _,
            secret: _,
        } = open(&options)?;
        Ok(Self { log, rows })
    }
}
