//! A folder as a value: read from a disk, compared, written to a disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// What the model drops and keeps as one, in bytes.
pub(super) const PAGE: usize = 4096;
const ZEROS: [u8; PAGE] = [0; PAGE];

/// Everything below a folder by its relative path, folders before what they hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) entries: BTreeMap<String, Entry>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    File(FileImage),
}

/// Holes and pages of zeros are the same to a reader, so only other pages are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileImage {
    pub(super) size: u64,
    pub(super) pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl FileImage {
    /// Puts a page in, without what lies past the file's end.
    pub(super) fn insert(&mut self, number: u64, mut bytes: Box<[u8; PAGE]>) {
        let start = number * PAGE as u64;
        let inside = self.size.saturating_sub(start).min(PAGE as u64) as usize;
        bytes[inside..].fill(0);
        if *bytes != ZEROS {
            self.pages.insert(number, bytes);
        }
    }

    /// The first `length` bytes. No page but the last goes beyond them.
    pub(super) fn bytes(&self, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        for (number, page) in &self.pages {
            let start = *number as usize * PAGE;
            let inside = (bytes.len() - start).min(PAGE);
            bytes[start..start + inside].copy_from_slice(&page[..inside]);
        }
        bytes
    }

    fn read(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut image = Self {
            size,
            pages: BTreeMap::new(),
        };
        let mut chunk = vec![0; 64 * PAGE];
        let mut place = 0;
        while let Some(data) = next_data(&file, place)? {
            place = data - data % PAGE as u64;
            let length = (size - place).min(chunk.len() as u64) as usize;
            file.read_exact_at(&mut chunk[..length], place)?;
            for part in chunk[..length].chunks(PAGE) {
                if part != &ZEROS[..part.len()] {
                    let mut bytes = Box::new(ZEROS);
                    bytes[..part.len()].copy_from_slice(part);
                    image.pages.insert(place / PAGE as u64, bytes);
                }
                place += part.len() as u64;
            }
        }
        Ok(image)
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let file = File::create_new(path)?;
        file.set_len(self.size)?;
        for (number, bytes) in &self.pages {
            let start = number * PAGE as u64;
            let inside = (self.size - start).min(PAGE as u64) as usize;
            file.write_all_at(&bytes[..inside], start)?;
        }
        Ok(())
    }
}

/// The next byte from `place` on that is in no hole: a journal is 64 MiB of which little is written.
fn next_data(file: &File, place: u64) -> std::io::Result<Option<u64>> {
    match seek(file, SeekFrom::Data(place)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Image {
    pub(super) fn read(folder: &Path) -> std::io::Result<Self> {
        let mut image = Self::default();
        image.read_below(folder, "")?;
        Ok(image)
    }

    fn read_below(&mut self, folder: &Path, prefix: &str) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.read_below(&entry.path(), &format!("{path}/"))?;
                self.entries.insert(path, Entry::Folder);
            } else {
                self.entries
                    .insert(path, Entry::File(FileImage::read(&entry.path())?));
            }
        }
        Ok(())
    }

    /// Writes everything below `folder`, which exists and is empty.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        for (path, entry) in &self.entries {
            let path = folder.join(path);
            match entry {
                Entry::Folder => std::fs::create_dir(path)?,
                Entry::File(file) => file.write(&path)?,
            }
        }
        Ok(())
    }

    /// The paths at which two images differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let both = self.entries.keys().chain(other.entries.keys());
        let mut paths: Vec<_> = both
            .filter(|path| self.entries.get(*path) != other.entries.get(*path))
            .cloned()
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }
}
