use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ed25519_dalek::SigningKey;
use everlog_domain::envelope::DataKeyId;
use everlog_domain::hash::Hash;
use everlog_domain::ids::ProjectUid;
use everlog_domain::ports::Subject;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::cache::Generations;
use super::subject::{StoredKey, SubjectKey};
use super::wrap::Wrapper;
use super::{KeysFailure, MasterKey};
use crate::record::DataKey;

/// Counts the store's batches: a key (u64 BE) for each, so that the newest is found before fjall
/// opens, and compared with what the log says that it needs.
pub(crate) const BATCHES: &str = "batches";
const KEYS: &str = "keys";
const SUBJECTS: &str = "subjects";
const META: &str = "meta";
pub(super) const SIGNING: &str = "signing";
pub(super) const SIGNING_PURPOSE: &[u8] = b"everlog signing key v1";

/// Keys remembered in memory, at about 150 bytes each, twice (by subject and by id).
const CACHED_KEYS: usize = 32 * 1024;

/// See the module's description.
pub(crate) struct KeyStore {
    pub(super) engine: KeyEngine,
    pub(super) wrapper: Wrapper,
    signing: SigningKey,
    pub(super) batches: AtomicU64,
    known: Mutex<Known>,
}

/// The database and its keyspaces.
pub(super) struct KeyEngine {
    pub(super) database: Database,
    pub(super) keys: Keyspace,
    pub(super) subjects: Keyspace,
    pub(super) meta: Keyspace,
    batches: Keyspace,
}

struct Known {
    subjects: Generations<SubjectKey, SubjectsKey>,
    ids: Generations<DataKeyId, DataKey>,
    /// Made, but not yet durable.
    pending: HashMap<SubjectKey, SubjectsKey>,
}

/// A subject's key with its id.
#[derive(Clone)]
pub(crate) struct SubjectsKey {
    pub(crate) id: DataKeyId,
    pub(crate) key: DataKey,
}

impl KeyStore {
    /// Opens the store, or makes it. The caller has looked at the folder before.
    pub(crate) fn open(folder: &Path, master: &MasterKey) -> Result<Self, KeysFailure> {
        let engine = KeyEngine::open(folder)?;
        let wrapper = Wrapper::new(master);
        let batches = engine.newest_batch()?;
        let (signing, batches) = engine.signing_key(&wrapper, batches)?;
        Ok(Self {
            engine,
            wrapper,
            signing,
            batches: AtomicU64::new(batches),
            known: Mutex::new(Known {
                subjects: Generations::new(CACHED_KEYS),
                ids: Generations::new(CACHED_KEYS),
                pending: HashMap::new(),
            }),
        })
    }

    /// The key that signs checkpoints.
    pub(crate) const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// A secret for others than the log, which tells nothing of the key that it follows from.
    pub(crate) fn secret(&self) -> Zeroizing<[u8; 32]> {
        let signing = Zeroizing::new(self.signing.to_bytes());
        let secret = Hash::of(&[b"everlog edge secret v1", signing.as_slice()]);
        Zeroizing::new(*secret.as_bytes())
    }

    /// Batches that are durable.
    pub(crate) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }

    /// The key under which a subject's payloads are encrypted, made on first use. A new one is not
    /// durable before [`KeyStore::make_durable`].
    pub(crate) fn of_subject(
        &self,
        uid: ProjectUid,
        subject: &Subject,
    ) -> Result<SubjectsKey, KeysFailure> {
        let subject = SubjectKey::new(uid, subject);
        let mut known = self.known.lock();
        if let Some(found) = known.subjects.get(&subject) {
            return Ok(found);
        }
        if let Some(found) = known.pending.get(&subject) {
            return Ok(found.clone());
        }
        if let Some(stored) = self.stored_of(&subject)? {
            known.remember(subject, stored.clone());
            return Ok(stored);
        }
        let made = self.make()?;
        known.pending.insert(subject, made.clone());
        Ok(made)
    }

    /// A key by its id; `None` if the store has none, as after an erasure.
    pub(crate) fn by_id(&self, id: DataKeyId) -> Result<Option<DataKey>, KeysFailure> {
        let mut known = self.known.lock();
        if let Some(key) = known.ids.get(&id) {
            return Ok(Some(key));
        }
        if let Some(pending) = known.pending.values().find(|pending| pending.id == id) {
            return Ok(Some(pending.key.clone()));
        }
        let Some(stored) = self.stored(id)? else {
            return Ok(None);
        };
        known.ids.insert(id, stored.key.clone());
        Ok(Some(stored.key))
    }

    /// Makes durable what was made since the last time, if any of these ids is among it. One sync
    /// at most. Answers with the number of durable batches.
    pub(crate) fn make_durable(
        &self,
        mut needed: impl Iterator<Item = DataKeyId>,
    ) -> Result<u64, KeysFailure> {
        let pending = self.known.lock().pending.clone();
        if pending.is_empty() {
            return Ok(self.batches());
        }
        let ids: std::collections::HashSet<DataKeyId> =
            pending.values().map(|made| made.id).collect();
        if !needed.any(|id| ids.contains(&id)) {
            return Ok(self.batches());
        }
        // the lock is free while this syncs, so others go on sealing
        self.write(&pending)?;
        let mut known = self.known.lock();
        for (subject, made) in pending {
            known.pending.remove(&subject);
            known.remember(subject, made);
        }
        Ok(self.batches())
    }

    fn write(&self, pending: &HashMap<SubjectKey, SubjectsKey>) -> Result<(), KeysFailure> {
        let mut batch = self.engine.batch(2 * pending.len() + 1);
        for (subject, made) in pending {
            let stored = StoredKey {
                subject: subject.clone(),
                key: made.key.clone(),
            };
            let id = made.id.0.to_be_bytes();
            batch.insert(
                &self.engine.keys,
                id,
                stored.encode(made.id, &self.wrapper)?,
            );
            batch.insert(&self.engine.subjects, subject.as_bytes(), id);
        }
        let number = self.batches() + 1;
        self.engine.commit(batch, number)?;
        self.batches.store(number, Ordering::Release);
        Ok(())
    }

    fn stored_of(&self, subject: &SubjectKey) -> Result<Option<SubjectsKey>, KeysFailure> {
        let Some(id) = self.engine.subjects.get(subject.as_bytes())? else {
            return Ok(None);
        };
        let id = <[u8; 8]>::try_from(id.as_ref()).map_err(|_| KeysFailure::Damaged {
            key: DataKeyId(0),
            reason: "a subject leads to no id",
        })?;
        let id = DataKeyId(u64::from_be_bytes(id));
        let stored = self.stored(id)?.ok_or(KeysFailure::Damaged {
            key: id,
            reason: "a subject leads to it, and it is not there",
        })?;
        if stored.subject != *subject {
            return Err(KeysFailure::Damaged {
                key: id,
                reason: "it belongs to another subject than the one that leads to it",
            });
        }
        Ok(Some(SubjectsKey {
            id,
            key: stored.key,
        }))
    }

    fn stored(&self, id: DataKeyId) -> Result<Option<StoredKey>, KeysFailure> {
        let bytes = self.engine.keys.get(id.0.to_be_bytes())?;
        bytes
            .map(|bytes| StoredKey::decode(id, &bytes, &self.wrapper))
            .transpose()
    }

    /// Ids are random, not counted: after a restore of an older key store no id names another
    /// subject's key.
    fn make(&self) -> Result<SubjectsKey, KeysFailure> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice())?;
        loop {
            let id = getrandom::u64()?;
            if id != 0 && !self.engine.keys.contains_key(id.to_be_bytes())? {
                let id = DataKeyId(id);
                return Ok(SubjectsKey { id, key });
            }
        }
    }
}

#[cfg(test)]
impl KeyStore {
    /// Waits until the data keys are in tables.
    pub(crate) fn flush(&self) {
        self.engine.keys.rotate_memtable_and_wait().unwrap();
    }
}

impl Known {
    fn remember(&mut self, subject: SubjectKey, key: SubjectsKey) {
        self.ids.insert(key.id, key.key.clone());
        self.subjects.insert(subject, key);
    }
}

impl KeyEngine {
    pub(super) fn open(folder: &Path) -> Result<Self, KeysFailure> {
        let database = Database::builder(folder)
            .worker_threads(1)
            .cache_size(4 << 20)
            .max_journaling_size(64 << 20)
            .open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        Ok(Self {
            keys: keyspace(KEYS)?,
            subjects: keyspace(SUBJECTS)?,
            meta: keyspace(META)?,
            batches: keyspace(BATCHES)?,
            database,
        })
    }

    pub(super) fn newest_batch(&self) -> Result<u64, KeysFailure> {
        let Some(newest) = self.batches.last_key_value() else {
            return Ok(0);
        };
        let key = <[u8; 8]>::try_from(newest.key()?.as_ref());
        let number = key.map_err(|_| KeysFailure::Incomplete {
            missing: "number of the newest",
        })?;
        Ok(u64::from_be_bytes(number))
    }

    /// The signing key, made in the store's first batch. It stands for the master key too: where
    /// it does not unwrap, the master key is another one.
    fn signing_key(
        &self,
        wrapper: &Wrapper,
        batches: u64,
    ) -> Result<(SigningKey, u64), KeysFailure> {
        if let Some(wrapped) = self.meta.get(SIGNING)? {
            let seed = wrapper.unwrap(&wrapped, SIGNING_PURPOSE);
            let seed = seed.ok_or(KeysFailure::WrongMasterKey)?;
            return Ok((SigningKey::from_bytes(&seed), batches));
        }
        if batches > 0 {
            return Err(KeysFailure::Incomplete {
                missing: "signing key",
            });
        }
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())?;
        let mut batch = self.batch(2);
        batch.insert(&self.meta, SIGNING, wrapper.wrap(&seed, SIGNING_PURPOSE)?);
        self.commit(batch, 1)?;
        Ok((SigningKey::from_bytes(&seed), 1))
    }

    /// A synced batch: fjall's own default does not sync.
    pub(super) fn batch(&self, capacity: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.database.clone(), capacity)
            .durability(Some(PersistMode::SyncData))
    }

    pub(super) fn commit(
        &self,
        mut batch: OwnedWriteBatch,
        number: u64,
    ) -> Result<(), KeysFailure> {
        batch.insert(&self.batches, number.to_be_bytes(), Vec::new());
        Ok(batch.commit()?)
    }
}
