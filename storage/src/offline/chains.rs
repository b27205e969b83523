//! Follows the chains of all projects at once, batch by batch, as the contents pages lead.

use std::collections::HashMap;

use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{ManifestEntry, chain};
use everlog_domain::ports::ReadFailure;

use crate::log::{Reader, SealedRecord};

/// How far a project's chain has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) uid: ProjectUid,
    pub(super) offset: Offset,
    pub(super) hash: Hash,
}

/// Every project's chain, from its genesis.
#[derive(Debug, Default)]
pub(super) struct Chains {
    links: HashMap<ProjectNumber, Link>,
}

/// Where a chain does not go on as a contents page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) project: ProjectNumber,
    pub(super) offset: Offset,
    pub(super) reason: String,
}

impl Chains {
    pub(super) fn links(&self) -> impl Iterator<Item = (ProjectNumber, Link)> {
        self.links.iter().map(|(project, link)| (*project, *link))
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn get(&self, project: ProjectNumber) -> Option<Link> {
        self.links.get(&project).copied()
    }

    /// Takes a project back to where it was.
    pub(super) fn put_back(&mut self, project: ProjectNumber, link: Option<Link>) {
        match link {
            Some(link) => self.links.insert(project, link),
            None => self.links.remove(&project),
        };
    }

    /// Goes on through one project's part of a batch, and shows each link. Every payload is
    /// decrypted and decoded.
    ///
    /// Whatever is wrong, the chain afterwards stands where the page says, so that what follows is
    /// judged by itself.
    pub(super) fn follow(
        &mut self,
        reader: &Reader<'_>,
        entry: &ManifestEntry,
        seen: &mut dyn FnMut(Link),
    ) -> Result<(), Broken> {
        let project = entry.project;
        let start = Link {
            uid: entry.uid,
            offset: Offset(0),
            hash: chain::genesis(entry.uid),
        };
        let before = self.links.get(&project).copied().unwrap_or(start);
        let end = Link {
            uid: before.uid,
            offset: entry.last,
            hash: entry.head,
        };
        self.links.insert(project, end);
        let reached = walk(reader, entry, before, seen)?;
        let broken = |reason: &str| Broken {
            project,
            offset: entry.last,
            reason: reason.to_owned(),
        };
        if reached.offset != entry.last {
            return Err(Broken {
                offset: reached.offset.next(),
                ..broken("the contents page names it, and it is missing")
            });
        }
        if reached.hash != entry.head {
            return Err(broken("it has another hash than its contents page says"));
        }
        Ok(())
    }
}

fn walk(
    reader: &Reader<'_>,
    entry: &ManifestEntry,
    before: Link,
    seen: &mut dyn FnMut(Link),
) -> Result<Link, Broken> {
    let project = entry.project;
    let broken = |offset: Offset, reason: &str| Broken {
        project,
        offset,
        reason: reason.to_owned(),
    };
    if entry.first != before.offset.next() {
        let reason = format!(
            "expected the next event, found a contents page from {}",
            entry.first
        );
        return Err(broken(before.offset.next(), &reason));
    }
    let mut link = before;
    let count = entry.last.0.saturating_sub(before.offset.0);
    let records = reader.records(project, entry.first);
    for record in records.take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let record = record.map_err(|failure| of(project, entry.first, failure))?;
        let envelope = &record.envelope;
        let offset = envelope.offset;
        if envelope.uid != before.uid {
            return Err(broken(offset, "it belongs to another project"));
        }
        if envelope.previous != link.hash {
            return Err(broken(
                offset,
                "it does not follow from the event before it: one of both was changed",
            ));
        }
        link = Link {
            uid: link.uid,
            offset,
            hash: chain::link(envelope),
        };
        check_payload(reader, record)?;
        seen(link);
    }
    Ok(link)
}

fn check_payload(reader: &Reader<'_>, record: SealedRecord) -> Result<(), Broken> {
    let (project, offset) = (record.envelope.project, record.envelope.offset);
    let opened = reader.open(record);
    opened
        .map(drop)
        .map_err(|failure| of(project, offset, failure))
}

fn of(project: ProjectNumber, offset: Offset, failure: ReadFailure) -> Broken {
    match failure {
        ReadFailure::Damaged {
            project,
            offset,
            reason,
        } => Broken {
            project,
            offset,
            reason,
        },
        ReadFailure::KeyMissing { ref envelope } => Broken {
            project: envelope.project,
            offset: envelope.offset,
            reason: failure.to_string(),
        },
        ReadFailure::Engine { reason } => Broken {
            project,
            offset,
            reason,
        },
    }
}
