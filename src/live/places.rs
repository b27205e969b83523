//! How many connections that stay there may be, of a sort.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::projects::Quota;
use parking_lot::Mutex;

use crate::error::{ApiError, ErrorType};

/// Most live sockets of the process. Each takes a file descriptor, too.
const SOCKETS: usize = 32_768;
/// Most live sockets of one project, so that none takes the places of all.
const PER_PROJECT: usize = 16_384;

/// Gives out places for connections of one sort.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    all: usize,
    projects: HashMap<ProjectNumber, usize>,
    most: usize,
    most_of_one: usize,
    /// What they are, for people.
    what: &'static str,
    /// Counts them.
    gauge: &'static str,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    project: ProjectNumber,
}

impl Places {
    /// So many places, and so many of them for one project. `what` names those who take them, and
    /// `gauge` counts them.
    pub(crate) fn new(
        most: usize,
        most_of_one: usize,
        what: &'static str,
        gauge: &'static str,
    ) -> Self {
        Self(Arc::new(Mutex::new(Taken {
            all: 0,
            projects: HashMap::new(),
            most,
            most_of_one,
            what,
            gauge,
        })))
    }

    /// Those of live sockets, and of threads that are watched as server-sent events.
    pub(super) fn of_sockets() -> Self {
        Self::new(SOCKETS, PER_PROJECT, "live sockets", "everlog_live_sockets")
    }

    /// A place, or the refusal if all are taken, or all that the project may have by its quota.
    pub(crate) fn take(
        &self,
        project: ProjectNumber,
        quota: Option<u32>,
    ) -> Result<Place, ApiError> {
        let mut taken = self.0.lock();
        if taken.all >= taken.most {
            return Err(taken.refusal());
        }
        taken.enter(project, quota)?;
        taken.all += 1;
        metrics::gauge!(taken.gauge).increment(1.0);
        Ok(Place {
            places: self.clone(),
            project,
        })
    }
}

impl Taken {
    fn refusal(&self) -> ApiError {
        let message = format!("too many {} are open", self.what);
        let error = ApiError::new(ErrorType::ServerBusy, message);
        error.retry_after(Duration::from_secs(10))
    }

    fn enter(&mut self, project: ProjectNumber, quota: Option<u32>) -> Result<(), ApiError> {
        let own = self.projects.get(&project).copied().unwrap_or(0);
        let most = quota.and_then(|quota| usize::try_from(quota).ok());
        if let Some(most) = most.filter(|most| own >= *most) {
            return Err(over_quota(most));
        }
        if own >= self.most_of_one {
            return Err(self.refusal());
        }
        self.projects.insert(project, own + 1);
        Ok(())
    }

    fn leave(&mut self, project: ProjectNumber) {
        if let Some(own) = self.projects.get_mut(&project) {
            *own -= 1;
            if *own == 0 {
                self.projects.remove(&project);
            }
        }
    }
}

fn over_quota(most: usize) -> ApiError {
    let name = Quota::Connections.name();
    let message = format!("the project's quota {name} of {most} is used up");
    let error = ApiError::new(ErrorType::QuotaExceeded, message);
    error.retry_after(Duration::from_secs(10))
}

impl Place {
    /// Moves to another project, or stays if all of its places are taken.
    pub(super) fn move_to(
        &mut self,
        project: ProjectNumber,
        quota: Option<u32>,
    ) -> Result<(), ApiError> {
        if project == self.project {
            return Ok(());
        }
        let mut taken = self.places.0.lock();
        taken.enter(project, quota)?;
        taken.leave(self.project);
        self.project = project;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        taken.all -= 1;
        taken.leave(self.project);
        metrics::gauge!(taken.gauge).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let places = Places::of_sockets();
        let mut held: Vec<Place> = (0..PER_PROJECT)
            .filter_map(|_| places.take(ProjectNumber(2), None).ok())
            .collect();
        assert_eq!(held.len(), PER_PROJECT);
        assert!(places.take(ProjectNumber(2), None).is_err());
        assert!(places.take(ProjectNumber(3), None).is_ok());
        held.pop();
        assert!(places.take(ProjectNumber(2), None).is_ok());
    }

    #[test]
    fn a_quota_bounds_its_own_project() {
        let places = Places::of_sockets();
        let held: Vec<Place> = (0..9)
            .filter_map(|_| places.take(ProjectNumber(2), Some(3)).ok())
            .collect();
        assert_eq!(held.len(), 3);
        let mut other = places.take(ProjectNumber(3), None).unwrap();
        assert!(other.move_to(ProjectNumber(2), Some(3)).is_err());
        assert!(other.move_to(ProjectNumber(2), Some(4)).is_ok());
        assert!(places.take(ProjectNumber(4), Some(0)).is_err());
    }

    #[test]
    fn who_moves_to_another_project_takes_a_place_there() {
        let places = Places::of_sockets();
        let mut moved: Vec<Place> = (0..=PER_PROJECT)
            .map(|number| ProjectNumber(3 + number as u64 % 2))
            .map(|project| places.take(project, None).unwrap())
            .collect();
        let refused: Vec<usize> = moved
            .iter_mut()
            .enumerate()
            .filter_map(|(number, place)| {
                place
                    .move_to(ProjectNumber(2), None)
                    .is_err()
                    .then_some(number)
            })
            .collect();
        assert_eq!(refused, [PER_PROJECT]);
        assert!(places.take(ProjectNumber(2), None).is_err());
        drop(moved);
        let taken = places.0.lock();
        assert!(taken.all == 0 && taken.projects.is_empty());
    }
}
