//! Data keys on their way from one store to another, wrapped by a key that both ends are given.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use everlog_domain::envelope::DataKeyId;
use everlog_domain::hash::Hash;
use everlog_domain::ids::ProjectUid;
use zeroize::Zeroizing;

use super::master::{file, read, replace};
use super::store::KeyStore;
use super::subject::StoredKey;
use super::wrap::Wrapper;
use super::{CarriedKey, KeysFailure, MasterKey, MasterKeyRefused};
use crate::record::DataKey;

/// What a digest is sealed for.
const DIGEST_PURPOSE: &[u8] = b"everlog project file v1";
/// Keys that are taken in with one sync.
const AT_ONCE: usize = 1_000;

/// Where data keys are found by their ids.
pub(crate) trait DataKeys {
    /// A key; `None` where there is none, as after an erasure.
    fn data_key(&self, id: DataKeyId) -> Result<Option<DataKey>, KeysFailure>;
}

impl DataKeys for KeyStore {
    fn data_key(&self, id: DataKeyId) -> Result<Option<DataKey>, KeysFailure> {
        self.by_id(id)
    }
}

/// The 256-bit key that wraps the data keys of a project on its way, and seals the file that they
/// travel in. It has the form of a master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferKey(MasterKey);

impl TransferKey {
    /// A new random key.
    pub fn generate() -> Result<Self, MasterKeyRefused> {
        MasterKey::generate().map(Self)
    }

    /// Reads the file of one: 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, MasterKeyRefused> {
        read(path).map(Self)
    }

    /// Writes its file, durably and for its owner only.
    pub fn write(&self, path: &Path) -> Result<(), MasterKeyRefused> {
        replace(path, &self.0).map_err(|error| file(path, error))
    }

    /// The key that wraps.
    pub(crate) const fn wrapping(&self) -> &MasterKey {
        &self.0
    }

    /// Seals what a file is known by.
    pub(crate) fn seal(&self, digest: Hash) -> Result<Vec<u8>, KeysFailure> {
        let digest = Zeroizing::new(*digest.as_bytes());
        Wrapper::new(&self.0).wrap(&digest, DIGEST_PURPOSE)
    }

    /// What was sealed; `None` if not by this key, or if it was changed.
    pub(crate) fn unseal(&self, sealed: &[u8]) -> Option<Hash> {
        let digest = Wrapper::new(&self.0).unwrap(sealed, DIGEST_PURPOSE)?;
        Some(Hash::from_bytes(*digest))
    }
}

/// Carried keys, each unwrapped when it is asked for.
pub(crate) struct OpenedKeys<'a> {
    wrapper: Wrapper,
    keys: HashMap<DataKeyId, &'a CarriedKey>,
}

impl<'a> OpenedKeys<'a> {
    /// Of keys that this key wraps.
    pub(crate) fn new(keys: &'a [CarriedKey], wrapped_by: &MasterKey) -> Self {
        Self {
            wrapper: Wrapper::new(wrapped_by),
            keys: keys.iter().map(|key| (key.id, key)).collect(),
        }
    }

    /// Those of one project's subjects, wrapped by another key, in the order of their ids.
    pub(crate) fn of_project(
        &self,
        uid: ProjectUid,
        wrap_by: &MasterKey,
    ) -> Result<Vec<CarriedKey>, KeysFailure> {
        let wrapper = Wrapper::new(wrap_by);
        let mut keys = Vec::new();
        for key in self.keys.values() {
            let stored = StoredKey::decode(key.id, &key.stored, &self.wrapper)?;
            if stored.subject.is_of(uid) {
                keys.push(CarriedKey {
                    stored: stored.encode(key.id, &wrapper)?,
                    ..(*key).clone()
                });
            }
        }
        keys.sort_unstable_by_key(|key| key.id.0);
        Ok(keys)
    }
}

impl DataKeys for OpenedKeys<'_> {
    fn data_key(&self, id: DataKeyId) -> Result<Option<DataKey>, KeysFailure> {
        let key = self.keys.get(&id);
        let stored = key.map(|key| StoredKey::decode(id, &key.stored, &self.wrapper));
        Ok(stored.transpose()?.map(|stored| stored.key))
    }
}

impl KeyStore {
    /// Batches that the store will hold once so many keys were taken in.
    pub(crate) fn batches_with(&self, keys: usize) -> u64 {
        self.batches() + keys.div_ceil(AT_ONCE) as u64
    }

    /// Whether these keys, which another key wraps, can be taken in: all of them a project's own,
    /// and no id of them another key's here.
    pub(crate) fn check_adoptable(
        &self,
        keys: &[CarriedKey],
        wrapped_by: &MasterKey,
        uid: ProjectUid,
    ) -> Result<(), KeysFailure> {
        let other = Wrapper::new(wrapped_by);
        for key in keys {
            let damaged = |reason| KeysFailure::Damaged {
                key: key.id,
                reason,
            };
            let stored = StoredKey::decode(key.id, &key.stored, &other)?;
            if !stored.subject.is_of(uid) {
                return Err(damaged("it is of another project than the file"));
            }
            let id = key.id.0.to_be_bytes();
            let Some(own) = self.engine.keys.get(id)? else {
                continue;
            };
            // an import that was cut short has left it
            let own = StoredKey::decode(key.id, &own, &self.wrapper)?;
            if own.subject != stored.subject || own.key != stored.key {
                return Err(damaged("another key has its id here"));
            }
        }
        Ok(())
    }

    /// Takes in keys that were [checked](Self::check_adoptable), wrapped by the own master key,
    /// durably.
    pub(crate) fn adopt(
        &self,
        keys: &[CarriedKey],
        wrapped_by: &MasterKey,
    ) -> Result<(), KeysFailure> {
        let other = Wrapper::new(wrapped_by);
        for some in keys.chunks(AT_ONCE) {
            let mut batch = self.engine.batch(2 * some.len() + 1);
            for key in some {
                let stored = StoredKey::decode(key.id, &key.stored, &other)?;
                let id = key.id.0.to_be_bytes();
                let own = stored.encode(key.id, &self.wrapper)?;
                batch.insert(&self.engine.keys, id, own);
                if key.is_current {
                    batch.insert(&self.engine.subjects, stored.subject.as_bytes(), id);
                }
            }
            let number = self.batches() + 1;
            self.engine.commit(batch, number)?;
            self.batches.store(number, Ordering::Release);
        }
        Ok(())
    }
}
