//! One file as the power-loss model sees it: what is certainly on the disk, and what may be.

use std::collections::BTreeMap;

use super::fate::Fate;
use super::image::{FileImage, PAGE};

/// Bytes and size of a file. Writes and sizes that were not synced wait as versions; each page and the size then take
/// one of theirs, independently, when the power fails.
#[derive(Clone, Default)]
pub(super) struct Content {
    durable_size: u64,
    sizes: Vec<(u64, u64)>,
    pages: BTreeMap<u64, Page>,
}

/// Version `k` of a page is the durable one with the first `k` patches on it: the kernel may write a page back at any
/// moment between two changes of it, but never a later change without an earlier one.
#[derive(Clone, Default)]
struct Page {
    durable: Option<Box<[u8; PAGE]>>,
    patches: Vec<Patch>,
}

#[derive(Clone)]
struct Patch {
    place: u64,
    start: usize,
    data: Vec<u8>,
}

impl Content {
    pub(super) fn durable(image: &FileImage) -> Self {
        let page = |bytes: &[u8; PAGE]| Page {
            durable: Some(Box::new(*bytes)),
            patches: Vec::new(),
        };
        let pages = image
            .pages
            .iter()
            .map(|(number, bytes)| (*number, page(bytes)))
            .collect();
        Self {
            durable_size: image.size,
            sizes: Vec::new(),
            pages,
        }
    }

    pub(super) fn write(&mut self, place: u64, offset: u64, data: &[u8]) {
        for (number, start, part) in pieces(offset, data) {
            let patch = Patch {
                place,
                start,
                data: part.to_vec(),
            };
            self.pages.entry(number).or_default().patches.push(patch);
        }
        let end = offset + data.len() as u64;
        if end > self.size() {
            self.sizes.push((place, end));
        }
    }

    pub(super) fn resize(&mut self, place: u64, size: u64) {
        self.zero(place, size, u64::MAX - size);
        self.sizes.push((place, size));
    }

    /// A page that is not in the map is a hole already.
    pub(super) fn zero(&mut self, place: u64, offset: u64, length: u64) {
        let end = offset + length;
        let first = offset / PAGE as u64;
        for (number, page) in self.pages.range_mut(first..) {
            let page_start = number * PAGE as u64;
            let from = offset.saturating_sub(page_start).min(PAGE as u64);
            let to = end.saturating_sub(page_start).min(PAGE as u64);
            if from < to {
                page.patches.push(Patch {
                    place,
                    start: from as usize,
                    data: vec![0; (to - from) as usize],
                });
            }
        }
    }

    /// What was done before `place` is durable.
    pub(super) fn sync(&mut self, place: u64) {
        for page in self.pages.values_mut() {
            page.sync(place);
        }
        self.sync_size(place);
    }

    /// A write through `O_DSYNC`: its own pages, and the size that is needed to read them.
    pub(super) fn sync_range(&mut self, offset: u64, data: &[u8]) {
        for (number, _, _) in pieces(offset, data) {
            self.pages.entry(number).or_default().sync(u64::MAX);
        }
        self.sync_size(u64::MAX);
    }

    fn sync_size(&mut self, place: u64) {
        let settled = self.sizes.partition_point(|(changed, _)| *changed < place);
        if let Some((_, size)) = self.sizes.drain(..settled).next_back() {
            self.durable_size = size;
        }
    }

    fn size(&self) -> u64 {
        self.sizes
            .last()
            .map_or(self.durable_size, |(_, size)| *size)
    }

    pub(super) fn survive(&self, fate: &mut Fate) -> FileImage {
        let size = match fate.version(self.sizes.len()) {
            0 => self.durable_size,
            version => self.sizes[version - 1].1,
        };
        let mut image = FileImage {
            size,
            pages: BTreeMap::new(),
        };
        for (number, page) in &self.pages {
            image.insert(*number, page.version(fate.version(page.patches.len())));
        }
        image
    }
}

impl Page {
    fn sync(&mut self, place: u64) {
        let settled = self.patches.partition_point(|patch| patch.place < place);
        if settled > 0 {
            self.durable = Some(self.version(settled));
            self.patches.drain(..settled);
        }
    }

    fn version(&self, version: usize) -> Box<[u8; PAGE]> {
        let mut bytes = self.durable.clone().unwrap_or_else(|| Box::new([0; PAGE]));
        for patch in &self.patches[..version] {
            bytes[patch.start..patch.start + patch.data.len()].copy_from_slice(&patch.data);
        }
        bytes
    }
}

/// A write cut at the borders of pages: page number, start in the page, bytes.
fn pieces(offset: u64, data: &[u8]) -> impl Iterator<Item = (u64, usize, &[u8])> {
    let mut offset = offset;
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = (offset % PAGE as u64) as usize;
        let (part, after) = rest.split_at(rest.len().min(PAGE - start));
        let piece = (offset / PAGE as u64, start, part);
        offset += part.len() as u64;
        rest = after;
        Some(piece)
    })
}
