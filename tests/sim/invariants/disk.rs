//! The log in itself: numbers without gaps, links that hold.

use std::collections::BTreeMap;

use everlog_domain::envelope::Stream;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, Position, ProjectNumber};
use everlog_domain::log::chain;
use everlog_domain::time::Time;
use everlog_kit::Disk;

use crate::sim::ledger::{Ledger, invariant};

pub(super) fn check(disk: &Disk, ledger: &mut Ledger) {
    for project in disk.projects() {
        numbers(disk, project, ledger);
        links(disk, project, ledger);
    }
    pages(disk, ledger);
}

fn numbers(disk: &Disk, project: ProjectNumber, ledger: &mut Ledger) {
    let mut positions: BTreeMap<(Stream, Offset), Position> = BTreeMap::new();
    let mut newest_lives: BTreeMap<Stream, Offset> = BTreeMap::new();
    let mut time = Time(0);
    for (number, record) in (1..).zip(disk.records(project)) {
        let envelope = &record.envelope;
        let life = (envelope.stream.clone(), envelope.incarnation);
        let position = positions.entry(life).or_default();
        *position = position.next();
        let newest = newest_lives.entry(envelope.stream.clone()).or_default();
        let begins = envelope.kind.creates_stream();
        let lives = if begins {
            envelope.incarnation == envelope.offset
        } else {
            envelope.incarnation == *newest || *newest == Offset(0)
        };
        *newest = envelope.incarnation;
        let sound = envelope.offset == Offset(number)
            && envelope.position == *position
            && lives
            && (!begins || *position == Position(1))
            && envelope.time >= time;
        time = envelope.time;
        if !sound {
            let detail = format!(
                "project {project}: expected offset {number}, position {position}, newest life \
                 {newest}; found {envelope:?}"
            );
            ledger.broke(invariant::NO_GAP_NO_DUPLICATE_IN_OFFSETS, detail);
        }
    }
}

fn links(disk: &Disk, project: ProjectNumber, ledger: &mut Ledger) {
    let mut previous = None;
    for record in disk.records(project) {
        let envelope = &record.envelope;
        let expected = previous.unwrap_or_else(|| chain::genesis(envelope.uid));
        let sound = envelope.previous == expected
            && envelope.payload_hash == Hash::of_bytes(&record.sealed.bytes)
            && record.hash == chain::link(envelope);
        if !sound {
            let detail = format!("project {project}, offset {}", envelope.offset);
            ledger.broke(invariant::CHAIN_LINKS, detail);
        }
        previous = Some(record.hash);
    }
}

fn pages(disk: &Disk, ledger: &mut Ledger) {
    let mut ends: BTreeMap<ProjectNumber, Offset> = BTreeMap::new();
    for (number, page) in (1..).zip(disk.manifests()) {
        if page.commit != CommitNumber(number) {
            let detail = format!("expected commit {number}, found {}", page.commit);
            ledger.broke(invariant::NO_GAP_NO_DUPLICATE_IN_OFFSETS, detail);
        }
        for entry in &page.entries {
            let end = ends.entry(entry.project).or_default();
            if entry.first != end.next() || entry.last < entry.first {
                let detail = format!("commit {number}: after {end} comes {entry:?}");
                ledger.broke(invariant::NO_GAP_NO_DUPLICATE_IN_OFFSETS, detail);
            }
            *end = entry.last;
            let last = usize::try_from(entry.last.0 - 1).unwrap_or(usize::MAX);
            let head = disk.records(entry.project).get(last).map(|r| r.hash);
            if head != Some(entry.head) {
                let detail = format!("commit {number}: the head of {entry:?} is {head:?}");
                ledger.broke(invariant::CHAIN_LINKS, detail);
            }
        }
    }
    for (project, end) in ends {
        let records = disk.records(project).len() as u64;
        if end.0 != records {
            let detail = format!("project {project}: pages end at {end}, records at {records}");
            ledger.broke(invariant::NO_GAP_NO_DUPLICATE_IN_OFFSETS, detail);
        }
    }
}
