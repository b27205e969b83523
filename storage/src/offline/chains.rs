//! Follows the chains of all projects at once, batch by batch, as the contents pages lead.

use std::collections::HashMap;

use everlog_domain::envelope::Envelope;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{ManifestEntry, chain};
use everlog_domain::ports::ReadFailure;

use crate::log::{Reader, SealedRecord};

/// How far a project's chain has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) uid: ProjectUid,
    pub(crate) offset: Offset,
    pub(crate) hash: Hash,
}

impl Link {
    /// Before a project's first event.
    pub(crate) fn genesis(uid: ProjectUid) -> Self {
        Self {
            uid,
            offset: Offset(0),
            hash: chain::genesis(uid),
        }
    }

    /// The link after this one, if the event follows from it.
    pub(crate) fn next(self, envelope: &Envelope) -> Result<Self, Broken> {
        let broken = |reason: &str| Broken {
            project: envelope.project,
            offset: envelope.offset,
            reason: reason.to_owned(),
        };
        if envelope.uid != self.uid {
            return Err(broken("it belongs to another project"));
        }
        if envelope.previous != self.hash {
            return Err(broken(
                "it does not follow from the event before it: one of both was changed",
            ));
        }
        Ok(Self {
            uid: self.uid,
            offset: envelope.offset,
            hash: chain::link(envelope),
        })
    }
}

/// Every project's chain, from its genesis.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    links: HashMap<ProjectNumber, Link>,
}

/// Where a chain does not go on as a contents page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) project: ProjectNumber,
    pub(crate) offset: Offset,
    pub(crate) reason: String,
}

impl Chains {
    /// Chains that were followed up to here by somebody else.
    pub(crate) fn at(links: impl IntoIterator<Item = (ProjectNumber, Link)>) -> Self {
        Self {
            links: links.into_iter().collect(),
        }
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = (ProjectNumber, Link)> {
        self.links.iter().map(|(project, link)| (*project, *link))
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn get(&self, project: ProjectNumber) -> Option<Link> {
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
        let records = reader.records(entry.project, entry.first);
        let open = &mut |record: SealedRecord| record.open(reader.keys()).map(drop);
        self.follow_records(records, entry, open, seen)
    }

    /// The same over records that were read elsewhere. `open` looks at each payload.
    pub(crate) fn follow_records(
        &mut self,
        records: impl Iterator<Item = Result<SealedRecord, ReadFailure>>,
        entry: &ManifestEntry,
        open: &mut dyn FnMut(SealedRecord) -> Result<(), ReadFailure>,
        seen: &mut dyn FnMut(Link),
    ) -> Result<(), Broken> {
        let project = entry.project;
        let before = self.links.get(&project).copied();
        let before = before.unwrap_or_else(|| Link::genesis(entry.uid));
        let end = Link {
            uid: before.uid,
            offset: entry.last,
            hash: entry.head,
        };
        self.links.insert(project, end);
        let reached = walk(records, entry, before, open, seen)?;
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
    records: impl Iterator<Item = Result<SealedRecord, ReadFailure>>,
    entry: &ManifestEntry,
    before: Link,
    open: &mut dyn FnMut(SealedRecord) -> Result<(), ReadFailure>,
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
    for record in records.take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let record = record.map_err(|failure| Broken::of(project, entry.first, failure))?;
        link = link.next(&record.envelope)?;
        let offset = link.offset;
        open(record).map_err(|failure| Broken::of(project, offset, failure))?;
        seen(link);
    }
    Ok(link)
}

impl Broken {
    /// What a failure to read says, at this place where it names none.
    pub(crate) fn of(project: ProjectNumber, offset: Offset, failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Damaged {
                project,
                offset,
                reason,
            } => Self {
                project,
                offset,
                reason,
            },
            ReadFailure::KeyMissing { ref envelope } => Self {
                project: envelope.project,
                offset: envelope.offset,
                reason: failure.to_string(),
            },
            ReadFailure::Engine { reason } => Self {
                project,
                offset,
                reason,
            },
        }
    }
}
