//! The project, key and root user of `everlog dev`. They are kept in a file of the data folder, so
//! that the next start prints the same, and are made where they are absent.

use std::path::Path;

use everlog_actors::{Node, ProjectCommand, ProjectRequest};
use everlog_domain::access::Scopes;
use everlog_domain::identity::{EmailAddress, RegisterUser, UserName};
use everlog_domain::ids::{CONSOLE, KeyId, ProjectId, ProjectNumber, ProjectUid, UserId};
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::projects::{CreateKey, KeyCreated};
use everlog_domain::tables::system::{keys, users};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::failure::Failure;
use crate::clock;
use crate::key_text::KeyText;
use crate::passwords::{Password, PasswordPool};
use crate::private_file;

/// The ready project.
pub(super) const PROJECT: &str = "demo";
const ROOT_EMAIL: &str = "root@example.com";
const FILE: &str = "dev.json";

/// What the file holds: the accounts, and what tells damage from another key.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    accounts: Accounts,
    /// See [`Accounts::checksum`].
    checksum: String,
}

/// What is printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accounts {
    /// An API key of the project, with all scopes.
    pub(super) key: String,
    /// The address of the root user.
    pub(super) root_email: String,
    /// Their password.
    pub(super) root_password: String,
}

impl Accounts {
    /// Those of a folder that has some. Read before anything is opened, so that a damaged file is
    /// refused before anything changes.
    pub(super) fn kept(data: &Path) -> Result<Option<Self>, Failure> {
        let path = data.join(FILE);
        let Some(bytes) = private_file::read(&path)? else {
            return Ok(None);
        };
        let accounts = Self::read(&bytes).map_err(|error| {
            let remedy = "remove it to have new accounts made";
            Failure::Refused(format!("{}: {error}; {remedy}", path.display()))
        })?;
        Ok(Some(accounts))
    }

    /// Makes the file. It is durable before anything is made after it: a crash in between leaves
    /// no key that nobody knows.
    pub(super) async fn make(data: &Path, node: &Node) -> Result<Self, Failure> {
        let seed = crate::random::bytes::<32>();
        let accounts = Self {
            key: KeyText::new(project()?, KeyId::from_seed(&seed)).reveal(),
            root_email: unused_root_email(node).await?,
            root_password: hex::encode(crate::random::bytes::<12>()),
        };
        private_file::write(&data.join(FILE), &accounts.bytes())?;
        Ok(accounts)
    }

    fn bytes(&self) -> Vec<u8> {
        let kept = Kept {
            accounts: self.clone(),
            checksum: self.checksum(),
        };
        // four strings always have a JSON form
        serde_json::to_vec_pretty(&kept).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let kept: Kept = serde_json::from_slice(bytes).map_err(|error| {
            format!("expected key, rootEmail, rootPassword and checksum, found {error}")
        })?;
        let found = kept.accounts.checksum();
        if found != kept.checksum {
            return Err(format!(
                "it is damaged: expected the checksum {}, found {found}",
                kept.checksum
            ));
        }
        Ok(kept.accounts)
    }

    /// SHA-256 of the three, each ended by a zero byte, which none of them contains; in hex. A
    /// flipped bit in the file would pass for another key otherwise.
    fn checksum(&self) -> String {
        let parts = [&self.key, &self.root_email, &self.root_password];
        let digest = parts.iter().fold(Sha256::new(), |digest, part| {
            digest.chain_update(part).chain_update([0])
        });
        hex::encode(digest.finalize())
    }

    /// Makes what is absent.
    pub(super) async fn ensure(&self, node: &Node) -> Result<(), Failure> {
        let uid = ProjectUid(crate::random::bytes());
        let number = node
            .ensure_project(&project()?, "Demo", uid, clock::now())
            .await?;
        self.ensure_key(node, number).await?;
        self.ensure_root(node).await
    }

    async fn ensure_key(&self, node: &Node, number: ProjectNumber) -> Result<(), Failure> {
        let text = KeyText::parse(&self.key);
        let text = text.ok_or_else(|| Failure::failed("the key in dev.json is none"))?;
        let id = [Value::text(text.key.as_str())];
        let row = node
            .reads()
            .run(number, move |view, _| view.get(number, keys::TABLE, &id));
        let row = row.await?.map_err(Failure::failed)?;
        if row.is_some() {
            return Ok(());
        }
        let key = KeyCreated {
            key: text.key.clone(),
            name: "everlog dev".to_owned(),
            scopes: Scopes::all(),
            secret_hash: text.secret_hash(),
            expire: None,
        };
        ask(node, number, ProjectCommand::CreateKey(CreateKey { key })).await
    }

    async fn ensure_root(&self, node: &Node) -> Result<(), Failure> {
        let email = EmailAddress::parse(&self.root_email);
        let email = email.ok_or_else(|| Failure::failed("the rootEmail in dev.json is none"))?;
        if is_taken(node, &email).await? {
            return Ok(());
        }
        let password = Password::parse(&self.root_password)?;
        let user = RegisterUser {
            user: UserId::from_seed(&crate::random::bytes::<32>()),
            email,
            password_hash: PasswordPool::new()?.hash(CONSOLE, password).await?,
            name: UserName::default(),
        };
        ask(node, CONSOLE, ProjectCommand::RegisterUser(user)).await
    }
}

/// An address of its own where the folder has root users whose passwords nobody kept.
async fn unused_root_email(node: &Node) -> Result<String, Failure> {
    let usual = EmailAddress::parse(ROOT_EMAIL);
    let usual = usual.ok_or_else(|| Failure::failed("the usual root address is none"))?;
    if is_taken(node, &usual).await? {
        let number = hex::encode(crate::random::bytes::<4>());
        return Ok(format!("root-{number}@example.com"));
    }
    Ok(ROOT_EMAIL.to_owned())
}

async fn is_taken(node: &Node, email: &EmailAddress) -> Result<bool, Failure> {
    let value = [Value::text(email.as_str())];
    let find = move |view: &dyn RowsView, _: &dyn Log| {
        view.find(CONSOLE, users::TABLE, users::BY_EMAIL, &value)
    };
    let row = node
        .reads()
        .run(CONSOLE, find)
        .await?
        .map_err(Failure::failed)?;
    Ok(row.is_some())
}

fn project() -> Result<ProjectId, Failure> {
    ProjectId::parse(PROJECT).map_err(Failure::failed)
}

/// Asks as the server itself.
pub(super) async fn ask(
    node: &Node,
    project: ProjectNumber,
    command: ProjectCommand,
) -> Result<(), Failure> {
    let request = ProjectRequest {
        caller: node.system(project),
        command,
        wish: None,
        now: clock::now(),
    };
    node.project(request).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_named_or_changes_nothing() {
        let accounts = || Accounts {
            key: "a key".to_owned(),
            root_email: ROOT_EMAIL.to_owned(),
            root_password: "a password".to_owned(),
        };
        let kept = accounts().bytes();
        assert!(Accounts::read(&kept).is_ok());
        for bit in 0..kept.len() * 8 {
            let mut damaged = kept.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Accounts::read(&damaged) {
                assert_eq!(read.checksum(), accounts().checksum(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_file_is_named() {
        let accounts = Accounts {
            key: "a key".to_owned(),
            root_email: ROOT_EMAIL.to_owned(),
            root_password: "a password".to_owned(),
        };
        let kept = accounts.bytes();
        for length in 0..kept.len() {
            assert!(Accounts::read(&kept[..length]).is_err(), "{length} bytes");
        }
    }
}
