//! What a backup holds: the file `backup` in its folder, one line of JSON and one with its
//! SHA-256. What lies in the folder beyond it is what a run that was cut short has left.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::time::Time;
use serde::{Deserialize, Serialize};

use crate::log::Location;
use crate::offline::{Chains, Link};

const FILE: &str = "backup";
const FORMAT: u32 = 1;

/// How far a backup goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// Its newest batch.
    pub(super) commit: CommitNumber,
    /// When its newest event happened.
    pub(super) time: Time,
    pub(super) events: u64,
    /// Batches of the key store that its newest batch needs.
    pub(super) key_batches: u64,
    /// Where the next batch will lie in its log.
    pub(super) end: Location,
    /// The newest event of each project, in their order.
    pub(super) heads: Vec<(ProjectNumber, Link)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    everlog_backup: u32,
    commit: u64,
    /// For people; `time_us` counts.
    time: String,
    time_us: i64,
    events: u64,
    key_batches: u64,
    segment: u64,
    position: u64,
    projects: Vec<Head>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    number: u64,
    uid: String,
    offset: u64,
    hash: String,
}

impl Contents {
    /// Of a backup that holds nothing yet.
    pub(super) fn empty(end: Location) -> Self {
        Self {
            commit: CommitNumber(0),
            time: Time(0),
            events: 0,
            key_batches: 0,
            end,
            heads: Vec::new(),
        }
    }

    pub(super) fn chains(&self) -> Chains {
        Chains::at(self.heads.iter().copied())
    }

    pub(super) fn set_heads(&mut self, chains: &Chains) {
        self.heads = chains.links().collect();
        self.heads.sort_unstable_by_key(|(project, _)| *project);
    }

    /// `None` where there is no such file.
    ///
    /// # Errors
    /// Where it does not read, as a sentence.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, String> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        Self::parse(&text)
            .map(Some)
            .map_err(|reason| format!("{}: {reason}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (line, checksum) = text
            .split_once('\n')
            .ok_or("expected two lines, found one")?;
        let found = Hash::of_bytes(line.as_bytes()).to_string();
        if checksum.trim_end() != found {
            return Err(format!(
                "it is damaged: its second line is not the SHA-256 of the first, which is {found}"
            ));
        }
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if line.everlog_backup != FORMAT {
            return Err(format!(
                "the backup has format {}, this release knows format {FORMAT}: use a newer release",
                line.everlog_backup
            ));
        }
        let heads: Option<Vec<_>> = line.projects.iter().map(Head::read).collect();
        let commit = CommitNumber(line.commit);
        Ok(Self {
            commit,
            time: Time(line.time_us),
            events: line.events,
            key_batches: line.key_batches,
            end: Location {
                commit: commit.next(),
                segment: CommitNumber(line.segment),
                position: line.position,
            },
            heads: heads.ok_or("a uid or a hash is none")?,
        })
    }

    /// Whole or not at all, and durable.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let line = Line {
            everlog_backup: FORMAT,
            commit: self.commit.0,
            time: self.time.to_string(),
            time_us: self.time.0,
            events: self.events,
            key_batches: self.key_batches,
            segment: self.end.segment.0,
            position: self.end.position,
            projects: self.heads.iter().map(Head::of).collect(),
        };
        let line = serde_json::to_string(&line)?;
        let checksum = Hash::of_bytes(line.as_bytes());
        let new: PathBuf = folder.join(format!("{FILE}.new"));
        let mut file = File::create(&new)?;
        file.write_all(format!("{line}\n{checksum}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, folder.join(FILE))?;
        File::open(folder)?.sync_all()
    }
}

impl Head {
    fn of((project, link): &(ProjectNumber, Link)) -> Self {
        Self {
            number: project.0,
            uid: hex::encode(link.uid.0),
            offset: link.offset.0,
            hash: link.hash.to_string(),
        }
    }

    fn read(&self) -> Option<(ProjectNumber, Link)> {
        let mut uid = [0; 16];
        hex::decode_to_slice(&self.uid, &mut uid).ok()?;
        let link = Link {
            uid: ProjectUid(uid),
            offset: Offset(self.offset),
            hash: Hash::from_hex(&self.hash)?,
        };
        Some((ProjectNumber(self.number), link))
    }
}
