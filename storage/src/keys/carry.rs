use std::path::Path;

use everlog_domain::envelope::DataKeyId;

use super::store::{KeyEngine, SIGNING, SIGNING_PURPOSE};
use super::subject::StoredKey;
use super::wrap::Wrapper;
use super::{KeysFailure, MasterKey};

/// The keys of a store as they lie in it, wrapped by the master key, so that they can be carried
/// without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CarriedKeys {
    /// Batches that the store had.
    pub(crate) batches: u64,
    pub(crate) signing: Vec<u8>,
    pub(crate) keys: Vec<CarriedKey>,
}

/// A data key as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CarriedKey {
    pub(crate) id: DataKeyId,
    /// Whether its subject still gets it for what is new.
    pub(crate) is_current: bool,
    pub(crate) stored: Vec<u8>,
}

impl CarriedKeys {
    /// Reads a store that nobody else has open.
    pub(crate) fn of(folder: &Path) -> Result<Self, KeysFailure> {
        let engine = KeyEngine::open(folder)?;
        let signing = engine.meta.get(SIGNING)?;
        let signing = signing.ok_or(KeysFailure::Incomplete {
            missing: "signing key",
        })?;
        let mut current = std::collections::HashSet::new();
        for entry in engine.subjects.iter() {
            current.insert(id_of(&entry.into_inner()?.1)?);
        }
        let mut keys = Vec::new();
        for entry in engine.keys.iter() {
            let (id, stored) = entry.into_inner()?;
            let id = id_of(&id)?;
            keys.push(CarriedKey {
                id,
                is_current: current.contains(&id),
                stored: stored.to_vec(),
            });
        }
        Ok(Self {
            batches: engine.newest_batch()?,
            signing: signing.to_vec(),
            keys,
        })
    }

    /// Whether this is the master key that they are wrapped by.
    pub(crate) fn check(&self, master: &MasterKey) -> Result<(), KeysFailure> {
        let signing = Wrapper::new(master).unwrap(&self.signing, SIGNING_PURPOSE);
        signing.map(drop).ok_or(KeysFailure::WrongMasterKey)
    }

    /// Makes a store of them, durably. Every one must open with the master key.
    pub(crate) fn place(&self, folder: &Path, master: &MasterKey) -> Result<(), KeysFailure> {
        self.check(master)?;
        let wrapper = Wrapper::new(master);
        let engine = KeyEngine::open(folder)?;
        let mut batch = engine.batch(2 * self.keys.len() + 2);
        batch.insert(&engine.meta, SIGNING, self.signing.as_slice());
        for key in &self.keys {
            let subject = StoredKey::decode(key.id, &key.stored, &wrapper)?.subject;
            let id = key.id.0.to_be_bytes();
            batch.insert(&engine.keys, id, key.stored.as_slice());
            if key.is_current {
                batch.insert(&engine.subjects, subject.as_bytes(), id);
            }
        }
        engine.commit(batch, self.batches)
    }
}

fn id_of(bytes: &[u8]) -> Result<DataKeyId, KeysFailure> {
    let id = <[u8; 8]>::try_from(bytes).map_err(|_| KeysFailure::Damaged {
        key: DataKeyId(0),
        reason: "its id has not 8 bytes",
    })?;
    Ok(DataKeyId(u64::from_be_bytes(id)))
}
