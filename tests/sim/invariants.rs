//! The promises, checked at each answer and on what every life of the process leaves.

mod answers;
mod disk;
mod projection;

use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log as _, Rows as _};

use super::ledger::{Answer, Ledger, SharedLedger, invariant};
use super::machine::{Machine, Remains};
use super::model::World;

/// At the moment of an answer: what it acknowledges is durable, and the rows show it.
pub(super) fn check_answer(
    ledger: &SharedLedger,
    machine: &Machine,
    number: usize,
    answer: &Answer,
) {
    let Ok(granted) = &answer.result else { return };
    let view = machine.rows.view();
    for recorded in &granted.events {
        let envelope = &recorded.envelope;
        let found = machine.log.read(envelope.project, envelope.offset, 1);
        let is_there = found.as_deref().is_ok_and(|found| match found {
            // What has expired since is told without what it said.
            [there] if matches!(recorded.event, Event::Withheld(_)) => {
                let granted = answer.result.as_ref();
                there.envelope == recorded.envelope && granted.is_ok_and(|granted| granted.repeated)
            }
            there => there == std::slice::from_ref(recorded.as_ref()),
        });
        if !is_there {
            let detail = format!("#{number} was granted {recorded:?}, the log has {found:?}");
            let mut ledger = ledger.lock();
            ledger.broke(invariant::ACKNOWLEDGED_IS_DURABLE, detail);
        }
        let head = view.project_head(envelope.project).ok().flatten();
        if head.is_none_or(|head| head.offset < envelope.offset) {
            let detail = format!("#{number} was granted at {}, the rows lag", envelope.offset);
            let mut ledger = ledger.lock();
            ledger.broke(invariant::WRITER_READS_ITS_WRITE, detail);
        }
    }
}

/// A project's events with the model's worlds: `worlds[n]` is the world after offset `n`.
struct History {
    project: ProjectNumber,
    events: Vec<Recorded>,
    worlds: Vec<World>,
}

/// What a life left: the log in itself, the log against the ledger, the rows against the log.
pub(super) fn check_disk(remains: &Remains, ledger: &SharedLedger) {
    let mut ledger = ledger.lock();
    disk::check(&remains.disk, &mut ledger);
    if !ledger.breaches.is_empty() {
        return; // what follows reads the log
    }
    let histories: Vec<History> = remains
        .disk
        .projects()
        .map(|project| history(remains, project, &mut ledger))
        .collect();
    answers::check(&histories, &mut ledger);
    projection::check(remains, &histories, &mut ledger);
}

fn history(remains: &Remains, project: ProjectNumber, ledger: &mut Ledger) -> History {
    let mut history = History {
        project,
        events: Vec::new(),
        worlds: vec![World::default()],
    };
    for record in remains.disk.records(project) {
        let recorded = match record.decode() {
            Ok(recorded) => recorded,
            Err(failure) => {
                ledger.broke(invariant::ACKNOWLEDGED_IS_DURABLE, failure.to_string());
                break;
            }
        };
        let mut world = history.worlds.last().cloned().unwrap_or_default();
        let id = &recorded.envelope.stream.id;
        if let Err(reason) = world.apply(id, &recorded) {
            let detail = format!("project {project}, {recorded:?}: {reason}");
            ledger.broke(invariant::ANSWERS_AGREE_WITH_MODEL, detail);
        }
        history.worlds.push(world);
        history.events.push(recorded);
    }
    history
}

impl History {
    fn at(&self, offset: Offset) -> Option<&World> {
        self.worlds.get(usize::try_from(offset.0).ok()?)
    }
}
