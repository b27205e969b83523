use std::path::Path;

use everlog_domain::envelope::DataKeyId;

use super::KeysFailure;
use super::master::MasterKey;
use super::store::{KeyStore, SIGNING, SIGNING_PURPOSE};
use super::subject::StoredKey;
use super::wrap::Wrapper;

impl KeyStore {
    /// Wraps every key anew, in one atomic batch; answers with how many there are.
    pub(crate) fn rewrap(&self, old: &MasterKey, new: &MasterKey) -> Result<u64, KeysFailure> {
        let (old, new) = (Wrapper::new(old), Wrapper::new(new));
        let engine = &self.engine;
        let mut batch = engine.batch(64);
        let mut wrapped = 0;
        for entry in engine.keys.iter() {
            let (id, stored) = entry.into_inner()?;
            let number = <[u8; 8]>::try_from(id.as_ref()).map_err(|_| KeysFailure::Damaged {
                key: DataKeyId(0),
                reason: "its id has not 8 bytes",
            })?;
            let number = DataKeyId(u64::from_be_bytes(number));
            let stored = StoredKey::decode(number, &stored, &old)?;
            batch.insert(&engine.keys, id, stored.encode(number, &new)?);
            wrapped += 1;
        }
        let signing = engine.meta.get(SIGNING)?;
        let signing = signing.and_then(|stored| old.unwrap(&stored, SIGNING_PURPOSE));
        let signing = signing.ok_or(KeysFailure::WrongMasterKey)?;
        batch.insert(&engine.meta, SIGNING, new.wrap(&signing, SIGNING_PURPOSE)?);
        engine.commit(batch, self.batches() + 1)?;
        Ok(wrapped)
    }
}

/// Whether the file of a rotation that was cut short holds the key that opens the store.
pub(crate) fn recover_rotation(
    folder: &Path,
    data: &Path,
) -> Option<Result<(KeyStore, MasterKey), KeysFailure>> {
    let next = super::master::next_in_folder(data)?;
    Some(KeyStore::open(folder, &next).map(|store| (store, next)))
}
