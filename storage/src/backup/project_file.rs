//! The file in which a project travels.
//!
//! ```text
//! file     magic "EvPrj001" ‖ header ‖ keys ‖ events ‖ end
//! section  sort (u8) ‖ bytes (u32) ‖ XXH3-64 of sort, length and bytes ‖ bytes
//! header   JSON: id, name, uid, and the number that the events bear
//! key      id (u64) ‖ whether its subject still gets it (u8) ‖ the stored key, wrapped by the
//!          transfer key
//! event    an event as a frame of the log holds it
//! end      last offset (u64) ‖ its hash ‖ number of keys (u64) ‖ seal
//! ```
//!
//! Numbers are big-endian. The checksums name the place where a byte is another one; the seal is
//! the SHA-256 of all bytes before it, sealed by the transfer key, so that nobody without it can
//! make another file. The end has a fixed length, so it is read first.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use everlog_domain::envelope::DataKeyId;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectId, ProjectNumber, ProjectUid};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use crate::keys::{CarriedKey, TransferKey};
use crate::offline::Link;
use crate::take::{number, take};

const MAGIC: &[u8; 8] = b"EvPrj001";
const HEADER: u8 = 1;
const KEY: u8 = 2;
const EVENT: u8 = 3;
const END: u8 = 4;

const SECTION_HEAD_BYTES: usize = 1 + 4 + 8;
/// Bytes of an end before its seal.
const ENDED_BYTES: usize = 8 + 32 + 8;
/// Nonce, digest and tag.
const SEAL_BYTES: usize = 12 + 32 + 16;
const END_BYTES: u64 = (SECTION_HEAD_BYTES + ENDED_BYTES + SEAL_BYTES) as u64;
/// Longest section: above what an event takes in the log.
const MAX_SECTION_BYTES: u32 = 4 << 20;

/// Which project it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) project: ProjectId,
    pub(super) name: String,
    pub(super) uid: ProjectUid,
    /// Its number in the log that it comes from, which its events bear.
    pub(super) number: ProjectNumber,
}

/// Writes a file from its beginning to its end.
pub(super) struct ProjectFileWriter {
    out: BufWriter<File>,
    digest: Sha256,
    keys: u64,
}

impl ProjectFileWriter {
    pub(super) fn begin(file: File, header: &Header) -> io::Result<Self> {
        let mut writer = Self {
            out: BufWriter::new(file),
            digest: Sha256::new(),
            keys: 0,
        };
        writer.write(MAGIC)?;
        writer.section(HEADER, &serde_json::to_vec(header)?)?;
        Ok(writer)
    }

    pub(super) fn key(&mut self, key: &CarriedKey) -> io::Result<()> {
        let mut bytes = key.id.0.to_be_bytes().to_vec();
        bytes.push(u8::from(key.is_current));
        bytes.extend_from_slice(&key.stored);
        self.keys += 1;
        self.section(KEY, &bytes)
    }

    /// An event as a frame holds it.
    pub(super) fn event(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.section(EVENT, bytes)
    }

    /// Ends the file durably. `last` is its last event.
    pub(super) fn finish(mut self, last: Link, key: &TransferKey) -> io::Result<()> {
        let mut bytes = last.offset.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(last.hash.as_bytes());
        bytes.extend_from_slice(&self.keys.to_be_bytes());
        let digest = digest(self.digest.clone(), &bytes);
        bytes.extend(key.seal(digest).map_err(io::Error::other)?);
        self.section(END, &bytes)?;
        self.out.into_inner()?.sync_all()
    }

    fn section(&mut self, sort: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.write(&[sort])?;
        self.write(&length.to_be_bytes())?;
        self.write(&checksum(sort, length, bytes).to_be_bytes())?;
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }
}

/// A file that is being read.
pub(super) struct ProjectFile {
    input: BufReader<File>,
    digest: Sha256,
    position: u64,
    length: u64,
    pub(super) header: Header,
    pub(super) keys: Vec<CarriedKey>,
    end: End,
}

/// What the end says.
struct End {
    last: Offset,
    head: Hash,
    keys: u64,
    /// The digest of what stands before, as it was sealed.
    digest: Hash,
}

/// Why a file cannot be begun.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// It is none of a project, or damaged before its first event.
    NoFile(String),
    /// It does not end: so far whole events were found.
    Cut {
        project: ProjectId,
        last: Offset,
    },
    /// Another key sealed it.
    WrongKey,
    Io(io::Error),
}

impl ProjectFile {
    /// Reads the end, the header and the keys.
    pub(super) fn open(path: &Path, key: &TransferKey) -> Result<Self, NotBegun> {
        let mut file = File::open(path).map_err(NotBegun::Io)?;
        let length = file.metadata().map_err(NotBegun::Io)?.len();
        let end = End::read(&mut file, length).map_err(NotBegun::Io)?;
        file.rewind().map_err(NotBegun::Io)?;
        let mut sections = Sections::begin(file, length)?;
        let header = sections.header()?;
        let Some(end) = end else {
            return Err(sections.cut(header.project));
        };
        let digest = key.unseal(&end.seal).ok_or(NotBegun::WrongKey)?;
        let keys = sections.keys(end.keys)?;
        Ok(Self {
            input: sections.input,
            digest: sections.digest,
            position: sections.position,
            length,
            header,
            keys,
            end: End {
                last: end.last,
                head: end.head,
                keys: end.keys,
                digest,
            },
        })
    }

    /// Bytes that were read, and that there are.
    pub(super) const fn progress(&self) -> (u64, u64) {
        (self.position, self.length)
    }

    /// The bytes of the next event; `None` where the end begins.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(super) fn event(&mut self) -> Result<Option<Vec<u8>>, String> {
        if self.position + END_BYTES >= self.length {
            return Ok(None);
        }
        let section = read_section(&mut self.input, &mut self.digest, &mut self.position)?;
        match section {
            (EVENT, bytes) => Ok(Some(bytes)),
            (sort, _) => Err(format!("expected an event, found a section of sort {sort}")),
        }
    }

    /// Whether all that was read, up to this last event, is what was written.
    pub(super) fn check(self, last: Link) -> Result<(), String> {
        let End {
            last: offset,
            head,
            keys,
            digest: sealed,
        } = self.end;
        if last.offset != offset {
            return Err(format!("the file says that it ends with offset {offset}"));
        }
        if last.hash != head {
            return Err("the file says that it ends with another event".to_owned());
        }
        let mut ended = offset.0.to_be_bytes().to_vec();
        ended.extend_from_slice(head.as_bytes());
        ended.extend_from_slice(&keys.to_be_bytes());
        if digest(self.digest, &ended) != sealed {
            return Err("the file is not the one that was sealed".to_owned());
        }
        Ok(())
    }
}

/// An end with its seal, not yet opened.
struct SealedEnd {
    last: Offset,
    head: Hash,
    keys: u64,
    seal: Vec<u8>,
}

impl End {
    /// `None` where the file does not end with one.
    fn read(file: &mut File, length: u64) -> io::Result<Option<SealedEnd>> {
        if length < END_BYTES {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(length - END_BYTES))?;
        let mut bytes = Vec::new();
        file.take(END_BYTES).read_to_end(&mut bytes)?;
        let (mut digest, mut position) = (Sha256::new(), 0);
        let section = read_section(&mut bytes.as_slice(), &mut digest, &mut position);
        Ok(match section {
            Ok((END, bytes)) => SealedEnd::parse(&bytes),
            Ok(_) | Err(_) => None,
        })
    }
}

impl SealedEnd {
    fn parse(mut rest: &[u8]) -> Option<Self> {
        Some(Self {
            last: Offset(number(&mut rest)?),
            head: Hash::from_bytes(take(&mut rest)?),
            keys: number(&mut rest)?,
            seal: take::<SEAL_BYTES>(&mut rest)?.to_vec(),
        })
    }
}

/// A file that is read section by section.
struct Sections {
    input: BufReader<File>,
    digest: Sha256,
    position: u64,
}

impl Sections {
    fn begin(file: File, length: u64) -> Result<Self, NotBegun> {
        let mut input = BufReader::new(file);
        let mut magic = [0; MAGIC.len()];
        if length < MAGIC.len() as u64 {
            return Err(NotBegun::NoFile("it is too short".to_owned()));
        }
        input.read_exact(&mut magic).map_err(NotBegun::Io)?;
        if magic != *MAGIC {
            let reason = "expected the file of a project at its beginning, found another";
            return Err(NotBegun::NoFile(reason.to_owned()));
        }
        let mut digest = Sha256::new();
        digest.update(magic);
        let position = magic.len() as u64;
        Ok(Self {
            input,
            digest,
            position,
        })
    }

    fn next(&mut self) -> Result<(u8, Vec<u8>), String> {
        read_section(&mut self.input, &mut self.digest, &mut self.position)
    }

    fn header(&mut self) -> Result<Header, NotBegun> {
        let (sort, bytes) = self.next().map_err(NotBegun::NoFile)?;
        let header = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
        match sort {
            HEADER => header.map_err(NotBegun::NoFile),
            _ => Err(NotBegun::NoFile("it has no header".to_owned())),
        }
    }

    fn keys(&mut self, count: u64) -> Result<Vec<CarriedKey>, NotBegun> {
        // as many as there are, whatever the end says
        let mut keys = Vec::new();
        for _ in 0..count {
            let (sort, bytes) = self.next().map_err(NotBegun::NoFile)?;
            let key = (sort == KEY).then(|| read_key(&bytes)).flatten();
            let none = || NotBegun::NoFile("it lacks a data key".to_owned());
            keys.push(key.ok_or_else(none)?);
        }
        Ok(keys)
    }

    /// How far whole events go in a file without an end.
    fn cut(mut self, project: ProjectId) -> NotBegun {
        let mut last = Offset(0);
        while let Ok((sort, _)) = self.next() {
            if sort == EVENT {
                last = last.next();
            }
        }
        NotBegun::Cut { project, last }
    }
}

fn read_key(mut rest: &[u8]) -> Option<CarriedKey> {
    let id = DataKeyId(number(&mut rest)?);
    let [current] = take::<1>(&mut rest)?;
    Some(CarriedKey {
        id,
        is_current: current == 1,
        stored: rest.to_vec(),
    })
}

fn read_section(
    input: &mut impl Read,
    digest: &mut Sha256,
    position: &mut u64,
) -> Result<(u8, Vec<u8>), String> {
    let at = *position;
    let ends = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the file ends within a section, byte {at}"),
        _ => error.to_string(),
    };
    let mut head = [0; SECTION_HEAD_BYTES];
    input.read_exact(&mut head).map_err(ends)?;
    let [sort, a, b, c, d, expected @ ..] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    let other = || format!("byte {at}: its bytes are not those that were written");
    if length > MAX_SECTION_BYTES {
        return Err(other());
    }
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes).map_err(ends)?;
    if checksum(sort, length, &bytes) != u64::from_be_bytes(expected) {
        return Err(other());
    }
    digest.update(head);
    digest.update(&bytes);
    *position += (SECTION_HEAD_BYTES + bytes.len()) as u64;
    Ok((sort, bytes))
}

fn checksum(sort: u8, length: u32, bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&[sort]);
    hasher.update(&length.to_be_bytes());
    hasher.update(bytes);
    hasher.digest()
}

/// The digest of what was written, and of how it ends.
fn digest(mut written: Sha256, ended: &[u8]) -> Hash {
    written.update(ended);
    Hash::from_bytes(written.finalize().into())
}
