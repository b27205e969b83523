//! Permits before mailboxes: ractor's mailboxes have no bound, so what may enter them has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::options::NodeOptions;
use crate::request::Refused;

/// Bytes are counted in blocks of this size, since a semaphore counts up to 2^32.
const BLOCK: usize = 1024;
/// Projects remembered before those without writes under way are forgotten.
const REMEMBERED: usize = 10_000;

/// Hands out permits. Full is an answer, never a wait. One project gets half of each at most.
#[derive(Debug)]
pub(crate) struct Admission {
    all: Arc<Room>,
    of_a_project: RoomSize,
    projects: Mutex<HashMap<ProjectNumber, Arc<Room>>>,
}

#[derive(Debug, Clone, Copy)]
struct RoomSize {
    writes: usize,
    blocks: usize,
}

/// What is left, in the process or in a project.
#[derive(Debug)]
struct Room {
    writes: Arc<Semaphore>,
    blocks: Arc<Semaphore>,
}

impl Room {
    fn new(size: RoomSize) -> Arc<Self> {
        Arc::new(Self {
            writes: Arc::new(Semaphore::new(size.writes)),
            blocks: Arc::new(Semaphore::new(size.blocks)),
        })
    }

    fn is_empty(&self, size: RoomSize) -> bool {
        self.writes.available_permits() == size.writes
            && self.blocks.available_permits() == size.blocks
    }
}

/// The right to have one write under way. Kept until it is answered.
#[derive(Debug)]
pub(crate) struct Permit {
    rooms: [Arc<Room>; 2],
    _writes: [OwnedSemaphorePermit; 2],
    blocks: [OwnedSemaphorePermit; 2],
}

impl Permit {
    fn of(rooms: [Arc<Room>; 2], bytes: usize) -> Result<Self, TryAcquireError> {
        let write = |room: &Arc<Room>| Arc::clone(&room.writes).try_acquire_owned();
        Ok(Self {
            _writes: [write(&rooms[0])?, write(&rooms[1])?],
            blocks: blocks(&rooms, bytes)?,
            rooms,
        })
    }

    /// Takes so many bytes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        let [own, all] = blocks(&self.rooms, bytes).map_err(turned_away)?;
        let [own_held, all_held] = &mut self.blocks;
        own_held.merge(own);
        all_held.merge(all);
        Ok(())
    }
}

fn blocks(
    rooms: &[Arc<Room>; 2],
    bytes: usize,
) -> Result<[OwnedSemaphorePermit; 2], TryAcquireError> {
    let blocks = u32::try_from(bytes / BLOCK + 1).unwrap_or(u32::MAX);
    let take = |room: &Arc<Room>| Arc::clone(&room.blocks).try_acquire_many_owned(blocks);
    Ok([take(&rooms[0])?, take(&rooms[1])?])
}

fn turned_away(_: TryAcquireError) -> Refused {
    metrics::counter!("everlog_writes_turned_away_total").increment(1);
    Refused::Busy {
        retry_after: Duration::from_secs(1),
    }
}

impl Admission {
    pub(crate) fn new(options: &NodeOptions) -> Self {
        let blocks = options.write_bytes / BLOCK;
        Self {
            all: Room::new(RoomSize {
                writes: options.writes,
                blocks,
            }),
            of_a_project: RoomSize {
                writes: options.writes_per_project,
                blocks: blocks / 2,
            },
            projects: Mutex::new(HashMap::new()),
        }
    }

    /// A permit for a write of about so many bytes.
    pub(crate) fn permit(&self, project: ProjectNumber, bytes: usize) -> Result<Permit, Refused> {
        let rooms = [self.project(project), Arc::clone(&self.all)];
        Permit::of(rooms, bytes).map_err(turned_away)
    }

    fn project(&self, project: ProjectNumber) -> Arc<Room> {
        let mut projects = self.projects.lock();
        if projects.len() > REMEMBERED {
            projects.retain(|_, room| !room.is_empty(self.of_a_project));
        }
        let fresh = || Room::new(self.of_a_project);
        Arc::clone(projects.entry(project).or_insert_with(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::ids::ProjectUid;

    const BUSY: ProjectNumber = ProjectNumber(2);
    const QUIET: ProjectNumber = ProjectNumber(3);

    fn admission() -> Admission {
        Admission::new(&NodeOptions {
            writes: 8,
            writes_per_project: 4,
            write_bytes: 64 * BLOCK,
            ..NodeOptions::new(ProjectUid([1; 16]))
        })
    }

    #[test]
    fn one_project_leaves_room_for_others_in_number_and_in_bytes() {
        let admission = admission();
        let held: Vec<Permit> = (0..4).map(|_| admission.permit(BUSY, 1).unwrap()).collect();
        assert!(admission.permit(BUSY, 1).is_err());
        assert!(admission.permit(QUIET, 1).is_ok());
        drop(held);
        let held = admission.permit(BUSY, 31 * BLOCK).unwrap();
        assert!(admission.permit(BUSY, 1).is_err());
        assert!(admission.permit(QUIET, 20 * BLOCK).is_ok());
        drop(held);
        assert!(admission.permit(BUSY, 1).is_ok());
    }

    #[test]
    fn what_a_permit_grows_by_is_counted_and_given_back() {
        let admission = admission();
        let mut permit = admission.permit(BUSY, 1).unwrap();
        assert!(permit.grow(64 * BLOCK).is_err());
        permit.grow(30 * BLOCK - 1).unwrap();
        assert!(admission.permit(BUSY, BLOCK).is_err());
        drop(permit);
        assert!(admission.permit(BUSY, 31 * BLOCK - 1).is_ok());
    }
}
