//! Permits before mailboxes: ractor's mailboxes have no bound, so what may enter them has.

use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;

use crate::options::NodeOptions;
use crate::request::Refused;
use crate::shares::Shares;

/// Hands out permits. Full is an answer, never a wait. Projects share the room, so that however
/// many are busy, a quiet one gets a permit.
#[derive(Debug)]
pub(crate) struct Admission(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    writes: Shares,
    bytes: Shares,
}

/// The right to have one write under way. Kept until it is answered.
#[derive(Debug)]
pub(crate) struct Permit {
    room: Arc<Mutex<Room>>,
    project: ProjectNumber,
    bytes: usize,
}

impl Permit {
    /// Takes so many bytes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        if !self.room.lock().bytes.take(self.project, bytes) {
            return Err(turned_away());
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut room = self.room.lock();
        room.writes.give_back(self.project, 1);
        room.bytes.give_back(self.project, self.bytes);
    }
}

fn turned_away() -> Refused {
    metrics::counter!("everlog_writes_turned_away_total").increment(1);
    Refused::Busy {
        retry_after: Duration::from_secs(1),
    }
}

impl Admission {
    pub(crate) fn new(options: &NodeOptions) -> Self {
        Self(Arc::new(Mutex::new(Room {
            writes: Shares::new(options.writes),
            bytes: Shares::new(options.write_bytes),
        })))
    }

    /// A permit for a write of about so many bytes.
    pub(crate) fn permit(&self, project: ProjectNumber, bytes: usize) -> Result<Permit, Refused> {
        let mut room = self.0.lock();
        if !room.writes.take(project, 1) {
            return Err(turned_away());
        }
        if !room.bytes.take(project, bytes) {
            room.writes.give_back(project, 1);
            return Err(turned_away());
        }
        Ok(Permit {
            room: Arc::clone(&self.0),
            project,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::ids::ProjectUid;

    const BUSY: ProjectNumber = ProjectNumber(2);
    const BUSY_TOO: ProjectNumber = ProjectNumber(3);
    const QUIET: ProjectNumber = ProjectNumber(4);

    fn admission() -> Admission {
        Admission::new(&NodeOptions {
            writes: 16,
            write_bytes: 64 * 1024,
            ..NodeOptions::new(ProjectUid([1; 16]))
        })
    }

    fn take_all(admission: &Admission, project: ProjectNumber, bytes: usize) -> Vec<Permit> {
        std::iter::from_fn(|| admission.permit(project, bytes).ok()).collect()
    }

    #[test]
    fn busy_projects_leave_permits_for_others() {
        let admission = admission();
        let first = take_all(&admission, BUSY, 1);
        let second = take_all(&admission, BUSY_TOO, 1);
        assert_eq!((first.len(), second.len()), (8, 4));
        assert!(admission.permit(QUIET, 1).is_ok());
        drop((first, second));
        assert_eq!(take_all(&admission, QUIET, 1).len(), 8);
    }

    #[test]
    fn busy_projects_leave_bytes_for_others() {
        let admission = admission();
        let first = admission.permit(BUSY, 32 * 1024).unwrap();
        assert!(admission.permit(BUSY, 1).is_err());
        let second = admission.permit(BUSY_TOO, 16 * 1024).unwrap();
        assert!(admission.permit(BUSY_TOO, 1).is_err());
        assert!(admission.permit(QUIET, 8 * 1024).is_ok());
        drop((first, second));
        assert_eq!(take_all(&admission, BUSY, 4 * 1024).len(), 8);
    }

    #[test]
    fn what_a_permit_grows_by_is_counted_and_given_back() {
        let admission = admission();
        let mut permit = admission.permit(BUSY, 1024).unwrap();
        assert!(permit.grow(64 * 1024).is_err());
        permit.grow(31 * 1024).unwrap();
        assert!(admission.permit(BUSY, 1).is_err());
        drop(permit);
        assert!(admission.permit(BUSY, 32 * 1024).is_ok());
    }
}
