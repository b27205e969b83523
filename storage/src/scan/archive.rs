//! The container of lsm-tree's table, blob and version files (the form of `sfa` 1.0.0):
//!
//! ```text
//! sections, one after another
//! contents  "TOC!"  sections u32  (position u64  length u64  name length u16  name) each
//! trailer   "SFA!"  01  00  XXH3-128 of the contents  position of the contents u64  length u64
//! ```

use std::path::Path;

use super::damage::{Defect, ScanDamage};
use super::fields::Fields;
use super::window::FileWindow;

const TRAILER_LEN: usize = 38;
const TRAILER_MAGIC: &[u8] = b"SFA!";
const CONTENTS_MAGIC: &[u8] = b"TOC!";
const VERSION: u8 = 1;
const XXH3: u8 = 0;
/// Files have fewer than ten sections, so longer contents are none.
const LONGEST_CONTENTS: u64 = 64 << 10;

/// A file of sections whose table of contents has been checked.
pub(super) struct Archive {
    pub(super) window: FileWindow,
    sections: Vec<Section>,
}

#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    pub(super) at: u64,
    pub(super) len: u64,
}

struct Trailer {
    checksum: u128,
    contents_at: u64,
    contents_len: u64,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, ScanDamage> {
        let mut window = FileWindow::open(path)?;
        let trailer = read_trailer(&mut window)?;
        let sections = read_contents(&mut window, &trailer)?;
        Ok(Self { window, sections })
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub(super) fn section(&self, name: &'static str) -> Result<Section, ScanDamage> {
        let section = self.find(name.as_bytes()).cloned();
        section.ok_or(ScanDamage::malformed(self.window.path(), name, 0))
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of a section; all of them are held in memory.
    pub(super) fn read(
        &mut self,
        section: &Section,
        part: &'static str,
    ) -> Result<&[u8], ScanDamage> {
        let malformed = ScanDamage::malformed(self.window.path(), part, section.at);
        let Ok(len) = usize::try_from(section.len) else {
            return Err(malformed);
        };
        self.window.bytes(section.at, len)?.ok_or(malformed)
    }
}

fn read_trailer(window: &mut FileWindow) -> Result<Trailer, ScanDamage> {
    let path = window.path().to_path_buf();
    let len = window.len();
    let trailer_len = TRAILER_LEN as u64;
    let too_short = ScanDamage::new(
        &path,
        Defect::Length {
            expected: trailer_len,
            found: len,
        },
    );
    let Some(at) = len.checked_sub(trailer_len) else {
        return Err(too_short);
    };
    let bytes = window.bytes(at, TRAILER_LEN)?.unwrap_or_default();
    let trailer = parse_trailer(bytes).ok_or(ScanDamage::malformed(&path, "trailer", at))?;
    let expected = trailer
        .contents_at
        .saturating_add(trailer.contents_len)
        .saturating_add(trailer_len);
    if expected != len {
        return Err(ScanDamage::new(
            &path,
            Defect::Length {
                expected,
                found: len,
            },
        ));
    }
    Ok(trailer)
}

fn parse_trailer(bytes: &[u8]) -> Option<Trailer> {
    let mut fields = Fields::of(bytes);
    let known = fields.bytes(TRAILER_MAGIC.len())? == TRAILER_MAGIC
        && fields.u8()? == VERSION
        && fields.u8()? == XXH3;
    known.then_some(())?;
    Some(Trailer {
        checksum: fields.u128()?,
        contents_at: fields.u64()?,
        contents_len: fields.u64()?,
    })
}

fn read_contents(window: &mut FileWindow, trailer: &Trailer) -> Result<Vec<Section>, ScanDamage> {
    const PART: &str = "table of contents";
    let path = window.path().to_path_buf();
    let at = trailer.contents_at;
    let malformed = || ScanDamage::malformed(&path, PART, at);
    if trailer.contents_len > LONGEST_CONTENTS {
        return Err(malformed());
    }
    let found = window.hash(at, at + trailer.contents_len)?.digest128();
    if found != trailer.checksum {
        let defect = Defect::Checksum {
            part: PART,
            at,
            expected: trailer.checksum,
            found,
        };
        return Err(ScanDamage::new(&path, defect));
    }
    let bytes = window.chunk(at, at + trailer.contents_len)?;
    let sections = parse_contents(bytes).ok_or_else(malformed)?;
    let fit = |section: &Section| {
        section
            .at
            .checked_add(section.len)
            .is_some_and(|end| end <= at)
    };
    if sections.iter().all(fit) {
        Ok(sections)
    } else {
        Err(malformed())
    }
}

fn parse_contents(bytes: &[u8]) -> Option<Vec<Section>> {
    let mut fields = Fields::of(bytes);
    (fields.bytes(CONTENTS_MAGIC.len())? == CONTENTS_MAGIC).then_some(())?;
    let count = fields.u32()?;
    // collecting into an Option reserves nothing by a count that might be wrong
    (0..count).map(|_| parse_section(&mut fields)).collect()
}

fn parse_section(fields: &mut Fields<'_>) -> Option<Section> {
    let at = fields.u64()?;
    let len = fields.u64()?;
    let name_len = usize::from(fields.u16()?);
    Some(Section {
        name: fields.bytes(name_len)?.to_vec(),
        at,
        len,
    })
}
